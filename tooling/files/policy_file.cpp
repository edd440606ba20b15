// Tested by tests/unit/tooling/buffers_test.cpp and tests/cli/answers_test.py.
#include "tooling/files/policy_file.h"

#include <algorithm>

#include "compiler/analysis/lint.h"
#include "tooling/files/buffers.h"
#include "tooling/files/read.h"
#include "tooling/files/sha256.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kMaxSetFileBytes = std::size_t{256} << 20;  // 4 M entries of 64 bytes

}  // namespace

sema::Files files_of(const PolicyOptions& options) {
    sema::Files files;
    files.read = [](const std::string& path) { return read_regular(path, kMaxSetFileBytes); };
    files.include_dirs = options.include_dirs;
    return files;
}

sema::Files noted(sema::Files files, std::vector<runtime::SourceFile>& read) {
    files.read = [inner = std::move(files.read), &read](const std::string& path) {
        auto content = inner(path);
        const bool known =
            std::any_of(read.begin(), read.end(), [&](const runtime::SourceFile& one) { return one.path == path; });
        if (!known) read.push_back({path, content ? sha256(*content) : std::string()});
        return content;
    };
    return files;
}

LoadedPolicy analyse_text(const std::string& name, std::string text, const sema::Files& files,
                          const PolicyOptions& options, Depth depth, Session* session) {
    LoadedPolicy loaded;
    loaded.compiled = analyse(loaded.sources, name, std::move(text), files, loaded.diagnostics,
                              {.session = session, .table_bytes = options.table_bytes});
    if (loaded.compiled && depth == Depth::kLint) {
        loaded.unjudged = analysis::lint(loaded.compiled->policy, loaded.diagnostics).left_out;
        loaded.linted = loaded.unjudged.empty();
    }
    const bool denied = options.deny_warnings && loaded.diagnostics.warnings() != 0;
    if (!loaded.compiled || denied) {
        loaded.compiled.reset();
        loaded.status = kPolicyFault;
    }
    return loaded;
}

LoadedPolicy analyse_file(const std::string& path, const PolicyOptions& options, Depth depth,
                          std::vector<runtime::SourceFile>* read, Session* session, const FileSource* source) {
    auto text = source == nullptr ? read_file(path) : source->root(path);
    if (!text && source != nullptr) text = unreadable(path, text.error());
    sema::Files files = files_of(options);
    if (source != nullptr) files.read = source->named;
    if (read != nullptr) {
        read->push_back({path, text ? sha256(*text) : std::string()});
        files = noted(std::move(files), *read);
    }
    if (!text) {
        LoadedPolicy loaded;
        loaded.unreadable = text.error();
        loaded.status = kWorldFault;
        return loaded;
    }
    return analyse_text(path == "-" ? "<stdin>" : path, std::move(*text), files, options, depth, session);
}

LoadedPolicy analyse_unsaved(const std::string& path, const Buffers& buffers, const PolicyOptions& options,
                             Depth depth) {
    const std::string* text = buffers.find(path);
    auto saved = text == nullptr ? read_file(path) : Result<std::string>(*text);
    if (saved) return analyse_text(path, std::move(*saved), buffers.over(files_of(options)), options, depth);
    LoadedPolicy loaded;
    loaded.unreadable = saved.error();
    loaded.status = kWorldFault;
    return loaded;
}

}  // namespace weir::tooling
