// Tested by tests/unit/grammar/sarif_test.cpp.
#include "grammar/gitlab.h"

#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/hash.h"
#include "grammar/source_order.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

// GitLab's words: info, minor, major, critical, blocker.
const char* severity_word(Severity severity) {
    switch (severity) {
        case Severity::kError: return "critical";
        case Severity::kWarning: return "minor";
        case Severity::kNote: break;
    }
    return "info";
}

std::string_view trimmed(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(" \t") - begin + 1);
}

class Report {
public:
    void add(const Sources& sources, const Diagnostic& d) {
        const Position begin = sources.position(d.span.file, d.span.begin);
        const Position end = sources.position(d.span.file, d.span.end);
        put(std::string(code_name(d.code)), d.help.empty() ? d.message : d.message + "; " + d.help,
            severity_word(code_severity(d.code)), sources.name(d.span.file), begin.line, end.line,
            trimmed(sources.line(d.span.file, d.span.begin)));
    }
    void add(const SarifFinding& finding) {
        put(finding.rule_id, finding.message, severity_word(finding.severity), finding.file, finding.line, finding.line,
            finding.message);
    }
    // Bytes that are no UTF-8 become U+FFFD: a JSON text must be one.
    std::string text() const { return entries_.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"; }

private:
    void put(const std::string& check, const std::string& description, const char* severity, const std::string& path,
             std::uint32_t first, std::uint32_t last, std::string_view line) {
        const std::string key = fmt::format("{}\n{}\n{}", check, path, line);
        const unsigned number = known_[key]++;  // of findings that are alike
        entries_.push_back({{"description", fmt::format("{}: {}", check, description)},
                            {"check_name", check},
                            {"fingerprint", fmt::format("{:016x}{:016x}", fnv1a(key), fnv1a(key, number + 1))},
                            {"severity", severity},
                            {"location", {{"path", path}, {"lines", {{"begin", first}, {"end", last}}}}}});
    }

    Json entries_ = Json::array();
    std::map<std::string, unsigned> known_{};
};

}  // namespace

std::string gitlab_report(const std::vector<SarifInput>& inputs) {
    Report report;
    for (const SarifInput& input : inputs) {
        if (input.diagnostics != nullptr)
            for (const Diagnostic* d : in_source_order(*input.diagnostics)) report.add(*input.sources, *d);
        for (const SarifFinding& finding : input.findings) report.add(finding);
    }
    return report.text();
}

}  // namespace weir
