// From a file's name to a policy, with its diagnostics told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "compiler/compiler.h"
#include "grammar/diagnostic.h"
#include "grammar/render.h"
#include "grammar/source.h"
#include "runtime/result.h"

namespace weir::cli {

// What every command that reads policies takes.
struct PolicyOptions {
    std::vector<std::string> include_dirs{};
    std::string format = "human";         // human, json, sarif, github
    bool deny_warnings = false;
};

DiagnosticFormat diagnostic_format(const std::string& word);

// A whole file; "-" is standard input.
runtime::Result<std::string> read_file(const std::string& path);
// Only regular files: a policy that names a device or a pipe is told so.
sema::Files files_of(const PolicyOptions& options);

struct LoadedPolicy {
    Sources sources{};
    Diagnostics diagnostics{};
    std::optional<Compiled> compiled{};
    std::optional<runtime::Error> unreadable{};   // the file itself
    int status = kOk;                     // kOk only where `compiled` is there
};
// Reads, parses and checks `path`; says nothing.
LoadedPolicy analyse_file(const std::string& path, const PolicyOptions& options);
// Reads, parses and checks `path`; writes diagnostics to standard error in the format asked for.
LoadedPolicy load_policy(const std::string& path, const PolicyOptions& options);

}  // namespace weir::cli
