#include "cli/load.h"

#include <unistd.h>

#include <cstdio>

#include "cli/terminal.h"

namespace weir::cli {

tooling::LoadedPolicy load_policy(const std::string& path, const tooling::PolicyOptions& options,
                                  tooling::Depth depth) {
    tooling::LoadedPolicy loaded = tooling::analyse_file(path, options, depth);
    if (loaded.unreadable) {
        say_error(*loaded.unreadable);
        return loaded;
    }
    const std::string text = render(loaded.sources, loaded.diagnostics, tooling::diagnostic_format(options.format),
                                    colour_of(STDERR_FILENO));
    std::fputs(text.c_str(), stderr);
    return loaded;
}

}  // namespace weir::cli
