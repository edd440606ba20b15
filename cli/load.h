// Loads a policy from a file; diagnostics go to standard error.
#pragma once

#include <string>

#include "tooling/files/policy_file.h"

namespace weir::cli {

// Reads, parses and checks `path`; writes diagnostics to standard error in the format asked for.
tooling::LoadedPolicy load_policy(const std::string& path, const tooling::PolicyOptions& options,
                                  tooling::Depth depth = tooling::Depth::kMeaning);

}  // namespace weir::cli
