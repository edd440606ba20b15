// Delivers events. The one virtual base of the project.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sinks/batch.h"
#include "runtime/status.h"

namespace weir::runtime {

// All of it is called by one thread, the sink's worker: nobody else waits for what it does.
class Sink {
public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    // Settles events of the batch from the first on. Those that it leaves come again, after a time that doubles from
    // 100 ms to 30 s (Batch::retry_after() says another). May wait for its peer, but ends within a second once
    // batch.is_ending().
    virtual void deliver(Batch& batch) = 0;
    // For weir check --sinks: the same for one event that says it is a test, without waiting for others.
    virtual void probe(Batch& batch) { deliver(batch); }
    // Opens what it writes to, so that state() says before the first event what is wrong. Does not wait for a peer.
    virtual void prepare() {}
    // Opens anew what was renamed or removed meanwhile (SIGHUP).
    virtual void reopen() {}
    // What a model says of events, as EVE without newline. Only sinks whose lines are EVE take it; it has no account.
    virtual void note(std::string_view) {}
    // "ok", or what is wrong, as a sentence.
    virtual std::string state() const = 0;

    // Events that it takes at once, at most; and how long the first of them may wait for more of them.
    virtual std::size_t batch_size() const { return 1024; }
    virtual std::uint32_t gather_ms() const { return 0; }
    // Where it keeps events on disk: what became of them there.
    virtual std::optional<SpoolStatus> spool() const { return std::nullopt; }
};

}  // namespace weir::runtime
