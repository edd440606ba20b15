// A policy in force on live interfaces: attach, deliver events, swap, detach.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/engine/flow_list.h"
#include "runtime/engine/lifetime.h"
#include "runtime/engine/program.h"
#include "runtime/engine/shadow.h"
#include "runtime/recorder_view.h"
#include "runtime/sinks/event.h"
#include "runtime/sinks/packed_event.h"
#include "runtime/sinks/rights.h"
#include "runtime/sinks/triage.h"
#include "runtime/state/live_set.h"
#include "runtime/state/state_maps.h"
#include "runtime/status.h"

namespace weir::runtime {

class ExecBroker;

inline constexpr std::uint64_t kMaxRejectLimit = 1'000'000;

struct EngineOptions {
    std::string name;  // empty: the first interface's
    std::vector<std::string> interfaces;
    Origin origin{};  // where the first policy's text came from; status() says it
    AttachMode mode = AttachMode::kAuto;
    // Each event, before the sinks get it; may be empty. Called from poll() and detach(); must not call swap().
    std::function<void(const Event&)> on_event;
    // The same without texts, all that were read at once; may be empty.
    std::function<void(std::span<const PackedEvent* const>)> on_events{};
    // Samples of packets on which a candidate disagrees; may be empty. Called from poll(), and where the candidate
    // ends.
    OnDisagreement on_disagreement;
    // What models say of events (sinks `llm`); called by the sinks' threads, until the engine is detached. May be
    // empty.
    OnTriage on_triage{};
    // What an operator should know ("eth0: native XDP is not possible (…), attached in generic mode").
    std::function<void(const std::string&)> on_notice;
    Lifetime lifetime = Lifetime::kProcess;
    // Where entries of sets that change are saved (runtime/state/set_saver.h), for this engine alone; empty: nowhere.
    std::string state_folder{};
    std::uint64_t keep_every_ms = 30'000;  // at most so often, and at the end
    bool strict_sinks = false;  // a policy with a sink that cannot deliver is refused; else on_notice says so
    SinkRights sink_rights{};   // a policy whose sinks want more is refused
    const ExecBroker* programs = nullptr;  // runs those of sinks `exec`, and outlives the engine; null: none are run
    bool deliver_to_sinks = true;          // false: only on_event gets them (embedding)
    // Where it is given, in place of Program::load(). The verifier may take half a minute, for which an engine waits;
    // with programs that were loaded beforehand (Engine::next_program()) it need not.
    LoadProgram load{};
    std::uint64_t reject_limit = 1000;   // answers to rejected packets a second and interface; 0: none
    std::uint32_t ring_bytes = 1 << 24;  // room for events that wait: a power of two, and of pages
};

struct SwapOptions {
    Origin origin{};                      // where the policy's text came from; status() says it
    std::uint64_t confirm_within_ms = 0;  // 0: in force for good. Else confirm() has to come within
};

// Belongs to one thread at a time.
class Engine {
public:
    // Loads, attaches to all interfaces or to none. Where an engine of that name was killed, goes on in its place: on
    // an error what it left stays in force.
    static Result<std::unique_ptr<Engine>> start(const bpf::Object& object, EngineOptions options);
    // detach(); nothing stays behind.
    ~Engine();

    // What swap() and start() hand to EngineOptions::load with an object; valid until the next swap or rollback. With a
    // `load` that has the program already, `object` may lack program, tables and contents (ObjectImage::read_names()).
    ProgramOptions next_program() const;
    // The same of shadow(): of the policy in force, and of the candidate. `source`: the policy in force, to be loaded
    // once more; null where it cannot be compared.
    struct ShadowPrograms {
        const bpf::Object* source = nullptr;
        ProgramOptions live{}, candidate{};
    };
    ShadowPrograms shadow_programs() const;

    // Loads `object` beside the policy in force, then puts it in force with one store. Counters of rules that keep
    // their name go on. On an error the old policy stays, and its generation. Where the new one must be confirmed and
    // is not, the kernel restores the policy before it, also where this process has ended. An unconfirmed policy is
    // never a rollback target. Packets may still be in the old policy when this returns; poll() and status() do the
    // rest.
    Status swap(bpf::Object object, const SwapOptions& options = {});
    // The policy in force stays. An error where its time has ended.
    Status confirm();
    // Puts the policy before the one in force back in force, with one store.
    Status rollback();

    // Runs `candidate` beside the policy in force on the same packets; it enforces nothing and alerts nobody. It takes
    // the place of one that runs already. status() has the disagreements. A swap, a rollback or end_shadow() ends it.
    Status shadow(const bpf::Object& candidate, const Origin& origin = {});
    // Puts the candidate in force. With `if_under`, only where they disagreed on fewer packets: else an error EDOM.
    Status promote(std::optional<std::uint64_t> if_under = std::nullopt);
    void end_shadow();

    // Time left to confirm the policy in force, in ms; nothing where it needs no confirmation.
    std::optional<std::uint64_t> confirm_within_ms() const;
    // Waits up to `timeout_ms` for events and hands them to the sinks' queues. Returns how many; a bounded number a
    // call.
    Result<int> poll(int timeout_ms);
    // Waits until sinks are done with all events that there are. False where that takes longer.
    bool flush(int timeout_ms);
    const std::string& name() const;
    int poll_fd() const;         // readable where events have come, or sinks are done with some
    int poll_within_ms() const;  // when poll() is to be called though poll_fd() is not readable
    // Hands a line of EVE, without newline, to the sinks of the policy in force that write EVE. It is in no account.
    void note(const std::string& line);
    // Sinks open their files again (SIGHUP).
    void reopen();
    // Takes the policy off all interfaces, then delivers the events that wait; sinks get kFarewell_ms for that.
    // status() still answers.
    static constexpr std::uint64_t kFarewell_ms = 1500;
    void detach();
    Result<EngineStatus> status();
    // The same without counts: at once, also right after swap().
    InForceStatus in_force() const;
    // Whose state a swap to `object` would forget, and whose would begin with nothing.
    StateMaps::Change state_change(const bpf::Object& object) const;
    // The sets of the policy in force.
    const std::vector<bpf::SetInfo>& sets() const;
    // One of them that changes, by name; to be used before the next swap.
    Result<LiveSet> set(const std::string& name) const;
    // The flight recorder of the policy in force: its map, which stays the engine's, and how to read it. An error where
    // the policy has none.
    struct RecorderAccess {
        int map = -1;
        RecorderView view{};
    };
    Result<RecorderAccess> recorder() const;
    // Flows that the policy in force remembers; those with most bytes. An error where it reads none.
    Result<FlowList> flows(std::size_t top) const;
    // In other threads: expired entries are removed from sets (packets do not see them anyway), and what the first
    // change of a set by hand needs is made ready. To be called now and then.
    void tidy_sets();
    // Those of the policy in force that cannot deliver now: "sink log: opening /a/b failed: No such file or directory".
    std::vector<std::string> sink_problems() const;
    std::uint64_t last_commit_ns() const;  // how long the commit of the last swap took

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::runtime
