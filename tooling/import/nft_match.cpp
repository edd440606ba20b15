// Tested by tests/unit/tooling/import_nft_test.cpp with `nft matches`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/import/nft_scope.h"
#include "tooling/import/protocols.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

constexpr std::size_t kMostAlternatives = 64;  // of a concatenation with intervals

void refuse(Condition& when, std::string reason) { when.unsaid.push_back(std::move(reason)); }

// What holds of each packet that has the field, where the comparison alone does not say it.
void add_presence(const NftField& field, Sense sense, Condition& when) {
    if (!field.guard.empty()) when.add(field.guard);
    if (field.version == 0) return;
    const bool says_itself =
        field.text.starts_with("icmp") || (field.kind == ValueKind::kAddress && sense == Sense::kIs);
    if (!says_itself && !when.implies[field.version == 4 ? 0 : 1]) when.add(field.version == 4 ? "ip4" : "ip6");
    when.implies[field.version == 4 ? 0 : 1] = true;
}

void add_at_hook(const NftField& field, const std::string& text, Condition& when, std::uint32_t comparisons = 1) {
    if (field.is_in) return when.add_in(text, "the interface that a packet came in on is not known when it goes out");
    if (field.is_out)
        return when.add_out(text, "the interface that a packet will go out of is not known when it comes in");
    when.add(text, comparisons);
}

// "eth*" among the names of interfaces.
std::string interfaces_text(const std::vector<std::string>& names, Sense sense) {
    std::vector<std::string> plain, all;
    for (const std::string& name : names) {
        if (!name.ends_with("*\""))
            plain.push_back(name);
        else
            all.push_back(fmt::format("{}iface starts_with {}\"", sense == Sense::kIs ? "" : "not ",
                                      name.substr(0, name.size() - 2)));
    }
    if (!plain.empty()) all.insert(all.begin(), among("iface", plain, sense));
    const char* word = sense == Sense::kIs ? " or " : " and ";
    return all.size() == 1 ? all.front() : fmt::format("({})", fmt::join(all, word));
}

void add_states_of(const Json& elements, Sense sense, NftScope& scope, Condition& when) {
    unsigned bits = 0;
    for (const Json& one : elements) {
        const unsigned bit = one.is_string() ? state_bit(one.get<std::string>()) : 0;
        if (bit == 0) return refuse(when, "a connection state that cannot be said: " + nft_text(one, 40));
        bits |= bit;
    }
    add_states(sense == Sense::kIs ? bits : kAllStates & ~bits, when, scope.ruleset);
}

// nfproto, pkttype, fib … type: words that are conditions of their own.
std::string word_text(const NftField& field, const std::string& word, const ImportOptions& options) {
    if (field.kind == ValueKind::kFamily) return word == "ipv4" ? "ip4" : word == "ipv6" ? "ip6" : "";
    if (field.kind == ValueKind::kPacketType)
        return word == "multicast"                   ? "(eth.is_multicast and eth.dst != ff:ff:ff:ff:ff:ff)"
               : word == "broadcast"                 ? "eth.dst == ff:ff:ff:ff:ff:ff"
               : word == "unicast" || word == "host" ? "not eth.is_multicast"
                                                     : "";
    if (word == "multicast") return fmt::format("{} in {{ 224.0.0.0/4, ff00::/8 }}", field.text);
    if (options.addresses.empty() || (word != "local" && word != "broadcast")) return {};
    if (word == "local") return fmt::format("({0} in host_addresses or {0} in {{ 127.0.0.0/8, ::1 }})", field.text);
    std::vector<std::string> all{"255.255.255.255"};
    for (const IpPrefix& own : options.addresses)
        if (own.address.version == 4 && own.length < 31) all.push_back(to_string(last_address(network(own))));
    return among(field.text, all, Sense::kIs);
}

void add_words(const NftField& field, const Json& elements, Sense sense, NftScope& scope, Condition& when) {
    std::vector<std::string> any;
    for (const Json& one : elements) {
        const std::string text =
            one.is_string() ? word_text(field, one.get<std::string>(), scope.options) : std::string();
        if (text.empty())
            return refuse(
                when, field.kind == ValueKind::kAddressType
                          ? "the type of an address asks the routing table: give the host's addresses with --address"
                          : fmt::format("`{}` cannot be said", nft_text(one, 40)));
        any.push_back(text);
    }
    const std::string all = any.size() == 1 ? any.front() : fmt::format("({})", fmt::join(any, " or "));
    if (sense == Sense::kIs && field.kind == ValueKind::kFamily && any.size() == 1)
        when.implies[all == "ip4" ? 0 : 1] = true;
    when.add(sense == Sense::kIs ? all : fmt::format("not ({})", all), static_cast<std::uint32_t>(any.size()) + 1);
}

void add_plain(const NftField& field, const Json& elements, Sense sense, Condition& when) {
    std::vector<std::string> texts;
    for (const Json& one : elements) {
        const auto text = nft_value(field, one);
        if (!text) return refuse(when, fmt::format("`{}` is no value of `{}`", nft_text(one, 60), field.text));
        texts.push_back(*text);
    }
    if (field.kind == ValueKind::kProtocol && texts.size() == 1 && sense == Sense::kIs) {
        const auto number = protocol_number(texts.front());
        const std::string word =
            number && !field.text.empty() ? protocol_field(*number, field.version == 0 ? 0 : field.version) : "";
        if (!word.empty()) {
            add_presence(field, sense, when);
            return when.add(word);
        }
    }
    std::string text = field.text;
    if (field.mask) text = fmt::format("{} & 0x{:x}", field.text, *field.mask);
    add_presence(field, sense, when);
    if (field.kind == ValueKind::kInterface)
        return add_at_hook(field, interfaces_text(texts, sense), when, static_cast<std::uint32_t>(texts.size()));
    add_at_hook(field, among(text, texts, sense), when);
}

// Each element of a concatenation as a condition of its own.
void add_alternatives(const std::vector<NftField>& fields, const Json& elements, Sense sense, NftScope& scope,
                      Condition& when) {
    if (sense == Sense::kIsNot) return refuse(when, "a concatenation with intervals or names, negated");
    if (elements.size() > kMostAlternatives)
        return refuse(
            when, fmt::format("a concatenation with intervals or names of more than {} elements", kMostAlternatives));
    std::vector<std::string> any;
    std::uint32_t comparisons = 0;
    for (const Json& element : elements) {
        Condition one;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const Json part = Json::array({element["concat"][i]});
            if (fields[i].kind == ValueKind::kState)
                add_states_of(part, Sense::kIs, scope, one);
            else if (fields[i].text.empty() || fields[i].kind == ValueKind::kAddressType)
                add_words(fields[i], part, Sense::kIs, scope, one);
            else
                add_plain(fields[i], part, Sense::kIs, one);
        }
        if (!one.unsaid.empty() || !one.narrowed.empty())
            return refuse(when, one.unsaid.empty() ? one.narrowed.front() : one.unsaid.front());
        std::vector<std::string> words;
        for (const Operand& operand : one.operands) {
            if (operand.in != operand.out) return refuse(when, "a concatenation with an interface");
            words.push_back(operand.in);
            comparisons += operand.comparisons;
        }
        any.push_back(fmt::format("({})", fmt::join(words, " and ")));
    }
    when.add(any.size() == 1 ? any.front() : fmt::format("({})", fmt::join(any, " or ")), comparisons);
}

bool is_single(const Json& part) { return part.is_string() || part.is_number_unsigned(); }

void add_tuples(const std::vector<NftField>& fields, const Json& elements, Sense sense, NftScope& scope,
                Condition& when) {
    bool is_plain = true;
    for (const NftField& field : fields)
        is_plain =
            is_plain &&
            (field.kind == ValueKind::kAddress || field.kind == ValueKind::kNumber || field.kind == ValueKind::kMac ||
             field.kind == ValueKind::kProtocol || field.kind == ValueKind::kIcmpType) &&
            field.guard.empty() && !field.mask && !field.prefix;
    for (const Json& element : elements) {
        if (!element.is_object() || !element.contains("concat") || element["concat"].size() != fields.size())
            return refuse(when, "an element that does not fit its concatenation");
        for (const Json& part : element["concat"]) is_plain = is_plain && is_single(part);
    }
    if (!is_plain) return add_alternatives(fields, elements, sense, scope, when);
    std::vector<std::string> names, tuples;
    for (const NftField& field : fields) names.push_back(field.text);
    for (const Json& element : elements) {
        std::vector<std::string> parts;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const auto text = nft_value(fields[i], element["concat"][i]);
            if (!text)
                return refuse(
                    when, fmt::format("`{}` is no value of `{}`", nft_text(element["concat"][i], 60), fields[i].text));
            parts.push_back(*text);
        }
        tuples.push_back(fmt::format("({})", fmt::join(parts, ", ")));
    }
    for (const NftField& field : fields) add_presence(field, sense, when);
    when.add(fmt::format("({}) {} {{ {} }}", fmt::join(names, ", "), sense == Sense::kIs ? "in" : "not in",
                         fmt::join(tuples, ", ")));
}

std::optional<std::vector<NftField>> fields_of(const Json& left, std::string& why) {
    std::vector<NftField> fields;
    if (left.is_object() && left.contains("concat")) {
        for (const Json& part : left["concat"]) {
            auto field = nft_field(part, why);
            if (!field) return std::nullopt;
            fields.push_back(std::move(*field));
        }
        return fields;
    }
    auto field = nft_field(left, why);
    if (!field) return std::nullopt;
    fields.push_back(std::move(*field));
    return fields;
}

void add_named(const Json& left, const std::string& name, Sense sense, NftScope& scope, Condition& when) {
    const auto found = scope.sets.find(scope.table + "/" + name);
    if (found == scope.sets.end()) return refuse(when, fmt::format("set `{}` is not in the file", name));
    const NftSet& set = found->second;
    if (!set.unsaid.empty()) return refuse(when, set.unsaid);
    if (set.is_inline) return add_nft_members(left, set.elements, sense, scope, when);
    std::string why;
    const auto fields = fields_of(left, why);
    if (!fields) return refuse(when, why);
    std::vector<std::string> names;
    for (const NftField& field : *fields) {
        if (field.mask || field.prefix || !field.guard.empty() || field.text.empty())
            return refuse(when, "a mask before a named set");
        names.push_back(field.text);
        add_presence(field, sense, when);
    }
    const std::string key = names.size() == 1 ? names.front() : fmt::format("({})", fmt::join(names, ", "));
    when.add(fmt::format("{} {} {}", key, sense == Sense::kIs ? "in" : "not in", set.name));
}

void add_order(const Json& left, const std::string& op, const Json& right, Condition& when) {
    std::string why;
    const auto field = nft_field(left, why);
    if (!field) return refuse(when, why);
    const auto text = nft_value(*field, right);
    if (field->kind != ValueKind::kNumber || !text || text->find("..") != std::string::npos)
        return refuse(when, fmt::format("`{}` of `{}`", op, nft_text(left, 60)));
    add_presence(*field, Sense::kIs, when);
    const std::string masked = field->mask ? fmt::format("{} & 0x{:x}", field->text, *field->mask) : field->text;
    when.add(fmt::format("{} {} {}", masked, op, *text));
}

// "op": "in": some of the bits are there.
void add_bits(const Json& left, const Json& right, Condition& when) {
    std::string why;
    const auto field = nft_field(left, why);
    if (!field) return refuse(when, why);
    const auto bits = nft_flags(right);
    if (field->kind != ValueKind::kFlags || !bits) return refuse(when, "bits of a field that has none");
    when.add(fmt::format("tcp.flags & 0x{:02x} != 0", *bits));
}

}  // namespace

void add_nft_members(const Json& left, const Json& elements, Sense sense, NftScope& scope, Condition& when) {
    std::string why;
    const auto fields = fields_of(left, why);
    if (!fields) return refuse(when, why);
    if (elements.empty()) return refuse(when, "an empty set");
    if (fields->size() > 1) return add_tuples(*fields, elements, sense, scope, when);
    const NftField& field = fields->front();
    if (field.kind == ValueKind::kState) return add_states_of(elements, sense, scope, when);
    if (field.text.empty() || field.kind == ValueKind::kAddressType)
        return add_words(field, elements, sense, scope, when);
    add_plain(field, elements, sense, when);
}

void add_nft_match(const Json& match, NftScope& scope, Condition& when) {
    const std::string op = match.value("op", std::string("=="));
    const Json &left = match.at("left"), &right = match.at("right");
    const Sense sense = op == "!=" ? Sense::kIsNot : Sense::kIs;
    const bool is_state = left.is_object() && left.contains("ct") && left["ct"].value("key", std::string()) == "state";
    if (op == "in" && !is_state) return add_bits(left, right, when);
    if (op != "==" && op != "!=" && op != "in") return add_order(left, op, right, when);
    if (right.is_string() && right.get<std::string>().starts_with('@'))
        return add_named(left, right.get<std::string>().substr(1), sense, scope, when);
    if (right.is_object() && right.contains("set")) return add_nft_members(left, right["set"], sense, scope, when);
    if (is_state && right.is_array()) return add_nft_members(left, right, sense, scope, when);
    add_nft_members(left, Json::array({right}), sense, scope, when);
}

}  // namespace weir::tooling::imports
