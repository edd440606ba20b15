#include <catch2/catch.hpp>

#include <cstddef>
#include <cstring>

#include "runtime/sinks/event_text.h"

using namespace weir;
using namespace weir::runtime;

namespace {

weir_packet tcp_packet() {
    weir_packet packet{};
    packet.present[0] = WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP4) |
                        WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS);
    packet.ip_version = 4;
    packet.ip_src[0] = 0xc6336407;  // 198.51.100.7
    packet.port_dst = 22;
    packet.tcp_flags = 0x12;
    packet.ip_tos = 0xb8;
    return packet;
}

bpf::FieldRef field(const char* name, bpf::FieldFormat format, unsigned bit, std::size_t offset, std::size_t size,
                    std::uint8_t shift, std::uint64_t mask) {
    return {name,
            format,
            static_cast<std::uint8_t>(bit),
            static_cast<std::uint16_t>(offset),
            static_cast<std::uint8_t>(size),
            shift,
            mask};
}

const bpf::FieldRef kSource =
    field("ip.src", bpf::FieldFormat::kAddress, WEIR_HAS_IP, offsetof(weir_packet, ip_src), 16, 0, 0);

Event event_of(const weir_event_inside& record, const bpf::Manifest& manifest, std::string_view interface,
               std::uint64_t wall_clock_ns) {
    PackedEvent packed;
    packed.manifest = &manifest;
    packed.wall_clock_ns = wall_clock_ns;
    packed.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
    interface.copy(packed.interface.data(), packed.interface.size() - 1);
    return to_event(packed);
}

std::string text_of(const weir_packet& packet, const bpf::FieldRef& field, const std::string& interface) {
    weir_event_inside record{};
    record.event.packet = packet;
    return field_text(record, field, interface);
}

const bpf::FieldRef kName = field("dns.qname", bpf::FieldFormat::kName, WEIR_HAS_DNS,
                                  WEIR_INSIDE_OFFSET + offsetof(weir_inside, name_length), 2, 0, 0xffff);
const bpf::FieldRef kPath = field("http.path", bpf::FieldFormat::kText, WEIR_HAS_HTTP_REQUEST,
                                  WEIR_INSIDE_OFFSET + offsetof(weir_inside, http_path), 4, 0, 0xffff);

}  // namespace

TEST_CASE("names and texts of a packet; odd bytes are shown as what they are") {
    weir_event_inside record{};
    weir_packet& packet = record.event.packet;
    packet.present[1] = WEIR_BIT(WEIR_HAS_DNS) | WEIR_BIT(WEIR_HAS_HTTP_REQUEST);
    packet.payload_offset = 54;
    const std::string name("a.b\\\x07.example");
    std::memcpy(record.inside.name, name.data(), name.size());
    record.inside.name_length = static_cast<__u16>(name.size());
    record.inside.name_labels = 2;
    record.inside.label_starts[1] = 6;
    std::memcpy(record.payload, "GET /a?b HTTP/1.1", 17);
    record.event.captured = 17;
    record.inside.http_path = WEIR_TEXT(54 + 4, 2);
    CHECK(field_text(record, kName, "") == "-");  // the event has nothing of what is inside
    record.event.flags = WEIR_EVENT_INSIDE;
    CHECK(field_text(record, kName, "") == "a\\.b\\\\\\007.example");
    CHECK(field_text(record, kPath, "") == "/a");
    record.inside.http_path = WEIR_TEXT(54 + 16, 60000);  // beyond what the event has
    CHECK(field_text(record, kPath, "") == "1");
    record.inside.http_path = WEIR_TEXT(10, 2);
    CHECK(field_text(record, kPath, "").empty());
    packet.present[1] = 0;
    CHECK(field_text(record, kPath, "") == "-");
    const bpf::FieldRef inner = field("inner.ip.src", bpf::FieldFormat::kAddress, 64 + WEIR_HAS_IP,
                                      WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner.ip_src), 16, 0, 0);
    CHECK(field_text(record, inner, "") == "-");
    record.inside.inner.present[0] = WEIR_BIT(WEIR_HAS_IP);
    record.inside.inner.ip_version = 6;
    record.inside.inner.ip_src[3] = 1;
    CHECK(field_text(record, inner, "") == "::1");
}

TEST_CASE("fields of a packet as text; absent ones are a dash") {
    weir_packet packet = tcp_packet();
    CHECK(text_of(packet, kSource, "") == "198.51.100.7");
    CHECK(text_of(packet,
                  field("tcp.dport", bpf::FieldFormat::kNumber, WEIR_HAS_TCP, offsetof(weir_packet, port_dst), 2, 0,
                        0xffff),
                  "") == "22");
    CHECK(text_of(packet,
                  field("udp.dport", bpf::FieldFormat::kNumber, WEIR_HAS_UDP, offsetof(weir_packet, port_dst), 2, 0,
                        0xffff),
                  "") == "-");
    CHECK(text_of(packet,
                  field("tcp.ack", bpf::FieldFormat::kBool, WEIR_HAS_TCP, offsetof(weir_packet, tcp_flags), 1, 4, 1),
                  "") == "true");
    CHECK(text_of(packet,
                  field("tcp.rst", bpf::FieldFormat::kBool, WEIR_HAS_TCP, offsetof(weir_packet, tcp_flags), 1, 2, 1),
                  "") == "false");
    CHECK(text_of(packet,
                  field("ip.dscp", bpf::FieldFormat::kNumber, WEIR_HAS_IP, offsetof(weir_packet, ip_tos), 1, 2, 0x3f),
                  "") == "46");
    // A flag in another word than the bit that says whether the packet has it.
    const bpf::FieldRef flag =
        field("flag", bpf::FieldFormat::kBool, WEIR_HAS_IP, offsetof(weir_packet, present) + 4, 4, 31, 1);
    CHECK(text_of(packet, flag, "") == "false");
    packet.present[1] = 1u << 31;
    CHECK(text_of(packet, flag, "") == "true");
    packet.present[0] |= WEIR_BIT(WEIR_HAS_IFACE);
    CHECK(
        text_of(packet,
                field("iface", bpf::FieldFormat::kIface, WEIR_HAS_IFACE, offsetof(weir_packet, iface_matches), 4, 0, 0),
                "eth0") == "eth0");

    packet.ip_version = 6;
    packet.ip_src[0] = 0x20010db8;
    packet.ip_src[3] = 1;
    CHECK(text_of(packet, kSource, "") == "2001:db8::1");
    packet.present[0] |= WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_ARP_IP);
    packet.eth_src = 0x020000000a01;
    packet.arp_sender_ip = 0x0a000001;
    CHECK(text_of(packet,
                  field("eth.src", bpf::FieldFormat::kMac, WEIR_HAS_ETH, offsetof(weir_packet, eth_src), 8, 0,
                        0xffffffffffff),
                  "") == "02:00:00:00:0a:01");
    CHECK(text_of(packet,
                  field("arp.sender_ip", bpf::FieldFormat::kAddress, WEIR_HAS_ARP_IP,
                        offsetof(weir_packet, arp_sender_ip), 4, 0, 0xffffffff),
                  "") == "10.0.0.1");
}

TEST_CASE("an event is its record and its manifest's words") {
    bpf::Manifest manifest;
    manifest.policy = "edge";
    manifest.rules = {{"first", false, WEIR_PASS, ""}, {"guess", true, WEIR_DROP, ""}, {"noted", false, ~0u, ""}};
    manifest.alerts.resize(1);
    manifest.alerts[0].name = "guessing";
    manifest.alerts[0].severity = bpf::AlertSeverity::kCritical;
    manifest.alerts[0].message = {
        std::string("from "), kSource,          std::string(", "),    MessageWord::kSuppressed, std::string(" more, "),
        MessageWord::kRule,   std::string(" "), MessageWord::kVerdict};
    weir_event_inside all{};
    weir_event& record = all.event;
    record.time_ns = 5;
    record.rule = 1;
    record.generation = 3;
    record.suppressed = 7;
    record.verdict = WEIR_DROP;
    record.flags = WEIR_EVENT_WOULD;
    record.packet = tcp_packet();
    Event event = event_of(all, manifest, "wan\x1b[2J", 1005);
    CHECK(event.policy == "edge");
    CHECK(event.rule == "guess");
    CHECK(event.alert == "guessing");
    CHECK(event.severity == "critical");
    CHECK(event.verdict == "would drop");
    CHECK(event.message == "from 198.51.100.7, 7 more, guess would drop");
    CHECK(event.interface == "wan\\x1b[2J");
    CHECK(event.wall_clock_ns == 1005);
    record.flags = 0;
    CHECK(event_of(all, manifest, "", 0).verdict == "drop");
    record.rule = 2;
    record.verdict = ~0u;
    event = event_of(all, manifest, "", 0);
    CHECK(event.verdict.empty());
    CHECK(event.message == "from 198.51.100.7, 7 more, noted -");
}
