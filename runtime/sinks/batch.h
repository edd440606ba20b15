// Events that a sink gets at once, and what became of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sinks/end_signal.h"
#include "runtime/sinks/packed_event.h"

namespace weir::runtime {

// A line that waited in a spool.
struct SpooledLine {
    std::string id{};    // event_id()
    std::string text{};  // as EVE, without newline
};

class Batch {
public:
    // Both outlive the batch. `end`: null where nothing ends it.
    Batch(std::span<const PackedEvent* const> events, const EndSignal* end = nullptr);
    Batch(std::span<const SpooledLine> lines, const EndSignal* end = nullptr);

    // Events that are not settled yet; what follows counts from the first of them.
    std::size_t size() const { return all() - outcomes_.size(); }
    // Null where it comes from a spool.
    const PackedEvent* event(std::size_t i) const { return lines_.empty() ? events_[outcomes_.size() + i] : nullptr; }
    // As EVE, without newline; made when it is first asked for.
    std::string_view line(std::size_t i);
    // event_id().
    std::string_view id(std::size_t i);

    // Settles the next `count` of them.
    void delivered(std::size_t count);
    // Likewise. `reason`: a literal of few words, as `weir status` shows it: "refused", "no space".
    void lost(const char* reason, std::size_t count);
    // What is left is tried again, not before that; 0, as it begins: after a time that doubles.
    void retry_after(std::uint32_t ms) { retry_after_ms_ = ms; }

    // The engine ends: what is not settled soon is lost, or stays in the spool.
    bool is_ending() const { return end_ != nullptr && end_->is_set(); }
    int wake_fd() const { return end_ == nullptr ? -1 : end_->fd(); }  // readable once is_ending()

    // For the worker: of the settled ones in order, null where it was delivered, else the reason.
    std::span<const char* const> outcomes() const { return outcomes_; }
    std::uint32_t retry_after_ms() const { return retry_after_ms_; }

private:
    struct Made {
        std::string id{}, line{};
    };
    std::size_t all() const { return lines_.empty() ? events_.size() : lines_.size(); }
    Made& made(std::size_t i);

    std::span<const PackedEvent* const> events_{};
    std::span<const SpooledLine> lines_{};
    const EndSignal* end_;
    std::vector<const char*> outcomes_{};
    std::vector<Made> made_{};  // by event; empty where no line was asked for
    std::uint32_t retry_after_ms_ = 0;
};

}  // namespace weir::runtime
