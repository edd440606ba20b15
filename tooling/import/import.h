// Another system's rules as a policy: docs/import.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "tooling/import/ruleset.h"
#include "tooling/import/write.h"

namespace weir::tooling::imports {

// Files that are read together: `sources` has them all. Nothing where one is not of its kind, or where the rules are
// too much for a policy: `diagnostics` says so. `name`: of the policy. The error is a bug of ours.
Result<std::optional<ImportedPolicy>> import_iptables(const Sources& sources, const std::string& name,
                                                      const ImportOptions& options, Diagnostics& diagnostics);

// Of one file in JSON, as `nft -j list ruleset` writes it.
Result<std::optional<ImportedPolicy>> import_nft(const Sources& sources, const std::string& name,
                                                 const ImportOptions& options, Diagnostics& diagnostics);
// Of files of Suricata's rules.
Result<std::optional<ImportedPolicy>> import_suricata(const Sources& sources, const std::string& name,
                                                      const ImportOptions& options, Diagnostics& diagnostics);
// Whether the text may be JSON: nft's own text never begins so.
bool is_json(std::string_view text);
// What nft said of a text that it refuses, and where.
struct NftRefusal {
    std::string message{};  // empty: it was not nft that failed
    std::uint32_t line = 1, column = 1;
};
// nft's text as JSON: the program `nft` loads it into a network namespace of its own, which ends with it. It needs
// root, or user namespaces. `include` is relative to `folder`.
Result<std::string> nft_as_json(const std::string& text, const std::string& folder, NftRefusal& refusal);

}  // namespace weir::tooling::imports
