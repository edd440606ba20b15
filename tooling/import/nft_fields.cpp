// Tested by tests/unit/tooling/import_nft_test.cpp with `nft fields`.
#include "tooling/import/nft_fields.h"

#include <algorithm>

#include <fmt/format.h>

#include "tooling/import/protocols.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {
namespace {

using packet::FieldId;

struct PayloadRow {
    std::string_view protocol, field, text;
    FieldId id;
    ValueKind kind;
    int version;
    std::string_view guard;
    std::int64_t add;
    std::uint32_t scale;
};

// clang-format off
constexpr PayloadRow kPayload[] = {
    {"ip", "saddr", "ip.src", FieldId::kIpSrc, ValueKind::kAddress, 4, "", 0, 1},
    {"ip", "daddr", "ip.dst", FieldId::kIpDst, ValueKind::kAddress, 4, "", 0, 1},
    {"ip", "protocol", "ip.proto", FieldId::kIpProto, ValueKind::kProtocol, 4, "", 0, 1},
    {"ip", "ttl", "ip.ttl", FieldId::kIpTtl, ValueKind::kNumber, 4, "", 0, 1},
    {"ip", "length", "ip.len", FieldId::kIpLen, ValueKind::kNumber, 4, "", 0, 1},
    {"ip", "dscp", "ip.dscp", FieldId::kIpDscp, ValueKind::kNumber, 4, "", 0, 1},
    {"ip", "ecn", "ip.ecn", FieldId::kIpEcn, ValueKind::kNumber, 4, "", 0, 1},
    {"ip", "id", "ip.id", FieldId::kIpId, ValueKind::kNumber, 4, "", 0, 1},
    {"ip", "version", "ip.version", FieldId::kIpVersion, ValueKind::kNumber, 4, "", 0, 1},
    {"ip6", "saddr", "ip.src", FieldId::kIpSrc, ValueKind::kAddress, 6, "", 0, 1},
    {"ip6", "daddr", "ip.dst", FieldId::kIpDst, ValueKind::kAddress, 6, "", 0, 1},
    {"ip6", "nexthdr", "ip.proto", FieldId::kIpProto, ValueKind::kProtocol, 6, "not ip.has_options", 0, 1},
    {"ip6", "hoplimit", "ip.ttl", FieldId::kIpTtl, ValueKind::kNumber, 6, "", 0, 1},
    {"ip6", "length", "ip.len", FieldId::kIpLen, ValueKind::kNumber, 6, "", 40, 1},
    {"ip6", "dscp", "ip.dscp", FieldId::kIpDscp, ValueKind::kNumber, 6, "", 0, 1},
    {"ip6", "ecn", "ip.ecn", FieldId::kIpEcn, ValueKind::kNumber, 6, "", 0, 1},
    {"ip6", "flowlabel", "ip6.flow_label", FieldId::kIp6FlowLabel, ValueKind::kNumber, 6, "", 0, 1},
    {"tcp", "sport", "tcp.sport", FieldId::kTcpSport, ValueKind::kNumber, 0, "", 0, 1},
    {"tcp", "dport", "tcp.dport", FieldId::kTcpDport, ValueKind::kNumber, 0, "", 0, 1},
    {"tcp", "flags", "tcp.flags", FieldId::kTcpFlags, ValueKind::kFlags, 0, "", 0, 1},
    {"tcp", "window", "tcp.window", FieldId::kTcpWindow, ValueKind::kNumber, 0, "", 0, 1},
    {"tcp", "sequence", "tcp.seq", FieldId::kTcpSeq, ValueKind::kNumber, 0, "", 0, 1},
    {"tcp", "ackseq", "tcp.ack_seq", FieldId::kTcpAckSeq, ValueKind::kNumber, 0, "", 0, 1},
    {"tcp", "doff", "tcp.header_len", FieldId::kTcpHeaderLen, ValueKind::kNumber, 0, "", 0, 4},
    {"udp", "sport", "udp.sport", FieldId::kUdpSport, ValueKind::kNumber, 0, "", 0, 1},
    {"udp", "dport", "udp.dport", FieldId::kUdpDport, ValueKind::kNumber, 0, "", 0, 1},
    {"udp", "length", "udp.len", FieldId::kUdpLen, ValueKind::kNumber, 0, "", 0, 1},
    {"sctp", "sport", "sctp.sport", FieldId::kSctpSport, ValueKind::kNumber, 0, "", 0, 1},
    {"sctp", "dport", "sctp.dport", FieldId::kSctpDport, ValueKind::kNumber, 0, "", 0, 1},
    {"th", "sport", "port.src", FieldId::kPortSrc, ValueKind::kNumber, 0, "", 0, 1},
    {"th", "dport", "port.dst", FieldId::kPortDst, ValueKind::kNumber, 0, "", 0, 1},
    {"icmp", "type", "icmp.type", FieldId::kIcmpType, ValueKind::kIcmpType, 4, "", 0, 1},
    {"icmp", "code", "icmp.code", FieldId::kIcmpCode, ValueKind::kNumber, 4, "", 0, 1},
    {"icmp", "id", "icmp.id", FieldId::kIcmpId, ValueKind::kNumber, 4, "", 0, 1},
    {"icmp", "sequence", "icmp.seq", FieldId::kIcmpSeq, ValueKind::kNumber, 4, "", 0, 1},
    {"icmpv6", "type", "icmp6.type", FieldId::kIcmp6Type, ValueKind::kIcmpType, 6, "", 0, 1},
    {"icmpv6", "code", "icmp6.code", FieldId::kIcmp6Code, ValueKind::kNumber, 6, "", 0, 1},
    {"icmpv6", "id", "icmp6.id", FieldId::kIcmp6Id, ValueKind::kNumber, 6, "", 0, 1},
    {"icmpv6", "sequence", "icmp6.seq", FieldId::kIcmp6Seq, ValueKind::kNumber, 6, "", 0, 1},
    {"ether", "saddr", "eth.src", FieldId::kEthSrc, ValueKind::kMac, 0, "", 0, 1},
    {"ether", "daddr", "eth.dst", FieldId::kEthDst, ValueKind::kMac, 0, "", 0, 1},
    {"ether", "type", "eth.type", FieldId::kEthType, ValueKind::kEtherType, 0, "", 0, 1},
    {"vlan", "id", "vlan.id", FieldId::kVlanId, ValueKind::kNumber, 0, "", 0, 1},
    {"vlan", "pcp", "vlan.pcp", FieldId::kVlanPcp, ValueKind::kNumber, 0, "", 0, 1},
    {"arp", "operation", "arp.op", FieldId::kArpOp, ValueKind::kNumber, 0, "", 0, 1},
    {"arp", "saddr ip", "arp.sender_ip", FieldId::kArpSenderIp, ValueKind::kAddress, 0, "", 0, 1},
    {"arp", "daddr ip", "arp.target_ip", FieldId::kArpTargetIp, ValueKind::kAddress, 0, "", 0, 1},
};
constexpr PayloadRow kMeta[] = {
    {"", "iifname", "iface", FieldId::kIface, ValueKind::kInterface, 0, "", 0, 1},
    {"", "iif", "iface", FieldId::kIface, ValueKind::kInterface, 0, "", 0, 1},
    {"", "oifname", "iface", FieldId::kIface, ValueKind::kInterface, 0, "", 0, 1},
    {"", "oif", "iface", FieldId::kIface, ValueKind::kInterface, 0, "", 0, 1},
    {"", "l4proto", "ip.proto", FieldId::kIpProto, ValueKind::kProtocol, 0, "", 0, 1},
    {"", "nfproto", "", FieldId::kIpVersion, ValueKind::kFamily, 0, "", 0, 1},
    {"", "protocol", "eth.type", FieldId::kEthType, ValueKind::kEtherType, 0, "", 0, 1},
    {"", "length", "ip.len", FieldId::kIpLen, ValueKind::kNumber, 0, "", 0, 1},
    {"", "pkttype", "", FieldId::kEthDst, ValueKind::kPacketType, 0, "", 0, 1},
};
// clang-format on

NftField made(const PayloadRow& row) {
    NftField field;
    field.text = row.text;
    field.id = row.id;
    field.kind = row.kind;
    field.version = row.version;
    field.guard = row.guard;
    field.add = row.add;
    field.scale = row.scale;
    field.is_in = row.field == "iifname" || row.field == "iif";
    field.is_out = row.field == "oifname" || row.field == "oif";
    return field;
}

std::string word(const Json& json, const char* key) {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<NftField> raw_field(const Json& payload, std::string& why) {
    const std::string base = word(payload, "base");
    const auto offset = payload.value("offset", std::uint64_t{1}), bits = payload.value("len", std::uint64_t{0});
    if (base != "ih" || offset % 8 != 0 || bits % 8 != 0 || bits == 0 || bits > 64 || offset / 8 + bits / 8 > 1024)
        return why = fmt::format("raw bytes `@{},{},{}`", base, offset, bits), std::nullopt;
    NftField field;
    field.kind = ValueKind::kBytes;
    field.bytes = static_cast<std::uint32_t>(bits / 8);
    field.text = fmt::format("payload[{}:{}]", offset / 8, bits / 8);
    return field;
}

std::optional<NftField> payload_field(const Json& payload, std::string& why) {
    if (payload.contains("base")) return raw_field(payload, why);
    const std::string protocol = word(payload, "protocol"), name = word(payload, "field");
    for (const PayloadRow& row : kPayload)
        if (row.protocol == protocol && row.field == name) return made(row);
    why = fmt::format("`{} {}` cannot be said", protocol, name);
    return std::nullopt;
}

std::optional<NftField> masked_field(const Json& parts, std::string& why) {
    if (!parts.is_array() || parts.size() < 2) return why = "this mask cannot be said", std::nullopt;
    const bool is_fragments = word(parts[0].value("payload", Json()), "field") == "frag-off";
    if (is_fragments && parts[1] == 8191) {
        NftField field;
        field.text = "ip.frag_offset";
        field.id = FieldId::kIpFragOffset;
        field.version = 4;
        field.scale = 8;
        return field;
    }
    auto field = nft_field(parts[0], why);
    if (!field) return std::nullopt;
    Json mask = parts[1];
    if (parts.size() > 2) mask = Json(Json::array_t(parts.begin() + 1, parts.end()));
    if (field->kind == ValueKind::kAddress && mask.is_string()) {
        field->prefix = mask_bits(mask.get<std::string>());
        if (!field->prefix) return why = "a mask of addresses that is no prefix", std::nullopt;
        return field;
    }
    if (field->kind == ValueKind::kFlags)
        field->mask = nft_flags(mask);
    else if (field->kind == ValueKind::kNumber && mask.is_number_unsigned() && field->add == 0 && field->scale == 1)
        field->mask = mask.get<std::uint64_t>();
    if (!field->mask) return why = fmt::format("a mask of `{}`", field->text), std::nullopt;
    return field;
}

std::optional<NftField> fib_field(const Json& fib, std::string& why) {
    NftField field;
    field.kind = ValueKind::kAddressType;
    const Json flags = fib.value("flags", Json());
    const std::string flag = flags.is_array() && flags.size() == 1 && flags[0].is_string() ? flags[0].get<std::string>()
                             : flags.is_string()                                           ? flags.get<std::string>()
                                                                                           : "";
    if (word(fib, "result") != "type" || (flag != "daddr" && flag != "saddr"))
        return why = "`fib` asks the routing table", std::nullopt;
    field.text = flag == "daddr" ? "ip.dst" : "ip.src";
    return field;
}

std::optional<NftField> exthdr_field(const Json& json, std::string& why) {
    NftField field;
    if (word(json, "name") == "maxseg" && word(json, "field") == "size") {
        field.text = "tcp.mss";
        field.id = FieldId::kTcpMss;
        return field;
    }
    why = "options of a header";
    return std::nullopt;
}

std::optional<std::string> number_value(const NftField& field, const Json& right) {
    std::optional<std::uint64_t> number;
    if (right.is_number_unsigned()) number = right.get<std::uint64_t>();
    if (right.is_string()) {
        const std::string name = right.get<std::string>();
        if (field.kind == ValueKind::kIcmpType) {
            const auto type = icmp_type(name, field.version);
            if (!type || type->code) return std::nullopt;
            number = type->type;
        } else if (field.kind == ValueKind::kProtocol) {
            if (const auto protocol = protocol_number(name)) number = *protocol;
        } else if (field.id == FieldId::kIpDscp || field.id == FieldId::kArpOp) {
            return name;  // the same names
        } else if (field.id == FieldId::kIcmpCode || field.id == FieldId::kIcmp6Code) {
            if (const auto code = icmp_code(name, field.version)) number = *code;
        } else {
            number = parse_number(name);
        }
    }
    if (!number || *number > UINT32_MAX) return std::nullopt;
    const std::uint64_t ours = static_cast<std::uint64_t>(static_cast<std::int64_t>(*number * field.scale) + field.add);
    return field.kind == ValueKind::kFlags ? fmt::format("0x{:02x}", ours) : value_text(field.id, ours);
}

std::optional<std::string> ether_type(const Json& right) {
    if (right.is_number_unsigned() && right.get<std::uint64_t>() <= 0xffff)
        return value_text(FieldId::kEthType, right.get<std::uint64_t>());
    if (!right.is_string()) return std::nullopt;
    const std::string name = right.get<std::string>();
    if (name == "ip") return "ip4";
    if (name == "ip6" || name == "arp") return name;
    if (name == "vlan" || name == "8021q") return "vlan";
    if (name == "8021ad") return "qinq";
    const auto number = parse_number(name);
    return number && *number <= 0xffff ? std::optional(value_text(FieldId::kEthType, *number)) : std::nullopt;
}

}  // namespace

std::optional<std::uint8_t> mask_bits(const std::string& mask) {
    const auto address = parse_ip(mask);
    if (!address) return std::nullopt;
    std::uint8_t bits = 0;
    bool ended = false;
    for (std::size_t i = 0; i < (address->version == 4 ? 32u : 128u); ++i) {
        const bool one = (address->bytes[i / 8] >> (7 - i % 8) & 1) != 0;
        if (one && ended) return std::nullopt;
        ended = ended || !one;
        bits = static_cast<std::uint8_t>(bits + one);
    }
    return bits;
}

std::optional<std::uint64_t> nft_flags(const Json& right) {
    static constexpr std::pair<std::string_view, unsigned> kFlags[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},
                                                                       {"psh", 8},  {"ack", 16}, {"urg", 32},
                                                                       {"ecn", 64}, {"ece", 64}, {"cwr", 128}};
    if (right.is_number_unsigned()) return right.get<std::uint64_t>();
    if (right.is_string()) {
        const std::string name = right.get<std::string>();
        for (const auto& [flag, bit] : kFlags)
            if (flag == name) return bit;
        return parse_number(name);
    }
    const Json& parts = right.is_object() && right.contains("|") ? right["|"] : right;
    if (!parts.is_array() || parts.empty()) return std::nullopt;
    std::uint64_t bits = 0;
    for (const Json& part : parts) {
        if (part.is_object() && part.contains("|") && part["|"].size() > 8) return std::nullopt;
        const auto one = nft_flags(part);
        if (!one) return std::nullopt;
        bits |= *one;
    }
    return bits;
}

std::optional<NftField> nft_field(const Json& left, std::string& why) {
    if (!left.is_object() || left.size() != 1) return why = "this comparison cannot be said", std::nullopt;
    const std::string kind = left.begin().key();
    const Json& inside = left.begin().value();
    if (kind == "payload") return payload_field(inside, why);
    if (kind == "&") return masked_field(inside, why);
    if (kind == "fib") return fib_field(inside, why);
    if (kind == "tcp option") return exthdr_field(inside, why);
    const std::string key = word(inside, "key");
    if (kind == "meta")
        for (const PayloadRow& row : kMeta)
            if (row.field == key) return made(row);
    if (kind == "ct" && key == "state") {
        NftField field;
        field.kind = ValueKind::kState;
        return field;
    }
    why = fmt::format("`{} {}` cannot be said", kind, key);
    return std::nullopt;
}

std::optional<std::string> nft_value(const NftField& field, const Json& right) {
    if (right.is_object() && right.contains("elem")) return nft_value(field, right["elem"].value("val", Json()));
    if (field.kind == ValueKind::kAddress) {
        if (right.is_object() && right.contains("prefix")) {
            const Json length = right["prefix"].value("len", Json());
            if (!length.is_number_unsigned()) return std::nullopt;
            return address_text(fmt::format("{}/{}", word(right["prefix"], "addr"), length.get<std::uint64_t>()));
        }
        if (right.is_object() && right.contains("range") && right["range"].size() == 2 &&
            right["range"][0].is_string() && right["range"][1].is_string())
            return address_text(right["range"][0].get<std::string>() + "-" + right["range"][1].get<std::string>());
        if (!right.is_string()) return std::nullopt;
        if (field.prefix) return address_text(fmt::format("{}/{}", right.get<std::string>(), *field.prefix));
        return address_text(right.get<std::string>());
    }
    if (field.kind == ValueKind::kMac) {
        const auto mac = right.is_string() ? parse_mac(right.get<std::string>()) : std::nullopt;
        return mac ? std::optional(to_string(*mac)) : std::nullopt;
    }
    if (field.kind == ValueKind::kInterface)
        return right.is_string() ? std::optional(string_literal(right.get<std::string>())) : std::nullopt;
    if (field.kind == ValueKind::kEtherType) return ether_type(right);
    if (field.kind == ValueKind::kBytes) {
        const bool fits =
            right.is_number_unsigned() && (field.bytes == 8 || right.get<std::uint64_t>() >> (8 * field.bytes) == 0);
        return fits ? std::optional(fmt::format("hex\"{:0{}x}\"", right.get<std::uint64_t>(), 2 * field.bytes))
                    : std::nullopt;
    }
    if (field.kind == ValueKind::kFlags) {
        const auto bits = nft_flags(right);
        return bits && *bits <= 255 ? std::optional(fmt::format("0x{:02x}", *bits)) : std::nullopt;
    }
    if (right.is_object() && right.contains("range") && right["range"].size() == 2) {
        NftField plain = field;
        const Json &first = right["range"][0], &last = right["range"][1];
        if (!first.is_number_unsigned() || !last.is_number_unsigned()) return std::nullopt;
        if (first.get<std::uint64_t>() > last.get<std::uint64_t>() || last.get<std::uint64_t>() > UINT32_MAX)
            return std::nullopt;
        const auto ours = [&](const Json& one) {
            return static_cast<std::int64_t>(one.get<std::uint64_t>() * field.scale) + field.add;
        };
        return ours(first) == ours(last) ? number_value(field, first)
                                         : std::optional(fmt::format("{}..{}", ours(first), ours(last)));
    }
    return number_value(field, right);
}

}  // namespace weir::tooling::imports
