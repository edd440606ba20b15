// Tested by tests/golden/mistakes_test.cpp with `mistakes`.
#include "compiler/sema/foreign_values.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "grammar/literal.h"

namespace weir::sema {
namespace {

struct Service {
    std::string_view name;
    std::uint16_t port;
};
// Names of /etc/services that rules use most, and what people call them.
constexpr Service kServices[] = {
    {"ftp", 21},         {"ssh", 22},         {"telnet", 23},       {"smtp", 25},          {"dns", 53},
    {"domain", 53},      {"bootps", 67},      {"bootpc", 68},       {"tftp", 69},          {"http", 80},
    {"www", 80},         {"kerberos", 88},    {"pop3", 110},        {"sunrpc", 111},       {"ntp", 123},
    {"netbios_ns", 137}, {"imap", 143},       {"imap2", 143},       {"snmp", 161},         {"snmptrap", 162},
    {"bgp", 179},        {"ldap", 389},       {"https", 443},       {"microsoft_ds", 445}, {"smb", 445},
    {"syslog", 514},     {"submission", 587}, {"ldaps", 636},       {"imaps", 993},        {"pop3s", 995},
    {"openvpn", 1194},   {"mssql", 1433},     {"nfs", 2049},        {"mysql", 3306},       {"rdp", 3389},
    {"sip", 5060},       {"mdns", 5353},      {"postgresql", 5432}, {"postgres", 5432},    {"vnc", 5900},
    {"redis", 6379},     {"wireguard", 51820}};

bool is_any(std::string_view word) {
    constexpr std::string_view kWords[] = {"any", "all", "anywhere", "everything", "anything"};
    return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

}  // namespace

ValueSuggestion suggest_value(packet::FieldId compared, std::string_view word) {
    const packet::Field& field = packet::field(compared);
    std::string name(word);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c;
    if (is_any(name)) return {"leave this comparison out: what a rule does not ask may be anything"};
    if (field.name.ends_with("tcp.flags")) return {"each flag is a condition: `tcp.syn and not tcp.ack`"};
    for (const packet::ValueName& one : packet::value_names(compared))
        if (one.name == name) return {"write the name without quotes", name};
    if (field.type == packet::Type::kPort) {
        const auto* service =
            std::find_if(std::begin(kServices), std::end(kServices), [&](const Service& s) { return s.name == name; });
        if (service != std::end(kServices))
            return {"services have no names: write the port", std::to_string(service->port)};
    }
    if (compared == packet::FieldId::kIface && is_name(word) && !packet::find_field(word))
        return {"write the name of an interface in quotes", fmt::format("\"{}\"", word)};
    const bool is_ours = packet::find_field(word.substr(0, word.find('.'))).has_value();
    if (field.type == packet::Type::kIp && word.find('.') != std::string_view::npos && is_path(name) && !is_ours)
        return {"names of hosts are not resolved: write addresses, or put them into a set that a program fills"};
    return {};
}

bool take_suggestion(Diagnostic& said, packet::FieldId compared, std::string_view word) {
    ValueSuggestion meant = suggest_value(compared, word);
    if (meant.help.empty()) return false;
    said.help = std::move(meant.help);
    if (!meant.replacement.empty()) said.fix = Fix{said.span, std::move(meant.replacement)};
    return true;
}

std::string declaration_of(packet::FieldId compared, std::string_view name) {
    switch (packet::field(compared).type) {
        case packet::Type::kIp:
            return fmt::format("declare it: `let {0} = {{ 10.0.0.0/8 }}`, or `set {0} : ip` for what changes", name);
        case packet::Type::kPort:
            return fmt::format("declare it: `let {0} = {{ 80, 443 }}`, or `set {0} : port` for what changes", name);
        case packet::Type::kMac: return fmt::format("declare it: `set {} : mac`", name);
        default: return fmt::format("declare it: `let {} = …`", name);
    }
}

std::string ip4_of_mapped(const Value& value) {
    constexpr std::uint8_t kBefore = 96;  // bits before the IPv4 address
    constexpr std::array<std::uint8_t, kBefore / 8> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const auto* prefix = std::get_if<IpPrefix>(&value);
    const IpAddress* address = prefix != nullptr ? &prefix->address : std::get_if<IpAddress>(&value);
    if (address == nullptr || address->version != 6 || (prefix != nullptr && prefix->length <= kBefore) ||
        !std::equal(kMapped.begin(), kMapped.end(), address->bytes.begin()))
        return {};
    IpAddress ip4;
    std::copy_n(address->bytes.begin() + kMapped.size(), 4, ip4.bytes.begin());
    if (prefix == nullptr) return to_string(ip4);
    return to_string(IpPrefix{ip4, static_cast<std::uint8_t>(prefix->length - kBefore)});
}

}  // namespace weir::sema
