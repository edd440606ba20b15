// A candidate beside the policy in force: docs/hot-swap.md, "Shadow".
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/engine_state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {
std::string shadow_pin(std::uint32_t generation) { return fmt::format("shadow-{}", generation); }
}  // namespace

// The policy in force's own program counts nothing while the other one stands in for it.
Status Engine::State::begin_shadow(const bpf::Object& candidate, const Origin& origin) {
    settle();
    if (is_unconfirmed())
        return Error{"the policy in force waits to be confirmed", "weir confirm, then compare", EBUSY};
    if (!active->source)
        return Error{
            "the policy in force is too large, or an engine before this one loaded it: there is no second one of it",
            "weir reload, then compare", ENOTSUP};
    end_shadow();
    auto loaded = Shadow::load(*active->source, active->generation.number,
                               {reader->ring_fd(), &active->program.state()}, candidate, origin);
    if (!loaded) return loaded.error();
    for (const Interface& interface : interfaces) {
        if (Status named = name_interface(loaded->live(), active->generation.manifest, interface.name, interface.index);
            !named)
            return named;
        if (Status named = name_interface(loaded->candidate(), candidate.manifest, interface.name, interface.index);
            !named)
            return named;
    }
    if (pins)
        if (Status pinned = pins->keep(shadow_pin(active->generation.number), loaded->shadowed_fd()); !pinned)
            return pinned;
    auto slot = root.place(loaded->program_fd());
    if (!slot) {
        if (pins) pins->drop(shadow_pin(active->generation.number));
        return slot.error();
    }
    loaded->slot = *slot;
    shadow = std::move(*loaded);
    root.replace(root.in_force(), InForce::permanent(*slot));
    return Done{};
}

// The policy in force goes on by itself; what the other one counted in its place is added.
void Engine::State::end_shadow() {
    if (!shadow) return;
    root.replace(root.in_force(), InForce::permanent(active->slot));
    wait_for_packets();
    shadow->take_samples(options.on_disagreement);
    auto counts = read_counts(shadow->live(), active->generation.manifest);
    if (counts)
        count_elsewhere(*active, *counts);
    else
        notice("the counts of the comparison are incomplete: " + counts.error().message);
    root.clear(shadow->slot);
    if (pins) pins->drop(shadow_pin(active->generation.number));
    shadow.reset();
    save();
}

// What a program that stood in for the policy's own has counted.
void Engine::State::count_elsewhere(Loaded& loaded, const Counts& counts) {
    Generation& generation = loaded.generation;
    accounts.add(generation.manifest, counts);
    for (std::size_t i = 0; i < counts.alerts.size(); ++i) {
        const weir_alert_account& alert = counts.alerts[i];
        generation.record.elsewhere() += alert.matched - alert.suppressed - alert.lost;
        for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, alert);
    }
}

// An engine was killed while it compared: the policy in force goes on by itself.
Status Engine::State::adopt_shadow() {
    for (const std::string& number : pins->names("shadow-")) {
        UniqueFd shadowed = pins->get("shadow-" + number);
        const bool is_active = number == std::to_string(active->generation.number);
        auto program = shadowed_policy(shadowed.get(), active->generation.state);
        root.replace(root.in_force(), InForce::permanent(active->slot));
        wait_for_packets();
        if (program && is_active) {
            auto counts = read_counts(*program, active->generation.manifest);
            if (counts) count_elsewhere(*active, *counts);
        }
        pins->drop("shadow-" + number);
        notice("a comparison with a candidate ended with the engine that was killed");
    }
    return Done{};
}

Status Engine::shadow(const bpf::Object& candidate, const Origin& origin) {
    if (state_->is_detached) return Error{"the policy is detached", "start again", ESHUTDOWN};
    return state_->begin_shadow(candidate, origin);
}

Status Engine::promote(std::optional<std::uint64_t> if_under) {
    State& s = *state_;
    if (!s.shadow)
        return Error{"no candidate runs beside the policy in force", "weir reload --shadow FILE begins that", ENOENT};
    auto status = s.shadow->status();
    if (!status) return status.error();
    if (if_under && status->disagreements >= *if_under)
        return Error{fmt::format("{} disagreements in {} packets: not under {}", status->disagreements, status->packets,
                                 *if_under),
                     "weir status says which rules; the policy in force stays", EDOM};
    const bpf::Object object = s.shadow->candidate_object();
    const Origin origin = s.shadow->origin();
    return s.replace(object, {origin, 0});
}

void Engine::end_shadow() { state_->end_shadow(); }

}  // namespace weir::runtime
