// Tested by tests/cli/import_test.py with `test_nft_text`.
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "grammar/parser.h"
#include "runtime/handles.h"
#include "tooling/import/import.h"
#include "tooling/import/nft_links.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {
namespace {

constexpr int kLongestSeconds = 30;
constexpr std::size_t kMostLinks = 64;  // each takes one more run of nft
constexpr std::size_t kMaxJsonBytes = 4 * kMaxFileBytes;
constexpr const char* kHelp =
    "convert it where nft runs: unshare -rn sh -c 'nft -f FILE && nft -j list ruleset' > ruleset.json";

void write_text(const char* path, const std::string& text) {
    std::FILE* file = std::fopen(path, "we");
    if (file == nullptr) return;
    std::fputs(text.c_str(), file);
    std::fclose(file);
}

// Of the child: a network namespace of its own, which nothing of the host is in.
bool leave_network() {
    if (unshare(CLONE_NEWNET) == 0) return true;
    const std::string user = fmt::format("0 {} 1", geteuid()), group = fmt::format("0 {} 1", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", user);
    write_text("/proc/self/gid_map", group);
    return true;
}

[[noreturn]] void run_nft(int in, int out, int err, const std::string& folder, const std::vector<std::string>& links) {
    const rlimit cpu{kLongestSeconds, kLongestSeconds}, size{kMaxJsonBytes, kMaxJsonBytes};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_FSIZE, &size);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (!leave_network()) _exit(126);
    for (const std::string& name : links) make_link(name);
    if (chdir(folder.c_str()) != 0) _exit(125);
    setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
    execl("/bin/sh", "sh", "-c", "command -v nft >/dev/null || exit 127; nft -f - && exec nft -j list ruleset",
          nullptr);
    _exit(127);
}

// The exit status; nothing where it did not end in time.
std::optional<int> ended(pid_t process) {
    for (int tenths = 0; tenths < 10 * kLongestSeconds; ++tenths) {
        int status = 0;
        if (waitpid(process, &status, WNOHANG) == process) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
        const timespec tenth{0, tenths < 10 ? 10'000'000 : 100'000'000};
        nanosleep(&tenth, nullptr);
    }
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
    return std::nullopt;
}

std::string content(int file) {
    struct stat facts{};
    if (fstat(file, &facts) != 0) return {};
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    const ssize_t read = pread(file, text.data(), text.size(), 0);
    text.resize(read < 0 ? 0 : static_cast<std::size_t>(read));
    return text;
}

// Of a line or column; 1 where it is none.
std::uint32_t place_number(std::string_view text) {
    const std::uint64_t number = parse_number(text).value_or(1);
    return number == 0 || number > INT32_MAX ? 1 : static_cast<std::uint32_t>(number);
}

// "/dev/stdin:6:146-150: Error: what is wrong"
NftRefusal refusal_of(const std::string& said) {
    NftRefusal refusal;
    const std::string line = said.substr(0, said.find('\n'));
    const std::size_t word = line.find("Error: ");
    refusal.message = printable(word == std::string::npos ? line : line.substr(word + 7));
    if (refusal.message.empty()) refusal.message = "it says nothing more";
    constexpr std::string_view kPlace = "/dev/stdin:";
    if (!line.starts_with(kPlace)) return refusal;
    const auto parts = split(std::string_view(line).substr(kPlace.size()), ':');
    refusal.line = place_number(parts[0]);
    if (parts.size() > 1) refusal.column = place_number(parts[1].substr(0, parts[1].find('-')));
    return refusal;
}

}  // namespace

namespace {

// What nft lists once it has loaded the text, where these interfaces are there.
Result<std::string> listed(const std::string& text, const std::string& folder, const std::vector<std::string>& links,
                           NftRefusal& refusal) {
    const runtime::UniqueFd in(memfd_create("nft-in", MFD_CLOEXEC)), out(memfd_create("nft-out", MFD_CLOEXEC)),
        err(memfd_create("nft-err", MFD_CLOEXEC));
    const bool is_written = in.get() >= 0 && out.get() >= 0 && err.get() >= 0 &&
                            pwrite(in.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    if (!is_written) return Error{"nft's text cannot be handed to nft", {}, errno};
    const pid_t process = fork();
    if (process < 0) return Error{"no process for nft can be started", {}, errno};
    if (process == 0) run_nft(in.get(), out.get(), err.get(), folder, links);
    const auto status = ended(process);
    if (!status) return Error{fmt::format("nft did not end within {} s", kLongestSeconds), kHelp, 0};
    if (*status == 126)
        return Error{"nft's text needs a network namespace to be converted in, and none may be made", kHelp, 0};
    if (*status == 127)
        return Error{"nft's text needs the program nft to be converted, and it is not installed", kHelp, 0};
    if (*status == 125) return Error{fmt::format("folder {} cannot be entered", printable(folder)), {}, 0};
    if (*status != 0) {
        refusal = refusal_of(content(err.get()));
        return Error{"nft refuses the text", {}, 0};
    }
    return content(out.get());
}

}  // namespace

Result<std::string> nft_as_json(const std::string& text, const std::string& folder, NftRefusal& refusal) {
    std::vector<std::string> links;
    for (;;) {
        refusal = {};
        auto json = listed(text, folder, links, refusal);
        auto link = json ? std::nullopt : missing_link(text, refusal);
        const bool is_new = link && std::find(links.begin(), links.end(), *link) == links.end();
        if (!is_new || links.size() == kMostLinks) return json;
        links.push_back(std::move(*link));
    }
}

}  // namespace weir::tooling::imports
