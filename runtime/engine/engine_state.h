// What an engine is made of. Seen by engine*.cpp alone.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/accounts.h"
#include "runtime/engine/attachment.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/generation.h"
#include "runtime/engine/link_watch.h"
#include "runtime/engine/pins.h"
#include "runtime/engine/shadow.h"
#include "runtime/sinks/dispatcher.h"
#include "runtime/sinks/event_reader.h"
#include "runtime/state/set_saver.h"

namespace weir::runtime {

struct Interface {
    std::string name;
    unsigned index = 0;
    std::uint64_t gone_since_ns = 0;  // CLOCK_MONOTONIC
    std::uint64_t gaps = 0;           // times that it was gone and came back
    std::uint64_t last_gap_ms = 0;    // from when it was seen to be gone until it was attached again
    bool told = false;                // that it cannot be attached
};

// What the folder of an engine's pins has: all of it, or the beginnings of one that was killed while it started.
enum class Left : std::uint8_t { kNothing, kEngine, kDebris };
// An error where it is somebody else's, or of another version.
Result<Left> inspect_pins(const Pins& pins);

struct Engine::State {
    State(EngineOptions given, Root attached, std::vector<Interface> found, LinkWatch watch)
        : options(std::move(given)), interfaces(std::move(found)), root(std::move(attached)), links(std::move(watch)) {}

    EngineOptions options;
    std::vector<Interface> interfaces;
    Dispatcher dispatcher{};
    Accounts accounts{};
    std::unique_ptr<EventReader> reader{};
    UniqueFd ready{};  // epoll of all that wakes poll()
    Root root;
    std::optional<Loaded> active{};
    std::optional<Loaded> leaving{};                     // just replaced: a packet may be in it still
    std::optional<Shadow> shadow{};                      // stands in the policy's place in the root
    bool leaving_for_good = false;                       // it was never confirmed
    std::deque<Loaded> history{};                        // to go back to, the newest last
    std::vector<std::unique_ptr<Generation>> retired{};  // not even that, with events in the ring still
    std::uint32_t newest = 0;  // number of the generation that was last in force for the first time
    std::uint64_t auto_rollbacks = 0;
    std::optional<Pins> pins{};                              // nothing: all ends with this process
    std::vector<std::uint32_t> done_with{};                  // generations whose records may go once that is saved
    std::vector<std::unique_ptr<Attachment>> attachments{};  // first to go
    bool is_detached = false;
    LinkWatch links;
    std::optional<SetSaver> saver{};
    std::uint64_t last_check_ns = 0;
    std::uint64_t last_commit_ns = 0;

    // engine.cpp
    Status wake_by(std::initializer_list<int> fds);
    Status begin(const bpf::Object& object);
    Status attach_all();
    Result<std::vector<Attachment*>> show_vlan_tags();
    void take(const weir_event& record);
    Generation* generation(std::uint32_t number);
    std::string interface_of(unsigned index) const;
    void notice(const std::string& sentence) const;

    // engine_sets.cpp
    std::vector<SavedSet> changing_sets(const Loaded& loaded) const;

    // engine_links.cpp
    Status attach(Interface& interface);
    void follow_interfaces();
    void reattach(Interface& interface);

    // engine_swap.cpp
    void abandon(Loaded& loaded);
    Result<Loaded> load(const bpf::Object& object, const Origin& origin);
    bool is_unconfirmed() const { return root.in_force().is_unconfirmed(); }
    Status replace(const bpf::Object& object, const SwapOptions& options);
    void commit(Loaded loaded, std::uint64_t confirm_within_ms);
    void settle();
    void retire_replaced();
    void restore_previous();
    void collect_final_counts(Loaded& old);
    void keep(Loaded old);
    void evict_oldest();
    void retire(Loaded old);
    void drop_drained();
    void drop_unused();

    // engine_shadow.cpp
    Status begin_shadow(const bpf::Object& candidate, const Origin& origin);
    void end_shadow();
    void count_elsewhere(Loaded& loaded, const Counts& counts);
    Status adopt_shadow();

    // engine_pins.cpp
    Status pin(const Loaded& loaded);
    void unpin_program(std::uint32_t number);
    void unpin_record(std::uint32_t number);
    Status pin_engine();
    void save();
    Status adopt(const bpf::Object& object);
    Status adopt_generations();
    void clear_unused_slots();
    Status adopt_attachments();
};

}  // namespace weir::runtime
