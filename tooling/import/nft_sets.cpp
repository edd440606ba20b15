// Tested by tests/unit/tooling/import_nft_test.cpp with `nft sets`.
#include <algorithm>

#include <fmt/format.h>

#include "grammar/parser.h"
#include "tooling/import/nft_scope.h"

namespace weir::tooling::imports {
namespace {

constexpr std::uint64_t kDefaultSize = 65'536;

const char* language_type(const std::string& type) {
    if (type == "ipv4_addr" || type == "ipv6_addr") return "ip";
    if (type == "inet_service") return "port";
    if (type == "ether_addr") return "mac";
    if (type == "inet_proto" || type == "icmp_type" || type == "icmpv6_type") return "u8";
    return nullptr;
}

NftField field_of(const std::string& type) {
    NftField field;
    field.kind = type == "ipv4_addr" || type == "ipv6_addr" ? ValueKind::kAddress
                 : type == "ether_addr"                     ? ValueKind::kMac
                 : type == "inet_proto"                     ? ValueKind::kProtocol
                 : type.starts_with("icmp")                 ? ValueKind::kIcmpType
                                                            : ValueKind::kNumber;
    field.id = type == "inet_proto" ? packet::FieldId::kIpProto : packet::FieldId::kTcpDport;
    field.version = type == "icmpv6_type" ? 6 : 4;
    return field;
}

// One element as text; nothing where it has a time of its own or cannot be said.
std::optional<std::string> element_text(const Json& element, const std::vector<std::string>& types) {
    const Json* value = &element;
    if (element.is_object() && element.contains("elem")) {
        if (element["elem"].contains("timeout") || element["elem"].contains("expires")) return std::nullopt;
        value = &element["elem"].at("val");
    }
    if (types.size() == 1) return nft_value(field_of(types.front()), *value);
    if (!value->is_object() || !value->contains("concat") || (*value)["concat"].size() != types.size())
        return std::nullopt;
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < types.size(); ++i) {
        const auto part = nft_value(field_of(types[i]), (*value)["concat"][i]);
        if (!part || part->find("..") != std::string::npos || part->find('/') != std::string::npos) return std::nullopt;
        parts.push_back(*part);
    }
    return fmt::format("({})", fmt::join(parts, ", "));
}

std::vector<std::string> types_of(const Json& type) {
    std::vector<std::string> types;
    if (type.is_string()) types.push_back(type.get<std::string>());
    if (type.is_array())
        for (const Json& one : type) types.push_back(one.is_string() ? one.get<std::string>() : std::string());
    return types;
}

bool has_flag(const Json& object, const char* flag) {
    const Json flags = object.value("flags", Json::array());
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

// The elements without their wrapping.
Json bare(const Json& elements) {
    Json all = Json::array();
    for (const Json& one : elements)
        all.push_back(one.is_object() && one.contains("elem") ? one["elem"].at("val") : one);
    return all;
}

void write_item(const Json& object, NftSet& set, NftScope& scope, const std::string& type) {
    const Json elements = object.value("elem", Json::array());
    std::vector<std::string> texts;
    std::size_t skipped = 0;
    bool has_ranges = false, has_prefixes = false;
    for (const Json& element : elements) {
        const auto text = element_text(element, set.types);
        if (!text)
            ++skipped;
        else
            texts.push_back(*text);
        has_ranges = has_ranges || (text && text->find("..") != std::string::npos);
        has_prefixes = has_prefixes || (text && text->find('/') != std::string::npos);
    }
    const bool is_interval = has_flag(object, "interval");
    ImportedItem item{set.name, {}, {}};
    if (has_ranges && !set.is_changed) {
        item.text = fmt::format("let {} = {{ {} }}", set.name, fmt::join(texts, ", "));
    } else if (has_ranges || (has_prefixes && type == "port")) {
        set.unsaid = fmt::format("set `{}` has ranges and is changed by rules", set.name);
        return;
    } else {
        const bool is_net = type == "ip" && is_interval;
        const std::uint64_t size = std::clamp<std::uint64_t>(object.value("size", kDefaultSize),
                                                             std::max<std::size_t>(texts.size(), 1), 1u << 20);
        item.text = fmt::format("set {} : {} size {}", set.name, is_net ? "net" : type, size);
        if (object.contains("timeout")) item.text += " ttl " + seconds_text(object["timeout"].get<std::uint64_t>());
        if (!texts.empty()) item.text += fmt::format(" = {{ {} }}", fmt::join(texts, ", "));
    }
    if (skipped != 0)
        item.remarks.push_back(
            fmt::format("set `{}`: {} elements with a time of their own or of a form that sets do not take are missing",
                        set.name, skipped));
    scope.ruleset.items.push_back(std::move(item));
}

}  // namespace

void note_changes(const Json& rule, NftScope& scope) {
    for (const Json& statement : rule.value("expr", Json::array())) {
        if (!statement.is_object() || !statement.contains("set") || !statement["set"].is_object()) continue;
        const Json& change = statement["set"];
        std::string name = change.value("set", std::string());
        if (name.starts_with('@')) name.erase(0, 1);
        const std::string key =
            fmt::format("{} {}/{}", rule.value("family", std::string()), rule.value("table", std::string()), name);
        (change.contains("stmt") && !change["stmt"].empty() ? scope.metered : scope.changed).insert(key);
    }
}

void read_nft_set(const Json& object, NftScope& scope) {
    const std::string table =
        fmt::format("{} {}", object.value("family", std::string()), object.value("table", std::string()));
    const std::string name = object.value("name", std::string()), key = table + "/" + name;
    NftSet& set = scope.sets[key];
    set.types = types_of(object.value("type", Json()));
    set.elements = bare(object.value("elem", Json::array()));
    set.is_changed = scope.changed.contains(key);
    set.name = scope.value_names.make(name);
    if (scope.metered.contains(key)) {
        set.unsaid = fmt::format("set `{}` holds the limits of a rule", name);
        return;
    }
    if (set.elements.size() > kMaxSetElements) {
        set.unsaid = fmt::format(
            "set `{}` has more than {} elements: put them into a file, one a line, and write `set {} : net from "
            "\"FILE\"`",
            name, kMaxSetElements, set.name);
        return;
    }
    std::vector<std::string> types;
    for (const std::string& type : set.types) {
        const char* ours = language_type(type);
        if (ours == nullptr) {
            set.is_inline = !set.is_changed && !set.elements.empty();
            if (!set.is_inline)
                set.unsaid = fmt::format("set `{}` of type {} cannot be said", name, one_line(type, 40));
            return;
        }
        types.emplace_back(ours);
    }
    if (types.empty()) return void(set.unsaid = "a set without a type");
    const bool is_tuple = types.size() > 1;
    if (is_tuple && has_flag(object, "interval")) {
        set.is_inline = !set.is_changed && !set.elements.empty();
        if (!set.is_inline)
            set.unsaid = fmt::format("set `{}`: a concatenation with intervals that rules change", name);
        return;
    }
    write_item(object, set, scope, is_tuple ? fmt::format("({})", fmt::join(types, ", ")) : types.front());
}

}  // namespace weir::tooling::imports
