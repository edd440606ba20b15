// Tested by tests/unit/tooling/replay_test.cpp and tests/cli/answers_test.py.
#include "tooling/judge/replay.h"

namespace weir::tooling {

Status replay(Capture& capture, const CaptureFacts& facts, Evaluators& evaluators,
              const std::function<Status(const ReplayedPacket&)>& take, std::string_view interface) {
    const bool fits = kernel_takes(facts);
    if (Status ready = evaluators.begin(fits ? Evaluators::Kernel::kTakesAll : Evaluators::Kernel::kNot); !ready)
        return ready;
    // A file that still grows has no more packets than the facts know of.
    for (std::uint64_t number = 1; number <= facts.frames; ++number) {
        const auto frame = capture.next();
        if (!frame) return frame.error();
        if (!*frame) return Error{"the capture became shorter while it was read", {}, 0};
        CapturedFrame shown = **frame;
        if (!interface.empty()) shown.interface = interface;
        const auto answer = evaluators.judge(shown.bytes, shown.time_ns, shown.interface);
        if (!answer) return answer.error();
        if (Status taken = take({number, shown, *answer, evaluators.compares()}); !taken) return taken;
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
    else
        ++(judged.by == Judged::By::kMalformed ? by_malformed : by_default);
    ++verdicts[judged.verdict];
    if (!packet.answer.difference.empty()) ++differences;
    if (!packet.is_compared) ++not_compared;
}

}  // namespace weir::tooling
