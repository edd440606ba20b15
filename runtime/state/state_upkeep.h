// Looks after the maps that a policy remembers with: counts what they hold, and takes expired entries out of sets. What
// would take long is done in another thread, so that whoever asks for a status need not wait. Belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/state/state_count.h"

namespace weir::runtime {

class StateUpkeep {
public:
    // What a status reads at most: some 5 ms.
    static constexpr std::size_t kCountedAtOnceBytes = 16 << 20;

    using Notice = std::function<void(const std::string&)>;
    explicit StateUpkeep(Notice notice, std::size_t at_once_bytes = kCountedAtOnceBytes);
    ~StateUpkeep();  // waits for the other thread, which stops soon
    StateUpkeep(const StateUpkeep&) = delete;
    StateUpkeep& operator=(const StateUpkeep&) = delete;

    // How much each of `maps` holds: now, as far as that is counted at once; the others as they were counted last in
    // the other thread, which begins again where that is some time ago. Where it has not counted yet: of a set those
    // that have ended, too, of a term nothing.
    Result<std::vector<std::optional<std::uint64_t>>> count(const std::vector<CountedMap>& maps);
    // In the other thread: expired entries are removed, then all is counted. To be called now and then.
    void begin(const std::vector<CountedMap>& maps);

private:
    using Counts = std::unordered_map<std::uint32_t, std::uint64_t>;  // by the kernel's number of the map
    struct Outcome {
        Counts counts{};
        Status done = Done{};  // the last fault
    };
    void collect();

    Notice notice_;
    std::size_t at_once_bytes_;
    std::uint64_t begun_ns_ = 0;
    Counts known_{};
    std::atomic<bool> stop_{false};
    std::future<Outcome> working_{};  // first to go: it reads stop_
};

}  // namespace weir::runtime
