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

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "service/command_codec.h"
#include "service/set_commands.h"

namespace weir::service {

namespace {

constexpr std::size_t kMaxWaiting = 64;  // reloads; more are turned away

Refusal refusal(const Error& error) { return {kWorldFault, error.message, error.help}; }

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
        feed_->publish();
        take_requests();
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
    feed_->publish();
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
    if (control_.has_more()) return 0;
    const std::uint64_t changes_ms = watcher_ ? watcher_->poll_timeout_ms().value_or(kTick_ms) : kTick_ms;
    const std::uint64_t compiler_ms = worker_ ? worker_->timeout_ms().value_or(kTick_ms) : kTick_ms;
    return static_cast<int>(
        std::min({kTick_ms, changes_ms, compiler_ms, engine_->confirm_within_ms().value_or(kTick_ms)}));
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

namespace {

// A policy that came as a text has no file.
bool has_file(const runtime::Origin& origin) { return !origin.file.empty() && !origin.file.ends_with(kStdinName); }

const Error kNoFile{"the policy in force came from standard input: there is no file to read again", "weir reload FILE",
                    0};

}  // namespace

// Signals and changes that come in a storm are one wish: the file as it is when the worker reads it.
void Daemon::reload_own_file(Why why) {
    for (Reload& reload : waiting_)
        if (!reload.reply) {
            if (why == Why::kSignal) reload.why = why;
            return;
        }
    // What is in force may be older than the last reload: a policy that was gone back to.
    const auto now = engine_->in_force();
    if (!has_file(now.origin)) return on_error_(kNoFile);
    request_.file = now.origin.file;
    waiting_.push_back({request_, why});
}

void Daemon::take_requests() {
    for (auto& request : control_.receive()) {
        Peer peer{[this, client = request.client](const Reply& reply) { control_.answer(client, encode(reply)); },
                  [this, client = request.client](const std::string& line) { return control_.offer(client, line); },
                  [this, client = request.client] { return control_.is_connected(client); }};
        auto command = decode_command(request.text, std::move(request.attached));
        if (const auto* refused = std::get_if<Refusal>(&command))
            peer.reply(*refused);
        else
            carry_out(std::move(std::get<Command>(command)), std::move(peer));
    }
}

void Daemon::carry_out(Command command, Peer peer) {
    std::visit([&](auto& one) { carry_out_one(one, peer); }, command);
}

void Daemon::carry_out_one(StatusCommand&, const Peer& peer) {
    auto now = engine_->status();
    if (!now) return peer.reply(refusal(now.error()));
    StatusReply status{std::move(*now), {}, reload_failed_, {}};
    if (worker_) status.compiler.lacks = worker_->lacks();
    if (status.engine.shadow) status.samples = {samples_->path(), samples_->written(), samples_->state()};
    peer.reply(status);
}

void Daemon::carry_out_one(ConfirmCommand&, const Peer& peer) { peer.reply(reply_of(engine_->confirm())); }
void Daemon::carry_out_one(RollbackCommand&, const Peer& peer) { peer.reply(reply_of(engine_->rollback())); }

void Daemon::carry_out_one(PromoteCommand& command, const Peer& peer) {
    if (command.cancel) {
        engine_->end_shadow();
        samples_->end();
        return peer.reply(reply_of(Done{}));
    }
    auto now = engine_->status();
    if (!now) return peer.reply(refusal(now.error()));
    if (now->shadow && command.if_disagreements_under && now->shadow->disagreements >= *command.if_disagreements_under)
        return peer.reply(
            Refusal{kPolicyFault,
                    fmt::format("{} disagreements in {} packets: not under {}", now->shadow->disagreements,
                                now->shadow->packets, *command.if_disagreements_under),
                    "weir status shows which rules disagree; the policy in force stays"});
    const Status promoted = engine_->promote();
    if (promoted) samples_->end();
    peer.reply(reply_of(promoted));
}

void Daemon::carry_out_one(EventsCommand& command, const Peer& peer) { feed_->serve(command, peer); }

template <typename SetCommand>
void Daemon::carry_out_one(SetCommand& command, const Peer& peer) {
    peer.reply(service::carry_out(*engine_, command));
}

// A candidate that was compiled: beside the policy in force with it.
void Daemon::compare(const Reload& reload, WorkerOutcome outcome) {
    const auto object = outcome.image->read();
    Status done = object ? samples_->begin(engine_->name(), reload.samples) : Status(object.error());
    if (done) done = engine_->shadow(*object, {reload.request.file, std::move(outcome.files)});
    if (!done) {
        samples_->end();
        return refuse(reload, done.error());
    }
    fmt::print(stderr, "{}: {} runs beside the policy in force, and enforces nothing\n", printable(engine_->name()),
               printable(reload.request.file));
    const auto now = engine_->in_force();
    reload.reply(ReloadReply{outcome.diagnostics, now.policy, now.generation, outcome.names.manifest.rules.size(),
                             outcome.milliseconds, Compared{outcome.names.manifest.policy, samples_->path()}});
}

Reply Daemon::reply_of(const Status& changed) const {
    if (!changed) return refusal(changed.error());
    const auto now = engine_->in_force();
    fmt::print(stderr, "{}: policy {} of {} in force, generation {}\n", printable(engine_->name()),
               printable(now.policy), printable(now.origin.file), now.generation);
    return ChangeReply{now.policy, now.generation, now.origin.file};
}

void Daemon::carry_out_one(ReloadCommand& command, const Peer& peer) {
    if (waiting_.size() >= kMaxWaiting)
        return peer.reply(Refusal{kWorldFault, "too many reloads wait already", "wait for one to end"});
    Reload reload{request_,
                  Why::kAsked,
                  peer.reply,
                  command.confirm_within_ms,
                  command.shadow,
                  command.samples,
                  std::move(command.text)};
    const auto now = engine_->in_force();
    if (command.file.empty() && !has_file(now.origin))
        return peer.reply(Refusal{kUsage, kNoFile.message, kNoFile.help});
    reload.request.file = command.file.empty() ? now.origin.file : command.file;
    if (!command.include.empty()) reload.request.options.include_dirs = command.include;
    reload.request.options.format = command.format;
    reload.request.options.deny_warnings = command.deny_warnings;
    reload.request.colour = command.colour ? Colour::kOn : Colour::kOff;
    waiting_.push_back(std::move(reload));
}

// The policy in force stays.
void Daemon::refuse(const Reload& reload, const Error& error) {
    ++reload_failed_;
    if (reload.reply)
        reload.reply(refusal(error));
    else
        on_error_(error);
}

void Daemon::start_reload() {
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    notify_service(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", runtime::monotonic_ns() / 1000));
    if (!worker_) {
        auto started = Worker::start();
        if (!started) {
            notify_ready();
            return refuse(*std::exchange(current_, std::nullopt), started.error());
        }
        worker_.emplace(std::move(*started));
    }
    worker_->ask(current_->request, current_->text.get());
}

void Daemon::end_reload(WorkerOutcome outcome) {
    const Reload reload = *std::exchange(current_, std::nullopt);
    if (reload.text) std::erase_if(outcome.files, [&](const auto& file) { return file.path == reload.request.file; });
    const bool same = outcome.files == last_read_;
    if (!reload.is_candidate) last_read_ = outcome.files;
    if (watcher_ && !reload.is_candidate) {
        std::vector<std::string> paths;
        for (const runtime::SourceFile& file : outcome.files) paths.push_back(file.path);
        watcher_->follow(paths);
    }
    if (reload.why == Why::kWatch && same) return;
    if (!reload.reply) std::fputs(outcome.diagnostics.c_str(), stderr);
    if (outcome.status != kOk) {
        ++reload_failed_;
        const std::string sentence = "the policy is refused; the one in force stays";
        if (!reload.reply) return on_error_({sentence, {}, 0});
        return reload.reply(Refusal{outcome.status, sentence, {}, outcome.diagnostics});
    }
    if (reload.is_candidate) return compare(reload, std::move(outcome));
    const auto object = outcome.image->read();
    if (!object) return refuse(reload, object.error());
    const auto change = engine_->state_change(outcome.names);
    const std::uint64_t begin_ns = runtime::monotonic_ns();
    if (Status swapped =
            engine_->swap(*object, {{reload.request.file, std::move(outcome.files)}, reload.confirm_within_ms});
        !swapped)
        return refuse(reload, {swapped.error().message + "; the policy in force stays", swapped.error().help,
                               swapped.error().number});
    const double load_ms = static_cast<double>(runtime::monotonic_ns() - begin_ns) / 1e6;
    request_.options = reload.request.options;
    const auto now = engine_->in_force();
    fmt::print(stderr, "{}: policy {} of {} in force, generation {}\n", printable(engine_->name()),
               printable(now.policy), printable(now.origin.file), now.generation);
    for (const std::string& identity : change.ended)
        fmt::print(stderr, "{}: the state of `{}` is gone\n", printable(engine_->name()), printable(identity));
    if (!reload.reply) return;
    const double commit_us = static_cast<double>(engine_->last_commit_ns()) / 1e3;
    reload.reply(ReloadReply{outcome.diagnostics, now.policy, now.generation, now.rules, outcome.milliseconds,
                             Committed{load_ms, commit_us, change.ended, now.confirm_within_ms, now.falls_back_to}});
}

}  // namespace weir::service
