// Why a packet gets its verdict: rule by rule, up to the one that decides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "grammar/render.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/evaluators.h"
#include "tooling/judge/failed_condition.h"
#include "tooling/judge/judged.h"

namespace weir::tooling {

struct RuleAccount {
    policy::RuleId rule{};
    std::optional<FailedCondition> failed{};  // nothing: the rule matched
};
struct Account {
    std::vector<RuleAccount> rules{};  // those that judge packets of its direction, in order
    Judged judged{};                   // the oracle's
    std::string difference{};          // what other evaluators say; empty: the same
    std::string packet{};              // as the packet of a test step
};

// Listens to the oracle of `evaluators`, which must have it as its first. Both outlive this.
class Explainer {
public:
    Explainer(const LoadedPolicy& loaded, Evaluators& evaluators);
    ~Explainer() { evaluators_.watch({}); }
    Explainer(const Explainer&) = delete;
    Explainer& operator=(const Explainer&) = delete;

    // From here on what rules come to is noted: before the packet of interest.
    void listen() { listens_ = true; }
    // Of the one packet since listen().
    Account account(const Evaluators::Answer& answer, std::string packet);

private:
    Evaluators& evaluators_;
    bool listens_ = false;
    std::vector<RuleAccount> rules_{};
};

// docs/cli.md has the format. One object and a newline.
std::string explain_json(const Account& account, const LoadedPolicy& loaded);
std::string explain_text(const Account& account, const LoadedPolicy& loaded, Colour colour);

}  // namespace weir::tooling
