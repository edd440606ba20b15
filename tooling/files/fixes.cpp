// Tested by tests/unit/tooling/fixes_test.cpp.
#include "tooling/files/fixes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>

#include "compiler/sema/foreign_fields.h"
#include "grammar/base/nearest.h"
#include "grammar/source_order.h"

namespace weir::tooling {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr unsigned kMostChecks = 64;  // of one policy: each takes a second at the largest ones

struct Edit {
    Code code;
    Fix fix;
};

bool is_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == ':';
    });
}

// In small letters, without the colon that some write after a key.
std::string plain(std::string_view word) {
    std::string out(word);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    while (out.ends_with(':')) out.pop_back();
    return out;
}

// Of one check, in source order, none overlapping.
std::vector<Edit> certain_edits(const LoadedPolicy& loaded) {
    std::vector<Edit> edits;
    for (const Diagnostic* d : in_source_order(loaded.diagnostics))
        if (d->fix && d->fix->span.file == 0 && is_certain(*d, loaded.sources.text(d->fix->span)))
            edits.push_back({d->code, *d->fix});
    std::stable_sort(edits.begin(), edits.end(),
                     [](const Edit& a, const Edit& b) { return a.fix.span.begin < b.fix.span.begin; });
    std::vector<Edit> apart;
    for (Edit& edit : edits) {
        const Span* last = apart.empty() ? nullptr : &apart.back().fix.span;
        if (last == nullptr || edit.fix.span.begin > last->end ||
            (edit.fix.span.begin == last->end && last->begin != last->end))
            apart.push_back(std::move(edit));
    }
    return apart;
}

std::string with(std::string text, const std::vector<Edit>& edits) {
    for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit)
        text.replace(edit->fix.span.begin, edit->fix.span.end - edit->fix.span.begin, edit->fix.replacement);
    return text;
}

// Errors of syntax may hide those of meaning, and errors hide warnings.
auto faults(const LoadedPolicy& loaded) {
    const std::vector<Diagnostic>& all = loaded.diagnostics.all();
    const auto of_syntax =
        std::count_if(all.begin(), all.end(), [](const Diagnostic& d) { return code_name(d.code).starts_with("E1"); });
    return std::tuple(of_syntax, loaded.diagnostics.errors(), loaded.diagnostics.warnings());
}

class Fixer {
public:
    Fixer(const std::string& name, const sema::Files& files, const PolicyOptions& options)
        : name_(name), files_(files), options_(options) {}

    FixedPolicy run(std::string text) {
        fixed_ = {std::move(text), {}, {}};
        fixed_.left = check(fixed_.text);
        while (checks_ < kMostChecks) {
            const std::vector<Edit> edits = certain_edits(fixed_.left);
            if (edits.empty() || (!accept(edits) && !accept_one(edits))) break;
        }
        return std::move(fixed_);
    }

private:
    LoadedPolicy check(const std::string& text) {
        ++checks_;
        return analyse_text(name_, text, files_, options_, Depth::kLint);
    }

    bool accept(const std::vector<Edit>& edits) {
        std::string text = with(fixed_.text, edits);
        LoadedPolicy next = check(text);
        if (!(faults(next) < faults(fixed_.left))) return false;
        for (const Edit& edit : edits)
            fixed_.applied.push_back({edit.code, fixed_.left.sources.position(0, edit.fix.span.begin).line,
                                      std::string(fixed_.left.sources.text(edit.fix.span)), edit.fix.replacement});
        fixed_.text = std::move(text);
        fixed_.left = std::move(next);
        return true;
    }

    // Together they were no better: the first that is so by itself.
    bool accept_one(const std::vector<Edit>& edits) {
        return edits.size() > 1 && std::any_of(edits.begin(), edits.end(), [&](const Edit& edit) {
                   return checks_ < kMostChecks && accept({edit});
               });
    }

    const std::string& name_;
    const sema::Files& files_;
    const PolicyOptions& options_;
    FixedPolicy fixed_{};
    unsigned checks_ = 0;
};

}  // namespace

bool is_certain(const Diagnostic& diagnostic, std::string_view replaced) {
    if (diagnostic.code == Code::W404 || diagnostic.code == Code::W406) return false;
    const std::string& written = diagnostic.fix->replacement;
    if (!is_word(replaced) || !is_word(written)) return true;
    const std::string from = plain(replaced), to = plain(written);
    if (from == to) return true;  // only in capitals, or with a colon
    const sema::FieldSuggestion meant = sema::suggest_field(replaced);
    if (meant.field == written && meant.other.empty()) return true;  // another tool's name of the field
    const std::array<std::string_view, 1> known{to};
    return nearest_word(known, from).empty();
}

FixedPolicy apply_fixes(const std::string& name, std::string text, const sema::Files& files,
                        const PolicyOptions& options) {
    const bool marked = text.starts_with(kByteOrderMark);
    if (marked) text.erase(0, kByteOrderMark.size());
    FixedPolicy fixed = Fixer(name, files, options).run(std::move(text));
    if (marked) fixed.text.insert(0, kByteOrderMark);
    return fixed;
}

}  // namespace weir::tooling
