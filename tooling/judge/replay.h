// A whole capture through a policy.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/base/result.h"
#include "grammar/value.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/evaluators.h"

namespace weir::tooling {

struct ReplayedPacket {
    std::uint64_t number = 0;  // from 1
    const CapturedFrame& frame;
    packet::Direction direction = packet::Direction::kIn;
    const Evaluators::Answer& answer;
    bool is_compared = true;  // Evaluators::compares()
};
// Where packets were met, as far as the capture does not say.
struct ReplayWhere {
    std::string_view interface{};   // the one that all packets came in on; empty: as the capture says
    std::vector<IpPrefix> local{};  // the host's own addresses: what they send is on its way out. Empty: all come in
};
// As the capture says; else whether one of `local` sent it. ARP comes in.
packet::Direction direction_of(const CapturedFrame& frame, const std::vector<IpPrefix>& local);

// From empty state, with the capture's time stamps as the clock. `facts`: the capture's, read beforehand; where the
// kernel does not take one of the frames, the capture is judged without it. Calls `take` with each packet, in order;
// its error ends it.
Status replay(Capture& capture, const CaptureFacts& facts, Evaluators& evaluators,
              const std::function<Status(const ReplayedPacket&)>& take, const ReplayWhere& where = {});

// The counters that the capture would have left. Vectors are by rule and by alert.
class ReplayCounts {
public:
    explicit ReplayCounts(const policy::TypedPolicy& policy)
        : matched(policy.rules.size()), decided(policy.rules.size()), alerts(policy.alerts.size()) {}
    void add(const ReplayedPacket& packet);

    std::uint64_t packets = 0, bytes = 0, by_default = 0, by_malformed = 0, by_egress = 0, outgoing = 0;
    std::vector<std::uint64_t> matched, decided, alerts;
    std::uint64_t verdicts[4] = {};  // enum weir_verdict
    std::uint64_t differences = 0;   // packets on which evaluators differ
    std::uint64_t escalated = 0;     // copies that went to another sink
    std::uint64_t not_compared = 0;  // packets that came when answers could not be compared (any more)
};

}  // namespace weir::tooling
