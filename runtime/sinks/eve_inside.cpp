// Tested by tests/unit/runtime/eve_line_test.cpp.
#include "runtime/sinks/eve_inside.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/sinks/append.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

struct Numbered {
    std::uint16_t number;
    std::string_view name;
};
// IANA's names, as Suricata logs them; other types are their number.
constexpr Numbered kTypes[] = {
    {1, "A"},     {2, "NS"},    {5, "CNAME"},  {6, "SOA"},    {10, "NULL"}, {12, "PTR"},    {13, "HINFO"},
    {15, "MX"},   {16, "TXT"},  {17, "RP"},    {18, "AFSDB"}, {24, "SIG"},  {25, "KEY"},    {28, "AAAA"},
    {29, "LOC"},  {33, "SRV"},  {35, "NAPTR"}, {36, "KX"},    {37, "CERT"}, {39, "DNAME"},  {41, "OPT"},
    {42, "APL"},  {43, "DS"},   {44, "SSHFP"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"}, {50, "NSEC3"},
    {52, "TLSA"}, {55, "HIP"},  {59, "CDS"},   {65, "HTTPS"}, {99, "SPF"},  {249, "TKEY"},  {250, "TSIG"},
    {255, "ANY"}, {256, "URI"},
};
constexpr std::string_view kCodes[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                       "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};

// Other protocols are their number in three digits, as in Suricata.
void append_protocol(TextBuffer& to, std::uint8_t proto) {
    switch (proto) {
        case 1: return to.append("ICMP");
        case 6: return to.append("TCP");
        case 17: return to.append("UDP");
        case 58: return to.append("IPv6-ICMP");
        case 132: return to.append("SCTP");
        default: break;
    }
    for (const int unit : {100, 10, 1}) to.append(static_cast<char>('0' + proto / unit % 10));
}

// kTurned: source and destination change places.
enum class Ends : std::uint8_t { kAsSent, kTurned };
void append_ends(TextBuffer& to, const weir_packet& packet, Ends ends) {
    const bool is_turned = ends == Ends::kTurned;
    const bool has_ports = has(packet, WEIR_HAS_PORTS);
    to.append(R"("src_ip":")");
    append_address(to, is_turned ? packet.ip_dst : packet.ip_src, packet.ip_version);
    if (has_ports) {
        to.append(R"(","src_port":)");
        append_number(to, is_turned ? packet.port_dst : packet.port_src);
        to.append(R"(,"dest_ip":")");
    } else {
        to.append(R"(","dest_ip":")");
    }
    append_address(to, is_turned ? packet.ip_src : packet.ip_dst, packet.ip_version);
    to.append('"');
    if (has_ports) {
        to.append(R"(,"dest_port":)");
        append_number(to, is_turned ? packet.port_src : packet.port_dst);
    }
}

// Suricata counts each side. weir counts a flow: which side that was is known as long as one of them has sent alone.
void append_sides(TextBuffer& to, const weir_flow_view& flow) {
    // Of a flow that begins with this packet nothing else is there: its client has sent it.
    const bool is_new = (flow.present & WEIR_BIT(WEIR_IS_FLOW_NEW)) != 0;
    const bool is_client_second = (flow.state & WEIR_FLOW_CLIENT) != 0;
    const std::uint32_t seen = flow.state / WEIR_FLOW_SEEN & 3;
    if (!is_new && seen != 1 && seen != 2) return;
    const bool is_to_server = is_new || (seen == 2) == is_client_second;
    const auto pair = [&](std::string_view server, std::string_view client, std::uint64_t number) {
        to.append(server);
        append_number(to, is_to_server ? number : 0);
        to.append(client);
        append_number(to, is_to_server ? 0 : number);
    };
    pair(R"("pkts_toserver":)", R"(,"pkts_toclient":)", flow.packets);
    pair(R"(,"bytes_toserver":)", R"(,"bytes_toclient":)", flow.bytes);
    to.append(',');
}

bool has_flow(const weir_event_inside& record, std::uint32_t bit) { return (record.flow.present & WEIR_BIT(bit)) != 0; }

// `name` with its quotes and colon. Nothing where the event does not carry the text.
void append_frame_text(TextBuffer& to, std::string_view name, const weir_event_inside& record, std::uint32_t text) {
    const std::string_view bytes = frame_text(record, text);
    if (bytes.empty()) return;
    to.append(',');
    to.append(name);
    to.append(R"(:")");
    append_text(to, bytes, TextForm::kJson);
    to.append('"');
}

void append_dns(TextBuffer& to, const weir_event_inside& record) {
    const weir_inside& inside = record.inside;
    to.append(has(record.event.packet, WEIR_IS_DNS_RESPONSE) ? R"(,"dns":{"version":3,"type":"response","rcode":")"
                                                             : R"(,"dns":{"version":3,"type":"request","rcode":")");
    if (inside.dns_rcode < std::size(kCodes))
        to.append(kCodes[inside.dns_rcode]);
    else
        append_number(to, inside.dns_rcode);
    to.append(R"(","queries":[{"rrname":")");
    append_name(to, inside, TextForm::kJson);
    to.append(R"(","rrtype":")");
    const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                     [&](const Numbered& type) { return type.number == inside.dns_qtype; });
    if (known != std::end(kTypes))
        to.append(known->name);
    else
        append_number(to, inside.dns_qtype);
    to.append(R"("}]})");
}

// Suricata's names of versions.
void append_tls_version(TextBuffer& to, std::uint16_t version) {
    switch (version) {
        case 0x0002: return to.append("SSLv2");
        case 0x0300: return to.append("SSLv3");
        case 0x0301: return to.append("TLSv1");
        case 0x0302: return to.append("TLS 1.1");
        case 0x0303: return to.append("TLS 1.2");
        case 0x0304: return to.append("TLS 1.3");
        default: break;
    }
    to.append("0x");
    append_hex(to, version, 4);
}

// What is behind the "{" of an object: its members were written with a comma before each of them.
void close_object(TextBuffer& to, std::string_view name, const TextBuffer& members) {
    to.append(name);
    if (!members.empty()) to.append(members.text().substr(1));
    to.append('}');
}

void append_tls(TextBuffer& to, const weir_event_inside& record) {
    const weir_packet& packet = record.event.packet;
    static thread_local TextBuffer members;
    members.clear();
    if (has(packet, WEIR_HAS_SNI)) {
        members.append(R"(,"sni":")");
        append_name(members, record.inside, TextForm::kJson);
        members.append('"');
    }
    if (has(packet, WEIR_HAS_TLS_VERSION)) {
        members.append(R"(,"version":")");
        append_tls_version(members, record.inside.tls_version);
        members.append('"');
    }
    if (const auto alpn = frame_text(record, record.inside.tls_alpn); has(packet, WEIR_HAS_ALPN) && !alpn.empty()) {
        members.append(R"(,"client_alpns":[")");
        append_text(members, alpn, TextForm::kJson);
        members.append(R"("])");
    }
    close_object(to, R"(,"tls":{)", members);
}

void append_http(TextBuffer& to, const weir_event_inside& record) {
    const weir_packet& packet = record.event.packet;
    const weir_inside& inside = record.inside;
    static thread_local TextBuffer members;
    members.clear();
    if (has(packet, WEIR_HAS_HTTP_HOST)) {
        members.append(R"(,"hostname":")");
        append_name(members, inside, TextForm::kJson);
        members.append('"');
    }
    if (has(packet, WEIR_HAS_HTTP_REQUEST)) {
        append_frame_text(members, R"("url")", record, inside.http_target);
        append_frame_text(members, R"("http_method")", record, inside.http_method);
    }
    if (has(packet, WEIR_HAS_USER_AGENT))
        append_frame_text(members, R"("http_user_agent")", record, inside.http_user_agent);
    if (has(packet, WEIR_HAS_HTTP_STATUS)) {
        members.append(R"(,"status":)");
        append_number(members, inside.http_status);
    }
    close_object(to, R"(,"http":{)", members);
}

}  // namespace

bool is_about_inner(const weir_event_inside& record, const bpf::AlertInfo& alert) {
    constexpr std::uint32_t kTunnels[] = {WEIR_HAS_VXLAN, WEIR_HAS_GENEVE, WEIR_HAS_GRE, WEIR_HAS_IPIP};
    const weir_packet& packet = record.event.packet;
    if ((record.event.flags & WEIR_EVENT_INSIDE) == 0 || !has(packet, WEIR_HAS_INNER)) return false;
    if (std::none_of(std::begin(kTunnels), std::end(kTunnels), [&](auto bit) { return has(packet, bit); }))
        return false;
    return std::any_of(alert.message.begin(), alert.message.end(), [](const bpf::MessagePart& part) {
        const auto* field = std::get_if<bpf::FieldRef>(&part);
        return field != nullptr && field->name.starts_with("inner.");
    });
}

void append_eve_addresses(TextBuffer& to, const weir_packet& packet) {
    if (!has(packet, WEIR_HAS_IP)) return;
    to.append(',');
    append_ends(to, packet, Ends::kAsSent);
    if (has(packet, WEIR_HAS_IP_PROTO)) {
        to.append(R"(,"proto":")");
        append_protocol(to, packet.ip_proto);
        to.append('"');
    }
    if (has(packet, WEIR_HAS_ICMP) || has(packet, WEIR_HAS_ICMP6)) {
        to.append(R"(,"icmp_type":)");
        append_number(to, packet.icmp_type);
        to.append(R"(,"icmp_code":)");
        append_number(to, packet.icmp_code);
    }
}

void append_eve_flow(TextBuffer& to, const weir_event_inside& record, std::uint64_t wall_clock_ns) {
    const weir_flow_view& flow = record.flow;
    if ((record.event.flags & WEIR_EVENT_FLOW) == 0 || !has_flow(record, WEIR_HAS_FLOW)) return;
    const bool is_from_client = has_flow(record, WEIR_IS_FLOW_FROM_CLIENT), is_new = has_flow(record, WEIR_IS_FLOW_NEW);
    to.append(R"(,"flow_id":)");
    append_number(to, flow.print >> 11);  // 53 bits: readers that keep numbers as doubles keep all of them
    to.append(is_from_client ? R"(,"direction":"to_server","flow":{)" : R"(,"direction":"to_client","flow":{)");
    append_sides(to, flow);
    if (is_new || flow.age_ns != 0) {  // known of a policy that reads it
        to.append(R"("start":")");
        append_time(to, wall_clock_ns - flow.age_ns);
        to.append(R"(+0000",)");
    }
    append_ends(to, record.event.packet, is_from_client ? Ends::kAsSent : Ends::kTurned);
    to.append(has_flow(record, WEIR_IS_FLOW_ESTABLISHED) ? R"(,"state":"established"})" : R"(,"state":"new"})");
}

void append_eve_tunnel(TextBuffer& to, const weir_event_inside& record) {
    const weir_packet& packet = record.event.packet;
    to.append(R"(,"tunnel":{)");
    append_ends(to, packet, Ends::kAsSent);
    to.append(R"(,"proto":")");
    append_protocol(to, packet.ip_proto);
    to.append(R"(","depth":1,"pkt_src":"wire/pcap"})");
}

void append_eve_protocols(TextBuffer& to, const weir_event_inside& record) {
    if ((record.event.flags & WEIR_EVENT_INSIDE) == 0) return;
    const weir_packet& packet = record.event.packet;
    if (has(packet, WEIR_HAS_DNS)) append_dns(to, record);
    if (has(packet, WEIR_HAS_TLS)) append_tls(to, record);
    if (has(packet, WEIR_HAS_HTTP)) append_http(to, record);
}

void append_tunnel_type(TextBuffer& to, const weir_event_inside& record) {
    if ((record.event.flags & WEIR_EVENT_INSIDE) == 0) return;
    const weir_packet& packet = record.event.packet;
    const weir_inside& inside = record.inside;
    const auto numbered = [&](std::string_view before, std::uint32_t id) {
        to.append(before);
        append_number(to, id);
        to.append('}');
    };
    if (has(packet, WEIR_HAS_VXLAN)) return numbered(R"(,"tunnel":{"type":"vxlan","id":)", inside.vxlan_vni);
    if (has(packet, WEIR_HAS_GENEVE)) return numbered(R"(,"tunnel":{"type":"geneve","id":)", inside.geneve_vni);
    if (has(packet, WEIR_HAS_GRE_KEY)) return numbered(R"(,"tunnel":{"type":"gre","id":)", inside.gre_key);
    if (has(packet, WEIR_HAS_GRE)) return to.append(R"(,"tunnel":{"type":"gre"})");
    if (has(packet, WEIR_HAS_IPIP)) to.append(R"(,"tunnel":{"type":"ipip"})");
}

}  // namespace weir::runtime
