// What an engine pins: docs/hot-swap.md, "When the engine is killed".
// Tested by tests/kernel/adopt_test.cpp with `pin`.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/pin_names.h"
#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

bool is_ours(std::string_view name) {
    constexpr std::string_view kNames[] = {"root", "slots", "word", "events", "sums", "journal"};
    constexpr std::string_view kPrefixes[] = {"program-", "record-",  "link-",  "offload-",
                                              "shadow-",  "merging-", "egress-"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
           std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Without the record of the policy in force nobody knows what its rules are called. Which one it is:
// Engine::State::find_in_force().
bool knows_policy_in_force(const Pins& pins) {
    auto root = Root::adopt(pins);
    if (!root) return false;
    std::string saved;
    if (auto memory = SharedBytes::adopt(pins.get("sums")))
        if (auto sums = load_sums(memory->bytes())) saved = std::to_string(sums->in_force);
    const std::uint32_t in_slot = root->program_in(root->in_force().slot());
    for (const std::string& number : pins.names("record-")) {
        const UniqueFd program = pins.get("program-" + number);
        if (!program || !adopt_generation(pins.get("record-" + number))) continue;
        if (number == saved || !pins.is_missing("shadow-" + number) || program_id(program.get()) == in_slot)
            return true;
    }
    return false;
}

}  // namespace

std::string program_pin(std::uint32_t generation) { return fmt::format("program-{}", generation); }
std::string record_pin(std::uint32_t generation) { return fmt::format("record-{}", generation); }
std::string shadow_pin(std::uint32_t generation) { return fmt::format("shadow-{}", generation); }
std::string egress_program_pin(std::uint32_t generation) { return fmt::format("egress-program-{}", generation); }
std::string egress_shadow_pin(std::uint32_t generation) { return fmt::format("egress-shadow-{}", generation); }

Result<Pinned> inspect_pins(const Pins& pins) {
    const std::vector<std::string> names = pins.names("");
    if (names.empty()) return Pinned::kNothing;
    const std::string remove = fmt::format("what is pinned there ends with: rm -r {}", pins.folder());
    std::string foreign;
    for (const std::string& name : names)
        if (!is_ours(name)) foreign += (foreign.empty() ? "" : ", ") + name;
    if (!foreign.empty())
        return Error{fmt::format("{} holds pins that weir did not create: {}", pins.folder(), foreign),
                     "choose another name: --name NAME; or " + remove, EEXIST};
    if (std::find(names.begin(), names.end(), "word") == names.end()) return Pinned::kIncomplete;
    auto version = Root::pinned_version(pins);
    if (!version) return Error{version.error().message, remove, version.error().number};
    if (pins.names("link-").empty()) return Pinned::kIncomplete;
    return *version == WEIR_ABI_VERSION && knows_policy_in_force(pins) ? Pinned::kEngine : Pinned::kUnusable;
}

// The version is in the word, which root.pin() pins: from then on what is there says what it is.
Status Engine::State::pin_engine() {
    if (!pins) return Done{};
    if (Status pinned = root.pin(*pins); !pinned) return pinned;
    if (Status pinned = pins->keep("journal", journal.fd()); !pinned) return pinned;
    return pins->keep("events", reader->ring_fd());
}

Status Engine::State::pin(const Loaded& loaded) {
    if (!pins || pins_lost) return Done{};
    const std::uint32_t number = loaded.generation.number;
    if (Status pinned = pins->keep(record_pin(number), loaded.generation.record.fd()); !pinned) return pinned;
    if (loaded.program.egress_fd() >= 0)
        if (Status pinned = pins->keep(egress_program_pin(number), loaded.program.egress_fd()); !pinned) return pinned;
    return pins->keep(program_pin(number), loaded.program.fd());
}

void Engine::State::unpin(std::uint32_t number) {
    if (!pins) return;
    pins->drop(program_pin(number));
    pins->drop(egress_program_pin(number));
    pins->drop(record_pin(number));
}

// Saves the sums, and what they have of each generation, in one piece. An engine that is killed before it gets here
// leaves sums and counters that belong together, too: whatever ended since the last time is freed only now.
void Engine::State::save() {
    if (pins && !pins_lost) {
        SumsWriter out({newest, auto_rollbacks, active->generation.number, stored.is_unconfirmed(), replaced_root},
                       accounts, history.finished());
        out.add(*active, Stage::kInForce);
        for (const Loaded& old : history.kept()) out.add(old, Stage::kKept);
        for (const Loaded& old : history.retired()) out.add(old, Stage::kRetired);
        for (const auto& old : history.draining()) out.add(*old);
        auto memory = SharedBytes::create("weir_sums", out.bytes(), Lifetime::kPinned);
        Status pinned = memory ? pins->keep("sums", memory->fd()) : memory.error();
        if (!pinned) return notice("the counts would not outlive this process: " + pinned.error().message);
    }
    for (Loaded& old : history.take_retired()) {
        if (pins) pins->drop(program_pin(old.generation.number));
        if (pins) pins->drop(egress_program_pin(old.generation.number));
        root.clear(old.slot);
        history.drain(std::move(old.generation));
    }
    for (const std::uint32_t number : history.take_finished()) unpin(number);
    release_egress();
}

}  // namespace weir::runtime
