// Tested by tests/unit/runtime/sinks_test.cpp.
#include "runtime/sinks/eve.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/hash.h"
#include "runtime/kernel.h"
#include "runtime/sinks/base64.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kEthernet = 1;  // LINKTYPE_ETHERNET

// Suricata's names; other protocols are their number in three digits, as there.
std::string protocol_name(std::uint8_t proto) {
    switch (proto) {
        case 1: return "ICMP";
        case 6: return "TCP";
        case 17: return "UDP";
        case 58: return "IPv6-ICMP";
        case 132: return "SCTP";
        default: return fmt::format("{:03}", proto);
    }
}

// Suricata's priorities: 1 is the gravest.
int severity_number(const std::string& severity) {
    if (severity == "critical" || severity == "high") return 1;
    return severity == "medium" ? 2 : 3;
}

// A number that stays with an alert's name: pipelines count by it. 31 bits.
std::uint32_t signature_id(const std::string& name) { return fnv1a_32(name) & 0x7fffffffu; }

// "2026-01-02T03:04:05.678901+0000"
std::string timestamp(std::uint64_t realtime_ns) {
    std::string text = rfc3339(realtime_ns);
    text.pop_back();
    return text + "+0000";
}

void add_addresses(Json& line, const weir_packet& packet) {
    if (!has(packet, WEIR_HAS_IP)) return;
    line["src_ip"] = address_text(packet.ip_src, packet.ip_version);
    if (has(packet, WEIR_HAS_PORTS)) line["src_port"] = packet.port_src;
    line["dest_ip"] = address_text(packet.ip_dst, packet.ip_version);
    if (has(packet, WEIR_HAS_PORTS)) line["dest_port"] = packet.port_dst;
    if (has(packet, WEIR_HAS_IP_PROTO)) line["proto"] = protocol_name(packet.ip_proto);
    if (has(packet, WEIR_HAS_ICMP) || has(packet, WEIR_HAS_ICMP6)) {
        line["icmp_type"] = packet.icmp_type;
        line["icmp_code"] = packet.icmp_code;
    }
}

Json packet_before(const CapturedPacket& packet) {
    Json object;
    object["timestamp"] = timestamp(packet.wall_clock_ns);
    if (!packet.interface.empty()) object["in_iface"] = packet.interface;
    object["rule"] = packet.rule;
    object["verdict"] = packet.verdict;
    object["packet_len"] = packet.original_bytes;
    object["packet"] = base64(packet.bytes);
    return object;
}

}  // namespace

std::string eve_line(const Event& event) {
    const weir_packet& packet = event.record.packet;
    const bool would = (event.record.flags & WEIR_EVENT_WOULD) != 0;
    const bool blocked = !would && (event.record.verdict == WEIR_DROP || event.record.verdict == WEIR_REJECT);
    Json line;
    line["timestamp"] = timestamp(event.wall_clock_ns);
    line["event_type"] = "alert";
    const bool is_out = event.direction == bpf::Direction::kOut;
    if (!event.interface.empty()) line[is_out ? "out_iface" : "in_iface"] = event.interface;
    add_addresses(line, packet);
    if (has(packet, WEIR_HAS_VLAN)) line["vlan"] = Json::array({packet.vlan_id});
    if (has(packet, WEIR_HAS_ETH))
        line["ether"] = {{"src_mac", mac_text(packet.eth_src)}, {"dest_mac", mac_text(packet.eth_dst)}};
    line["alert"] = {{"action", blocked ? "blocked" : "allowed"},
                     {"gid", 1},
                     {"signature_id", signature_id(event.alert)},
                     {"rev", 1},
                     {"signature", event.alert},
                     {"category", event.policy},
                     {"severity", severity_number(event.severity)}};
    Json weir = {{"policy", event.policy},
                 {"rule", event.rule},
                 {"alert", event.alert},
                 {"generation", event.record.generation},
                 {"suppressed", event.record.suppressed},
                 {"severity", event.severity},
                 {"verdict", event.verdict},
                 {"message", event.message},
                 {"packet_len", packet.len}};
    if (!event.redirected_to.empty()) weir["to"] = event.redirected_to;
    for (const CapturedPacket& before : event.before) weir["before"].push_back(packet_before(before));
    line["weir"] = std::move(weir);
    if (event.packet) {
        line["packet"] = base64(event.packet->bytes);
        line["packet_info"] = {{"linktype", kEthernet}};
    }
    return line.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string eve_line(const PackedEvent& event) { return eve_line(to_event(event)); }

bool EveFile::write(std::string_view line) {
    const std::string whole = fmt::format("{}\n", line);
    if (!file_.make_room(whole.size())) return false;
    // A part of a line is no line: the next one begins on a line of its own.
    return file_.append(file_.is_torn() ? '\n' + whole : whole);
}

void EveFile::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (write(batch.line(0)))
            batch.delivered(1);
        else
            batch.lost("not written", 1);
    }
}

}  // namespace weir::runtime
