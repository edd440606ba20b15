// A running engine and those who talk to it: signals, the control socket, reloads.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "service/command.h"
#include "service/comparison.h"
#include "service/control_socket.h"
#include "service/event_feed.h"
#include "service/loader.h"
#include "service/notify.h"
#include "service/prepared_programs.h"
#include "service/samples.h"
#include "service/side_process.h"
#include "service/triage_inbox.h"
#include "service/worker.h"
#include "tooling/files/watcher.h"

namespace weir::service {

class Daemon {
public:
    // `signals`: a signalfd of SIGTERM, SIGINT and SIGHUP. `request`: what is in force, and reloaded on SIGHUP.
    // `worker` compiled it.
    // `feed` gets the engine's events, `samples` packets on which a candidate disagrees, `triages` what
    // its models say. With `watcher`, the policy is
    // reloaded when its files change. `first_compile_ms`: how long the policy in force took.
    Daemon(std::unique_ptr<runtime::Engine> engine, ControlServer control, runtime::UniqueFd signals,
           WorkerRequest request, Worker worker, std::unique_ptr<PreparedPrograms> prepared,
           std::unique_ptr<EventFeed> feed, std::unique_ptr<Samples> samples, std::unique_ptr<TriageInbox> triages,
           std::optional<tooling::Watcher> watcher, double first_compile_ms);
    // A process that talks to the network for this engine; it runs already.
    void add(std::unique_ptr<SideProcess> process) { side_processes_.push_back(std::move(process)); }
    // Of the policy that is in force when it starts to run.
    void keep_text(const std::string& text) { texts_.keep(text); }
    // Until SIGTERM or SIGINT. Drops the rights that only the start needs. Returns an exit status.
    int run();

private:
    // What made us read the policy again. kWatch: its files changed; where they are the same after all nothing happens.
    enum class Why : std::uint8_t { kAsked, kSignal, kWatch };
    // What is done with a policy. kPromote: the candidate, which is compiled already. kPropose: it is
    // checked, and becomes a file.
    // kJudge: it is checked, tested or compared, and that is all.
    enum class How : std::uint8_t { kReplace, kCompare, kPromote, kDryRun, kPropose, kJudge };
    struct Reload {
        WorkerRequest request{};
        Why why = Why::kSignal;
        std::optional<Peer> peer{};           // kAsked
        std::uint64_t confirm_within_ms = 0;  // 0: in force for good
        How how = How::kReplace;
        std::string samples{};                    // path; empty: the engine's own
        runtime::UniqueFd text{};                 // in place of the file
        std::optional<std::uint64_t> if_under{};  // kPromote
        bool is_asked_twice = false;              // the compiler died before it had read the job
        runtime::TriageNote note{};               // kPropose
    };
    // A policy on its way into the kernel.
    struct Loading {
        WorkerOutcome compiled{};
        bpf::Object object{};  // object_of() it
        std::optional<Loader> loader{};
        std::vector<runtime::ProgramOptions> options{};  // in the order of the programs
        std::uint32_t base = 0;                          // generation in force when it began
        std::uint64_t begin_ns = 0;
        std::optional<Reply> reply{};  // it is in force; first entries of its sets are added
    };

    int fail(const Error& error) const;  // the loop cannot go on
    bool take_signals();                 // false: it is time to go
    void step_side_processes();
    void take_requests();
    // What any door hands over; replies at once or, to a reload, when it has ended.
    void carry_out(Command command, Peer peer);
    void carry_out_one(StatusCommand& command, const Peer& peer);
    void carry_out_one(ReloadCommand& command, const Peer& peer);
    void carry_out_one(ConfirmCommand& command, const Peer& peer);
    void carry_out_one(RollbackCommand& command, const Peer& peer);
    void carry_out_one(PromoteCommand& command, const Peer& peer);
    void carry_out_one(EventsCommand& command, const Peer& peer);
    void carry_out_one(WithdrawCommand& command, const Peer& peer);
    void carry_out_one(RecordCommand& command, const Peer& peer);
    void carry_out_one(FlowsCommand& command, const Peer& peer);
    void carry_out_one(PolicyTextCommand& command, const Peer& peer);
    void carry_out_one(JudgeCommand& command, const Peer& peer);
    template <typename SetCommand>
    void carry_out_one(SetCommand& command, const Peer& peer);
    Reply reply_of(const Status& changed) const;
    StatusReply::Process process() const;

    // A policy that came as a text has no file.
    static bool has_file(const runtime::Origin& origin);

    // daemon_reload.cpp
    void reload_own_file(Why why);
    void start_next();
    void ask_worker();
    void start_promotion();
    void end_compile(WorkerOutcome outcome);
    void end_judgement(const WorkerOutcome& outcome);
    void begin_loading(WorkerOutcome compiled);
    Result<std::vector<Loader::Job>> jobs_of(const WorkerOutcome& compiled) const;
    void step_loading();
    void commit();
    Status replace(bpf::Object object);
    Status compare(const bpf::Object& object);
    void say_in_force(const std::vector<std::string>& forgotten) const;
    Result<Planned> plan(const bpf::Object& object) const;
    void finish(const Reply& reply);
    void refuse(const Error& error);
    void count_refusal();
    void withdraw_unwanted();
    void notice(const std::string& sentence) const;

    // daemon_triage.cpp
    void take_notes();
    void check_proposal(runtime::TriageNote note);
    void compare_with_policy_in_force(WorkerRequest& request) const;
    void end_proposal(const WorkerOutcome& outcome);

    int poll_timeout_ms() const;
    void notify_ready() const;

    std::unique_ptr<PreparedPrograms> prepared_;  // outlives the engine, which asks it for programs
    std::unique_ptr<EventFeed> feed_;             // outlives the engine, whose last events it gets
    std::unique_ptr<Samples> samples_;            // likewise
    std::unique_ptr<TriageInbox> triages_;        // likewise, of its sinks
    std::unique_ptr<runtime::Engine> engine_;
    ControlServer control_;
    std::vector<std::unique_ptr<SideProcess>> side_processes_{};
    runtime::UniqueFd signals_;
    WorkerRequest request_;
    std::optional<tooling::Watcher> watcher_;
    std::vector<runtime::SourceFile> last_read_{};  // by the last compile, whether or not it was refused
    KnownTexts texts_{};                            // of policies that were put in force
    std::deque<Reload> waiting_;                    // for the worker
    std::optional<Reload> current_;                 // compiled or loaded now
    std::optional<Loading> loading_{};              // of current_
    std::optional<WorkerOutcome> candidate_{};      // beside the policy in force
    std::optional<Worker> worker_;                  // none where it died: the next reload starts one
    Rights rights_{};                               // since it runs
    std::uint64_t reload_failed_ = 0;
    StatusReply::Reloads reloads_{};
    std::string started_at_{};
    std::uint64_t tidied_ns_ = 0;
    Watchdog watchdog_{};
};

}  // namespace weir::service
