// Policies that were in force before the present one, and what is kept of each until nothing needs it any more.
//
//   kept      loaded and in a slot: rollback() goes back to the newest
//   retired   its counts are in the sums, but these sums are not saved yet. Program and slot stay: the engine that
//             goes on after a kill finds sums without those counts, and reads them once more
//   draining  the program has ended, but events of it wait in the ring
//   finished  nothing of it waits; its record may be removed once sums that say so are saved
//
// Invariants:
//   - a generation is in one of these, once;
//   - at most kPolicies are kept, and their numbers rise from the oldest to the newest;
//   - kept and retired policies have slots of their own;
//   - a generation that drains has events to come, when it gets here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/engine/generation.h"

namespace weir::runtime {

class History {
public:
    static constexpr std::size_t kPolicies = 5;  // with the one in force, the next and a candidate: WEIR_SLOTS

    // As the newest to go back to; the oldest is retired where there are too many then.
    void keep(Loaded old);
    bool empty() const { return kept_.empty(); }
    std::deque<Loaded>& kept() { return kept_; }  // the oldest first
    const std::deque<Loaded>& kept() const { return kept_; }
    // The newest, to be in force again.
    Loaded restore();

    // It is no policy to go back to. Its counts must be in the sums.
    void retire(Loaded old);
    const std::vector<Loaded>& retired() const { return retired_; }
    // Once sums with their counts are saved: the caller frees program and slot, and drains the generation.
    std::vector<Loaded> take_retired();

    // Until its last event has been read; finished at once where none waits.
    void drain(Generation old);
    const std::vector<std::unique_ptr<Generation>>& draining() const { return draining_; }
    // Finishes those whose last event has been read. Returns whether there were any.
    bool finish_drained();

    const std::vector<std::uint32_t>& finished() const { return finished_; }
    // Once sums that name them are saved: the numbers of those whose records go.
    std::vector<std::uint32_t> take_finished();
    void finish(std::uint32_t generation) { finished_.push_back(generation); }

    // Null where it is none of those that events can be of.
    Generation* find(std::uint32_t generation);

private:
    bool holds(std::uint32_t generation) const;
    void check_slots() const;

    std::deque<Loaded> kept_;
    std::vector<Loaded> retired_;
    std::vector<std::unique_ptr<Generation>> draining_;  // events refer to them: they stay where they are
    std::vector<std::uint32_t> finished_;
};

}  // namespace weir::runtime
