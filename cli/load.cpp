// Tested by tests/cli/answers_test.py with `"check"`.
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
    const bool to_stdout = options.format == "sarif" && !loaded.compiled;
    const std::string text = render(loaded.sources, loaded.diagnostics, tooling::diagnostic_format(options.format),
                                    colour_of(STDERR_FILENO));
    std::fputs(text.c_str(), to_stdout ? stdout : stderr);
    return loaded;
}

const tooling::LoadedPolicy& PolicyFiles::load(const std::string& path, tooling::Depth depth) {
    policies_.push_back(std::make_unique<tooling::LoadedPolicy>(tooling::analyse_file(path, options_, depth)));
    const tooling::LoadedPolicy& loaded = *policies_.back();
    if (loaded.unreadable)
        say_error(*loaded.unreadable);
    else if (options_.format != "sarif")
        std::fputs(render(loaded.sources, loaded.diagnostics, tooling::diagnostic_format(options_.format),
                          colour_of(STDERR_FILENO))
                       .c_str(),
                   stderr);
    return loaded;
}

void PolicyFiles::write_sarif() const {
    if (options_.format != "sarif") return;
    std::vector<SarifInput> inputs;
    for (const auto& policy : policies_) inputs.push_back({&policy->sources, &policy->diagnostics, {}});
    inputs.push_back({nullptr, nullptr, findings_});
    std::fputs(sarif_document(inputs).c_str(), stdout);
}

}  // namespace weir::cli
