#include "service/worker.h"

#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "compiler/object_bytes.h"
#include "compiler/session.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"

namespace weir::service {
namespace {

constexpr rlim_t kMaxMemoryBytes = rlim_t{6}
                                   << 30;  // 131,072 rules take 1 GB; the address space is more than the memory
constexpr rlim_t kMaxCpuSeconds = 120;     // a policy
constexpr int kSocketBytes = 4 << 20;
constexpr int kKeptBytes = 256 << 20;  // of free memory, for the next policy

// An answer: this, the diagnostics, the files, then the object's bytes. A question: its size as 32 bits, then its
// parts.
struct Header {
    std::int32_t status = 0;
    std::uint32_t diagnostics_bytes = 0;
    std::uint32_t files_bytes = 0;
    std::uint64_t object_bytes = 0;
};

bool write_all(int fd, const void* bytes, std::size_t count) {
    const auto* at = static_cast<const char*>(bytes);
    while (count != 0) {
        const ssize_t written = send(fd, at, count, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += written;
        count -= static_cast<std::size_t>(written);
    }
    return true;
}

bool read_all(int fd, void* bytes, std::size_t count) {
    auto* at = static_cast<char*>(bytes);
    while (count != 0) {
        const ssize_t got = read(fd, at, count);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        count -= static_cast<std::size_t>(got);
    }
    return true;
}

std::vector<std::uint8_t> to_bytes(const WorkerRequest& request) {
    runtime::ByteWriter out;
    out.put(request.file);
    out.put(request.options.format);
    out.put(request.options.deny_warnings);
    out.put(request.colour);
    out.put(request.observe);
    for (const std::string& folder : request.options.include_dirs) out.put(folder);
    return out.bytes();
}

WorkerRequest request_from(const std::vector<std::uint8_t>& bytes) {
    runtime::ByteReader in(bytes);
    WorkerRequest request;
    request.file = in.text();
    request.options.format = in.text();
    request.options.deny_warnings = in.get<bool>();
    request.colour = in.get<Colour>();
    request.observe = in.get<bool>();
    for (std::string folder = in.text(); in.good(); folder = in.text()) request.options.include_dirs.push_back(folder);
    return request;
}

// ---- the process's own side ----

// What has been used up is not of this policy.
void renew_cpu_limit() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    rlimit limit{};
    getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + kMaxCpuSeconds;
    setrlimit(RLIMIT_CPU, &limit);
}

// False where nobody takes the answer.
bool answer(const WorkerRequest& request, Session& session, int out) {
    Header header;
    std::string said;
    std::vector<std::uint8_t> object_bytes;
    std::vector<runtime::SourceFile> read;
    tooling::LoadedPolicy loaded =
        tooling::analyse_file(request.file, request.options, tooling::Depth::kMeaning, &read, &session);
    said = loaded.unreadable ? ""
                             : render(loaded.sources, loaded.diagnostics,
                                      tooling::diagnostic_format(request.options.format), request.colour);
    if (loaded.unreadable) said = "weir: " + loaded.unreadable->message + "\n";
    header.status = loaded.status;
    if (loaded.compiled) {
        const auto object = weir::compile(*loaded.compiled, {request.observe}, &session);
        if (object)
            object_bytes = bpf::to_bytes(*object);
        else
            header.status = kWorldFault,
            said += "weir: " + object.error().message + "\n      " + object.error().help + "\n";
    }
    runtime::ByteWriter files;
    for (const runtime::SourceFile& file : read) files.put(file.path), files.put(file.sha256);
    header.diagnostics_bytes = static_cast<std::uint32_t>(said.size());
    header.files_bytes = static_cast<std::uint32_t>(files.bytes().size());
    header.object_bytes = object_bytes.size();
    return write_all(out, &header, sizeof(header)) && write_all(out, said.data(), said.size()) &&
           write_all(out, files.bytes().data(), files.bytes().size()) &&
           write_all(out, object_bytes.data(), object_bytes.size());
    // The asker goes on while the policy is taken apart here.
}

// The process's whole life.
void work(int socket, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return;  // gone before it could be watched
    rlimit memory{kMaxMemoryBytes, kMaxMemoryBytes}, core{0, 0};
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CORE, &core);
    std::set_new_handler([] { _exit(1); });  // too little memory: an end without an answer
    // Pages that the next policy needs again are not given back.
    mallopt(M_TRIM_THRESHOLD, kKeptBytes);
    mallopt(M_MMAP_THRESHOLD, kKeptBytes);
    Session session;
    std::uint32_t size = 0;
    while (read_all(socket, &size, sizeof(size))) {
        std::vector<std::uint8_t> question(size);
        if (!read_all(socket, question.data(), size)) return;
        renew_cpu_limit();
        if (!answer(request_from(question), session, socket)) return;
        session.prepare();
        if (mallinfo2().fordblks > kKeptBytes) malloc_trim(kKeptBytes);
    }
}

WorkerOutcome failed(std::string sentence) {
    WorkerOutcome outcome;
    outcome.status = kWorldFault;
    outcome.diagnostics = "weir: " + std::move(sentence) + "\n      the policy in force, if there is one, stays\n";
    return outcome;
}

}  // namespace

Worker::Worker(pid_t process, runtime::UniqueFd socket) : process_(process), socket_(std::move(socket)) {}
Worker::Worker(Worker&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      socket_(std::move(other.socket_)),
      bytes_(std::move(other.bytes_)),
      begin_ns_(other.begin_ns_) {}

Worker::~Worker() {
    if (process_ < 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

Result<Worker> Worker::start() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return runtime::kernel_error(errno, "making a pair of sockets");
    runtime::UniqueFd ours(ends[0]), theirs(ends[1]);
    setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof(kSocketBytes));
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t parent = getpid(), process = fork();
    if (process < 0) return runtime::kernel_error(errno, "starting the compiler's process");
    if (process == 0) {
        // A program or link that the process held would outlive the engine's word to let go of it.
        const int socket = dup2(theirs.get(), STDERR_FILENO + 1);
        close_range(STDERR_FILENO + 2, ~0u, 0);
        work(socket, parent);
        _exit(0);
    }
    return Worker(process, std::move(ours));
}

void Worker::ask(const WorkerRequest& request) {
    const std::vector<std::uint8_t> question = to_bytes(request);
    const auto size = static_cast<std::uint32_t>(question.size());
    begin_ns_ = runtime::monotonic_ns();
    bytes_.clear();
    // Who is dead, and cannot be written to, is found out by step().
    static_cast<void>(write_all(socket_.get(), &size, sizeof(size)) &&
                      write_all(socket_.get(), question.data(), question.size()));
}

std::optional<WorkerOutcome> Worker::step() {
    char buffer[1 << 16];
    for (;;) {
        const ssize_t got = recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
        if (got > 0)
            bytes_.append(buffer, static_cast<std::size_t>(got));
        else if (got < 0 && errno == EAGAIN)
            break;
        else if (got == 0 || errno != EINTR)
            return died();
    }
    Header header;
    if (bytes_.size() < sizeof(header)) return std::nullopt;
    std::memcpy(&header, bytes_.data(), sizeof(header));
    if (bytes_.size() < sizeof(header) + header.diagnostics_bytes + header.files_bytes + header.object_bytes)
        return std::nullopt;
    return finish();
}

WorkerOutcome Worker::died() {
    int how = 0;
    while (waitpid(process_, &how, 0) < 0 && errno == EINTR) {}
    process_ = -1;
    if (!WIFSIGNALED(how)) return failed("the compiler's process ended without an answer: too little memory?");
    const int signal = WTERMSIG(how);
    if (signal == SIGXCPU || signal == SIGKILL)
        return failed(fmt::format("the compiler was ended: it took more than {} s or too much memory", kMaxCpuSeconds));
    return failed(
        fmt::format("the compiler's process died ({}): this is a bug of weir, please report it with the policy",
                    strsignal(signal)));
}

WorkerOutcome Worker::finish() {
    Header header;
    std::memcpy(&header, bytes_.data(), sizeof(header));
    const std::string all = std::exchange(bytes_, {});
    std::string_view rest(all);
    rest.remove_prefix(sizeof(header));
    WorkerOutcome outcome;
    outcome.status =
        header.status >= kOk && header.status < kWorldFault ? static_cast<Exit>(header.status) : kWorldFault;
    outcome.diagnostics = rest.substr(0, header.diagnostics_bytes);
    rest.remove_prefix(header.diagnostics_bytes);
    runtime::ByteReader files({reinterpret_cast<const std::uint8_t*>(rest.data()), header.files_bytes});
    for (std::string path = files.text(); files.good(); path = files.text())
        outcome.files.push_back({path, files.text()});
    rest.remove_prefix(header.files_bytes);
    outcome.milliseconds = static_cast<double>(runtime::monotonic_ns() - begin_ns_) / 1e6;
    if (outcome.status != kOk) return outcome;
    outcome.object = bpf::from_bytes({reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size()});
    if (!outcome.object) return failed("the compiler's answer cannot be read");
    return outcome;
}

WorkerOutcome Worker::compile(const WorkerRequest& request) {
    ask(request);
    for (;;) {
        pollfd ready{socket_.get(), POLLIN, 0};
        poll(&ready, 1, -1);
        if (auto outcome = step()) return std::move(*outcome);
    }
}

}  // namespace weir::service
