#include "tests/unit/ir/support.h"

#include <catch2/catch.hpp>

namespace weir::ir::test {
namespace {

std::uint32_t number(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[at + i];
    return value;
}

void read_transport(std::span<const std::uint8_t> frame, std::size_t at, weir_packet& packet) {
    packet.present[0] |= WEIR_BIT(WEIR_HAS_PAYLOAD);
    if (packet.ip_proto == 6 || packet.ip_proto == 17) {
        packet.present[0] |= WEIR_BIT(WEIR_HAS_PORTS) | WEIR_BIT(packet.ip_proto == 6 ? WEIR_HAS_TCP : WEIR_HAS_UDP);
        packet.port_src = static_cast<std::uint16_t>(number(frame, at, 2));
        packet.port_dst = static_cast<std::uint16_t>(number(frame, at + 2, 2));
        if (packet.ip_proto == 6) packet.tcp_flags = frame[at + 13];
    } else if (packet.ip_proto == (packet.ip_version == 4 ? 1 : 58)) {
        packet.present[0] |= WEIR_BIT(packet.ip_version == 4 ? WEIR_HAS_ICMP : WEIR_HAS_ICMP6);
        packet.icmp_type = frame[at];
    }
}

}  // namespace

Compiled compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    std::optional<Compiled> made = analyse(sources, "test.rules", text, sema::Files{}, diagnostics);
    if (!made)
        FAIL((diagnostics.all().empty() ? "refused" : diagnostics.all()[0].message) << " in\n" << text.substr(0, 2000));
    return std::move(*made);
}

weir_packet packet_of(std::span<const std::uint8_t> frame) {
    weir_packet packet{};
    packet.len = static_cast<std::uint32_t>(frame.size());
    packet.eth_type = static_cast<std::uint16_t>(number(frame, 12, 2));
    packet.present[0] = WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_ETH_TYPE) |
                        WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP_PROTO);
    if (packet.eth_type == 0x0800) {
        packet.present[0] |= WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_IP_ID);
        packet.ip_version = 4;
        packet.ip_proto = frame[23];
        packet.ip_src[0] = number(frame, 26, 4);
        packet.ip_dst[0] = number(frame, 30, 4);
        read_transport(frame, 34, packet);
    } else {
        packet.present[0] |= WEIR_BIT(WEIR_HAS_IP6);
        packet.ip_version = 6;
        packet.ip_proto = frame[20];
        for (std::size_t i = 0; i < 4; ++i) {
            packet.ip_src[i] = number(frame, 22 + 4 * i, 4);
            packet.ip_dst[i] = number(frame, 38 + 4 * i, 4);
        }
        read_transport(frame, 54, packet);
    }
    return packet;
}

}  // namespace weir::ir::test
