// Tested by tests/unit/analysis/packet_sets_test.cpp.
#include "compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "compiler/analysis/lint.h"
#include "compiler/codegen/manifest.h"
#include "compiler/codegen/policy_module.h"
#include "compiler/codegen/tables.h"
#include "compiler/ir/build.h"
#include "compiler/ir/code_size.h"
#include "compiler/ir/lower.h"
#include "compiler/sema/covered.h"
#include "compiler/sema/unused.h"
#include "compiler/session.h"

namespace weir {
namespace {

// Code grows with what no table holds; the kernel verifies only so much of it.
bool fits(const ir::Decision& decision, const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    const std::vector<std::uint32_t> sizes = ir::code_sizes(decision);
    std::uint64_t size = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    ir::CodeSizes of_rules(decision);
    for (const ir::StateTerm& term : decision.terms)
        if (term.condition) size += of_rules.of(*term.condition);
    if (size <= ir::kMaxCodeSize) return true;
    std::size_t largest = 0;
    for (std::size_t i = 1; i < decision.rules.size(); ++i)
        if (of_rules.of(decision.rules[i].predicate) > of_rules.of(decision.rules[largest].predicate)) largest = i;
    const policy::Rule& rule = policy.rules[largest];
    diagnostics.add(
        {.code = Code::E519,
         .span = rule.span,
         .message = fmt::format("the conditions that must be code have {} comparisons together; the limit is {}; "
                                "the largest condition is in rule `{}`",
                                size, ir::kMaxCodeSize, rule.name),
         .help =
             "put the values that a field is compared with into a set; compare fields with values, not with each other",
         .rule = rule.name});
    return false;
}

// Each is code in one function, which BPF's jumps must cross: 32,767 instructions, up to 100 for the widest key.
constexpr std::size_t kMaxSetChanges = 256;

bool fits_changes(const ir::Decision& decision, const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    if (decision.changes.size() <= kMaxSetChanges) return true;
    const auto beyond = std::find_if(decision.rules.begin(), decision.rules.end(), [](const ir::Rule& rule) {
        return std::any_of(rule.changes.begin(), rule.changes.end(),
                           [](std::uint32_t change) { return change >= kMaxSetChanges; });
    });
    const policy::Rule& rule = policy.rules[static_cast<std::size_t>(beyond - decision.rules.begin())];
    diagnostics.add(
        {.code = Code::E522,
         .span = rule.span,
         .message = fmt::format("the rules of this policy change sets in {} different ways; the limit is {}",
                                decision.changes.size(), kMaxSetChanges),
         .label = "the first beyond the limit",
         .help = "rules that add the same field to the same set for the same time count once",
         .rule = rule.name});
    return false;
}

std::string size_text(std::uint64_t bytes) {
    if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
    return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// The kernel allocates all tables when the policy is loaded: beyond the limit that is said before, not found out then.
bool fits_memory(const policy::TypedPolicy& policy, std::uint64_t limit, Diagnostics& diagnostics) {
    const std::vector<policy::TableBytes> tables = policy::table_bytes(policy);
    std::uint64_t all = 0;
    for (const policy::TableBytes& table : tables) all += table.bytes;
    if (all <= limit) return true;
    const policy::TableBytes& largest =
        *std::max_element(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
    diagnostics.add({.code = Code::E521,
                     .span = largest.span,
                     .message = fmt::format("the {} tables of this policy take {} of kernel memory; the limit is {}",
                                            tables.size(), size_text(all), size_text(limit)),
                     .label = fmt::format("the largest: {}", size_text(largest.bytes)),
                     .help = fmt::format("give sets and terms a smaller `size`, or raise the limit: `--memory {}MB`",
                                         (all + 999'999) / 1'000'000)});
    return false;
}

// Which line of the root's text each rule is on, for the program's debug information. Rules of imported files have
// none there; line 1 stands for them.
void set_lines(const Sources& sources, std::uint32_t root, const policy::TypedPolicy& policy, ir::Decision& decision) {
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const Span span = policy.rules[i].span;
        decision.rules[i].line = span.file == root ? sources.position(root, span.begin).line : 1;
    }
}

}  // namespace

std::optional<Compiled> analyse(Sources& sources, const std::string& root_name, std::string root_text,
                                const sema::Files& files, Diagnostics& diagnostics, const AnalyseOptions& options) {
    // Parse: the root, and each file that it imports once.
    const std::uint32_t root = sources.add(root_name, std::move(root_text));
    const std::vector<ast::Policy> policies = sema::parse_all(sources, root, files, diagnostics);

    // Check: names become ids, types are compared, set files are read, tests become frames. What could be read is
    // checked also where something could not.
    std::optional<policy::TypedPolicy> policy = sema::check(sources, policies, files, diagnostics);
    if (!policy) return std::nullopt;
    if (!fits_memory(*policy, options.table_bytes, diagnostics)) return std::nullopt;
    analysis::warn_observed_sets(*policy, diagnostics);
    analysis::warn_lacking(*policy, diagnostics);

    // Lower: flat predicates and rules, which no longer refer to the text.
    Compiled compiled;
    compiled.source_name = root_name;
    compiled.source_text = sources.text(root);
    compiled.decision = ir::lower(*policy);
    if (!fits_changes(compiled.decision, *policy, diagnostics)) return std::nullopt;
    set_lines(sources, root, *policy, compiled.decision);
    if (policy->has_egress()) {
        compiled.egress = ir::lower_egress(*policy, compiled.decision);
        set_lines(sources, root, *policy, *compiled.egress);
    }

    // Build: choose between code and trees, and make the trees. Before the limit, which is of what no tree holds. Each
    // direction has a program, which has to fit by itself.
    ir::build(compiled.decision, options.session != nullptr ? &options.session->build_cache() : nullptr);
    if (!fits(compiled.decision, *policy, diagnostics)) return std::nullopt;
    if (compiled.egress) {
        ir::build(*compiled.egress);
        if (!fits(*compiled.egress, *policy, diagnostics)) return std::nullopt;
    }
    compiled.policy = std::move(*policy);
    sema::warn_unused(sources, policies, diagnostics);
    sema::warn_covered(sources, policies, compiled.policy, diagnostics);
    return compiled;
}

namespace {

// The program of one direction, with its tables and maps, into `object`.
Status compile_program(const Compiled& compiled, const CompileOptions& options, packet::Direction direction,
                       Session* session, bpf::Object& object) {
    // Code: the policy's functions and constants go into the template, its literals, ranges and trees into tables.
    codegen::Tables tables(compiled.policy);
    auto module = codegen::PolicyModule::fill(compiled, options, direction, tables,
                                              session != nullptr ? &session->codegen_cache() : nullptr);
    if (!module) return module.error();

    // Machine code. A session has it already where a policy of trees differs from the last one in its tables alone.
    auto elf = std::move(*module).to_elf();
    if (!elf) return elf.error();
    object.elf = std::move(*elf);

    // The tables' bytes, last: code that is made adds to them.
    tables.write(compiled.policy, object);
    return Done{};
}

}  // namespace

Result<bpf::Object> compile(const Compiled& compiled, const CompileOptions& options, Session* session) {
    bpf::Object object;
    if (Status made = compile_program(compiled, options, packet::Direction::kIn, session, object); !made)
        return made.error();
    if (compiled.egress) {
        bpf::Object out;
        if (Status made = compile_program(compiled, options, packet::Direction::kOut, session, out); !made)
            return made.error();
        codegen::add_egress(std::move(out), object);
    }
    // What user space has to know of the programs: names, layouts, sinks, messages.
    object.manifest = codegen::make_manifest(compiled, options);
    return object;
}

Result<std::string> emit_text(const Compiled& compiled, Stage stage, packet::Direction direction) {
    codegen::Tables tables(compiled.policy);
    auto module = codegen::PolicyModule::fill(compiled, {}, direction, tables, nullptr);
    if (!module) return module.error();
    if (stage == Stage::kAsm) return std::move(*module).to_assembly();
    return std::move(*module).to_llvm();
}

Session::Session() : codegen_cache_(std::make_unique<codegen::CodegenCache>()) {}
Session::~Session() = default;

void Session::prepare() { codegen_cache_->read_ahead(); }

}  // namespace weir
