// Tested by tests/unit/analysis/needless_test.cpp.
#include "compiler/analysis/needless.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "compiler/policy/reads.h"

namespace weir::analysis {
namespace {

constexpr std::size_t kMaxOperands = 32;  // all pairs of them are looked at

// What a comparison reads: a member of struct weir_packet.
using Member = std::uint32_t;

class Parts {
public:
    Parts(const Reached& reached, Diagnostics& diagnostics)
        : policy_(reached.policy), reach_(reached.reach), bdd_(reached.reach.bdd()), diagnostics_(diagnostics) {
        for (const Diagnostic& d : diagnostics_.all())
            if (d.code == Code::W410) always_.emplace(d.span.file, d.span.begin, d.span.end);
    }

    void walk_rules() {
        for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
            rule_ = &policy_.rules[i];
            if (reach_.is_unknown(static_cast<RuleNumber>(i)) || !is_suspect(rule_->condition)) continue;
            const Reach::Scope scope(reach_);
            changed_.clear();
            around_.clear();
            Bdd::Node packets = reach_.sets().universe().direction(rule_->direction);
            for (const policy::StateTerm& term : rule_->terms)  // false without its keys
                for (const policy::KeyField& key : term.keys)
                    packets = bdd_.both(packets, reach_.sets().universe().present(key.field));
            if (exists(bdd_.both(packets, reach_.sets().raw(rule_->condition)))) walk(rule_->condition, packets);
        }
    }

private:
    const policy::Expr& expr(policy::ExprId id) const { return policy_.expr(id); }
    const std::vector<policy::ExprId>* operands(policy::ExprId id) const {
        if (const auto* all = std::get_if<policy::And>(&expr(id).node)) return &all->operands;
        if (const auto* any = std::get_if<policy::Or>(&expr(id).node)) return &any->operands;
        return nullptr;
    }

    // ---- what may be needless ----

    void add_members(policy::ExprId id, std::vector<Member>& members) const {
        if (const auto* parts = operands(id))
            for (const policy::ExprId part : *parts) add_members(part, members);
        else if (const auto* negated = std::get_if<policy::Not>(&expr(id).node))
            add_members(negated->operand, members);
        else
            for (const packet::FieldId field : policy::compared_fields(expr(id))) {
                constexpr Member kBits = 0x10000;  // beside all offsets
                const auto bit = packet::flag_bit(field);
                members.push_back(bit ? kBits + *bit : packet::offset(field));
            }
    }
    std::vector<Member> members_of(policy::ExprId id) const {
        std::vector<Member> members;
        add_members(id, members);
        std::sort(members.begin(), members.end());
        return members;
    }
    // Is there an `or` or a `not`, or do two comparisons read the same?
    bool is_suspect(policy::ExprId condition) const {
        if (has_joints(condition)) return true;
        const std::vector<Member> members = members_of(condition);
        return std::adjacent_find(members.begin(), members.end()) != members.end();
    }
    bool has_joints(policy::ExprId id) const {
        if (std::holds_alternative<policy::Or>(expr(id).node) || is_not(id)) return true;
        const auto* parts = operands(id);
        return parts != nullptr &&
               std::any_of(parts->begin(), parts->end(), [this](policy::ExprId part) { return has_joints(part); });
    }
    // Written in the rule itself; and not what stands in place of a state term.
    bool is_own(policy::ExprId id) const {
        const Span span = expr(id).span, whole = rule_->condition_span;
        return span.file == whole.file && span.begin >= whole.begin && span.end <= whole.end &&
               !std::holds_alternative<policy::Constant>(expr(id).node);
    }
    // Not `tcp`, nor `not tcp`.
    bool is_looked_at(policy::ExprId id, const std::vector<Member>& of_others) const {
        const auto* negated = std::get_if<policy::Not>(&expr(id).node);
        const auto* flag = std::get_if<policy::Flag>(&expr(negated != nullptr ? negated->operand : id).node);
        if (flag != nullptr && flag->value && packet::flag_bit(flag->field)) return false;
        const std::vector<Member> members = members_of(id);
        return std::any_of(members.begin(), members.end(), [&](Member member) {
            return std::find(of_others.begin(), of_others.end(), member) != of_others.end();
        });
    }
    // `in { "GET", "HEAD" }` is an `or` that nobody wrote.
    bool is_written(const std::vector<policy::ExprId>& parts) const {
        return parts.size() > 1 && expr(parts[0]).span.begin != expr(parts[1]).span.begin;
    }

    // ---- what is ----

    bool exists(Bdd::Node packets) { return reach_.find(packets, 0, none_).exists && !bdd_.spent(); }

    // The condition without what is needless in it, as far as that is known: so all of it may go together.
    Bdd::Node set_of(policy::ExprId id) {
        const auto changed = changed_.find(id);
        if (changed == changed_.end()) return reach_.sets().raw(id);
        if (const auto* negated = std::get_if<policy::Not>(&expr(id).node))
            return bdd_.complement(set_of(negated->operand));
        const std::vector<policy::ExprId>& parts = *operands(id);
        const bool is_all = std::holds_alternative<policy::And>(expr(id).node);
        Bdd::Node whole = is_all ? Bdd::kTrue : Bdd::kFalse;
        for (std::size_t i = 0; i < parts.size(); ++i)
            if (changed->second.empty() || changed->second[i])
                whole = is_all ? bdd_.both(whole, set_of(parts[i])) : bdd_.either(whole, set_of(parts[i]));
        return whole;
    }

    // `packets`: those for which it matters whether this part of the condition holds. True where a part of it is
    // needless.
    bool walk(policy::ExprId id, Bdd::Node packets) {
        if (bdd_.spent()) return false;
        if (const auto* negated = std::get_if<policy::Not>(&expr(id).node)) {
            const bool changes = walk(negated->operand, packets);
            if (changes) changed_[id];
            return changes;
        }
        const std::vector<policy::ExprId>* parts = operands(id);
        const Span span = expr(id).span;
        if (parts == nullptr || parts->size() > kMaxOperands || !is_written(*parts) ||
            always_.contains({span.file, span.begin, span.end}))
            return false;
        const std::vector<bool> all(parts->size(), true);
        std::vector<bool> kept = all;
        if (std::holds_alternative<policy::Or>(expr(id).node)) drop_never_true(id, packets, kept);
        drop_implied(id, packets, kept);
        bool changes = kept != all;
        if (changes) changed_[id] = kept;
        for (std::size_t i = 0; i < parts->size(); ++i) {
            const bool has_parts = operands((*parts)[i]) != nullptr || is_not((*parts)[i]);
            if (!kept[i] || !has_parts) continue;
            const std::size_t outer = around_.size();
            for (std::size_t j = 0; j < parts->size(); ++j)
                if (j != i && kept[j]) add_members((*parts)[j], around_);
            const bool changes_part = walk((*parts)[i], decided_by(id, i, packets, kept));
            around_.resize(outer);
            if (!changes_part) continue;
            changes = true;
            changed_[id] = kept;
        }
        return changes;
    }
    // Packets for which the part decides, the others that are kept being as they are.
    Bdd::Node decided_by(policy::ExprId id, std::size_t part, Bdd::Node packets, const std::vector<bool>& kept) {
        const std::vector<policy::ExprId>& parts = *operands(id);
        const bool is_all = std::holds_alternative<policy::And>(expr(id).node);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (i == part || !kept[i]) continue;
            packets = is_all ? bdd_.both(packets, set_of(parts[i])) : bdd_.without(packets, set_of(parts[i]));
        }
        return packets;
    }
    void drop_never_true(policy::ExprId id, Bdd::Node packets, std::vector<bool>& kept) {
        const std::vector<policy::ExprId>& parts = *operands(id);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (!is_own(parts[i]) || exists(bdd_.both(packets, reach_.sets().raw(parts[i]))) || bdd_.spent()) continue;
            kept[i] = false;
            say(id, i, "this part is never true: the rest of the condition excludes it");
        }
    }
    void drop_implied(policy::ExprId id, Bdd::Node packets, std::vector<bool>& kept) {
        const std::vector<policy::ExprId>& parts = *operands(id);
        const bool is_all = std::holds_alternative<policy::And>(expr(id).node);
        for (std::size_t i = parts.size(); i-- > 0;) {  // of two that are the same the later one is needless
            std::vector<Member> of_others = around_;
            for (std::size_t j = 0; j < parts.size(); ++j)
                if (j != i && kept[j]) add_members(parts[j], of_others);
            if (!kept[i] || !is_own(parts[i]) || !is_looked_at(parts[i], of_others)) continue;
            const Bdd::Node left = decided_by(id, i, packets, kept), holds = reach_.sets().raw(parts[i]);
            if (exists(is_all ? bdd_.without(left, holds) : bdd_.both(left, holds)) || bdd_.spent()) continue;
            kept[i] = false;
            say(id, i,
                is_all ? "this part is true whenever the rest of the condition is"
                       : "this part is true only where the rest of the condition is");
        }
    }
    bool is_not(policy::ExprId id) const { return std::holds_alternative<policy::Not>(expr(id).node); }

    void say(policy::ExprId whole, std::size_t part, const char* what) {
        const std::vector<policy::ExprId>& parts = *operands(whole);
        const bool is_all = std::holds_alternative<policy::And>(expr(whole).node);
        Diagnostic found{.code = Code::W414,
                         .span = expr(parts[part]).span,
                         .message = what,
                         .label = "changes nothing",
                         .help = "remove it",
                         .rule = rule_->name};
        // Where nothing but the word stands between the two: no parenthesis, no state term.
        const std::uint32_t word = is_all ? sizeof(" and ") - 1 : sizeof(" or ") - 1;
        if (part + 1 < parts.size() && found.span.end + word == expr(parts[part + 1]).span.begin)
            found.fix = Fix{{found.span.file, found.span.begin, expr(parts[part + 1]).span.begin}, ""};
        else if (part > 0 && expr(parts[part - 1]).span.end + word == found.span.begin)
            found.fix = Fix{{found.span.file, expr(parts[part - 1]).span.end, found.span.end}, ""};
        diagnostics_.add(std::move(found));
    }

    const policy::TypedPolicy& policy_;
    Reach& reach_;
    Bdd& bdd_;
    Diagnostics& diagnostics_;
    const policy::Rule* rule_ = nullptr;
    std::vector<Member> around_;  // what is read beside the part that is walked
    // Of the rule: conditions that have needless parts, and which of their parts stay; empty: all.
    std::map<policy::ExprId, std::vector<bool>> changed_;
    RuleMarks none_ = RuleMarks(policy_.rules.size());
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> always_;  // W410 says more of these
};

}  // namespace

void warn_needless(const Reached& reached, Diagnostics& diagnostics) { Parts(reached, diagnostics).walk_rules(); }

}  // namespace weir::analysis
