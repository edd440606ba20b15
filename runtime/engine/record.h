// What user space took of a generation's events, in memory that outlives this process where it is pinned.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/shared_bytes.h"

namespace weir::runtime {

class Record {
public:
    // Of an alert.
    struct Taken {
        std::uint64_t delivered = 0;
        std::uint64_t lost = 0;
        // Events that were handed to sinks once more, because the engine was killed while it delivered them. They
        // count once above.
        std::uint64_t repeated = 0;
        // Events that are in this process's memory only, because a sink has not taken them for long: lost where it
        // ends.
        std::uint64_t held = 0;
    };
    enum class Outcome : std::uint8_t { kDelivered, kLost };

    // `rest`: what adopt() reads back.
    static Result<Record> create(std::uint32_t generation, std::size_t alerts, const std::vector<std::uint8_t>& rest,
                                 Lifetime lifetime);
    // An error where any byte of it is not as create() wrote it, but for the counts.
    static Result<Record> adopt(UniqueFd map);

    int fd() const { return memory_.fd(); }
    std::uint32_t generation() const { return head().generation; }
    std::span<const Taken> alerts() const { return taken(); }
    std::uint64_t read() const { return head().read; }  // events taken from the ring
    // One more event has been read, and its sinks are done with it.
    void count(std::uint32_t alert, Outcome outcome);
    // One that a killed engine may have handed to sinks is about to be handed to them.
    void repeat(std::uint32_t alert);
    // One more has been read, and is held; later its sinks are done with it.
    void hold(std::uint32_t alert);
    void release(std::uint32_t alert, Outcome outcome);
    bool holds() const;
    // Those that the previous process held.
    void lose_held();
    // As they were before an event of `alert` was read, which comes again.
    void restore(std::uint32_t alert, std::uint64_t read, const Taken& before);
    std::span<const std::uint8_t> rest() const;

private:
    struct Head {
        std::uint32_t version;  // of this layout
        std::uint32_t generation;
        std::uint32_t alerts;
        std::uint32_t unused;
        std::uint64_t rest_bytes;
        std::uint64_t checksum;  // of what stands before it, and of the rest
        std::uint64_t read;
    };
    static constexpr std::uint32_t kVersion = 3;
    explicit Record(SharedBytes memory) : memory_(std::move(memory)) {}
    static std::uint64_t checksum_of(const Head& head, std::span<const std::uint8_t> rest);
    Head& head() const { return *reinterpret_cast<Head*>(memory_.bytes().data()); }
    std::span<Taken> taken() const;

    SharedBytes memory_;
};

}  // namespace weir::runtime
