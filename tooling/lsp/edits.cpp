// Tested by tests/lsp/client_test.py with `"textDocument/codeAction"`.
#include "tooling/lsp/edits.h"

#include <algorithm>

#include <fmt/format.h>

#include "grammar/print.h"

namespace weir::tooling::lsp {
namespace {

bool overlaps(Range a, Range b) { return a.begin <= b.end && b.begin <= a.end; }

Json edit_of(const Finding::Replacement& fix) { return {{"range", json_of(fix.at.range)}, {"newText", fix.text}}; }
Json change_of(const Library& library, const std::string& path, Json edits) {
    const Document* open = library.find_path(path);
    const Json document{{"uri", library.uri(path)}, {"version", open == nullptr ? Json() : Json(open->version)}};
    const Json change{{"textDocument", document}, {"edits", std::move(edits)}};
    return {{"documentChanges", Json::array({change})}};
}

// Those that are certain, in order, none overlapping another.
Json certain_edits(const Document& document, const std::vector<Finding>& findings) {
    std::vector<const Finding::Replacement*> fixes;
    for (const Finding& finding : findings)
        if (finding.fix && finding.fix->is_certain && finding.fix->at.path == document.path)
            fixes.push_back(&*finding.fix);
    std::stable_sort(fixes.begin(), fixes.end(),
                     [](const auto* a, const auto* b) { return a->at.range.begin < b->at.range.begin; });
    Json edits = Json::array();
    const Finding::Replacement* last = nullptr;
    for (const Finding::Replacement* fix : fixes) {
        if (last != nullptr && fix->at.range.begin <= last->at.range.end) continue;
        edits.push_back(edit_of(*fix));
        last = fix;
    }
    return edits;
}

}  // namespace

std::optional<Json> formatted(const ParsedFile& file) {
    if (!file.is_clean) return std::nullopt;
    const std::string after = format(file.sources, file.policy);
    const std::string& before = file.text.all();
    if (after == before) return Json::array();
    // What is the same at both ends stays, so that the editor keeps its place.
    const auto [left, unused] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
    std::size_t begin = static_cast<std::size_t>(left - before.begin());
    const std::size_t line = before.rfind('\n', begin == 0 ? 0 : begin - 1);
    begin = line == std::string::npos || line > begin ? 0 : line + 1;
    std::size_t same = 0;
    const std::size_t most = std::min(before.size(), after.size()) - begin;
    while (same < most && before[before.size() - 1 - same] == after[after.size() - 1 - same]) ++same;
    while (same > 0 && same < before.size() && before[before.size() - same - 1] != '\n') --same;
    return Json::array({{{"range", json_of(file.text.range(begin, before.size() - same))},
                         {"newText", after.substr(begin, after.size() - same - begin)}}});
}

Json code_actions(const Library& library, const Document& document, Range range, const std::vector<Finding>& findings) {
    const auto uri = [&](const std::string& path) { return library.uri(path); };
    Json actions = Json::array();
    for (const Finding& finding : findings) {
        if (!finding.fix || !overlaps(finding.range, range)) continue;
        Json action{{"title", fmt::format("{}: {}", finding.code, finding.fix->title)},
                    {"kind", "quickfix"},
                    {"diagnostics", Json::array({json_of(finding, uri)})},
                    {"edit", change_of(library, finding.fix->at.path, Json::array({edit_of(*finding.fix)}))}};
        if (finding.fix->is_certain) action["isPreferred"] = true;
        actions.push_back(std::move(action));
    }
    Json all = certain_edits(document, findings);
    if (!all.empty())
        actions.push_back({{"title", fmt::format("Apply all certain fixes ({})", all.size())},
                           {"kind", "source.fixAll"},
                           {"edit", change_of(library, document.path, std::move(all))}});
    return actions;
}

}  // namespace weir::tooling::lsp
