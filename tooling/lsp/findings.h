// What is wrong with a policy, as an editor shows it: computed by a worker thread, kept by the server.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tooling/files/buffers.h"
#include "tooling/files/policy_file.h"
#include "tooling/lsp/text.h"

namespace weir::tooling::lsp {

struct FileRange {
    std::string path{};
    Range range{};
};
struct Finding {
    std::string code{};  // "E201"
    Severity severity = Severity::kError;
    Range range{};
    std::string message{};
    std::string rule{};     // that it is about, or empty
    bool is_logic = false;  // of rule logic, which takes longer than names and types
    struct Related {
        FileRange at{};
        std::string text{};
    };
    std::vector<Related> related{};
    struct Replacement {
        FileRange at{};
        std::string text{};
        std::string title{};  // "replace `tcp.dprot` with `tcp.dport`"
        bool is_certain = false;
    };
    std::optional<Replacement> fix{};
};

// What is known of a rule once the whole policy is.
struct RuleCost {
    std::uint32_t comparisons = 0;   // of its code; 0: a decision tree has it whole
    std::uint64_t memory_bytes = 0;  // of its state terms
};
// A rule as it is written, to be found again in the next version.
struct RulePlace {
    std::size_t text_hash = 0;
    Place begin{};
};
struct PolicyFindings {
    std::string path{};
    std::int64_t version = 0;                               // of the root document
    std::uint64_t number = 0;                               // AnalysisInput::number
    bool is_complete = false;                               // rule logic too
    bool is_refused = false;                                // there are errors
    std::map<std::string, std::vector<Finding>> by_path{};  // the root's entry is always there
    std::vector<std::string> files{};                       // that were read, the root first
    std::map<std::string, RuleCost> rules{};                // where complete and not refused
    std::map<std::string, std::uint64_t> set_entries{};
    std::map<std::string, std::uint64_t> set_bytes{};
    std::map<std::string, RulePlace> places{};  // of rules, where not refused
};

struct AnalysisInput {
    std::string path{};
    std::int64_t version = 0;
    std::uint64_t number = 0;  // of the analysis: later ones have higher ones
    Buffers buffers{};
    PolicyOptions options{};
};

// Names and types only: what an editor shows on the next keystroke.
PolicyFindings check_names(const AnalysisInput& input);
// All that `weir check` says, and what rules cost.
PolicyFindings check_all(const AnalysisInput& input);

// As the protocol has it. `uri` gives the URI of a path.
template <typename UriOf>
Json json_of(const Finding& finding, const UriOf& uri);

// ---- ----

template <typename UriOf>
Json json_of(const Finding& finding, const UriOf& uri) {
    constexpr int kError = 1, kWarning = 2, kInformation = 3, kUnnecessary = 1;
    const int severity = finding.severity == Severity::kError     ? kError
                         : finding.severity == Severity::kWarning ? kWarning
                                                                  : kInformation;
    Json out{{"range", json_of(finding.range)},
             {"severity", severity},
             {"code", finding.code},
             {"source", "weir"},
             {"message", finding.message}};
    for (const Finding::Related& one : finding.related)
        out["relatedInformation"].push_back(
            {{"location", {{"uri", uri(one.at.path)}, {"range", json_of(one.at.range)}}}, {"message", one.text}});
    const bool is_dead = finding.code == "W401" || finding.code == "W402" || finding.code == "W409";
    if (is_dead) out["tags"] = Json::array({kUnnecessary});
    return out;
}

}  // namespace weir::tooling::lsp
