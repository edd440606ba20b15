// Tested by tests/unit/tooling/import_words_test.cpp.
#include "tooling/import/protocols.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "compiler/packet/value_names.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {
namespace {

struct NamedType {
    std::string_view name;
    int version;
    std::uint8_t type;
    int code;  // -1: any
};

// The names of iptables, ip6tables and nft.
// clang-format off
constexpr NamedType kTypes[] = {
    {"echo-reply", 4, 0, -1}, {"pong", 4, 0, -1}, {"destination-unreachable", 4, 3, -1}, {"network-unreachable", 4, 3, 0},
    {"host-unreachable", 4, 3, 1}, {"protocol-unreachable", 4, 3, 2}, {"port-unreachable", 4, 3, 3}, {"fragmentation-needed", 4, 3, 4},
    {"source-route-failed", 4, 3, 5}, {"network-unknown", 4, 3, 6}, {"host-unknown", 4, 3, 7}, {"network-prohibited", 4, 3, 9},
    {"host-prohibited", 4, 3, 10}, {"communication-prohibited", 4, 3, 13}, {"source-quench", 4, 4, -1}, {"redirect", 4, 5, -1},
    {"network-redirect", 4, 5, 0}, {"host-redirect", 4, 5, 1}, {"echo-request", 4, 8, -1}, {"ping", 4, 8, -1},
    {"router-advertisement", 4, 9, -1}, {"router-solicitation", 4, 10, -1}, {"time-exceeded", 4, 11, -1}, {"ttl-exceeded", 4, 11, -1},
    {"ttl-zero-during-transit", 4, 11, 0}, {"ttl-zero-during-reassembly", 4, 11, 1}, {"parameter-problem", 4, 12, -1},
    {"ip-header-bad", 4, 12, 0}, {"required-option-missing", 4, 12, 1}, {"timestamp-request", 4, 13, -1}, {"timestamp-reply", 4, 14, -1},
    {"info-request", 4, 15, -1}, {"info-reply", 4, 16, -1}, {"address-mask-request", 4, 17, -1}, {"address-mask-reply", 4, 18, -1},
    {"destination-unreachable", 6, 1, -1}, {"no-route", 6, 1, 0}, {"communication-prohibited", 6, 1, 1}, {"beyond-scope", 6, 1, 2},
    {"address-unreachable", 6, 1, 3}, {"port-unreachable", 6, 1, 4}, {"packet-too-big", 6, 2, -1}, {"time-exceeded", 6, 3, -1},
    {"ttl-exceeded", 6, 3, -1}, {"ttl-zero-during-transit", 6, 3, 0}, {"ttl-zero-during-reassembly", 6, 3, 1},
    {"parameter-problem", 6, 4, -1}, {"bad-header", 6, 4, 0}, {"unknown-header-type", 6, 4, 1}, {"unknown-option", 6, 4, 2},
    {"echo-request", 6, 128, -1}, {"ping", 6, 128, -1}, {"echo-reply", 6, 129, -1}, {"pong", 6, 129, -1},
    {"mld-listener-query", 6, 130, -1}, {"mld-listener-report", 6, 131, -1}, {"mld-listener-done", 6, 132, -1},
    {"mld-listener-reduction", 6, 132, -1}, {"router-solicitation", 6, 133, -1}, {"nd-router-solicit", 6, 133, -1},
    {"router-advertisement", 6, 134, -1}, {"nd-router-advert", 6, 134, -1}, {"neighbour-solicitation", 6, 135, -1},
    {"neighbor-solicitation", 6, 135, -1}, {"nd-neighbor-solicit", 6, 135, -1}, {"neighbour-advertisement", 6, 136, -1},
    {"neighbor-advertisement", 6, 136, -1}, {"nd-neighbor-advert", 6, 136, -1}, {"redirect", 6, 137, -1}, {"nd-redirect", 6, 137, -1},
    {"router-renumbering", 6, 138, -1}, {"ind-neighbor-solicit", 6, 141, -1}, {"ind-neighbor-advert", 6, 142, -1},
    {"mld2-listener-report", 6, 143, -1},
};
constexpr NamedType kCodes[] = {
    {"net-unreachable", 4, 0, -1}, {"host-unreachable", 4, 1, -1}, {"prot-unreachable", 4, 2, -1}, {"port-unreachable", 4, 3, -1},
    {"frag-needed", 4, 4, -1}, {"net-prohibited", 4, 9, -1}, {"host-prohibited", 4, 10, -1}, {"admin-prohibited", 4, 13, -1},
    {"no-route", 6, 0, -1}, {"admin-prohibited", 6, 1, -1}, {"addr-unreachable", 6, 3, -1}, {"port-unreachable", 6, 4, -1},
    {"policy-fail", 6, 5, -1}, {"reject-route", 6, 6, -1},
};
// Those of /etc/services that stand in rules, with the ports that IANA and Debian give them.
constexpr std::pair<std::string_view, std::uint16_t> kPorts[] = {
    {"ftp-data", 20}, {"ftp", 21}, {"ssh", 22}, {"telnet", 23}, {"smtp", 25}, {"mail", 25}, {"time", 37}, {"whois", 43},
    {"tacacs", 49}, {"domain", 53}, {"bootps", 67}, {"bootpc", 68}, {"tftp", 69}, {"gopher", 70}, {"finger", 79}, {"http", 80},
    {"www", 80}, {"kerberos", 88}, {"pop3", 110}, {"sunrpc", 111}, {"portmapper", 111}, {"auth", 113}, {"ident", 113},
    {"nntp", 119}, {"ntp", 123}, {"epmap", 135}, {"netbios-ns", 137}, {"netbios-dgm", 138}, {"netbios-ssn", 139}, {"imap2", 143},
    {"imap", 143}, {"imap3", 220}, {"snmp", 161}, {"snmp-trap", 162}, {"snmptrap", 162}, {"xdmcp", 177}, {"bgp", 179}, {"irc", 194}, {"ldap", 389},
    {"https", 443}, {"snpp", 444}, {"microsoft-ds", 445}, {"kpasswd", 464}, {"submissions", 465}, {"ssmtp", 465}, {"smtps", 465},
    {"urd", 465}, {"isakmp", 500}, {"exec", 512}, {"biff", 512}, {"login", 513}, {"who", 513}, {"shell", 514}, {"syslog", 514},
    {"printer", 515}, {"route", 520}, {"router", 520}, {"ripng", 521}, {"nntps", 563}, {"submission", 587}, {"ipp", 631},
    {"ldaps", 636}, {"tinc", 655}, {"silc", 706}, {"domain-s", 853}, {"rsync", 873}, {"ftps-data", 989}, {"ftps", 990},
    {"telnets", 992}, {"imaps", 993}, {"pop3s", 995}, {"socks", 1080}, {"openvpn", 1194}, {"rmiregistry", 1099},
    {"ms-sql-s", 1433}, {"ms-sql-m", 1434}, {"l2f", 1701}, {"l2tp", 1701}, {"datametrics", 1645}, {"radius", 1812},
    {"radius-acct", 1813}, {"nfs", 2049}, {"gpsd", 2947}, {"icpv2", 3130}, {"mysql", 3306}, {"ms-wbt-server", 3389}, {"nut", 3493},
    {"distcc", 3632}, {"daap", 3689}, {"svn", 3690}, {"subversion", 3690}, {"suucp", 4031}, {"sieve", 4190}, {"epmd", 4369},
    {"ipsec-nat-t", 4500}, {"iax", 4569}, {"mdns", 5353}, {"sip", 5060}, {"sip-tls", 5061}, {"xmpp-client", 5222},
    {"jabber-client", 5222}, {"xmpp-server", 5269}, {"jabber-server", 5269}, {"postgresql", 5432}, {"postgres", 5432},
    {"amqps", 5671}, {"amqp", 5672}, {"x11", 6000}, {"redis", 6379}, {"ircd", 6667}, {"ircs-u", 6697}, {"http-alt", 8080},
    {"webcache", 8080}, {"git", 9418}, {"nbd", 10809}, {"zabbix-agent", 10050}, {"zabbix-trapper", 10051}, {"amanda", 10080},
};
// clang-format on

}  // namespace

std::optional<std::uint16_t> port_number(std::string_view name) {
    for (const auto& [known, port] : kPorts)
        if (known == name) return port;
    return std::nullopt;
}

std::optional<std::uint8_t> protocol_number(std::string_view name) {
    if (name == "all" || name == "any") return std::uint8_t{0};
    if (const auto number = parse_number(name))
        return *number <= 255 ? std::optional(static_cast<std::uint8_t>(*number)) : std::nullopt;
    if (name == "icmpv6" || name == "ipv6-icmp") return std::uint8_t{58};
    // Names of /etc/protocols that IANA has not.
    static constexpr std::pair<std::string_view, std::uint8_t> kOthers[] = {
        {"ipencap", 4}, {"ipip", 4}, {"ospf", 89}, {"ipv6-nonxt", 59}, {"ipv6-opts", 60}, {"ipcomp", 108}};
    for (const auto& [other, number] : kOthers)
        if (other == name) return number;
    std::string ours(name);
    std::transform(ours.begin(), ours.end(), ours.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : std::tolower(c); });
    for (const packet::ValueName& one : packet::value_names(packet::FieldId::kIpProto))
        if (one.name == ours) return static_cast<std::uint8_t>(one.value);
    return std::nullopt;
}

std::string protocol_field(std::uint8_t number, int version) {
    switch (number) {
        case 6: return "tcp";
        case 17: return "udp";
        case 132: return "sctp";
        case 1: return version == 6 ? "" : "icmp";
        case 58: return version == 4 ? "" : "icmp6";
        default: return {};
    }
}

std::optional<IcmpType> icmp_type(std::string_view text, int version) {
    for (const NamedType& one : kTypes)
        if (one.version == version && one.name == text)
            return IcmpType{one.type, one.code < 0 ? std::nullopt : std::optional(static_cast<std::uint8_t>(one.code))};
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto type = parse_number(text.substr(0, slash));
    if (!type || *type > 255) return std::nullopt;
    IcmpType read{static_cast<std::uint8_t>(*type), {}};
    if (slash == text.size()) return read;
    const auto code = parse_number(text.substr(slash + 1));
    if (!code || *code > 255) return std::nullopt;
    read.code = static_cast<std::uint8_t>(*code);
    return read;
}

std::optional<std::uint8_t> icmp_code(std::string_view text, int version) {
    for (const NamedType& one : kCodes)
        if (one.version == version && one.name == text) return one.type;
    const auto code = parse_number(text);
    if (!code || *code > 255) return std::nullopt;
    return static_cast<std::uint8_t>(*code);
}

}  // namespace weir::tooling::imports
