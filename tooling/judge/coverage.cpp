// Tested by tests/unit/tooling/coverage_test.cpp.
#include "tooling/judge/coverage.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir::tooling {
namespace {

const policy::Rule& rule_of(const policy::TypedPolicy& policy, policy::RuleId rule) {
    return policy.rules[static_cast<std::size_t>(rule)];
}

const std::vector<policy::ExprId>* operands_of(const policy::Expr& expr) {
    if (const auto* both = std::get_if<policy::And>(&expr.node)) return &both->operands;
    if (const auto* either = std::get_if<policy::Or>(&expr.node)) return &either->operands;
    return nullptr;
}

}  // namespace

Coverage::Coverage(const policy::TypedPolicy& policy)
    : policy_(&policy), matched_(policy.rules.size()), terms_(policy.rules.size()) {
    for (std::uint32_t i = 0; i < policy.rules.size(); ++i) {
        const policy::Rule& rule = policy.rules[i];
        collect(policy::RuleId{i}, rule.condition);
        terms_[i].resize(rule.terms.size());
        for (const policy::StateTerm& term : rule.terms)
            if (term.condition != policy::kNoExpr) collect(policy::RuleId{i}, term.condition);
        for (const policy::AlertAction& alert : rule.alerts) alerts_[alert.alert] = false;
    }
}

void Coverage::collect(policy::RuleId rule, policy::ExprId id) {
    const policy::Expr& expr = policy_->expr(id);
    if (std::holds_alternative<policy::Constant>(expr.node)) return;
    if (const auto* operands = operands_of(expr)) {
        for (const policy::ExprId operand : *operands) collect(rule, operand);
        return;
    }
    if (const auto* negation = std::get_if<policy::Not>(&expr.node)) return collect(rule, negation->operand);
    if (!condition_of_.emplace(std::pair(rule, id), conditions_.size()).second) return;
    conditions_.push_back({rule, id, {}});
    if (const auto* in = std::get_if<policy::InSet>(&expr.node))
        if (!policy_->sets[static_cast<std::size_t>(in->set)].name.empty()) sets_[in->set];
}

void Coverage::add(const Judged& judged, packet::Direction direction) {
    for (const std::uint32_t rule : judged.matched) matched_[rule] = true;
    for (const std::uint32_t alert : judged.alerts) alerts_[policy::AlertId{alert}] = true;
    (direction == packet::Direction::kOut ? egress_ : default_) |= judged.by == Judged::By::kDefault;
    malformed_ = malformed_ || judged.by == Judged::By::kMalformed;
}

bool Coverage::walk(const oracle::Oracle& oracle, const oracle::Tried& tried, policy::ExprId id) {
    const policy::Expr& expr = policy_->expr(id);
    if (const auto* both = std::get_if<policy::And>(&expr.node))
        return std::all_of(both->operands.begin(), both->operands.end(),
                           [&](policy::ExprId operand) { return walk(oracle, tried, operand); });
    if (const auto* either = std::get_if<policy::Or>(&expr.node))
        return std::any_of(either->operands.begin(), either->operands.end(),
                           [&](policy::ExprId operand) { return walk(oracle, tried, operand); });
    if (const auto* negation = std::get_if<policy::Not>(&expr.node)) return !walk(oracle, tried, negation->operand);
    const bool holds = oracle.holds(id, tried.packet, tried.time_ns);
    if (const auto found = condition_of_.find({tried.rule, id}); found != condition_of_.end())
        conditions_[found->second].ways.meet(holds);
    if (const auto* in = std::get_if<policy::InSet>(&expr.node)) {
        const bool has_keys = std::all_of(in->keys.begin(), in->keys.end(),
                                          [&](packet::FieldId key) { return tried.packet.value(key).has_value(); });
        if (const auto found = sets_.find(in->set); found != sets_.end() && has_keys)
            found->second.meet(holds != in->negated);
    }
    return holds;
}

void Coverage::see(const oracle::Oracle& oracle, const oracle::Tried& tried) {
    const policy::Rule& rule = rule_of(*policy_, tried.rule);
    walk(oracle, tried, rule.condition);
    if (!tried.holds) return;
    std::vector<Ways>& ways = terms_[static_cast<std::size_t>(tried.rule)];
    for (std::uint32_t i = 0; i < rule.terms.size(); ++i) {
        if (rule.terms[i].condition != policy::kNoExpr) walk(oracle, tried, rule.terms[i].condition);
        const bool failed = tried.failed_term == i;
        ways[i].meet(!failed);
        if (failed) return;
    }
}

Coverage::Share Coverage::rules() const {
    return {static_cast<std::size_t>(std::count(matched_.begin(), matched_.end(), true)), matched_.size()};
}

Coverage::Share Coverage::conditions() const {
    Share share{0, 2 * conditions_.size()};
    for (const Condition& one : conditions_) share.met += std::size_t{one.ways.yes} + std::size_t{one.ways.no};
    return share;
}

Coverage::Share Coverage::terms() const {
    Share share;
    for (const std::vector<Ways>& of_rule : terms_)
        for (const Ways& ways : of_rule) share.all += 2, share.met += std::size_t{ways.yes} + std::size_t{ways.no};
    return share;
}

Coverage::Share Coverage::sets() const {
    Share share{0, 2 * sets_.size()};
    for (const auto& [set, ways] : sets_) share.met += std::size_t{ways.yes} + std::size_t{ways.no};
    return share;
}

Coverage::Share Coverage::alerts() const {
    Share share{0, alerts_.size()};
    for (const auto& [alert, ran] : alerts_) share.met += std::size_t{ran};
    return share;
}

Coverage::Share Coverage::verdicts() const {
    Share share{std::size_t{default_} + std::size_t{malformed_}, 2};
    if (policy_->has_egress()) ++share.all, share.met += std::size_t{egress_};
    return share;
}

double Coverage::percent() const {
    Share sum;
    for (const Share& one : {rules(), conditions(), terms(), sets(), alerts(), verdicts()})
        sum.met += one.met, sum.all += one.all;
    return sum.all == 0 ? 100.0 : 100.0 * static_cast<double>(sum.met) / static_cast<double>(sum.all);
}

std::vector<std::size_t> Coverage::unmatched() const {
    std::vector<std::size_t> rules;
    for (std::size_t i = 0; i < matched_.size(); ++i)
        if (!matched_[i]) rules.push_back(i);
    return rules;
}

std::vector<Finding> Coverage::findings() const {
    std::vector<Finding> found;
    const auto add = [&](Span span, std::string message, std::string label, const std::string& rule) {
        found.push_back({"not-covered", std::move(message), span, std::move(label), {}, rule});
    };
    const auto ways_text = [](const Ways& ways, const char* yes, const char* no) {
        return ways.yes ? no : ways.no ? yes : fmt::format("{}, {}", yes, no);
    };
    for (std::size_t i = 0; i < matched_.size(); ++i) {
        const policy::Rule& rule = policy_->rules[i];
        if (!matched_[i])
            add({rule.span.file, rule.span.begin, rule.span.begin + 4},
                fmt::format("no packet of a test matches rule `{}`", rule.name), "", rule.name);
        for (std::size_t term = 0; term < terms_[i].size(); ++term)
            if (const Ways& ways = terms_[i][term]; !ways.yes || !ways.no)
                add(rule.terms[term].span, fmt::format("rule `{}`: this term is not tested both ways", rule.name),
                    ways_text(ways, "never true", "never false"), rule.name);
    }
    for (const Condition& one : conditions_) {
        const policy::Rule& rule = rule_of(*policy_, one.rule);
        if (!one.ways.yes || !one.ways.no)
            add(policy_->expr(one.expr).span,
                fmt::format("rule `{}`: this condition is not tested both ways", rule.name),
                ways_text(one.ways, "never true", "never false"), rule.name);
    }
    for (const auto& [id, ways] : sets_) {
        const policy::Set& set = policy_->sets[static_cast<std::size_t>(id)];
        if (!ways.yes || !ways.no)
            add(set.span, fmt::format("no packet of a test {} set `{}`", ways_text(ways, "is in", "misses"), set.name),
                "", "");
    }
    for (const auto& [id, ran] : alerts_) {
        const policy::Alert& alert = policy_->alerts[static_cast<std::size_t>(id)];
        if (!ran) add(alert.span, fmt::format("no packet of a test raises alert `{}`", alert.name), "", "");
    }
    std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
        return std::pair(a.span.file, a.span.begin) < std::pair(b.span.file, b.span.begin);
    });
    return found;
}

std::string Coverage::text() const {
    std::string out = fmt::format("coverage: {} of {} rules matched\n", rules().met, rules().all);
    for (std::size_t i = 0; i < matched_.size(); ++i)
        if (!matched_[i]) out += fmt::format("    never matched: {}\n", policy_->rules[i].name);
    if (!default_) out += "    never decided: default\n";
    if (!malformed_) out += "    never decided: malformed\n";
    if (!egress_ && policy_->has_egress()) out += "    never decided: default egress\n";
    const auto line = [&](const char* what, const Share& share) {
        if (share.all != 0) out += fmt::format("    {} {} of {}\n", what, share.met, share.all);
    };
    line("conditions, true and false:", conditions());
    line("state terms, true and false:", terms());
    line("sets, hit and missed:", sets());
    line("alerts:", alerts());
    return out + fmt::format("    {:.1f}% in all\n", percent());
}

std::string Coverage::json(const std::string& file) const {
    const auto object = [](const Share& share) {
        return nlohmann::ordered_json{{"met", share.met}, {"all", share.all}};
    };
    nlohmann::ordered_json line;
    line["coverage"] = {{"file", file},
                        {"rules", object(rules())},
                        {"conditions", object(conditions())},
                        {"terms", object(terms())},
                        {"sets", object(sets())},
                        {"alerts", object(alerts())},
                        {"verdicts", object(verdicts())},
                        {"percent", percent()}};
    return line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace weir::tooling
