#include "compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "compiler/analysis/lint.h"
#include "compiler/ir/build.h"
#include "compiler/ir/code_size.h"
#include "compiler/ir/lower.h"
#include "compiler/session.h"

namespace weir {
namespace {

// Code grows with what no table holds; the kernel verifies only so much of it.
bool fits(const ir::Decision& decision, const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    const std::vector<std::uint32_t> sizes = ir::code_sizes(decision);
    const std::uint64_t size = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    if (size <= ir::kMaxCodeSize) return true;
    ir::CodeSizes of_rules(decision);
    std::size_t largest = 0;
    for (std::size_t i = 1; i < decision.rules.size(); ++i)
        if (of_rules.of(decision.rules[i].predicate) > of_rules.of(decision.rules[largest].predicate)) largest = i;
    const policy::Rule& rule = policy.rules[largest];
    diagnostics.add(
        {.code = Code::E519,
         .span = rule.span,
         .message = fmt::format("the conditions that must be code have {} comparisons together; the kernel can "
                                "verify {}; the largest condition is in rule `{}`",
                                size, ir::kMaxCodeSize, rule.name),
         .help =
             "put the values that a field is compared with into a set; compare fields with values, not with each other",
         .rule = rule.name});
    return false;
}

}  // namespace

std::optional<Compiled> analyse(Sources& sources, const std::string& root_name, std::string root_text,
                                const sema::Files& files, Diagnostics& diagnostics, Session* session) {
    const std::uint32_t root = sources.add(root_name, std::move(root_text));
    const std::vector<ast::Policy> policies = sema::parse_all(sources, root, files, diagnostics);
    if (diagnostics.has_errors()) return std::nullopt;
    std::optional<policy::TypedPolicy> policy = sema::check(sources, policies, files, diagnostics);
    if (!policy) return std::nullopt;
    analysis::warn_observed_sets(*policy, diagnostics);

    Compiled compiled;
    compiled.source_name = root_name;
    compiled.source_text = sources.text(root);
    compiled.decision = ir::lower(*policy);
    for (std::size_t i = 0; i < policy->rules.size(); ++i) {
        const Span span = policy->rules[i].span;
        // Rules of imported files have no line in the root's text; line 1 stands for them.
        compiled.decision.rules[i].line = span.file == root ? sources.position(root, span.begin).line : 1;
    }
    ir::build(compiled.decision, session != nullptr ? &session->memory() : nullptr);
    if (!fits(compiled.decision, *policy, diagnostics)) return std::nullopt;
    compiled.policy = std::move(*policy);
    return compiled;
}

}  // namespace weir
