// Tested by tests/lsp/client_test.py with `"textDocument/completion"`.
#include "tooling/lsp/complete.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"
#include "compiler/sema/sink_kinds.h"
#include "tooling/files/paths.h"
#include "tooling/lsp/cursor.h"
#include "tooling/lsp/frames.h"

namespace weir::tooling::lsp {
namespace {

// CompletionItemKind, InsertTextFormat of the protocol.
enum Kind {
    kFunctionItem = 3,
    kFieldItem = 5,
    kVariableItem = 6,
    kKeywordItem = 14,
    kFileItem = 17,
    kConstantItem = 21,
    kStructItem = 22,
    kEventItem = 23,
    kPropertyItem = 10
};
constexpr int kSnippet = 2;
constexpr std::size_t kMostItems = 500;
constexpr std::size_t kMostDetail = 100;  // bytes of a declaration

// What editors filter by: the letters of the prefix in their order.
bool has_letters(std::string_view text, std::string_view prefix) {
    std::size_t at = 0;
    for (const char c : prefix) {
        at = text.find(c, at);
        if (at == std::string_view::npos) return false;
        ++at;
    }
    return true;
}

class Completer {
public:
    Completer(Library& library, const Document& document, Place place)
        : library_(library), document_(document), cursor_(cursor_at(document.text.all(), document.text.offset(place))) {
        replaced_ = json_of(Range{document.text.place(cursor_.begin), place});
    }

    Json run() {
        if (cursor_.field) add_values(*cursor_.field);
        for (const Word& word : words())
            if ((word.where & cursor_.where) != 0) add_word(word);
        if (cursor_.names != kNoNames) add_names();
        if ((cursor_.names & kFields) != 0) add_fields();
        if ((cursor_.names & kSinkKinds) != 0) add_sink_kinds();
        if ((cursor_.names & kSinkOptions) != 0) add_sink_options();
        if ((cursor_.names & kHoles) != 0) add_holes();
        if ((cursor_.names & kFiles) != 0) add_files();
        return {{"isIncomplete", items_.size() >= kMostItems}, {"items", std::move(items_)}};
    }

private:
    // `group` sorts: lower ones come first.
    void add(std::string_view label, Kind kind, char group, std::string detail, std::string doc,
             std::string_view snippet = {}) {
        if (items_.size() >= kMostItems || !has_letters(label, cursor_.prefix)) return;
        const std::string key = fmt::format("{}{}", static_cast<int>(kind), label);
        if (!known_.insert(key).second) return;
        Json item{{"label", label},
                  {"kind", kind},
                  {"sortText", fmt::format("{}{:03}", group, items_.size())},
                  {"textEdit", {{"range", replaced_}, {"newText", snippet.empty() ? label : snippet}}}};
        if (!snippet.empty()) item["insertTextFormat"] = kSnippet;
        if (!detail.empty()) item["detail"] = std::move(detail);
        if (!doc.empty()) item["documentation"] = {{"kind", "markdown"}, {"value", std::move(doc)}};
        items_.push_back(std::move(item));
    }

    void add_word(const Word& word) { add(word.text, kKeywordItem, 'b', {}, std::string(word.doc), word.insert); }

    void add_values(packet::FieldId field) {
        for (const packet::ValueName& one : packet::value_names(static_cast<packet::FieldId>(packet::row_of(field))))
            add(one.name, kConstantItem, 'a', fmt::format("{} of {}", one.value, packet::field_name(field)), {});
    }

    void add_fields() {
        for (const packet::FieldId id : all_fields())
            add(packet::field_name(id), kFieldItem, 'd', type_text(id), field_doc(id));
    }

    static Kind kind_of(MarkKind kind) {
        if (kind == MarkKind::kFunction) return kFunctionItem;
        if (kind == MarkKind::kSet || kind == MarkKind::kSink) return kStructItem;
        if (kind == MarkKind::kAlert || kind == MarkKind::kRule) return kEventItem;
        return kVariableItem;
    }
    bool is_wanted(MarkKind kind) const {
        switch (kind) {
            case MarkKind::kLet:
            case MarkKind::kFunction: return (cursor_.names & kLets) != 0;
            case MarkKind::kSet: return (cursor_.names & kSets) != 0;
            case MarkKind::kRule: return (cursor_.names & kRules) != 0;
            case MarkKind::kAlert: return (cursor_.names & kAlerts) != 0;
            case MarkKind::kSink: return (cursor_.names & kSinks) != 0;
            case MarkKind::kUse:
            case MarkKind::kParameter: break;
        }
        return false;
    }

    // Of the policy: the file itself, what it imports, and of open policies that import it.
    void add_names() {
        std::vector<std::string> roots = library_.open_importers(document_.path);
        roots.insert(roots.begin(), document_.path);
        for (const std::string& root : roots)
            for (const ParsedFile* file : library_.closure(root))
                for (const Mark& mark : file->marks)
                    if (is_wanted(mark.kind)) add(mark.name, kind_of(mark.kind), 'a', line_of(*file, mark), {});
        if ((cursor_.names & kRules) != 0)
            for (const std::string_view word : {"default", "malformed"}) add(word, kKeywordItem, 'b', {}, {});
    }
    static std::string line_of(const ParsedFile& file, const Mark& mark) {
        std::string line(file.sources.line(0, mark.span.begin));
        line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.size() > kMostDetail) line = line.substr(0, kMostDetail) + "…";
        return line;
    }

    void add_sink_kinds() {
        for (std::size_t i = 0; i < std::size(kSinkKindNames); ++i) {
            const auto kind = static_cast<SinkKind>(i);
            const std::string_view example = sema::sink_row(kind).example;
            const std::size_t form = std::min(example.find("= "), example.size());
            const std::string_view inserted = form + 2 <= example.size() ? example.substr(form + 2) : example;
            add(kSinkKindNames[i], kStructItem, 'a', std::string(inserted), sink_doc(kind));
        }
    }
    void add_sink_option(const sema::SinkParameter& one) {
        const std::string_view name = sink_word_name(one.word);
        add(name.empty() ? one.form : name, kPropertyItem, 'a', std::string(one.takes), fmt::format("`{}`", one.form),
            one.form);
    }
    void add_sink_options() {
        for (std::size_t i = 0; i < std::size(kSinkKindNames); ++i) {
            if (kSinkKindNames[i] != cursor_.sink_kind) continue;
            for (const sema::SinkParameter& one : sema::sink_row(static_cast<SinkKind>(i)).parameters) {
                add_sink_option(one);
                for (const std::string_view word : one.words)
                    if (!word.empty() && one.type == sema::SinkType::kChoice) add(word, kConstantItem, 'b', {}, {});
            }
            add_sink_option(sema::queue_parameter());
        }
    }

    void add_holes() {
        for (const std::string_view word : kMessageWordNames) add(word, kKeywordItem, 'a', "of the event", {});
        add_fields();
    }

    // Of the folder that the path names so far; at most as many as a list has.
    void add_files() {
        namespace fs = std::filesystem;
        const std::size_t slash = cursor_.prefix.rfind('/');
        const std::string below = slash == std::string::npos ? "" : cursor_.prefix.substr(0, slash + 1);
        const std::string folder = below.starts_with('/') ? below : folder_of(document_.path) + "/" + below;
        std::error_code failed;
        std::set<std::string> names;
        for (auto at = fs::directory_iterator(folder, failed); !failed && at != fs::directory_iterator();
             at.increment(failed)) {
            const std::string name = at->path().filename().string();
            std::error_code ignored;
            if (!name.starts_with('.')) names.insert(below + name + (at->is_directory(ignored) ? "/" : ""));
            if (names.size() >= kMostItems) break;
        }
        for (const std::string& name : names) add(name, kFileItem, 'a', {}, {});
    }

    Library& library_;
    const Document& document_;
    Cursor cursor_;
    Json replaced_{};
    Json items_ = Json::array();
    std::set<std::string> known_{};
};

}  // namespace

Json complete(Library& library, const Document& document, Place place) {
    return Completer(library, document, place).run();
}

}  // namespace weir::tooling::lsp
