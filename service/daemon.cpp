// Tested by tests/house/house_test.py.
#include "service/daemon.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "runtime/engine/left.h"
#include "runtime/kernel.h"
#include "service/command_codec.h"
#include "service/ended_processes.h"
#include "service/message_socket.h"
#include "service/notice.h"
#include "service/proposal.h"
#include "service/set_commands.h"

namespace weir::service {

namespace {

Refusal refusal(const Error& error) { return {kWorldFault, error.message, error.help}; }

bool is_withdrawal(std::string_view line) {
    if (line.empty()) return false;
    const auto read = decode_command(line, {});
    const auto* command = std::get_if<Command>(&read);
    return command != nullptr && std::holds_alternative<WithdrawCommand>(*command);
}

}  // namespace

Daemon::Daemon(std::unique_ptr<runtime::Engine> engine, ControlServer control, runtime::UniqueFd signals,
               WorkerRequest request, Worker worker, std::unique_ptr<PreparedPrograms> prepared,
               std::unique_ptr<EventFeed> feed, std::unique_ptr<Samples> samples, std::unique_ptr<TriageInbox> triages,
               std::optional<tooling::Watcher> watcher, double first_compile_ms)
    : prepared_(std::move(prepared)),
      feed_(std::move(feed)),
      samples_(std::move(samples)),
      triages_(std::move(triages)),
      engine_(std::move(engine)),
      control_(std::move(control)),
      signals_(std::move(signals)),
      request_(std::move(request)),
      watcher_(std::move(watcher)),
      worker_(std::move(worker)) {
    last_read_ = engine_->in_force().origin.files;
    reloads_.compile_ms = first_compile_ms;
    started_at_ = runtime::rfc3339(runtime::realtime_ns());
}

int Daemon::run() {
    rights_ = confine_engine();
    for (const std::string& lack : rights_.lacks) say_problem({"the engine keeps its rights: " + lack, {}, 0});
    notify_ready();
    for (;;) {
        watchdog_.beat();
        std::vector<pollfd> ready{{signals_.get(), POLLIN, 0},
                                  {engine_->poll_fd(), POLLIN, 0},
                                  {control_.fd(), POLLIN, 0},
                                  {worker_ ? worker_->fd() : -1, POLLIN, 0},
                                  {loading_ && loading_->loader ? loading_->loader->fd() : -1, POLLIN, 0},
                                  {watcher_ ? watcher_->fd() : -1, POLLIN, 0},
                                  {triages_->fd(), POLLIN, 0}};
        for (const auto& process : side_processes_) ready.push_back({process->fd(), POLLIN, 0});
        if (poll(ready.data(), ready.size(), poll_timeout_ms()) < 0 && errno != EINTR)
            return fail(runtime::kernel_error(errno, "waiting for events"));
        // Who waits for a reload is answered before the engine waits for the last packets of the old policy.
        if (loading_ && loading_->reply) step_loading();
        if (auto delivered = engine_->poll(0); !delivered) return fail(delivered.error());
        feed_->publish();
        take_notes();
        step_side_processes();
        take_requests();
        withdraw_unwanted();
        if (worker_)
            if (auto outcome = worker_->step()) {
                if (!worker_->is_alive()) worker_.reset();
                if (current_ && !loading_) end_compile(std::move(*outcome));
            }
        if (loading_ && loading_->loader) step_loading();
        reap_ended();
        if ((ready[0].revents & POLLIN) != 0 && !take_signals()) break;
        if (watcher_ && watcher_->step()) reload_own_file(Why::kWatch);
        if (!current_ && !waiting_.empty()) start_next();
        constexpr std::uint64_t kTidy_ns =
            10'000'000'000;  // packets do not see what is over: this is for those who count
        if (const std::uint64_t now_ns = runtime::monotonic_ns(); now_ns - tidied_ns_ > kTidy_ns) {
            tidied_ns_ = now_ns;
            engine_->tidy_sets();
        }
    }
    notify_service("STOPPING=1");
    loading_.reset();  // and the process that loads: nobody waits for the verifier
    std::vector<std::string> interfaces;
    if (const auto last = engine_->status())
        for (const runtime::InterfaceStatus& interface : last->interfaces)
            if (interface.attached) interfaces.push_back(interface.name);
    engine_->detach();  // and delivers what waits
    feed_->publish();
    for (const runtime::TriageNote& note : triages_->taken()) notice("sink " + note_line(note));
    notice(interfaces.empty() ? "stopped" : "stopped; its policy is no longer on " + runtime::in_words(interfaces));
    return kOk;
}

void Daemon::notice(const std::string& sentence) const { say_notice(engine_->name() + ": " + sentence); }

int Daemon::fail(const Error& error) const {
    say_problem(error);
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
    const std::uint64_t loader_ms = loading_ && loading_->loader ? loading_->loader->timeout_ms() : kTick_ms;
    const std::uint64_t compiler_ms = worker_ ? worker_->timeout_ms().value_or(kTick_ms) : kTick_ms;
    const auto events_ms = static_cast<std::uint64_t>(engine_->poll_within_ms());
    std::uint64_t sides_ms = kTick_ms;
    for (const auto& process : side_processes_) sides_ms = std::min(sides_ms, process->timeout_ms());
    return static_cast<int>(std::min({kTick_ms, sides_ms, events_ms, changes_ms, compiler_ms, loader_ms,
                                      engine_->confirm_within_ms().value_or(kTick_ms)}));
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

void Daemon::step_side_processes() {
    for (const auto& process : side_processes_)
        process->step([this](runtime::UniqueFd channel) { return control_.adopt(std::move(channel)); });
}

void Daemon::take_requests() {
    for (auto& request : control_.receive()) {
        Peer peer{[this, client = request.client](const Reply& reply) { control_.answer(client, encode(reply)); },
                  [this, client = request.client](const std::string& line) { return control_.offer(client, line); },
                  [this, client = request.client, asked = control_.requests(request.client)] {
                      return control_.is_connected(client) && control_.requests(client) == asked;
                  },
                  [this, client = request.client] { return is_withdrawal(control_.next_line(client)); }};
        auto command = decode_command(request.text, std::move(request.attached));
        const auto* asked = std::get_if<Command>(&command);
        if (const auto* refused = std::get_if<Refusal>(&command))
            peer.reply(*refused);
        else if (!std::all_of(side_processes_.begin(), side_processes_.end(),
                              [&](const auto& process) { return process->lets(request.client, *asked); }))
            peer.reply(Refusal{kUsage, "this process may not ask for that"});
        else
            carry_out(std::move(std::get<Command>(command)), std::move(peer));
    }
}

void Daemon::carry_out(Command command, Peer peer) {
    std::visit([&](auto& one) { carry_out_one(one, peer); }, command);
}

StatusReply::Process Daemon::process() const {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    constexpr std::uint64_t kKilobyte = 1024;
    return {WEIR_VERSION, started_at_, seconds(used.ru_utime) + seconds(used.ru_stime),
            static_cast<std::uint64_t>(used.ru_maxrss) * kKilobyte};
}

void Daemon::carry_out_one(StatusCommand&, const Peer& peer) {
    auto now = engine_->status();
    if (!now) return peer.reply(refusal(now.error()));
    StatusReply status{std::move(*now), {}, reload_failed_, request_.observe, {}, rights_, reloads_, process()};
    for (const auto& process : side_processes_) status.doors.push_back(process->status());
    if (worker_) status.compiler.lacks = worker_->lacks();
    if (status.engine.shadow) status.samples = {samples_->path(), samples_->written(), samples_->state()};
    peer.reply(std::move(status));
}

void Daemon::carry_out_one(ConfirmCommand&, const Peer& peer) { peer.reply(reply_of(engine_->confirm())); }
void Daemon::carry_out_one(RollbackCommand&, const Peer& peer) {
    const Status done = engine_->rollback();
    if (done) ++reloads_.rolled_back;
    peer.reply(reply_of(done));
}

// The reload that it followed has ended.
void Daemon::carry_out_one(WithdrawCommand&, const Peer& peer) { peer.reply(WithdrawReply{}); }

// Who asks reads the packets: they may be hundreds of megabytes, and events wait here.
void Daemon::carry_out_one(RecordCommand& command, const Peer& peer) {
    auto recorder = engine_->recorder();
    if (!recorder) return peer.reply(Refusal{kPolicyFault, recorder.error().message, recorder.error().help});
    const std::uint8_t here = 1;
    const int map[] = {recorder->map};
    if (!send_message(command.channel.get(), {&here, 1}, map, Wait::kNo))
        return peer.reply(Refusal{kWorldFault, "the flight recorder could not be handed over"});
    peer.reply(RecordReply{std::move(recorder->view)});
}

void Daemon::carry_out_one(FlowsCommand& command, const Peer& peer) {
    auto list = engine_->flows(command.top);
    if (!list) return peer.reply(refusal(list.error()));
    peer.reply(FlowsReply{std::move(*list)});
}

void Daemon::carry_out_one(PolicyTextCommand&, const Peer& peer) {
    const auto now = engine_->in_force();
    const auto own = std::find_if(now.origin.files.begin(), now.origin.files.end(),
                                  [&](const runtime::SourceFile& file) { return file.path == now.origin.file; });
    const std::string* text = own == now.origin.files.end() ? nullptr : texts_.find(own->sha256);
    if (text == nullptr)
        return peer.reply(Refusal{kWorldFault, "the text of the policy in force is no longer known",
                                  "weir status --format json says its files and their hashes"});
    peer.reply(PolicyTextReply{now.policy, now.origin.file, own->sha256, *text});
}

void Daemon::carry_out_one(EventsCommand& command, const Peer& peer) { feed_->serve(command, peer); }

template <typename SetCommand>
void Daemon::carry_out_one(SetCommand& command, const Peer& peer) {
    peer.reply(service::carry_out(*engine_, command));
}

Reply Daemon::reply_of(const Status& changed) const {
    if (!changed) return refusal(changed.error());
    say_in_force({});
    const auto now = engine_->in_force();
    return ChangeReply{now.policy, now.generation, now.origin.file};
}

}  // namespace weir::service
