// How an engine takes the place of one that it cannot go on with: docs/hot-swap.md, "Upgrades".
// Tested by tests/kernel/upgrade_test.cpp with `older`.
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// One of this version, whose policy in force cannot be known: what it had counted when it saved the sums last.
Result<OlderEngine> read_saved(const Pins& pins) {
    auto memory = SharedBytes::adopt(pins.get("sums"));
    if (!memory) return memory.error();
    auto sums = load_sums(memory->bytes());
    if (!sums) return sums.error();
    OlderEngine left;
    left.generation = sums->in_force;
    left.newest = sums->newest;
    left.auto_rollbacks = sums->auto_rollbacks;
    left.accounts = std::move(sums->accounts);
    left.lost = left.accounts.lose_pending();
    return left;
}

std::string description(const OlderEngine& left) {
    if (left.policy.empty())
        return fmt::format(
            "took the place of a killed engine whose record of generation {} has changed; its counts go on "
            "from when they were last saved, its sets and state terms do not; {} events are lost",
            left.generation, left.lost);
    return fmt::format(
        "took the place of an engine of an older version: policy {}, generation {}; its counts and sets go "
        "on, its state terms and what it could go back to do not; {} events that waited are lost",
        left.policy, left.generation, left.lost);
}

}  // namespace

// What can be read of it; says what cannot.
std::optional<OlderEngine> Engine::State::read_left() const {
    auto version = Root::pinned_version(*older);
    const auto unknown = [&] {
        return Error{fmt::format("its ABI is {}, which this weir cannot read", *version), {}, ENOTSUP};
    };
    auto left = !version                       ? version.error()
                : *version == kAbiOf01         ? read_older(*older)
                : *version == WEIR_ABI_VERSION ? read_saved(*older)
                                               : unknown();
    if (left) return std::move(*left);
    notice(fmt::format("counts and sets of the engine before begin anew: {}", left.error().message));
    return std::nullopt;
}

void Engine::State::add_entries(const std::vector<OlderSet>& sets, const Loaded& to) {
    for (const OlderSet& set : sets) {
        if (set.entries.ends_ns.empty()) continue;
        const int fd = to.program.state().fd(set.identity);
        if (fd < 0) {
            notice(fmt::format("`{}`: {} entries of the older engine are left out, because the policy has no such set",
                               set.identity, set.entries.ends_ns.size()));
            continue;
        }
        const auto refused = add_missing(set.entries, fd, changer);
        if (!refused)
            notice(fmt::format("`{}` lacks entries of the older engine: {}", set.identity, refused.error().message));
        else if (*refused != 0)
            notice(fmt::format("`{}`: {} entries of the older engine have no room", set.identity, *refused));
    }
}

// All that the policy needs, beside the one in force; nothing of it is in force.
Status Engine::State::begin_beside(const bpf::Object& object, const std::optional<OlderEngine>& left) {
    if (Status pinned = pin_engine(); !pinned) return pinned;
    if (left) newest = left->newest;  // generations go on, too
    auto loaded = load(object, options.origin);
    if (!loaded) return loaded.error();
    const bool has_sets = left && !left->policy.empty();
    if (has_sets) add_entries(left->sets, *loaded);
    if (saver && !has_sets) saver->restore(changing_sets(*loaded));
    stored = InForce::permanent(loaded->slot);
    root.store(stored);
    newest = loaded->generation.number;
    active = std::move(*loaded);
    save();
    for (const Interface& row : interfaces.rows())
        for (const std::string& name : {"link-" + row.name, "offload-" + row.name}) {
            const UniqueFd link = older->get(name);
            if (!link) continue;
            if (Status pinned = pins->keep(name, link.get()); !pinned) return pinned;
        }
    return Done{};
}

// From the exchange on, what is pinned under the name is this engine; its links get its root one after another. Killed
// before that, the older one is in force as before; killed later, the next engine does the rest.
Status Engine::State::take_place(const bpf::Object& object, const std::optional<OlderEngine>& left) {
    Status done = begin_beside(object, left);
    if (done) done = pins->exchange(*older);
    if (!done) {
        pins->drop_all();
        return done;
    }
    done = adopt_attachments();
    if (done && object.manifest.reads_vlan)
        if (auto disabled = disable_offloads(); !disabled) done = disabled.error();
    for (Interface& row : interfaces.rows())
        if (!done && row.attachment) row.attachment->leave_attached();
    return done;
}

Status Engine::State::replace_older(const bpf::Object& object) {
    const std::optional<OlderEngine> left = read_left();
    if (Status done = take_place(object, left); !done) return done;
    finish_upgrade();
    verify();
    return Done{};
}

// The links have this engine's root: once the last packet has left the older one's programs, what they have counted and
// put into sets meanwhile is final.
void Engine::State::finish_upgrade() {
    wait_for_packets();
    const std::uint32_t number = pinned_root(*older);
    if (number != 0 && number != replaced_root) {
        if (const auto left = read_left()) {
            accounts.add(left->accounts);
            auto_rollbacks += left->auto_rollbacks;
            add_entries(left->sets, *active);
            notice(description(*left));
        }
        for (const std::string& other : older->names("link-"))
            if (interfaces.named(other) == nullptr)
                notice(fmt::format("{}: detached, because this engine does not name it", other));
        replaced_root = number;
        drop_unused();
        save();
    }
    older->drop_all();
    older.reset();
}

}  // namespace weir::runtime
