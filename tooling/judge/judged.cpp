// Tested by tests/unit/tooling/evaluators_test.cpp with `judge`.
#include "tooling/judge/judged.h"

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/oracle/evaluate.h"
#include "compiler/policy/verdict.h"
#include "grammar/base/names.h"

namespace weir::tooling {

Judged judged_from(const oracle::Judgement& judgement) {
    Judged judged;
    judged.verdict = policy::verdict_number(judgement.verdict.kind);
    if (judgement.rule)
        judged.by = Judged::By::kRule, judged.rule = static_cast<std::uint32_t>(*judgement.rule);
    else if (judgement.by_malformed)
        judged.by = Judged::By::kMalformed;
    for (const policy::RuleId rule : judgement.matched) judged.matched.push_back(static_cast<std::uint32_t>(rule));
    for (const policy::AlertId alert : judgement.alerts) judged.alerts.push_back(static_cast<std::uint32_t>(alert));
    judged.suppressed = judgement.suppressed;
    return judged;
}

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
