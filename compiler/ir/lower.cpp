// Tested by tests/unit/ir/forest_test.cpp with `interpret_rules`.
#include "compiler/ir/lower.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "bpf/direction.h"
#include "compiler/policy/capture_keys.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/reads.h"
#include "compiler/policy/set_element.h"
#include "compiler/policy/verdict.h"
#include "grammar/base/check.h"
#include "grammar/base/same_numbers.h"

namespace weir::ir {
namespace {

using packet::FieldId, packet::is_name_or_text;
using packet::PresentBits;

std::uint32_t ip4_number(const IpAddress& address) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8 | address.bytes[i];
    return number;
}
Address6 ip6_number(const IpAddress& address) {
    Address6 number{0, 0};
    for (std::size_t i = 0; i < 8; ++i) {
        number.first = number.first << 8 | address.bytes[i];
        number.second = number.second << 8 | address.bytes[i + 8];
    }
    return number;
}

class Lowering {
public:
    Lowering(const policy::TypedPolicy& policy, packet::Direction direction)
        : policy_(policy), direction_(direction), lowered_(policy.exprs.size()) {
        decision_.predicates.reserve(2 * policy.exprs.size());  // a comparison is presence and test
    }

    Decision run(std::vector<bpf::IfaceCondition> ifaces) {
        decision_.direction = direction_;
        decision_.ifaces = std::move(ifaces);
        decision_.reads = policy::fields_read(policy_, direction_);
        decision_.needs = decision_.reads.needs();
        add_flows();
        for (const policy::Rule& rule : policy_.rules) add_rule(rule);
        add_throttles();
        add_record();
        decision_.default_verdict = policy::verdict_number(policy_.default_verdict.kind);
        decision_.malformed_verdict = policy::verdict_number(policy_.malformed_verdict.kind);
        if (policy_.has_egress())
            decision_.egress_verdict =
                policy::verdict_number(policy_.last_verdict(packet::Direction::kOut, false).kind);
        return std::move(decision_);
    }

private:
    void add_rule(const policy::Rule& typed) {
        if (typed.direction != direction_) return add_rule_of_other_direction(typed);
        Rule rule;
        rule.predicate = predicate(typed.condition);
        rule.has_verdict = typed.verdict.has_value();
        if (typed.verdict) rule.verdict = policy::verdict_number(typed.verdict->kind);
        rule.decides = typed.decides();
        rule.observe = typed.observe;
        for (const policy::StateTerm& term : typed.terms) rule.terms.push_back(state_term(typed, term));
        for (const policy::SetChange& change : typed.changes) rule.changes.push_back(set_change(change));
        for (const policy::Measure& measure : typed.measures) rule.measures.push_back(add_measure(measure));
        for (const policy::AlertAction& action : typed.alerts)
            rule.alerts.push_back({static_cast<std::uint32_t>(action.alert), action.sample});
        if (!rule.alerts.empty()) decision_.needs |= WEIR_NEED_HEADERS;
        rule.captures = typed.capture.has_value();
        for (const policy::AlertAction& action : typed.alerts)
            for (const FieldId field :
                 policy::event_fields(policy_, policy_.alerts[static_cast<std::size_t>(action.alert)]))
                add_to_events(field);
        decision_.rules.push_back(std::move(rule));
    }

    // Its terms and changes are numbered like all of them; nothing is read for them.
    void add_rule_of_other_direction(const policy::Rule& typed) {
        const std::uint32_t needs = decision_.needs;
        for (const policy::StateTerm& term : typed.terms) state_term(typed, term);
        for (const policy::SetChange& change : typed.changes) set_change(change);
        for (const policy::Measure& measure : typed.measures) add_measure(measure);
        decision_.needs = needs;
        Rule rule;
        rule.predicate = add(Constant{false});
        decision_.rules.push_back(std::move(rule));
    }

    // Packets of both directions are entered, whichever rules read flows.
    void add_flows() {
        if (!policy_.reads_flows) return;
        const packet::FieldSet reads = policy::fields_read(policy_);
        decision_.needs |= WEIR_NEED_FLOW;
        if (reads.contains(FieldId::kFlowAge)) decision_.flow_reads |= WEIR_FLOW_READS_AGE;
        if (reads.contains(FieldId::kFlowRtt)) decision_.flow_reads |= WEIR_FLOW_READS_RTT;
        if (!reads.contains(FieldId::kHttpLatency)) return;
        decision_.flow_reads |= WEIR_FLOW_READS_LATENCY;
        decision_.needs |= WEIR_NEED_FLOW_HTTP;
    }

    // What events must carry where user space reads the field.
    void add_to_events(FieldId id) {
        if (is_inside(packet::offset(id))) decision_.needs |= WEIR_NEED_EVENT_INSIDE;
        if (packet::field(id).type == packet::Type::kText && id != FieldId::kIface)
            decision_.needs |= WEIR_NEED_EVENT_TEXTS;
    }

    void add_throttles() {
        decision_.throttles_size = policy_.throttles_size;
        std::vector<bool> is_raised(policy_.alerts.size()), is_raised_here(policy_.alerts.size());
        for (const policy::Rule& rule : policy_.rules)
            for (const policy::AlertAction& action : rule.alerts) {
                is_raised[static_cast<std::size_t>(action.alert)] = true;
                if (rule.direction == direction_) is_raised_here[static_cast<std::size_t>(action.alert)] = true;
            }
        for (std::uint32_t alert = 0; alert < policy_.alerts.size(); ++alert) {
            const auto& throttle = policy_.alerts[alert].throttle;
            if (!throttle || !is_raised[alert]) continue;
            const std::uint32_t needs = decision_.needs;
            decision_.throttles.push_back({alert, packet_key(throttle->keys), throttle->limit, throttle->unit_ns,
                                           policy::identity(policy_.alerts[alert])});
            if (!is_raised_here[alert]) decision_.needs = needs;
        }
    }

    void add_record() {
        if (!policy_.record) return;
        decision_.record = {policy_.record->bytes, policy_.record->packets, {}};
        // Packets of this direction have the keys of both: a rule of the other one may capture them.
        for (const auto& keys : policy::capture_keys(policy_)) {
            for (const policy::KeyField& key : keys) decision_.reads.add(key.field);
            decision_.record.keys.push_back(packet_key(keys));
        }
        decision_.needs |= decision_.reads.needs();
    }

    PacketKey packet_key(const std::vector<policy::KeyField>& fields) {
        PacketKey key;
        for (const policy::KeyField& field : fields) {
            key.present |= bit(field.field);
            key.parts.push_back(is_name_or_text(packet::field(field.field).type) ? print_part(field.field)
                                                                                 : key_part(field.field));
            key.parts.back().bits = field.bits;
        }
        key.present.remove(WEIR_HAS_ALWAYS);
        return key;
    }
    StateTerm typed_term(const policy::StateTerm& typed, std::string identity) {
        StateTerm term{typed.kind,  typed.within, packet_key(typed.keys), {}, typed.limit, typed.unit_ns,
                       typed.burst, typed.size,   std::move(identity)};
        if (typed.value) term.value = packet_key({*typed.value});
        term.least = typed.least;
        return term;
    }
    std::uint32_t state_term(const policy::Rule& rule, const policy::StateTerm& typed) {
        StateTerm term = typed_term(typed, policy::identity(policy_, rule, typed));
        if (typed.condition != policy::kNoExpr && rule.direction == direction_)
            term.condition = predicate(typed.condition);
        // The same term once more in a rule counts by itself.
        const std::uint32_t times = ++identities_[term.identity];
        if (times > 1) term.identity += " #" + std::to_string(times);
        decision_.terms.push_back(std::move(term));
        return static_cast<std::uint32_t>(decision_.terms.size() - 1);
    }
    std::uint32_t add_measure(const policy::Measure& typed) {
        decision_.measures.push_back({packet_key(typed.keys),
                                      packet_key(std::vector<policy::KeyField>{{typed.field, {}}}), typed.size,
                                      policy::identity(typed)});
        return static_cast<std::uint32_t>(decision_.measures.size() - 1);
    }
    std::uint32_t set_change(const policy::SetChange& typed) {
        const auto key = std::tuple(typed.adds, typed.set, typed.for_ns, typed.keys);
        const auto [at, added] = changes_.try_emplace(key, static_cast<std::uint32_t>(decision_.changes.size()));
        if (added)
            decision_.changes.push_back(
                {typed.adds, static_cast<std::uint32_t>(typed.set), typed.for_ns, packet_key(typed.keys)});
        return at->second;
    }

    PredicateId add(decltype(Predicate::node) node) {
        decision_.predicates.push_back({std::move(node)});
        return static_cast<PredicateId>(decision_.predicates.size() - 1);
    }
    // A named condition is lowered once, however often it is used.
    PredicateId predicate(policy::ExprId id) {
        std::optional<PredicateId>& known = lowered_[static_cast<std::size_t>(id)];
        if (known) return *known;
        const PredicateId lowered = std::visit([this](const auto& node) { return lower(node); }, policy_.expr(id).node);
        known = lowered;
        return lowered;
    }

    static Word word(FieldId id) {
        const packet::Field& field = packet::field(id);
        return {packet::offset(id), field.size, field.shift, field.mask};
    }
    static Word word(const policy::Number& number) {
        Word plain = word(number.field);
        plain.mask &= number.mask;
        return plain;
    }
    static AddressRef address(FieldId id) {
        const packet::Field& field = packet::field(id);
        return {packet::offset(id), field.size > 4};
    }
    static SetKeyPart key_part(FieldId id) {
        SetKeyPart part;
        part.is_address = packet::field(id).type == packet::Type::kIp;
        if (part.is_address)
            part.address = address(id);
        else
            part.word = word(id);
        return part;
    }
    // A name or text as part of a key.
    SetKeyPart print_part(FieldId id) {
        decision_.needs |= WEIR_NEED_PRINTS;
        SetKeyPart part;
        part.word = {packet::print_offset(id), sizeof(std::uint64_t), 0, ~std::uint64_t{0}};
        return part;
    }
    // What a packet that goes this way never has says so by a bit that none has.
    PresentBits bit(FieldId id) const {
        const bool is_lacking = direction_ == packet::Direction::kOut && id == FieldId::kRxQueue;
        return {is_lacking ? WEIR_HAS_NEVER : packet::present_bit(id)};
    }

    // `node`, where the fields of `bits` are there.
    PredicateId where(PresentBits bits, PredicateId node, bool negated) {
        if (bits.has(WEIR_HAS_NEVER)) return add(Constant{false});
        if (negated) node = add(Negation{node});
        bits.remove(WEIR_HAS_ALWAYS);
        if (bits.empty()) return node;
        return add(AllOf{{add(Present{bits}), node}});
    }

    template <typename Wanted>
    PredicateId junction(const std::vector<policy::ExprId>& operands) {
        Wanted wanted;
        for (const policy::ExprId operand : operands) wanted.operands.push_back(predicate(operand));
        return add(std::move(wanted));
    }
    PredicateId lower(const policy::Constant& node) { return add(Constant{node.value}); }
    PredicateId lower(const policy::And& node) { return junction<AllOf>(node.operands); }
    PredicateId lower(const policy::Or& node) { return junction<AnyOf>(node.operands); }
    PredicateId lower(const policy::Not& node) { return add(Negation{predicate(node.operand)}); }

    PredicateId lower(const policy::Flag& node) {
        // A protocol's bit says both that it is there and that it is true.
        if (packet::is_presence(node.field)) return node.value ? add(Present{bit(node.field)}) : add(Constant{false});
        return where(bit(node.field), add(InRanges{word(node.field), {{node.value ? 1 : 0, node.value ? 1 : 0}}}),
                     false);
    }
    PredicateId lower(const policy::FlagCompare& node) {
        const PredicateId same =
            add(Compare{word(node.lhs), node.negated ? Relation::kNe : Relation::kEq, word(node.rhs)});
        return where(bit(node.lhs) | bit(node.rhs), same, false);
    }
    PredicateId lower(const policy::NumberCompare& node) {
        static_assert(same_numbers<policy::Relation, Relation>({{policy::Relation::kEq, Relation::kEq},
                                                                {policy::Relation::kNe, Relation::kNe},
                                                                {policy::Relation::kLt, Relation::kLt},
                                                                {policy::Relation::kLe, Relation::kLe},
                                                                {policy::Relation::kGt, Relation::kGt},
                                                                {policy::Relation::kGe, Relation::kGe}}));
        const auto relation = static_cast<Relation>(node.relation);
        return where(bit(node.lhs.field) | bit(node.rhs.field), add(Compare{word(node.lhs), relation, word(node.rhs)}),
                     false);
    }
    PredicateId lower(const policy::NumberIn& node) {
        return where(bit(node.number.field), add(InRanges{word(node.number), node.ranges}), node.negated);
    }
    PredicateId lower(const policy::AddressCompare& node) {
        return where(bit(node.lhs) | bit(node.rhs), add(AddressEqual{address(node.lhs), address(node.rhs)}),
                     node.negated);
    }
    PredicateId lower(const policy::AddressIn& node) {
        AddressIn in{address(node.field), {}, {}};
        for (const IpRange& range : node.ranges) {
            if (range.first.version == 4)
                in.ranges4.push_back({ip4_number(range.first), ip4_number(range.last)});
            else
                in.ranges6.push_back({ip6_number(range.first), ip6_number(range.last)});
        }
        return where(bit(node.field), add(std::move(in)), node.negated);
    }
    PredicateId lower(const policy::MacCompare& node) {
        return where(bit(node.lhs) | bit(node.rhs), add(Compare{word(node.lhs), Relation::kEq, word(node.rhs)}),
                     node.negated);
    }
    PredicateId lower(const policy::MacIn& node) {
        InRanges in{word(node.field), {}};
        for (const auto& [first, last] : node.ranges) in.ranges.push_back({first, last});
        return where(bit(node.field), add(std::move(in)), node.negated);
    }
    PredicateId lower(const policy::InSet& node) {
        InSet in{static_cast<std::uint32_t>(node.set), {}};
        PresentBits bits;
        for (const FieldId id : node.keys) {
            bits |= bit(id);
            in.key.push_back(key_part(id));
        }
        return where(bits, add(std::move(in)), node.negated);
    }
    PredicateId lower(const policy::IfaceMatch& node) {
        using policy::BytesOp, bpf::IfaceOp;
        static_assert(same_numbers<BytesOp, IfaceOp>({{BytesOp::kEq, IfaceOp::kEq},
                                                      {BytesOp::kContains, IfaceOp::kContains},
                                                      {BytesOp::kStartsWith, IfaceOp::kStartsWith},
                                                      {BytesOp::kEndsWith, IfaceOp::kEndsWith},
                                                      {BytesOp::kContainsNocase, IfaceOp::kContainsNocase},
                                                      {BytesOp::kStartsWithNocase, IfaceOp::kStartsWithNocase},
                                                      {BytesOp::kEndsWithNocase, IfaceOp::kEndsWithNocase}}));
        const bpf::IfaceCondition condition{static_cast<bpf::IfaceOp>(node.op), node.text};
        const auto same = [&](const bpf::IfaceCondition& c) {
            return c.op == condition.op && c.text == condition.text;
        };
        auto found = std::find_if(decision_.ifaces.begin(), decision_.ifaces.end(), same);
        if (found == decision_.ifaces.end()) found = decision_.ifaces.insert(found, condition);
        const auto number = static_cast<std::uint32_t>(found - decision_.ifaces.begin());
        return where(bit(FieldId::kIface), add(IfaceBit{number}), node.negated);
    }
    PredicateId lower(const policy::PayloadMatch& node) {
        using policy::BytesOp;
        static_assert(same_numbers<BytesOp, PayloadOp>({{BytesOp::kEq, PayloadOp::kEq},
                                                        {BytesOp::kContains, PayloadOp::kContains},
                                                        {BytesOp::kStartsWith, PayloadOp::kStartsWith},
                                                        {BytesOp::kEndsWith, PayloadOp::kEndsWith},
                                                        {BytesOp::kContainsNocase, PayloadOp::kContainsNocase},
                                                        {BytesOp::kStartsWithNocase, PayloadOp::kStartsWithNocase},
                                                        {BytesOp::kEndsWithNocase, PayloadOp::kEndsWithNocase}}));
        return where(bit(FieldId::kPayload), add(PayloadMatch{static_cast<PayloadOp>(node.op), node.bytes}),
                     node.negated);
    }
    PredicateId lower(const policy::TextMatch& node) {
        TextMatch match{word(node.field), packet::field(node.field).type == packet::Type::kDomain,
                        static_cast<PayloadOp>(node.op), node.text};
        if (match.is_name && !node.text.empty())
            match.labels = 1 + static_cast<std::uint32_t>(std::count(node.text.begin(), node.text.end(), '.'));
        return where(bit(node.field), add(std::move(match)), node.negated);
    }
    PredicateId lower(const policy::TextCompare& node) {
        const PredicateId same =
            node.lhs == node.rhs ? add(Constant{true}) : add(TextEqual{word(node.lhs), word(node.rhs)});
        return where(bit(node.lhs) | bit(node.rhs), same, node.negated);
    }
    PredicateId lower(const policy::PayloadSlice& node) {
        // The slice is there only where the payload reaches its end.
        const std::uint64_t end = node.offset + node.bytes.size();
        const PredicateId reaches = add(InRanges{word(FieldId::kPayloadLen), {{end, ~std::uint64_t{0}}}});
        const PredicateId is = where({}, add(PayloadSlice{node.offset, node.bytes}), node.negated);
        return where(bit(FieldId::kPayload), add(AllOf{{reaches, is}}), false);
    }

    const policy::TypedPolicy& policy_;
    packet::Direction direction_;
    Decision decision_;
    std::vector<std::optional<PredicateId>> lowered_;            // by policy::ExprId
    std::unordered_map<std::string, std::uint32_t> identities_;  // terms so far that are the same
    std::map<std::tuple<bool, policy::SetId, std::uint64_t, std::vector<policy::KeyField>>, std::uint32_t> changes_;
};

}  // namespace

Decision lower(const policy::TypedPolicy& policy) { return Lowering(policy, packet::Direction::kIn).run({}); }

Decision lower_egress(const policy::TypedPolicy& policy, Decision& in) {
    Decision out = Lowering(policy, packet::Direction::kOut).run(in.ifaces);
    in.ifaces = out.ifaces;
    return out;
}

}  // namespace weir::ir
