// Another system's rules as a policy: docs/import.md.
#pragma once

#include <optional>
#include <string>
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

}  // namespace weir::tooling::imports
