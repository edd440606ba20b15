// Events as they wait for sinks, of a manifest that the test writes.
#pragma once

#include <algorithm>
#include <string_view>

#include "runtime/sinks/packed_event.h"

// A TCP segment that rule `guess` of policy `edge` drops, with alert `guessing`: 2026-01-02T03:04:05.678901Z on eth0.
inline weir_event_inside a_record() {
    weir_event_inside record{};
    weir_packet& packet = record.event.packet;
    packet.present[0] = WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_VLAN) |
                        WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_IP_PROTO) |
                        WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS) | WEIR_BIT(WEIR_HAS_IFACE);
    packet.ip_version = 4;
    packet.ip_proto = 6;
    packet.ip_src[0] = 0xc6336407;
    packet.ip_dst[0] = 0xc0000201;
    packet.port_src = 50000;
    packet.port_dst = 22;
    packet.vlan_id = 7;
    packet.len = 74;
    packet.eth_src = 0x020000000001;
    packet.eth_dst = 0x020000000002;
    record.event.generation = 3;
    record.event.suppressed = 4;
    record.event.verdict = WEIR_DROP;
    return record;
}

inline weir::bpf::FieldRef field_of(const char* name, weir::bpf::FieldFormat format, unsigned bit, std::size_t offset,
                                    std::size_t size) {
    return {name,
            format,
            static_cast<std::uint8_t>(bit),
            static_cast<std::uint16_t>(offset),
            static_cast<std::uint8_t>(size),
            0,
            ~std::uint64_t{0}};
}

// Its alert's message: "from 198.51.100.7".
inline weir::bpf::Manifest a_manifest() {
    weir::bpf::Manifest manifest;
    manifest.policy = "edge";
    manifest.rules = {{"guess", false, WEIR_DROP, ""}};
    manifest.alerts.resize(1);
    manifest.alerts[0].name = "guessing";
    manifest.alerts[0].severity = weir::bpf::AlertSeverity::kHigh;
    manifest.alerts[0].message = {std::string("from "),
                                  field_of("ip.src", weir::bpf::FieldFormat::kAddress, WEIR_HAS_IP,
                                           offsetof(weir_packet, ip_src), sizeof(weir_packet::ip_src))};
    return manifest;
}

inline weir::runtime::PackedEvent packed(const weir::bpf::Manifest& manifest, const weir_event_inside& record,
                                         std::string_view interface = "eth0") {
    weir::runtime::PackedEvent event;
    event.manifest = &manifest;
    event.wall_clock_ns = 1767323045678901234;
    event.ring = 0x3f2a9c01d4e5b677;
    event.position = 0x12c40;
    interface.copy(event.interface.data(), event.interface.size() - 1);
    event.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
    return event;
}
