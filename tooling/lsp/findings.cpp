// Tested by tests/lsp/client_test.py with `class Diagnostics`.
#include "tooling/lsp/findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/ir/code_size.h"
#include "compiler/policy/table_bytes.h"
#include "compiler/sema/check.h"
#include "grammar/source_order.h"
#include "tooling/files/buffers.h"
#include "tooling/files/fixes.h"
#include "tooling/files/paths.h"

namespace weir::tooling::lsp {
namespace {

constexpr std::size_t kMostOfFile = 500;  // diagnostics that an editor gets

// Texts with their lines, one a file, made when they are first asked for.
class Places {
public:
    explicit Places(const Sources& sources) : sources_(sources) {}
    FileRange of(Span span) {
        auto [at, is_new] = texts_.try_emplace(span.file);
        if (is_new) at->second = {resolved(sources_.name(span.file)), Text(sources_.text(span.file))};
        return {at->second.path, at->second.text.range(span.begin, span.end)};
    }

private:
    struct Named {
        std::string path;
        Text text;
    };
    const Sources& sources_;
    std::map<std::uint32_t, Named> texts_{};
};

std::string title_of(const Fix& fix, std::string_view replaced) {
    if (fix.replacement.empty()) return fmt::format("remove `{}`", replaced);
    if (replaced.empty()) return fmt::format("insert `{}`", fix.replacement);
    return fmt::format("replace `{}` with `{}`", replaced, fix.replacement);
}

Finding finding_of(const Diagnostic& d, const Sources& sources, Places& places) {
    Finding finding{std::string(code_name(d.code)),
                    code_severity(d.code),
                    places.of(d.span).range,
                    d.message,
                    d.rule,
                    code_name(d.code).starts_with("W4"),
                    {},
                    {}};
    if (!d.label.empty()) finding.message += "\n" + d.label;
    if (!d.help.empty()) finding.message += "\nhelp: " + d.help;
    for (const Note& note : d.notes) finding.related.push_back({places.of(note.span), note.text});
    if (d.fix) {
        const std::string_view replaced = sources.text(d.fix->span);
        finding.fix = {places.of(d.fix->span), d.fix->replacement, title_of(*d.fix, replaced), is_certain(d, replaced)};
    }
    return finding;
}

void add_findings(const LoadedPolicy& loaded, PolicyFindings& out) {
    Places places(loaded.sources);
    for (std::uint32_t i = 0; i < loaded.sources.size(); ++i)
        out.files.push_back(i == 0 ? out.path : resolved(loaded.sources.name(i)));
    for (const std::string& file : out.files) out.by_path[file];
    for (const Diagnostic* d : in_source_order(loaded.diagnostics)) {
        std::vector<Finding>& findings = out.by_path[out.files[d->span.file]];
        if (findings.size() < kMostOfFile) findings.push_back(finding_of(*d, loaded.sources, places));
    }
    out.is_refused = loaded.diagnostics.has_errors();
}

void add_places(const Sources& sources, const policy::TypedPolicy& policy, PolicyFindings& out) {
    Places places(sources);
    for (const policy::Rule& rule : policy.rules)
        out.places[rule.name] = {std::hash<std::string_view>{}(sources.text(rule.span)),
                                 places.of(rule.span).range.begin};
}

void add_costs(const Compiled& compiled, PolicyFindings& out) {
    const policy::TypedPolicy& policy = compiled.policy;
    ir::CodeSizes in(compiled.decision), egress(compiled.of(packet::Direction::kOut));
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const ir::Decision& decision = compiled.of(policy.rules[i].direction);
        if (decision.strategy != ir::Strategy::kStraight) {
            out.rules[policy.rules[i].name];
            continue;
        }
        ir::CodeSizes& sizes = policy.rules[i].direction == packet::Direction::kIn ? in : egress;
        out.rules[policy.rules[i].name].comparisons = sizes.of(decision.rules[i].predicate);
    }
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t*> owners;
    for (const policy::Rule& rule : policy.rules)
        for (const policy::StateTerm& term : rule.terms)
            owners[{term.span.file, term.span.begin}] = &out.rules[rule.name].memory_bytes;
    for (const policy::Set& set : policy.sets)
        if (!set.name.empty()) owners[{set.span.file, set.span.begin}] = &out.set_bytes[set.name];
    for (const policy::TableBytes& table : policy::table_bytes(policy))
        if (const auto owner = owners.find({table.span.file, table.span.begin}); owner != owners.end())
            *owner->second += table.bytes;
    for (const policy::Set& set : policy.sets)
        if (!set.name.empty()) out.set_entries[set.name] = set.entries.size();
}

PolicyFindings begin(const AnalysisInput& input) {
    PolicyFindings out;
    out.path = input.path;
    out.version = input.version;
    out.number = input.number;
    out.by_path[input.path];
    return out;
}

}  // namespace

PolicyFindings check_names(const AnalysisInput& input) {
    PolicyFindings out = begin(input);
    const std::string* text = input.buffers.find(input.path);
    if (text == nullptr) return out;
    LoadedPolicy loaded;
    const sema::Files files = input.buffers.over(files_of(input.options));
    const std::uint32_t root = loaded.sources.add(input.path, *text);
    const std::vector<ast::Policy> policies = sema::parse_all(loaded.sources, root, files, loaded.diagnostics);
    const auto policy = sema::check(loaded.sources, policies, files, loaded.diagnostics);
    add_findings(loaded, out);
    if (policy) add_places(loaded.sources, *policy, out);
    return out;
}

PolicyFindings check_all(const AnalysisInput& input) {
    PolicyFindings out = begin(input);
    const LoadedPolicy loaded = analyse_unsaved(input.path, input.buffers, input.options, Depth::kLint);
    if (loaded.unreadable) return out;
    add_findings(loaded, out);
    out.is_complete = true;
    if (!loaded.compiled) return out;
    add_places(loaded.sources, loaded.compiled->policy, out);
    add_costs(*loaded.compiled, out);
    return out;
}

}  // namespace weir::tooling::lsp
