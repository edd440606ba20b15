// ast::Policy -> policy::TypedPolicy: names, types, limits. All errors in one run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/ast.h"
#include "grammar/base/result.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::sema {

// Reads a whole file for an import or a set. The caller gives it, so that this library touches no disk.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

struct FileText {
    std::string path;
    std::string text;
};

// How relative paths are found: beside the file that names them, then in each include folder.
struct Files {
    ReadFile read;  // empty: there are no files
    std::vector<std::string> include_dirs;

    // The first of `places`, as candidate_paths() lists them, that can be read; else what was wrong with the first.
    Result<FileText> first_of(const std::vector<std::string>& places) const;
};

// Parses `sources` file `root` and everything it imports (each file once; a cycle is an error that names it), in
// the order of the imports: an imported file's rules stand where its import stands.
std::vector<ast::Policy> parse_all(Sources& sources, std::uint32_t root, const Files& files, Diagnostics& diagnostics);

// Nothing where there was an error. `policies` as parse_all returns them, the root last.
std::optional<policy::TypedPolicy> check(const Sources& sources, const std::vector<ast::Policy>& policies,
                                         const Files& files, Diagnostics& diagnostics);

}  // namespace weir::sema
