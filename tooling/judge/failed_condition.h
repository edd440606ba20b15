// Why a rule did not match a packet: the first condition that failed, and what the packet had there.
#pragma once

#include <optional>
#include <string>

#include "compiler/oracle/evaluate.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/typed_policy.h"
#include "grammar/source.h"

namespace weir::tooling {

struct FailedCondition {
    Span span{};
    std::string text{};                  // as written
    std::optional<std::string> value{};  // of its field; of several fields each with its name; nothing: all absent
};

// `tried` did not match. Of an `and` the first operand that failed; an `or` and a `not` fail as a whole.
FailedCondition failed_condition(const policy::TypedPolicy& policy, const Sources& sources,
                                 const oracle::Oracle& oracle, const oracle::Tried& tried);

// "22", "198.51.100.7", "02:00:00:00:00:01", "true", "1.5s", a name or text as it is, bytes as a literal.
std::string value_text(packet::FieldId field, const packet::FieldValue& value);

}  // namespace weir::tooling
