// `weir check --validate`.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/load.h"

namespace weir::cli {

struct ValidateArguments {
    bool is_wanted = false;
    std::uint64_t seed = 1;
    std::uint64_t frames = 4'000'000;
    std::uint64_t time_ms = 60'000;
    std::string pcap_out{};  // empty: beside the policy
};

void add_validate_options(CLI::App& command, ValidateArguments& arguments);
// Runs it and prints what it came to. Differences become diagnostics of `files`. Returns a status.
int validate_policy(const ValidateArguments& arguments, const tooling::LoadedPolicy& loaded, const std::string& file,
                    const std::string& format, PolicyFiles& files);

}  // namespace weir::cli
