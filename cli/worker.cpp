#include "cli/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "compiler/object_bytes.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"

namespace weir::cli {
namespace {

constexpr rlim_t kMaxMemoryBytes = rlim_t{6} << 30;   // 131,072 rules take 1 GB; the address space is more than the memory
constexpr rlim_t kMaxCpuSeconds = 120;
constexpr int kPipeBytes = 1 << 20;

// What goes through the pipe: this, the diagnostics, the files, then the object's bytes.
struct Header {
    std::int32_t status = 0;
    std::uint32_t diagnostics_bytes = 0;
    std::uint32_t files_bytes = 0;
};

void set_limit(decltype(RLIMIT_AS) resource, rlim_t value) {
    const rlimit limit{value, value};
    setrlimit(resource, &limit);
}

bool write_all(int fd, const void* bytes, std::size_t count) {
    const auto* at = static_cast<const char*>(bytes);
    while (count != 0) {
        const ssize_t written = write(fd, at, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += written;
        count -= static_cast<std::size_t>(written);
    }
    return true;
}

// The child's whole life.
void work(const WorkerRequest& request, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    set_limit(RLIMIT_AS, kMaxMemoryBytes);
    set_limit(RLIMIT_CPU, kMaxCpuSeconds);
    set_limit(RLIMIT_CORE, 0);
    Header header;
    std::string said;
    std::vector<std::uint8_t> object_bytes;
    std::vector<runtime::SourceFile> read;
    LoadedPolicy loaded = analyse_file(request.file, request.options, &read);
    said = loaded.unreadable ? "" : render(loaded.sources, loaded.diagnostics, diagnostic_format(request.options.format), request.colour);
    if (loaded.unreadable) said = "weir: " + loaded.unreadable->message + "\n";
    header.status = loaded.status;
    if (loaded.compiled) {
        std::string error;
        const auto object = compile(*loaded.compiled, {request.observe}, error);
        if (object) object_bytes = bpf::to_bytes(*object);
        else header.status = kWorldFault, said += "weir: " + error + "\n      this is a bug of weir: please report it with the policy\n";
    }
    runtime::ByteWriter files;
    for (const runtime::SourceFile& file : read) files.put(file.path), files.put(file.sha256);
    header.diagnostics_bytes = static_cast<std::uint32_t>(said.size());
    header.files_bytes = static_cast<std::uint32_t>(files.bytes().size());
    const bool written = write_all(out, &header, sizeof(header)) && write_all(out, said.data(), said.size()) &&
                         write_all(out, files.bytes().data(), files.bytes().size()) &&
                         write_all(out, object_bytes.data(), object_bytes.size());
    _exit(written ? 0 : 1);   // no destructors: what they would free goes with the process
}

WorkerOutcome failed(std::string sentence) {
    WorkerOutcome outcome;
    outcome.status = kWorldFault;
    outcome.diagnostics = "weir: " + std::move(sentence) + "\n      the policy in force, if there is one, stays\n";
    return outcome;
}

}  // namespace

Worker::Worker(pid_t process, runtime::UniqueFd pipe)
    : process_(process), pipe_(std::move(pipe)), begin_ns_(runtime::monotonic_ns()) {}
Worker::Worker(Worker&& other) noexcept
    : process_(std::exchange(other.process_, -1)), pipe_(std::move(other.pipe_)), bytes_(std::move(other.bytes_)), begin_ns_(other.begin_ns_) {}

Worker::~Worker() {
    if (process_ < 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

runtime::Result<Worker> Worker::start(const WorkerRequest& request) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return runtime::kernel_error(errno, "making a pipe");
    runtime::UniqueFd in(ends[0]), out(ends[1]);
    fcntl(in.get(), F_SETPIPE_SZ, kPipeBytes);
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t process = fork();
    if (process < 0) return runtime::kernel_error(errno, "starting the compiler's process");
    if (process == 0) {
        work(request, out.get());
        _exit(1);
    }
    fcntl(in.get(), F_SETFL, O_NONBLOCK);
    return Worker(process, std::move(in));
}

std::optional<WorkerOutcome> Worker::step() {
    char buffer[1 << 16];
    for (;;) {
        const ssize_t got = read(pipe_.get(), buffer, sizeof(buffer));
        if (got > 0) bytes_.append(buffer, static_cast<std::size_t>(got));
        else if (got == 0) return finish();
        else if (errno == EAGAIN) return std::nullopt;
        else if (errno != EINTR) return finish();
    }
}

WorkerOutcome Worker::finish() {
    int how = 0;
    while (waitpid(process_, &how, 0) < 0 && errno == EINTR) {}
    process_ = -1;
    if (WIFSIGNALED(how)) {
        const bool out_of_time = WTERMSIG(how) == SIGXCPU || WTERMSIG(how) == SIGKILL;
        return failed(out_of_time ? fmt::format("the compiler was ended: it took more than {} s or too much memory", kMaxCpuSeconds)
                                  : fmt::format("the compiler's process died ({}): this is a bug of weir, please report it with the policy", strsignal(WTERMSIG(how))));
    }
    Header header;
    if (bytes_.size() < sizeof(header)) return failed("the compiler's process ended without an answer: too little memory?");
    std::memcpy(&header, bytes_.data(), sizeof(header));
    std::string_view rest(bytes_);
    rest.remove_prefix(sizeof(header));
    if (rest.size() < std::uint64_t{header.diagnostics_bytes} + header.files_bytes) return failed("the compiler's answer is cut short");
    WorkerOutcome outcome;
    outcome.status = header.status;
    outcome.diagnostics = rest.substr(0, header.diagnostics_bytes);
    rest.remove_prefix(header.diagnostics_bytes);
    runtime::ByteReader files({reinterpret_cast<const std::uint8_t*>(rest.data()), header.files_bytes});
    for (std::string path = files.text(); files.good(); path = files.text()) outcome.files.push_back({path, files.text()});
    rest.remove_prefix(header.files_bytes);
    outcome.milliseconds = static_cast<double>(runtime::monotonic_ns() - begin_ns_) / 1e6;
    if (outcome.status != kOk) return outcome;
    outcome.object = bpf::from_bytes({reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size()});
    if (!outcome.object) return failed("the compiler's answer cannot be read");
    return outcome;
}

runtime::Result<WorkerOutcome> compile_in_worker(const WorkerRequest& request) {
    auto worker = Worker::start(request);
    if (!worker) return worker.error();
    for (;;) {
        pollfd ready{worker->fd(), POLLIN, 0};
        poll(&ready, 1, -1);
        if (auto outcome = worker->step()) return std::move(*outcome);
    }
}

void warm_compiler() {
    Sources sources;
    Diagnostics diagnostics;
    std::string error;
    if (const auto nothing = analyse(sources, "nothing", "rule nothing { when tcp.dport == 1 then drop }", {}, diagnostics))
        static_cast<void>(compile(*nothing, {}, error));   // what fails here fails again, and is told, in a worker
}

}  // namespace weir::cli
