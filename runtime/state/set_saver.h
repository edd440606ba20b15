// Keeps the sets that change from one engine of a name to the next: writes them down now and then and at the end, and
// puts back what has not ended meanwhile. Belongs to one thread; writes in another.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/status.h"

namespace weir::runtime {

// A set and its table, which stays where its policy goes.
struct SavedSet {
    bpf::SetInfo info;
    UniqueFd table;
};

class SetSaver {
public:
    using Notice = std::function<void(const std::string&)>;
    // `folder`: this engine's alone. `every_ns`: how much a power failure may lose.
    SetSaver(std::string folder, std::uint64_t every_ns, Notice notice);

    // Into tables that no program uses yet. What does not come back is said.
    void restore(const std::vector<SavedSet>& sets);
    // Is it time to look whether something has changed? Then keep() is for now.
    bool is_due();
    // Writes in the background, where there is something new.
    void keep(std::vector<SavedSet> sets);
    // Waits until all is written: nothing changes them any more.
    void keep_last(std::vector<SavedSet> sets);
    SetsFileStatus status();

private:
    // What a look at the sets saw, to know whether they have changed since.
    struct Look {
        std::uint64_t hash = 0;
        std::uint64_t wall_clock_ahead_ns = 0;  // of the monotonic clock
    };
    struct Outcome {
        Status done = Done{};
        Look seen{};
        std::optional<std::uint64_t> entries{};  // nothing: there was nothing new
        std::uint64_t at_ns = 0;                 // CLOCK_REALTIME
        std::uint64_t took_ns = 0;
    };
    static Look look(const std::vector<SavedSet>& sets);
    static Outcome write(const std::string& folder, const std::vector<SavedSet>& sets,
                         const std::optional<Look>& before);
    static Result<std::uint64_t> write_all(const std::string& folder, const std::vector<SavedSet>& sets,
                                           const Look& seen);
    void take(Outcome outcome);
    void collect();

    std::string folder_;
    std::uint64_t every_ns_;
    Notice notice_;
    std::future<Outcome> writing_{};
    std::uint64_t next_ns_ = 0;   // CLOCK_MONOTONIC
    std::optional<Look> kept_{};  // what the file has; nothing: it is not ours, or the last write failed
    SetsFileStatus status_{};
};

}  // namespace weir::runtime
