// How one policy follows another: docs/hot-swap.md.
#include "runtime/engine/engine_state.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kHistory = 5;  // with the one in force, the next and a candidate: WEIR_SLOTS
static_assert(kHistory + 3 == WEIR_SLOTS);
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::size_t kMaxSourceBytes = 16 << 20;  // six policies of them are held

std::size_t bytes_of(const bpf::Object& object) {
    std::size_t bytes = object.elf.size();
    for (const bpf::TableImage& table : object.tables) bytes += table.bytes.size();
    for (const bpf::MapImage& map : object.maps) bytes += map.keys.size() + map.values.size();
    return bytes;
}

}  // namespace

// Loads a policy and puts it into a free slot. On an error nothing of it stays.
Result<Loaded> Engine::State::load(const bpf::Object& object, const Origin& origin) {
    ProgramOptions program_options;
    program_options.settings.generation = newest + 1;
    program_options.shared.events = reader->ring_fd();
    if (active) program_options.shared.state = &active->program.state();
    auto program = Program::load(object, program_options);
    if (!program) return program.error();
    for (const Interface& interface : interfaces)
        if (Status named = name_interface(*program, object.manifest, interface.name, interface.index); !named)
            return named.error();
    auto generation = make_generation(program_options.settings.generation, object, origin);
    if (!generation) return generation.error();
    auto slot = root.place(program->fd());
    if (!slot) return slot.error();
    if (options.deliver_to_sinks) connect_sinks(*generation, dispatcher);
    Loaded loaded{std::move(*generation), std::move(*program), *slot};
    if (bytes_of(object) <= kMaxSourceBytes) loaded.source = std::make_unique<const bpf::Object>(object);
    if (Status pinned = pin(loaded); !pinned) {
        abandon(loaded);
        return pinned.error();
    }
    return loaded;
}

// A policy that did not come into force: as if it had never been there.
void Engine::State::abandon(Loaded& loaded) {
    unpin_program(loaded.generation.number);
    unpin_record(loaded.generation.number);
    root.clear(loaded.slot);
    if (active) drop_unused();
}

// Puts `loaded` in force. Nothing can fail here.
void Engine::State::commit(Loaded loaded, std::uint64_t confirm_within_ms) {
    InForce before, next;
    do {
        settle();  // the kernel may go back until the very store
        before = root.in_force();
        // What was never confirmed is nothing to go back to: then the policy before it is.
        const std::uint32_t fallback = before.is_unconfirmed() ? before.fallback() : before.slot();
        next =
            confirm_within_ms == 0 ? InForce::permanent(loaded.slot) : InForce::until_deadline(loaded.slot, fallback);
        if (confirm_within_ms != 0) root.set_deadline(monotonic_ns() + confirm_within_ms * kMillisecond_ns);
        const std::uint64_t begin_ns = monotonic_ns();
        if (!root.replace(before, next)) continue;
        last_commit_ns = monotonic_ns() - begin_ns;
        break;
    } while (true);
    newest = loaded.generation.number;
    leaving_for_good = before.is_unconfirmed();
    leaving = std::exchange(*active, std::move(loaded));
    if (Status added = active->program.state().add_first_entries(); !added)
        notice("a set lacks entries of its file: " + added.error().message);
}

// What follows a commit, and need not be waited for by who asked for it: the last packet leaves the old program, whose
// counts are final then.
void Engine::State::retire_replaced() {
    if (!leaving) return;
    wait_for_packets();
    Loaded old = std::move(*leaving);
    leaving.reset();
    collect_final_counts(old);
    if (leaving_for_good)
        retire(std::move(old));
    else
        keep(std::move(old));
    drop_unused();
    save();
}

// All that waits to be done. Where the time of an unconfirmed policy is over, the policy before it is in force again:
// the kernel saw to that with the first packet, or this does.
void Engine::State::settle() {
    retire_replaced();
    if (!active || history.empty() || shadow) return;
    const InForce now = root.in_force();
    if (now.is_unconfirmed()) {
        if (monotonic_ns() < root.deadline_ns()) return;
        root.replace(now, InForce::permanent(now.fallback()));  // or the kernel does, just now: to the same
    } else if (now.slot() == active->slot) {
        return;
    }
    const std::uint32_t number = active->generation.number;
    ++auto_rollbacks;
    restore_previous();
    notice(fmt::format("generation {} was not confirmed in time: generation {} is in force again", number,
                       active->generation.number));
}

// The policy that was in force before is again. User space follows.
void Engine::State::restore_previous() {
    wait_for_packets();
    Loaded old = std::exchange(*active, std::move(history.back()));
    history.pop_back();
    collect_final_counts(old);
    retire(std::move(old));
    accounts.restore(active->left);
    active->left.clear();
    if (options.deliver_to_sinks) connect_sinks(active->generation, dispatcher);
    drop_unused();
    save();
}

// No packet is in the program any more: its counts are final, and its events in the ring.
void Engine::State::collect_final_counts(Loaded& old) {
    Generation& generation = old.generation;
    auto counts = read_counts(old.program, generation.manifest);
    if (!counts) return notice("the counts of the last policy are incomplete: " + counts.error().message);
    const Counts more = since(*counts, old.counted);
    accounts.add(generation.manifest, more);
    std::uint64_t sent = generation.record.elsewhere();
    for (std::size_t i = 0; i < counts->alerts.size(); ++i) {
        const weir_alert_account& alert = counts->alerts[i];
        sent += alert.matched - alert.suppressed - alert.lost;
        for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, more.alerts[i]);
    }
    generation.record.sent() = sent;
    old.counted = std::move(*counts);
}

void Engine::State::keep(Loaded old) {
    old.left = accounts.of_rules_that_leave(old.generation.manifest, active->generation.manifest);
    history.push_back(std::move(old));
    evict_oldest();
}

void Engine::State::evict_oldest() {
    while (history.size() > kHistory) {
        Loaded oldest = std::move(history.front());
        history.pop_front();
        retire(std::move(oldest));
    }
}

void Engine::State::retire(Loaded old) {
    unpin_program(old.generation.number);
    root.clear(old.slot);
    if (old.generation.is_drained())
        done_with.push_back(old.generation.number);
    else
        retired.push_back(std::make_unique<Generation>(std::move(old.generation)));
}

void Engine::State::drop_drained() {
    for (const auto& old : retired)
        if (old->is_drained()) done_with.push_back(old->number);
    const bool some = std::erase_if(retired, [](const auto& old) { return old->is_drained(); }) != 0;
    bool any = some;
    for (const Loaded& old : history) any = any || (old.generation.is_drained() && !old.generation.sinks.empty());
    if (any) drop_unused();
    if (some) save();
}

// A policy that is kept lets its sinks go once its last event has been read: two policies may write to the same file.
void Engine::State::drop_unused() {
    std::vector<SinkId> sinks = active->generation.sinks;
    std::vector<const bpf::Manifest*> manifests;
    const auto need = [&](const Generation& old) {
        sinks.insert(sinks.end(), old.sinks.begin(), old.sinks.end());
        manifests.push_back(&old.manifest);
    };
    for (const auto& old : retired) need(*old);
    for (Loaded& old : history) {
        if (!old.generation.is_drained())
            need(old.generation);
        else
            old.generation.sinks.clear();
    }
    dispatcher.keep_only(sinks);
    accounts.keep_only(active->generation.manifest, manifests, active->program.state().identities());
}

Status Engine::State::replace(const bpf::Object& object, const SwapOptions& with) {
    settle();
    end_shadow();
    auto loaded = load(object, with.origin);
    if (!loaded) return loaded.error();
    if (object.manifest.reads_vlan)
        if (auto shown = show_vlan_tags(); !shown) {
            abandon(*loaded);
            return shown.error();
        }
    commit(std::move(*loaded), with.confirm_within_ms);
    return Done{};
}

Status Engine::swap(const bpf::Object& object, const SwapOptions& options) {
    if (state_->is_detached) return Error{"the policy is detached", "start again", ESHUTDOWN};
    return state_->replace(object, options);
}

Status Engine::confirm() {
    State& s = *state_;
    const std::uint32_t number = s.active->generation.number;
    s.settle();
    const InForce now = s.root.in_force();
    if (now.is_unconfirmed() && s.root.replace(now, InForce::permanent(now.slot()))) return Done{};
    s.settle();
    if (s.active->generation.number != number)
        return Error{fmt::format("too late: generation {} is in force again", s.active->generation.number),
                     "reload once more", ETIMEDOUT};
    return Error{fmt::format("generation {} needs no confirmation", number),
                 "weir reload --confirm-within makes one that does", EINVAL};
}

Status Engine::rollback() {
    State& s = *state_;
    if (s.is_detached) return Error{"the policy is detached", "start again", ESHUTDOWN};
    s.settle();
    s.end_shadow();
    if (s.history.empty())
        return Error{"there is no policy to go back to",
                     fmt::format("generation {} is the first", s.active->generation.number), ENOENT};
    for (;;) {
        const std::uint64_t begin_ns = monotonic_ns();
        if (!s.root.replace(s.root.in_force(), InForce::permanent(s.history.back().slot)))
            continue;  // the kernel went there just now
        s.last_commit_ns = monotonic_ns() - begin_ns;
        break;
    }
    s.restore_previous();
    return Done{};
}

std::optional<std::uint64_t> Engine::confirm_within_ms() const {
    if (!state_->is_unconfirmed()) return std::nullopt;
    const std::uint64_t now = monotonic_ns(), deadline = state_->root.deadline_ns();
    return now >= deadline ? 0 : (deadline - now + kMillisecond_ns - 1) / kMillisecond_ns;
}

}  // namespace weir::runtime
