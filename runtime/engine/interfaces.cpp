// Interfaces that go and come back.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/engine/engine_state.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {
constexpr std::uint64_t kRetry_ns = 1'000'000'000;
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
}  // namespace

Status Engine::State::attach(Interface& interface) {
    const VlanTags tags = active->generation.manifest.reads_vlan ? VlanTags::kShown : VlanTags::kAsTheyAre;
    auto attachment =
        Attachment::attach(root, interface.name, options.mode, tags, pins ? &*pins : nullptr, options.on_notice);
    if (!attachment) return attachment.error();
    interface.index = attachment->index();
    attachments.push_back(std::make_unique<Attachment>(std::move(*attachment)));
    return Done{};
}

void Engine::State::follow_interfaces() {
    const std::uint64_t now_ns = monotonic_ns();
    const bool some_gone = attachments.size() != interfaces.size();
    if (!links.step() && !(some_gone && now_ns - last_check_ns >= kRetry_ns)) return;
    last_check_ns = now_ns;
    for (Interface& interface : interfaces) {
        const auto attached = std::find_if(attachments.begin(), attachments.end(),
                                           [&](const auto& one) { return one->interface() == interface.name; });
        if (attached != attachments.end() && (*attached)->is_alive()) continue;
        if (attached != attachments.end()) {
            attachments.erase(attached);
            interface.gone_since_ns = now_ns;
            notice(fmt::format("{}: the interface is gone; the policy waits for it", interface.name));
        }
        reattach(interface);
    }
}

// Attaches where the interface is there again.
void Engine::State::reattach(Interface& interface) {
    auto index = interface_index(interface.name);
    if (!index) return;
    // `iface` conditions first: no packet is to meet a policy that does not know where it is.
    Status done = name_interface(active->program, active->generation.manifest, interface.name, *index);
    for (const Loaded& old : history)
        if (done) done = name_interface(old.program, old.generation.manifest, interface.name, *index);
    if (done && shadow) done = name_interface(shadow->live(), active->generation.manifest, interface.name, *index);
    if (done && shadow)
        done = name_interface(shadow->candidate(), shadow->candidate_object().manifest, interface.name, *index);
    if (done) done = attach(interface);
    if (!done) {
        if (!interface.told)
            notice(fmt::format("{}: {}; trying again each second", interface.name, done.error().message));
        interface.told = true;
        return;
    }
    interface.told = false;
    ++interface.gaps;
    interface.last_gap_ms = (monotonic_ns() - interface.gone_since_ns) / kMillisecond_ns;
    notice(fmt::format("{}: attached again, after {} ms without the policy", interface.name, interface.last_gap_ms));
}

}  // namespace weir::runtime
