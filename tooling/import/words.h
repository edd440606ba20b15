// Texts of the language from the parts of other systems: names, strings, numbers, ranges, sets, shared by all
// importers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/packet/fields.h"
#include "grammar/value.h"

namespace weir::tooling::imports {

// Different names that the language allows, each as near as possible to the one that was there.
class Names {
public:
    std::string make(std::string_view near);

private:
    std::set<std::string> taken_{};
    std::map<std::string, std::size_t> last_number_{};  // behind a name that was taken
};

// Whether a policy may have this name.
bool is_policy_name(std::string_view text);

// "…", with escapes. At most `limit_bytes` of `text`; cut text ends with "…".
std::string string_literal(std::string_view text, std::size_t limit_bytes = 1000);
// One line of a comment: printable, cut.
std::string one_line(std::string_view text, std::size_t limit_bytes = 160);

std::optional<std::uint64_t> parse_number(std::string_view text);  // decimal or 0x…
// "22", "1000:2000", ":1023", "1024:" of a field of `bits` bits, where `separator` is ':'.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_span(std::string_view text, char separator,
                                                                  std::uint64_t largest);
std::vector<std::string_view> split(std::string_view text, char separator);

// The name that the field has for the value, else the number.
std::string value_text(packet::FieldId field, std::uint64_t value);
std::string span_text(packet::FieldId field, std::pair<std::uint64_t, std::uint64_t> span);

enum class Sense : std::uint8_t { kIs, kIsNot };
// FIELD == X, FIELD in A..B, FIELD in { … } of elements as texts, or their opposites.
std::string among(std::string_view field, const std::vector<std::string>& elements, Sense sense);
// FIELD == A, in A..B, < B + 1 and so on of a span of numbers.
std::string within(std::string_view field, packet::FieldId id, std::pair<std::uint64_t, std::uint64_t> span,
                   Sense sense);
// An address, a prefix (host bits cleared), an inclusive range. Nothing where it is none of them.
std::optional<std::string> address_text(std::string_view text);
// Version of an address, prefix or range: 4 or 6.
std::optional<int> address_version(std::string_view text);
// 5 a "second", "min", "hour", "day": "5/s"; nothing for other units.
std::optional<std::string> rate_text(std::string_view count, std::string_view unit);
// Of seconds: "90s".
std::string seconds_text(std::uint64_t seconds);

}  // namespace weir::tooling::imports
