// Tested by tests/unit/analysis/probe_frames_test.cpp.
#include "compiler/oracle/evaluate.h"

#include <algorithm>

#include "compiler/policy/reads.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/check.h"

namespace weir::oracle {
namespace {

// Nothing where the packet lacks one of them.
std::optional<KeyValue> values_of(const std::vector<packet::FieldId>& fields, const packet::Packet& packet) {
    KeyValue values;
    for (const packet::FieldId field : fields) {
        const auto& value = packet.value(field);
        if (!value) return std::nullopt;
        values.push_back(*value);
    }
    return values;
}

// The field's value, of an address its first bits and zeros behind them. Nothing where the packet lacks it.
std::optional<packet::FieldValue> value_of(const policy::KeyField& key, const packet::Packet& packet) {
    std::optional<packet::FieldValue> value = packet.value(key.field);
    if (!value) return std::nullopt;
    if (const auto* address = std::get_if<IpAddress>(&*value))
        return first_bits(*address, address->version == 4 ? key.bits.ip4 : key.bits.ip6);
    return value;
}

std::optional<KeyValue> values_of(const std::vector<policy::KeyField>& keys, const packet::Packet& packet) {
    KeyValue values;
    for (const policy::KeyField& key : keys) {
        auto value = value_of(key, packet);
        if (!value) return std::nullopt;
        values.push_back(std::move(*value));
    }
    return values;
}

// Whether a condition holds for a packet. One overload a kind of condition; a comparison with an absent field is
// false, negated or not.
class Evaluation {
public:
    Evaluation(const policy::TypedPolicy& policy, const OracleState& state, const packet::Packet& packet,
               std::uint64_t now_ns)
        : policy_(policy), state_(state), packet_(packet), now_ns_(now_ns) {}

    bool holds(policy::ExprId id) const {
        return std::visit([this](const auto& node) { return holds(node); }, policy_.expr(id).node);
    }

private:
    std::optional<std::uint64_t> number(const policy::Number& number) const {
        const auto& value = packet_.value(number.field);
        if (!value) return std::nullopt;
        if (packet::is_name_or_text(packet::field(number.field).type)) return text(number.field)->size() & number.mask;
        return std::get<std::uint64_t>(*value) & number.mask;
    }
    template <typename T>
    std::optional<T> value(packet::FieldId field) const {
        const auto& found = packet_.value(field);
        if (!found) return std::nullopt;
        return std::get<T>(*found);
    }
    // Of a name its labels with dots between them.
    std::optional<std::string> text(packet::FieldId field) const {
        const auto& found = packet_.value(field);
        if (!found) return std::nullopt;
        if (const auto* name = std::get_if<packet::DomainName>(&*found)) return name->text();
        return std::get<std::string>(*found);
    }
    template <typename T>
    bool equal(packet::FieldId lhs, packet::FieldId rhs, bool negated) const {
        const auto left = value<T>(lhs), right = value<T>(rhs);
        return left && right && (*left == *right) != negated;
    }

    bool holds(const policy::Constant& node) const { return node.value; }
    bool holds(const policy::And& node) const {
        return std::all_of(node.operands.begin(), node.operands.end(), [this](policy::ExprId id) { return holds(id); });
    }
    bool holds(const policy::Or& node) const {
        return std::any_of(node.operands.begin(), node.operands.end(), [this](policy::ExprId id) { return holds(id); });
    }
    bool holds(const policy::Not& node) const { return !holds(node.operand); }

    bool holds(const policy::Flag& node) const {
        const auto flag = value<bool>(node.field);
        return flag && *flag == node.value;
    }
    bool holds(const policy::FlagCompare& node) const { return equal<bool>(node.lhs, node.rhs, node.negated); }

    bool holds(const policy::NumberCompare& node) const {
        const auto left = number(node.lhs), right = number(node.rhs);
        if (!left || !right) return false;
        switch (node.relation) {
            case policy::Relation::kEq: return *left == *right;
            case policy::Relation::kNe: return *left != *right;
            case policy::Relation::kLt: return *left < *right;
            case policy::Relation::kLe: return *left <= *right;
            case policy::Relation::kGt: return *left > *right;
            case policy::Relation::kGe: break;
        }
        return *left >= *right;
    }
    bool holds(const policy::NumberIn& node) const {
        const auto found = number(node.number);
        if (!found) return false;
        const bool in = std::any_of(node.ranges.begin(), node.ranges.end(),
                                    [&](const auto& range) { return range.first <= *found && *found <= range.second; });
        return in != node.negated;
    }

    bool holds(const policy::AddressCompare& node) const { return equal<IpAddress>(node.lhs, node.rhs, node.negated); }
    bool holds(const policy::AddressIn& node) const {
        const auto address = value<IpAddress>(node.field);
        if (!address) return false;
        const bool in = std::any_of(node.ranges.begin(), node.ranges.end(), [&](const IpRange& range) {
            return range.first.version == address->version && range.first <= *address && *address <= range.last;
        });
        return in != node.negated;
    }
    bool holds(const policy::MacCompare& node) const { return equal<std::uint64_t>(node.lhs, node.rhs, node.negated); }
    bool holds(const policy::MacIn& node) const {
        const auto mac = value<std::uint64_t>(node.field);
        if (!mac) return false;
        const bool in = std::any_of(node.ranges.begin(), node.ranges.end(),
                                    [&](const auto& range) { return range.first <= *mac && *mac <= range.second; });
        return in != node.negated;
    }

    bool holds(const policy::InSet& node) const {
        const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
        const auto key = values_of(node.keys, packet_);
        if (!key) return false;
        const auto live = state_.sets.find(static_cast<std::uint32_t>(node.set));
        const bool in =
            live != state_.sets.end() ? live->second.has(whole(live->second, *key), now_ns_) : has(set, *key);
        return in != node.negated;
    }
    // Its address as the longest net there is.
    static SetKey whole(const LiveSet& set, const KeyValue& values) {
        if (!set.net_part()) return {values};
        const bool is_ip4 = std::get<IpAddress>(values[*set.net_part()]).version == 4;
        return {values, is_ip4 ? std::uint8_t{32} : std::uint8_t{128}};
    }
    static bool has(const policy::Set& set, const std::vector<packet::FieldValue>& key) {
        if (const auto* name = std::get_if<packet::DomainName>(&key.front()))
            return has_name(set.entries.names(), *name);
        if (const auto* text = std::get_if<std::string>(&key.front())) return has_text(set.entries.names(), *text);
        if (set.types.size() > 1) return has_row(set, key);
        if (set.types.front() == policy::SetType::kIp || set.types.front() == policy::SetType::kNet)
            return has_net(set.entries, std::get<IpAddress>(key.front()));
        const auto& numbers = set.entries.numbers();
        return std::binary_search(numbers.begin(), numbers.end(), std::get<std::uint64_t>(key.front()));
    }
    // Are the last labels of the name an entry, or all of them?
    static bool has_name(const policy::NameList& names, const packet::DomainName& name) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::vector<std::string> labels = packet::domain_of_text(names[i]).labels;
            if (labels.size() <= name.labels.size() && std::equal(labels.rbegin(), labels.rend(), name.labels.rbegin()))
                return true;
        }
        return false;
    }
    static bool has_text(const policy::NameList& texts, std::string_view text) {
        for (std::size_t i = 0; i < texts.size(); ++i)
            if (texts[i] == text) return true;
        return false;
    }
    // Is the address's network of any length an entry?
    static bool has_net(const policy::SetEntries& entries, const IpAddress& address) {
        for (std::uint8_t length = 0; length <= (address.version == 4 ? 32 : 128); ++length) {
            const IpAddress net = network({address, length}).address;
            const bool in =
                address.version == 4
                    ? std::binary_search(entries.nets4().begin(), entries.nets4().end(), policy::net4_of(net, length))
                    : std::binary_search(entries.nets6().begin(), entries.nets6().end(), policy::net6_of(net, length));
            if (in) return true;
        }
        return false;
    }
    static bool has_row(const policy::Set& set, const std::vector<packet::FieldValue>& key) {
        const auto& rows = set.entries.rows();
        for (std::size_t at = 0; at < rows.size(); at += key.size()) {
            std::size_t same = 0;
            while (same < key.size() && matches(set.types[same], rows[at + same], key[same])) ++same;
            if (same == key.size()) return true;
        }
        return false;
    }
    static bool matches(policy::SetType type, const policy::SetElement& element, const packet::FieldValue& value) {
        if (type == policy::SetType::kIp) return std::get<IpAddress>(value) == element.address;
        if (type != policy::SetType::kNet) return std::get<std::uint64_t>(value) == element.number;
        const IpAddress& address = std::get<IpAddress>(value);
        if (address.version != element.address.version) return false;
        return network({address, element.prefix_length}).address == element.address;
    }

    static std::string in_small_letters(std::string_view text) {
        std::string small(text);
        for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        return small;
    }
    static bool matches(policy::BytesOp op, std::string_view text, std::string_view literal) {
        switch (op) {
            case policy::BytesOp::kContainsNocase:
                return matches(policy::BytesOp::kContains, in_small_letters(text), in_small_letters(literal));
            case policy::BytesOp::kStartsWithNocase:
                return matches(policy::BytesOp::kStartsWith, in_small_letters(text), in_small_letters(literal));
            case policy::BytesOp::kEndsWithNocase:
                return matches(policy::BytesOp::kEndsWith, in_small_letters(text), in_small_letters(literal));
            case policy::BytesOp::kEq: return text == literal;
            case policy::BytesOp::kContains: return text.find(literal) != std::string_view::npos;
            case policy::BytesOp::kStartsWith: return text.starts_with(literal);
            case policy::BytesOp::kEndsWith: break;
        }
        return text.ends_with(literal);
    }
    bool holds(const policy::IfaceMatch& node) const {
        const auto name = value<std::string>(packet::FieldId::kIface);
        return name && matches(node.op, *name, node.text) != node.negated;
    }
    bool holds(const policy::TextMatch& node) const {
        const auto found = text(node.field);
        if (!found) return false;
        const auto& value = packet_.value(node.field);
        // A dot within a label is no dot between labels.
        if (const auto* name = std::get_if<packet::DomainName>(&*value); name && node.op == policy::BytesOp::kEq)
            return (*name == packet::domain_of_text(node.text)) != node.negated;
        return matches(node.op, *found, node.text) != node.negated;
    }
    bool holds(const policy::TextCompare& node) const {
        const auto left = text(node.lhs), right = text(node.rhs);
        return left && right && (*left == *right) != node.negated;
    }
    bool holds(const policy::PayloadMatch& node) const {
        constexpr std::size_t kSearched = 512;  // bytes that `contains` looks at
        const auto payload = value<std::string>(packet::FieldId::kPayload);
        if (!payload) return false;
        std::string_view looked_at = *payload;
        if (policy::is_contains(node.op)) looked_at = looked_at.substr(0, kSearched);
        return matches(node.op, looked_at, node.bytes) != node.negated;
    }
    bool holds(const policy::PayloadSlice& node) const {
        const auto payload = value<std::string>(packet::FieldId::kPayload);
        if (!payload || payload->size() < node.offset + node.bytes.size()) return false;
        return (payload->compare(node.offset, node.bytes.size(), node.bytes) == 0) != node.negated;
    }

    const policy::TypedPolicy& policy_;
    const OracleState& state_;
    const packet::Packet& packet_;
    std::uint64_t now_ns_;
};

}  // namespace

bool Oracle::holds(policy::ExprId condition, const packet::Packet& packet, std::uint64_t time_ns) const {
    return Evaluation(policy_, state_, packet, time_ns).holds(condition);
}

bool Oracle::contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns) const {
    const policy::Set& typed = policy_.sets[static_cast<std::size_t>(set)];
    SetKey key;
    for (std::size_t i = 0; i < entry.size(); ++i) key.values.push_back(field_value(typed.types[i], entry[i]));
    const auto live = state_.sets.find(static_cast<std::uint32_t>(set));
    if (live != state_.sets.end() && live->second.net_part())
        key.net_length = entry[*live->second.net_part()].prefix_length;
    return live != state_.sets.end() && live->second.has(key, time_ns);
}

std::uint64_t Oracle::evictions() const { return state_.evictions() + flows_.evictions(); }

bool Oracle::raise(policy::AlertId alert, const packet::Packet& packet, std::uint64_t time_ns, Judgement& judgement) {
    judgement.alerts.push_back(alert);
    judgement.suppressed.push_back(0);
    const auto number = static_cast<std::uint32_t>(alert);
    const std::optional<policy::StateTerm>& throttle = policy_.alerts[number].throttle;
    if (!throttle) return true;
    const auto key = values_of(throttle->keys, packet);
    judgement.suppressed.back() = state_.throttles.passes(number, *throttle, key, time_ns);
    return judgement.suppressed.back() != kHeldBack;
}

// Each term counts only the packets for which all before it hold.
std::optional<std::uint32_t> Oracle::failed_term(std::uint32_t rule, const packet::Packet& packet,
                                                 std::uint64_t time_ns) {
    const std::vector<policy::StateTerm>& terms = policy_.rules[rule].terms;
    const std::uint64_t bytes = std::get<std::uint64_t>(*packet.value(packet::FieldId::kPacketLen));
    for (std::uint32_t i = 0; i < terms.size(); ++i) {
        const auto key = values_of(terms[i].keys, packet);
        TermState::Seen seen{bytes, {}, false, time_ns};
        if (terms[i].value) {
            seen.value = value_of(*terms[i].value, packet);
            if (!seen.value) return i;
        }
        if (terms[i].condition != policy::kNoExpr) seen.is_hit = holds(terms[i].condition, packet, time_ns);
        if (!key || state_.terms[{rule, i}].exceeds(terms[i], *key, seen) == terms[i].within) return i;
    }
    return std::nullopt;
}

bool Oracle::matches(std::uint32_t rule, const packet::Packet& packet, std::uint64_t time_ns) {
    Tried tried{policy::RuleId{rule}, holds(policy_.rules[rule].condition, packet, time_ns), {}, packet, time_ns};
    if (tried.holds) tried.failed_term = failed_term(rule, packet, time_ns);
    if (watch_) watch_(*this, tried);
    return tried.is_matched();
}

TermState::Reading Oracle::last_reading(policy::RuleId rule, std::uint32_t term) const {
    const auto found = state_.terms.find({static_cast<std::uint32_t>(rule), term});
    return found == state_.terms.end() ? TermState::Reading{} : found->second.last();
}

void Oracle::change(const policy::SetChange& change, const packet::Packet& packet, std::uint64_t time_ns) {
    const auto values = values_of(change.keys, packet);
    LiveSet& set = state_.sets.at(static_cast<std::uint32_t>(change.set));
    if (!values) return;
    SetKey key{*values};
    if (const auto net = set.net_part()) {
        const policy::AddressBits& bits = change.keys[*net].bits;
        key.net_length = std::get<IpAddress>((*values)[*net]).version == 4 ? bits.ip4 : bits.ip6;
    }
    if (change.adds)
        set.add(key, change.for_ns, time_ns);
    else
        set.remove(key);
}

Oracle::Oracle(const policy::TypedPolicy& policy) : policy_(policy), state_(policy), flows_(policy.flows_size) {
    // Where rules of one direction read no name, packets that go that way leave no trace of one.
    if (!policy.has_egress()) return;
    using packet::FieldId;
    for (const packet::Direction direction : packet::kDirections) {
        const packet::FieldSet reads = policy::fields_read(policy, direction);
        bool& walks = walks_tls_[static_cast<std::size_t>(direction)] = false;
        for (const FieldId field : {FieldId::kTls, FieldId::kTlsIsClientHello, FieldId::kTlsSni, FieldId::kTlsIsCut})
            walks = walks || reads.contains(field);
    }
}

void Oracle::measure(const policy::Measure& measure, const packet::Packet& packet) {
    const auto& value = packet.value(measure.field);
    const auto key = values_of(measure.keys, packet);
    if (value && key) state_.measures[measure.name].add(*key, measure.size, std::get<std::uint64_t>(*value));
}

Judgement Oracle::judge(const packet::Packet& packet, std::uint64_t time_ns, packet::Direction direction) {
    Judgement judgement;
    judgement.by_malformed = packet.malformed() && direction == packet::Direction::kIn;
    judgement.verdict = policy_.last_verdict(direction, judgement.by_malformed);
    std::vector<const policy::SetChange*> changes, responses;
    for (std::uint32_t i = 0; i < policy_.rules.size() && !judgement.rule; ++i) {
        const policy::Rule& rule = policy_.rules[i];
        if (rule.direction != direction) continue;
        if (!matches(i, packet, time_ns)) continue;
        judgement.matched.push_back(policy::RuleId{i});
        for (std::uint32_t action = 0; action < rule.alerts.size(); ++action)
            if (state_.reached[{i, action}]++ % rule.alerts[action].sample == 0)
                if (raise(rule.alerts[action].alert, packet, time_ns, judgement) && !rule.observe)
                    for (const policy::SetChange& wanted :
                         policy_.alerts[static_cast<std::size_t>(rule.alerts[action].alert)].responses)
                        responses.push_back(&wanted);
        for (const policy::SetChange& wanted : rule.changes) changes.push_back(&wanted);
        for (const policy::Measure& wanted : rule.measures) measure(wanted, packet);
        if (!rule.decides()) continue;
        judgement.verdict = *rule.verdict;
        judgement.rule = policy::RuleId{i};
        judgement.by_malformed = false;
    }
    for (const policy::SetChange* wanted : changes) change(*wanted, packet, time_ns);
    for (const policy::SetChange* wanted : responses) change(*wanted, packet, time_ns);
    return judgement;
}

Judgement Oracle::judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface,
                        packet::Direction direction) {
    packet::Packet packet(frame);
    if (direction == packet::Direction::kOut) packet.set_outgoing();
    if (!interface.empty()) packet.set_interface(std::string(interface));
    if (walks_tls_[static_cast<std::size_t>(direction)]) tls_walks_.read(packet, time_ns);
    if (!policy_.reads_flows) return judge(packet, time_ns, direction);
    flows_.look_up(packet, time_ns);
    Judgement judgement = judge(packet, time_ns, direction);
    if (judgement.verdict.kind != policy::VerdictKind::kDrop)
        flows_.enter(
            packet, time_ns, direction,
            judgement.verdict.kind == policy::VerdictKind::kReject ? Flows::As::kRejected : Flows::As::kPassed);
    return judgement;
}

}  // namespace weir::oracle
