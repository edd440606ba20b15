// What an engine pins, and how the next one of its name goes on with it: docs/hot-swap.md, "When the engine is killed".
#include <algorithm>
#include <cerrno>
#include <map>

#include <fmt/format.h>

#include "runtime/engine/engine_state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

std::string program_pin(std::uint32_t number) { return fmt::format("program-{}", number); }
std::string record_pin(std::uint32_t number) { return fmt::format("record-{}", number); }

bool is_ours(std::string_view name) {
    constexpr std::string_view kNames[] = {"root", "slots", "word", "events", "sums"};
    constexpr std::string_view kPrefixes[] = {"program-", "record-", "link-", "offload-", "shadow-"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
           std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// What the sums have of a generation.
struct Counted {
    Counts counts;
    std::vector<Record::Taken> taken;
};

void save_counted(ByteWriter& out, const Generation& generation, const Counts& counted) {
    const auto taken = generation.record.alerts();
    out.put(generation.number);
    out.put(counted.rows);
    out.put(counted.alerts);
    save_state_accounts(out, counted.state);
    out.put(std::vector<Record::Taken>(taken.begin(), taken.end()));
}

struct Saved {
    std::uint32_t newest = 0;
    std::uint64_t auto_rollbacks = 0;
    std::map<std::uint32_t, Counted> counted;
};

// Sums go into `accounts`. Where an engine was killed before it saved anything there are none.
Saved load_saved(const Pins& pins, Accounts& accounts) {
    Saved saved;
    auto memory = SharedBytes::adopt(pins.get("sums"));
    if (!memory) return saved;
    ByteReader in(memory->bytes());
    saved.newest = in.get<std::uint32_t>();
    saved.auto_rollbacks = in.get<std::uint64_t>();
    accounts.load(in);
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        Counted& counted = saved.counted[in.get<std::uint32_t>()];
        counted.counts.rows = in.list<weir_counter>();
        counted.counts.alerts = in.list<weir_alert_account>();
        counted.counts.state = load_state_accounts(in);
        counted.taken = in.list<Record::Taken>();
    }
    return saved;
}

// Adds to the sums what user space took of the generation's events since they were saved.
void add_taken(Accounts& accounts, const Generation& generation, const std::vector<Record::Taken>& before) {
    const auto now = generation.record.alerts();
    for (std::size_t i = 0; i < now.size(); ++i) {
        const Record::Taken was = i < before.size() ? before[i] : Record::Taken{};
        accounts.add_taken(generation.manifest.alerts[i].name, now[i].delivered - was.delivered,
                           now[i].lost - was.lost);
    }
}

}  // namespace

Result<Left> inspect_pins(const Pins& pins) {
    const std::vector<std::string> names = pins.names("");
    if (names.empty()) return Left::kNothing;
    const std::string remove = fmt::format("what is pinned there ends with: rm -r {}", pins.folder());
    std::string foreign;
    for (const std::string& name : names)
        if (!is_ours(name)) foreign += (foreign.empty() ? "" : ", ") + name;
    if (!foreign.empty())
        return Error{fmt::format("{} holds pins that are not an engine's: {}", pins.folder(), foreign),
                     "choose another name: --name NAME; or " + remove, EEXIST};
    if (std::find(names.begin(), names.end(), "word") == names.end()) return Left::kDebris;
    auto version = Root::pinned_version(pins);
    if (!version) return Error{version.error().message, remove, version.error().number};
    if (*version != WEIR_ABI_VERSION)
        return Error{
            fmt::format("{} holds an engine of ABI {}; this weir knows {}", pins.folder(), *version, WEIR_ABI_VERSION),
            "go on with the weir that left it, or detach it: " + remove, EPROTO};
    return pins.names("link-").empty() ? Left::kDebris : Left::kEngine;
}

// The version first: from then on what is there says what it is.
Status Engine::State::pin_engine() {
    if (!pins) return Done{};
    if (Status pinned = root.pin(*pins); !pinned) return pinned;
    return pins->keep("events", reader->ring_fd());
}

Status Engine::State::pin(const Loaded& loaded) {
    if (!pins) return Done{};
    if (Status pinned = pins->keep(record_pin(loaded.generation.number), loaded.generation.record.fd()); !pinned)
        return pinned;
    return pins->keep(program_pin(loaded.generation.number), loaded.program.fd());
}

void Engine::State::unpin_program(std::uint32_t number) {
    if (pins) pins->drop(program_pin(number));
}
void Engine::State::unpin_record(std::uint32_t number) {
    if (pins) pins->drop(record_pin(number));
}

// The sums, and what they have of each generation, in one piece: an engine that is killed before it gets here leaves
// sums and counters that belong together, too.
void Engine::State::save() {
    if (pins) {
        ByteWriter out;
        out.put(newest);
        out.put(auto_rollbacks);
        accounts.save(out);
        out.put(std::uint64_t{1 + history.size() + retired.size()});
        save_counted(out, active->generation, active->counted);
        for (const Loaded& old : history) save_counted(out, old.generation, old.counted);
        for (const auto& old : retired) save_counted(out, *old, {});
        auto memory = SharedBytes::create("weir_sums", out.bytes());
        Status pinned = memory ? pins->keep("sums", memory->fd()) : memory.error();
        if (!pinned) notice("the counts would not outlive this process: " + pinned.error().message);
    }
    for (const std::uint32_t number : done_with) unpin_record(number);
    done_with.clear();
}

// Everything that the engine before this one had loaded, with its counts.
Status Engine::State::adopt_generations() {
    const Saved saved = load_saved(*pins, accounts);
    std::vector<Loaded> found;
    newest = saved.newest;
    auto_rollbacks = saved.auto_rollbacks;
    for (const std::string& number : pins->names("record-")) {
        auto generation = adopt_generation(pins->get("record-" + number));
        if (!generation) return generation.error();
        newest = std::max(newest, generation->number);
        const auto before = saved.counted.find(generation->number);
        const bool known = before != saved.counted.end();
        add_taken(accounts, *generation, known ? before->second.taken : std::vector<Record::Taken>{});
        UniqueFd pinned = pins->get(program_pin(generation->number));
        if (!pinned) {
            if (generation->is_drained())
                done_with.push_back(generation->number);
            else
                retired.push_back(std::make_unique<Generation>(std::move(*generation)));
            continue;
        }
        auto program = Program::adopt(std::move(pinned), generation->state);
        if (!program) return program.error();
        const auto slot = root.slot_of(program->id());
        if (!slot) {  // its engine was killed while it prepared this one, or let it go
            unpin_program(generation->number);
            done_with.push_back(generation->number);
            continue;
        }
        found.push_back({std::move(*generation), std::move(*program), *slot});
        if (known) found.back().counted = before->second.counts;
    }
    std::sort(found.begin(), found.end(),
              [](const Loaded& a, const Loaded& b) { return a.generation.number < b.generation.number; });
    const std::uint32_t in_force = root.in_force().slot();
    // While it was compared with a candidate, the policy in force stood behind another program.
    const std::vector<std::string> compared = pins->names("shadow-");
    const auto is_in_force = [&](const Loaded& loaded) { return loaded.slot == in_force; };
    auto now = std::find_if(found.begin(), found.end(), is_in_force);
    if (now == found.end())
        now = std::find_if(found.begin(), found.end(), [&](const Loaded& loaded) {
            return std::find(compared.begin(), compared.end(), std::to_string(loaded.generation.number)) !=
                   compared.end();
        });
    if (now == found.end())
        return Error{fmt::format("{} holds an engine without a policy", pins->folder()),
                     fmt::format("remove it: rm -r {}", pins->folder()), EPROTO};
    for (Loaded& loaded : found) collect_final_counts(loaded);
    active = std::move(*now);
    // What is newer than the policy in force was being prepared, or was never confirmed.
    for (auto old = found.begin(); old != found.end(); ++old) {
        if (old < now)
            history.push_back(std::move(*old));
        else if (old > now)
            retire(std::move(*old));
    }
    if (Status ended = adopt_shadow(); !ended) return ended;
    evict_oldest();
    clear_unused_slots();
    if (options.deliver_to_sinks) {
        connect_sinks(active->generation, dispatcher);
        for (Loaded& old : history)
            if (!old.generation.is_drained()) connect_sinks(old.generation, dispatcher);
        for (const auto& old : retired) connect_sinks(*old, dispatcher);
    }
    drop_unused();
    save();
    return Done{};
}

// Of an engine that was killed after it had filled a slot and before it had pinned the program, or while it emptied
// one.
void Engine::State::clear_unused_slots() {
    for (std::uint32_t slot = 0; slot < WEIR_SLOTS; ++slot)
        if (slot != active->slot &&
            std::none_of(history.begin(), history.end(), [&](const Loaded& old) { return old.slot == slot; }))
            root.clear(slot);
}

// Takes the links that are there, and attaches where there is none.
Status Engine::State::adopt_attachments() {
    for (Interface& interface : interfaces) {
        if (auto attachment = Attachment::adopt(root, interface.name, interface.index, *pins)) {
            attachments.push_back(std::make_unique<Attachment>(std::move(*attachment)));
            continue;
        }
        if (Status named =
                name_interface(active->program, active->generation.manifest, interface.name, interface.index);
            !named)
            return named;
        if (Status attached = attach(interface); !attached) return attached;
    }
    return Done{};
}

Status Engine::State::adopt(const bpf::Object& object) {
    if (Status adopted = adopt_generations(); !adopted) return adopted;
    const std::uint32_t number = active->generation.number;
    const std::string policy = active->generation.manifest.policy;
    Status done = adopt_attachments();
    // One that waits to be confirmed is not confirmed because its engine died: what comes now waits in its place.
    settle();
    const std::uint64_t wait_ms =
        is_unconfirmed() ? (root.deadline_ns() - std::min(root.deadline_ns(), monotonic_ns())) / 1'000'000 + 1 : 0;
    if (done) done = replace(object, {options.origin, wait_ms});
    if (!done) {
        for (const auto& attachment : attachments) attachment->leave();
        return done;
    }
    for (const std::string& other : pins->names("link-")) {
        const bool wanted = std::any_of(interfaces.begin(), interfaces.end(),
                                        [&](const Interface& interface) { return interface.name == other; });
        if (wanted) continue;
        pins->drop("link-" + other);
        notice(fmt::format("{}: detached, because this engine is not to be there", other));
    }
    notice(fmt::format(
        "went on with what an engine that was killed left in force: policy {}, generation {}; its counts go on", policy,
        number));
    return Done{};
}

}  // namespace weir::runtime
