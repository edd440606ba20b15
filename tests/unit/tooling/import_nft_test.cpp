// tooling/import/import.h: what nft's JSON becomes: import_nft, nft_text.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/unit/tooling/importing.h"
#include "tooling/import/nft_fields.h"

using namespace weir;
using namespace weir::tooling::imports;
using namespace weir::tests;

namespace {

// One rule of an input chain whose policy is drop; `more` stands before it.
Said said(const std::string& statements, const std::string& more = {}) {
    Sources sources;
    sources.add("ruleset.json", fmt::format(R"({{"nftables":[{}{{"chain":{{"family":"inet","table":"t","name":"web"}}}},
{{"chain":{{"family":"inet","table":"t","name":"c","type":"filter","hook":"input","prio":0,"policy":"drop"}}}},
{{"rule":{{"family":"inet","table":"t","chain":"web","handle":8,"expr":[{{"drop":null}}]}}}},
{{"rule":{{"family":"inet","table":"t","chain":"c","handle":9,"expr":[{}]}}}}]}})",
                                            more, statements));
    Said answer = said_by([&](Diagnostics& diagnostics) { return import_nft(sources, "imported", {}, diagnostics); });
    REQUIRE(!answer.text.empty());
    return answer;
}

std::string match(const std::string& left, const std::string& right, const std::string& op = "==") {
    return fmt::format(R"({{"match":{{"op":"{}","left":{},"right":{}}}}})", op, left, right);
}

std::string payload(const std::string& protocol, const std::string& field) {
    return fmt::format(R"({{"payload":{{"protocol":"{}","field":"{}"}}}})", protocol, field);
}

void says(const std::string& statements, const std::string& condition) {
    const Said answer = said(statements + R"(,{"accept":null})");
    INFO(statements << "\n" << answer.text);
    CHECK(answer.has("when " + condition + "\n"));
}

void says_not(const std::string& statements, const std::string& reason) {
    const Said answer = said(statements + R"(,{"accept":null})");
    INFO(statements << "\n" << answer.text);
    CHECK(answer.has("# not said: "));
    CHECK(answer.has(reason));
}

}  // namespace

TEST_CASE("nft fields and nft matches") {
    says(match(payload("tcp", "dport"), "22"), "ip and tcp.dport == 22");
    says(match(payload("tcp", "dport"), R"({"set":[80,{"range":[90,99]}]})"), "ip and tcp.dport in { 80, 90..99 }");
    says(match(payload("tcp", "dport"), R"({"set":[1,2]})", "!="), "ip and tcp.dport not in { 1, 2 }");
    says(match(payload("ip", "saddr"), R"({"prefix":{"addr":"10.0.0.0","len":8}})"), "ip.src in 10.0.0.0/8");
    says(match(payload("ip", "saddr"), R"({"prefix":{"addr":"10.0.0.0","len":8}})", "!="),
         "ip4 and ip.src not in 10.0.0.0/8");
    says(match(payload("ip", "ttl"), "5", "<"), "ip4 and ip.ttl < 5");
    says(match(payload("ip6", "nexthdr"), "\"tcp\""), "not ip.has_options and ip6 and tcp");
    says(match(payload("icmpv6", "type"), R"({"set":["nd-neighbor-solicit",148]})"),
         "icmp6.type in { neighbor_solicit, 148 }");
    says(match(R"({"meta":{"key":"iifname"}})", R"({"set":["br*","eth0"]})"),
         R"(ip and (iface == "eth0" or iface starts_with "br"))");
    says(match(R"({"meta":{"key":"nfproto"}})", "\"ipv6\""), "ip6");
    says(match(fmt::format(R"({{"&":[{},["fin","syn"]]}})", payload("tcp", "flags")), "\"syn\""),
         "ip and tcp.flags & 0x3 == 0x02");
    says(match(payload("tcp", "flags"), "\"syn\"", "in"), "ip and tcp.flags & 0x02 != 0");
    says(match(R"({"payload":{"base":"ih","offset":0,"len":32}})", "3405691582"),
         "ip and payload[0:4] == hex\"cafebabe\"");
    says(match(fmt::format(R"({{"concat":[{},{}]}})", payload("ip", "saddr"), payload("tcp", "dport")),
               R"({"set":[{"concat":["1.2.3.4",22]}]})"),
         "(ip.src, tcp.dport) in { (1.2.3.4, 22) }");
    says(match(R"({"ct":{"key":"state"}})", "\"new\"", "in"), "ip and state_new");
    says_not(match(R"({"meta":{"key":"mark"}})", "1"), "`meta mark` cannot be said");
    says_not(match(payload("ip", "saddr"), "\"@nothing\""), "set `nothing` is not in the file");
    says_not(match(R"({"meta":{"key":"oifname"}})", "\"eth0\""), "not known when it comes in");
}

TEST_CASE("nft statements: maps, limits, logs and what splits a rule") {
    const Said map = said(
        R"({"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"accept":null}],[80,{"jump":{"target":"web"}}],[23,{"accept":null}]]}}})");
    INFO(map.text);
    CHECK(map.has("tcp.dport in { 22, 23 }"));
    CHECK(map.has("let to_web = ip and tcp.dport == 80"));
    says(match(payload("udp", "dport"), "53") + R"(,{"limit":{"rate":10,"burst":20,"per":"second"}})",
         "ip and udp.dport == 53 and rate() <= 10/s burst 20");
    const Said split = said(match(payload("udp", "dport"), "53") + R"(,{"log":{"prefix":"dns "}},)" +
                            match(payload("ip", "ttl"), "1") + R"(,{"drop":null})");
    INFO(split.text);
    CHECK(split.has("when ip and udp.dport == 53\n    then alert log_dns"));
    CHECK(split.has("then drop"));
    CHECK(split.counts.said == 1);
    says_not(R"({"limit":{"rate":10,"burst":20,"per":"second"}},)" + match(payload("udp", "dport"), "53"),
             "a condition behind a limit");
    says_not(R"({"ct count":{"val":5}})", "`ct count` cannot be said");
}

TEST_CASE("nft sets: named ones, those that rules fill, limits by key") {
    const std::string dynamic =
        R"({"set":{"family":"inet","table":"t","name":"d","type":"ipv4_addr","size":1024,"timeout":60}},)";
    const Said filled = said(
        R"({"set":{"op":"add","elem":{"elem":{"val":{"payload":{"protocol":"ip","field":"saddr"}},"timeout":3600}},"set":"@d"}},{"drop":null})",
        dynamic);
    INFO(filled.text);
    CHECK(filled.has("set d : ip size 1024 ttl 60s"));
    CHECK(filled.has("add ip.src to d for 3600s, drop"));
    const Said metered = said(
        R"({"set":{"op":"add","elem":{"payload":{"protocol":"ip","field":"saddr"}},"set":"@d","stmt":[{"limit":{"rate":10,"burst":5,"per":"minute","inv":true}}]}},{"drop":null})",
        dynamic);
    INFO(metered.text);
    CHECK(metered.has("when ip4 and rate(ip.src) > 10/min burst 5\n"));
    const Said named = said(
        match(payload("ip", "saddr"), "\"@n\"") + R"(,{"drop":null})",
        R"({"set":{"family":"inet","table":"t","name":"n","type":"ipv4_addr","flags":["interval"],"elem":[{"prefix":{"addr":"10.0.0.0","len":8}}]}},)");
    CHECK(named.has("set n : net"));
    CHECK(named.has("ip.src in n"));
}

TEST_CASE("nft_text writes a rule as nft does, and cuts it") {
    const Json json = Json::parse(
        R"([{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[22,80]}}},{"accept":null}])");
    CHECK(nft_text(json) == "tcp dport { 22, 80 } accept");
    CHECK(nft_text(json, 5).size() < 12);
}

TEST_CASE("nft: a number that is too large is no smaller number") {
    const std::string source = payload("ip", "saddr");
    for (const char* length : {"4294967296", "18446744073709551616", "33", "-1", "\"8\""})
        says_not(match(source, fmt::format(R"({{"prefix":{{"addr":"10.0.0.0","len":{}}}}})", length)),
                 "is no value of `ip.src`");
}

TEST_CASE("nft: a jump to a chain that is not there is not said") {
    for (const char* jump : {"jump", "goto"}) {
        const Said answer = said(fmt::format(R"({{"{}":{{"target":"nosuch"}}}})", jump));
        INFO(answer.text);
        CHECK(answer.counts.unsaid == 1);
        CHECK(answer.has("chain `nosuch` is not in the file"));
    }
}

TEST_CASE("nft: a map with a verdict of its own for each of many values") {
    std::string elements, chains;
    for (int i = 0; i < 20'000; ++i) {
        elements += fmt::format(R"({}[{},{{"jump":{{"target":"x{}"}}}}])", i == 0 ? "" : ",", i, i);
        chains += fmt::format(R"({{"chain":{{"family":"inet","table":"t","name":"x{}"}}}},)", i);
    }
    const std::string map =
        fmt::format(R"({{"vmap":{{"key":{},"data":{{"set":[{}]}}}}}})", payload("tcp", "dport"), elements);
    chains += R"({"rule":{"family":"inet","table":"t","chain":"x19999","handle":7,"expr":[{"drop":null}]}},)";
    const Said answer = said(map, chains);
    CHECK(answer.counts.said == 2);
    CHECK(answer.has("let to_x19999 = ip and tcp.dport == 19999\n"));
}

TEST_CASE("nft: no table at all is no ruleset") {
    for (const char* text : {R"({"nftables":[]})", R"({"nftables":[{"metainfo":{"version":"1.0.6"}}]})"}) {
        Sources sources;
        sources.add("ruleset.json", text);
        Diagnostics diagnostics;
        const auto imported = import_nft(sources, "imported", {}, diagnostics);
        REQUIRE(imported);
        CHECK_FALSE(*imported);
        REQUIRE(diagnostics.all().size() == 1);
        CHECK(diagnostics.all().front().code == Code::E601);
    }
}
