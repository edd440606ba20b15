// Tested by tests/unit/policy/reads_test.cpp.
#include "compiler/policy/reads.h"

#include <algorithm>
#include <initializer_list>
#include <variant>

namespace weir::policy {
namespace {

using packet::FieldId;

class Reader {
public:
    explicit Reader(const TypedPolicy& policy) : policy_(policy), seen_(policy.exprs.size()) {}

    packet::FieldSet read(std::initializer_list<packet::Direction> directions) {
        for (const Rule& rule : policy_.rules) {
            // The recorder has the keys of all packets, whichever way they go.
            if (rule.capture) keys(rule.capture->keys);
            if (std::find(directions.begin(), directions.end(), rule.direction) == directions.end()) continue;
            read(rule);
        }
        return read_;
    }
    packet::FieldSet read(const Rule& rule) {
        condition(rule.condition);
        for (const StateTerm& one : rule.terms) term(one);
        for (const SetChange& change : rule.changes) keys(change.keys);
        for (const Measure& measure : rule.measures) {
            read_.add(measure.field);
            keys(measure.keys);
        }
        if (rule.capture) keys(rule.capture->keys);
        for (const AlertAction& action : rule.alerts) alert(policy_.alerts[static_cast<std::size_t>(action.alert)]);
        return read_;
    }

private:
    void fields(const std::vector<FieldId>& ids) {
        for (const FieldId id : ids) read_.add(id);
    }
    void keys(const std::vector<KeyField>& keys) {
        for (const KeyField& key : keys) read_.add(key.field);
    }
    void condition(ExprId id) {
        if (id == kNoExpr || seen_[static_cast<std::size_t>(id)]) return;
        seen_[static_cast<std::size_t>(id)] = true;
        const Expr& expr = policy_.expr(id);
        if (const auto* all = std::get_if<And>(&expr.node)) return conditions(all->operands);
        if (const auto* any = std::get_if<Or>(&expr.node)) return conditions(any->operands);
        if (const auto* opposite = std::get_if<Not>(&expr.node)) return condition(opposite->operand);
        fields(compared_fields(expr));
    }
    void conditions(const std::vector<ExprId>& operands) {
        for (const ExprId operand : operands) condition(operand);
    }
    void term(const StateTerm& term) {
        keys(term.keys);
        if (term.value) read_.add(term.value->field);
        condition(term.condition);
    }
    void alert(const Alert& alert) {
        if (alert.throttle) term(*alert.throttle);
        fields(event_fields(policy_, alert));
    }

    const TypedPolicy& policy_;
    packet::FieldSet read_;
    std::vector<bool> seen_;  // by ExprId
};

}  // namespace

std::vector<FieldId> compared_fields(const Expr& expr) {
    if (const auto* in = std::get_if<NumberIn>(&expr.node)) return {in->number.field};
    if (const auto* in = std::get_if<AddressIn>(&expr.node)) return {in->field};
    if (const auto* in = std::get_if<MacIn>(&expr.node)) return {in->field};
    if (const auto* both = std::get_if<NumberCompare>(&expr.node)) return {both->lhs.field, both->rhs.field};
    if (const auto* both = std::get_if<AddressCompare>(&expr.node)) return {both->lhs, both->rhs};
    if (const auto* both = std::get_if<MacCompare>(&expr.node)) return {both->lhs, both->rhs};
    if (const auto* in = std::get_if<InSet>(&expr.node)) return in->keys;
    if (const auto* flag = std::get_if<Flag>(&expr.node)) return {flag->field};
    if (const auto* both = std::get_if<FlagCompare>(&expr.node)) return {both->lhs, both->rhs};
    if (const auto* match = std::get_if<TextMatch>(&expr.node)) return {match->field};
    if (const auto* both = std::get_if<TextCompare>(&expr.node)) return {both->lhs, both->rhs};
    if (std::holds_alternative<IfaceMatch>(expr.node)) return {FieldId::kIface};
    if (std::holds_alternative<PayloadMatch>(expr.node)) return {FieldId::kPayload};
    if (std::holds_alternative<PayloadSlice>(expr.node)) return {FieldId::kPayload, FieldId::kPayloadLen};
    return {};
}

std::vector<FieldId> event_fields(const TypedPolicy& policy, const Alert& alert) {
    std::vector<FieldId> fields;
    const auto take_parts = [&](const std::vector<MessagePart>& parts) {
        for (const MessagePart& part : parts)
            if (const auto* field = std::get_if<FieldId>(&part)) fields.push_back(*field);
    };
    const auto take_sink = [&](const Sink& sink) {
        for (const SinkOption& option : sink.options) take_parts(option.parts);
    };
    take_parts(alert.message);
    for (const Escalation& escalation : alert.escalations) {
        for (const KeyField& key : escalation.keys) fields.push_back(key.field);
        take_sink(policy.sinks[static_cast<std::size_t>(escalation.sink)]);
    }
    for (const SetChange& response : alert.responses)
        for (const KeyField& key : response.keys) fields.push_back(key.field);
    for (const SinkId sink : alert.sinks) take_sink(policy.sinks[static_cast<std::size_t>(sink)]);
    if (alert.sinks.empty()) std::for_each(policy.sinks.begin(), policy.sinks.end(), take_sink);
    return fields;
}

packet::FieldSet fields_read(const TypedPolicy& policy) {
    return Reader(policy).read({packet::Direction::kIn, packet::Direction::kOut});
}

packet::FieldSet fields_read(const TypedPolicy& policy, packet::Direction direction) {
    return Reader(policy).read({direction});
}

packet::FieldSet fields_read(const TypedPolicy& policy, const Rule& rule) { return Reader(policy).read(rule); }

}  // namespace weir::policy
