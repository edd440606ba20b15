// Options that several commands share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "tooling/files/policy_file.h"

namespace weir::cli {

// --format: with the words of tooling/files/formats.h. `of_what`: "diagnostics and results"
void add_format_option(CLI::App& command, std::string& format, tooling::FormatsOf what, const std::string& of_what);
// --format, --include, --deny: of every command that reads a policy.
void add_policy_options(CLI::App& command, tooling::PolicyOptions& options,
                        tooling::FormatsOf what = tooling::FormatsOf::kPolicies);
// "64KB", "10MB", "2GB", in powers of 1000 as in a policy. Nothing where it is no size above 0.
std::optional<std::uint64_t> parse_size(const std::string& text);
// --memory: of every command that compiles a policy, and of `weir run`, whose reloads keep it.
void add_memory_option(CLI::App& command, tooling::PolicyOptions& options);
// --name: the name of a running engine.
void add_name_option(CLI::App& command, std::string& name);
// --engine kernel|native|oracle|all
void add_engine_option(CLI::App& command, std::string& engine);

}  // namespace weir::cli
