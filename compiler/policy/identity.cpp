// Tested by tests/kernel/state_test.cpp with `identity`.
#include "compiler/policy/identity.h"

#include <fmt/format.h>

#include "compiler/policy/condition_text.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/hash.h"

namespace weir::policy {

namespace {

// In the largest unit that says it whole.
std::string duration_text(std::uint64_t ns) {
    struct Unit {
        const char* word;
        std::uint64_t ns;
    };
    constexpr Unit kUnits[] = {{"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000},
                               {"s", 1'000'000'000},      {"ms", 1'000'000},        {"us", 1'000}};
    for (const Unit& unit : kUnits)
        if (ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.word);
    return fmt::format("{}ns", ns);
}

// Both numbers wherever an address may be of either version: `ip.src/24` and `ip.src/24/64` have the same state.
std::string key_text(const KeyField& key) {
    const packet::Field& field = packet::field(key.field);
    const std::string name = packet::field_name(key.field);
    if (key.bits.all()) return name;
    constexpr std::uint8_t kIp4Bits = 32;  // of the fields of ARP
    return field.bits == kIp4Bits ? fmt::format("{}/{}", name, key.bits.ip4)
                                  : fmt::format("{}/{}/{}", name, key.bits.ip4, key.bits.ip6);
}

}  // namespace

std::string identity(const std::vector<KeyField>& keys) {
    std::string text;
    for (std::size_t i = 0; i < keys.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", key_text(keys[i]));
    return text;
}

namespace {

std::string with_keys(std::string text, const StateTerm& term) {
    if (term.value) text += fmt::format("{} by ", key_text(*term.value));
    text += identity(term.keys);
    const bool is_unit =
        term.kind == TermKind::kRate || term.kind == TermKind::kByteRate || term.kind == TermKind::kThrottle;
    return text + fmt::format(") {} {}", is_unit ? "per" : "in", duration_text(term.unit_ns));
}

}  // namespace

std::string identity(const TypedPolicy& policy, const Rule& rule, const StateTerm& term) {
    constexpr std::string_view kWords[] = {"rate", "byterate", "count", "distinct", "share", "surge"};
    std::string text = fmt::format("rule {}: {}(", rule.name, kWords[static_cast<std::size_t>(term.kind)]);
    if (term.condition != kNoExpr) text += condition_text(policy, term.condition) + (term.keys.empty() ? "" : " by ");
    return with_keys(std::move(text), term);
}

std::string identity(const Alert& alert) {
    return with_keys(fmt::format("alert {}: throttle(", alert.name), *alert.throttle);
}

std::string identity(const Measure& measure) {
    std::string text = fmt::format("measure {}: {}", measure.name, packet::field_name(measure.field));
    for (std::size_t i = 0; i < measure.keys.size(); ++i)
        text += fmt::format("{}{}", i == 0 ? " by " : ", ", key_text(measure.keys[i]));
    return text;
}

std::uint64_t identity_print(std::string_view identity) { return fnv1a(identity); }

std::string identity(const Set& set) {
    std::string types;
    for (const SetType type : set.types) types += fmt::format("{}{}", types.empty() ? "" : ", ", set_type_name(type));
    return fmt::format("set {}: ({})", set.name, types);
}

}  // namespace weir::policy
