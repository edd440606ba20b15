// What is wrong with a text: which code, where, all in one run, and the fix that puts it right.
#include <catch2/catch.hpp>

#include "tests/unit/grammar/parsed.h"

using namespace weir;

namespace {

struct Fault {
    const char* text;
    const char* code;
    const char* where;  // the text that the span covers
};

constexpr Fault kFaults[] = {
    {"rule r { when tcp then }", "E101", "}"},
    {"rule r { then drop }", "E101", "then"},
    {"rule r { when then drop }", "E101", "then"},
    {"rule { when tcp then drop }", "E101", "{"},
    {"rule r when tcp then drop }", "E101", "when"},
    {"ruel r { when tcp then drop }", "E101", "ruel"},
    {"rule r { when tcp.dport = 22 then drop }", "E104", "="},
    {"rule r { when tcp && udp then drop }", "E104", "&&"},
    {"rule r { when tcp || udp then drop }", "E104", "||"},
    {"rule r { when !tcp then drop }", "E104", "!"},
    {"let Web = 80", "E105", "Web"},
    {"let 9web = 80", "E105", "9web"},
    {"let drop = 80", "E101", "drop"},
    {"let a = \"\\q\"", "E103", "\\q"},
    {"let a = \"abc", "E102", ""},
    {"let a = \"abc\nlet b = 1", "E102", "\n"},
    {"let a = hex\"0g\"", "E107", "g"},
    {"let a = hex\"012\"", "E107", "hex\"012\""},
    {"set s : ip size 1 size 2", "E108", "size 2"},
    {"alert a { severity low severity high }", "E108", "severity high"},
    {"test \"t\" { tcp 1.2.3.4 -> 1.2.3.5 => drop, pass }", "E108", "pass"},
    {"set s : ip size 10s", "E109", "10s"},
    {"alert a { severity urgent }", "E109", "urgent"},
    {"rule r { when tcp then alert a sample 2/3 }", "E109", "2/3"},
    {"rule r { when payload[2] == 1 then drop }", "E109", "2"},
    {"rule r { when tcp.dport > 5 burst 3 then drop }", "E109", "burst 3"},
    {"rule r { when len(a, in 5s) > 5 then drop }", "E109", "in 5s"},
    {"test \"t\" { tcp 1.2.3.4:x -> 1.2.3.5 => drop }", "E109", "x"},
    {"test \"t\" { tcp 1.2.3 -> 1.2.3.5 => drop }", "E109", "1.2.3"},
    {"test \"t\" { tcp 1.2.3.4 -> 1.2.3.5 5 => drop }", "E109", "5"},
    {"test \"t\" { tcp 1.2.3.4:5 {1..3} -> 1.2.3.5 => drop }", "E109", "{1..3}"},
    {"test \"t\" { tcp 1.2.3.4 {1..3} -> 1.2.3.5 => drop }", "E109", "{1..3}"},
    {"let a = 1\npolicy p", "E110", "policy p"},
    {"policy p\npolicy q", "E110", "policy q"},
    {"let a = 10.0.0.1/8", "E303", "10.0.0.1/8"},
    {"let a = 5..4", "E304", "5..4"},
    {"let a = 10.0.0.9..10.0.0.1", "E304", "10.0.0.9..10.0.0.1"},
    {"let a = 10.0.0.0/33", "E305", "10.0.0.0/33"},
    {"let a = 10.0.0.1..fd00::1", "E306", "10.0.0.1..fd00::1"},
    {"let a = 5..x", "E306", "5..x"},
    {"let a = 10/fortnight", "E301", "10/fortnight"},
    {"let a = 10.0.0", "E301", "10.0.0"},
    {"let a = 18446744073709551616", "E302", "18446744073709551616"},
};

}  // namespace

TEST_CASE("each fault has its code, on the narrowest wrong thing") {
    for (const Fault& fault : kFaults) {
        INFO(fault.text);
        const Parsed parsed(fault.text);
        REQUIRE(parsed.codes() == fault.code);
        CHECK(parsed.text(parsed.diagnostics.all()[0].span) == fault.where);
    }
}

TEST_CASE("a fix puts it right") {
    const std::pair<const char*, const char*> kFixes[] = {
        {"rule r { when tcp && udp then drop }", "rule r { when tcp and udp then drop }"},
        {"rule r { when tcp||udp then drop }", "rule r { when tcp or udp then drop }"},
        {"rule r { when tcp&&udp then drop }", "rule r { when tcp and udp then drop }"},
        {"rule r { when tcp.dport = 22 then drop }", "rule r { when tcp.dport == 22 then drop }"},
        {"rule r { when !tcp then drop }", "rule r { when not tcp then drop }"},
        {"rule r { when ! tcp then drop }", "rule r { when not tcp then drop }"},
        {"let a = 10.1.2.3/8", "let a = 10.0.0.0/8"},
        {"let a = 2001:db8::1/32", "let a = 2001:db8::/32"},
        {"let a = 9..1", "let a = 1..9"},
    };
    for (const auto& [wrong, right] : kFixes) {
        INFO(wrong);
        const std::string text = fixed(Parsed(wrong));
        const Parsed again(text);
        CHECK(again.codes() == "");
        CHECK(again.formatted() == Parsed(right).formatted());
    }
}

TEST_CASE("all errors of a text in one run: the parser goes on at the next item") {
    const Parsed parsed(
        "rule a { when tcp then }\n"
        "rule b { when udp then drop }\n"
        "rule c { when tcp.dport = 22\n    then drop }\n"
        "let x = 10.0.0.1/8\n"
        "    let y = 5..1\n"
        "rule d { when (tcp then drop }\n"
        "test \"t\" {\n    tcp 1.2.3.4 => drop\n}\n"
        "rule e { when icmp then pass }\n");
    CHECK(parsed.codes() == "E101 E104 E303 E304 E101 E101");
    std::vector<std::string> rules;
    for (const ast::Item& item : parsed.policy.items)
        if (const auto* rule = std::get_if<ast::Rule>(&item)) rules.push_back(rule->name.text);
    CHECK(rules == std::vector<std::string>{"b", "e"});
}

TEST_CASE("recovery takes no keyword in the middle of a line or of a block for an item") {
    CHECK(Parsed("rule a { when = then alert x }\nrule b { when tcp then drop }").codes() == "E101");
    CHECK(Parsed("alert a {\n  sevrity low\n  to x\n}\nrule b { when tcp then drop }").codes() == "E101");
    CHECK(Parsed("rule a {\n  wen tcp\n  then\n  alert x\n}\nrule b { when ( then drop }").codes() == "E101 E101");
}

TEST_CASE("limits") {
    const auto nested = [](std::size_t deep) {
        return "rule r { when " + std::string(deep, '(') + "tcp" + std::string(deep, ')') + " then drop }\n";
    };
    CHECK(Parsed(nested(kMaxNesting - 1)).codes() == "");
    CHECK(Parsed(nested(kMaxNesting)).codes() == "E501");
    CHECK(Parsed(nested(kMaxNesting) + nested(2) + nested(kMaxNesting)).codes() == "E501 E501");
    std::string nots = "rule r { when ";
    for (std::size_t i = 0; i < kMaxNesting + 1; ++i) nots += "not ";
    CHECK(Parsed(nots + "tcp then drop }").codes() == "E501");

    const std::string longest(kMaxNameBytes, 'a');
    CHECK(Parsed("let " + longest + " = 1").codes() == "");
    CHECK(Parsed("let " + longest + "a = 1").codes() == "E504");

    const auto set = [](std::size_t elements) {
        std::string text = "let s = { 0";
        for (std::size_t i = 1; i < elements; ++i) text += "," + std::to_string(i);
        return text + " }";
    };
    CHECK(Parsed(set(kMaxSetElements)).codes() == "");
    CHECK(Parsed(set(kMaxSetElements + 1)).codes() == "E503");
    // Small enough each, too many together.
    std::string sets;
    for (std::size_t i = 0; i <= kMaxValues / kMaxSetElements; ++i) {
        sets += "let s" + std::to_string(i) + " = { 1";
        for (std::size_t element = 1; element < kMaxSetElements; ++element) sets += ",1";
        sets += " }\n";
    }
    CHECK(Parsed(sets).codes() == "E503");
    std::string rules;  // each is a field, a number and a comparison; the rule after the limit is not read
    for (std::size_t i = 0; i <= kMaxValues / 300; ++i) {
        rules += "rule r" + std::to_string(i) + " { when ip.id==1";
        for (int more = 1; more < 100; ++more) rules += " or ip.id==1";
        rules += " then drop }\n";
    }
    CHECK(Parsed(rules + "rule").codes() == "E502");

    CHECK(Parsed(std::string(kMaxFileBytes, ' ')).codes() == "");
    CHECK(Parsed(std::string(kMaxFileBytes + 1, ' ')).codes() == "E502");
}

TEST_CASE("text that is no text") {
    CHECK(Parsed(std::string("rule r\0 { }", 11)).codes() == "E106");
    CHECK(Parsed("# \xff\n").codes() == "E106");
    CHECK(Parsed("# \xc0\x80\n").codes() == "E106");      // overlong
    CHECK(Parsed("# \xed\xa0\x80\n").codes() == "E106");  // a surrogate
    CHECK(Parsed("# \xf4\x90\x80\x80\n").codes() == "E106");
    CHECK(Parsed("# \xe2\x82").codes() == "E106");
    CHECK(Parsed("# \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n").codes() == "");
    CHECK(Parsed("").codes() == "");
}
