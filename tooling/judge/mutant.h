// Small changes of a policy, each of which a test should notice.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/source.h"

namespace weir::tooling {

struct Mutant {
    // What is changed: conditions of rules; what a rule does; the order of `rule` and the one after it; a verdict that
    // no rule decides; state terms, sets and responses.
    enum class Kind : std::uint8_t { kCondition, kAction, kOrder, kDefault, kState };
    Kind kind = Kind::kCondition;
    Span span{};             // the place that is changed
    std::string change{};    // "`tcp.dport == 22` with 23", as people read it
    std::uint32_t rule = 0;  // kAction, kOrder: which; else the first that it may concern
    std::function<void(policy::TypedPolicy&)> apply{};
};

// Those at places of the file `file`, in the order of the text. Numbers and addresses move by one, durations by a
// microsecond; of a list of more than 8 ranges or entries the first 8 are changed. What no test can see is left out:
// sinks, messages, captures, measures, escalations, sizes, and entries that come from files.
std::vector<Mutant> mutants_of(const policy::TypedPolicy& policy, const Sources& sources, std::uint32_t file);

}  // namespace weir::tooling
