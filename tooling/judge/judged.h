// What an evaluator says of one packet.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/typed_policy.h"

namespace weir::oracle {
struct Judgement;
}  // namespace weir::oracle

namespace weir::tooling {

// Rule and alert numbers are the policy's.
struct Judged {
    enum class By : std::uint8_t { kRule, kDefault, kMalformed };
    std::uint32_t verdict = 0;             // enum weir_verdict
    By by = By::kDefault;                  // what decided
    std::uint32_t rule = 0;                // kRule: which
    std::vector<std::uint32_t> matched{};  // every rule that matched, in order, observed ones too
    std::vector<std::uint32_t> alerts{};   // one entry an alert action that ran, in order
    // For each of `alerts`: how many events of its key its throttle suppressed before this one; WEIR_HELD_BACK if it
    // suppressed this one, too.
    std::vector<std::uint32_t> suppressed{};
    // Escalations of these alerts whose window this packet filled, by number within their alert.
    struct Escalated {
        std::uint32_t alert = 0, number = 0;
        friend bool operator==(const Escalated&, const Escalated&) = default;
    };
    std::vector<Escalated> escalated{};

    bool has_matched(std::size_t number) const {
        return std::find(matched.begin(), matched.end(), number) != matched.end();
    }
    friend bool operator==(const Judged&, const Judged&) = default;
};

// What the oracle says, in the numbers of the others.
Judged judged_from(const oracle::Judgement& judgement);

// The interface that the packet is redirected to; empty: the verdict is another.
const std::string& redirected_to(const Judged& judged, const policy::TypedPolicy& policy);

// "drop by known_bad, alert scan": for people.
std::string describe(const Judged& judged, const policy::TypedPolicy& policy);

}  // namespace weir::tooling
