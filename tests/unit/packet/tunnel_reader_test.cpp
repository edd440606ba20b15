// The oracle's reading of tunnel headers.
#include <catch2/catch.hpp>

#include <vector>

#include "compiler/packet/tunnel_reader.h"

using namespace weir::packet;

namespace {

using Bytes = std::vector<std::uint8_t>;

TunnelHeaders gre(const Bytes& bytes) { return read_tunnel(47, 0, bytes); }

}  // namespace

TEST_CASE("vxlan and its I flag") {
    const Bytes header = {0x08, 0, 0, 0, 0xab, 0xcd, 0xef, 0xff};
    const TunnelHeaders vxlan = read_tunnel(17, 4789, header);
    CHECK(vxlan.vxlan_vni == 0xabcdef);
    REQUIRE(vxlan.inner);
    CHECK(vxlan.inner->at == 8);
    CHECK(vxlan.inner->type == kEthernetType);
    CHECK(!read_tunnel(17, 4789, std::span(header).first(7)).vxlan_vni);
    CHECK(!read_tunnel(17, 4788, header).vxlan_vni);
    CHECK(!read_tunnel(132, 4789, header).vxlan_vni);
    for (int flags = 0; flags < 256; ++flags) {
        Bytes other = header;
        other[0] = static_cast<std::uint8_t>(flags);
        CHECK(read_tunnel(17, 4789, other).vxlan_vni.has_value() == ((flags & 8) != 0));
    }
}

TEST_CASE("geneve, its options, versions and types") {
    Bytes header = {0x02, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const TunnelHeaders geneve = read_tunnel(17, 6081, header);
    CHECK(geneve.geneve_vni == 42);
    REQUIRE(geneve.inner);
    CHECK(geneve.inner->at == 16);
    const TunnelHeaders cut = read_tunnel(17, 6081, std::span(header).first(15));
    CHECK(cut.geneve_vni == 42);
    CHECK(!cut.inner);
    header[0] = 0x40;
    CHECK(!read_tunnel(17, 6081, header).geneve_vni);
    header[0] = 0;
    header[2] = 0x88, header[3] = 0x47;
    CHECK(read_tunnel(17, 6081, header).geneve_vni == 42);
    CHECK(!read_tunnel(17, 6081, header).inner);
}

TEST_CASE("gre with every flag") {
    CHECK(gre({}).is_gre);
    CHECK(!gre({}).inner);
    for (unsigned flags = 0; flags < 0x10000; flags += flags % 8 == 7 ? 0x7f9 : 1) {
        Bytes bytes = {static_cast<std::uint8_t>(flags >> 8), static_cast<std::uint8_t>(flags), 0x08, 0};
        for (std::uint8_t i = 4; i < 20; ++i) bytes.push_back(i);
        const TunnelHeaders read = gre(bytes);
        CHECK(read.is_gre);
        const bool version_0 = flags % 8 == 0;
        const std::size_t optional_at = flags & 0xc000 ? 8 : 4;
        const bool keyed = version_0 && (flags & 0x2000) != 0;
        CHECK(read.gre_key.has_value() == keyed);
        if (keyed) CHECK(*read.gre_key >> 24 == optional_at);
        CHECK(read.inner.has_value() == (version_0 && (flags & 0x4000) == 0));
        if (read.inner) {
            CHECK(read.inner->at == optional_at + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0));
            CHECK(read.inner->type == kIp4Type);
        }
    }
    CHECK(!gre({0x20, 0, 8, 0, 0, 0, 7}).gre_key);
    CHECK(gre({0x20, 0, 8, 0, 0, 0, 0, 7}).gre_key == 7u);
    CHECK(!gre({0, 0, 0x88, 0x0b}).inner);
    CHECK(gre({0, 0, 0x86, 0xdd}).inner->type == kIp6Type);
    CHECK(gre({0, 0, 0x65, 0x58}).inner->type == kEthernetType);
}

TEST_CASE("ip in ip") {
    CHECK(read_tunnel(4, 0, {}).is_ipip);
    CHECK(read_tunnel(4, 0, {}).inner->type == kIp4Type);
    CHECK(read_tunnel(41, 0, {}).inner->type == kIp6Type);
    CHECK(!read_tunnel(6, 0, {}).is_ipip);
}
