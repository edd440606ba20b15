// ast::Policy -> policy::TypedPolicy: names, types, limits. All errors in one run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/ast.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir::sema {

// Reads a whole file for an import or a set. Returns nothing and fills `error` where it cannot be read. The caller
// gives it, so that this library touches no disk.
using ReadFile = std::function<std::optional<std::string>(const std::string& path, std::string& error)>;

// How relative paths are found: beside the file that names them, then in each include folder.
struct Files {
    ReadFile read;  // empty: there are no files
    std::vector<std::string> include_dirs;

    std::optional<std::string> text(const std::string& path, std::string& error) const {
        if (read) return read(path, error);
        error = "no files can be read here";
        return std::nullopt;
    }
};

// Parses `sources` file `root` and everything it imports (each file once; a cycle is an error that names it), in
// the order of the imports: an imported file's rules stand where its import stands.
std::vector<ast::Policy> parse_all(Sources& sources, std::uint32_t root, const Files& files, Diagnostics& diagnostics);

// Nothing where there was an error. `policies` as parse_all returns them, the root last.
std::optional<policy::TypedPolicy> check(const Sources& sources, const std::vector<ast::Policy>& policies,
                                         const Files& files, Diagnostics& diagnostics);

}  // namespace weir::sema
