// Hands events to a sink, as its worker does.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "runtime/sinks/sink.h"
#include "tests/unit/runtime/packed.h"

// Events with one manifest, numbered from 0 by their positions and, in their messages, by `suppressed`.
class Events {
public:
    explicit Events(std::size_t count, std::size_t first = 0) {
        manifest_.alerts[0].message = {std::string("number "), weir::MessageWord::kSuppressed};
        for (std::size_t i = 0; i < count; ++i) {
            auto record = a_record();
            record.event.suppressed = 1'000'000 + first + i;
            events_.push_back(packed(manifest_, record));
            events_.back().position = first + i;
        }
        for (const auto& event : events_) pointers_.push_back(&event);
    }
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    weir::bpf::Manifest& manifest() { return manifest_; }
    const weir::runtime::PackedEvent& operator[](std::size_t i) const { return events_[i]; }
    weir::runtime::Batch batch(std::size_t first = 0) const {
        return weir::runtime::Batch(std::span(pointers_).subspan(first));
    }

private:
    weir::bpf::Manifest manifest_ = a_manifest();
    std::vector<weir::runtime::PackedEvent> events_{};
    std::vector<const weir::runtime::PackedEvent*> pointers_{};
};

struct Settled {
    std::size_t delivered = 0, lost = 0, left = 0;
    std::string reason{};  // of those lost, the last one
};

// What became of them after one call.
inline Settled deliver(weir::runtime::Sink& sink, weir::runtime::Batch batch) {
    sink.deliver(batch);
    Settled settled;
    settled.left = batch.size();
    for (const char* outcome : batch.outcomes()) {
        ++(outcome == nullptr ? settled.delivered : settled.lost);
        if (outcome != nullptr) settled.reason = outcome;
    }
    return settled;
}
