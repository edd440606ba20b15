// What a policy costs before it is in force, and which of its rules and tables cost most.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/ir/rule_costs.h"
#include "compiler/policy/table_bytes.h"
#include "grammar/base/result.h"
#include "grammar/diagnostic.h"

namespace weir::tooling {

struct Budget {
    std::optional<std::uint64_t> ns{};            // of a packet, over a program that only returns
    std::optional<std::uint64_t> insns{};         // that the verifier follows, of the larger of both programs
    std::optional<std::uint64_t> memory_bytes{};  // of the maps
    bool any() const { return ns || insns || memory_bytes; }
};

// Where the kernel is not asked, figures are estimates.
struct PolicyCosts {
    bool is_measured = false;  // in this kernel
    double median_ns = 0;      // of packets that meet the rules; over a program that only returns
    double worst_ns = 0;       // of the rules whose packets take longest
    std::uint32_t packets = 0;
    std::uint64_t insns = 0;  // estimate: of the program, each once
    std::uint64_t memory_bytes = 0;
    std::vector<ir::RuleCost> rules{};  // estimates, by rule
    std::vector<policy::TableBytes> tables{};
};

enum class Ns : std::uint8_t { kMeasured, kNotWanted };  // measuring takes about a second
// The kernel is asked where this process may load programs.
Result<PolicyCosts> costs_of(const Compiled& compiled, Ns ns, const std::function<void(std::uint64_t)>& step = {});

// E540 for each figure that is above the budget, at what costs most, with what costs most after it.
std::vector<Diagnostic> over_budget(const PolicyCosts& costs, const Budget& budget, const policy::TypedPolicy& policy);

// Instructions of the programs of an ELF file: 8 bytes each. 0 where it is none.
std::uint64_t program_insns(const std::vector<std::uint8_t>& elf);

}  // namespace weir::tooling
