// From a file's name to a policy, with its diagnostics told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "grammar/base/result.h"
#include "grammar/diagnostic.h"
#include "grammar/render.h"
#include "grammar/source.h"
#include "runtime/status.h"
#include "tooling/exit_status.h"

namespace weir::tooling {

// kLint: rule logic as well, which may take a second at 100,000 rules.
enum class Depth : std::uint8_t { kMeaning, kLint };

// What every command that reads policies takes.
struct PolicyOptions {
    std::vector<std::string> include_dirs{};
    std::string format = "human";  // human, json, sarif, github
    bool deny_warnings = false;
};

DiagnosticFormat diagnostic_format(const std::string& word);

// The path from the root, symbolic links as they are: who turns one elsewhere means that to be followed. "-" stays.
std::string from_root(const std::string& path);
// A whole file; "-" is standard input.
Result<std::string> read_file(const std::string& path);
// Only regular files: a policy that names a device or a pipe is told so.
sema::Files files_of(const PolicyOptions& options);

struct LoadedPolicy {
    Sources sources{};
    Diagnostics diagnostics{};
    std::optional<Compiled> compiled{};
    std::optional<Error> unreadable{};  // the file itself
    bool linted = true;                 // false: too much for the bounds of lint, which said what it could prove
    int status = kOk;                   // kOk only where `compiled` is there
};
// Who reads the files of a policy, where that is not the process itself.
struct FileSource {
    sema::ReadFile root;   // the policy's own
    sema::ReadFile named;  // imports and set files
};
// Reads, parses and checks `path`; says nothing.
// `read` gets every file that was asked for, those that are not there, too.
LoadedPolicy analyse_file(const std::string& path, const PolicyOptions& options, Depth depth = Depth::kMeaning,
                          std::vector<runtime::SourceFile>* read = nullptr, Session* session = nullptr,
                          const FileSource* source = nullptr);

}  // namespace weir::tooling
