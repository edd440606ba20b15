// Tested by tests/unit/tooling/replay_test.cpp and tests/cli/answers_test.py.
#include "tooling/judge/replay.h"

#include <algorithm>
#include <variant>

#include "compiler/packet/packet.h"

namespace weir::tooling {

packet::Direction direction_of(const CapturedFrame& frame, const std::vector<IpPrefix>& local) {
    if (frame.direction) return *frame.direction;
    if (local.empty()) return packet::Direction::kIn;
    const packet::Packet packet(frame.bytes);
    const auto& value = packet.value(packet::FieldId::kIpSrc);
    const auto* source = value ? std::get_if<IpAddress>(&*value) : nullptr;
    const bool is_local =
        source != nullptr && std::any_of(local.begin(), local.end(), [&](const IpPrefix& net) {
            return net.address.version == source->version && network({*source, net.length}).address == net.address;
        });
    return is_local ? packet::Direction::kOut : packet::Direction::kIn;
}

Status replay(Capture& capture, const CaptureFacts& facts, Evaluators& evaluators,
              const std::function<Status(const ReplayedPacket&)>& take, const ReplayWhere& where) {
    const bool fits = kernel_takes(facts, evaluators.policy());
    if (Status ready = evaluators.begin(fits ? Evaluators::Kernel::kTakesAll : Evaluators::Kernel::kNot); !ready)
        return ready;
    // A file that still grows has no more packets than the facts know of.
    for (std::uint64_t number = 1; number <= facts.frames; ++number) {
        const auto frame = capture.next();
        if (!frame) return frame.error();
        if (!*frame) return Error{"the capture became shorter while it was read", {}, 0};
        CapturedFrame shown = **frame;
        if (!where.interface.empty()) shown.interface = where.interface;
        const packet::Direction direction = direction_of(shown, where.local);
        if (!where.local.empty()) shown.direction = direction;
        const auto answer = evaluators.judge(shown.bytes, shown.time_ns, shown.interface, direction);
        if (!answer) return answer.error();
        if (Status taken = take({number, shown, direction, *answer, evaluators.compares()}); !taken) return taken;
    }
    return Done{};
}

void ReplayCounts::add(const ReplayedPacket& packet) {
    const Judged& judged = packet.answer.judged;
    ++packets;
    bytes += packet.frame.bytes.size();
    for (const std::uint32_t rule : judged.matched) ++matched[rule];
    for (const std::uint32_t alert : judged.alerts) ++alerts[alert];
    if (judged.by == Judged::By::kRule)
        ++decided[judged.rule];
    else if (packet.direction == packet::Direction::kOut)
        ++by_egress;
    else
        ++(judged.by == Judged::By::kMalformed ? by_malformed : by_default);
    if (packet.direction == packet::Direction::kOut) ++outgoing;
    ++verdicts[judged.verdict];
    escalated += judged.escalated.size();
    if (!packet.answer.difference.empty()) ++differences;
    if (!packet.is_compared) ++not_compared;
}

}  // namespace weir::tooling
