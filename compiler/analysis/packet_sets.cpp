// Tested by tests/unit/analysis/packet_sets_test.cpp.
#include "compiler/analysis/packet_sets.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/hash.h"

namespace weir::analysis {
namespace {

constexpr std::size_t kMaxSpeltEntries = 4096;  // of a literal set of tuples
constexpr std::size_t kMaxRelatedEntries = 64;  // of a literal set of texts (text_facts.cpp)
constexpr std::uint64_t kAll = ~std::uint64_t{0};

}  // namespace

Bdd::Node PacketSets::raw(policy::ExprId condition) {
    const auto id = static_cast<std::size_t>(condition);
    if (known_[id] != kUnknown) return known_[id];
    if (bdd().spent()) return Bdd::kFalse;
    const Bdd::Node set = std::visit([this](const auto& node) { return holds(node); }, policy_.expr(condition).node);
    if (bdd().spent()) return Bdd::kFalse;
    recent_.push_back(condition);
    return known_[id] = set;
}

void PacketSets::forget() {
    for (const policy::ExprId id : recent_) known_[static_cast<std::size_t>(id)] = kUnknown;
    recent_.clear();
}

// The comparison of these fields that holds for `in`, turned round where it is negated; false where one is absent.
Bdd::Node PacketSets::when_present(const std::vector<packet::FieldId>& fields, Bdd::Node in, bool negated) {
    Bdd::Node there = Bdd::kTrue;
    for (const packet::FieldId id : fields) there = bdd().both(there, universe_.present(id));
    return negated ? bdd().without(there, in) : bdd().both(there, in);
}

Bdd::Node PacketSets::raw_matches(const policy::Rule& rule) {
    Bdd::Node packets = bdd().both(universe_.direction(rule.direction), raw(rule.condition));
    for (const policy::StateTerm& term : rule.terms) {
        for (const policy::KeyField& key : term.keys) packets = bdd().both(packets, universe_.present(key.field));
        if (term.value) packets = bdd().both(packets, universe_.present(term.value->field));
    }
    return packets;
}

Bdd::Node PacketSets::matches_with_state(const policy::Rule& rule) {
    Bdd::Node packets = matches(rule);
    for (const policy::StateTerm& term : rule.terms) {
        const std::string text = fmt::format("{} > {} burst {} least {} size {}", policy::identity(policy_, rule, term),
                                             term.limit, term.burst, term.least, term.size);
        const Bdd::Node above = universe_.opaque(text);
        packets = term.within ? bdd().without(packets, above) : bdd().both(packets, above);
    }
    return packets;
}

// ---- comparisons of two values ----

Bdd::Node PacketSets::equal(const Bits& a, const Bits& b) {
    Bdd::Node same = Bdd::kTrue;
    for (std::size_t i = a.size(); i-- > 0 && same != Bdd::kFalse;) {
        const Bdd::Node x = bit(a[i]), y = bit(b[i]);
        same = bdd().either(bdd().both(x, bdd().both(y, same)), bdd().without(bdd().without(same, x), y));
    }
    return same;
}

Bdd::Node PacketSets::less(const Bits& a, const Bits& b) {
    Bdd::Node below = Bdd::kFalse;
    for (std::size_t i = a.size(); i-- > 0;) {
        const Bdd::Node x = bit(a[i]), y = bit(b[i]);
        const Bdd::Node decided = bdd().without(y, x), other = bdd().without(x, y);
        below = bdd().either(decided, bdd().without(below, other));
    }
    return below;
}

// ---- conditions ----

Bdd::Node PacketSets::holds(const policy::Constant& node) { return node.value ? Bdd::kTrue : Bdd::kFalse; }

Bdd::Node PacketSets::holds(const policy::And& node) {
    Bdd::Node all = Bdd::kTrue;
    for (const policy::ExprId id : node.operands) all = bdd().both(all, raw(id));
    return all;
}

Bdd::Node PacketSets::holds(const policy::Or& node) {
    Bdd::Node any = Bdd::kFalse;
    for (const policy::ExprId id : node.operands) any = bdd().either(any, raw(id));
    return any;
}

Bdd::Node PacketSets::holds(const policy::Not& node) { return bdd().complement(raw(node.operand)); }

Bdd::Node PacketSets::holds(const policy::Flag& node) {
    return when_present({node.field}, universe_.number_in(universe_.bits(node.field, 1), {{1, 1}}), !node.value);
}

Bdd::Node PacketSets::holds(const policy::FlagCompare& node) {
    const Bdd::Node left = universe_.number_in(universe_.bits(node.lhs, 1), {{1, 1}}),
                    right = universe_.number_in(universe_.bits(node.rhs, 1), {{1, 1}});
    const Bdd::Node differ = bdd().either(bdd().without(left, right), bdd().without(right, left));
    return when_present({node.lhs, node.rhs}, differ, !node.negated);
}

Bdd::Node PacketSets::holds(const policy::NumberCompare& node) {
    const Bits left = universe_.bits(node.lhs.field, node.lhs.mask);
    const Bits right = universe_.bits(node.rhs.field, node.rhs.mask);
    const std::vector<packet::FieldId> fields{node.lhs.field, node.rhs.field};
    switch (node.relation) {
        case policy::Relation::kEq: return when_present(fields, equal(left, right), false);
        case policy::Relation::kNe: return when_present(fields, equal(left, right), true);
        case policy::Relation::kLt: return when_present(fields, less(left, right), false);
        case policy::Relation::kGe: return when_present(fields, less(left, right), true);
        case policy::Relation::kGt: return when_present(fields, less(right, left), false);
        case policy::Relation::kLe: break;
    }
    return when_present(fields, less(right, left), true);
}

Bdd::Node PacketSets::holds(const policy::NumberIn& node) {
    return when_present({node.number.field},
                        universe_.number_in(universe_.bits(node.number.field, node.number.mask), node.ranges),
                        node.negated);
}

// Where both are addresses: an address is of one version only.
Bdd::Node PacketSets::addresses_equal(packet::FieldId a, packet::FieldId b) {
    const Bdd::Node first = equal(universe_.address_bits(a, 32), universe_.address_bits(b, 32));
    const auto is_both = [](packet::FieldId id) { return packet::field(id).size == 16; };
    const auto version = [&](packet::FieldId id, std::uint32_t bit) {
        if (!is_both(id)) return bit == WEIR_HAS_IP4 ? Bdd::Node{Bdd::kTrue} : Bdd::Node{Bdd::kFalse};
        return universe_.present_bit(bit + (packet::layer_of(id) == packet::Layer::kOuter ? 0 : packet::kInnerPresent));
    };
    Bdd::Node same = bdd().both(first, bdd().both(version(a, WEIR_HAS_IP4), version(b, WEIR_HAS_IP4)));
    if (!is_both(a) || !is_both(b)) return same;
    const Bdd::Node whole = equal(universe_.address_bits(a, 128), universe_.address_bits(b, 128));
    return bdd().either(same, bdd().both(whole, bdd().both(version(a, WEIR_HAS_IP6), version(b, WEIR_HAS_IP6))));
}

Bdd::Node PacketSets::holds(const policy::AddressCompare& node) {
    return when_present({node.lhs, node.rhs}, addresses_equal(node.lhs, node.rhs), node.negated);
}

Bdd::Node PacketSets::holds(const policy::AddressIn& node) {
    return when_present({node.field}, universe_.address_in(node.field, node.ranges), node.negated);
}

Bdd::Node PacketSets::holds(const policy::MacCompare& node) {
    return when_present({node.lhs, node.rhs}, equal(universe_.bits(node.lhs, kAll), universe_.bits(node.rhs, kAll)),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::MacIn& node) {
    return when_present({node.field}, universe_.number_in(universe_.bits(node.field, kAll), node.ranges), node.negated);
}

Bdd::Node PacketSets::entry(const policy::InSet& node, const policy::Set& set,
                            std::span<const policy::SetElement> entry) {
    Bdd::Node all = Bdd::kTrue;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const IpPrefix net{entry[i].address, entry[i].prefix_length};
        const Bdd::Node part =
            set.types[i] == policy::SetType::kIp ? universe_.address_in(node.keys[i], {{net.address, net.address}})
            : set.types[i] == policy::SetType::kNet
                ? universe_.address_in(node.keys[i], {{first_address(net), last_address(net)}})
                : universe_.number_in(universe_.bits(node.keys[i], kAll), {{entry[i].number, entry[i].number}});
        all = bdd().both(all, part);
    }
    return all;
}

// What a set is told apart by. What it holds may change while the policy runs, or with its file.
std::string PacketSets::set_text(policy::SetId id) {
    std::string& text = set_texts_[static_cast<std::uint32_t>(id)];
    if (!text.empty()) return text;
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(id)];
    text = policy::identity(set);
    if (set.dynamic) return text;
    std::string content;
    const auto number = [&content](std::uint64_t value) {
        content.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    const policy::SetEntries& entries = set.entries;
    for (const policy::Net4& net : entries.nets4()) number(std::uint64_t{net.address} << 8 | net.length);
    for (const policy::Net6& net : entries.nets6()) number(net.high), number(net.low), number(net.length);
    for (const std::uint64_t value : entries.numbers()) number(value);
    for (std::size_t i = 0; i < entries.names().size(); ++i) (content += entries.names()[i]) += '\0';
    for (const policy::SetElement& one : entries.rows())
        content += fmt::format("{}/{} {} ", to_string(one.address), one.prefix_length, one.number);
    return text += fmt::format(" {} entries #{:016x}", entries.size(), fnv1a(content));
}

Bdd::Node PacketSets::holds(const policy::InSet& node) {
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
    if (set.dynamic || set.from_file || has_names(set.types) || set.entries.size() > kMaxSpeltEntries) {
        std::string text = "in " + set_text(node.set);
        for (const packet::FieldId id : node.keys) text += fmt::format(" {}", packet::field_name(id));
        if (!has_names(set.types) || set.dynamic || set.from_file)
            return when_present(node.keys, universe_.opaque(text), node.negated);
        TextAtom atom{.kind = TextAtom::Kind::kIn};
        for (std::size_t i = 0; i < set.entries.names().size() && i <= kMaxRelatedEntries; ++i)
            atom.texts.emplace_back(set.entries.names()[i]);
        return when_present(node.keys, text_set(node.keys[0], text, std::move(atom)), node.negated);
    }
    Bdd::Node in = Bdd::kFalse;
    for (std::size_t i = 0; i < set.entries.size(); ++i) in = bdd().either(in, entry(node, set, set.entries.entry(i)));
    return when_present(node.keys, in, node.negated);
}

Bdd::Node PacketSets::text_set(packet::FieldId field, const std::string& name, TextAtom atom) {
    const Bdd::Variable next = universe_.variables();
    atom.variable = universe_.opaque_variable(name);
    const Bdd::Variable variable = atom.variable;
    if (variable >= next) texts_[field].push_back(std::move(atom));
    return bdd().variable(variable);
}

void PacketSets::relate_texts() {
    for (const auto& [field, atoms] : texts_) {
        const Bdd::Node possible = possible_texts(universe_, field, atoms);
        if (possible != Bdd::kTrue && !bdd().spent()) universe_.add_fact(possible);
    }
}

Bdd::Node PacketSets::holds(const policy::IfaceMatch& node) {
    return when_present(
        {packet::FieldId::kIface},
        text_set(packet::FieldId::kIface, fmt::format("iface {} {}", static_cast<int>(node.op), node.text),
                 {.op = node.op, .texts = {node.text}}),
        node.negated);
}

Bdd::Node PacketSets::holds(const policy::PayloadMatch& node) {
    return when_present(
        {packet::FieldId::kPayload},
        text_set(packet::FieldId::kPayload, fmt::format("payload {} {}", static_cast<int>(node.op), node.bytes),
                 {.op = node.op, .texts = {node.bytes}}),
        node.negated);
}

Bdd::Node PacketSets::holds(const policy::TextMatch& node) {
    return when_present(
        {node.field},
        text_set(node.field,
                 fmt::format("text {} {} {}", static_cast<int>(node.field), static_cast<int>(node.op), node.text),
                 {.op = node.op, .texts = {node.text}}),
        node.negated);
}

Bdd::Node PacketSets::holds(const policy::TextCompare& node) {
    if (node.lhs == node.rhs) return when_present({node.lhs}, Bdd::kTrue, node.negated);
    return when_present({node.lhs, node.rhs},
                        universe_.opaque(fmt::format("texts {} {}", static_cast<int>(std::min(node.lhs, node.rhs)),
                                                     static_cast<int>(std::max(node.lhs, node.rhs)))),
                        node.negated);
}

Bdd::Node PacketSets::holds(const policy::PayloadSlice& node) {
    const std::uint64_t needed = node.offset + node.bytes.size();
    const Bdd::Node long_enough = holds(policy::NumberIn{{packet::FieldId::kPayloadLen}, {{needed, kAll}}, false});
    const Bdd::Node equal =
        when_present({packet::FieldId::kPayload},
                     text_set(packet::FieldId::kPayload, fmt::format("slice {} {}", node.offset, node.bytes),
                              {.kind = TextAtom::Kind::kSlice, .offset = node.offset, .texts = {node.bytes}}),
                     node.negated);
    return bdd().both(long_enough, equal);
}

}  // namespace weir::analysis
