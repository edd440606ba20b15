#include "tooling/files/policy_file.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "compiler/analysis/lint.h"
#include "grammar/parser.h"
#include "runtime/handles.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kMaxSetFileBytes = std::size_t{256} << 20;  // 4 M entries of 64 bytes

Error errno_error() { return {std::strerror(errno), {}, errno}; }

Result<std::string> read_fd(int fd, std::size_t limit) {
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error();
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > limit) return Error{fmt::format("it has more than {} MB", limit >> 20), {}, 0};
    }
}

Result<std::string> read_regular(const std::string& path, std::size_t limit) {
    const runtime::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error();
    struct stat facts{};
    if (fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return Error{S_ISDIR(facts.st_mode) ? "it is a directory" : "it is no regular file", {}, 0};
    return read_fd(fd.get(), limit);
}

// Standard input, or a file of any kind but a directory.
Result<std::string> read_any(const std::string& path, std::size_t limit) {
    if (path == "-") return read_fd(STDIN_FILENO, limit);
    const runtime::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error();
    struct stat facts{};
    if (fstat(fd.get(), &facts) == 0 && S_ISDIR(facts.st_mode)) return Error{"it is a directory", {}, 0};
    return read_fd(fd.get(), limit);
}

Error unreadable(const std::string& path, const Error& why) {
    return {fmt::format("{} cannot be read: {}", path, why.message), {}, why.number};
}

}  // namespace

DiagnosticFormat diagnostic_format(const std::string& word) {
    if (word == "json") return DiagnosticFormat::kJson;
    if (word == "sarif") return DiagnosticFormat::kSarif;
    if (word == "github") return DiagnosticFormat::kGithub;
    return DiagnosticFormat::kHuman;
}

std::string from_root(const std::string& path) {
    if (path.starts_with('/') || path == "-") return path;
    char* folder = getcwd(nullptr, 0);
    std::string text = folder == nullptr ? path : std::string(folder) + "/" + path;
    std::free(folder);
    return text;
}

Result<std::string> read_file(const std::string& path) {
    // More than is parsed, so that the parser itself says what is too much.
    Result<std::string> text = read_any(path, kMaxFileBytes + (1 << 20));
    if (text) return text;
    return unreadable(path, text.error());
}

sema::Files files_of(const PolicyOptions& options) {
    sema::Files files;
    files.read = [](const std::string& path) { return read_regular(path, kMaxSetFileBytes); };
    files.include_dirs = options.include_dirs;
    return files;
}

namespace {

std::string sha256(const std::string& text) {
    sha256_ctx context;
    std::uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
    sha256_digest(&context, sizeof(digest), digest);
    return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace

LoadedPolicy analyse_file(const std::string& path, const PolicyOptions& options, Depth depth,
                          std::vector<runtime::SourceFile>* read, Session* session, const FileSource* source) {
    LoadedPolicy loaded;
    auto text = source == nullptr ? read_file(path) : source->root(path);
    if (!text && source != nullptr) text = unreadable(path, text.error());
    sema::Files files = files_of(options);
    if (source != nullptr) files.read = source->named;
    if (read != nullptr) {
        read->push_back({path, text ? sha256(*text) : std::string()});
        files.read = [inner = files.read, read](const std::string& file) {
            auto content = inner(file);
            const bool known = std::any_of(read->begin(), read->end(),
                                           [&](const runtime::SourceFile& one) { return one.path == file; });
            if (!known) read->push_back({file, content ? sha256(*content) : std::string()});
            return content;
        };
    }
    if (!text) {
        loaded.unreadable = text.error();
        loaded.status = kWorldFault;
        return loaded;
    }
    loaded.compiled =
        analyse(loaded.sources, path == "-" ? "<stdin>" : path, std::move(*text), files, loaded.diagnostics, session);
    if (loaded.compiled && depth == Depth::kLint)
        loaded.linted = analysis::lint(loaded.compiled->policy, loaded.diagnostics);
    const bool denied = options.deny_warnings && loaded.diagnostics.warnings() != 0;
    if (!loaded.compiled || denied) {
        loaded.compiled.reset();
        loaded.status = kPolicyFault;
    }
    return loaded;
}

}  // namespace weir::tooling
