// Tested by tests/lsp/client_test.py with `"textDocument/rename"`.
#include "tooling/lsp/navigate.h"

#include <algorithm>

#include <fmt/format.h>

#include "compiler/packet/fields.h"
#include "grammar/parser.h"
#include "grammar/reserved.h"

namespace weir::tooling::lsp {
namespace {

Json location(const ParsedFile& file, Span span) { return {{"uri", file.uri}, {"range", json_of(file.range(span))}}; }

struct Use {
    const ParsedFile* file = nullptr;
    Span span{};
    bool declares = false;
};

struct Found {
    Library::Declaration declared{};
    const Mark* mark = nullptr;  // that the place is in
};
std::optional<Found> find(Library& library, const Document& document, Place place) {
    const ParsedFile* file = library.parsed(document.path);
    if (file == nullptr) return std::nullopt;
    const Mark* mark = mark_at(file->marks, document.text.offset(place));
    if (mark == nullptr) return std::nullopt;
    auto declared = library.declaration(*file, *mark);
    if (!declared) return std::nullopt;
    return Found{*declared, mark};
}

std::vector<Use> uses_of(Library& library, const Library::Declaration& declared) {
    const Mark& of = *declared.mark;
    std::vector<Use> uses;
    const std::vector<const ParsedFile*> files = of.space == Space::kParameter
                                                     ? std::vector<const ParsedFile*>{declared.file}
                                                     : library.relatives(declared.file->path);
    for (const ParsedFile* file : files)
        for (const Mark& mark : file->marks)
            if (mark.space == of.space && mark.name == of.name && mark.scope == of.scope)
                uses.push_back({file, mark.span, mark.kind != MarkKind::kUse});
    return uses;
}

// `import "sets/networks.rules"` leads to that file.
Json imported(Library& library, const ParsedFile& file, std::uint32_t offset) {
    for (const ast::Item& item : file.policy.items) {
        const auto* import = std::get_if<ast::Import>(&item);
        if (import == nullptr || offset < import->path_span.begin || offset > import->path_span.end) continue;
        for (const std::string& path : file.imports)
            if (path.ends_with(import->path.substr(import->path.rfind('/') + 1)))
                return {{"uri", library.uri(path)}, {"range", json_of(Range{})}};
    }
    return nullptr;
}

// Why `name` cannot be one; empty where it can.
std::string wrong_name(const std::string& name) {
    const bool is_shaped = !name.empty() && (name[0] < '0' || name[0] > '9') &&
                           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
    if (!is_shaped) return fmt::format("`{}` is no name: names are of small letters, digits and `_`", name);
    if (name.size() > kMaxNameBytes) return fmt::format("a name has at most {} bytes", kMaxNameBytes);
    const auto& fields = packet::fields();
    const bool is_word_of_field = std::any_of(fields.begin(), fields.end(), [&](const packet::Field& field) {
        return field.name.substr(0, field.name.find('.')) == name;
    });
    if (find_reserved(name) != nullptr || is_word_of_field || name == "inner")
        return fmt::format("`{}` is a word of the language", name);
    return {};
}

}  // namespace

Json definition(Library& library, const Document& document, Place place) {
    if (const auto found = find(library, document, place))
        return location(*found->declared.file, found->declared.mark->span);
    const ParsedFile* file = library.parsed(document.path);
    return file == nullptr ? Json() : imported(library, *file, document.text.offset(place));
}

Json references(Library& library, const Document& document, Place place, Declaring declaring) {
    const auto found = find(library, document, place);
    if (!found) return nullptr;
    Json out = Json::array();
    for (const Use& use : uses_of(library, found->declared))
        if (!use.declares || declaring == Declaring::kIncluded) out.push_back(location(*use.file, use.span));
    return out;
}

Json highlights(Library& library, const Document& document, Place place) {
    const auto found = find(library, document, place);
    if (!found) return nullptr;
    const ParsedFile* file = library.parsed(document.path);
    Json out = Json::array();
    for (const Mark& mark : file->marks)
        if (mark.space == found->mark->space && mark.name == found->mark->name && mark.scope == found->mark->scope)
            out.push_back({{"range", json_of(file->range(mark.span))}});
    return out;
}

Json prepare_rename(Library& library, const Document& document, Place place) {
    const auto found = find(library, document, place);
    if (!found) return nullptr;
    const Span span = found->mark->span;
    return {{"range", json_of(document.text.range(span.begin, span.end))}, {"placeholder", found->mark->name}};
}

Renamed rename(Library& library, const Document& document, Place place, const std::string& name) {
    const auto found = find(library, document, place);
    if (!found) return {{}, "there is no name of the policy here"};
    if (std::string wrong = wrong_name(name); !wrong.empty()) return {{}, std::move(wrong)};
    const Mark& of = *found->declared.mark;
    const std::vector<Use> uses = uses_of(library, found->declared);
    for (const ParsedFile* file : library.relatives(found->declared.file->path)) {
        // What could not be read may use the name.
        if (!file->is_clean) return {{}, fmt::format("{} has errors of syntax: repair them first", file->path)};
        for (const Mark& mark : file->marks)
            if (mark.kind != MarkKind::kUse && mark.space == of.space && mark.name == name && mark.scope == of.scope)
                return {{}, fmt::format("`{}` is declared already, in {}", name, file->path)};
    }
    std::map<std::string, Json> edits;
    for (const Use& use : uses) {
        Json& list = edits[use.file->path];
        list.push_back({{"range", json_of(use.file->range(use.span))}, {"newText", name}});
    }
    Json changes = Json::array();
    for (auto& [path, list] : edits) {
        const Document* open = library.find_path(path);
        changes.push_back({{"textDocument",
                            {{"uri", library.uri(path)}, {"version", open == nullptr ? Json() : Json(open->version)}}},
                           {"edits", std::move(list)}});
    }
    return {{{"documentChanges", std::move(changes)}}, {}};
}

}  // namespace weir::tooling::lsp
