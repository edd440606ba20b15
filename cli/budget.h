// `weir check --budget` and `--costs`.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "cli/load.h"
#include "tooling/judge/budget.h"

namespace weir::cli {

struct BudgetArguments {
    tooling::Budget budget{};
    bool lists_costs = false;
    bool any() const { return lists_costs || budget.any(); }
};

void add_budget_options(CLI::App& command, BudgetArguments& arguments);
// What is over the budget becomes diagnostics of `files`. Returns a status.
int check_budget(const BudgetArguments& arguments, const tooling::LoadedPolicy& loaded, const std::string& file,
                 const std::string& format, PolicyFiles& files);

}  // namespace weir::cli
