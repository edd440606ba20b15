// Held by tests/cli/live_test.py (sets).
// Tested by tests/cli/live_case.py with `"set"`.
#include "service/set_commands.h"

#include <algorithm>

namespace weir::service {
namespace {

// A set that is not there and a value that is none are the asker's fault; what the kernel refuses is the world's.
Refusal refuse(Exit status, const Error& error) { return {status, error.message, error.help}; }

// All that are wrong, so that who sent many can repair them at once.
Refusal wrong_values(const runtime::LiveSet& set, const std::vector<std::string>& values) {
    Refusal refusal{kUsage, {}, {}};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const Status good = set.check({values[i]});
        if (good) continue;
        if (refusal.values.empty()) {
            refusal.error = good.error().message;
            refusal.help = good.error().help;
        }
        refusal.values.push_back({i, good.error().message});
    }
    return refusal;
}

Refusal no_set(const runtime::Engine& engine, const std::string& name, const Error& error) {
    const bool is_there = std::any_of(engine.sets().begin(), engine.sets().end(),
                                      [&](const bpf::SetInfo& set) { return set.name == name && set.dynamic; });
    return refuse(is_there ? kWorldFault : kUsage, error);
}

}  // namespace

Reply carry_out(const runtime::Engine& engine, const ListSetCommand& command) {
    auto set = engine.set(command.set);
    if (!set) return no_set(engine, command.set, set.error());
    const std::uint64_t most = command.most.value_or(SIZE_MAX - 1);
    auto entries = set->list(most + 1);
    if (!entries) return refuse(kWorldFault, entries.error());
    SetEntriesReply reply{std::move(*entries)};
    reply.more = reply.entries.size() > most;
    if (reply.more) reply.entries.resize(most);
    return reply;
}

Reply carry_out(const runtime::Engine& engine, const AddToSetCommand& command) {
    auto set = engine.set(command.set);
    if (!set) return no_set(engine, command.set, set.error());
    if (Refusal wrong = wrong_values(*set, command.values); !wrong.values.empty()) return wrong;
    if (command.check_only) return SetAddedReply{};
    auto added = set->add(command.values, command.for_ns);
    if (!added) return refuse(kWorldFault, added.error());
    return SetAddedReply{added->added, added->refused};
}

Reply carry_out(const runtime::Engine& engine, const RemoveFromSetCommand& command) {
    auto set = engine.set(command.set);
    if (!set) return no_set(engine, command.set, set.error());
    if (Refusal wrong = wrong_values(*set, command.values); !wrong.values.empty()) return wrong;
    if (command.check_only) return SetRemovedReply{};
    auto removed = set->remove(command.values);
    if (!removed) return refuse(kWorldFault, removed.error());
    return SetRemovedReply{*removed};
}

}  // namespace weir::service
