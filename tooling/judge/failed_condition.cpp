// Tested by tests/unit/tooling/explain_test.cpp with `failed`.
#include "tooling/judge/failed_condition.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "compiler/packet/message_text.h"
#include "compiler/policy/reads.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kShownBytes = 64;  // of a payload

std::string duration_text(std::uint64_t ns) {
    struct Unit {
        std::uint64_t ns;
        const char* word;
    };
    for (const Unit& unit : {Unit{1'000'000'000, "s"}, Unit{1'000'000, "ms"}, Unit{1'000, "us"}})
        if (ns >= unit.ns)
            return fmt::format("{:g}{}", static_cast<double>(ns) / static_cast<double>(unit.ns), unit.word);
    return fmt::format("{}ns", ns);
}

std::string bytes_text(std::string_view bytes) {
    const std::string_view shown = bytes.substr(0, kShownBytes);
    const bool is_text = std::all_of(shown.begin(), shown.end(), [](char c) {
        return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t';
    });
    const std::string text = is_text ? packet::quoted(shown) : packet::hex_literal(shown);
    return bytes.size() <= kShownBytes ? text : text + "…";
}

void collect_fields(const policy::TypedPolicy& policy, policy::ExprId id, std::vector<packet::FieldId>& fields) {
    const policy::Expr& expr = policy.expr(id);
    if (const auto* both = std::get_if<policy::And>(&expr.node))
        for (const policy::ExprId operand : both->operands) collect_fields(policy, operand, fields);
    if (const auto* either = std::get_if<policy::Or>(&expr.node))
        for (const policy::ExprId operand : either->operands) collect_fields(policy, operand, fields);
    if (const auto* negation = std::get_if<policy::Not>(&expr.node)) collect_fields(policy, negation->operand, fields);
    for (const packet::FieldId field : policy::compared_fields(expr))
        if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
}

std::optional<std::string> values_text(const std::vector<packet::FieldId>& fields, const packet::Packet& packet) {
    const bool are_absent =
        std::none_of(fields.begin(), fields.end(), [&](packet::FieldId field) { return packet.value(field); });
    if (are_absent) return std::nullopt;
    if (fields.size() == 1) return value_text(fields[0], *packet.value(fields[0]));
    std::string text;
    for (const packet::FieldId field : fields) {
        const auto& value = packet.value(field);
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", packet::field_name(field),
                            value ? value_text(field, *value) : "absent");
    }
    return text;
}

FailedCondition failed_in(const policy::TypedPolicy& policy, const Sources& sources, const oracle::Oracle& oracle,
                          const oracle::Tried& tried, policy::ExprId id) {
    const policy::Expr& expr = policy.expr(id);
    if (const auto* both = std::get_if<policy::And>(&expr.node))
        for (const policy::ExprId operand : both->operands)
            if (!oracle.holds(operand, tried.packet, tried.time_ns))
                return failed_in(policy, sources, oracle, tried, operand);
    std::vector<packet::FieldId> fields;
    collect_fields(policy, id, fields);
    return {expr.span, std::string(sources.text(expr.span)), values_text(fields, tried.packet)};
}

// What the key had, this packet counted; nothing where the packet lacks a field of the term.
std::optional<std::string> reading_text(const policy::StateTerm& term, const oracle::TermState::Reading& reading,
                                        const packet::Packet& packet) {
    for (const policy::KeyField& key : term.keys)
        if (!packet.value(key.field)) return std::nullopt;
    if (term.value && !packet.value(term.value->field)) return std::nullopt;
    switch (term.kind) {
        case policy::TermKind::kRate: return fmt::format("{} tokens left", reading.value);
        case policy::TermKind::kByteRate: return fmt::format("{} bytes of tokens left", reading.value);
        case policy::TermKind::kShare: return fmt::format("{} of {}", reading.value, reading.of);
        default: return std::to_string(reading.value);
    }
}

}  // namespace

std::string value_text(packet::FieldId field, const packet::FieldValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* address = std::get_if<IpAddress>(&value)) return to_string(*address);
    if (const auto* name = std::get_if<packet::DomainName>(&value)) return name->text();
    const packet::Type type = packet::field(field).type;
    if (const auto* text = std::get_if<std::string>(&value))
        return type == packet::Type::kBytes ? bytes_text(*text) : *text;
    const std::uint64_t number = std::get<std::uint64_t>(value);
    if (type == packet::Type::kDuration) return duration_text(number);
    if (type != packet::Type::kMac) return std::to_string(number);
    MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(number >> (40 - 8 * i));
    return to_string(mac);
}

FailedCondition failed_condition(const policy::TypedPolicy& policy, const Sources& sources,
                                 const oracle::Oracle& oracle, const oracle::Tried& tried) {
    const policy::Rule& rule = policy.rules[static_cast<std::size_t>(tried.rule)];
    if (!tried.failed_term) return failed_in(policy, sources, oracle, tried, rule.condition);
    const policy::StateTerm& term = rule.terms[*tried.failed_term];
    return {term.span, std::string(sources.text(term.span)),
            reading_text(term, oracle.last_reading(tried.rule, *tried.failed_term), tried.packet)};
}

}  // namespace weir::tooling
