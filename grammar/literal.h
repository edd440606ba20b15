// Literals: from their text to their value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/diagnostic.h"
#include "grammar/value.h"

namespace weir {

// A word that is not a name: a number, a duration, a rate, a size, an address, a prefix, a range, a MAC address, true
// or false. Reports an error for any other word.
std::optional<Value> parse_literal(std::string_view text, Span span, Diagnostics& diagnostics);

// The same, without reporting errors.
std::optional<Value> parse_literal_quiet(std::string_view text);

// The bytes of `"…"`, quotes included in `text`.
std::optional<std::string> parse_string(std::string_view text, Span span, Diagnostics& diagnostics);

// The bytes of `hex"…"`.
std::optional<std::string> parse_hex(std::string_view text, Span span, Diagnostics& diagnostics);

// A lower-case dotted path: a field or a name.
bool is_path(std::string_view text);
bool is_name(std::string_view text);

}  // namespace weir
