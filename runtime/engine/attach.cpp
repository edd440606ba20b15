// How the root gets onto interfaces, and back onto those that come back.
// Tested by tests/kernel/attach_test.cpp with `attach`.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/engine/state.h"
#include "runtime/kernel.h"

namespace weir::runtime {

Status Engine::State::attach(Interface& row) {
    const VlanOffload offload = active->generation.manifest->reads_vlan ? VlanOffload::kOff : VlanOffload::kUnchanged;
    auto attachment = Attachment::attach(kXdpHook, root, row.name, mode_for(row), offload, pins ? &*pins : nullptr,
                                         options.on_notice);
    if (!attachment) return attachment.error();
    if (Status pinned = attachment->pin(); !pinned && !pins_lost) return pinned;
    interfaces.attach(row, std::move(*attachment));
    if (row.egress && row.egress->index() == row.index) return Done{};
    return needs_egress() ? attach_egress(row) : Status(Done{});
}

Status Engine::State::attach_all() {
    for (Interface& row : interfaces.rows())
        if (Status attached = attach(row); !attached)
            return attached;
        else
            interfaces.confirm(row, monotonic_ns());
    return Done{};
}

// Returns the attachments that this changed; on an error none is.
Result<std::vector<Attachment*>> Engine::State::disable_offloads() {
    std::vector<Attachment*> changed;
    for (Interface& row : interfaces.rows()) {
        if (!row.attachment) continue;
        auto disabled = row.attachment->disable_offload(options.on_notice);
        if (!disabled) {
            for (Attachment* undone : changed) undone->restore_offload();
            return disabled.error();
        }
        if (*disabled) changed.push_back(&*row.attachment);
    }
    return changed;
}

Status Engine::State::name_interfaces(const Program& program, const bpf::Manifest& manifest) const {
    for (const Interface& row : interfaces.rows()) {
        if (row.index == 0) continue;
        if (Status named = name_interface(program, manifest, row.name, row.index); !named) return named;
    }
    return Done{};
}

// Gives the number of an interface to every policy that may be in force there.
Status Engine::State::name_to_all(const Interface& row, unsigned index) const {
    Status done = name_interface(active->program, *active->generation.manifest, row.name, index);
    for (const Loaded& old : history.kept())
        if (done) done = name_interface(old.program, *old.generation.manifest, row.name, index);
    if (done && shadow) done = name_interface(shadow->live(), *active->generation.manifest, row.name, index);
    if (done && shadow)
        done = name_interface(shadow->candidate(), shadow->candidate_object().manifest, row.name, index);
    return done;
}

}  // namespace weir::runtime
