// Tested by tests/unit/runtime/eve_line_test.cpp, and by hostile_lines_test.cpp there.
#include "runtime/sinks/eve_line.h"

#include <vector>

#include "grammar/base/hash.h"
#include "runtime/sinks/append.h"
#include "runtime/sinks/eve_inside.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

constexpr TextForm kJson = TextForm::kJson;

// An event, and what its numbers name.
struct Source {
    explicit Source(const PackedEvent& of)
        : packed(of),
          event(of.event()),
          policy(*of.manifest),
          rule(policy.rules[event.rule]),
          alert(policy.alerts[event.alert]) {}

    const PackedEvent& packed;
    const weir_event& event;
    const bpf::Manifest& policy;
    const bpf::RuleInfo& rule;
    const bpf::AlertInfo& alert;
};

// Suricata's priorities: 1 is the gravest.
char severity_digit(bpf::AlertSeverity severity) {
    if (severity >= bpf::AlertSeverity::kHigh) return '1';
    return severity == bpf::AlertSeverity::kMedium ? '2' : '3';
}

// A number that stays with an alert's name: pipelines count by it. 31 bits.
std::uint32_t signature_id(std::string_view name) { return fnv1a_32(name) & 0x7fffffffu; }

void append_string(TextBuffer& to, std::string_view name, std::string_view value) {
    to.append(name);
    append_text(to, value, kJson);
    to.append('"');
}

void append_count(TextBuffer& to, std::string_view name, std::uint64_t value) {
    to.append(name);
    append_number(to, value);
}

bool is_enforced(const weir_event& event) { return (event.flags & WEIR_EVENT_WOULD) == 0; }

void append_alert(TextBuffer& to, const Source& source) {
    const weir_event& event = source.event;
    const bool is_blocked = is_enforced(event) && (event.verdict == WEIR_DROP || event.verdict == WEIR_REJECT);
    to.append(is_blocked ? R"(,"alert":{"action":"blocked","gid":1,"signature_id":)"
                         : R"(,"alert":{"action":"allowed","gid":1,"signature_id":)");
    append_number(to, signature_id(source.alert.name));
    append_string(to, R"(,"rev":1,"signature":")", source.alert.name);
    append_string(to, R"(,"category":")", source.policy.policy);
    to.append(R"(,"severity":)");
    to.append(severity_digit(source.alert.severity));
    to.append('}');
}

// Suricata's words. It knows no redirected packets: those pass.
void append_eve_verdict(TextBuffer& to, const weir_event& event) {
    if (!is_enforced(event) || event.verdict > WEIR_REDIRECT) return to.append(R"(,"verdict":{"action":"alert"})");
    if (event.verdict == WEIR_DROP) return to.append(R"(,"verdict":{"action":"drop"})");
    if (event.verdict != WEIR_REJECT) return to.append(R"(,"verdict":{"action":"pass"})");
    to.append(has(event.packet, WEIR_HAS_TCP)
                  ? R"(,"verdict":{"action":"drop","reject_target":"to_client","reject":["tcp-reset"]})"
                  : R"(,"verdict":{"action":"drop","reject_target":"to_client","reject":["icmp-prohib"]})");
}

void append_before(TextBuffer& to, const std::vector<CapturedPacket>& packets) {
    to.append(R"(,"before":[)");
    for (const CapturedPacket& packet : packets) {
        to.append(&packet == &packets.front() ? R"({"timestamp":")" : R"(,{"timestamp":")");
        append_time(to, packet.wall_clock_ns);
        to.append(R"(+0000")");
        if (!packet.interface.empty()) append_string(to, R"(,"in_iface":")", packet.interface);
        append_string(to, R"(,"rule":")", packet.rule);
        append_string(to, R"(,"verdict":")", packet.verdict);
        append_count(to, R"(,"packet_len":)", packet.original_bytes);
        to.append(R"(,"packet":")");
        append_base64(to, packet.bytes);
        to.append(R"("})");
    }
    to.append(']');
}

void append_weir_flow(TextBuffer& to, const weir_event_inside& record) {
    const weir_flow_view& flow = record.flow;
    const auto has_flow = [&](std::uint32_t bit) { return (flow.present & WEIR_BIT(bit)) != 0; };
    if ((record.event.flags & WEIR_EVENT_FLOW) == 0 || !has_flow(WEIR_HAS_FLOW)) return;
    append_count(to, R"(,"flow":{"packets":)", flow.packets);
    append_count(to, R"(,"bytes":)", flow.bytes);
    if (has_flow(WEIR_HAS_FLOW_RTT)) append_count(to, R"(,"rtt_ns":)", flow.rtt_ns);
    if (has_flow(WEIR_HAS_HTTP_LATENCY)) append_count(to, R"(,"http_latency_ns":)", flow.latency_ns);
    to.append('}');
}

void append_weir(TextBuffer& to, const Source& source, EvePackets packets) {
    const weir_event& event = source.event;
    append_string(to, R"(,"weir":{"policy":")", source.policy.policy);
    append_string(to, R"(,"rule":")", source.rule.name);
    append_string(to, R"(,"alert":")", source.alert.name);
    append_count(to, R"(,"generation":)", event.generation);
    append_count(to, R"(,"suppressed":)", event.suppressed);
    to.append(R"(,"severity":")");
    to.append(severity_name(source.alert.severity));
    to.append(R"(","verdict":")");
    append_verdict(to, event);
    to.append(R"(","message":")");
    append_message(to, source.packed, kJson);
    append_count(to, R"(","packet_len":)", event.packet.len);
    to.append(source.rule.direction == bpf::Direction::kOut ? R"(,"direction":"out","id":")"
                                                            : R"(,"direction":"in","id":")");
    append_event_id(to, source.packed);
    to.append('"');
    if (source.packed.escalated != 0) append_count(to, R"(,"escalated":)", source.packed.escalated);
    if (event.verdict == WEIR_REDIRECT) append_string(to, R"(,"to":")", source.rule.redirect);
    append_tunnel_type(to, source.packed.record());
    append_weir_flow(to, source.packed.record());
    const Captures* captures = source.packed.captures.get();
    if (packets == EvePackets::kAll && captures != nullptr && !captures->before.empty())
        append_before(to, captures->before);
    to.append('}');
}

void append_head(TextBuffer& to, const Source& source) {
    const weir_packet& packet = source.event.packet;
    const weir_event_inside& record = source.packed.record();
    to.append(R"({"timestamp":")");
    append_time(to, source.packed.wall_clock_ns);
    to.append(R"(+0000","event_type":"alert")");
    if (const std::string_view interface = name_of_interface(source.packed); !interface.empty())
        append_string(to, source.rule.direction == bpf::Direction::kOut ? R"(,"out_iface":")" : R"(,"in_iface":")",
                      interface);
    const bool is_inner = is_about_inner(record, source.alert);
    append_eve_addresses(to, is_inner ? record.inside.inner : packet);
    if (has(packet, WEIR_HAS_VLAN)) {
        append_count(to, R"(,"vlan":[)", packet.vlan_id);
        to.append(']');
    }
    if (has(packet, WEIR_HAS_ETH)) {
        to.append(R"(,"ether":{"src_mac":")");
        append_mac(to, packet.eth_src);
        to.append(R"(","dest_mac":")");
        append_mac(to, packet.eth_dst);
        to.append(R"("})");
    }
    if (is_inner) append_eve_tunnel(to, record);
}

}  // namespace

void append_eve_line(TextBuffer& to, const PackedEvent& packed, EvePackets packets) {
    const Source source(packed);
    append_head(to, source);
    append_alert(to, source);
    append_eve_verdict(to, source.event);
    append_eve_protocols(to, packed.record());
    append_eve_flow(to, packed.record(), packed.wall_clock_ns);
    append_weir(to, source, packets);
    if (packed.captures != nullptr) {
        to.append(R"(,"packet":")");
        append_base64(to, packed.captures->packet.bytes);
        to.append(R"(","packet_info":{"linktype":1})");  // LINKTYPE_ETHERNET
    }
    to.append("}\n");
}

std::string eve_line(const PackedEvent& event, EvePackets packets) {
    TextBuffer line;
    append_eve_line(line, event, packets);
    return std::string(line.text());
}

}  // namespace weir::runtime
