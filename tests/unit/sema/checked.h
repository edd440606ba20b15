// A policy's text through the checker.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "compiler/compiler.h"
#include "grammar/render.h"

namespace weir::tests {

struct Checked {
    std::optional<Compiled> compiled;
    Diagnostics diagnostics;
    std::string said, text;
    bool has(Code code) const {
        return std::any_of(diagnostics.all().begin(), diagnostics.all().end(),
                           [&](const Diagnostic& d) { return d.code == code; });
    }
    // The text with its first fix applied.
    std::string fixed() const {
        for (const Diagnostic& d : diagnostics.all())
            if (d.fix) return text.substr(0, d.fix->span.begin) + d.fix->replacement + text.substr(d.fix->span.end);
        return {};
    }
};

inline Checked check(const std::string& text, const std::map<std::string, std::string>& files = {}) {
    Checked checked;
    checked.text = text;
    Sources sources;
    sema::Files reader;
    reader.read = [&](const std::string& path) -> Result<std::string> {
        if (const auto found = files.find(path); found != files.end()) return found->second;
        return Error{"No such file or directory", {}, 0};
    };
    checked.compiled = analyse(sources, "test.rules", text, reader, checked.diagnostics);
    checked.said = render(sources, checked.diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
    return checked;
}

}  // namespace weir::tests
