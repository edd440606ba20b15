// EVE lines against a plain writer of the same object, and against what Suricata says its names mean.
#include "runtime/sinks/eve_line.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

#include "grammar/base/hash.h"
#include "runtime/kernel.h"
#include "runtime/sinks/eve_inside.h"
#include "runtime/sinks/event_text.h"
#include "tests/unit/runtime/hostile_event.h"
#include "tests/unit/runtime/packed.h"

using namespace weir;
using namespace weir::runtime;
using Json = nlohmann::ordered_json;

namespace {

std::string timestamp(std::uint64_t ns) {
    std::string text = rfc3339(ns);
    text.pop_back();
    return text + "+0000";
}

std::string protocol_name(std::uint8_t proto) {
    const std::map<int, std::string> names = {{1, "ICMP"}, {6, "TCP"}, {17, "UDP"}, {58, "IPv6-ICMP"}, {132, "SCTP"}};
    const auto known = names.find(proto);
    return known == names.end() ? fmt::format("{:03}", proto) : known->second;
}

std::string mac_text(std::uint64_t mac) {
    std::string text;
    for (int shift = 40; shift >= 0; shift -= 8)
        text += fmt::format("{}{:02x}", shift == 40 ? "" : ":", mac >> shift & 0xff);
    return text;
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

// What every line has, of the packet that the alert is about.
Json plain_object(const Event& event, const weir_packet& about) {
    const weir_packet& packet = event.record.packet;
    const bool would = (event.record.flags & WEIR_EVENT_WOULD) != 0, is_out = event.direction == bpf::Direction::kOut;
    const bool blocked = !would && (event.record.verdict == WEIR_DROP || event.record.verdict == WEIR_REJECT);
    Json line;
    line["timestamp"] = timestamp(event.wall_clock_ns);
    line["event_type"] = "alert";
    if (!event.interface.empty()) line[is_out ? "out_iface" : "in_iface"] = event.interface;
    add_addresses(line, about);
    if (has(packet, WEIR_HAS_VLAN)) line["vlan"] = Json::array({packet.vlan_id});
    if (has(packet, WEIR_HAS_ETH))
        line["ether"] = {{"src_mac", mac_text(packet.eth_src)}, {"dest_mac", mac_text(packet.eth_dst)}};
    line["alert"] = {{"action", blocked ? "blocked" : "allowed"},
                     {"gid", 1},
                     {"signature_id", fnv1a_32(event.alert) & 0x7fffffffu},
                     {"rev", 1},
                     {"signature", event.alert},
                     {"category", event.policy},
                     {"severity", event.severity == "high" || event.severity == "critical" ? 1
                                  : event.severity == "medium"                             ? 2
                                                                                           : 3}};
    line["weir"] = {{"policy", event.policy},
                    {"rule", event.rule},
                    {"alert", event.alert},
                    {"generation", event.record.generation},
                    {"suppressed", event.record.suppressed},
                    {"severity", event.severity},
                    {"verdict", event.verdict},
                    {"message", event.message},
                    {"packet_len", packet.len},
                    {"direction", is_out ? "out" : "in"},
                    {"id", event.id}};
    if (event.escalated != 0) line["weir"]["escalated"] = event.escalated;
    if (!event.redirected_to.empty()) line["weir"]["to"] = event.redirected_to;
    return line;
}

// Those of `line` that the plain object does not have.
std::vector<std::string> take_out(Json& line, std::initializer_list<const char*> names) {
    std::vector<std::string> there;
    for (const char* name : names)
        if (line.contains(name)) {
            there.emplace_back(name);
            line.erase(name);
        }
    return there;
}

Json line_of(const PackedEvent& event) { return Json::parse(eve_line(event)); }

void put_name(weir_inside& inside, std::string_view name) {
    name.copy(reinterpret_cast<char*>(inside.name), name.size());
    inside.name_length = static_cast<__u16>(name.size());
    inside.is_dotted = 1;
}

// Text at an offset of the payload, which begins at 54.
__u32 put_text(weir_event_inside& record, std::size_t at, std::string_view text) {
    text.copy(reinterpret_cast<char*>(record.payload) + at, text.size());
    record.event.captured = WEIR_EVENT_PAYLOAD_BYTES;
    record.event.packet.payload_offset = 54;
    return WEIR_TEXT(54 + static_cast<__u32>(at), static_cast<__u32>(text.size()));
}

weir_event_inside an_inside(std::initializer_list<unsigned> bits) {
    weir_event_inside record = a_record();
    record.event.flags = WEIR_EVENT_INSIDE;
    for (const unsigned bit : bits) record.event.packet.present[WEIR_PRESENT_WORD(bit)] |= WEIR_BIT(bit);
    return record;
}

weir_event_inside a_flow(std::initializer_list<unsigned> bits) {
    weir_event_inside record = an_inside({});
    record.event.flags |= WEIR_EVENT_FLOW;
    record.flow.present = WEIR_BIT(WEIR_HAS_FLOW);
    for (const unsigned bit : bits) record.flow.present |= WEIR_BIT(bit);
    record.flow.packets = 3;
    record.flow.bytes = 200;
    record.flow.print = ~std::uint64_t{0};
    return record;
}

}  // namespace

TEST_CASE("what every line has is what a plain writer makes of the event's texts") {
    HostileEvents events(5);
    for (int i = 0; i < 20000; ++i) {
        const PackedEvent packed_event = events.next();
        Json line = line_of(packed_event);
        const bool is_inner = line.contains("tunnel");
        take_out(line,
                 {"tunnel", "verdict", "dns", "tls", "http", "flow_id", "direction", "flow", "packet", "packet_info"});
        take_out(line["weir"], {"tunnel", "flow", "before"});
        const Event event = to_event(packed_event);
        REQUIRE(
            line.dump() ==
            plain_object(event, is_inner ? packed_event.record().inside.inner : packed_event.event().packet).dump());
    }
}

TEST_CASE("the whole line of a plain event") {
    const auto manifest = a_manifest();
    CHECK(eve_line(packed(manifest, a_record())) ==
          R"({"timestamp":"2026-01-02T03:04:05.678901+0000","event_type":"alert","in_iface":"eth0",)"
          R"("src_ip":"198.51.100.7","src_port":50000,"dest_ip":"192.0.2.1","dest_port":22,"proto":"TCP","vlan":[7],)"
          R"("ether":{"src_mac":"02:00:00:00:00:01","dest_mac":"02:00:00:00:00:02"},)"
          R"("alert":{"action":"blocked","gid":1,"signature_id":)" +
              std::to_string(fnv1a_32("guessing") & 0x7fffffffu) +
              R"(,"rev":1,"signature":"guessing","category":"edge","severity":1},"verdict":{"action":"drop"},)"
              R"("weir":{"policy":"edge","rule":"guess","alert":"guessing","generation":3,"suppressed":4,)"
              R"("severity":"high","verdict":"drop","message":"from 198.51.100.7","packet_len":74,"direction":"in",)"
              R"("id":"3f2a9c01d4e5b677-00000000012c40"}})"
              "\n");
}

TEST_CASE("a line says what is known and no more") {
    const auto manifest = a_manifest();
    weir_event_inside record = a_record();
    record.event.packet = {};
    const Json line = line_of(packed(manifest, record, ""));
    for (const char* absent : {"src_ip", "src_port", "dest_ip", "proto", "in_iface", "vlan", "ether", "packet"})
        CHECK_FALSE(line.contains(absent));
}

TEST_CASE("a line has the packet that was captured, and those before it, unless they are not wanted") {
    const auto manifest = a_manifest();
    PackedEvent event = packed(manifest, a_record());
    Captures captures;
    captures.packet.bytes = {0xff, 0xfe, 0x00, 0x41};
    CapturedPacket before;
    before.bytes = {'f', 'o', 'o'};
    before.original_bytes = 60;
    before.wall_clock_ns = event.wall_clock_ns;
    before.interface = "eth\x1b";
    before.rule = "web";
    before.verdict = "pass";
    captures.before = {before, before};
    event.captures = std::make_unique<const Captures>(std::move(captures));
    const Json line = line_of(event);
    CHECK(line["packet"] == "//4AQQ==");
    CHECK(line["packet_info"] == Json{{"linktype", 1}});
    REQUIRE(line["weir"]["before"].size() == 2);
    CHECK(line["weir"]["before"][1] ==
          Json::parse(R"({"timestamp":"2026-01-02T03:04:05.678901+0000","in_iface":"eth\\x1b","rule":"web",
                          "verdict":"pass","packet_len":60,"packet":"Zm9v"})"));
    const Json own = Json::parse(eve_line(event, EvePackets::kOwn));
    CHECK(own["packet"] == "//4AQQ==");
    CHECK_FALSE(own["weir"].contains("before"));
}

TEST_CASE("verdicts in Suricata's words") {
    auto manifest = a_manifest();
    weir_event_inside record = a_record();
    const auto verdict = [&] { return line_of(packed(manifest, record))["verdict"]; };
    record.event.verdict = WEIR_REJECT;
    CHECK(verdict() == Json{{"action", "drop"}, {"reject_target", "to_client"}, {"reject", {"tcp-reset"}}});
    record.event.packet.present[0] &= ~WEIR_BIT(WEIR_HAS_TCP);
    CHECK(verdict() == Json{{"action", "drop"}, {"reject_target", "to_client"}, {"reject", {"icmp-prohib"}}});
    record.event.flags = WEIR_EVENT_WOULD;
    CHECK(verdict() == Json{{"action", "alert"}});
    record.event.flags = 0;
    record.event.verdict = ~0u;
    CHECK(verdict() == Json{{"action", "alert"}});
    record.event.verdict = WEIR_PASS;
    CHECK(verdict() == Json{{"action", "pass"}});
    record.event.verdict = WEIR_REDIRECT;
    CHECK(verdict() == Json{{"action", "pass"}});
}

TEST_CASE("DNS, TLS and HTTP have Suricata's names") {
    const auto manifest = a_manifest();
    weir_event_inside dns = an_inside({WEIR_HAS_DNS, WEIR_IS_DNS_RESPONSE});
    put_name(dns.inside, "www.example.com");
    dns.inside.dns_qtype = 28;
    dns.inside.dns_rcode = 3;
    CHECK(line_of(packed(manifest, dns))["dns"] == Json::parse(R"({"version":3,"type":"response","rcode":"NXDOMAIN",
                          "queries":[{"rrname":"www.example.com","rrtype":"AAAA"}]})"));
    dns.inside.dns_qtype = 4711;
    CHECK(line_of(packed(manifest, dns))["dns"]["queries"][0]["rrtype"] == "4711");

    weir_event_inside tls =
        an_inside({WEIR_HAS_TLS, WEIR_IS_CLIENT_HELLO, WEIR_HAS_SNI, WEIR_HAS_TLS_VERSION, WEIR_HAS_ALPN});
    put_name(tls.inside, "example.com");
    tls.inside.tls_version = 0x0303;
    tls.inside.tls_alpn = put_text(tls, 100, "h2");
    CHECK(line_of(packed(manifest, tls))["tls"] ==
          Json::parse(R"({"sni":"example.com","version":"TLS 1.2","client_alpns":["h2"]})"));

    weir_event_inside http = an_inside({WEIR_HAS_HTTP, WEIR_HAS_HTTP_REQUEST, WEIR_HAS_HTTP_HOST, WEIR_HAS_USER_AGENT});
    put_name(http.inside, "example.com");
    http.inside.http_method = put_text(http, 0, "GET");
    http.inside.http_target = put_text(http, 4, "/a?b=\"1\"");
    http.inside.http_user_agent = put_text(http, 60, "curl/8");
    CHECK(
        line_of(packed(manifest, http))["http"] ==
        Json::parse(R"({"hostname":"example.com","url":"/a?b=\"1\"","http_method":"GET","http_user_agent":"curl/8"})"));
    http.event.captured = 0;  // no message of the policy names a text
    CHECK(line_of(packed(manifest, http))["http"] == Json{{"hostname", "example.com"}});

    weir_event_inside answer = an_inside({WEIR_HAS_HTTP, WEIR_HAS_HTTP_STATUS});
    answer.inside.http_status = 503;
    CHECK(line_of(packed(manifest, answer))["http"] == Json{{"status", 503}});
    answer.event.flags = 0;  // no message names a field inside
    CHECK_FALSE(line_of(packed(manifest, answer)).contains("http"));
}

TEST_CASE("a flow: its number, its ends, and packets by side as long as one side has sent alone") {
    const auto manifest = a_manifest();
    weir_event_inside record = a_flow({WEIR_IS_FLOW_NEW, WEIR_IS_FLOW_FROM_CLIENT});
    record.flow.state = WEIR_FLOW_SEEN << 1 | WEIR_FLOW_CLIENT;
    Json line = line_of(packed(manifest, record));
    CHECK(line["flow_id"] == (std::uint64_t{1} << 53) - 1);
    CHECK(line["direction"] == "to_server");
    CHECK(line["flow"] == Json::parse(R"({"pkts_toserver":3,"pkts_toclient":0,"bytes_toserver":200,"bytes_toclient":0,
        "start":"2026-01-02T03:04:05.678901+0000","src_ip":"198.51.100.7","src_port":50000,"dest_ip":"192.0.2.1",
        "dest_port":22,"state":"new"})"));
    CHECK(line["weir"]["flow"] == Json::parse(R"({"packets":3,"bytes":200})"));

    // An answer: its source is the server.
    record = a_flow({WEIR_IS_FLOW_ESTABLISHED, WEIR_HAS_FLOW_RTT});
    record.flow.state = WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1;
    record.flow.rtt_ns = 1500;
    record.flow.age_ns = 678'901'234;
    line = line_of(packed(manifest, record));
    CHECK(line["direction"] == "to_client");
    CHECK(line["src_ip"] == "198.51.100.7");
    CHECK(line["flow"] == Json::parse(R"({"start":"2026-01-02T03:04:05.000000+0000","src_ip":"192.0.2.1","src_port":22,
        "dest_ip":"198.51.100.7","dest_port":50000,"state":"established"})"));
    CHECK(line["weir"]["flow"] == Json::parse(R"({"packets":3,"bytes":200,"rtt_ns":1500})"));

    record.flow.present = 0;
    line = line_of(packed(manifest, record));
    CHECK(take_out(line, {"flow_id", "direction", "flow"}).empty());
}

TEST_CASE("an alert that names the packet within a tunnel is about that one; the outer one is `tunnel`") {
    auto manifest = a_manifest();
    weir_event_inside record = an_inside({WEIR_HAS_UDP, WEIR_HAS_VXLAN, WEIR_HAS_INNER});
    record.event.packet.ip_proto = 17;
    record.inside.vxlan_vni = 42;
    record.inside.inner = record.event.packet;
    record.inside.inner.ip_src[0] = 0x0a000001;
    record.inside.inner.ip_proto = 6;
    Json line = line_of(packed(manifest, record));
    CHECK(line["src_ip"] == "198.51.100.7");
    CHECK_FALSE(line.contains("tunnel"));
    CHECK(line["weir"]["tunnel"] == Json::parse(R"({"type":"vxlan","id":42})"));

    manifest.alerts[0].message.emplace_back(field_of("inner.ip.src", bpf::FieldFormat::kAddress, 64 + WEIR_HAS_IP,
                                                     WEIR_INSIDE_OFFSET + offsetof(weir_inside, inner.ip_src), 16));
    line = line_of(packed(manifest, record));
    CHECK(line["src_ip"] == "10.0.0.1");
    CHECK(line["proto"] == "TCP");
    CHECK(line["tunnel"] ==
          Json::parse(R"({"src_ip":"198.51.100.7","src_port":50000,"dest_ip":"192.0.2.1","dest_port":22,
        "proto":"UDP","depth":1,"pkt_src":"wire/pcap"})"));
    // What an ICMP error quotes is no tunnel.
    record.event.packet.present[1] &= ~WEIR_BIT(WEIR_HAS_VXLAN);
    CHECK(line_of(packed(manifest, record))["src_ip"] == "198.51.100.7");
}

namespace {

// The part of JSON Schema that tests/data/eve-schema.json uses.
std::string breach(const Json& value, const Json& schema, const std::string& at) {
    const std::string type = schema.at("type");
    const bool fits = type == "object"    ? value.is_object()
                      : type == "array"   ? value.is_array()
                      : type == "integer" ? value.is_number_integer()
                                          : value.is_string();
    if (!fits) return at + " is no " + type;
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
        return at + " is " + value.dump();
    if (type == "array")
        for (const Json& item : value)
            if (auto found = breach(item, schema.at("items"), at + "[]"); !found.empty()) return found;
    if (type != "object") return {};
    for (const auto& name : schema.value("required", Json::array()))
        if (!value.contains(name)) return at + " lacks " + name.get<std::string>();
    for (const auto& [name, member] : value.items()) {
        if (!schema.at("properties").contains(name)) return at + "." + name + " is unknown";
        if (auto found = breach(member, schema["properties"][name], at + "." + name); !found.empty()) return found;
    }
    return {};
}

}  // namespace

TEST_CASE("names and types are those that Suricata's schema has; what is weir's own is in `weir`, and `out_iface`") {
    const Json schema = Json::parse(std::ifstream(WEIR_SOURCE_DIR "/tests/data/eve-schema.json"));
    HostileEvents events(29);
    for (int i = 0; i < 20000; ++i) {
        const std::string line = eve_line(events.next());
        INFO(line);
        REQUIRE(breach(Json::parse(line), schema, "line") == "");
    }
}
