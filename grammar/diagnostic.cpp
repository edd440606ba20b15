// Tested by tests/unit/grammar/errors_test.cpp with `codes()`.
#include "grammar/diagnostic.h"

#include <array>

namespace weir {
namespace {

struct Row {
    std::string_view name;
    Severity severity;
    std::string_view title;
};

constexpr Row kRows[] = {
#define WEIR_DIAGNOSTIC(code, severity, title) {#code, Severity::severity, title},
#include "grammar/diagnostics.def"
#undef WEIR_DIAGNOSTIC
};

const Row& row(Code code) { return kRows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view code_name(Code code) { return row(code).name; }
std::string_view code_title(Code code) { return row(code).title; }
Severity code_severity(Code code) { return row(code).severity; }

std::optional<Code> find_code(std::string_view name) {
    for (std::size_t i = 0; i < std::size(kRows); ++i)
        if (kRows[i].name == name) return static_cast<Code>(i);
    return std::nullopt;
}

void Diagnostics::add(Diagnostic diagnostic) {
    switch (code_severity(diagnostic.code)) {
        case Severity::kError: ++errors_; break;
        case Severity::kWarning: ++warnings_; break;
        case Severity::kNote: break;
    }
    if (all_.size() == kMaxDiagnostics)
        ++dropped_;
    else
        all_.push_back(std::move(diagnostic));
}

}  // namespace weir
