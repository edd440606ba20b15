// Lengths of a packet stand to one another as its headers do.
#include <catch2/catch.hpp>

#include <string>

#include "compiler/analysis/lint.h"
#include "compiler/compiler.h"

using namespace weir;

namespace {

bool is_never(const std::string& condition) {
    Sources sources;
    Diagnostics diagnostics;
    const auto compiled =
        analyse(sources, "test.rules", "rule r { when " + condition + " then drop }", {}, diagnostics);
    INFO(condition);
    REQUIRE(compiled);
    REQUIRE(analysis::lint(compiled->policy, diagnostics));
    for (const Diagnostic& d : diagnostics.all())
        if (d.code == Code::W403) return true;
    return false;
}

}  // namespace

TEST_CASE("a datagram is within its frame, and a payload within its datagram") {
    CHECK(is_never("ip.len > 100 and packet.len < 115"));
    CHECK_FALSE(is_never("ip.len > 100 and packet.len == 115"));
    CHECK(is_never("vlan and ip.len > 100 and packet.len < 119"));
    CHECK(is_never("ip6 and payload.len > 60 and ip.len < 101"));
    CHECK_FALSE(is_never("ip6 and payload.len > 60 and ip.len == 101"));
    CHECK(is_never("payload.len > 1000 and packet.len <= 1034"));
    CHECK_FALSE(is_never("payload.len > 1000 and packet.len == 1035"));
    CHECK_FALSE(is_never("payload.len == 0 and packet.len > 1500"));
}

TEST_CASE("the payload of TCP begins behind its header") {
    CHECK(is_never("ip4 and tcp.header_len == 60 and payload.len == 10 and ip.len != 90 and not ip.has_options"));
    CHECK_FALSE(is_never("tcp.header_len == 60 and payload.len == 10 and ip.len == 90 and not ip.has_options"));
    CHECK(is_never("tcp.header_len > 40 and ip.len < 64"));
    CHECK(is_never("tcp.mss == 1460 and ip.len == 40"));
    CHECK(is_never("ip4 and tcp and payload.len == 0 and ip.len > 120"));
    CHECK_FALSE(is_never("ip6 and tcp and payload.len == 0 and ip.len > 120"));
}

TEST_CASE("the payload of UDP is as long as UDP says, but for a first fragment") {
    CHECK(is_never("udp.len == 64 and payload.len != 56 and not ip.mf"));
    CHECK_FALSE(is_never("udp.len == 64 and payload.len == 50 and ip.mf"));
    CHECK(is_never("payload.len > 56 and udp.len == 64"));
    CHECK(is_never("ip.len == 28 and udp.len == 9 and not ip.mf"));
    CHECK_FALSE(is_never("ip.len == 28 and udp.len == 9 and ip.mf"));
    CHECK_FALSE(is_never("ip.len == 576 and udp.len == 9 and payload.len == 1"));  // the datagram goes on behind it
}
