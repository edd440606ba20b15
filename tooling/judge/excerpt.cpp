// Tested by tests/unit/tooling/coverage_test.cpp with `findings`.
#include "tooling/judge/excerpt.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"
#include "grammar/github.h"
#include "tooling/files/policy_file.h"

namespace weir::tooling {
namespace {

std::string_view title_of(const Finding& finding) {
    return finding.kind == "not-covered" ? "not covered by a test" : "a change that no test notices";
}

}  // namespace

std::string excerpt(const Sources& sources, Span span, std::string_view label, Colour colour) {
    const Position at = sources.position(span.file, span.begin);
    const std::string_view line = sources.line(span.file, span.begin);
    const std::size_t begin = std::min<std::size_t>(at.column - 1, line.size());
    const std::size_t length = std::min<std::size_t>(span.end - span.begin, line.size() - begin);
    const std::string number = std::to_string(at.line);
    std::string spaces(columns(printable(line.substr(0, begin))), ' ');
    const std::string carets(std::max<std::size_t>(columns(printable(line.substr(begin, length))), 1), '^');
    const bool tints = colour == Colour::kOn;
    return fmt::format(" --> {}:{}:{}\n{} | {}\n{} | {}{}{}{}{}{}\n", printable(sources.name(span.file)), at.line,
                       at.column, number, printable(line), std::string(number.size(), ' '), spaces,
                       tints ? "\x1b[33m" : "", carets, label.empty() ? "" : " ", label, tints ? "\x1b[0m" : "");
}

std::string render(const Finding& finding, const Sources& sources, const std::string& format, Colour colour) {
    const Position begin = sources.position(finding.span.file, finding.span.begin);
    const Position end = sources.position(finding.span.file, finding.span.end);
    const std::string& file = sources.name(finding.span.file);
    if (is_document(format)) return {};
    if (format == "json") {
        nlohmann::ordered_json line{{"finding", finding.kind}, {"message", finding.message}, {"file", file},
                                    {"line", begin.line},      {"column", begin.column},     {"end_line", end.line},
                                    {"end_column", end.column}};
        if (!finding.rule.empty()) line["rule"] = finding.rule;
        if (!finding.help.empty()) line["help"] = finding.help;
        return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    }
    if (format == "github") {
        const std::string title(title_of(finding));
        const std::string text = finding.message + (finding.help.empty() ? "" : "; " + finding.help);
        return github_line({"warning", file, begin, end, title, text});
    }
    const bool tints = colour == Colour::kOn;
    std::string out = fmt::format("{}{}{}: {}\n", tints ? "\x1b[1;33m" : "", title_of(finding), tints ? "\x1b[0m" : "",
                                  printable(finding.message));
    out += excerpt(sources, finding.span, finding.label, colour);
    if (!finding.help.empty()) out += fmt::format("  = {}\n", printable(finding.help));
    return out;
}

SarifFinding sarif_finding(const Finding& finding, const Sources& sources) {
    return {finding.kind, std::string(title_of(finding)),
            finding.message + (finding.help.empty() ? "" : "; " + finding.help), sources.name(finding.span.file),
            sources.position(finding.span.file, finding.span.begin).line};
}

}  // namespace weir::tooling
