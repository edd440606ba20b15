// Tested by tests/unit/tooling/import_test.cpp with `add_states`.
#include "tooling/import/states.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace weir::tooling::imports {
namespace {

struct State {
    std::string_view word;
    unsigned bit;
    std::string_view name;  // of its let; empty: it cannot be said
    std::string_view said;
    std::string_view reason;  // what of it is missing; empty: nothing
};

// nf_conntrack: a flow is NEW until its other side has been seen, then ESTABLISHED. Of TCP a SYN or a lone ACK begins
// one (nf_conntrack_tcp_loose), of ICMP a request; all else that belongs to no flow is INVALID.
constexpr State kStates[] = {
    {"new", 1, "state_new",
     "flow.is_from_client and not flow.established and (not flow.is_new or tcp.flags & 0x17 in { 0x02, 0x10 } or "
     "icmp.type == echo_request or icmp6.type == echo_request or not (tcp or icmp or icmp6))",
     ""},
    {"established", 2, "state_established", "flow.established or flow.is_from_client == false", ""},
    {"related", 4, "", "",
     "RELATED cannot be said: ICMP errors about a known flow, and connections that a helper expects, are not "
     "recognised"},
    {"invalid", 8, "state_invalid",
     "flow.is_new and (tcp.flags & 0x17 not in { 0x02, 0x10 } or icmp.type == echo_reply or icmp6.type == echo_reply)",
     "INVALID is said of packets of no flow that cannot begin one; wrong numbers, windows and checksums are not seen"},
    {"untracked", 16, "", "", "UNTRACKED cannot be said: flows do not know what is not tracked"},
};

}  // namespace

unsigned state_bit(std::string_view word) {
    std::string low(word);
    std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const State& state : kStates)
        if (state.word == low) return state.bit;
    return 0;
}

void add_states(unsigned bits, Condition& when, Ruleset& ruleset) {
    std::vector<std::string> said, missing;
    for (const State& state : kStates) {
        if ((bits & state.bit) == 0) continue;
        if (!state.name.empty()) said.emplace_back(state.name);
        if (!state.reason.empty()) missing.emplace_back(state.reason);
    }
    if (said.empty()) {
        when.unsaid.insert(when.unsaid.end(), missing.begin(), missing.end());
        return;
    }
    ruleset.states |= bits;
    when.narrowed.insert(when.narrowed.end(), missing.begin(), missing.end());
    when.add(said.size() == 1 ? said.front() : fmt::format("({})", fmt::join(said, " or ")),
             static_cast<std::uint32_t>(10 * said.size()));
}

std::string state_lets(unsigned bits, const std::set<std::string, std::less<>>& used) {
    std::string text;
    for (const State& state : kStates)
        if ((bits & state.bit) != 0 && used.contains(state.name))
            text += fmt::format("let {} = {}\n", state.name, state.said);
    return text;
}

void reserve_states(Names& value_names) {
    for (const State& state : kStates)
        if (!state.name.empty()) value_names.make(state.name);
}

}  // namespace weir::tooling::imports
