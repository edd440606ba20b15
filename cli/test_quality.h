// weir test --coverage, --mutate, --suggest: are the tests of a policy any good?
#pragma once

#include <optional>
#include <string>

#include "cli/load.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {

struct TestQuality {
    const tooling::LoadedPolicy& loaded;  // it has a policy
    const std::string& format;
    const std::string& filter;          // of the tests' names
    std::optional<double> threshold{};  // percent
    PolicyFiles& files;                 // for SARIF
};

// Each prints its findings and returns an exit status.
int say_coverage(const TestQuality& of);
int say_mutants(const TestQuality& of);
int say_suggestions(const TestQuality& of);

}  // namespace weir::cli
