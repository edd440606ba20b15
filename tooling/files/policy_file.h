// From a file's name to a policy and what is wrong with it.
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
#include "tooling/files/formats.h"
#include "tooling/files/paths.h"
#include "tooling/files/read.h"

namespace weir::tooling {
class Buffers;

// kLint: rule logic as well, which may take a second at 100,000 rules.
enum class Depth : std::uint8_t { kMeaning, kLint };

// What every command that reads policies takes.
struct PolicyOptions {
    std::vector<std::string> include_dirs{};
    std::string format = "human";  // a word of tooling/files/formats.h
    bool deny_warnings = false;
    std::uint64_t table_bytes = policy::kDefaultTableBytes;  // that the policy's tables may take in the kernel
};

// The files of this machine, regular ones only: what a policy names must not be a device or a pipe that never ends.
sema::Files files_of(const PolicyOptions& options);
// `files` that notes in `read` each one that is asked for, also those that cannot be read.
sema::Files noted(sema::Files files, std::vector<runtime::SourceFile>& read);

struct LoadedPolicy {
    Sources sources{};
    Diagnostics diagnostics{};
    std::optional<Compiled> compiled{};
    std::optional<Error> unreadable{};    // the file itself
    bool linted = true;                   // all rules were judged
    std::vector<std::string> unjudged{};  // those that were too much for the bounds of lint (analysis/lint.h)
    int status = kOk;                     // kOk only where `compiled` is there
};
// Who reads the files of a policy, where that is not the process itself.
struct FileSource {
    sema::ReadFile root;   // the policy's own
    sema::ReadFile named;  // imports and set files
};
// Parses and checks `text`, which is called `name`; imports and set files come from `files`. Prints nothing.
LoadedPolicy analyse_text(const std::string& name, std::string text, const sema::Files& files,
                          const PolicyOptions& options, Depth depth = Depth::kMeaning, Session* session = nullptr);
// The same of the file `path`; "-" is standard input. `read`: as noted() fills it.
LoadedPolicy analyse_file(const std::string& path, const PolicyOptions& options, Depth depth = Depth::kMeaning,
                          std::vector<runtime::SourceFile>* read = nullptr, Session* session = nullptr,
                          const FileSource* source = nullptr);
// The same with the texts of `buffers` in the place of what they stand for.
LoadedPolicy analyse_unsaved(const std::string& path, const Buffers& buffers, const PolicyOptions& options,
                             Depth depth = Depth::kMeaning);

}  // namespace weir::tooling
