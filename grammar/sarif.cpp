// Tested by tests/unit/grammar/sarif_test.cpp.
#include "grammar/sarif.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "grammar/source_order.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

// SARIF's words for a severity (3.27.10).
const char* level(Severity severity) {
    switch (severity) {
        case Severity::kError: return "error";
        case Severity::kWarning: return "warning";
        case Severity::kNote: break;
    }
    return "note";
}

// Characters, not bytes: continuation bytes of UTF-8 count for nothing.
Position in_characters(const Sources& sources, std::uint32_t file, std::uint32_t offset) {
    Position at = sources.position(file, offset);
    const std::string_view before = sources.line(file, offset).substr(0, at.column - 1);
    const auto inside = std::count_if(before.begin(), before.end(),
                                      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; });
    at.column -= static_cast<std::uint32_t>(inside);
    return at;
}

Json region(const Sources& sources, Span span) {
    const Position begin = in_characters(sources, span.file, span.begin);
    const Position end = in_characters(sources, span.file, span.end);
    return {{"startLine", begin.line}, {"startColumn", begin.column}, {"endLine", end.line}, {"endColumn", end.column}};
}

// RFC 3986: bytes that a path of a URI may not have are escaped; a colon, too, before which a scheme would end.
std::string as_uri(std::string_view path) {
    constexpr std::string_view kPlain = "-._~!$&'()*+,;=@/";
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string uri;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || kPlain.find(c) != std::string_view::npos)
            uri += c;
        else
            uri.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
    return uri;
}

Json artifact(const std::string& file) { return {{"uri", as_uri(file)}}; }
Json location(const Sources& sources, Span span) {
    return {{"physicalLocation",
             {{"artifactLocation", artifact(sources.name(span.file))}, {"region", region(sources, span)}}}};
}

class Document {
public:
    void add(const Sources& sources, const Diagnostic& d) {
        Json result = begin(std::string(code_name(d.code)), std::string(code_title(d.code)),
                            level(code_severity(d.code)), d.help.empty() ? d.message : d.message + "; " + d.help);
        result["locations"] = Json::array({location(sources, d.span)});
        for (const Note& note : d.notes) {
            Json related = location(sources, note.span);
            related["message"] = {{"text", note.text}};
            result["relatedLocations"].push_back(std::move(related));
        }
        if (d.fix) {
            const Json replacement{{"deletedRegion", region(sources, d.fix->span)},
                                   {"insertedContent", {{"text", d.fix->replacement}}}};
            const Json change{{"artifactLocation", artifact(sources.name(d.fix->span.file))},
                              {"replacements", Json::array({replacement})}};
            result["fixes"] = Json::array({{{"artifactChanges", Json::array({change})}}});
        }
        results_.push_back(std::move(result));
    }
    void add(const SarifFinding& finding) {
        Json result = begin(finding.rule_id, finding.description, level(finding.severity), finding.message);
        result["locations"] = Json::array(
            {{{"physicalLocation",
               {{"artifactLocation", artifact(finding.file)}, {"region", {{"startLine", finding.line}}}}}}});
        results_.push_back(std::move(result));
    }
    std::string text() const {
        const Json whole{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs",
                          {{{"tool", {{"driver", {{"name", "weir"}, {"rules", rules_}}}}},
                            {"columnKind", "unicodeCodePoints"},
                            {"results", results_}}}}};
        // Bytes that are no UTF-8 become U+FFFD: a JSON text must be one.
        return whole.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
    }

private:
    // A result, with its rule among the document's.
    Json begin(const std::string& id, const std::string& description, const char* result_level,
               const std::string& message) {
        const auto known = std::find(ids_.begin(), ids_.end(), id);
        const auto index = static_cast<std::size_t>(known - ids_.begin());
        if (known == ids_.end()) {
            ids_.push_back(id);
            rules_.push_back({{"id", id}, {"shortDescription", {{"text", description}}}});
        }
        return {{"ruleId", id}, {"ruleIndex", index}, {"level", result_level}, {"message", {{"text", message}}}};
    }

    std::vector<std::string> ids_{};
    Json rules_ = Json::array(), results_ = Json::array();
};

}  // namespace

std::string sarif_document(const std::vector<SarifInput>& inputs) {
    Document document;
    for (const SarifInput& input : inputs) {
        if (input.diagnostics != nullptr)
            for (const Diagnostic* d : in_source_order(*input.diagnostics)) document.add(*input.sources, *d);
        for (const SarifFinding& finding : input.findings) document.add(finding);
    }
    return document.text();
}

}  // namespace weir
