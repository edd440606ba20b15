// Values as other tools write them: names of services, hosts, flags.
#pragma once

#include <string>
#include <string_view>

#include "compiler/packet/fields.h"
#include "grammar/diagnostic.h"
#include "grammar/value.h"

namespace weir::sema {

struct ValueSuggestion {
    std::string help{};         // empty: nothing is known of this word
    std::string replacement{};  // empty unless it has the meaning that was written
};
// `word` stands where a value of the field is compared and is none: a name, or the text of a string.
ValueSuggestion suggest_value(packet::FieldId compared, std::string_view word);

// Puts the suggestion into a diagnostic about `word`; false where there is none.
bool take_suggestion(Diagnostic& said, packet::FieldId compared, std::string_view word);

// The IPv4 address or prefix of ::ffff:192.0.2.1, as a socket of IPv6 shows it; empty where it is none of these. The
// whole of ::ffff:0:0/96 is none: policies name it as a bogon.
std::string ip4_of_mapped(const Value& value);

// How a name that nothing declares may be declared, for values of this field.
std::string declaration_of(packet::FieldId compared, std::string_view name);

}  // namespace weir::sema
