// Comparisons of the language with what they mean, from docs/language.md: apart from the checker, the analysis and the
// evaluators. A comparison with an absent field is false, whichever its operator.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/packet/packet.h"

namespace weir::tests {

struct Atom {
    std::string text;
    std::function<bool(const packet::Packet&)> holds;
};

using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // both ends included

packet::FieldId field_of(std::string_view name);
// A bool field.
Atom flag(const std::string& field);
// `field OP value`, of a number or a MAC written as `written`. OP: == != < <= > >=.
Atom number(const std::string& field, const std::string& op, std::uint64_t value, std::string written = {});
Atom masked(const std::string& field, std::uint64_t mask, const std::string& op, std::uint64_t value);
enum class In : std::uint8_t { kIn, kNotIn };
// `field in written`, where that is these ranges.
Atom within(const std::string& field, In in, const std::string& written, Ranges ranges);
// `field OP field`, of numbers, addresses or MACs.
Atom fields(const std::string& left, const std::string& op, const std::string& right);
// `field in NETS`, comma between them: `10.0.0.0/8, 2001:db8::/32`.
Atom nets(const std::string& field, In in, const std::string& list);
// `field == "value"`, of a name or a text.
Atom text_is(const std::string& field, const std::string& op, const std::string& value);
// Each of the operators with each of the values.
void add_numbers(std::vector<Atom>& atoms, const std::string& field, const std::vector<std::uint64_t>& values,
                 std::string_view ops = "== != < <= > >=");

}  // namespace weir::tests
