// How an engine goes on with what a killed one of its name left: docs/hot-swap.md, "When the engine is killed".
// Tested by tests/kernel/adopt_test.cpp with `Engine::start`.
#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "runtime/engine/pin_names.h"
#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// Counts by place fit only a policy of as many rules and alerts.
bool fits(const Counts& counts, const bpf::Manifest& manifest) {
    return (counts.rows.empty() || counts.rows.size() == manifest.rows()) &&
           (counts.alerts.empty() || counts.alerts.size() == manifest.alerts.size());
}

}  // namespace

// An event that the previous engine was counting when it was killed comes once more, and counts once. What only its
// memory had is lost.
void Engine::State::undo_interrupted_delivery(std::vector<Generation>& generations) {
    const auto entry = journal.interrupted(reader->position());
    for (Generation& of : generations) {
        if (entry && of.number == entry->generation && entry->alert < of.record.alerts().size())
            of.record.restore(entry->alert, entry->read, entry->before);
        of.record.lose_held();
    }
}

// All that has a record. Those whose record cannot be used are left out, and their pins removed: the events of theirs
// that wait are lost.
std::vector<Generation> Engine::State::read_records(const Sums& sums) {
    std::vector<Generation> generations;
    for (const std::string& number : pins->names("record-")) {
        const auto value = static_cast<std::uint32_t>(std::strtoul(number.c_str(), nullptr, 10));
        newest = std::max(newest, value);  // no number is used twice: the sums know generations by it
        if (std::find(sums.finished.begin(), sums.finished.end(), value) != sums.finished.end()) {
            history.finish(value);  // killed before it removed the record: the sums have all of it
            continue;
        }
        auto generation = adopt_generation(pins->get("record-" + number));
        if (generation && std::to_string(generation->number) != number)
            generation = Error{"a pinned record is of another generation", {}, EBADMSG};
        if (!generation) {
            notice(fmt::format("generation {} is left out: {}", number, generation.error().message));
            history.finish(value);
            continue;
        }
        if (const auto summed = sums.generations.find(generation->number);
            summed != sums.generations.end() && summed->second.alerts.size() == generation->manifest->alerts.size()) {
            generation->sent = summed->second.sent;
            generation->sent_by_stand_ins = summed->second.sent_by_stand_ins;
        }
        generations.push_back(std::move(*generation));
    }
    return generations;
}

// What user space took of the generations' events since the sums were saved.
void Engine::State::add_taken(const std::vector<Generation>& generations, const Sums& sums) {
    for (const Generation& generation : generations) {
        const auto summed = sums.generations.find(generation.number);
        const auto now = generation.record.alerts();
        for (std::size_t i = 0; i < now.size(); ++i) {
            const bool known = summed != sums.generations.end() && i < summed->second.taken.size();
            const Record::Taken before = known ? summed->second.taken[i] : Record::Taken{};
            accounts.add_taken(
                generation.manifest->alerts[i].name,
                {now[i].delivered - before.delivered, now[i].lost - before.lost, now[i].repeated - before.repeated});
        }
    }
}

// Those of them whose program is pinned, too, by number; the others drain.
std::vector<Loaded> Engine::State::open_programs(std::vector<Generation> generations, const Sums& sums) {
    std::vector<Loaded> loaded;
    for (Generation& generation : generations) {
        UniqueFd pinned = pins->get(program_pin(generation.number));
        if (!pinned) {
            history.drain(std::move(generation));
            continue;
        }
        auto program =
            Program::adopt(std::move(pinned), pins->get(egress_program_pin(generation.number)), generation.state);
        if (program && program->egress_fd() < 0 && generation.manifest->has_egress())
            program = Error{"its program for packets on their way out is not pinned", {}, ENOENT};
        if (program && program->egress_fd() >= 0)
            if (Status added = root.add_egress(); !added) program = added.error();
        if (!program) {
            notice(fmt::format("generation {} is left out: {}", generation.number, program.error().message));
            history.finish(generation.number);
            continue;
        }
        // A program is pinned once it is in a slot: one that is in none was removed by somebody else.
        const auto slot = root.slot_of(program->id());
        auto found = slot ? Result<std::uint32_t>(*slot) : root.place(program->fd(), program->egress_fd());
        if (!found) {
            notice(fmt::format("generation {} is left out: {}", generation.number, found.error().message));
            history.finish(generation.number);
            continue;
        }
        if (!slot) report(fmt::format("generation {} was in no slot; it is back", generation.number));
        Loaded& one = loaded.emplace_back(Loaded{std::move(generation), std::move(*program), *found});
        connect_recorder(one);
        if (const auto summed = sums.generations.find(one.generation.number);
            summed != sums.generations.end() && fits(summed->second.counted, *one.generation.manifest)) {
            one.counted = summed->second.counted;
            one.left = summed->second.left;
            one.stand_in = summed->second.stand_in;
        }
    }
    std::sort(loaded.begin(), loaded.end(),
              [](const Loaded& a, const Loaded& b) { return a.generation.number < b.generation.number; });
    return loaded;
}

// Which of them is in force. While it was compared with a candidate, another program was in its place. Where the root
// names none of them, the one that the sums say was.
std::vector<Loaded>::iterator Engine::State::find_in_force(std::vector<Loaded>& loaded, const Sums& sums) {
    const std::uint32_t slot = root.in_force().slot();
    const auto in_slot =
        std::find_if(loaded.begin(), loaded.end(), [&](const Loaded& one) { return one.slot == slot; });
    if (in_slot != loaded.end()) return in_slot;
    const std::vector<std::string> compared = pins->names("shadow-");
    const auto is_compared = std::find_if(loaded.begin(), loaded.end(), [&](const Loaded& one) {
        return std::find(compared.begin(), compared.end(), std::to_string(one.generation.number)) != compared.end();
    });
    if (is_compared != loaded.end()) return is_compared;
    const auto was = std::find_if(loaded.begin(), loaded.end(),
                                  [&](const Loaded& one) { return one.generation.number == sums.in_force; });
    if (was == loaded.end()) return was;
    stored = InForce::permanent(was->slot);
    root.store(stored);
    report(fmt::format("the root named slot {}, where no policy is; generation {} is in force again", slot,
                       was->generation.number));
    return was;
}

// Puts the policies that are not in force where they belong. An engine may have been killed between a store into the
// root and the sums that follow it: `sums` say what was in force before.
void Engine::State::sort_into_history(std::vector<Loaded> others, const Sums& sums) {
    for (Loaded& old : others) {
        const auto summed = sums.generations.find(old.generation.number);
        const bool was_in_force = old.generation.number == sums.in_force;
        // What is newer was being prepared, was never confirmed, or was gone back from.
        const bool is_kept = old.generation.number < active->generation.number && summed != sums.generations.end() &&
                             (was_in_force ? !sums.is_unconfirmed : summed->second.stage == Stage::kKept);
        if (!is_kept)
            history.retire(std::move(old));
        else if (was_in_force)
            keep(std::move(old));
        else
            history.keep(std::move(old));
    }
}

// Everything that the previous engine had loaded, with its counts.
Status Engine::State::adopt_generations() {
    Sums sums;
    if (auto memory = SharedBytes::adopt(pins->get("sums")); memory) {
        auto loaded = load_sums(memory->bytes());
        if (loaded)
            sums = std::move(*loaded);
        else
            notice(loaded.error().message + ": counts begin at what the programs have");
    }
    accounts = sums.accounts;
    newest = sums.newest;
    auto_rollbacks = sums.auto_rollbacks;
    replaced_root = sums.replaced_root;
    std::vector<Generation> generations = read_records(sums);
    undo_interrupted_delivery(generations);
    add_taken(generations, sums);
    std::vector<Loaded> loaded = open_programs(std::move(generations), sums);
    stored = root.in_force();
    auto now = find_in_force(loaded, sums);
    if (now == loaded.end())
        return Error{fmt::format("{} holds an engine without a policy", pins->folder()),
                     fmt::format("remove it: rm -r {}", pins->folder()), EPROTO};
    for (Loaded& one : loaded) collect_counts(one);
    active = std::move(*now);
    loaded.erase(now);
    sort_into_history(std::move(loaded), sums);
    accounts.restore(active->left);  // where it was gone back to
    active->left.clear();
    if (stored.is_unconfirmed() && (history.empty() || history.kept().back().slot != stored.fallback())) {
        report(fmt::format("generation {} waited to be confirmed, but there is no policy to go back to: it stays",
                           active->generation.number));
        stored = InForce::permanent(active->slot);
        root.store(stored);
    }
    adopt_shadow();
    drop_unused();
    save();
    drop_adopted_shadow();
    clear_unused_slots();
    connect_adopted_sinks();
    return Done{};
}

// A sink's account begins with the events that wait for it in the ring.
void Engine::State::connect_adopted_sinks() {
    if (!options.deliver_to_sinks) return;
    const auto connect = [&](Generation& generation) {
        connect_sinks(generation, dispatcher);
        for (std::size_t i = 0; i < generation.alert_sinks.size(); ++i)
            for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, {generation.waiting(i), 0, 0});
    };
    connect(active->generation);
    for (Loaded& old : history.kept())
        if (!old.generation.is_drained()) connect(old.generation);
    for (const auto& old : history.draining()) connect(*old);
}

// Of an engine that was killed after it had filled a slot and before it had pinned the program, or while it emptied
// one.
void Engine::State::clear_unused_slots() {
    std::uint32_t used = 1u << active->slot;
    for (const Loaded& old : history.kept()) used |= 1u << old.slot;
    for (const Loaded& old : history.retired()) used |= 1u << old.slot;
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot)
        if ((used & 1u << slot) == 0) root.clear(slot);
}

// Takes the links that are there, and attaches where there is none.
Status Engine::State::adopt_attachments() {
    for (Interface& row : interfaces.rows()) {
        if (row.index == 0) {
            row.problem = "the interface was not there when the engine started; the policy waits for it";
            row.seen_at_ns = realtime_ns();
            row.gaps.open(monotonic_ns());
            notice(fmt::format("{}: {}", row.name, row.problem));
            continue;
        }
        if (auto attachment = Attachment::adopt(kXdpHook, root, row.name, row.index, *pins)) {
            interfaces.attach(row, std::move(*attachment));
        } else {
            if (Status named = name_to_all(row, row.index); !named) return named;
            if (Status attached = attach(row); !attached) return attached;
        }
        interfaces.confirm(row, monotonic_ns());
        if (!needs_egress() || row.egress) continue;
        if (auto out = Attachment::adopt(kEgressHook, root, row.name, row.index, *pins))
            row.egress.emplace(std::move(*out));
        else if (Status attached = attach_egress(row); !attached)
            return attached;
    }
    return Done{};
}

Status Engine::State::adopt(const bpf::Object& object) {
    pins->drop_unfinished();
    if (Status adopted = adopt_generations(); !adopted) return adopted;
    const std::uint32_t number = active->generation.number;
    const std::string policy = active->generation.manifest->policy;
    Status done = adopt_attachments();
    if (done && older) finish_upgrade();
    // One that waits to be confirmed is not confirmed because its engine died: what comes now waits in its place.
    finish_swap();
    const std::uint64_t wait_ms =
        is_unconfirmed() ? (root.deadline_ns() - std::min(root.deadline_ns(), monotonic_ns())) / 1'000'000 + 1 : 0;
    if (done) done = replace(object, {options.origin, wait_ms});
    if (!done) {
        for (Interface& row : interfaces.rows())
            for (auto* attachment : {&row.attachment, &row.egress})
                if (*attachment) (*attachment)->leave_attached();
        return done;
    }
    for (const std::string& other : pins->names("link-")) {
        if (interfaces.named(other) != nullptr) continue;
        pins->drop("link-" + other);
        notice(fmt::format("{}: detached, because this engine does not name it", other));
    }
    for (const std::string& other : pins->names("egress-link-"))
        if (const Interface* row = interfaces.named(other); row == nullptr || !row->egress)
            pins->drop("egress-link-" + other);
    notice(fmt::format(
        "went on with what an engine that was killed left in force: policy {}, generation {}; its counts go on", policy,
        number));
    return Done{};
}

}  // namespace weir::runtime
