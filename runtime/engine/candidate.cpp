// A candidate beside the policy in force: docs/hot-swap.md, "Shadow".
// Tested by tests/kernel/shadow_test.cpp with `shadow`.
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/devices.h"
#include "runtime/engine/pin_names.h"
#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {

SharedMaps Engine::State::shared_with_shadow() const {
    SharedMaps shared{reader->ring_fd(), &active->program.state(), active->generation.number};
    share_recorder(*active, shared);
    return shared;
}

Engine::ShadowPrograms Engine::shadow_programs() const {
    const State& s = *state_;
    const std::uint32_t number = s.active->generation.number;
    ProgramOptions live = Shadow::live_options(number, s.shared_with_shadow(), s.root.frames());
    live.answer_ns = answer_ns(s.options.reject_limit);
    return {s.stored.is_unconfirmed() ? nullptr : s.active->source.get(), live,
            Shadow::candidate_options(number, s.active->program.state().flows(), s.root.frames())};
}

// The policy in force's own program counts nothing while the other one stands in for it.
Status Engine::State::begin_shadow(const bpf::Object& candidate, const Origin& origin) {
    finish_swap();
    if (stored.is_unconfirmed())
        return Error{"the policy in force waits to be confirmed", "weir confirm, then compare", EBUSY};
    if (!active->source)
        return Error{"the policy in force is too large, or the previous engine loaded it: it cannot be loaded twice",
                     "weir reload, then compare", ENOTSUP};
    if (Status admitted = admit_sinks(candidate.manifest); !admitted) return admitted;
    end_shadow();
    auto loaded = Shadow::load(*active->source, active->generation.number, shared_with_shadow(), candidate, origin,
                               root.frames(), [this](const bpf::Object& object, ProgramOptions with) {
                                   if (with.settings.only_tells == 0) with.answer_ns = answer_ns(options.reject_limit);
                                   return load_program(object, with);
                               });
    if (!loaded) return loaded.error();
    if (Status directed = direct(loaded->live(), *active->generation.manifest); !directed) return directed;
    if (Status named = name_interfaces(loaded->live(), *active->generation.manifest); !named) return named;
    if (Status named = name_interfaces(loaded->candidate(), candidate.manifest); !named) return named;
    if (pins && !pins_lost)
        if (Status pinned = pins->keep(shadow_pin(active->generation.number), loaded->shadowed_fd()); !pinned)
            return pinned;
    const std::string egress_pin = egress_shadow_pin(active->generation.number);
    Status prepared = prepare_egress(loaded->live());
    if (prepared) prepared = prepare_egress(loaded->candidate());
    if (prepared && pins && !pins_lost && loaded->egress_shadowed_fd() >= 0)
        prepared = pins->keep(egress_pin, loaded->egress_shadowed_fd());
    auto slot = prepared ? root.place(loaded->program_fd(), loaded->egress_fd()) : prepared.error();
    if (!slot) {
        if (pins) pins->drop(shadow_pin(active->generation.number));
        if (pins) pins->drop(egress_pin);
        release_egress();
        return slot.error();
    }
    loaded->slot = *slot;
    shadow = std::move(*loaded);
    stored = InForce::permanent(*slot);
    root.store(stored);
    return Done{};
}

// The policy in force goes on by itself; what the other program counted in its place is added.
void Engine::State::end_shadow() {
    if (!shadow) return;
    stored = InForce::permanent(active->slot);
    root.store(stored);
    wait_for_packets();
    shadow->take_samples(options.on_disagreement);
    collect_stand_in(*active, shadow->live());
    save();
    root.clear(shadow->slot);
    if (pins) pins->drop(shadow_pin(active->generation.number));
    if (pins) pins->drop(egress_shadow_pin(active->generation.number));
    active->stand_in.reset();
    shadow.reset();
    release_egress();
}

// What a program that stood in for the policy's own has counted. The sums say that they have it, until its pin has been
// removed.
void Engine::State::collect_stand_in(Loaded& loaded, const Program& program) {
    Generation& generation = loaded.generation;
    auto counts = read_counts(program, *generation.manifest);
    if (!counts) return notice("the counts of the comparison are incomplete: " + counts.error().message);
    const bool is_known = loaded.stand_in && loaded.stand_in->program == program.id();
    const Counts more = is_known ? since(*counts, loaded.stand_in->counted) : *counts;
    accounts.add(*generation.manifest, more);
    for (std::size_t i = 0; i < more.alerts.size(); ++i) {
        for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, more.alerts[i]);
        generation.sent_by_stand_ins[i] += events_sent(more.alerts[i]);
        generation.sent[i] += events_sent(more.alerts[i]);
    }
    loaded.stand_in = StandIn{program.id(), std::move(*counts)};
}

// The previous engine was killed while it compared: the policy in force goes on by itself.
void Engine::State::adopt_shadow() {
    for (const std::string& number : pins->names("shadow-")) {
        const UniqueFd shadowed = pins->get("shadow-" + number);
        stored = InForce::permanent(active->slot);
        root.store(stored);
        wait_for_packets();
        const UniqueFd egress = pins->get("egress-shadow-" + number);
        auto program = shadowed_policy(shadowed.get(), egress ? egress.get() : -1, active->generation.state);
        if (program && number == std::to_string(active->generation.number)) collect_stand_in(*active, *program);
        notice("a comparison with a candidate ended with the engine that was killed");
    }
}

void Engine::State::drop_adopted_shadow() {
    for (const char* prefix : {"shadow-", "egress-shadow-"})
        for (const std::string& number : pins->names(prefix)) pins->drop(prefix + number);
    active->stand_in.reset();
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
    bpf::Object object = s.shadow->candidate_object();
    const Origin origin = s.shadow->origin();
    return s.replace(std::move(object), {origin, 0});
}

void Engine::end_shadow() { state_->end_shadow(); }

}  // namespace weir::runtime
