#include <fmt/format.h>

#include "tests/support/random.h"
#include "tests/support/random_policy.h"

namespace weir::tests {

std::string Condition::to_text() const {
    if (kind == Kind::kLeaf) return text;
    const auto part = [](const Condition& operand) {
        return operand.kind == Kind::kLeaf ? operand.text : "(" + operand.to_text() + ")";
    };
    if (kind == Kind::kNot) return "not " + part(operands[0]);
    std::string out;
    for (const Condition& operand : operands)
        out += (out.empty() ? "" : kind == Kind::kAnd ? " and " : " or ") + part(operand);
    return out;
}

RandomPolicy some_both_ways(RandomPolicy policy, Random& random) {
    static const std::vector<std::string> kVerdicts{"", "pass", "drop"};
    if (!random.one_in(4)) return policy;
    for (RandomRule& rule : policy.rules) {
        // There is nobody to answer on the way out.
        const bool may_go = rule.verdict != "reject" && !rule.verdict.starts_with("redirect");
        rule.egress = random.one_in(2) && may_go;
    }
    policy.egress_verdict = random.of(kVerdicts);
    return policy;
}

std::string RandomPolicy::to_text() const {
    std::string text;
    for (const std::string& item : items) text += item + "\n";
    if (!default_verdict.empty()) text += "default " + default_verdict + "\n";
    if (!malformed_verdict.empty()) text += "malformed " + malformed_verdict + "\n";
    if (!egress_verdict.empty()) text += "default egress " + egress_verdict + "\n";
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const RandomRule& rule = rules[i];
        std::vector<std::string> actions;
        for (const std::string& alert : rule.alerts) actions.push_back("alert " + alert);
        if (!rule.verdict.empty()) actions.push_back(rule.verdict);
        text += fmt::format("rule r{} {{ {}{}when {} then {} }}\n", i, rule.observe ? "observe " : "",
                            rule.egress ? "egress " : "", rule.condition.to_text(), fmt::join(actions, ", "));
    }
    return text;
}

}  // namespace weir::tests
