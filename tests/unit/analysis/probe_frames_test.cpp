// Frames made from rules: valid, the same for the same seed, and where the rules are.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "compiler/analysis/probe_frames.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"

using namespace weir;

namespace {

Compiled policy_of(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    auto compiled = analyse(sources, "probe.rules", text, {}, diagnostics);
    REQUIRE(compiled);
    return std::move(*compiled);
}

struct Seen {
    std::size_t matched = 0, malformed = 0, frames = 0;
};
Seen seen_by(const Compiled& compiled, std::size_t count) {
    Seen seen;
    oracle::Oracle oracle(compiled.policy);
    for (const auto& frame : analysis::probe_frames(compiled.policy, count, 7)) {
        const packet::Packet packet(frame);
        ++seen.frames;
        seen.malformed += packet.malformed() ? 1 : 0;
        seen.matched += oracle.judge(packet, 0).matched.empty() ? 0 : 1;
    }
    return seen;
}

}  // namespace

TEST_CASE("frames made from a rule meet it, and miss it") {
    const char* const conditions[] = {
        "tcp.dport == 22 and ip.src in 203.0.113.0/24",
        "ip.dst in 2001:db8::/64 and udp.dport in 5000..5010",
        "icmp.type == 8 or icmp6.type == 128",
        "arp.op == 1 and arp.sender_ip == 10.0.0.1",
        "vlan.id == 7 and ip.proto == 89",
        "tcp.syn and not tcp.ack and ip.ttl < 5",
        "payload contains \"GET /\" and tcp",
        "packet.len > 1200 and ip4",
        "eth.src == 02:00:00:00:00:09 and port.dst in { 80, 443 }",
        "ip.is_fragment and ip.frag_offset >= 1480",
        "(ip.src, tcp.dport) in { (192.0.2.1, 80), (2001:db8::1, 443) }",
    };
    for (const char* condition : conditions) {
        const auto seen = seen_by(policy_of(fmt::format("rule r {{ when {} then drop }}\n", condition)), 400);
        INFO(condition);
        CHECK(seen.frames == 400);
        CHECK(seen.malformed == 0);
        CHECK(seen.matched > 60);  // of the 200 that were made for it
        CHECK(seen.matched < 390);
    }
}

TEST_CASE("only a rule that asks for malformed packets gets some") {
    const auto seen = seen_by(policy_of("rule r { when malformed then drop }\n"), 100);
    CHECK(seen.malformed == 50);
}

TEST_CASE("frames depend on the seed alone") {
    const Compiled compiled = policy_of("rule r { when ip.src in 10.0.0.0/8 then drop }\n");
    CHECK(analysis::probe_frames(compiled.policy, 300, 1) == analysis::probe_frames(compiled.policy, 300, 1));
    CHECK(analysis::probe_frames(compiled.policy, 300, 1) != analysis::probe_frames(compiled.policy, 300, 2));
    CHECK(analysis::probe_frames(policy_of("policy empty\n").policy, 3, 1).size() == 3);
}
