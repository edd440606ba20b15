// The canonical layout: what it looks like, that it changes nothing but space, and that it is its own layout.
#include <catch2/catch.hpp>

#include "grammar/base/seeded.h"
#include "tests/unit/grammar/parsed.h"
#include "tests/unit/grammar/policies.h"

using namespace weir;

namespace {

// The text without the space outside of strings and comments, and each comment without space at its end.
std::string essence(const std::string& text) {
    std::string all;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (text[at] == '"') {
            while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
            ++end;
            all += text.substr(at, end - at);
        } else if (text[at] == '#') {
            end = std::min(text.find('\n', at), text.size());
            const std::string comment = text.substr(at, end - at);
            all += comment.substr(0, comment.find_last_not_of(" \t\r\v\f") + 1) + "\n";
        } else if (std::string_view(" \t\r\n\v\f").find(text[at]) == std::string_view::npos) {
            all += text[at];
        }
        at = end;
    }
    return all;
}

void check_layout(const std::string& text) {
    INFO(text);
    const Parsed before(text);
    REQUIRE(before.codes() == "");
    const std::string formatted = before.formatted();
    INFO(formatted);
    const Parsed after(formatted);
    REQUIRE(after.codes() == "");
    CHECK(after.formatted() == formatted);
    CHECK(after.shape() == before.shape());
    CHECK(after.comments() == before.comments());
    CHECK(essence(formatted) == essence(text));
    CHECK(formatted.find('\r') == std::string::npos);
    CHECK(formatted.find("\n\n\n") == std::string::npos);
    CHECK(formatted.find(" \n") == std::string::npos);
    CHECK((formatted.empty() || (formatted.back() == '\n' && formatted.front() != '\n')));
}

std::string formatted(const std::string& text) {
    check_layout(text);
    return Parsed(text).formatted();
}

}  // namespace

TEST_CASE("the policies of rules/ stand in their layout") {
    const auto all = policies();
    std::size_t files = 0;
    for (const auto& [path, text] : all) {
        INFO(path);
        check_layout(text);
        if (!path.ends_with(".rules")) continue;
        CHECK(Parsed(text).formatted() == text);
        ++files;
    }
    CHECK(files > 10);
    CHECK(all.size() > files);
}

TEST_CASE("random policies") {
    constexpr std::uint64_t kSeed = 20240607;
    Seeded random(kSeed);
    for (int i = 0; i < 1500; ++i) {
        INFO("policy " << i << " of seed " << kSeed);
        check_layout(random_policy(random));
    }
}

TEST_CASE("one line where the author wrote one and it fits") {
    CHECK(formatted("rule   r{when tcp then drop}") == "rule r { when tcp then drop }\n");
    CHECK(formatted("rule r {\n when tcp then drop }") == "rule r {\n    when tcp\n    then drop\n}\n");
    const std::string name(40, 'a');
    CHECK(formatted("rule " + name + " { when ip.src in " + name + " then alert " + name + " }") ==
          "rule " + name + " {\n    when ip.src in " + name + "\n    then alert " + name + "\n}\n");
    CHECK(formatted("alert a { severity low message \"m\" to x }") ==
          "alert a { severity low  message \"m\"  to x }\n");
}

TEST_CASE("clauses a line each, words of alerts in a column") {
    CHECK(formatted("alert a { severity low\nmessage \"m\" throttle 1 per ip.src every 1m to x,y\n"
                    "escalate to z when 5 within 1h per ip.src respond{add ip.src to b for 1h} }") ==
          "alert a {\n    severity low\n    message  \"m\"\n    throttle 1 per ip.src every 1m\n    to       x, y\n"
          "    escalate to z when 5 within 1h per ip.src\n    respond  { add ip.src to b for 1h }\n}\n");
    CHECK(formatted("rule r { note \"n\" observe egress\nwhen egress and tcp then capture,drop }") ==
          "rule r {\n    note \"n\"\n    observe\n    egress\n    when egress and tcp\n    then capture, drop\n}\n");
    CHECK(formatted("rule r { note \"n\" observe\nwhen tcp then alert a,drop }") ==
          "rule r {\n    note \"n\"\n    observe\n    when tcp\n    then alert a, drop\n}\n");
}

TEST_CASE("literals keep their spelling, signs get one kind of space") {
    CHECK(formatted("let a=0x16\nlet bcd=1_000\nset s:net from \"f\"") ==
          "let a   = 0x16\nlet bcd = 1_000\nset s   : net from \"f\"\n");
    CHECK(formatted("set s:ip size 5={1.2.3.4,}") == "set s : ip size 5 = { 1.2.3.4, }\n");
    CHECK(formatted("let a = payload [ 2:4 ]==hex\"CAFE\"or len ( x )>8k and tcp.flags&0x3F==2") ==
          "let a = payload[2:4] == hex\"CAFE\" or len(x) > 8k and tcp.flags & 0x3F == 2\n");
    CHECK(formatted("let a = not(tcp)and(ip.src,tcp.dport)in{(::1,2),}") ==
          "let a = not (tcp) and (ip.src, tcp.dport) in { (::1, 2), }\n");
    CHECK(formatted("let p=5%\nlet qq=0.25%") == "let p  = 5%\nlet qq = 0.25%\n");
    CHECK(formatted("default redirect (\"e\")malformed drop") == "default   redirect(\"e\")\nmalformed drop\n");
}

TEST_CASE("columns of neighbours") {
    CHECK(formatted("rule a { when tcp then drop }\nrule long_name { when udp then drop }\n\nrule b { when icmp then "
                    "drop }\n") ==
          "rule a         { when tcp then drop }\nrule long_name { when udp then drop }\n\nrule b { when icmp then "
          "drop }\n");
    CHECK(formatted(
              "alert a { severity low message \"m\" to x }\nalert bb { severity critical message \"long\" to y }") ==
          "alert a  { severity low       message \"m\"     to x }\nalert bb { severity critical  message \"long\"  to "
          "y }\n");
    CHECK(
        formatted("test \"t\" {\n tcp 1.2.3.4 -> 1.2.3.5=>drop\n after 1m\n icmp 1.2.3.4->1.2.3.5 type 8 => pass\n}") ==
        "test \"t\" {\n    tcp 1.2.3.4 -> 1.2.3.5         => drop\n    after 1m\n    icmp 1.2.3.4 -> 1.2.3.5 type 8 => "
        "pass\n}\n");
    CHECK(formatted("let a = 1 # x\nlet bb = 2000 # y\n") == "let a  = 1     # x\nlet bb = 2000  # y\n");
}

TEST_CASE("comments in every position") {
    CHECK(formatted("\n\n  # start\n\n\n# second\npolicy p # h\n# end") ==
          "# start\n\n# second\npolicy p  # h\n# end\n");
    CHECK(formatted("# alone") == "# alone\n");
    CHECK(formatted("rule r { # open\n# own\nwhen tcp # t\n# mid\nand udp\n# before then\n\n\nthen drop # d\n# last\n} "
                    "# close\n") ==
          "rule r {  # open\n    # own\n    when tcp  # t\n        # mid\n        and udp\n    # before then\n\n"
          "    then drop  # d\n    # last\n}  # close\n");
    CHECK(
        formatted("test \"t\" {\n# a\ntcp 1.2.3.4 # src\n-> 1.2.3.5 => drop # out\n\n\n# z\n}") ==
        "test \"t\" {\n    # a\n    tcp 1.2.3.4             # src\n        -> 1.2.3.5 => drop  # out\n\n    # z\n}\n");
    CHECK(formatted("let s = {\n 80, # http\n 443, # https\n # more\n 8080\n}\n") ==
          "let s = {\n    80,   # http\n    443,  # https\n    # more\n    8080\n}\n");
    CHECK(formatted("alert a { severity low # s\n# to whom\nto x # t\n}") ==
          "alert a {\n    severity low  # s\n    # to whom\n    to       x  # t\n}\n");
}

TEST_CASE("what is too long is broken where it means least") {
    const std::string a(50, 'a');
    CHECK(formatted("let x = " + a + " and " + a + " or " + a) ==
          "let x = " + a + " and " + a + "\n    or " + a + "\n");
    CHECK(formatted("let x = (" + a + " or " + a + ") and " + a) ==
          "let x = (" + a + " or " + a + ")\n    and " + a + "\n");
    CHECK(formatted("let x = { " + a + "," + a + "," + a + " }") ==
          "let x = { " + a + ", " + a + ",\n    " + a + " }\n");
    CHECK(formatted("let x = {\n" + a + "," + a + "," + a + "\n}") ==
          "let x = {\n    " + a + ", " + a + ",\n    " + a + "\n}\n");
    const std::string packet = "tcp 1.2.3.4 -> 1.2.3.5 payload \"" + a + a + "\"";
    CHECK(formatted("test \"t\" {\n" + packet + "\n=> drop\n" + packet + " => pass\n}") ==
          "test \"t\" {\n    " + packet + "\n        => drop\n    " + packet + " => pass\n}\n");
}
