// Applies the fixes of a policy's diagnostics to its text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/diagnostic.h"
#include "tooling/files/policy_file.h"

namespace weir::tooling {

struct AppliedFix {
    Code code{};
    std::uint32_t line = 1;  // of the text as it was when the fix was applied
    std::string before{};
    std::string after{};
};

struct FixedPolicy {
    std::string text{};
    std::vector<AppliedFix> applied{};  // empty: `text` is as it was
    LoadedPolicy left{};                // of `text`: what the fixes did not repair
};

// Is there only one meaning that the author can have had? A name that is merely near to what is written is a guess, and
// two warnings (W404, W406) have fixes that change what the policy does. `replaced`: the text of the fix's span.
bool is_certain(const Diagnostic& diagnostic, std::string_view replaced);

// Applies all certain fixes in `text` itself (never in imports), and checks again, until none is left. Of fixes that
// overlap the first is applied. A fix that leaves the policy no better is not applied: fewer errors of syntax are
// better, then fewer errors, then fewer warnings. `text` without fixes keeps each byte, a byte order mark too.
FixedPolicy apply_fixes(const std::string& name, std::string text, const sema::Files& files,
                        const PolicyOptions& options);

}  // namespace weir::tooling
