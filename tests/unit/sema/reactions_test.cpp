#include <catch2/catch.hpp>

#include "tests/unit/sema/checked.h"

using namespace weir;
using weir::tests::check;

namespace {

constexpr const char* kBegin =
    "let many = 5\nlet while_ = 10m\nset blocked : ip ttl 1h\nset nets : net\nset bad : domain\nset file : ip = { "
    "192.0.2.1 }\n"
    "rule known { when ip.src in blocked or ip.src in nets or dns.qname in bad or ip.src in file then drop }\n"
    "rule r { when udp then alert a }\nsink s = stdout()\nsink t = stdout()\n";

std::string alert(const std::string& clauses) { return kBegin + ("alert a { message \"x\" to s " + clauses + " }\n"); }

bpf::AlertInfo made(const std::string& clauses) {
    const auto checked = check(alert(clauses));
    INFO(checked.said);
    REQUIRE(checked.compiled);
    const auto object = compile(*checked.compiled, {});
    REQUIRE(object);
    return object->manifest.alerts.at(0);
}

}  // namespace

TEST_CASE("escalations as they are handed on") {
    const bpf::AlertInfo info = made(
        "escalate to t when many within while_ per ip.src/24, udp.dport escalate to s when 2 within 1s per (ip.src, "
        "ip.src)");
    REQUIRE(info.escalations.size() == 2);
    const bpf::EscalationInfo& first = info.escalations[0];
    CHECK((first.sink == 1 && first.count == 5 && first.window_ns == 600'000'000'000));
    REQUIRE(first.key.size() == 2);
    CHECK((first.key[0].field.name == "ip.src" && first.key[0].ip4_bits == 24 && first.key[0].ip6_bits == 64));
    CHECK(first.key[1].field.name == "udp.dport");
    CHECK((info.escalations[1].sink == 0 && info.escalations[1].key.size() == 1));  // each field once
    CHECK(info.sinks == std::vector<std::uint32_t>{0});
    CHECK(made("escalate to t when many within 1m per ip.src escalate to t when 5 within 60s per ip.src")
              .escalations.size() == 1);  // the same
    CHECK(check(alert("escalate to u when 2 within 1s per ip.src")).has(Code::E210));
    CHECK(check(alert("escalate to t when 2 within 1s per payload")).diagnostics.has_errors());
    CHECK(check(alert("escalate to t when 4294967296 within 1s per ip.src")).has(Code::E347));
}

TEST_CASE("responses as they are handed on, and what they cannot change") {
    const bpf::AlertInfo info = made(
        "respond { add ip.src to blocked, add ip.src to blocked for 5s, remove ip.src from blocked, add ip.dst/16 to "
        "nets }");
    REQUIRE(info.responses.size() == 4);
    CHECK((info.responses[0].for_ns == 3'600'000'000'000 && info.responses[1].for_ns == 5'000'000'000));
    CHECK((info.responses[2].change == bpf::Change::kRemove && info.responses[2].set == 0));
    CHECK((info.responses[3].set == 1 && info.responses[3].key.at(0).ip4_bits == 16 && info.responses[3].for_ns == 0));
    CHECK(check(alert("respond { add dns.qname to bad }")).has(Code::E363));
    CHECK(check(alert("respond { add udp.dport to blocked }")).diagnostics.has_errors());
    CHECK(check(alert("respond { add ip.src to nowhere }")).has(Code::E202));
    CHECK(check(alert("respond { add 192.0.2.1 to blocked }")).has(Code::E337));
    CHECK(check(alert("respond { reject }")).has(Code::E348));
}

TEST_CASE("a set that only a response changes is one that changes") {
    const auto checked = check(
        "set x : ip = { 192.0.2.1 }\nrule k { when ip.src in x then drop }\nrule r { when udp then alert a }\n"
        "alert a { message \"\" respond { add ip.src to x } }\n");
    REQUIRE(checked.compiled);
    CHECK(checked.compiled->policy.sets.at(0).dynamic);
    CHECK_FALSE(check(alert("")).compiled->policy.sets.at(3).dynamic);
}
