// Tested by tests/unit/runtime/llm_dialect_test.cpp with `read_triage`.
#include "runtime/sinks/llm_answer.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

using Json = nlohmann::json;  // names are found by a tree: an object may have 30,000 of them

constexpr std::array<std::string_view, 4> kVerdicts = {"benign", "suspicious", "malicious", "unknown"};

// The first object in a text, from its brace to the one that closes it; empty where there is none.
std::string_view first_object(std::string_view text) {
    const std::size_t begin = text.find('{');
    if (begin == std::string_view::npos) return {};
    std::size_t depth = 0;
    bool is_string = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
        if (is_string) {
            if (text[i] == '\\')
                ++i;
            else if (text[i] == '"')
                is_string = false;
        } else if (text[i] == '"') {
            is_string = true;
        } else if (text[i] == '{') {
            ++depth;
        } else if (text[i] == '}' && --depth == 0) {
            return text.substr(begin, i + 1 - begin);
        }
    }
    return {};
}

std::string bounded(const std::string& text) {
    std::string shown = printable(text);
    if (shown.size() <= kMaxReasonBytes) return shown;
    std::size_t cut = kMaxReasonBytes;
    while (cut != 0 && (static_cast<unsigned char>(shown[cut]) & 0xc0) == 0x80) --cut;  // within a character
    return shown.substr(0, cut);
}

}  // namespace

std::optional<Triage> read_triage(std::string_view text, const Digest& asked) {
    const std::string_view object = first_object(text);
    const Json json = Json::parse(object, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    for (const char* name : {"verdict", "confidence", "reason", "evidence"})
        if (!json.contains(name)) return std::nullopt;
    const Json &verdict = json["verdict"], &confidence = json["confidence"], &reason = json["reason"],
               &evidence = json["evidence"];
    if (!verdict.is_string() || !confidence.is_number() || !reason.is_string() || !evidence.is_array())
        return std::nullopt;
    Triage triage;
    triage.verdict = verdict.get<std::string>();
    triage.confidence = confidence.get<double>();
    if (std::find(kVerdicts.begin(), kVerdicts.end(), triage.verdict) == kVerdicts.end()) return std::nullopt;
    if (!(triage.confidence >= 0 && triage.confidence <= 1)) return std::nullopt;
    triage.reason = bounded(reason.get<std::string>());
    if (evidence.size() > kMaxEvidence) return std::nullopt;
    triage.is_cited = !evidence.empty();
    for (const Json& called : evidence) {
        const auto id = called.is_string() ? asked.id_of(called.get<std::string>()) : std::nullopt;
        triage.is_cited = triage.is_cited && id.has_value();
        if (id && std::find(triage.evidence.begin(), triage.evidence.end(), *id) == triage.evidence.end())
            triage.evidence.push_back(*id);
    }
    const auto proposal = json.find("proposal");
    if (proposal != json.end() && proposal->is_string()) triage.proposal = proposal->get<std::string>();
    if (proposal != json.end() && !proposal->is_string() && !proposal->is_null()) return std::nullopt;
    if (triage.proposal.size() > kMaxProposalBytes) return std::nullopt;
    return triage;
}

}  // namespace weir::runtime
