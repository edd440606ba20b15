// Steps of tests that a policy lacks: what tells it from a mutant, and packets that match a rule.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "tooling/judge/script.h"

namespace weir::tooling {

// Whether what a packet gets may depend on those before it.
bool holds_state(const policy::TypedPolicy& policy);

// Searches among the packets of the policy's tests, and packets on the boundaries of a rule: alone, repeated as often
// as its state terms say, and after the times that the policy names. Finds many, and not all.
class Suggestions {
public:
    // `tests`: those of the policy; both outlive this.
    Suggestions(const policy::TypedPolicy& policy, const std::vector<policy::Test>& tests);

    // Ends at the first packet that the two decide in different ways; empty where none was found. `rule`: the one that
    // the change concerns, if any.
    Script telling_from(const policy::TypedPolicy& changed, std::size_t rule) const;
    // Ends at a packet that matches the rule.
    Script matching(std::size_t rule) const;

private:
    using Events = std::vector<ScriptEvent>;
    class Search;  // of one mutant

    Events on_boundaries(const policy::TypedPolicy& policy, std::size_t rule, std::uint64_t seed) const;
    std::vector<Script> repeated(const Events& events, const policy::TypedPolicy& policy, std::size_t rule) const;
    void try_tests(Search& search, const Events& events) const;

    const policy::TypedPolicy& policy_;
    bool has_state_;
    std::vector<std::string> interfaces_{};  // that conditions name, and none
    std::vector<std::uint64_t> times_{};     // that the policy names, and a microsecond more or less
    Events sent_{};                          // by the tests, each once
    std::vector<Script> scripts_{};          // the tests themselves
};

}  // namespace weir::tooling
