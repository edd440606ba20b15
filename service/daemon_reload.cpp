// How a running engine gets another policy: compiled by the worker, loaded by a process of its own, put in force here.
// The loop goes on meanwhile.
// Tested by tests/cli/load_test.py with `reload`.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/kernel.h"
#include "service/bundle_files.h"
#include "service/comparison.h"
#include "service/daemon.h"
#include "service/notice.h"
#include "tooling/files/json_depth.h"

namespace weir::service {
namespace {

using Json = nlohmann::ordered_json;

const Error kNoFile{"the policy in force came from standard input or over the network: there is no file to read again",
                    "weir reload FILE", 0};
const Error kFollowsNone{"this engine follows no bucket of NATS", "weir run nats://HOST:4222/BUCKET/KEY", 0};

Refusal refusal(const Error& error) { return {kWorldFault, error.message, error.help}; }

// The compiler's process may have been taken over: what it says is JSON that can be written again, or null.
Json json_of_worker(const std::string& said) {
    return tooling::is_nested_too_deep(said) ? Json() : Json::parse(said, nullptr, false);
}

}  // namespace

bool Daemon::has_file(const runtime::Origin& origin) {
    return !origin.file.empty() && !origin.file.ends_with(kStdinName) && !origin.file.starts_with(kNoFolder);
}

// Signals and changes that come in a storm are one wish: the file as it is when the worker reads it.
void Daemon::reload_own_file(Why why) {
    for (Reload& reload : waiting_)
        if (!reload.peer && reload.how == How::kReplace) {
            if (why == Why::kSignal) reload.why = why;
            return;
        }
    // What is in force may be older than the last reload: a policy that was gone back to.
    const auto now = engine_->in_force();
    if (!has_file(now.origin) && why == Why::kSignal && now.origin.file.starts_with(kNoFolder)) return;  // it follows
    if (!has_file(now.origin)) return say_problem(kNoFile);
    request_.file = now.origin.file;
    request_.from = From::kHost;  // also of an engine that follows a bucket: a person has put a file in force
    waiting_.push_back({request_, why});
}

void Daemon::compare_with_policy_in_force(WorkerRequest& request) const {
    const auto now = engine_->in_force();
    if (!is_comparable(now.origin)) return;
    request.before = now.origin;
    request.before_include_dirs = request_.options.include_dirs;
}

void Daemon::carry_out_one(ReloadCommand& command, const Peer& peer) {
    constexpr std::size_t kMaxWaiting = 64;  // reloads; more are turned away
    if (waiting_.size() >= kMaxWaiting)
        return peer.reply(Refusal{kWorldFault, "too many reloads wait already", "wait for one to end"});
    Reload reload{request_, Why::kAsked, peer, command.confirm_within_ms};
    reload.how = command.shadow ? How::kCompare : command.dry_run ? How::kDryRun : How::kReplace;
    reload.samples = command.samples;
    reload.text = std::move(command.text);
    const auto now = engine_->in_force();
    if (command.file.empty() && !has_file(now.origin))
        return peer.reply(Refusal{kUsage, kNoFile.message, kNoFile.help});
    reload.request.file = command.file.empty() ? now.origin.file : command.file;
    reload.request.from = command.from == "bundle" ? From::kBundle : command.from == "text" ? From::kText : From::kHost;
    if (command.from == "bundle" && !is_path_in_bundle(request_.expected, command.file))
        return peer.reply(Refusal{kUsage, kFollowsNone.message, kFollowsNone.help});
    if (command.from != "host") reload.request.options.include_dirs.clear();
    if (command.from == "text" && !command.file.starts_with(kNoFolder))
        reload.request.file = fmt::format("{}text>", kNoFolder);  // no file of this host is read again for it
    if (!command.include.empty()) reload.request.options.include_dirs = command.include;
    reload.request.options.format = command.format;
    reload.request.options.deny_warnings = command.deny_warnings;
    reload.request.tests = command.no_tests ? TestsFirst::kLeaveOut : TestsFirst::kRun;
    reload.request.colour = command.colour ? Colour::kOn : Colour::kOff;
    if (command.dry_run) compare_with_policy_in_force(reload.request);
    waiting_.push_back(std::move(reload));
}

void Daemon::carry_out_one(PromoteCommand& command, const Peer& peer) {
    if (command.cancel) {
        engine_->end_shadow();
        samples_->end();
        candidate_.reset();
        return peer.reply(reply_of(Done{}));
    }
    Reload reload{request_, Why::kAsked, peer};
    reload.how = How::kPromote;
    reload.if_under = command.if_disagreements_under;
    waiting_.push_back(std::move(reload));
}

void Daemon::carry_out_one(JudgeCommand& command, const Peer& peer) {
    constexpr std::size_t kMaxWaiting = 64;
    if (waiting_.size() >= kMaxWaiting)
        return peer.reply(Refusal{kWorldFault, "too many reloads wait already", "wait for one to end"});
    Reload reload{request_, Why::kAsked, peer};
    reload.how = How::kJudge;
    reload.text = std::move(command.text);
    reload.request.file = command.file;
    reload.request.options.format = "json";
    reload.request.colour = Colour::kOff;
    reload.request.from = command.from == "text" ? From::kText : From::kHost;
    if (command.from != "host") reload.request.options.include_dirs.clear();
    reload.request.judge = command.what == "test"   ? Judge::kTest
                           : command.what == "diff" ? Judge::kDiff
                                                    : Judge::kCheck;
    if (reload.request.judge == Judge::kDiff) compare_with_policy_in_force(reload.request);
    waiting_.push_back(std::move(reload));
}

void Daemon::start_next() {
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    notify_service(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", runtime::monotonic_ns() / 1000));
    if (current_->how == How::kPromote) return start_promotion();
    ask_worker();
}

void Daemon::ask_worker() {
    // One that died while it had nothing to do is replaced.
    if (worker_ && worker_->ask(current_->request, current_->text.get())) return;
    worker_.reset();
    auto started = Worker::start();
    if (!started) return refuse(started.error());
    worker_.emplace(std::move(*started));
    worker_->ask(current_->request, current_->text.get());
}

void Daemon::start_promotion() {
    auto now = engine_->status();
    if (!now) return finish(refusal(now.error()));
    if (!now->shadow || !candidate_)
        return finish(Refusal{kWorldFault, "no candidate runs beside the policy in force",
                              "weir reload --shadow FILE begins that"});
    if (current_->if_under && now->shadow->disagreements >= *current_->if_under)
        return finish(Refusal{kPolicyFault,
                              fmt::format("{} disagreements in {} packets: not under {}", now->shadow->disagreements,
                                          now->shadow->packets, *current_->if_under),
                              "weir status says which rules; the policy in force stays"});
    auto image = candidate_->image->duplicate();
    if (!image) return finish(refusal(image.error()));
    WorkerOutcome compiled;
    compiled.image = std::move(*image);
    compiled.names = candidate_->names;
    begin_loading(std::move(compiled));
}

void Daemon::end_compile(WorkerOutcome outcome) {
    // Killed, by the kernel where memory was short, just before: that says nothing of this policy.
    if (outcome.is_unread && !std::exchange(current_->is_asked_twice, true)) return ask_worker();
    if (current_->how == How::kPropose) return end_proposal(outcome);
    if (current_->how == How::kJudge) return end_judgement(outcome);
    const Reload& reload = *current_;
    const bool same = outcome.files == last_read_;
    if (reload.how == How::kReplace) last_read_ = outcome.files;
    if (watcher_ && reload.how == How::kReplace) {
        std::vector<std::string> paths;
        for (const runtime::SourceFile& file : outcome.files)
            if (reload.request.from == From::kHost && (!reload.text || file.path != reload.request.file))
                paths.push_back(file.path);
        watcher_->follow(paths);
    }
    if (reload.why == Why::kWatch && same) {
        current_.reset();
        return notify_ready();
    }
    if (!reload.peer && !outcome.diagnostics.empty()) {
        notice("read " + reload.request.file + " again:");
        std::fputs(outcome.diagnostics.c_str(), stderr);
    }
    if (outcome.status == kOk && reload.request.from != From::kHost)
        if (Status admitted = runtime::admit_from_others(request_.rights, outcome.names.manifest.sinks); !admitted)
            return refuse({admitted.error().message + "; the policy in force stays", admitted.error().help, EPERM});
    if (outcome.status == kOk) texts_.keep(outcome.text);
    if (outcome.status == kOk) return begin_loading(std::move(outcome));
    if (reload.how != How::kDryRun) count_refusal();
    const std::string sentence = "the policy is refused; the one in force stays";
    if (!reload.peer) say_problem({sentence, {}, 0});
    finish(Refusal{outcome.status, sentence, {}, outcome.diagnostics});
}

void Daemon::end_judgement(const WorkerOutcome& outcome) {
    const Json result = json_of_worker(outcome.judged);
    if (!result.is_object())
        return finish(Refusal{
            outcome.status == kOk ? kWorldFault : outcome.status, "the policy has errors", {}, outcome.diagnostics});
    finish(JudgeReply{static_cast<std::uint32_t>(outcome.status), outcome.diagnostics,
                      result.dump(-1, ' ', true, Json::error_handler_t::replace)});
}

// Beside the policy in force, or in its place.
Result<std::vector<Loader::Job>> Daemon::jobs_of(const WorkerOutcome& compiled) const {
    std::vector<Loader::Job> jobs;
    auto copy = compiled.image->duplicate();
    if (!copy) return copy.error();
    if (current_->how != How::kCompare) {
        jobs.emplace_back(std::move(*copy), engine_->next_program(), compiled.names.state);
        return jobs;
    }
    const auto programs = engine_->shadow_programs();
    if (programs.source == nullptr) return jobs;  // the engine itself says why not
    auto source = runtime::ObjectImage::make(*programs.source);
    if (!source) return source.error();
    jobs.emplace_back(std::move(*source), programs.live, runtime::StateMaps::shapes(programs.source->state));
    jobs.emplace_back(std::move(*copy), programs.candidate, compiled.names.state);
    return jobs;
}

void Daemon::begin_loading(WorkerOutcome compiled) {
    loading_.emplace();
    loading_->begin_ns = runtime::monotonic_ns();
    loading_->base = engine_->in_force().generation;
    loading_->compiled = std::move(compiled);
    auto jobs = jobs_of(loading_->compiled);
    if (!jobs) return refuse(jobs.error());
    for (const Loader::Job& job : *jobs) loading_->options.push_back(job.options);
    if (!jobs->empty()) {
        auto loader = Loader::start(*jobs);
        if (!loader) return refuse(loader.error());
        loading_->loader.emplace(std::move(*loader));
    }
    // Read while the programs are loaded, so that the commit holds up the loop for a shorter time.
    auto object = object_of(loading_->compiled);
    if (!object) return refuse(object.error());
    loading_->object = std::move(*object);
    if (jobs->empty()) commit();
}

void Daemon::step_loading() {
    if (loading_->reply) {
        auto added = loading_->loader->step_entries();
        if (!added) return;
        if (!*added) notice("a set lacks entries of its file: " + added->error().message);
        return finish(*std::exchange(loading_->reply, std::nullopt));
    }
    auto programs = loading_->loader->step();
    if (!programs) return;
    if (!*programs) {
        Error error = programs->error();
        error.message += "; the policy in force stays";
        return refuse(error);
    }
    // The policy that it was to follow was gone back from: its state is another.
    if (loading_->base != engine_->in_force().generation) return begin_loading(std::move(loading_->compiled));
    for (std::size_t i = 0; i < (**programs).size(); ++i)
        prepared_->put(loading_->options[i], std::move((**programs)[i]));
    commit();
}

void Daemon::commit() {
    bpf::Object& object = loading_->object;
    if (current_->how == How::kDryRun) {
        prepared_->clear();
        WorkerOutcome& compiled = loading_->compiled;
        auto planned = plan(object);
        if (!planned) return finish(refusal(planned.error()));
        const bpf::Manifest& next = compiled.names.manifest;
        return finish(ReloadReply{compiled.diagnostics,
                                  next.policy,
                                  engine_->in_force().generation,
                                  next.rules.size(),
                                  compiled.milliseconds,
                                  std::move(*planned),
                                  request_.observe,
                                  {}});
    }
    const Status done = current_->how == How::kCompare ? compare(object) : replace(std::move(object));
    prepared_->clear();
    if (!done) {
        Error error = done.error();
        if (current_->how != How::kCompare) error.message += "; the policy in force stays";
        return refuse(error);
    }
    // Who asked hears of it once the sets have what their files say, too.
    if (loading_->loader) loading_->loader->add_first_entries();
}

Status Daemon::replace(bpf::Object object) {
    Reload& reload = *current_;
    WorkerOutcome& compiled = loading_->compiled;
    const bool promotes = reload.how == How::kPromote;
    const auto change = engine_->state_change(object);
    const Status done = promotes ? engine_->promote()
                                 : engine_->swap(std::move(object), {{reload.request.file, std::move(compiled.files)},
                                                                     reload.confirm_within_ms});
    if (!done) return done;
    const double load_ms = static_cast<double>(runtime::monotonic_ns() - loading_->begin_ns) / 1e6;
    if (!promotes) request_.options = reload.request.options;
    ++reloads_.in_force;
    reloads_.last_refused = false;
    if (!promotes) reloads_.compile_ms = compiled.milliseconds;
    reloads_.load_ms = load_ms;
    reloads_.commit_us = static_cast<double>(engine_->last_commit_ns()) / 1e3;
    samples_->end();
    candidate_.reset();
    say_in_force(change.ended);
    const auto now = engine_->in_force();
    if (promotes)
        loading_->reply = ChangeReply{now.policy, now.generation, now.origin.file};
    else
        loading_->reply = ReloadReply{compiled.diagnostics,
                                      now.policy,
                                      now.generation,
                                      now.rules,
                                      compiled.milliseconds,
                                      Committed{load_ms, static_cast<double>(engine_->last_commit_ns()) / 1e3,
                                                change.ended, now.confirm_within_ms, now.falls_back_to},
                                      request_.observe,
                                      engine_->sink_problems()};
    return Done{};
}

// A candidate, beside the policy in force.
Status Daemon::compare(const bpf::Object& object) {
    WorkerOutcome& compiled = loading_->compiled;
    const std::string& file = current_->request.file;
    Status done = samples_->begin(engine_->name(), current_->samples);
    if (done) done = engine_->shadow(object, {file, std::move(compiled.files)});
    if (!done) {
        samples_->end();
        return done;
    }
    notice(file + " runs beside the policy in force, and enforces nothing");
    const auto now = engine_->in_force();
    loading_->reply = ReloadReply{compiled.diagnostics,  now.policy,
                                  now.generation,        compiled.names.manifest.rules.size(),
                                  compiled.milliseconds, Compared{compiled.names.manifest.policy, samples_->path()},
                                  request_.observe,      {}};
    candidate_ = std::move(compiled);
    return Done{};
}

void Daemon::say_in_force(const std::vector<std::string>& forgotten) const {
    const auto now = engine_->in_force();
    notice(fmt::format("policy {} of {} in force, generation {}{}", now.policy, now.origin.file, now.generation,
                       request_.observe ? "; observe: verdicts are not enforced" : ""));
    for (const std::string& identity : forgotten) notice(fmt::format("the state of `{}` is gone", identity));
}

// What a swap to `object` would change.
Result<Planned> Daemon::plan(const bpf::Object& object) const {
    const auto now = engine_->status();
    if (!now) return now.error();
    std::set<std::string> before, after;
    for (const runtime::CounterStatus& rule : now->rules) before.insert(rule.name);
    for (const bpf::RuleInfo& rule : object.manifest.rules) after.insert(rule.name);
    Planned planned;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(planned.new_rules));
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(planned.removed_rules));
    planned.forgotten = engine_->state_change(object).ended;
    planned.changes = loading_->compiled.changes;
    const Json classes = json_of_worker(loading_->compiled.classes);
    if (classes.is_array()) planned.classes = classes.dump(-1, ' ', true, Json::error_handler_t::replace);
    planned.load_ms = static_cast<double>(runtime::monotonic_ns() - loading_->begin_ns) / 1e6;
    return planned;
}

// The reload has ended, one way or the other.
void Daemon::finish(const Reply& reply) {
    if (current_->peer) current_->peer->reply(reply);
    current_.reset();
    loading_.reset();
    notify_ready();
}

void Daemon::count_refusal() {
    ++reload_failed_;
    reloads_.last_refused = true;
}

// The policy in force stays.
void Daemon::refuse(const Error& error) {
    if (current_->how != How::kDryRun) count_refusal();
    if (!current_->peer) say_problem(error);
    finish(refusal(error));
}

// Reloads whose asker has left, or sent WithdrawCommand, before they were in force. The compiler is ended: the next
// reload has another.
void Daemon::withdraw_unwanted() {
    const auto is_unwanted = [](const Reload& reload) {
        return reload.peer && (!reload.peer->is_connected() || (reload.peer->withdraws && reload.peer->withdraws()));
    };
    const Refusal withdrawn{kWorldFault, "withdrawn: the policy in force stays"};
    const auto count = [&](const Reload& reload) { reloads_.withdrawn += reload.how == How::kJudge ? 0 : 1; };
    std::erase_if(waiting_, [&](const Reload& reload) {
        if (!is_unwanted(reload)) return false;
        count(reload);
        reload.peer->reply(withdrawn);
        return true;
    });
    const bool is_in_force = loading_ && loading_->reply;
    if (!current_ || is_in_force || !is_unwanted(*current_)) return;
    count(*current_);
    notice(
        fmt::format("a {} was withdrawn by who had asked for it", current_->how == How::kJudge ? "check" : "reload"));
    if (!loading_) worker_.reset();
    finish(withdrawn);
}

}  // namespace weir::service
