#include "cli/daemon.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/set_request.h"
#include "cli/status_json.h"
#include "cli/terminal.h"
#include "runtime/kernel.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kMaxWaiting = 64;   // reloads; more are turned away

Json refusal(int status, const std::string& sentence, const std::string& help = {}) {
    return Json{{"ok", false}, {"status", status}, {"error", sentence}, {"help", help}};
}

}  // namespace

Daemon::Daemon(std::unique_ptr<runtime::Engine> engine, runtime::ControlServer control, runtime::UniqueFd signals, WorkerRequest request)
    : engine_(std::move(engine)), control_(std::move(control)), signals_(std::move(signals)), request_(std::move(request)) {}

int Daemon::run() {
    for (;;) {
        pollfd ready[] = {{signals_.get(), POLLIN, 0}, {engine_->poll_fd(), POLLIN, 0}, {control_.fd(), POLLIN, 0},
                          {worker_ ? worker_->fd() : -1, POLLIN, 0}};
        constexpr int kTick_ms = 1000;    // what no descriptor announces (a sink that recovers) is looked after that often
        if (poll(ready, std::size(ready), kTick_ms) < 0 && errno != EINTR)
            return say_error(runtime::kernel_error(errno, "waiting for events"));
        if (auto delivered = engine_->poll(0); !delivered) return say_error(delivered.error());
        if ((ready[2].revents & (POLLIN | POLLERR)) != 0) take_requests();
        if (worker_)
            if (auto outcome = worker_->step()) end_reload(std::move(*outcome));
        if ((ready[0].revents & POLLIN) != 0 && !take_signals()) break;
        if (!worker_ && !waiting_.empty()) start_reload();
        constexpr std::uint64_t kTidy_ns = 10'000'000'000;   // packets do not see what is over: this is for those who count
        if (const std::uint64_t now_ns = runtime::monotonic_ns(); now_ns - tidied_ns_ > kTidy_ns) {
            tidied_ns_ = now_ns;
            engine_->tidy_sets();
        }
    }
    engine_->detach();                    // and delivers what waits
    return kOk;
}

bool Daemon::take_signals() {
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo != SIGHUP) return false;
        engine_->reopen();
        // Signals that come in a storm are one wish: the file as it is when the worker reads it.
        const bool asked = !waiting_.empty() && !waiting_.back().client;
        if (!asked) waiting_.push_back({request_, std::nullopt});
    }
    return true;
}

void Daemon::take_requests() {
    for (const auto& request : control_.receive()) answer(request);
}

void Daemon::answer(const runtime::ControlServer::Request& request) {
    const Json asked = Json::parse(request.text, nullptr, false);
    const auto word = asked.is_object() ? asked.find("command") : asked.end();
    const std::string command = word != asked.end() && word->is_string() ? word->get<std::string>() : "";
    if (command == "status") {
        auto now = engine_->status();
        if (!now) return tell(request.client, refusal(kWorldFault, now.error().message, now.error().help));
        Json status = status_json(*now);
        status["file"] = request_.file;
        status["reload_failed"] = reload_failed_;
        tell(request.client, {{"ok", true}, {"status", 0}, {"engine", std::move(status)}});
    } else if (command == "reload") {
        if (waiting_.size() >= kMaxWaiting) return tell(request.client, refusal(kWorldFault, "too many reloads wait already", "wait for one to end"));
        Reload reload{request_, request.client};
        if (const auto file = asked.find("file"); file != asked.end() && file->is_string()) reload.request.file = *file;
        if (const auto format = asked.find("format"); format != asked.end() && format->is_string()) reload.request.options.format = *format;
        if (const auto folders = asked.find("include"); folders != asked.end() && folders->is_array() && !folders->empty()) {
            reload.request.options.include_dirs.clear();
            for (const Json& folder : *folders)
                if (folder.is_string()) reload.request.options.include_dirs.push_back(folder);
        }
        const auto flag = [&](const char* name) { const auto found = asked.find(name); return found != asked.end() && found->is_boolean() && found->get<bool>(); };
        reload.request.options.deny_warnings = flag("deny_warnings");
        reload.request.colour = flag("colour") ? Colour::kOn : Colour::kOff;
        waiting_.push_back(std::move(reload));
    } else if (command == "set") {
        tell(request.client, answer_set(*engine_, asked));
    } else {
        tell(request.client, refusal(kUsage, "a request is a JSON object with a \"command\" that is \"status\", \"reload\" or \"set\""));
    }
}

void Daemon::start_reload() {
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    auto started = Worker::start(current_->request);
    if (started) {
        worker_ = std::make_unique<Worker>(std::move(*started));
        return;
    }
    ++reload_failed_;
    if (!current_->client) say_error(started.error());
    tell(current_->client, refusal(kWorldFault, started.error().message, started.error().help));
}

void Daemon::end_reload(WorkerOutcome outcome) {
    worker_.reset();
    const Reload reload = std::move(*current_);
    current_.reset();
    if (!reload.client) std::fputs(outcome.diagnostics.c_str(), stderr);
    if (outcome.status != kOk) {
        ++reload_failed_;
        Json refused = refusal(outcome.status, "the policy is refused; the one in force stays");
        if (!reload.client) say_error(std::string("the policy is refused; the one in force stays"));
        refused["diagnostics"] = outcome.diagnostics;
        return tell(reload.client, refused);
    }
    const auto change = engine_->state_change(*outcome.object);
    const std::uint64_t begin_ns = runtime::monotonic_ns();
    if (runtime::Status swapped = engine_->swap(*outcome.object); !swapped) {
        ++reload_failed_;
        if (!reload.client) say_error(swapped.error());
        return tell(reload.client, refusal(kWorldFault, swapped.error().message + "; the policy in force stays", swapped.error().help));
    }
    const double load_ms = static_cast<double>(runtime::monotonic_ns() - begin_ns) / 1e6;
    request_.file = reload.request.file;
    request_.options = reload.request.options;
    auto now = engine_->status();
    if (!now) return tell(reload.client, refusal(kWorldFault, now.error().message, now.error().help));
    fmt::print(stderr, "{}: policy {} of {} in force, generation {}\n", now->name, now->policy, request_.file, now->generation);
    for (const std::string& identity : change.ended) fmt::print(stderr, "{}: the state of `{}` is gone\n", now->name, identity);
    tell(reload.client, {{"ok", true}, {"status", 0}, {"diagnostics", outcome.diagnostics}, {"policy", now->policy},
                         {"generation", now->generation}, {"rules", now->rules.size()}, {"compile_ms", outcome.milliseconds},
                         {"load_ms", load_ms}, {"forgotten", change.ended}, {"commit_us", static_cast<double>(engine_->last_commit_ns()) / 1e3}});
}

void Daemon::tell(const std::optional<std::uint64_t>& client, const Json& answer) {
    if (client) control_.answer(*client, answer.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace weir::cli
