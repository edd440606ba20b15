// Flat rules -> the text of a policy that `weir check` takes, in the layout of `weir fmt`; and what became of each rule
// of the original.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "tooling/import/flatten.h"

namespace weir::tooling::imports {

struct ImportCounts {
    std::size_t rules = 0;                         // of the original
    std::size_t said = 0;                          // wholly
    std::size_t partly = 0;                        // fewer packets than the original's
    std::size_t unsaid = 0;                        // comments
    std::size_t unreached = 0;                     // in chains that no hook leads to
    std::map<std::string, std::size_t> reasons{};  // of partly and unsaid
};

// A rule of the original that the policy does not say, or says of fewer packets.
struct UnsaidRule {
    Span span{};          // in the original
    std::string place{};  // "rules.v4:17"
    std::string reason{};
    bool is_partly = false;
};

struct ImportedPolicy {
    std::string text{};
    ImportCounts counts{};
    std::vector<UnsaidRule> unsaid{};  // as they stand
};

// `title`: the first line of the policy's comment. What the compiler refuses of it becomes a comment as well. Nothing
// where the text is longer than a policy may be: `diagnostics` says so.
Result<std::optional<ImportedPolicy>> write_policy(const Ruleset& ruleset, FlatRules flat, const ImportOptions& options,
                                                   const std::string& name, const std::string& title,
                                                   Diagnostics& diagnostics);

}  // namespace weir::tooling::imports
