// Which mutants of a policy its own tests notice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/mutant.h"
#include "tooling/judge/policy_tests.h"
#include "tooling/judge/script.h"

namespace weir::tooling {

struct JudgedMutant {
    enum class Outcome : std::uint8_t { kNoticed, kNotNoticed, kEquivalent };
    Mutant mutant{};
    Outcome outcome = Outcome::kNotNoticed;
    Script script{};                   // kNotNoticed: of a test that notices it; empty where none was found
    std::vector<std::string> steps{};  // the same as text
};
struct Mutation {
    std::vector<JudgedMutant> mutants{};
    std::string failed{};  // a test that fails without any mutant: then there are none

    std::size_t count(JudgedMutant::Outcome outcome) const;
    // Of those that are not equivalent; 100 where there are none.
    double percent() const;
};
struct MutationOptions {
    std::function<bool(const policy::Test&)> runs{};       // empty: all tests
    std::function<void(std::size_t, std::size_t)> step{};  // mutants judged, and all; from one thread at a time
    std::size_t threads = 1;
    enum class Suggest : std::uint8_t { kYes, kNo } suggest = Suggest::kYes;
};

// Mutants of the policy's own file, not of imports, judged by the oracle. `loaded` has a policy. The same whatever
// the number of threads.
Result<Mutation> mutate(const LoadedPolicy& loaded, const MutationOptions& options);

// A test ready to paste: its name, and a line for each step.
struct SuggestedTest {
    std::string name{};
    std::vector<std::string> steps{};
};
// Those that notice the mutants for which a script was found: one for each rule, where its scripts mean the same one
// after another.
std::vector<SuggestedTest> suggested_tests(const LoadedPolicy& loaded, const Mutation& mutation);
// A name that no test of the policy has, and none of `taken`.
std::string free_name(const policy::TypedPolicy& policy, const std::vector<SuggestedTest>& taken,
                      const std::string& name);

}  // namespace weir::tooling
