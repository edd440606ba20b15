// What the kernel has is compared with what this engine left there, repaired where that is ours to do, and reported:
// other programs can rename, move and detach, and write into maps.
// Tested by tests/kernel/verify_test.cpp with `problem`.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/engine/pin_names.h"
#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr std::uint64_t kPeriod_ns = 1'000'000'000;  // what no message announces is noticed within this
constexpr std::size_t kProblems = 8;                 // that status() shows

// "; attached again" and the like: of what has been repaired.
std::string repaired(const std::string& problem, const std::string& how) { return problem + "; " + how; }

}  // namespace

void Engine::State::report(const std::string& problem) {
    notice(problem);
    problems.push_back({problem, rfc3339(realtime_ns())});
    if (problems.size() > kProblems) problems.pop_front();
}

// Where rtnetlink has something to say, and each second.
void Engine::State::verify_if_due() {
    const bool announced = links.step();
    if (!announced && monotonic_ns() - last_check_ns < kPeriod_ns) return;
    verify();
}

void Engine::State::verify() {
    last_check_ns = monotonic_ns();
    verify_root();
    for (Interface& row : interfaces.rows()) {
        verify_interface(row);
        verify_egress(row);
    }
    direct_all();
    count_driver_losses();
    verify_pins();
}

// The word and the slots: the root passes all packets where they name no program.
void Engine::State::verify_root() {
    if (!active) return;
    const InForce now = root.in_force();
    if (now != stored && !went_back(now) && root.replace(now, stored))
        report(
            fmt::format("the root's active word was {:#x}, which this engine did not store; generation {} is in "
                        "force again",
                        now.word, active->generation.number));
    root.restore_version();
    const auto verify_slot = [&](bpf::Direction direction, std::uint32_t slot, int program_fd, std::uint32_t program,
                                 const std::string& what) {
        const std::uint32_t there = root.program_in(slot, direction);
        if (there == program) return;
        const Status restored = root.restore(slot, program_fd, direction);
        const char* which = direction == bpf::Direction::kOut ? "egress slot" : "slot";
        const std::string problem =
            program == 0 ? fmt::format("{} {} had program {}, where {} has none", which, slot, there, what)
            : there == 0 ? fmt::format("{} {} was empty, where {} belongs", which, slot, what)
                         : fmt::format("{} {} had program {}, where {} belongs", which, slot, there, what);
        report(repaired(problem, restored ? "it is back" : restored.error().message));
    };
    const auto verify_loaded = [&](const Loaded& loaded) {
        const std::string what = fmt::format("generation {}", loaded.generation.number);
        verify_slot(bpf::Direction::kIn, loaded.slot, loaded.program.fd(), loaded.program.id(), what);
        if (root.has_egress())
            verify_slot(bpf::Direction::kOut, loaded.slot, loaded.program.egress_fd(), loaded.program.egress_id(),
                        what);
    };
    verify_loaded(*active);
    for (const Loaded& old : history.kept()) verify_loaded(old);
    if (!shadow) return;
    verify_slot(bpf::Direction::kIn, shadow->slot, shadow->program_fd(), program_id(shadow->program_fd()),
                "the comparison");
    if (shadow->egress_fd() >= 0)
        verify_slot(bpf::Direction::kOut, shadow->slot, shadow->egress_fd(), program_id(shadow->egress_fd()),
                    "the comparison");
    if (const auto lost = shadow->restore_programs(); !lost.empty())
        report(repaired(fmt::format("the comparison was without {}", lost), "it is back"));
}

// What the kernel has of an interface; nothing where it cannot be asked, which says nothing about the interface.
std::optional<Observed> Engine::State::observe(const Interface& row) const {
    Observed seen;
    auto index = interface_index(row.name);
    if (!index && index.error().number != ENODEV) return std::nullopt;
    seen.index = index ? *index : 0;
    if (seen.index != 0) {
        auto on = kXdpHook.query(seen.index);
        if (!on) return std::nullopt;
        seen.has_root = std::find(on->programs.begin(), on->programs.end(), root.program_id()) != on->programs.end();
    }
    if (!row.attachment) return seen;
    seen.attached_index = row.attachment->index();
    auto link = row.attachment->link();
    if (!link) return std::nullopt;
    seen.link_index = link->index;
    seen.has_root_in_link = link->program == root.program_id();
    if (link->index != 0 && link->index != seen.index) {
        auto on = kXdpHook.query(link->index);
        const bool is_here =
            on && std::find(on->programs.begin(), on->programs.end(), link->program) != on->programs.end();
        if (is_here) seen.link_interface = printable(interface_name(link->index));
    }
    return seen;
}

void Engine::State::verify_interface(Interface& row) {
    const auto seen = observe(row);
    if (!seen) return;
    const std::uint64_t now_ns = monotonic_ns();
    const Finding found = examine(row.attachment.has_value(), *seen);
    verify_mtu(row);
    if (found.repair == Repair::kNone) return confirm(row);
    if (row.is_attached && !found.problem.empty()) {
        row.problem = found.problem;
        row.seen_at_ns = realtime_ns();
        notice(fmt::format("{}: {}", row.name, found.problem));
    }
    row.is_attached = false;
    if (found.repair == Repair::kForget) interfaces.forget(row);
    // Packets of an interface that is not there are nobody's; else the policy may have missed some since it was seen.
    const bool is_there = found.repair == Repair::kUpdateLink || found.repair == Repair::kAttach;
    row.gaps.open(is_there && row.last_attached_ns != 0 ? row.last_attached_ns : now_ns);
    if (is_there) repair(row, found.repair, seen->index);
}

// What programs take was decided when the engine started.
void Engine::State::verify_mtu(Interface& row) {
    if (root.frames() == FrameBuffers::kSeveral) return;
    const auto mtu = mtu_of_several_buffers(row.name, options.mode);
    if (mtu && !row.is_too_large) report(too_large(*mtu));
    row.is_too_large = mtu.has_value();
}

// It is attached, as it should be.
void Engine::State::confirm(Interface& row) {
    const bool was_missed = row.gaps.is_open();
    interfaces.confirm(row, monotonic_ns());
    if (!was_missed) return;
    const std::string again = fmt::format("attached again, after {} ms without the policy", row.gaps.last_ms());
    row.problem = row.problem.empty() ? again : repaired(row.problem, again);
    notice(fmt::format("{}: {}", row.name, again));
}

void Engine::State::repair(Interface& row, Repair how, unsigned index) {
    Status done = Done{};
    if (how == Repair::kUpdateLink) {
        done = row.attachment->restore(root);
    } else {
        // `iface` conditions first: no packet may meet a policy that does not know where it is.
        done = name_to_all(row, index);
        if (done) done = attach(row);
    }
    if (!done) {
        if (!row.failure_reported)
            notice(fmt::format("{}: {}; trying again each second", row.name, done.error().message));
        if (!row.failure_reported || row.problem != done.error().message) row.seen_at_ns = realtime_ns();
        row.failure_reported = true;
        row.problem = done.error().message;
        return;
    }
    row.failure_reported = false;
    confirm(row);
}

// The pins, which a later engine goes on with.
void Engine::State::verify_pins() {
    if (!pins) return;
    const Pins::Place place = pins->place();
    if (place == Pins::Place::kNoFileSystem) {
        if (!pins_lost)
            report(
                fmt::format("no BPF file system has {} any more: the policy ends with this process, even "
                            "where that is killed",
                            pins->folder()));
        pins_lost = true;
        return;
    }
    const bool was_lost = std::exchange(pins_lost, false);
    Status done = place == Pins::Place::kRemoved ? pins->make_again() : Done{};
    std::string missing;
    for (const auto& [name, fd] : wanted_pins()) {
        if (!done) break;
        if (!pins->is_missing(name)) continue;
        missing += (missing.empty() ? "" : ", ") + name;
        done = pins->keep(name, fd);
    }
    if (done && (was_lost || pins->is_missing("sums"))) {
        missing += (missing.empty() ? "" : ", ") + std::string("sums");
        save();
    }
    if (!done) {
        if (!was_lost) report(fmt::format("pins were removed, and cannot be made again: {}", done.error().message));
        pins_lost = true;
        return;
    }
    if (!missing.empty()) report(fmt::format("pins were removed from {}: {}; they are back", pins->folder(), missing));
}

std::vector<std::pair<std::string, int>> Engine::State::wanted_pins() const {
    std::vector<std::pair<std::string, int>> wanted = {{"root", root.program_fd()},
                                                       {"slots", root.slots_fd()},
                                                       {"journal", journal.fd()},
                                                       {"events", reader->ring_fd()}};
    const auto add_record = [&](const Generation& generation) {
        wanted.emplace_back(record_pin(generation.number), generation.record.fd());
    };
    const auto add_loaded = [&](const Loaded& loaded) {
        add_record(loaded.generation);
        wanted.emplace_back(program_pin(loaded.generation.number), loaded.program.fd());
    };
    if (active) add_loaded(*active);
    if (replaced) add_loaded(*replaced);
    for (const Loaded& old : history.kept()) add_loaded(old);
    for (const Loaded& old : history.retired()) add_loaded(old);
    for (const auto& old : history.draining()) add_record(*old);
    if (shadow) wanted.emplace_back(shadow_pin(active->generation.number), shadow->shadowed_fd());
    for (const Interface& row : interfaces.rows())
        if (row.attachment)
            for (auto& pin : row.attachment->pins()) wanted.push_back(std::move(pin));
    add_egress_pins(wanted);
    wanted.emplace_back("word", root.word_fd());  // the last: it says that the others are there
    return wanted;
}

}  // namespace weir::runtime
