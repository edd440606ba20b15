// Tested by tests/unit/tooling/budget_test.cpp.
#include "tooling/judge/budget.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "compiler/analysis/probe_frames.h"
#include "runtime/bench.h"
#include "runtime/engine/program.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/validate.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kNamed = 3;           // items that a diagnostic names
constexpr std::size_t kMeasured = 16'384;   // frames
constexpr std::size_t kOfARule = 512;       // frames at most: as many as a batch has, so that one is of one rule
constexpr std::uint32_t kRepeats = 24;      // of each frame
constexpr std::uint64_t kSought = 400'000;  // packets that witnesses are looked for among

// Packets that meet the rules, those of a rule side by side.
Result<runtime::Frames> frames_of(const Compiled& compiled) {
    Evaluators oracle(compiled);
    if (Status added = oracle.add(Evaluator::kOracle); !added) return added.error();
    std::vector<ShownPacket> witnesses;
    ValidateOptions options{.frames = kSought, .time = std::chrono::seconds(10)};
    options.witnesses = &witnesses;
    if (const auto tried = validate(compiled, oracle, options); !tried) return tried.error();
    std::erase_if(witnesses, [](const ShownPacket& one) {
        return one.direction == packet::Direction::kOut || !kernel_takes(one.frame.size());
    });
    runtime::Frames frames;
    const std::size_t rules = std::max<std::size_t>(compiled.policy.rules.size(), 1);
    const std::size_t each = std::clamp<std::size_t>(kMeasured / rules, 1, kOfARule);
    for (std::size_t begin = 0, end = 0; begin < witnesses.size() && frames.size() < kMeasured; begin = end) {
        while (end < witnesses.size() && witnesses[end].rule == witnesses[begin].rule) ++end;
        for (std::size_t i = 0; i < each; ++i) frames.push_back(witnesses[begin + i % (end - begin)].frame);
    }
    if (frames.empty()) frames = analysis::probe_frames(compiled.policy, kOfARule, 1);
    return frames;
}

std::uint64_t table_bytes_of(const bpf::Object& object, const std::vector<policy::TableBytes>& tables) {
    std::uint64_t bytes = 0;
    for (const policy::TableBytes& table : tables) bytes += table.bytes;
    for (const auto* images : {&object.tables, &object.egress_tables})
        for (const bpf::TableImage& image : *images) bytes += image.bytes.size();
    return bytes;
}

Status measure(const Compiled& compiled, const bpf::Object& object, Ns ns,
               const std::function<void(std::uint64_t)>& step, PolicyCosts& costs) {
    if (ns == Ns::kNotWanted) {
        auto program = runtime::Program::load(object, {});
        if (!program) return program.error();
        costs.insns = program->verified_insns();
        costs.memory_bytes = program->memory_bytes();
        return Done{};
    }
    const auto frames = frames_of(compiled);
    if (!frames) return frames.error();
    runtime::BenchOptions options;
    options.repeat = kRepeats;
    options.on_progress = step;
    const auto figures = runtime::bench(object, *frames, options);
    if (!figures) return figures.error();
    costs.median_ns = std::max(0.0, figures->packet_ns.p50 - figures->baseline_ns);
    costs.worst_ns = std::max(0.0, figures->packet_ns.p99 - figures->baseline_ns);
    costs.packets = figures->packets;
    costs.insns = figures->verified_insns;
    costs.memory_bytes = figures->memory_bytes;
    return Done{};
}

void estimate(const Compiled& compiled, const bpf::Object& object, PolicyCosts& costs) {
    std::vector<double> ns;
    for (const ir::RuleCost& cost : costs.rules) ns.push_back(cost.ns);
    std::sort(ns.begin(), ns.end());
    const double decided = ir::decision_ns(compiled.decision);
    costs.median_ns = std::max(ns.empty() ? 0 : ns[ns.size() / 2], decided);
    costs.worst_ns = std::max(ns.empty() ? 0 : ns.back(), decided);
    costs.insns = std::max(program_insns(object.elf), program_insns(object.egress_elf));
    costs.memory_bytes = table_bytes_of(object, costs.tables);
}

// ---- over budget ----

struct Item {
    Span span{};
    std::string text{};
    std::string rule{};
    double cost = 0;
};

std::string cost_text(const ir::RuleCost& cost) {
    const auto counted = [](std::uint64_t count, const char* what) {
        return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    std::string text = counted(cost.comparisons, "comparison");
    if (cost.before != 0) text += fmt::format(" after {} of earlier rules", cost.before);
    if (cost.terms != 0) text += ", " + counted(cost.terms, "state term");
    return text;
}

template <typename CostOf>
std::vector<Item> rules_by(const PolicyCosts& costs, const policy::TypedPolicy& policy, CostOf cost_of) {
    std::vector<Item> items;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const policy::Rule& rule = policy.rules[i];
        items.push_back({rule.span, fmt::format("rule {}: {}", rule.name, cost_text(costs.rules[i])), rule.name,
                         cost_of(costs.rules[i])});
    }
    return items;
}

// The dearest first.
Diagnostic diagnostic_of(std::vector<Item> items, std::string message, std::string help) {
    const std::size_t named = std::min(items.size(), kNamed);
    std::partial_sort(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(named), items.end(),
                      [](const Item& a, const Item& b) { return a.cost > b.cost; });
    Diagnostic said;
    said.code = Code::E540;
    said.message = std::move(message);
    said.help = std::move(help);
    if (named == 0) return said;
    said.span = items[0].span;
    said.rule = items[0].rule;
    said.label = items[0].text;
    for (std::size_t i = 1; i < named; ++i) said.notes.push_back({items[i].span, "then " + items[i].text});
    return said;
}

const char* source_of(const PolicyCosts& costs) { return costs.is_measured ? "measured" : "an estimate"; }

}  // namespace

std::uint64_t program_insns(const std::vector<std::uint8_t>& elf) {
    constexpr std::uint64_t kInsnBytes = 8;
    Elf64_Ehdr head{};
    if (elf.size() < sizeof(head)) return 0;
    std::memcpy(&head, elf.data(), sizeof(head));
    if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_shentsize != sizeof(Elf64_Shdr)) return 0;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < head.e_shnum; ++i) {
        Elf64_Shdr section{};
        const std::uint64_t at = head.e_shoff + i * sizeof(section);
        if (at > elf.size() || elf.size() - at < sizeof(section)) return 0;
        std::memcpy(&section, &elf[at], sizeof(section));
        if (section.sh_type == SHT_PROGBITS && (section.sh_flags & SHF_EXECINSTR) != 0) bytes += section.sh_size;
    }
    return bytes / kInsnBytes;
}

Result<PolicyCosts> costs_of(const Compiled& compiled, Ns ns, const std::function<void(std::uint64_t)>& step) {
    const auto object = compile(compiled, {});
    if (!object) return object.error();
    PolicyCosts costs;
    costs.rules = ir::rule_costs(compiled.decision);
    if (compiled.egress) {
        const std::vector<ir::RuleCost> outgoing = ir::rule_costs(*compiled.egress);
        for (std::size_t i = 0; i < costs.rules.size(); ++i)
            if (compiled.policy.rules[i].direction == packet::Direction::kOut) costs.rules[i] = outgoing[i];
    }
    costs.tables = policy::table_bytes(compiled.policy);
    costs.is_measured = kernel_is_allowed();
    if (costs.is_measured) {
        if (Status measured = measure(compiled, *object, ns, step, costs); !measured) return measured.error();
    } else {
        estimate(compiled, *object, costs);
    }
    return costs;
}

std::vector<Diagnostic> over_budget(const PolicyCosts& costs, const Budget& budget, const policy::TypedPolicy& policy) {
    std::vector<Diagnostic> said;
    if (budget.ns && costs.worst_ns > static_cast<double>(*budget.ns))
        said.push_back(diagnostic_of(
            rules_by(costs, policy, [](const ir::RuleCost& cost) { return cost.ns; }),
            fmt::format("a packet takes up to {:.0f} ns ({}, median {:.0f} ns), and the budget is {} ns",
                        costs.worst_ns, source_of(costs), costs.median_ns, *budget.ns),
            "put stateless conditions before state terms, the rules that most packets meet first, and search payloads "
            "behind ports"));
    if (budget.insns && costs.insns > *budget.insns)
        said.push_back(diagnostic_of(
            rules_by(costs, policy, [](const ir::RuleCost& cost) { return cost.comparisons + 20.0 * cost.terms; }),
            fmt::format("{} {} instructions ({}), and the budget is {}",
                        costs.is_measured ? "the verifier follows" : "the program has", costs.insns, source_of(costs),
                        *budget.insns),
            "make rules that differ in values one rule with a set, and share conditions by name: equal "
            "ones are compiled once"));
    if (budget.memory_bytes && costs.memory_bytes > *budget.memory_bytes) {
        std::vector<Item> items;
        for (const policy::TableBytes& table : costs.tables)
            items.push_back({table.span,
                             fmt::format("{}: {} bytes", table.name, table.bytes),
                             {},
                             static_cast<double>(table.bytes)});
        said.push_back(
            diagnostic_of(std::move(items),
                          fmt::format("the maps take {} bytes ({}), and the budget is {}", costs.memory_bytes,
                                      source_of(costs), *budget.memory_bytes),
                          "`size N` bounds a state term, a set, throttles and flows: 64 to 576 bytes a key"));
    }
    return said;
}

}  // namespace weir::tooling
