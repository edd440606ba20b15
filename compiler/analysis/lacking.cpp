// Tested by tests/unit/analysis/directions_test.cpp with `W453`.
#include <fmt/format.h>

#include "compiler/analysis/lint.h"
#include "compiler/policy/reads.h"

namespace weir::analysis {

void warn_lacking(const policy::TypedPolicy& policy, Diagnostics& diagnostics) {
    for (const policy::Rule& rule : policy.rules) {
        if (rule.direction != packet::Direction::kOut) continue;
        if (!policy::fields_read(policy, rule).contains(packet::FieldId::kRxQueue)) continue;
        diagnostics.add(
            {.code = Code::W453,
             .span = rule.condition_span,
             .message = fmt::format("`{}` reads `rx_queue`, which packets on their way out lack", rule.name),
             .label = "the comparison is false for all of them",
             .help = "leave it out: only packets that come in have been in a receive queue",
             .rule = rule.name});
    }
}

}  // namespace weir::analysis
