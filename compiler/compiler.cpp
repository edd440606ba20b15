#include "compiler/compiler.h"

#include "compiler/ir/build.h"
#include "compiler/ir/lower.h"

namespace weir {

std::optional<Compiled> analyse(Sources& sources, const std::string& root_name, std::string root_text,
                                const sema::Files& files, Diagnostics& diagnostics) {
    const std::uint32_t root = sources.add(root_name, std::move(root_text));
    const std::vector<ast::Policy> policies = sema::parse_all(sources, root, files, diagnostics);
    if (diagnostics.has_errors()) return std::nullopt;
    std::optional<sema::TypedPolicy> policy = sema::check(sources, policies, files, diagnostics);
    if (!policy) return std::nullopt;

    Compiled compiled;
    compiled.source_name = root_name;
    compiled.source_text = sources.text(root);
    compiled.decision = ir::lower(*policy);
    for (std::size_t i = 0; i < policy->rules.size(); ++i) {
        const Span span = policy->rules[i].span;
        // Rules of imported files have no line in the root's text; line 1 stands for them.
        compiled.decision.rules[i].line = span.file == root ? sources.position(root, span.begin).line : 1;
    }
    ir::build(compiled.decision);
    compiled.policy = std::move(*policy);
    return compiled;
}

}  // namespace weir
