// Tested by tests/unit/tooling/evaluators_test.cpp with `judge`.
#include "tooling/judge/judged.h"

#include <fmt/format.h>

#include "bpf/abi.h"
#include "grammar/base/names.h"

namespace weir::tooling {

const std::string& redirected_to(const Judged& judged, const policy::TypedPolicy& policy) {
    static const std::string nowhere;
    if (judged.verdict != WEIR_REDIRECT || judged.by != Judged::By::kRule) return nowhere;
    const auto& verdict = policy.rules[judged.rule].verdict;
    return verdict ? verdict->interface : nowhere;
}

std::string describe(const Judged& judged, const policy::TypedPolicy& policy) {
    std::string text(verdict_name(judged.verdict));
    if (const std::string& to = redirected_to(judged, policy); !to.empty()) text += fmt::format("(\"{}\")", to);
    if (judged.by == Judged::By::kRule)
        text += " by " + policy.rules[judged.rule].name;
    else
        text += judged.by == Judged::By::kMalformed ? " by malformed" : " by default";
    for (std::size_t i = 0; i < judged.alerts.size(); ++i) {
        text += ", alert " + policy.alerts[judged.alerts[i]].name;
        if (i < judged.suppressed.size() && judged.suppressed[i] == WEIR_HELD_BACK) text += " (suppressed)";
    }
    return text;
}

}  // namespace weir::tooling
