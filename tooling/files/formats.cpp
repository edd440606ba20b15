// Tested by tests/cli/completion_test.py with `"--format"`.
#include "tooling/files/formats.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "grammar/base/check.h"

namespace weir::tooling {
namespace {

enum class Form : std::uint8_t { kLines, kDocument };
enum class Paths : std::uint8_t { kAsNamed, kFromHere };

struct Row {
    std::string_view word;
    DiagnosticFormat diagnostics;
    Form form;
    Paths paths;
    std::array<bool, 3> is_of;  // by FormatsOf
};

constexpr Row kRows[] = {
    {"human", DiagnosticFormat::kHuman, Form::kLines, Paths::kAsNamed, {true, true, true}},
    {"json", DiagnosticFormat::kJson, Form::kLines, Paths::kAsNamed, {true, true, true}},
    {"markdown", DiagnosticFormat::kHuman, Form::kLines, Paths::kAsNamed, {false, false, true}},
    {"sarif", DiagnosticFormat::kSarif, Form::kDocument, Paths::kFromHere, {false, true, true}},
    {"github", DiagnosticFormat::kGithub, Form::kLines, Paths::kFromHere, {false, true, true}},
    {"gitlab", DiagnosticFormat::kGitlab, Form::kDocument, Paths::kFromHere, {false, true, true}},
};

const Row& row_of(std::string_view word) {
    const auto found =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.word == word; });
    WEIR_CHECK(found != std::end(kRows));
    return *found;
}

}  // namespace

std::vector<std::string> format_words(FormatsOf what) {
    std::vector<std::string> words;
    for (const Row& row : kRows)
        if (row.is_of[static_cast<std::size_t>(what)]) words.emplace_back(row.word);
    return words;
}

std::string format_words_text(FormatsOf what) {
    const std::vector<std::string> words = format_words(what);
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
    return text;
}

DiagnosticFormat diagnostic_format(std::string_view word) { return row_of(word).diagnostics; }

bool is_document(std::string_view word) { return row_of(word).form == Form::kDocument; }

bool is_for_review(std::string_view word) { return row_of(word).paths == Paths::kFromHere; }

}  // namespace weir::tooling
