// How one policy follows another: docs/hot-swap.md.
// Tested by tests/kernel/swap_test.cpp with `swap`.
#include "runtime/engine/state.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/devices.h"
#include "runtime/kernel.h"
#include "runtime/state/set_entries.h"
#include "runtime/state/tls_walks.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::size_t kMaxSourceBytes = 16 << 20;  // six policies of them are held

bool is_same_map(int fd, int other_fd) {
    bpf_map_info one{}, other{};
    __u32 length = sizeof(one);
    if (bpf_obj_get_info_by_fd(fd, &one, &length) != 0) return false;
    length = sizeof(other);
    return bpf_obj_get_info_by_fd(other_fd, &other, &length) == 0 && one.id == other.id;
}

std::size_t bytes_of(const bpf::Object& object) {
    std::size_t bytes = object.elf.size() + object.egress_elf.size();
    for (const auto* tables : {&object.tables, &object.egress_tables})
        for (const bpf::TableImage& table : *tables) bytes += table.bytes.size();
    for (const bpf::MapImage& map : object.maps) bytes += map.keys.size() + map.values.size();
    return bytes;
}

}  // namespace

ProgramOptions Engine::State::next_program() const {
    ProgramOptions next;
    next.settings.generation = newest + 1;
    next.settings.frames = static_cast<std::uint32_t>(root.frames());
    next.answer_ns = answer_ns(options.reject_limit);
    next.shared.events = reader->ring_fd();
    if (active) share_recorder(*active, next.shared);
    if (active) next.shared.state = &active->program.state();
    if (active) next.shared.generation = active->generation.number;
    return next;
}

Result<Program> Engine::State::load_program(const bpf::Object& object, const ProgramOptions& with) const {
    return options.load ? options.load(object, with) : Program::load(object, with);
}

ProgramOptions Engine::next_program() const { return state_->next_program(); }

// Whether this host lets them deliver.
Status Engine::State::admit_sinks(const bpf::Manifest& manifest) const {
    if (!options.deliver_to_sinks) return Done{};
    if (Status admitted = admit(options.sink_rights, manifest.sinks); !admitted) return admitted;
    return can_keep(manifest.sinks, options.state_folder);
}

// Loads a policy and puts it into a free slot. On an error nothing of it stays.
Result<Loaded> Engine::State::load(bpf::Object object, const Origin& origin) {
    if (Status admitted = admit_sinks(object.manifest); !admitted) return admitted.error();
    const ProgramOptions program_options = next_program();
    auto program = load_program(object, program_options);
    if (!program) return program.error();
    if (Status named = name_interfaces(*program, object.manifest); !named) return named.error();
    if (Status directed = direct(*program, object.manifest); !directed) return directed.error();
    auto generation = make_generation(program_options.settings.generation, object, origin, options.lifetime);
    if (!generation) return generation.error();
    Result<std::uint32_t> slot(0u);
    if (Status prepared = prepare_egress(*program); !prepared)
        slot = prepared.error();
    else
        slot = root.place(program->fd(), program->egress_fd());
    if (!slot) {
        release_egress();
        return slot.error();
    }
    if (options.deliver_to_sinks) connect_sinks(*generation, dispatcher);
    Loaded loaded{std::move(*generation), std::move(*program), *slot};
    connect_recorder(loaded);
    if (!object.elf.empty() && bytes_of(object) <= kMaxSourceBytes)
        loaded.source = std::make_unique<const bpf::Object>(std::move(object));
    if (Status good = check_sinks(loaded.generation); !good) {
        abandon(loaded);
        return good.error();
    }
    if (Status pinned = pin(loaded); !pinned) {
        abandon(loaded);
        return pinned.error();
    }
    return loaded;
}

std::vector<std::string> Engine::State::sink_problems(const Generation& generation) const {
    std::vector<std::string> found;
    for (const SinkId id : generation.sinks)
        if (const SinkStatus sink = dispatcher.status(id); sink.state != "ok")
            found.push_back(fmt::format("sink {}: {}", sink.name, sink.state));
    return found;
}

// Sinks try again with each event: what is wrong with them now may be repaired while the policy is in force.
Status Engine::State::check_sinks(const Generation& generation) const {
    for (const std::string& problem : sink_problems(generation)) {
        if (options.strict_sinks)
            return Error{problem, "--strict-sinks refuses a policy whose sinks cannot deliver", EIO};
        notice("warning: " + problem + "; its events are lost until that is repaired");
    }
    return Done{};
}

// A policy that did not come into force: as if it had never been there.
void Engine::State::abandon(Loaded& loaded) {
    unpin(loaded.generation.number);
    root.clear(loaded.slot);
    if (active) drop_unused();
    release_egress();
}

// Has the kernel gone back, because nobody confirmed in time?
bool Engine::State::went_back(InForce now) const {
    return stored.is_unconfirmed() && now == InForce::permanent(stored.fallback());
}

// Puts `loaded` in force. Nothing can fail here.
void Engine::State::commit(Loaded loaded, std::uint64_t confirm_within_ms) {
    enter_host_flows(loaded);
    for (;;) {
        finish_swap();  // the kernel may go back until the very store
        const InForce before = root.in_force();
        if (went_back(before)) continue;
        // An unconfirmed policy is never a rollback target: the one before it is.
        const std::uint32_t fallback = stored.is_unconfirmed() ? stored.fallback() : active->slot;
        const InForce next =
            confirm_within_ms == 0 ? InForce::permanent(loaded.slot) : InForce::until_deadline(loaded.slot, fallback);
        if (confirm_within_ms != 0) root.set_deadline(monotonic_ns() + confirm_within_ms * kMillisecond_ns);
        const std::uint64_t begin_ns = monotonic_ns();
        if (!root.replace(before, next)) continue;
        last_commit_ns = monotonic_ns() - begin_ns;
        replaced_unconfirmed = stored.is_unconfirmed();
        stored = next;
        break;
    }
    newest = loaded.generation.number;
    replaced = std::exchange(*active, std::move(loaded));
    enter_host_flows(*active);  // connections that opened between
    if (Status added = active->program.state().add_first_entries(); !added)
        notice("a set lacks entries of its file: " + added.error().message);
}

// What follows a commit, and need not be waited for by who asked for it: the last packet leaves the old program, whose
// counts are final then.
void Engine::State::retire_replaced() {
    if (!replaced) return;
    wait_for_packets();
    Loaded old = std::move(*replaced);
    replaced.reset();
    collect_counts(old);
    carry_late_entries(old);
    if (replaced_unconfirmed)
        history.retire(std::move(old));
    else
        keep(std::move(old));
    drop_unused();
    save();
}

// A set whose size changed has a new table, filled when the policy was loaded: what packets added to the old one until
// the last of them left it comes now.
void Engine::State::carry_late_entries(const Loaded& old) {
    const StateMaps &before = old.program.state(), &now = active->program.state();
    for (const bpf::StateMap& shape : now.shapes()) {
        const int from = before.fd(shape.identity), to = now.fd(shape.identity);
        if (!bpf::is_set(shape.kind) || from < 0 || is_same_map(from, to)) continue;
        const bool is_names = shape.kind == bpf::StateKind::kNames;
        auto refused = is_names ? add_missing_names(from, to) : add_missing(from, to, changer);
        if (!refused)
            notice(
                fmt::format("`{}` may lack entries of the policy before: {}", shape.identity, refused.error().message));
        else if (*refused != 0)
            notice(fmt::format("`{}`: {} entries of the policy before have no room", shape.identity, *refused));
    }
}

// All that a commit left to be done. Where the time of an unconfirmed policy has ended, the policy before it is in
// force again: the kernel saw to that with the first packet, or this does.
void Engine::State::finish_swap() {
    retire_replaced();
    if (!active || !stored.is_unconfirmed()) return;
    const InForce now = root.in_force(), back = InForce::permanent(stored.fallback());
    if (now == stored) {
        if (monotonic_ns() < root.deadline_ns()) return;
        root.replace(now, back);  // or the kernel does, just now: to the same
    } else if (now != back) {
        return;  // neither the kernel nor this engine stored that
    }
    stored = back;
    const std::uint32_t number = active->generation.number;
    ++auto_rollbacks;
    restore_previous();
    notice(fmt::format("generation {} was not confirmed in time: generation {} is in force again", number,
                       active->generation.number));
}

// The policy that was in force before is again. User space follows.
void Engine::State::restore_previous() {
    wait_for_packets();
    Loaded old = std::exchange(*active, history.restore());
    collect_counts(old);
    history.retire(std::move(old));
    accounts.restore(active->left);
    active->left.clear();
    if (options.deliver_to_sinks) connect_sinks(active->generation, dispatcher);
    drop_unused();
    save();
}

// What a program has counted since the sums were added to. Its counts are final where no packet is in it any more.
void Engine::State::collect_counts(Loaded& loaded) {
    Generation& generation = loaded.generation;
    auto counts = read_counts(loaded.program, *generation.manifest);
    if (!counts) return notice("the counts of a policy are incomplete: " + counts.error().message);
    const Counts more = since(*counts, loaded.counted);
    accounts.add(*generation.manifest, more);
    for (std::size_t i = 0; i < more.alerts.size(); ++i) {
        for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, more.alerts[i]);
        generation.sent[i] = generation.sent_by_stand_ins[i] + events_sent(counts->alerts[i]);
    }
    loaded.counted = std::move(*counts);
}

void Engine::State::keep(Loaded old) {
    old.left = accounts.of_rules_that_leave(*old.generation.manifest, *active->generation.manifest);
    history.keep(std::move(old));
}

void Engine::State::finish_drained() {
    const bool some = history.finish_drained();
    bool any = some;
    for (const Loaded& old : history.kept())
        any = any || (old.generation.is_drained() && !old.generation.sinks.empty());
    if (any) drop_unused();
    if (some) save();
}

// A policy that is kept closes its sinks once its last event has been read: two policies may write to the same file.
void Engine::State::drop_unused() {
    changer.forget();
    std::vector<SinkId> sinks = active->generation.sinks;
    std::vector<std::string> state = active->program.state().identities();
    state.emplace_back(kTlsWalks);
    for (std::string& identity : answer_identities()) state.push_back(std::move(identity));
    std::vector<const bpf::Manifest*> manifests;
    const auto need = [&](const Generation& old) {
        sinks.insert(sinks.end(), old.sinks.begin(), old.sinks.end());
        manifests.push_back(old.manifest.get());
    };
    for (const auto& old : history.draining()) need(*old);
    for (const Loaded& old : history.retired()) need(old.generation);
    for (Loaded& old : history.kept()) {
        if (old.generation.is_drained()) old.generation.sinks.clear();
        need(old.generation);
        for (std::string& identity : old.program.state().identities()) state.push_back(std::move(identity));
    }
    dispatcher.in_force(active->generation.sinks);
    dispatcher.keep_only(sinks);
    accounts.keep_only(*active->generation.manifest, manifests, state);
    manifests.push_back(active->generation.manifest.get());
    reactions.keep_only(manifests);
}

Status Engine::State::replace(bpf::Object object, const SwapOptions& with) {
    finish_swap();
    verify_pins();
    end_shadow();
    auto loaded = load(std::move(object), with.origin);
    if (!loaded) return loaded.error();
    if (loaded->generation.manifest->reads_vlan)
        if (auto disabled = disable_offloads(); !disabled) {
            abandon(*loaded);
            return disabled.error();
        }
    warn_of_lost_answers(*loaded->generation.manifest);
    commit(std::move(*loaded), with.confirm_within_ms);
    verify();
    return Done{};
}

Status Engine::swap(bpf::Object object, const SwapOptions& options) {
    if (state_->is_detached) return Error{"the policy is detached", "start again", ESHUTDOWN};
    return state_->replace(std::move(object), options);
}

Status Engine::confirm() {
    State& s = *state_;
    const std::uint32_t number = s.active->generation.number;
    s.finish_swap();
    if (const InForce confirmed = InForce::permanent(s.active->slot);
        s.stored.is_unconfirmed() && s.root.replace(s.stored, confirmed)) {
        s.stored = confirmed;
        s.save();  // from now on it is a policy to go back to
        return Done{};
    }
    s.finish_swap();
    if (s.active->generation.number != number)
        return Error{fmt::format("too late: generation {} is in force again", s.active->generation.number),
                     "reload once more", ETIMEDOUT};
    return Error{fmt::format("generation {} needs no confirmation", number),
                 "weir reload --confirm-within makes one that does", EINVAL};
}

Status Engine::rollback() {
    State& s = *state_;
    if (s.is_detached) return Error{"the policy is detached", "start again", ESHUTDOWN};
    s.finish_swap();
    s.end_shadow();
    if (s.history.empty())
        return Error{"there is no policy to go back to",
                     fmt::format("generation {} is the first", s.active->generation.number), ENOENT};
    const InForce previous = InForce::permanent(s.history.kept().back().slot);
    const std::uint64_t begin_ns = monotonic_ns();
    s.root.store(previous);  // where the kernel goes back just now, it goes there, too
    s.last_commit_ns = monotonic_ns() - begin_ns;
    s.stored = previous;
    s.restore_previous();
    return Done{};
}

std::optional<std::uint64_t> Engine::confirm_within_ms() const {
    if (!state_->stored.is_unconfirmed() || !state_->is_unconfirmed()) return std::nullopt;
    const std::uint64_t now = monotonic_ns(), deadline = state_->root.deadline_ns();
    return now >= deadline ? 0 : (deadline - now + kMillisecond_ns - 1) / kMillisecond_ns;
}

}  // namespace weir::runtime
