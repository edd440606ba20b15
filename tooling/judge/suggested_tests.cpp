// Tested by tests/unit/tooling/mutation_test.cpp with `suggested_tests`.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "tooling/judge/mutation.h"
#include "tooling/judge/suggest.h"

namespace weir::tooling {
namespace {

constexpr std::uint64_t kPauses_ns[] = {60'000'000'000, 3'600'000'000'000, 86'400'000'000'000};
constexpr const char* kPauseSteps[] = {"after 1m", "after 1h", "after 1d"};

// One test that grows as long as what is added means the same behind what is there.
class Growing {
public:
    explicit Growing(const policy::TypedPolicy& policy) : policy_(policy), pauses_(holds_state(policy)) {}
    bool add(const JudgedMutant& one) {
        if (append(one, 0, {})) return true;
        if (!pauses_) return false;
        for (std::size_t i = 0; i < std::size(kPauses_ns); ++i)
            if (append(one, kPauses_ns[i], kPauseSteps[i])) return true;
        return false;
    }
    const std::vector<std::string>& steps() const { return steps_; }

private:
    bool append(const JudgedMutant& one, std::uint64_t pause_ns, const std::string& pause_step) {
        Script longer = script_;
        longer.insert(longer.end(), one.script.begin(), one.script.end());
        longer[script_.size()].after_ns += pause_ns;
        const std::vector<Judged> alone = play(policy_, one.script), behind = play(policy_, longer);
        if (!std::equal(alone.begin(), alone.end(), behind.begin() + static_cast<std::ptrdiff_t>(script_.size())))
            return false;
        if (pause_ns != 0) steps_.push_back(pause_step);
        steps_.insert(steps_.end(), one.steps.begin(), one.steps.end());
        script_ = std::move(longer);
        return true;
    }

    const policy::TypedPolicy& policy_;
    bool pauses_;
    Script script_{};
    std::vector<std::string> steps_{};
};

}  // namespace

std::string free_name(const policy::TypedPolicy& policy, const std::vector<SuggestedTest>& taken,
                      const std::string& name) {
    const auto is_taken = [&](const std::string& one) {
        const auto has_it = [&](const auto& test) { return test.name == one; };
        return std::any_of(policy.tests.begin(), policy.tests.end(), has_it) ||
               std::any_of(taken.begin(), taken.end(), has_it);
    };
    std::string free = name;
    for (int number = 2; is_taken(free); ++number) free = fmt::format("{}, {}", name, number);
    return free;
}

std::vector<SuggestedTest> suggested_tests(const LoadedPolicy& loaded, const Mutation& mutation) {
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    std::vector<SuggestedTest> tests;
    std::set<std::vector<std::string>> said;
    std::map<std::uint32_t, std::vector<Growing>> by_rule;
    for (const JudgedMutant& one : mutation.mutants) {
        if (one.script.empty() || !said.insert(one.steps).second) continue;
        std::vector<Growing>& growing = by_rule[one.mutant.rule];
        const bool fits = std::any_of(growing.begin(), growing.end(), [&](Growing& test) { return test.add(one); });
        if (!fits) growing.emplace_back(policy).add(one);
    }
    for (const auto& [rule, growing] : by_rule)
        for (const Growing& test : growing) {
            const std::string of = policy.rules.empty() ? "the default" : policy.rules[rule].name;
            tests.push_back({free_name(policy, tests, of + " at its boundaries"), test.steps()});
        }
    return tests;
}

}  // namespace weir::tooling
