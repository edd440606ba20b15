// Tested by tests/unit/tooling/evaluators_test.cpp with `judge`.
#include "tooling/judge/judged.h"

#include "grammar/base/names.h"

namespace weir::tooling {

std::string describe(const Judged& judged, const policy::TypedPolicy& policy) {
    std::string text(verdict_name(judged.verdict));
    if (judged.by == Judged::By::kRule)
        text += " by " + policy.rules[judged.rule].name;
    else
        text += judged.by == Judged::By::kMalformed ? " by malformed" : " by default";
    for (const std::uint32_t alert : judged.alerts) text += ", alert " + policy.alerts[alert].name;
    return text;
}

}  // namespace weir::tooling
