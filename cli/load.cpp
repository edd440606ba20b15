// Tested by tests/cli/answers_test.py with `"check"`.
#include "cli/load.h"

#include <unistd.h>

#include <cstdio>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "grammar/gitlab.h"

namespace weir::cli {

std::string shown_path(const std::string& path, const tooling::PolicyOptions& options) {
    return tooling::is_for_review(options.format) ? tooling::from_here(path) : path;
}

std::string rendered(const tooling::LoadedPolicy& loaded, const tooling::PolicyOptions& options) {
    const DiagnosticFormat format = tooling::diagnostic_format(options.format);
    const Colour colour = colour_of(STDERR_FILENO);
    if (!is_quiet() || options.deny_warnings || format != DiagnosticFormat::kHuman)
        return render(loaded.sources, loaded.diagnostics, format, colour);
    Diagnostics errors;
    for (const Diagnostic& one : loaded.diagnostics.all())
        if (code_severity(one.code) == Severity::kError) errors.add(one);
    return render(loaded.sources, errors, format, colour);
}

tooling::LoadedPolicy load_policy(const std::string& path, const tooling::PolicyOptions& options,
                                  tooling::Depth depth) {
    tooling::LoadedPolicy loaded;
    {
        const Progress progress("checking " + path);
        loaded = tooling::analyse_file(shown_path(path, options), options, depth);
    }
    if (loaded.unreadable) {
        say_error(*loaded.unreadable);
        return loaded;
    }
    const bool to_stdout = tooling::is_document(options.format) && !loaded.compiled;
    std::fputs(rendered(loaded, options).c_str(), to_stdout ? stdout : stderr);
    return loaded;
}

const tooling::LoadedPolicy& PolicyFiles::load(const std::string& path, tooling::Depth depth) {
    Progress progress("checking " + path);
    tooling::LoadedPolicy loaded = tooling::analyse_file(shown_path(path, options_), options_, depth);
    progress.finish();
    return take(std::move(loaded));
}

const tooling::LoadedPolicy& PolicyFiles::take(tooling::LoadedPolicy taken) {
    policies_.push_back(std::make_unique<tooling::LoadedPolicy>(std::move(taken)));
    const tooling::LoadedPolicy& loaded = *policies_.back();
    if (loaded.unreadable)
        say_error(*loaded.unreadable);
    else if (!tooling::is_document(options_.format))
        std::fputs(rendered(loaded, options_).c_str(), stderr);
    return loaded;
}

void PolicyFiles::say(const tooling::LoadedPolicy& loaded, Diagnostics more) {
    if (!tooling::is_document(options_.format))
        std::fputs(
            render(loaded.sources, more, tooling::diagnostic_format(options_.format), colour_of(STDERR_FILENO)).c_str(),
            stderr);
    more_.emplace_back(&loaded.sources, std::make_unique<Diagnostics>(std::move(more)));
}

void PolicyFiles::write_sarif() const {
    if (!tooling::is_document(options_.format)) return;
    std::vector<SarifInput> inputs;
    for (const auto& policy : policies_) inputs.push_back({&policy->sources, &policy->diagnostics, {}});
    for (const auto& [sources, diagnostics] : more_) inputs.push_back({sources, diagnostics.get(), {}});
    inputs.push_back({nullptr, nullptr, findings_});
    std::fputs((options_.format == "sarif" ? sarif_document(inputs) : gitlab_report(inputs)).c_str(), stdout);
}

}  // namespace weir::cli
