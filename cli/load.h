// Policies from files for a command, and what is wrong with them in the format asked for.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grammar/sarif.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {

// In formats that mark lines of a repository: relative to the working directory where it is below that.
std::string shown_path(const std::string& path, const tooling::PolicyOptions& options);
// The diagnostics in the format asked for. With --quiet people read no warnings, unless those are denied.
std::string rendered(const tooling::LoadedPolicy& loaded, const tooling::PolicyOptions& options);
// Reads, parses and checks `path`. Diagnostics go to standard error; SARIF of a policy that is refused to standard
// output, where then nothing else goes.
tooling::LoadedPolicy load_policy(const std::string& path, const tooling::PolicyOptions& options,
                                  tooling::Depth depth = tooling::Depth::kMeaning);

// The policies of a command that takes several files. Their diagnostics go to standard error at once; with SARIF all
// that was found is one document on standard output.
class PolicyFiles {
public:
    explicit PolicyFiles(const tooling::PolicyOptions& options) : options_(options) {}
    // Both stay as long as this.
    const tooling::LoadedPolicy& load(const std::string& path, tooling::Depth depth);
    const tooling::LoadedPolicy& take(tooling::LoadedPolicy loaded);
    // More that is wrong with one of them.
    void say(const tooling::LoadedPolicy& loaded, Diagnostics more);
    void add(SarifFinding finding) { findings_.push_back(std::move(finding)); }
    // Writes the document, if SARIF or GitLab's report was asked for. At the end.
    void write_sarif() const;

private:
    const tooling::PolicyOptions& options_;
    std::vector<std::unique_ptr<tooling::LoadedPolicy>> policies_{};
    std::vector<std::pair<const Sources*, std::unique_ptr<Diagnostics>>> more_{};
    std::vector<SarifFinding> findings_{};
};

}  // namespace weir::cli
