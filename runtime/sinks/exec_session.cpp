// One sink's programs: in a process of its own, which has only the sink's socket and the folder of programs.
// Tested by tests/unit/sinks/exec_test.cpp with `ExecBroker`.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>

#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "runtime/message_socket.h"
#include "runtime/sinks/exec_broker.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kGrace_ms = 3000;  // for a supervisor to end what its program left
constexpr std::uint64_t kSweep_ms = 10;    // an attempt to end what a supervisor left

struct Running {
    std::uint64_t number = 0;
    ExecProcess process{};
    std::uint64_t until_ns = 0;
    bool was_killed = false;
};

class Session {
public:
    Session(int socket, const ExecFolder& folder, const ExecTerms& terms)
        : socket_(socket), folder_(folder), terms_(terms) {}
    void serve();

private:
    bool take_request();  // false: the engine is gone
    std::optional<Error> start(const ExecRequest& request);
    void end_those_that_are_done();
    bool answer(const ExecAnswer& what);
    Result<UniqueFd> open();

    int socket_;
    const ExecFolder& folder_;
    const ExecTerms& terms_;
    ExecUser user_{};
    std::vector<Running> running_{};
    bool is_clean_ = true;  // no process is left of a program that has ended
};

std::optional<ExecRequest> request_from(const std::vector<std::uint8_t>& bytes) {
    ByteReader in(bytes);
    ExecRequest request;
    request.number = in.get<std::uint64_t>();
    request.event = in.text();
    const auto count = in.get<std::uint32_t>();
    for (std::uint32_t i = 0; i < count && i < kMaxArguments && in.good(); ++i) request.arguments.push_back(in.text());
    if (!in.good() || count > kMaxArguments) return std::nullopt;
    return request;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool Session::answer(const ExecAnswer& what) {
    ByteWriter out;
    out.put(what.number);
    out.put(what.outcome);
    out.put(what.status);
    out.put(what.text);
    return send_message(socket_, out.bytes());
}

// Looked up once more for each program: it may have been replaced, and the user removed.
Result<UniqueFd> Session::open() {
    auto user = find_exec_user(terms_.user);
    if (!user) return user.error();
    user_ = std::move(*user);
    return open_program(folder_, terms_.path, user_);
}

std::optional<Error> Session::start(const ExecRequest& request) {
    auto program = open();
    if (!program) return program.error();
    ExecRun run{program->get(), &user_, terms_.timeout_ms, {terms_.path}, request.event};
    run.arguments.insert(run.arguments.end(), request.arguments.begin(), request.arguments.end());
    auto process = start_program(run);
    if (!process) return process.error();
    const std::uint64_t until_ns = monotonic_ns() + (terms_.timeout_ms + kGrace_ms) * kMillisecond_ns;
    running_.push_back({request.number, std::move(*process), until_ns});
    return std::nullopt;
}

bool Session::take_request() {
    Message message;
    const Received received = receive_message(socket_, message, 0, Wait::kNo);
    if (received != Received::kMessage) return received == Received::kNothing;
    const auto request = request_from(message.bytes);
    if (!request) return false;
    const auto problem = start(*request);
    return !problem || answer({request->number, ExecOutcome::kNotStarted, problem->number, problem->message});
}

void Session::end_those_that_are_done() {
    std::vector<pid_t> kept;
    for (Running& one : running_) {
        pollfd ready{one.process.ended.get(), POLLIN, 0};
        if (poll(&ready, 1, 0) == 1) {
            const ExecResult result = end_of(one.process);
            const std::string text = result.outcome == ExecOutcome::kNotStarted
                                         ? kernel_error(result.status, "running " + terms_.path).message
                                         : first_line(result.said);
            one.process.process = -1;
            if (!answer({one.number, result.outcome, result.status, text})) _exit(0);
        } else if (!one.was_killed && monotonic_ns() >= one.until_ns) {
            one.was_killed = kill(one.process.process, SIGKILL) == 0;
        }
        kept.push_back(one.process.process);
    }
    std::erase_if(running_, [](const Running& one) { return one.process.process < 0; });
    is_clean_ = end_children(kept, kSweep_ms);  // what a supervisor could not end comes to us
}

void Session::serve() {
    const auto program = open();
    if (!answer({0, program ? ExecOutcome::kEnded : ExecOutcome::kNotStarted, 0,
                 program ? std::string() : program.error().message}))
        return;
    for (;;) {
        std::vector<pollfd> ready;
        for (const Running& one : running_) ready.push_back({one.process.ended.get(), POLLIN, 0});
        const bool has_room = running_.size() < terms_.at_once;
        ready.push_back({socket_, static_cast<short>(has_room ? POLLIN : 0), 0});
        constexpr int kTick_ms = 500;
        poll(ready.data(), ready.size(), running_.empty() && is_clean_ ? -1 : kTick_ms);
        if ((ready.back().revents & (POLLHUP | POLLERR)) != 0) break;
        end_those_that_are_done();
        if (has_room && (ready.back().revents & POLLIN) != 0 && !take_request()) break;
    }
    for (const Running& one : running_) kill(one.process.process, SIGKILL);
    end_children({}, kGrace_ms);
}

}  // namespace

void serve_session(int socket, const ExecFolder& folder, const ExecTerms& terms) {
    Session(socket, folder, terms).serve();
}

}  // namespace weir::runtime
