// weir check --budget, --costs: what a policy costs before it is in force.
// Tested by tests/cli/budget_test.py with `--budget`.
#include "cli/budget.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace weir::cli {
namespace {

using tooling::Budget;
using tooling::PolicyCosts;

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
    return number;
}

// "ns=100,insns=200000,memory=16MB", any of them.
std::optional<Budget> parse_budget(std::string_view text) {
    Budget budget;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        const std::size_t sign = part.find('=');
        if (sign == std::string_view::npos) return std::nullopt;
        const std::string_view name = part.substr(0, sign);
        const std::string value(part.substr(sign + 1));
        std::optional<std::uint64_t>* const figure = name == "ns"       ? &budget.ns
                                                     : name == "insns"  ? &budget.insns
                                                     : name == "memory" ? &budget.memory_bytes
                                                                        : nullptr;
        if (figure == nullptr || *figure) return std::nullopt;
        *figure = name == "memory" ? parse_size(value) : number_of(value);
        if (!*figure) return std::nullopt;
    }
    return budget.any() ? std::optional(budget) : std::nullopt;
}

std::string as_json(const PolicyCosts& costs, const Budget& budget, const std::string& file,
                    const policy::TypedPolicy& policy) {
    const auto limit = [](const std::optional<std::uint64_t>& figure) {
        return figure ? nlohmann::ordered_json(*figure) : nlohmann::ordered_json(nullptr);
    };
    const auto tenths = [](double value) { return std::round(value * 10) / 10; };
    auto rules = nlohmann::ordered_json::array(), tables = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const ir::RuleCost& cost = costs.rules[i];
        rules.push_back({{"name", policy.rules[i].name},
                         {"comparisons", cost.comparisons},
                         {"comparisons_before", cost.before},
                         {"terms", cost.terms},
                         {"estimated_ns", tenths(cost.ns)}});
    }
    for (const policy::TableBytes& table : costs.tables)
        tables.push_back({{"name", table.name}, {"bytes", table.bytes}});
    const nlohmann::ordered_json json{
        {"file", file},
        {"measured", costs.is_measured},
        {"ns", {{"median", tenths(costs.median_ns)}, {"worst", tenths(costs.worst_ns)}, {"budget", limit(budget.ns)}}},
        {"insns", {{"value", costs.insns}, {"budget", limit(budget.insns)}}},
        {"memory_bytes", {{"value", costs.memory_bytes}, {"budget", limit(budget.memory_bytes)}}},
        {"rules", rules},
        {"tables", tables}};
    return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string summary(const PolicyCosts& costs, const Budget& budget, bool has_ns, const std::string& file) {
    const auto of = [](const std::optional<std::uint64_t>& figure) {
        return figure ? fmt::format(" of {}", *figure) : std::string();
    };
    std::string text = printable(file) + ":";
    if (has_ns)
        text += fmt::format(" {:.0f} ns a packet at worst{}, {:.0f} ns median;", costs.worst_ns, of(budget.ns),
                            costs.median_ns);
    text += fmt::format(" {} instructions{}; {} bytes of maps{}", costs.insns, of(budget.insns), costs.memory_bytes,
                        of(budget.memory_bytes));
    return text + (costs.is_measured ? ": measured in this kernel\n"
                                     : ": estimates, since this process may not load BPF programs\n");
}

std::string table_of(const PolicyCosts& costs, const policy::TypedPolicy& policy) {
    std::size_t width = 4;
    for (const policy::Rule& rule : policy.rules) width = std::max(width, rule.name.size());
    std::string text = fmt::format("{}  {:>11}  {:>7}  {:>5}  {:>8}\n", padded("rule", width), "comparisons", "before",
                                   "terms", "about ns");
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const ir::RuleCost& cost = costs.rules[i];
        text += fmt::format("{}  {:>11}  {:>7}  {:>5}  {:>8.0f}\n", padded(policy.rules[i].name, width),
                            cost.comparisons, cost.before, cost.terms, cost.ns);
    }
    for (const policy::TableBytes& table : costs.tables)
        text += fmt::format("{:>12} bytes  {}\n", table.bytes, printable(table.name));
    return text;
}

}  // namespace

void add_budget_options(CLI::App& command, BudgetArguments& arguments) {
    command
        .add_option_function<std::string>(
            "--budget", [&arguments](const std::string& text) { arguments.budget = *parse_budget(text); },
            "what the policy may cost: ns=N a packet, insns=N of the verifier, memory=SIZE of its maps; any of them")
        ->type_name("ns=N,insns=N,memory=SIZE")
        ->check([](const std::string& text) {
            return parse_budget(text) ? std::string()
                                      : "`" + text + "` is not a budget such as ns=100,insns=200000,memory=16MB";
        });
    command.add_flag("--costs", arguments.lists_costs, "also list what each rule and table costs");
}

int check_budget(const BudgetArguments& arguments, const tooling::LoadedPolicy& loaded, const std::string& file,
                 const std::string& format, PolicyFiles& files) {
    const policy::TypedPolicy& policy = loaded.compiled->policy;
    const bool has_ns = arguments.budget.ns.has_value() || arguments.lists_costs;
    Progress progress("measuring " + file);
    const auto costs = tooling::costs_of(*loaded.compiled, has_ns ? tooling::Ns::kMeasured : tooling::Ns::kNotWanted);
    progress.finish();
    if (!costs) return say_error(costs.error());
    Diagnostics said;
    for (Diagnostic& one : tooling::over_budget(*costs, arguments.budget, policy)) said.add(std::move(one));
    const bool is_over = said.has_errors();
    files.say(loaded, std::move(said));
    if (format == "json") std::fputs(as_json(*costs, arguments.budget, file, policy).c_str(), stdout);
    if (format == "human" && !is_quiet()) {
        if (arguments.lists_costs) std::fputs(table_of(*costs, policy).c_str(), stdout);
        std::fputs(summary(*costs, arguments.budget, has_ns || !costs->is_measured, file).c_str(), stdout);
    }
    return is_over ? kPolicyFault : kOk;
}

}  // namespace weir::cli
