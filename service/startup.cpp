// Tested by tests/cli/live_test.py with `"run"`.
#include "service/startup.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "runtime/kernel.h"
#include "runtime/ticks.h"
#include "service/command_codec.h"
#include "service/notice.h"
#include "service/notify.h"

namespace weir::service {

bool Startup::wait(int fd, std::uint64_t timeout_ms) {
    constexpr std::uint64_t kTick_ms = 1000;
    pollfd ready[] = {{fd, POLLIN, 0}, {signals_.get(), POLLIN, 0}, {control_.fd(), POLLIN, 0}};
    poll(ready, std::size(ready), static_cast<int>(std::min(timeout_ms, kTick_ms)));
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal))
        is_stopped_ = is_stopped_ || signal.ssi_signo != SIGHUP;  // there is nothing yet to read again
    for (auto& request : control_.receive()) {
        auto command = decode_command(request.text, std::move(request.attached));
        auto* asked = std::get_if<Command>(&command);
        auto* reload = asked != nullptr ? std::get_if<ReloadCommand>(asked) : nullptr;
        if (waits_for_bundle_ && !asked_ && reload != nullptr && reload->from == "bundle")
            asked_ = Asked{request.client, std::move(*reload)};
        else
            control_.answer(request.client, encode(Reply(Refusal{kWorldFault, kStarting, "ask again"})));
    }
    return !is_stopped_;
}

SideProcess::Adopt Startup::adopt() {
    return [this](runtime::UniqueFd channel) { return control_.adopt(std::move(channel)); };
}

std::optional<Startup::Asked> Startup::wait_for_bundle(SideProcess& side) {
    waits_for_bundle_ = true;
    asked_.reset();
    notify_service("READY=1\nSTATUS=waiting for a policy");  // which may take days
    Watchdog watchdog;
    std::string said;
    do {
        watchdog.beat();
        side.step(adopt());
        const std::string& state = side.report().state;
        const bool is_problem = !state.empty() && state != "ok" && state != kConnecting;
        if (is_problem && state != std::exchange(said, state)) say_problem({"no policy yet: " + state, {}, 0});
    } while (!asked_ && wait(side.fd(), side.timeout_ms()));
    waits_for_bundle_ = false;
    return is_stopped_ ? std::nullopt : std::exchange(asked_, std::nullopt);
}

void Startup::answer(const Asked& asked, const Reply& reply) { control_.answer(asked.client, encode(reply)); }

std::optional<WorkerOutcome> Startup::compile(Worker& worker, const WorkerRequest& request, int text) {
    worker.ask(request, text);
    // Takes up to a tick, once: while the worker is busy. Loading asks again, and says what is wrong.
    static_cast<void>(runtime::kernel_ticks());
    while (wait(worker.fd(), worker.timeout_ms().value_or(1000)))
        if (auto outcome = worker.step()) return outcome;
    return std::nullopt;
}

void Startup::serve(SideProcess& side, std::uint64_t for_ms) {
    const std::uint64_t until_ns = runtime::monotonic_ns() + for_ms * 1'000'000;
    for (std::uint64_t now_ns = 0; (now_ns = runtime::monotonic_ns()) < until_ns;) {
        side.step(adopt());
        if (!wait(side.fd(), (until_ns - now_ns) / 1'000'000 + 1)) return;
    }
}

Result<runtime::Program> Startup::load(const WorkerOutcome& compiled, const runtime::ProgramOptions& options) {
    auto copy = compiled.image->duplicate();
    if (!copy) return copy.error();
    std::vector<Loader::Job> jobs;
    jobs.emplace_back(std::move(*copy), options, compiled.names.state);
    auto loader = Loader::start(jobs);
    if (!loader) return loader.error();
    loader_.emplace(std::move(*loader));
    while (wait(loader_->fd(), loader_->timeout_ms()))
        if (auto programs = loader_->step()) {
            if (!*programs) return programs->error();
            return std::move((**programs).front());
        }
    loader_.reset();
    return Error{"told to end while the policy was loaded", {}, EINTR};
}

Status Startup::add_first_entries() {
    if (!loader_) return Done{};
    loader_->add_first_entries();
    while (wait(loader_->fd(), loader_->timeout_ms()))
        if (auto added = loader_->step_entries()) return std::move(*added);
    return Done{};
}

}  // namespace weir::service
