// The hook for packets on their way out: attached before the first policy that judges them is put in force, and as long
// as one in a slot does.
// Tested by tests/kernel/egress_test.cpp with `egress`.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/engine/pin_names.h"
#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {

// Does any policy that is in a slot, or may still be run by a packet, judge packets on their way out?
bool Engine::State::needs_egress() const {
    const auto has = [](const Loaded& one) { return one.program.egress_fd() >= 0; };
    const auto any = [&](const auto& some) { return std::any_of(some.begin(), some.end(), has); };
    return (active && has(*active)) || (replaced && has(*replaced)) || any(history.kept()) || any(history.retired()) ||
           (shadow && shadow->egress_fd() >= 0);
}

// All that `program` needs before it is in a slot. What it does not need in the end, release_egress() takes back.
Status Engine::State::prepare_egress(const Program& program) {
    if (program.egress_fd() < 0) return Done{};
    for (const Interface& row : interfaces.rows()) {
        if (row.index == 0) continue;
        if (Status there = check_egress_hook(row.index); !there) return there;
        break;
    }
    if (Status added = root.add_egress(); !added) return added;
    if (pins && !pins_lost)
        for (const auto& [name, fd] : {std::pair("egress-root", root.program_fd(bpf::Direction::kOut)),
                                       std::pair("egress-slots", root.slots_fd(bpf::Direction::kOut))})
            if (pins->is_missing(name))
                if (Status pinned = pins->keep(name, fd); !pinned) return pinned;
    for (Interface& row : interfaces.rows()) {
        if (row.index == 0 || row.egress) continue;
        if (Status attached = attach_egress(row); !attached) return attached;
    }
    return Done{};
}

Status Engine::State::attach_egress(Interface& row) {
    auto attachment = Attachment::attach(kEgressHook, root, row.name, AttachMode::kAuto, VlanOffload::kUnchanged,
                                         pins ? &*pins : nullptr, options.on_notice);
    if (!attachment) return attachment.error();
    if (Status pinned = attachment->pin(); !pinned && !pins_lost) return pinned;
    if (row.egress) row.egress->release_pin();
    row.egress.reset();
    row.egress.emplace(std::move(*attachment));
    return Done{};
}

void Engine::State::release_egress() {
    if (!root.has_egress() || needs_egress()) return;
    for (Interface& row : interfaces.rows()) row.egress.reset();
}

// As verify_interface(), which sees to the other hook of the interface first.
void Engine::State::verify_egress(Interface& row) {
    if (!root.has_egress() || row.index == 0 || !needs_egress()) return;
    const std::uint32_t program = root.program_id(bpf::Direction::kOut);
    Attachment::Link there;
    if (row.egress) {
        auto link = row.egress->link();
        if (!link) return;
        there = *link;
        if (there.index == row.index && there.program == program) return;
    }
    const bool is_replaced = there.index == row.index;
    const char* problem = !row.egress        ? ""
                          : is_replaced      ? "its link on the egress hook has been given another program"
                          : there.index == 0 ? "its program on the egress hook has been detached"
                                             : "its program on the egress hook is on another interface";
    const Status done = is_replaced ? row.egress->restore(root) : attach_egress(row);
    if (!done) {
        if (row.problem != done.error().message) {
            row.seen_at_ns = realtime_ns();
            notice(fmt::format("{}: {}; trying again each second", row.name, done.error().message));
        }
        row.problem = done.error().message;
        return;
    }
    if (*problem == '\0') return;
    row.seen_at_ns = realtime_ns();
    row.problem = fmt::format("{}; it is back", problem);
    notice(fmt::format("{}: {}", row.name, row.problem));
}

// Nothing where no policy judges packets on their way out.
std::optional<bool> Engine::State::judges_out(const Interface& row) const {
    if (!active || !active->generation.manifest->has_egress()) return std::nullopt;
    if (!row.egress || row.index == 0) return false;
    const auto link = row.egress->link();
    return link && link->index == row.index && link->program == root.program_id(bpf::Direction::kOut);
}

void Engine::State::add_egress_pins(std::vector<std::pair<std::string, int>>& wanted) const {
    if (!root.has_egress()) return;
    wanted.emplace_back("egress-root", root.program_fd(bpf::Direction::kOut));
    wanted.emplace_back("egress-slots", root.slots_fd(bpf::Direction::kOut));
    const auto add = [&](const Loaded& one) {
        if (one.program.egress_fd() >= 0)
            wanted.emplace_back(egress_program_pin(one.generation.number), one.program.egress_fd());
    };
    if (active) add(*active);
    if (replaced) add(*replaced);
    for (const Loaded& old : history.kept()) add(old);
    for (const Loaded& old : history.retired()) add(old);
    if (shadow && shadow->egress_shadowed_fd() >= 0)
        wanted.emplace_back(egress_shadow_pin(active->generation.number), shadow->egress_shadowed_fd());
    for (const Interface& row : interfaces.rows())
        if (row.egress)
            for (auto& pin : row.egress->pins()) wanted.push_back(std::move(pin));
}

}  // namespace weir::runtime
