// What an engine is made of. Seen by the sources of runtime/engine that carry out its member functions.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/accounts.h"
#include "runtime/engine/answers.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/generation.h"
#include "runtime/engine/history.h"
#include "runtime/engine/interfaces.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/link_watch.h"
#include "runtime/engine/older.h"
#include "runtime/engine/pins.h"
#include "runtime/engine/reactions.h"
#include "runtime/engine/root.h"
#include "runtime/engine/shadow.h"
#include "runtime/engine/sums.h"
#include "runtime/engine/window.h"
#include "runtime/sinks/dispatcher.h"
#include "runtime/sinks/event_reader.h"
#include "runtime/state/set_saver.h"
#include "runtime/state/state_upkeep.h"

namespace weir::runtime {

// What the folder of an engine's pins has: all of it, or what one left that was killed before it was attached, or what
// nobody can go on with: one of another ABI version left it, or the record of its policy in force has changed.
enum class Pinned : std::uint8_t { kNothing, kEngine, kIncomplete, kUnusable };
// An error where weir did not create it.
Result<Pinned> inspect_pins(const Pins& pins);

// The next policy goes on with the recorder of this one where it records alike.
void share_recorder(const Loaded& loaded, SharedMaps& shared);

struct Engine::State {
    State(EngineOptions given, std::optional<Pins> folder, Root attached, Journal deliveries, Interfaces found,
          LinkWatch watch)
        : options(std::move(given)),
          pins(std::move(folder)),
          root(std::move(attached)),
          journal(std::move(deliveries)),
          links(std::move(watch)),
          interfaces(std::move(found)) {}

    EngineOptions options;
    std::optional<Pins> pins;         // nothing: all ends with this process
    std::optional<Pins> older{};      // of an engine that is replaced, until its counts are in the sums
    std::uint32_t replaced_root = 0;  // the kernel's number of its root program, once they are
    Window window{};                  // after the dispatcher: its sinks read what is in there
    Dispatcher dispatcher{};
    Accounts accounts{};
    Reactions reactions{};
    std::unique_ptr<EventReader> reader{};
    UniqueFd ready{};                        // epoll of all that wakes poll()
    bool has_more = false;                   // events wait in the ring of which the kernel wakes nobody
    std::uint64_t read_at_ns = 0;            // CLOCK_MONOTONIC, of read_events()
    std::uint64_t boot_ns = 0;               // CLOCK_REALTIME less CLOCK_MONOTONIC, then
    std::uint64_t handed_before = 0;         // events before this position were in a killed engine's hands
    std::vector<const PackedEvent*> news{};  // read by read_events()
    Root root;
    Journal journal;
    std::optional<Loaded> active{};
    InForce stored{};  // what the root was last made to do by this engine; the kernel may have gone back since
    std::optional<Loaded> replaced{};   // just now: a packet may still be in it
    bool replaced_unconfirmed = false;  // it is no policy to go back to
    std::optional<Shadow> shadow{};     // in the policy's place in the root
    History history{};
    std::uint32_t newest = 0;  // number of the generation that was last in force for the first time
    std::uint64_t auto_rollbacks = 0;
    bool is_detached = false;
    LinkWatch links;
    std::optional<SetSaver> saver{};
    std::uint64_t last_check_ns = 0;  // CLOCK_MONOTONIC, of verify()
    std::deque<ProblemStatus> problems{};
    bool pins_lost = false;  // they cannot be made now: that has been reported, and all else goes on without
    SetChanger changer{};
    StateUpkeep upkeep{[this](const std::string& sentence) { notice(sentence); }};
    std::uint64_t last_commit_ns = 0;
    DriverLosses driver_losses{};
    std::string direct_problem{};  // what was last reported of interfaces that packets are redirected to
    Interfaces interfaces;         // first to go: nothing else may end while packets come

    // engine.cpp
    Status wake_by(std::initializer_list<int> fds);
    Status begin(const bpf::Object& object);
    Generation* find_generation(std::uint32_t number);
    void notice(const std::string& sentence) const;
    Result<Counts> uncollected_counts() const;
    Status fill_state(EngineStatus& status, const Counts& counts);
    void fill_sinks(EngineStatus& status, const Counts& counts) const;
    void fill_reactions(EngineStatus& status, const Counts& counts) const;

    // delivering.cpp
    int read_events();
    void take(const RingEvent& from);
    void hand_on(InFlight& event, Generation& of);
    void escalate(InFlight& event, Generation& of, std::uint32_t number, std::vector<SinkId>& escalated);
    void settled_copy(InFlight& copy, Dispatcher::Outcome outcome);
    void settle_events();
    void settled(InFlight& event, Dispatcher::Outcome outcome);
    void let_go_of_front();
    void finish_events();

    // captures.cpp
    void connect_recorder(Loaded& loaded);
    void add_capture(const weir_capture& capture, const Generation& of, PackedEvent& to);
    CapturedPacket captured(const RecordedPacket& packet);

    // sets.cpp
    std::vector<SavedSet> changing_sets(const Loaded& loaded) const;

    // attach.cpp
    Status attach(Interface& row);
    Status attach_all();
    Status name_interfaces(const Program& program, const bpf::Manifest& manifest) const;
    Status name_to_all(const Interface& row, unsigned index) const;
    Result<std::vector<Attachment*>> disable_offloads();

    // answering.cpp
    AttachMode mode_for(const Interface& row) const;
    void warn_of_lost_answers(const Interface& row, const bpf::Manifest& manifest) const;
    void warn_of_lost_answers(const bpf::Manifest& manifest) const;
    void direct_all();
    void count_driver_losses();
    void fill_answers(EngineStatus& status, const Counts& counts);
    // egress.cpp
    bool needs_egress() const;
    Status prepare_egress(const Program& program);
    Status attach_egress(Interface& row);
    void release_egress();
    std::optional<bool> judges_out(const Interface& row) const;
    void verify_egress(Interface& row);
    void add_egress_pins(std::vector<std::pair<std::string, int>>& wanted) const;

    // verify.cpp
    void report(const std::string& problem);
    void verify_if_due();
    void verify();
    void verify_root();
    std::optional<Observed> observe(const Interface& row) const;
    void verify_interface(Interface& row);
    void verify_mtu(Interface& row);
    void repair(Interface& row, Repair how, unsigned index);
    void confirm(Interface& row);
    void verify_pins();
    std::vector<std::pair<std::string, int>> wanted_pins() const;

    // swap.cpp
    Status admit_sinks(const bpf::Manifest& manifest) const;
    Status check_sinks(const Generation& generation) const;
    std::vector<std::string> sink_problems(const Generation& generation) const;
    void abandon(Loaded& loaded);
    bool went_back(InForce now) const;
    ProgramOptions next_program() const;
    Result<Program> load_program(const bpf::Object& object, const ProgramOptions& with) const;
    Result<Loaded> load(bpf::Object object, const Origin& origin);
    bool is_unconfirmed() const { return root.in_force().is_unconfirmed(); }
    Status replace(bpf::Object object, const SwapOptions& options);
    void commit(Loaded loaded, std::uint64_t confirm_within_ms);
    void finish_swap();
    void retire_replaced();
    void carry_late_entries(const Loaded& old);
    void restore_previous();
    void collect_counts(Loaded& loaded);
    void keep(Loaded old);
    void finish_drained();
    void drop_unused();

    // flows.cpp
    void enter_host_flows(const Loaded& loaded) const;

    // candidate.cpp
    SharedMaps shared_with_shadow() const;
    Status begin_shadow(const bpf::Object& candidate, const Origin& origin);
    void end_shadow();
    void collect_stand_in(Loaded& loaded, const Program& program);
    void adopt_shadow();
    void drop_adopted_shadow();

    // pinning.cpp
    Status pin(const Loaded& loaded);
    void unpin(std::uint32_t number);
    Status pin_engine();
    void save();

    // upgrade.cpp
    Status replace_older(const bpf::Object& object);
    Status take_place(const bpf::Object& object, const std::optional<OlderEngine>& left);
    Status begin_beside(const bpf::Object& object, const std::optional<OlderEngine>& left);
    std::optional<OlderEngine> read_left() const;
    void add_entries(const std::vector<OlderSet>& sets, const Loaded& to);
    void finish_upgrade();

    // adopt.cpp
    Status adopt(const bpf::Object& object);
    Status adopt_generations();
    std::vector<Generation> read_records(const Sums& sums);
    void undo_interrupted_delivery(std::vector<Generation>& generations);
    void add_taken(const std::vector<Generation>& generations, const Sums& sums);
    std::vector<Loaded> open_programs(std::vector<Generation> generations, const Sums& sums);
    std::vector<Loaded>::iterator find_in_force(std::vector<Loaded>& loaded, const Sums& sums);
    void sort_into_history(std::vector<Loaded> others, const Sums& sums);
    void connect_adopted_sinks();
    void clear_unused_slots();
    Status adopt_attachments();
};

}  // namespace weir::runtime
