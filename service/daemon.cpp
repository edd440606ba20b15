#include "service/daemon.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/kernel.h"
#include "service/set_request.h"
#include "service/status_json.h"

namespace weir::service {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::uint64_t kWeek_ms = std::uint64_t{7} * 24 * 3'600'000;
constexpr std::size_t kMaxWaiting = 64;  // reloads; more are turned away

Json refusal(int status, const std::string& sentence, const std::string& help = {}) {
    return Json{{"ok", false}, {"status", status}, {"error", sentence}, {"help", help}};
}

}  // namespace

Daemon::Daemon(std::unique_ptr<runtime::Engine> engine, ControlServer control, runtime::UniqueFd signals,
               WorkerRequest request, Worker worker, std::unique_ptr<EventFeed> feed, std::unique_ptr<Samples> samples,
               std::optional<tooling::Watcher> watcher, OnError on_error)
    : feed_(std::move(feed)),
      samples_(std::move(samples)),
      engine_(std::move(engine)),
      control_(std::move(control)),
      signals_(std::move(signals)),
      request_(std::move(request)),
      watcher_(std::move(watcher)),
      worker_(std::move(worker)),
      on_error_(std::move(on_error)) {
    last_read_ = engine_->in_force().origin.files;
}

int Daemon::run() {
    notify_ready();
    for (;;) {
        watchdog_.beat();
        pollfd ready[] = {{signals_.get(), POLLIN, 0},
                          {engine_->poll_fd(), POLLIN, 0},
                          {control_.fd(), POLLIN, 0},
                          {worker_ ? worker_->fd() : -1, POLLIN, 0},
                          {watcher_ ? watcher_->fd() : -1, POLLIN, 0}};
        if (poll(ready, std::size(ready), poll_timeout_ms()) < 0 && errno != EINTR)
            return fail(runtime::kernel_error(errno, "waiting for events"));
        if (auto delivered = engine_->poll(0); !delivered) return fail(delivered.error());
        feed_->publish(control_);
        if ((ready[2].revents & (POLLIN | POLLERR)) != 0) take_requests();
        if (worker_)
            if (auto outcome = worker_->step()) {
                if (!worker_->is_alive()) worker_.reset();
                if (current_) end_reload(std::move(*outcome));
                notify_ready();
            }
        if ((ready[0].revents & POLLIN) != 0 && !take_signals()) break;
        if (watcher_ && watcher_->step()) reload_own_file(Why::kWatch);
        if (!current_ && !waiting_.empty()) start_reload();
        constexpr std::uint64_t kTidy_ns =
            10'000'000'000;  // packets do not see what is over: this is for those who count
        if (const std::uint64_t now_ns = runtime::monotonic_ns(); now_ns - tidied_ns_ > kTidy_ns) {
            tidied_ns_ = now_ns;
            engine_->tidy_sets();
        }
    }
    notify_service("STOPPING=1");
    engine_->detach();  // and delivers what waits
    feed_->publish(control_);
    return kOk;
}

int Daemon::fail(const Error& error) const {
    on_error_(error);
    return kWorldFault;
}

void Daemon::notify_ready() const {
    const auto now = engine_->in_force();
    notify_service(
        fmt::format("READY=1\nSTATUS=policy {} of {}, generation {}", now.policy, now.origin.file, now.generation));
}

// What no descriptor announces (a sink that recovers, a policy that nobody confirmed) is looked after that often.
int Daemon::poll_timeout_ms() const {
    constexpr std::uint64_t kTick_ms = 1000;
    const std::uint64_t changes_ms = watcher_ ? watcher_->poll_timeout_ms().value_or(kTick_ms) : kTick_ms;
    return static_cast<int>(std::min({kTick_ms, changes_ms, engine_->confirm_within_ms().value_or(kTick_ms)}));
}

bool Daemon::take_signals() {
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo != SIGHUP) return false;
        engine_->reopen();
        reload_own_file(Why::kSignal);
    }
    return true;
}

// Signals and changes that come in a storm are one wish: the file as it is when the worker reads it.
void Daemon::reload_own_file(Why why) {
    for (Reload& reload : waiting_)
        if (!reload.client) {
            if (why == Why::kSignal) reload.why = why;
            return;
        }
    // What is in force may be older than the last reload: a policy that was gone back to.
    if (const auto now = engine_->in_force(); !now.origin.file.empty()) request_.file = now.origin.file;
    waiting_.push_back({request_, why});
}

void Daemon::take_requests() {
    for (const auto& request : control_.receive()) answer(request);
}

void Daemon::answer(const ControlServer::Request& request) {
    const Json asked = Json::parse(request.text, nullptr, false);
    const auto word = asked.is_object() ? asked.find("command") : asked.end();
    const std::string command = word != asked.end() && word->is_string() ? word->get<std::string>() : "";
    if (command == "status") return answer_status(request.client);
    if (command == "reload") return ask_for_reload(request, asked);
    if (command == "confirm") return answer_change(request.client, engine_->confirm());
    if (command == "rollback") return answer_change(request.client, engine_->rollback());
    if (command == "set") return tell(request.client, answer_set(*engine_, asked));
    if (command == "promote") return answer_promote(request.client, asked);
    if (command == "events") {
        const auto follow = asked.find("follow");
        const bool follows = follow != asked.end() && follow->is_boolean() && follow->get<bool>();
        return feed_->serve(control_, request.client, follows ? EventFeed::Until::kFollow : EventFeed::Until::kNow);
    }
    tell(request.client, refusal(kUsage,
                                 "a request is a JSON object with a \"command\": status, events, set, reload, promote, "
                                 "confirm or rollback"));
}

void Daemon::answer_status(std::uint64_t client) {
    auto now = engine_->status();
    if (!now) return tell(client, refusal(kWorldFault, now.error().message, now.error().help));
    Json status = status_json(*now);
    if (now->shadow) {
        status["shadow"]["samples"] = samples_->path();
        status["shadow"]["sampled"] = samples_->written();
        status["shadow"]["samples_state"] = samples_->state();
    }
    status["reload_failed"] = reload_failed_;
    tell(client, {{"ok", true}, {"status", 0}, {"engine", std::move(status)}});
}

void Daemon::answer_promote(std::uint64_t client, const Json& asked) {
    const auto cancel = asked.find("cancel"), under = asked.find("if_disagreements_under");
    if (cancel != asked.end() && cancel->is_boolean() && cancel->get<bool>()) {
        engine_->end_shadow();
        samples_->end();
        return answer_change(client, Done{});
    }
    std::optional<std::uint64_t> bound;
    if (under != asked.end() && under->is_number_unsigned()) bound = under->get<std::uint64_t>();
    Status promoted = engine_->promote(bound);
    if (!promoted && promoted.error().number == EDOM)
        return tell(client, refusal(kPolicyFault, promoted.error().message, promoted.error().help));
    if (promoted) samples_->end();
    answer_change(client, promoted);
}

// A candidate that was compiled: beside the policy in force with it.
void Daemon::compare(const Reload& reload, WorkerOutcome outcome) {
    Status done = samples_->begin(engine_->name(), reload.samples);
    if (done) done = engine_->shadow(*outcome.object, {reload.request.file, std::move(outcome.files)});
    if (!done) {
        ++reload_failed_;
        samples_->end();
        return tell(reload.client, refusal(kWorldFault, done.error().message, done.error().help));
    }
    fmt::print(stderr, "{}: {} runs beside the policy in force, and enforces nothing\n", engine_->name(),
               reload.request.file);
    const auto now = engine_->in_force();
    tell(reload.client, {{"ok", true},
                         {"status", 0},
                         {"diagnostics", outcome.diagnostics},
                         {"policy", now.policy},
                         {"generation", now.generation},
                         {"candidate", outcome.object->manifest.policy},
                         {"rules", outcome.object->manifest.rules.size()},
                         {"compile_ms", outcome.milliseconds},
                         {"samples", samples_->path()}});
}

void Daemon::answer_change(std::uint64_t client, const Status& changed) {
    if (!changed) return tell(client, refusal(kWorldFault, changed.error().message, changed.error().help));
    const auto now = engine_->in_force();
    fmt::print(stderr, "{}: policy {} of {} in force, generation {}\n", engine_->name(), now.policy, now.origin.file,
               now.generation);
    tell(client, {{"ok", true},
                  {"status", 0},
                  {"policy", now.policy},
                  {"generation", now.generation},
                  {"file", now.origin.file}});
}

void Daemon::ask_for_reload(const ControlServer::Request& request, const Json& asked) {
    if (waiting_.size() >= kMaxWaiting)
        return tell(request.client, refusal(kWorldFault, "too many reloads wait already", "wait for one to end"));
    Reload reload{request_, Why::kAsked, request.client};
    if (const auto now = engine_->in_force(); !now.origin.file.empty()) reload.request.file = now.origin.file;
    if (const auto file = asked.find("file"); file != asked.end() && file->is_string()) reload.request.file = *file;
    if (const auto format = asked.find("format"); format != asked.end() && format->is_string())
        reload.request.options.format = *format;
    if (const auto folders = asked.find("include");
        folders != asked.end() && folders->is_array() && !folders->empty()) {
        reload.request.options.include_dirs.clear();
        for (const Json& folder : *folders)
            if (folder.is_string()) reload.request.options.include_dirs.push_back(folder);
    }
    if (const auto within = asked.find("confirm_within_ms"); within != asked.end() && within->is_number_unsigned())
        reload.confirm_within_ms = std::min(within->get<std::uint64_t>(), kWeek_ms);
    if (const auto samples = asked.find("samples"); samples != asked.end() && samples->is_string())
        reload.samples = *samples;
    const auto flag = [&](const char* name) {
        const auto found = asked.find(name);
        return found != asked.end() && found->is_boolean() && found->get<bool>();
    };
    reload.request.options.deny_warnings = flag("deny_warnings");
    reload.is_candidate = flag("shadow");
    reload.request.colour = flag("colour") ? Colour::kOn : Colour::kOff;
    waiting_.push_back(std::move(reload));
}

void Daemon::start_reload() {
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    notify_service(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", runtime::monotonic_ns() / 1000));
    if (!worker_) {
        auto started = Worker::start();
        if (!started) {
            const Reload reload = *std::exchange(current_, std::nullopt);
            ++reload_failed_;
            notify_ready();
            if (!reload.client) on_error_(started.error());
            return tell(reload.client, refusal(kWorldFault, started.error().message, started.error().help));
        }
        worker_.emplace(std::move(*started));
    }
    worker_->ask(current_->request);
}

void Daemon::end_reload(WorkerOutcome outcome) {
    const Reload reload = *std::exchange(current_, std::nullopt);
    const bool same = outcome.files == last_read_;
    if (!reload.is_candidate) last_read_ = outcome.files;
    if (watcher_ && !reload.is_candidate) {
        std::vector<std::string> paths;
        for (const runtime::SourceFile& file : outcome.files) paths.push_back(file.path);
        watcher_->follow(paths);
    }
    if (reload.why == Why::kWatch && same) return;
    if (!reload.client) std::fputs(outcome.diagnostics.c_str(), stderr);
    if (outcome.status != kOk) {
        ++reload_failed_;
        Json refused = refusal(outcome.status, "the policy is refused; the one in force stays");
        if (!reload.client) on_error_({"the policy is refused; the one in force stays", {}, 0});
        refused["diagnostics"] = outcome.diagnostics;
        return tell(reload.client, refused);
    }
    if (reload.is_candidate) return compare(reload, std::move(outcome));
    const auto change = engine_->state_change(*outcome.object);
    const std::uint64_t begin_ns = runtime::monotonic_ns();
    if (Status swapped =
            engine_->swap(*outcome.object, {{reload.request.file, std::move(outcome.files)}, reload.confirm_within_ms});
        !swapped) {
        ++reload_failed_;
        if (!reload.client) on_error_(swapped.error());
        return tell(reload.client, refusal(kWorldFault, swapped.error().message + "; the policy in force stays",
                                           swapped.error().help));
    }
    const double load_ms = static_cast<double>(runtime::monotonic_ns() - begin_ns) / 1e6;
    request_.file = reload.request.file;
    request_.options = reload.request.options;
    const auto now = engine_->in_force();
    fmt::print(stderr, "{}: policy {} of {} in force, generation {}\n", engine_->name(), now.policy, now.origin.file,
               now.generation);
    for (const std::string& identity : change.ended)
        fmt::print(stderr, "{}: the state of `{}` is gone\n", engine_->name(), identity);
    Json done{{"ok", true},
              {"status", 0},
              {"diagnostics", outcome.diagnostics},
              {"policy", now.policy},
              {"generation", now.generation},
              {"rules", now.rules},
              {"compile_ms", outcome.milliseconds},
              {"load_ms", load_ms},
              {"forgotten", change.ended},
              {"commit_us", static_cast<double>(engine_->last_commit_ns()) / 1e3}};
    if (now.confirm_within_ms) done["confirm_within_ms"] = *now.confirm_within_ms;
    if (now.falls_back_to) done["falls_back_to"] = *now.falls_back_to;
    tell(reload.client, done);
}

void Daemon::tell(const std::optional<std::uint64_t>& client, const Json& answer) {
    if (client) control_.answer(*client, answer.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace weir::service
