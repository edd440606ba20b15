// Tested by tests/unit/runtime/llm_test.cpp with `digest_event`.
#include "runtime/sinks/llm_event.h"

#include <variant>

#include <fmt/format.h>

#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

std::string protocol_text(std::uint8_t number) {
    switch (number) {
        case 1: return "icmp";
        case 6: return "tcp";
        case 17: return "udp";
        case 58: return "icmp6";
        case 132: return "sctp";
        default: return fmt::format("protocol {}", number);
    }
}

}  // namespace

DigestEvent digest_event(const PackedEvent& packed) {
    const Event event = to_event(packed);
    const weir_packet& packet = event.record.packet;
    DigestEvent digest;
    digest.id = event.id;
    digest.wall_clock_ns = event.wall_clock_ns;
    digest.policy = event.policy;
    digest.rule = event.rule;
    digest.alert = event.alert;
    digest.severity = event.severity;
    digest.verdict = event.verdict;
    digest.message = event.message;
    digest.suppressed = event.record.suppressed;
    if (has(packet, WEIR_HAS_IP)) {
        digest.source = address_text(packet.ip_src, packet.ip_version);
        digest.destination = address_text(packet.ip_dst, packet.ip_version);
    }
    if (has(packet, WEIR_HAS_IP_PROTO)) digest.protocol = protocol_text(packet.ip_proto);
    if (has(packet, WEIR_HAS_PORTS)) digest.port = packet.port_dst;
    for (const bpf::MessagePart& part : packed.manifest->alerts[event.record.alert].message) {
        const auto* field = std::get_if<bpf::FieldRef>(&part);
        if (field != nullptr && field->format == bpf::FieldFormat::kName)
            digest.hosts.push_back(field_text(packed.record(), *field, event.interface));
    }
    return digest;
}

}  // namespace weir::runtime
