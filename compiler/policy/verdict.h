// Verdicts as the packet path has them.
#pragma once

#include <cstdint>

#include "bpf/abi.h"
#include "compiler/policy/typed_policy.h"
#include "grammar/base/same_numbers.h"

namespace weir::policy {

// enum weir_verdict.
constexpr std::uint32_t verdict_number(VerdictKind kind) {
    static_assert(same_numbers<VerdictKind, weir_verdict>({{VerdictKind::kPass, WEIR_PASS},
                                                           {VerdictKind::kDrop, WEIR_DROP},
                                                           {VerdictKind::kReject, WEIR_REJECT},
                                                           {VerdictKind::kRedirect, WEIR_REDIRECT}}));
    return static_cast<std::uint32_t>(kind);
}

}  // namespace weir::policy
