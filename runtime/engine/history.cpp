// Tested by tests/unit/runtime/history_test.cpp.
#include "runtime/engine/history.h"

#include <algorithm>
#include <utility>

#include "grammar/base/check.h"

namespace weir::runtime {

static_assert(History::kPolicies + 3 == WEIR_SLOTS);

bool History::holds(std::uint32_t generation) const {
    const auto is_it = [&](const Loaded& old) { return old.generation.number == generation; };
    return std::any_of(kept_.begin(), kept_.end(), is_it) || std::any_of(retired_.begin(), retired_.end(), is_it) ||
           std::any_of(draining_.begin(), draining_.end(), [&](const auto& old) { return old->number == generation; });
}

void History::check_slots() const {
    std::uint32_t taken = 0;
    const auto take = [&](const Loaded& old) {
        WEIR_CHECK(old.slot < WEIR_SLOTS && (taken & 1u << old.slot) == 0);
        taken |= 1u << old.slot;
    };
    for (const Loaded& old : kept_) take(old);
    for (const Loaded& old : retired_) take(old);
}

void History::keep(Loaded old) {
    WEIR_CHECK(!holds(old.generation.number));
    WEIR_CHECK(kept_.empty() || kept_.back().generation.number < old.generation.number);
    kept_.push_back(std::move(old));
    while (kept_.size() > kPolicies) {
        Loaded oldest = std::move(kept_.front());
        kept_.pop_front();
        retire(std::move(oldest));
    }
    check_slots();
}

Loaded History::restore() {
    WEIR_CHECK(!kept_.empty());
    Loaded newest = std::move(kept_.back());
    kept_.pop_back();
    return newest;
}

void History::retire(Loaded old) {
    WEIR_CHECK(!holds(old.generation.number));
    retired_.push_back(std::move(old));
    check_slots();
}

std::vector<Loaded> History::take_retired() { return std::exchange(retired_, {}); }

void History::drain(Generation old) {
    WEIR_CHECK(!holds(old.number));
    if (old.is_drained())
        finished_.push_back(old.number);
    else
        draining_.push_back(std::make_unique<Generation>(std::move(old)));
}

bool History::finish_drained() {
    for (const auto& old : draining_)
        if (old->is_drained()) finished_.push_back(old->number);
    return std::erase_if(draining_, [](const auto& old) { return old->is_drained(); }) != 0;
}

std::vector<std::uint32_t> History::take_finished() { return std::exchange(finished_, {}); }

Generation* History::find(std::uint32_t generation) {
    for (Loaded& old : kept_)
        if (old.generation.number == generation) return &old.generation;
    for (Loaded& old : retired_)
        if (old.generation.number == generation) return &old.generation;
    for (const auto& old : draining_)
        if (old->number == generation) return old.get();
    return nullptr;
}

}  // namespace weir::runtime
