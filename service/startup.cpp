// Tested by tests/cli/live_test.py with `"run"`.
#include "service/startup.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "runtime/ticks.h"
#include "service/command_codec.h"

namespace weir::service {

bool Startup::wait(int fd, std::uint64_t timeout_ms) {
    constexpr std::uint64_t kTick_ms = 1000;
    pollfd ready[] = {{fd, POLLIN, 0}, {signals_.get(), POLLIN, 0}, {control_.fd(), POLLIN, 0}};
    poll(ready, std::size(ready), static_cast<int>(std::min(timeout_ms, kTick_ms)));
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal))
        is_stopped_ = is_stopped_ || signal.ssi_signo != SIGHUP;  // there is nothing yet to read again
    for (const auto& request : control_.receive())
        control_.answer(request.client, encode(Reply(Refusal{kWorldFault, "the engine is starting", "ask again"})));
    return !is_stopped_;
}

std::optional<WorkerOutcome> Startup::compile(Worker& worker, const WorkerRequest& request) {
    worker.ask(request);
    // Takes up to a tick, once: while the worker is busy. Loading asks again, and says what is wrong.
    static_cast<void>(runtime::kernel_ticks());
    while (wait(worker.fd(), worker.timeout_ms().value_or(1000)))
        if (auto outcome = worker.step()) return outcome;
    return std::nullopt;
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
