// Tested by tests/cli/load_test.py with `reload`.
#include "service/loader.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "service/confine.h"
#include "service/ended_processes.h"
#include "service/message_socket.h"

namespace weir::service {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr rlim_t kMaxMemoryBytes = rlim_t{8} << 30;  // of address space, the engine's own included
constexpr std::size_t kFdsAMessage = 64;

enum class Kind : std::uint8_t { kProgram, kFds, kDone, kRefused, kEntries };

// ---- the process ----

bool send_error(int socket, Kind kind, const Error& error) {
    constexpr std::size_t kMostText = 8'000;  // the verifier's last words are 4,000 bytes
    runtime::ByteWriter out;
    out.put(kind);
    out.put(error.message.substr(0, kMostText));
    out.put(error.help.substr(0, kMostText));
    out.put(std::int32_t{error.number});
    return send_message(socket, out.bytes());
}

bool send_kind(int socket, Kind kind) {
    return send_message(socket, {reinterpret_cast<const std::uint8_t*>(&kind), 1});
}

bool send_program(int socket, const runtime::Program& program) {
    const runtime::ProgramFds all = program.fds();
    runtime::ByteWriter out;
    out.put(Kind::kProgram);
    out.put(static_cast<std::uint8_t>(all.egress >= 0 ? 1 : 0));
    out.put(static_cast<std::uint32_t>(all.maps.size()));
    for (const auto& [name, fd] : all.maps) out.put(name);
    out.put(all.taken_over);
    if (!send_message(socket, out.bytes())) return false;
    std::vector<int> fds{all.program};
    if (all.egress >= 0) fds.push_back(all.egress);
    for (const auto& [name, fd] : all.maps) fds.push_back(fd);
    fds.insert(fds.end(), all.state.begin(), all.state.end());
    const Kind kind = Kind::kFds;
    for (std::size_t begin = 0; begin < fds.size(); begin += kFdsAMessage)
        if (!send_message(socket, {reinterpret_cast<const std::uint8_t*>(&kind), 1},
                          std::span(fds).subspan(begin, std::min(kFdsAMessage, fds.size() - begin))))
            return false;
    return true;
}

// Descriptors that the engine has and this process does not need would keep alive what the engine lets go of: a link,
// a lock, a client's connection.
void keep_only(std::vector<int> fds) {
    std::sort(fds.begin(), fds.end());
    unsigned next = STDERR_FILENO + 1;
    for (const int fd : fds) {
        if (fd < static_cast<int>(next)) continue;
        if (static_cast<unsigned>(fd) > next) close_range(next, static_cast<unsigned>(fd) - 1, 0);
        next = static_cast<unsigned>(fd) + 1;
    }
    close_range(next, ~0u, 0);
}

void work(const std::vector<Loader::Job>& jobs, int socket) {
    std::vector<runtime::Program> programs;
    for (const Loader::Job& job : jobs) {
        const auto object = job.image.read();
        auto program = object ? runtime::Program::load(*object, job.options) : Result<runtime::Program>(object.error());
        if (!program) {
            send_error(socket, Kind::kRefused, program.error());
            return;
        }
        programs.push_back(std::move(*program));
        if (!send_program(socket, programs.back())) return;
    }
    Message go;
    if (!send_kind(socket, Kind::kDone) || receive_message(socket, go, 0, Wait::kYes) != Received::kMessage) return;
    Error problem;
    for (const runtime::Program& program : programs)
        if (Status added = program.state().add_first_entries(); !added) problem = added.error();
    send_error(socket, Kind::kEntries, problem);
}

[[noreturn]] void live(const std::vector<Loader::Job>& jobs, int socket, pid_t engine) {
    std::vector<int> needed{socket};
    for (const Loader::Job& job : jobs) {
        needed.push_back(job.image.fd());
        needed.push_back(job.options.shared.events);
        needed.push_back(job.options.shared.record);
        needed.push_back(job.options.shared.flows);
        if (job.options.shared.state != nullptr)
            for (const int fd : job.options.shared.state->fds()) needed.push_back(fd);
    }
    keep_only(std::move(needed));
    setpgid(0, 0);  // Ctrl-C is for the engine
    rlimit memory{};
    getrlimit(RLIMIT_AS, &memory);
    memory.rlim_cur = std::min(memory.rlim_max, kMaxMemoryBytes);
    setrlimit(RLIMIT_AS, &memory);
    const rlimit core{0, 0};
    setrlimit(RLIMIT_CORE, &core);
    go_before_engine();
    static_cast<void>(confine_loader());
    if (end_with_parent(engine)) work(jobs, socket);
    _exit(0);
}

}  // namespace

Loader::Loader(pid_t process, runtime::UniqueFd socket, std::uint64_t deadline_ns)
    : process_(process), socket_(std::move(socket)), deadline_ns_(deadline_ns) {}

Loader::Loader(Loader&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      socket_(std::move(other.socket_)),
      deadline_ns_(other.deadline_ns_),
      shapes_(std::move(other.shapes_)),
      parts_(std::move(other.parts_)) {}

Loader::~Loader() { end(); }

void Loader::end() {
    if (process_ > 1) end_process(std::exchange(process_, -1));
}

Result<Loader> Loader::start(const std::vector<Job>& jobs, std::uint64_t deadline_ms) {
    std::vector<std::vector<bpf::StateMap>> shapes;
    for (const Job& job : jobs) shapes.push_back(job.state);
    auto pair = make_socket_pair();
    if (!pair) return pair.error();
    const pid_t engine = getpid(), process = fork();
    if (process < 0) return runtime::kernel_error(errno, "starting the process that loads programs");
    if (process == 0) live(jobs, pair->theirs.get(), engine);
    Loader loader(process, std::move(pair->ours), runtime::monotonic_ns() + deadline_ms * kMillisecond_ns);
    loader.shapes_ = std::move(shapes);
    return loader;
}

std::uint64_t Loader::timeout_ms() const {
    const std::uint64_t now_ns = runtime::monotonic_ns();
    return now_ns >= deadline_ns_ ? 0 : (deadline_ns_ - now_ns) / kMillisecond_ns + 1;
}

Error Loader::broken(const char* sentence) {
    end();
    return {sentence, {}, 0};
}

std::optional<Result<std::vector<runtime::Program>>> Loader::step() {
    const Error odd{"the process that loads programs says what cannot be read", {}, 0};
    for (;;) {
        Message message;
        const Received received = receive_message(socket_.get(), message, kFdsAMessage, Wait::kNo);
        if (received == Received::kClosed)
            return Programs(broken("the process that loads programs died: too little memory, or a bug of weir"));
        if (received == Received::kNothing) break;
        runtime::ByteReader in(message.bytes);
        switch (in.get<Kind>()) {
            case Kind::kProgram: {
                runtime::ProgramParts& parts = parts_.emplace_back();
                parts.has_egress = in.get<std::uint8_t>() != 0;
                for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left)
                    parts.map_names.push_back(in.text());
                parts.taken_over = in.list<std::uint8_t>();
                break;
            }
            case Kind::kFds:
                if (parts_.empty()) return Programs(odd);
                for (runtime::UniqueFd& fd : message.fds) parts_.back().fds.push_back(std::move(fd));
                break;
            case Kind::kRefused: {
                Error error{in.text(), in.text(), in.get<std::int32_t>()};
                end();
                return Programs(std::move(error));
            }
            case Kind::kDone: return assemble();
            default: return Programs(odd);
        }
    }
    if (timeout_ms() == 0)
        return Programs(broken("loading the policy into the kernel took too long: the verifier was ended"));
    return std::nullopt;
}

Loader::Programs Loader::assemble() {
    std::vector<runtime::Program> programs;
    if (parts_.size() != shapes_.size()) return broken("the process that loads programs lacks one");
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        auto program = runtime::Program::assemble(std::move(parts_[i]), shapes_[i]);
        if (!program) {
            end();
            return program.error();
        }
        programs.push_back(std::move(*program));
    }
    return programs;
}

void Loader::add_first_entries() { send_kind(socket_.get(), Kind::kEntries); }

std::optional<Status> Loader::step_entries() {
    Message message;
    const Received received = receive_message(socket_.get(), message, 0, Wait::kNo);
    if (received == Received::kNothing && timeout_ms() != 0) return std::nullopt;
    runtime::ByteReader in(message.bytes);
    const bool is_answer = received == Received::kMessage && in.get<Kind>() == Kind::kEntries;
    Error error{in.text(), in.text(), in.get<std::int32_t>()};
    end();  // it was the last that it had to say
    if (!is_answer) return Status(Error{"the process that adds them died", {}, 0});
    if (!error.message.empty()) return Status(std::move(error));
    return Status(Done{});
}

}  // namespace weir::service
