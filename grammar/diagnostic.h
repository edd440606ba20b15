// Errors and warnings about a policy, for its author.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/source.h"

namespace weir {

enum class Severity : std::uint8_t { kNote, kWarning, kError };

// One code, one situation. diagnostics.def has a row for each, docs/diagnostics.md a section.
enum class Code : std::uint16_t {
#define WEIR_DIAGNOSTIC(code, severity, title) code,
#include "grammar/diagnostics.def"
#undef WEIR_DIAGNOSTIC
};

std::string_view code_name(Code code);   // "E201"
std::string_view code_title(Code code);  // "unknown field"
Severity code_severity(Code code);
std::optional<Code> find_code(std::string_view name);

// A replacement for the bytes of `span` that fixes the error; a test applies it.
struct Fix {
    Span span;
    std::string replacement;
};

struct Note {
    Span span;
    std::string text;
};

struct Diagnostic {
    Code code{};
    Span span{};            // the narrowest wrong thing
    std::string message{};  // lower case; what was found
    std::string label{};    // beside the caret; may be empty
    std::string help{};     // how to fix it; may be empty
    std::optional<Fix> fix{};
    std::vector<Note> notes{};            // related places
    std::string rule{};                   // the rule that it is about, or empty
    std::vector<std::string> blockers{};  // W401: the rules that shadow it
};

// Collects the diagnostics of all phases, at most kMaxDiagnostics; the rest is only counted.
class Diagnostics {
public:
    static constexpr std::size_t kMaxDiagnostics = 1000;

    void add(Diagnostic diagnostic);
    bool has_errors() const { return errors_ != 0; }
    std::size_t errors() const { return errors_; }
    std::size_t warnings() const { return warnings_; }
    std::size_t dropped() const { return dropped_; }
    const std::vector<Diagnostic>& all() const { return all_; }

private:
    std::vector<Diagnostic> all_;
    std::size_t errors_ = 0;
    std::size_t warnings_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace weir
