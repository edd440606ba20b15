// Tested by tests/unit/analysis/policy_diff_test.cpp with `PolicyDiff`.
#include "compiler/analysis/joint_policy.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "compiler/policy/identity.h"

namespace weir::analysis {
namespace {

using policy::ExprId;
using policy::SetId;

constexpr std::size_t kMaxSpeltEntries = 4096;  // as in packet_sets.cpp

bool same_entries(const policy::Set& a, const policy::Set& b) {
    const policy::SetEntries &left = a.entries, &right = b.entries;
    if (left.size() != right.size() || left.nets4() != right.nets4() || left.nets6() != right.nets6() ||
        left.numbers() != right.numbers() || left.rows() != right.rows())
        return false;
    for (std::size_t i = 0; i < left.names().size(); ++i)
        if (left.names()[i] != right.names()[i]) return false;
    return true;
}

// Numbers for conditions: the same for the same, whatever the order of what `and` and `or` join.
class Numbers {
public:
    std::uint32_t of(std::string text) {
        return numbers_.emplace(std::move(text), static_cast<std::uint32_t>(numbers_.size())).first->second;
    }

private:
    std::unordered_map<std::string, std::uint32_t> numbers_;
};

// A node as bytes, of which no two that differ are the same.
class NodeBytes {
public:
    explicit NodeBytes(const std::vector<std::uint32_t>& numbers) : numbers_(numbers) {}

    std::string of(const policy::Expr& expr) {
        add(expr.node.index());
        std::visit([this](const auto& node) { put(node); }, expr.node);
        return std::move(bytes_);
    }

private:
    void add(std::uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
    void add(std::string_view text) {
        add(text.size());
        bytes_.append(text);
    }
    void add(packet::FieldId field) { add(static_cast<std::uint64_t>(field)); }
    void add(const IpAddress& address) {
        add(std::uint64_t{address.version});
        bytes_.append(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size());
    }
    void operands(const std::vector<ExprId>& ids) {
        std::vector<std::uint32_t> known;
        for (const ExprId id : ids) known.push_back(numbers_[static_cast<std::size_t>(id)]);
        std::sort(known.begin(), known.end());
        for (const std::uint32_t number : known) add(std::uint64_t{number});
    }
    void put(const policy::Constant& node) { add(std::uint64_t{node.value}); }
    void put(const policy::And& node) { operands(node.operands); }
    void put(const policy::Or& node) { operands(node.operands); }
    void put(const policy::Not& node) { operands({node.operand}); }
    void put(const policy::Flag& node) {
        add(node.field);
        add(std::uint64_t{node.value});
    }
    template <typename Node>
    void compared(const Node& node) {
        add(node.lhs);
        add(node.rhs);
        add(std::uint64_t{node.negated});
    }
    void put(const policy::FlagCompare& node) { compared(node); }
    void put(const policy::AddressCompare& node) { compared(node); }
    void put(const policy::MacCompare& node) { compared(node); }
    void put(const policy::TextCompare& node) { compared(node); }
    void put(const policy::NumberCompare& node) {
        for (const policy::Number& side : {node.lhs, node.rhs}) {
            add(side.field);
            add(side.mask);
        }
        add(static_cast<std::uint64_t>(node.relation));
    }
    void ranges(const policy::Ranges& all, bool negated) {
        for (const auto& [first, last] : all) {
            add(first);
            add(last);
        }
        add(std::uint64_t{negated});
    }
    void put(const policy::NumberIn& node) {
        add(node.number.field);
        add(node.number.mask);
        ranges(node.ranges, node.negated);
    }
    void put(const policy::MacIn& node) {
        add(node.field);
        ranges(node.ranges, node.negated);
    }
    void put(const policy::AddressIn& node) {
        add(node.field);
        for (const IpRange& range : node.ranges) {
            add(range.first);
            add(range.last);
        }
        add(std::uint64_t{node.negated});
    }
    void put(const policy::InSet& node) {
        for (const packet::FieldId key : node.keys) add(key);
        add(static_cast<std::uint64_t>(node.set));
        add(std::uint64_t{node.negated});
    }
    void matched(policy::BytesOp op, std::string_view text, bool negated) {
        add(static_cast<std::uint64_t>(op));
        add(text);
        add(std::uint64_t{negated});
    }
    void put(const policy::IfaceMatch& node) { matched(node.op, node.text, node.negated); }
    void put(const policy::PayloadMatch& node) { matched(node.op, node.bytes, node.negated); }
    void put(const policy::PayloadSlice& node) {
        add(std::uint64_t{node.offset});
        matched(policy::BytesOp::kEq, node.bytes, node.negated);
    }
    void put(const policy::TextMatch& node) {
        add(node.field);
        matched(node.op, node.text, node.negated);
    }

    const std::vector<std::uint32_t>& numbers_;
    std::string bytes_;
};

class Joiner {
public:
    JointPolicy take() && { return std::move(joint_); }
    std::vector<JointRule> add(const policy::TypedPolicy& from);

private:
    SetId set_of(const policy::Set& set);
    void shift(policy::Expr& expr, std::uint32_t by) const;
    JointRule rule(const policy::TypedPolicy& from, std::uint32_t number, std::uint32_t by);

    JointPolicy joint_;
    std::vector<SetId> sets_;  // of the policy that is being added
    Numbers known_;
    std::vector<std::uint32_t> numbers_;  // of the joint policy's conditions
    bool is_second_ = false;
};

// A set of the first policy that is the same one. What a set that changes has in it stays over a reload, as long as
// its name and type do.
SetId Joiner::set_of(const policy::Set& set) {
    std::vector<policy::Set>& sets = joint_.policy.sets;
    for (std::size_t i = 0; is_second_ && i < sets.size(); ++i) {
        policy::Set& other = sets[i];
        if (other.name != set.name || other.types != set.types || other.dynamic != set.dynamic) continue;
        if (set.dynamic || same_entries(other, set)) return SetId{static_cast<std::uint32_t>(i)};
        if (set.name.empty()) continue;
        // What both files had can be compared as long as it is little.
        joint_.differing_sets.push_back(set.name);
        other.from_file = other.from_file && other.entries.size() > kMaxSpeltEntries;
        policy::Set& added = sets.emplace_back(set);
        added.from_file = added.from_file && added.entries.size() > kMaxSpeltEntries;
        return SetId{static_cast<std::uint32_t>(sets.size() - 1)};
    }
    sets.push_back(set);
    return SetId{static_cast<std::uint32_t>(sets.size() - 1)};
}

void Joiner::shift(policy::Expr& expr, std::uint32_t by) const {
    const auto moved = [by](ExprId& id) { id = ExprId{static_cast<std::uint32_t>(id) + by}; };
    if (auto* all = std::get_if<policy::And>(&expr.node))
        std::for_each(all->operands.begin(), all->operands.end(), moved);
    if (auto* any = std::get_if<policy::Or>(&expr.node))
        std::for_each(any->operands.begin(), any->operands.end(), moved);
    if (auto* negated = std::get_if<policy::Not>(&expr.node)) moved(negated->operand);
    if (auto* in = std::get_if<policy::InSet>(&expr.node)) in->set = sets_[static_cast<std::size_t>(in->set)];
}

JointRule Joiner::rule(const policy::TypedPolicy& from, std::uint32_t number, std::uint32_t by) {
    const policy::Rule& rule = from.rules[number];
    JointRule joint{number, ExprId{static_cast<std::uint32_t>(rule.condition) + by}, {}, {}, {}};
    for (const policy::StateTerm& term : rule.terms)
        joint.terms.push_back(
            fmt::format("{} {} {} {}", policy::identity(from, rule, term), term.limit, term.burst, term.least));
    for (const policy::AlertAction& action : rule.alerts) {
        const std::string& name = from.alerts[static_cast<std::size_t>(action.alert)].name;
        joint.alerts.push_back(action.sample == 1 ? name : fmt::format("{} sample 1/{}", name, action.sample));
    }
    std::sort(joint.alerts.begin(), joint.alerts.end());
    joint.key = fmt::format("{} {} {} {}", rule.name, numbers_[static_cast<std::size_t>(joint.condition)],
                            rule.decides() ? static_cast<int>(rule.verdict->kind) : -1,
                            rule.decides() ? rule.verdict->interface : "");
    for (std::size_t i = 0; i < rule.terms.size(); ++i)
        joint.key += fmt::format(" {}{}", rule.terms[i].within ? "<=" : ">", joint.terms[i]);
    for (const std::string& alert : joint.alerts) joint.key += " alert " + alert;
    return joint;
}

std::vector<JointRule> Joiner::add(const policy::TypedPolicy& from) {
    policy::TypedPolicy& joint = joint_.policy;
    const auto by = static_cast<std::uint32_t>(joint.exprs.size());
    sets_.clear();
    for (const policy::Set& set : from.sets) sets_.push_back(set_of(set));
    joint.exprs.insert(joint.exprs.end(), from.exprs.begin(), from.exprs.end());
    for (std::size_t i = by; i < joint.exprs.size(); ++i) {
        shift(joint.exprs[i], by);
        numbers_.push_back(known_.of(NodeBytes(numbers_).of(joint.exprs[i])));
    }
    std::vector<JointRule> rules;
    for (std::uint32_t i = 0; i < from.rules.size(); ++i) {
        rules.push_back(rule(from, i, by));
        policy::Rule& added = joint.rules.emplace_back();
        added.condition = rules.back().condition;
        added.direction = from.rules[i].direction;
    }
    joint.reads_flows = joint.reads_flows || from.reads_flows;
    if (from.default_egress) joint.default_egress = from.default_egress;
    is_second_ = true;
    return rules;
}

}  // namespace

JointPolicy join(const policy::TypedPolicy& before, const policy::TypedPolicy& after) {
    Joiner joiner;
    std::vector<JointRule> first = joiner.add(before), second = joiner.add(after);
    JointPolicy joint = std::move(joiner).take();
    joint.before = std::move(first);
    joint.after = std::move(second);
    return joint;
}

}  // namespace weir::analysis
