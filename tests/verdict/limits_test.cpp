// Policies at the limits of docs/limits.md: each is accepted and loads, or is refused with a diagnostic of ours.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/joined.h"
#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

std::string rule(const std::string& condition) { return "rule big { when " + condition + " then drop }\n"; }

// Loads on every engine; `frame` meets the first rule.
void check_loads(const std::string& about, const std::string& policy, const Bytes& frame) {
    INFO(about);
    std::string difference;
    auto created = Evaluators::create(policy);
    INFO(why_not(created).substr(0, 2000));
    REQUIRE(created);
    auto& engines = *created;
    const Judged judged = engines->judge(frame, difference);
    CHECK(difference == "");
    CHECK(judged.verdict == WEIR_DROP);
    difference.clear();
    engines->judge(eth(0x88b5), difference);
    CHECK(difference == "");
}

void check_refused(const std::string& about, const std::string& policy, Code code) {
    INFO(about);
    const Analysed result = analysed(policy);
    INFO(result.said.substr(0, 2000));
    CHECK(!result.compiled);
    CHECK(result.has(code));
}

}  // namespace

TEST_CASE("nesting", "[limits]") {
    // Parentheses alternate with operators, so that none can be left out.
    const auto nested = [](std::size_t depth) {
        std::string condition = "tcp.dport == 80";
        for (std::size_t i = 1; i < depth; ++i)
            condition = fmt::format("({} {} tcp.dport == {})", condition, i % 2 == 0 ? "and not" : "or", 1000 + i);
        return rule(condition);
    };
    check_loads("60 deep", nested(60), tcp4());
    check_refused("65 deep", nested(70), Code::E501);
    const auto nots = [](std::size_t count) {
        return rule(joined(count, " ", [](std::size_t) { return "not"; }) + " tcp.dport == 80");
    };
    check_loads("not not …", nots(64), tcp4());
    check_refused("65 nots", nots(65), Code::E501);
    // Lets within lets.
    const auto lets = [](std::size_t depth) {
        return "let l0 = tcp.dport == 80\n" +
               joined(
                   depth, "\n",
                   [](std::size_t i) { return fmt::format("let l{} = l{} or tcp.dport == {}", i + 1, i, 1000 + i); }) +
               "\n" + rule(fmt::format("l{}", depth));
    };
    check_loads("60 lets", lets(60), tcp4());
    check_loads("200 lets", lets(200), tcp4());
    check_refused("300 lets", lets(300), Code::E506);
    // Twice as many comparisons with each let.
    const auto doubling = [](std::size_t depth) {
        return "let l0 = tcp.dport == 80\n" +
               joined(depth, "\n",
                      [](std::size_t i) {
                          return fmt::format("let l{} = l{} or (l{} and tcp.sport == {})", i + 1, i, i, i);
                      }) +
               "\n" + rule(fmt::format("l{}", depth));
    };
    check_refused("30 doublings", doubling(30), Code::E506);
}

TEST_CASE("conditions of many operands", "[limits]") {
    const auto ports = [](std::size_t count, const char* op) {
        return rule(joined(count, op, [](std::size_t i) { return fmt::format("tcp.dport {} {}", "==", i + 1); }));
    };
    for (const std::size_t count : {100u, 1000u})
        check_loads(fmt::format("{} ors", count), ports(count, " or "), tcp4());
    check_loads("1,000 ands",
                rule(joined(1000, " and ", [](std::size_t i) { return fmt::format("tcp.dport != {}", i + 1000); })),
                tcp4());
    // Each operand another field and operator, so that nothing folds.
    const char* kinds[] = {"tcp.flags & {} == 3",
                           "ip.ttl < {}",
                           "ip.src in 10.{}.0.0/16",
                           "tcp.sport in {{ {}, 9 }}",
                           "eth.src == 02:00:00:00:01:{:02x}",
                           "payload[0:2] == hex\"{:04x}\""};
    const auto mixed = [&](std::size_t count) {
        return rule("tcp.dport == 80 or " + joined(count, " or ", [&](std::size_t i) {
                        return fmt::format(fmt::runtime(kinds[i % 6]), i % 200 + 1);
                    }));
    };
    check_loads("600 mixed ors", mixed(600), tcp4());
    // An `and` of many `or`s: as many paths as there are.
    const auto product = [](std::size_t count) {
        return rule(joined(count, " and ", [](std::size_t i) {
            return fmt::format("(tcp.dport == 80 or ip.ttl == {} or tcp.window == {})", i, i);
        }));
    };
    for (const std::size_t count : {10u, 40u, 200u})
        check_loads(fmt::format("a product of {}", count), product(count), tcp4());
    const auto flags = [](std::size_t count) {
        return rule("tcp.dport == 80 and (" +
                    joined(count, ") and (",
                           [](std::size_t i) {
                               return fmt::format("tcp.flags & {} == 0 or tcp.seq & 0x{:x} == 0 or tcp.syn",
                                                  i % 255 + 1, i + 1);
                           }) +
                    ")");
    };
    check_loads("a product of 100 masks", flags(100), tcp4());
}

TEST_CASE("a condition too large for a program", "[limits]") {
    // However many: accepted, and then it loads, or refused with E506.
    for (const std::size_t count : {4'000u, 20'000u, 70'000u}) {
        const std::string policy = rule(joined(count, " or ", [](std::size_t i) {
            return i % 2 == 0 ? fmt::format("tcp.dport == {}", 80 + i % 60000) : fmt::format("ip.ttl == {}", i % 60);
        }));
        const Analysed result = analysed(policy);
        if (result.compiled)
            check_loads(fmt::format("{} operands", count), policy, tcp4());
        else
            CHECK(result.has(Code::E506));
    }
    CHECK(analysed(rule(joined(70'000, " or ", [](std::size_t i) {
              return fmt::format("ip.ttl == {}", i % 250);
          }))).has(Code::E506));
}

TEST_CASE("conditions that no table holds, together", "[limits]") {
    const auto slices = [](std::size_t rules) {
        return rule("tcp.dport == 80 and tcp.ack_seq == tcp.seq") +
               "rule dropped { when tcp.dport == 80 then drop }\n" +
               joined(rules, "\n",
                      [](std::size_t i) {
                          return fmt::format(
                              "rule s{} {{ when tcp.dport == {} and payload[0:4] == hex\"{:08x}\" then drop }}", i, i,
                              i);
                      }) +
               "\n";
    };
    check_loads("4,000 different parts of the payload", slices(4000), tcp4());
    check_refused("45,000 of them", slices(45'000), Code::E519);
    // 64 rules of 60 comparisons are code, 600 of 12 are conditions of trees.
    const auto fields = [](std::size_t rules, std::size_t each) {
        return rule("tcp.dport == 80") +
               joined(rules, "\n",
                      [&](std::size_t r) {
                          return fmt::format(
                              "rule f{} {{ when {} then drop }}", r, joined(each, " or ", [&](std::size_t i) {
                                  return fmt::format(
                                      "(tcp.window < ip.len and tcp.seq != tcp.ack_seq and ip.id & {} != {})", r + 1,
                                      i);
                              }));
                      }) +
               "\n";
    };
    check_loads("60 rules of 150 comparisons", fields(60, 50), tcp4());
    check_loads("600 rules of 24", fields(600, 8), tcp4());
    check_refused("300 rules of 300", fields(300, 100), Code::E519);
}

TEST_CASE("payload searches", "[limits]") {
    const auto searches = [](std::size_t rules) {
        return joined(rules, "\n",
                      [](std::size_t i) {
                          return fmt::format("rule s{} {{ when payload contains \"needle{:02}\" then drop }}", i, i);
                      }) +
               "\n";
    };
    check_loads("64 rules", searches(64), udp4({}, Bytes(504, 'x') + text("needle00")));
    check_loads("64 rules, the last", searches(64), udp4({}, Bytes(504, 'x') + text("needle63")));
    check_refused("65 rules", searches(65), Code::E507);
    const auto in_one = [](std::size_t count) {
        return rule(
            joined(count, " or ", [](std::size_t i) { return fmt::format("payload contains \"needle{:02}\"", i); }));
    };
    check_loads("64 in one rule", in_one(64), udp4({}, Bytes(504, 'x') + text("needle63")));
}

TEST_CASE("more lists of ports than are looked up by code of their own", "[limits]") {
    // Each list has 40 ports of its own, two apart, so that it is a bitmap.
    const std::string policy = joined(700, "", [](std::size_t r) {
        return fmt::format("rule p{} {{ when udp.dport in {{ {} }} then drop }}\n", r,
                           joined(40, ", ", [&](std::size_t i) { return std::to_string(80 * r + 2 * i); }));
    });
    for (const std::size_t port : {std::size_t{78}, std::size_t{80 * 300}, std::size_t{80 * 699 + 78}})
        check_loads(fmt::format("port {}", port), policy,
                    patched(udp4(), 36, {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)}));
}

TEST_CASE("64 rules of many searches each", "[limits]") {
    const std::string policy = joined(64, "\n", [](std::size_t r) {
        return fmt::format("rule s{} {{ when {} then drop }}", r, joined(16, " or ", [&](std::size_t i) {
                               return fmt::format("payload contains \"n{:02}x{:02}\"", r, i);
                           }));
    });
    const Analysed result = analysed(policy);
    if (result.compiled)
        check_loads("1,024 searches", policy, udp4({}, text("n63x15")));
    else
        CHECK(result.has(Code::E507));
}

TEST_CASE("set literals", "[limits]") {
    const auto addresses = [](std::size_t count) {
        return rule("ip.dst in { " +
                    joined(count, ", ",
                           [](std::size_t i) {
                               return fmt::format("10.{}.{}.{}", i * 2 >> 16 & 255, i * 2 >> 8 & 255, i * 2 & 255);
                           }) +
                    ", 192.0.2.1 }");
    };
    check_loads("65,536 addresses", addresses(65'535), tcp4());
    check_refused("65,537 addresses", addresses(65'536), Code::E503);
    const auto sixes = rule(
        "ip.dst in { " +
        joined(65'535, ", ", [](std::size_t i) { return fmt::format("2001:db9::{:x}:{:x}", i >> 8, i * 2 & 0xffff); }) +
        ", 2001:db8::1 }");
    check_loads("65,536 IPv6 addresses", sixes, tcp6());
    check_loads(
        "65,536 tuples",
        rule("(ip.dst, tcp.dport) in { " +
             joined(65'535, ", ", [](std::size_t i) { return fmt::format("(10.0.{}.{}, 7)", i >> 8, i & 255); }) +
             ", (192.0.2.1, 80) }"),
        tcp4());
    // A tuple with a prefix is an alternative of its own.
    for (const std::size_t count : {500u, 5'000u, 40'000u}) {
        const std::string policy =
            rule("(ip.dst, tcp.dport) in { (192.0.2.0/24, 80), " +
                 joined(count, ", ",
                        [](std::size_t i) { return fmt::format("(10.{}.{}.0/24, {})", i >> 8, i & 255, i % 65536); }) +
                 " }");
        const Analysed result = analysed(policy);
        if (result.compiled)
            check_loads(fmt::format("{} tuples of prefixes", count), policy, tcp4());
        else
            CHECK(result.has(Code::E506));
    }
    for (const std::size_t count : {500u, 10'000u}) {
        const std::string policy =
            rule("payload in { \"abc\", " +
                 joined(count, ", ", [](std::size_t i) { return fmt::format("hex\"{:08x}\"", i); }) + " }");
        const Analysed result = analysed(policy);
        if (result.compiled)
            check_loads(fmt::format("{} payloads", count), policy, udp4({}, text("abc")));
        else
            CHECK(result.has(Code::E506));
    }
}

TEST_CASE("many rules", "[limits]") {
    const char* kinds[] = {"ip.src in 10.{}.0.0/16 and tcp.dport == 81", "udp.dport in {{ {}, 9 }} or not ip4",
                           "tcp.flags & 3 == 3 and ip.ttl < {}", "payload starts_with \"x{}\"", "eth.type == {}"};
    const auto rules = [&](std::size_t count, const char* verdict) {
        return "rule first { observe when tcp.dport == 80 then drop }\n" +
               joined(count, "\n",
                      [&](std::size_t i) {
                          return fmt::format("rule r{} {{ when tcp.window == 1 and ({}) then {} }}", i,
                                             fmt::format(fmt::runtime(kinds[i % 5]), i % 200),
                                             i % 3 == 0 ? verdict : "drop");
                      }) +
               "\nrule last { when tcp.dport == 80 then drop }\n";
    };
    check_loads("1,000 rules", rules(1000, "pass"), tcp4());
    check_loads("3,000 rules", rules(3000, "drop"), tcp4());
    check_loads("1,000 observed rules that all match",
                joined(1000, "\n",
                       [](std::size_t i) {
                           return fmt::format("rule r{} {{ observe when tcp then alert a, alert a, drop }}", i);
                       }) +
                    "\nalert a { message \"a\" }\nrule last { when tcp then drop }",
                tcp4());
}

TEST_CASE("alerts of a rule, interfaces, tuples, imports", "[limits]") {
    const auto alerts = [](std::size_t count) {
        return "alert a { message \"a\" }\nrule big { when tcp then " +
               joined(count, ", ", [](std::size_t) { return std::string("alert a"); }) + ", drop }";
    };
    check_loads("16 alerts", alerts(16), tcp4());
    check_refused("17 alerts", alerts(17), Code::E511);
    const auto ifaces = [](std::size_t count) {
        return rule("tcp or " +
                    joined(count, " or ", [](std::size_t i) { return fmt::format("iface == \"eth{}\"", i); }));
    };
    check_loads("32 interface conditions", ifaces(32), tcp4());
    check_refused("33 interface conditions", ifaces(33), Code::E512);
    check_loads("a tuple of three addresses",
                rule("(ip.dst, ip.dst, ip.src) in { (192.0.2.1, 192.0.2.1, 198.51.100.7) }"), tcp4());
    check_refused("a tuple of four addresses",
                  rule("(ip.dst, ip.dst, ip.src, ip.src) in { (192.0.2.1, 192.0.2.1, 198.51.100.7, 198.51.100.7) }"),
                  Code::E510);
    std::string deep;
    FileTexts files;
    for (int i = 0; i < 100; ++i) files[fmt::format("f{}", i)] = fmt::format("import \"f{}\"\n", i + 1);
    files["f100"] = "";
    CHECK(analysed("import \"f0\"\n" + rule("tcp"), files).has(Code::E514));
}
