// What alerts do in tests and replays beside their events: `escalate` and `respond`, for one evaluator, once it has
// judged a packet.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/oracle/flows.h"
#include "compiler/oracle/tls_walks.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/typed_policy.h"
#include "runtime/state/event_windows.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

// A change that a response makes, in the order in which it makes it.
struct Response {
    policy::SetId set{};
    bool adds = true;
    std::vector<policy::SetElement> entry;
    std::uint64_t end_ns = 0;  // of what is added; 0: it stays
};

class Reactions {
public:
    // Has the policy any? `policy` outlives this.
    static bool any(const policy::TypedPolicy& policy);
    explicit Reactions(const policy::TypedPolicy& policy);

    // As if no packet had been there.
    void begin();
    struct Shown {
        std::span<const std::uint8_t> frame;
        std::uint64_t time_ns = 0;
        std::string_view interface{};
        packet::Direction direction = packet::Direction::kIn;
    };
    // Each packet, in order, with what the evaluator says of it: puts `escalated` into it, and returns what its
    // responses change. Observed rules change nothing.
    std::vector<Response> react(const Shown& shown, Judged& judged);

private:
    packet::Packet read(const Shown& shown);
    void enter(const packet::Packet& packet, const Shown& shown, const Judged& judged);
    void escalate(std::uint32_t alert, const packet::Packet& packet, std::uint64_t time_ns, Judged& judged);
    void respond(std::uint32_t alert, const packet::Packet& packet, std::uint64_t time_ns,
                 std::vector<Response>& changes) const;

    const policy::TypedPolicy& policy_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> reached_;  // alert actions, by rule and place
    std::map<std::pair<std::uint32_t, std::uint32_t>, runtime::EventWindows> windows_;  // by alert and escalation
    oracle::TlsWalks tls_walks_;
    oracle::Flows flows_;
};

}  // namespace weir::tooling
