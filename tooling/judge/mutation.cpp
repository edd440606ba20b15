// Tested by tests/unit/tooling/mutation_test.cpp with `mutate`.
#include "tooling/judge/mutation.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "tooling/judge/equivalent.h"
#include "tooling/judge/suggest.h"

namespace weir::tooling {
namespace {

using Outcome = JudgedMutant::Outcome;

// The policy with one mutant after another in it. Each thread has one.
class Judge {
public:
    Judge(const LoadedPolicy& loaded, const std::vector<policy::Test>& tests, const policy::TypedPolicy& bare)
        : tests_(tests), bare_(bare) {
        changed_.sources = loaded.sources;
        changed_.compiled = Compiled{loaded.compiled->source_name, {}, {}, {}, {}};
    }

    // The name of the first test that fails, or nothing.
    Result<std::optional<std::string>> failing(const Mutant* mutant) {
        changed_.compiled->policy = bare_;
        if (mutant != nullptr) mutant->apply(changed_.compiled->policy);
        const bool swaps = mutant != nullptr && mutant->kind == Mutant::Kind::kOrder;
        Evaluators evaluators(*changed_.compiled);
        if (Status added = evaluators.add(Evaluator::kOracle); !added) return added.error();
        PolicyTests runner(changed_, evaluators);
        for (const policy::Test& test : tests_) {
            auto result = swaps ? runner.run(renumbered(test)) : runner.run(test);
            if (!result) return result.error();
            if (result->failure) return std::optional<std::string>(test.name);
        }
        return std::optional<std::string>();
    }
    const policy::TypedPolicy& changed() const { return changed_.compiled->policy; }

private:
    // Rules go by their numbers, which are others after an exchange.
    policy::Test renumbered(policy::Test test) const {
        const auto& rules = changed().rules;
        const auto renumber = [&](policy::Expectation& expect) {
            if (!expect.rule) return;
            const std::string& name = bare_.rules[static_cast<std::size_t>(*expect.rule)].name;
            const auto at =
                std::find_if(rules.begin(), rules.end(), [&](const policy::Rule& r) { return r.name == name; });
            expect.rule = static_cast<policy::RuleId>(at - rules.begin());
        };
        for (policy::TestStep& step : test.steps) {
            if (auto* send = std::get_if<policy::SendFrames>(&step.node)) renumber(send->expect);
            if (auto* replay = std::get_if<policy::ReplayCapture>(&step.node)) renumber(replay->expect);
        }
        return test;
    }

    const std::vector<policy::Test>& tests_;
    const policy::TypedPolicy& bare_;
    LoadedPolicy changed_{};
};

// Which number the file of the policy itself has.
std::uint32_t own_file(const LoadedPolicy& loaded) {
    for (std::uint32_t file = 0; file < loaded.sources.size(); ++file)
        if (loaded.sources.name(file) == loaded.compiled->source_name) return file;
    return 0;
}

}  // namespace

std::size_t Mutation::count(Outcome outcome) const {
    return static_cast<std::size_t>(
        std::count_if(mutants.begin(), mutants.end(), [&](const JudgedMutant& one) { return one.outcome == outcome; }));
}

double Mutation::percent() const {
    const std::size_t all = mutants.size() - count(Outcome::kEquivalent);
    return all == 0 ? 100.0 : 100.0 * static_cast<double>(count(Outcome::kNoticed)) / static_cast<double>(all);
}

Result<Mutation> mutate(const LoadedPolicy& loaded, const MutationOptions& options) {
    Mutation mutation;
    std::vector<policy::Test> tests;
    for (const policy::Test& test : loaded.compiled->policy.tests)
        if (!options.runs || options.runs(test)) tests.push_back(test);
    policy::TypedPolicy bare = loaded.compiled->policy;
    bare.tests.clear();
    const auto failing = Judge(loaded, tests, bare).failing(nullptr);
    if (!failing) return failing.error();
    if (*failing) return mutation.failed = **failing, mutation;
    for (Mutant& mutant : mutants_of(bare, loaded.sources, own_file(loaded)))
        mutation.mutants.push_back({std::move(mutant), Outcome::kNotNoticed, {}});

    const Suggestions suggestions(bare, tests);
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;  // of all below
    std::size_t done = 0;
    std::optional<Error> error;
    const auto work = [&] {
        Judge judge(loaded, tests, bare);
        for (std::size_t i = next++; i < mutation.mutants.size(); i = next++) {
            JudgedMutant& one = mutation.mutants[i];
            const auto fails = judge.failing(&one.mutant);
            if (fails && *fails)
                one.outcome = Outcome::kNoticed;
            else if (fails && is_equivalent(bare, judge.changed(), one.mutant))
                one.outcome = Outcome::kEquivalent;
            else if (fails && options.suggest == MutationOptions::Suggest::kYes)
                if (one.script = suggestions.telling_from(judge.changed(), one.mutant.rule); !one.script.empty())
                    one.steps = steps_of(bare, one.script, &judge.changed());
            const std::scoped_lock lock(mutex);
            if (!fails && !error) error = fails.error();
            if (options.step) options.step(++done, mutation.mutants.size());
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < options.threads; ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    if (error) return *error;
    return mutation;
}

}  // namespace weir::tooling
