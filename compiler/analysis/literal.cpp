// Tested by tests/unit/analysis/policy_diff_test.cpp with `ConditionOf`.
#include "compiler/analysis/literal.h"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_set>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/analysis/value_ranges.h"
#include "compiler/packet/fields.h"
#include "compiler/packet/presence.h"
#include "compiler/policy/reads.h"

namespace weir::analysis {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::size_t kMaxRanges = 64;                                 // of one comparison
constexpr std::size_t kManyNodes = 2048;                               // that take long to look at
constexpr std::size_t kMaxPieces = 32;                                 // of one split
constexpr std::ptrdiff_t kFewFlags = 3;                                // more of them are one number
constexpr std::uint32_t kDeniedRank = 1u << 16, kTermRank = 1u << 17;  // they stand behind the others

std::uint32_t rank_of(packet::FieldId field) { return static_cast<std::uint32_t>(field); }

// Where the comparison's first field stands.
struct Rank {
    std::uint32_t operator()(const policy::Flag& node) const { return rank_of(node.field); }
    std::uint32_t operator()(const policy::NumberIn& node) const { return rank_of(node.number.field); }
    std::uint32_t operator()(const policy::NumberCompare& node) const { return rank_of(node.lhs.field); }
    std::uint32_t operator()(const policy::AddressIn& node) const { return rank_of(node.field); }
    std::uint32_t operator()(const policy::MacIn& node) const { return rank_of(node.field); }
    std::uint32_t operator()(const policy::TextMatch& node) const { return rank_of(node.field); }
    std::uint32_t operator()(const policy::InSet& node) const { return rank_of(node.keys.front()); }
    std::uint32_t operator()(const policy::FlagCompare& node) const { return rank_of(node.lhs); }
    std::uint32_t operator()(const policy::AddressCompare& node) const { return rank_of(node.lhs); }
    std::uint32_t operator()(const policy::MacCompare& node) const { return rank_of(node.lhs); }
    std::uint32_t operator()(const policy::TextCompare& node) const { return rank_of(node.lhs); }
    std::uint32_t operator()(const policy::PayloadMatch&) const { return rank_of(packet::FieldId::kPayload); }
    std::uint32_t operator()(const policy::PayloadSlice&) const { return rank_of(packet::FieldId::kPayload); }
    std::uint32_t operator()(const auto&) const { return 0; }
};

template <typename Function>
void for_each_field(Function function) {
    for (const packet::Layer layer : {packet::Layer::kOuter, packet::Layer::kInner})
        for (const packet::Field& f : packet::fields())
            if (layer == packet::Layer::kOuter || f.layers == packet::Layers::kBoth)
                function(packet::field_id(layer, packet::row_of(f.id)));
}

bool is_either_version(const packet::Field& field) { return field.type == packet::Type::kIp && field.size == 16; }

// A comparison that holds wherever the field is there.
policy::Comparison any_value(packet::FieldId id) {
    const packet::Field& field = packet::field(id);
    if (field.type == packet::Type::kIp)
        return policy::AddressIn{id, {{policy::address_of({}, 4), policy::address_of({0, 0xffffffff}, 4)}}};
    if (field.type == packet::Type::kMac) return policy::MacIn{id, {{0, field.mask}}};
    return policy::NumberIn{{id}, {{0, field.mask}}};
}

// Variables of presence stand before all others.
bool is_presence(Bdd::Variable variable) { return variable < packet::kAllPresent; }

// Both ascending.
bool meet(const std::vector<Bdd::Variable>& a, const std::vector<Bdd::Variable>& b) {
    return std::any_of(a.begin(), a.end(),
                       [&](Bdd::Variable one) { return std::binary_search(b.begin(), b.end(), one); });
}

// The comparison that is not negated: of `!=`, `>=` and `<=` the opposite.
template <typename Node>
void set_positive(Node& node) {
    if constexpr (requires { node.negated; }) node.negated = false;
    if constexpr (requires { node.relation; }) {
        if (node.relation == policy::Relation::kNe) node.relation = policy::Relation::kEq;
        if (node.relation == policy::Relation::kGe) node.relation = policy::Relation::kLt;
        if (node.relation == policy::Relation::kLe) node.relation = policy::Relation::kGt;
    }
}

template <typename Node>
bool turn_round(Node& node) {
    if constexpr (requires { node.relation; }) {
        constexpr policy::Relation kOpposite[] = {policy::Relation::kNe, policy::Relation::kEq, policy::Relation::kGe,
                                                  policy::Relation::kGt, policy::Relation::kLe, policy::Relation::kLt};
        node.relation = kOpposite[static_cast<std::size_t>(node.relation)];
        return true;
    }
    if constexpr (requires { node.negated; }) {
        node.negated = !node.negated;
        return true;
    } else {
        return false;
    }
}

}  // namespace

Literals::Literals(const policy::TypedPolicy& policy, PacketSets& sets, const std::vector<TermVariable>& terms)
    : policy_(policy), sets_(sets), universe_(sets.universe()), terms_(terms) {
    for_each_field([&](packet::FieldId id) {
        const packet::Field& field = packet::field(id);
        const bool is_address = field.type == packet::Type::kIp;
        if (!packet::is_supported(id) || packet::flag_bit(id) || (field.mask == 0 && !is_address)) return;
        Universe::Bits bits = is_address ? universe_.address_bits(id, field.size * 8u) : universe_.bits(id, kAll);
        std::erase(bits, Universe::kNoBit);
        if (!bits.empty()) fields_.push_back({id, std::move(bits)});
    });
}

bool Literals::is_all(Bdd::Node packets, packet::FieldId has) {
    return sets_.bdd().without(packets, sets_.having(has)) == Bdd::kFalse;
}

Bdd::Node Literals::product(const Cube& cube, Bdd::Node care) {
    for (const Literal& literal : cube) care = sets_.bdd().both(care, literal.packets);
    return care;
}

std::optional<Literal> Literals::made(policy::Comparison comparison, bool is_denied) {
    const auto text = policy::comparison_text(policy_, comparison);
    if (!text) return std::nullopt;
    Literal literal;
    const Bdd::Node holds = std::visit([this](const auto& node) { return sets_.where(node); }, comparison);
    literal.packets = is_denied ? sets_.bdd().without(sets_.all(), holds) : holds;
    literal.text = is_denied ? "not " + *text : *text;
    literal.rank = std::visit(Rank{}, comparison) + (is_denied ? kDeniedRank : 0);
    literal.is_denied = is_denied;
    literal.comparison = std::move(comparison);
    return literal;
}

void Literals::add(Cube& cube, policy::Comparison comparison, bool is_denied) {
    if (auto literal = made(std::move(comparison), is_denied))
        cube.push_back(std::move(*literal));
    else
        says_all_ = false;
}

std::optional<Literal> Literals::opposite(const Literal& literal) {
    if (literal.term != nullptr || literal.is_denied) return std::nullopt;
    policy::Comparison turned = literal.comparison;
    if (!std::visit([](auto& node) { return turn_round(node); }, turned)) return std::nullopt;
    return made(std::move(turned), false);
}

// ---- variables ----

// Comparisons of both policies that are not of one field's values, each once.
const std::vector<Literals::Known>& Literals::known() {
    if (known_) return *known_;
    known_.emplace();
    std::unordered_set<std::string> texts;
    for (const policy::Expr& expr : policy_.exprs) {
        const bool is_relation = std::holds_alternative<policy::NumberCompare>(expr.node) ||
                                 std::holds_alternative<policy::AddressCompare>(expr.node) ||
                                 std::holds_alternative<policy::MacCompare>(expr.node) ||
                                 std::holds_alternative<policy::TextCompare>(expr.node) ||
                                 std::holds_alternative<policy::InSet>(expr.node) ||
                                 std::holds_alternative<policy::IfaceMatch>(expr.node) ||
                                 std::holds_alternative<policy::PayloadMatch>(expr.node) ||
                                 std::holds_alternative<policy::PayloadSlice>(expr.node) ||
                                 std::holds_alternative<policy::TextMatch>(expr.node);
        if (!is_relation) continue;
        policy::Comparison positive = expr.node;
        std::visit([](auto& node) { set_positive(node); }, positive);
        auto literal = made(std::move(positive), false);
        std::string key = literal ? literal->text : std::string();
        if (const auto* in = std::get_if<policy::InSet>(&expr.node))
            key += fmt::format(" {}", static_cast<std::uint32_t>(in->set));
        if (!literal || !texts.insert(key).second) continue;
        std::vector<Bdd::Variable> support = sets_.bdd().support(literal->packets);
        std::erase_if(support, is_presence);
        known_->push_back({std::move(*literal), policy::compared_fields(expr), std::move(support)});
    }
    return *known_;
}

// The field to name a bit by: one that all these packets have, the narrowest; of several flags of one member, the
// number.
const Literals::Bits* Literals::bits_of(Bdd::Variable variable, Bdd::Node packets,
                                        const std::vector<Bdd::Variable>& support) {
    const auto used = [&](const Bits& bits) {
        return std::count_if(bits.variables.begin(), bits.variables.end(), [&](Bdd::Variable one) {
            return std::binary_search(support.begin(), support.end(), one);
        });
    };
    const Bits* best = nullptr;
    for (const Bits& bits : fields_) {
        if (!std::binary_search(bits.variables.begin(), bits.variables.end(), variable) || !is_all(packets, bits.field))
            continue;
        if (best == nullptr) {
            best = &bits;
            continue;
        }
        const std::size_t width = bits.variables.size(), other = best->variables.size();
        const bool many = used(width > other ? bits : *best) > kFewFlags;
        if (width != other && (width > other) == many) best = &bits;
    }
    return best;
}

// False where no word says it of the packets.
bool Literals::presence(Cube& cube, Bdd::Node packets, Bdd::Variable variable) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Node can_be = bdd.project(packets, {variable});
    if (can_be == Bdd::kTrue || can_be == Bdd::kFalse) return true;
    const std::size_t size = cube.size();
    const bool is_one = can_be == bdd.variable(variable);
    std::optional<packet::FieldId> flag, any;
    for_each_field([&](packet::FieldId id) {
        if (!packet::is_supported(id)) return;
        if (const auto bit = packet::flag_bit(id); bit && universe_.present_variable(*bit) == variable && !flag)
            flag = id;
        const packet::Field& field = packet::field(id);
        const bool has_values = (field.mask != 0 && field.type != packet::Type::kMac &&
                                 field.type != packet::Type::kBool && field.type != packet::Type::kDuration) ||
                                field.type == packet::Type::kIp;
        if (has_values && !any && universe_.present_variable(packet::present_bit(id)) == variable) any = id;
    });
    if (flag)
        add(cube, policy::Flag{*flag}, !is_one);
    else if (any) {
        add(cube, any_value(*any), !is_one);
        if (cube.size() > size) cube.back().is_presence = true;
    }
    return cube.size() > size;
}

void Literals::compared(Cube& cube, Bdd::Node packets, const std::vector<Bdd::Variable>& support) {
    Bdd& bdd = sets_.bdd();
    for (const Known& one : known()) {
        if (!meet(one.support, support)) continue;
        if (bdd.without(packets, one.literal.packets) == Bdd::kFalse) {
            cube.push_back(one.literal);
        } else if (bdd.both(packets, one.literal.packets) == Bdd::kFalse) {
            const bool has_all = std::all_of(one.fields.begin(), one.fields.end(),
                                             [&](packet::FieldId field) { return is_all(packets, field); });
            auto turned = has_all ? opposite(one.literal) : std::nullopt;
            if (!turned) turned = made(one.literal.comparison, true);
            if (turned) cube.push_back(std::move(*turned));
        }
    }
}

void Literals::terms(Cube& cube, Bdd::Node packets, const std::vector<Bdd::Variable>& support) {
    Bdd& bdd = sets_.bdd();
    for (const TermVariable& term : terms_) {
        const Bdd::Variable variable = bdd.variable_of(term.above);
        if (!std::binary_search(support.begin(), support.end(), variable)) continue;
        const Bdd::Node can_be = bdd.project(packets, {variable});
        if (can_be == Bdd::kTrue || can_be == Bdd::kFalse) continue;
        Literal literal;
        literal.term = &term;
        literal.is_above = can_be == term.above;
        literal.packets = literal.is_above ? bdd.both(sets_.all(), term.above) : bdd.without(sets_.all(), term.above);
        for (const policy::KeyField& key : term.term->keys)
            literal.packets = bdd.both(literal.packets, sets_.having(key.field));
        if (term.term->value) literal.packets = bdd.both(literal.packets, sets_.having(term.term->value->field));
        literal.text = policy::term_text(*term.policy, *term.term, !literal.is_above);
        literal.rank = kTermRank;
        cube.push_back(std::move(literal));
    }
}

void Literals::addresses(Cube& cube, Bdd::Node packets, const Bits& bits) {
    Bdd& bdd = sets_.bdd();
    policy::AddressIn in{bits.field, {}};
    policy::AddressIn out{bits.field, {}, true};
    const bool is_inner = packet::layer_of(bits.field) == packet::Layer::kInner;
    const auto has = [&](std::uint32_t bit) {
        return bdd.variable(universe_.present_variable(bit + (is_inner ? packet::kInnerPresent : 0)));
    };
    bool is_bound = false;
    for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
        const std::size_t width = version == 4 ? 32 : 128;
        const bool either = is_either_version(packet::field(bits.field));
        if (!either && version == 6) continue;
        const Bdd::Node part = either ? bdd.both(packets, has(version == 4 ? WEIR_HAS_IP4 : WEIR_HAS_IP6)) : packets;
        const std::vector<Bdd::Variable> variables(bits.variables.begin(),
                                                   bits.variables.begin() + static_cast<std::ptrdiff_t>(width));
        const Bdd::Node values = bdd.project(part, variables);
        const auto ranges = ranges_of(bdd, values, variables, kMaxRanges);
        if (!ranges) return;  // not said: the product is larger
        is_bound = is_bound || (part != Bdd::kFalse && values != Bdd::kTrue);
        for (const auto& [first, last] : *ranges)
            in.ranges.push_back({address_of(first, version), address_of(last, version)});
        if (part == Bdd::kFalse) continue;
        for (const auto& [first, last] : complement(*ranges, width))
            out.ranges.push_back({address_of(first, version), address_of(last, version)});
    }
    if (!is_bound) return;
    const auto length = [](const std::vector<IpRange>& ranges) {
        std::size_t texts = 0;
        for (const IpRange& range : ranges) texts += policy::range_texts(range).size();
        return texts;
    };
    if (!out.ranges.empty() && length(out.ranges) < length(in.ranges))
        add(cube, out, false);
    else
        add(cube, in, false);
}

void Literals::values(Cube& cube, Bdd::Node packets, const Bits& bits) {
    const packet::Field& field = packet::field(bits.field);
    if (field.type == packet::Type::kIp) return addresses(cube, packets, bits);
    Bdd& bdd = sets_.bdd();
    const Bdd::Node values = bdd.project(packets, bits.variables);
    if (values == Bdd::kTrue || values == Bdd::kFalse) return;
    if (field.type == packet::Type::kBool)
        return add(cube, policy::Flag{bits.field}, values != bdd.variable(bits.variables.front()));
    const auto ranges = ranges_of(bdd, values, bits.variables, kMaxRanges);
    if (!ranges) {
        const auto masked = masked_value(bdd, values, bits.variables);
        if (masked && field.type == packet::Type::kUint)
            add(cube, policy::NumberIn{{bits.field, masked->first}, {{masked->second, masked->second}}}, false);
        return;
    }
    const WideRanges others = complement(*ranges, bits.variables.size());
    const bool is_negated = others.size() < ranges->size();
    policy::Ranges of;
    for (const auto& [first, last] : is_negated ? others : *ranges) of.emplace_back(first.low, last.low);
    if (field.type == packet::Type::kMac)
        add(cube, policy::MacIn{bits.field, std::move(of), is_negated}, false);
    else
        add(cube, policy::NumberIn{{bits.field}, std::move(of), is_negated}, false);
}

bool Literals::read_state(Bdd::Node packets) {
    Bdd& bdd = sets_.bdd();
    const auto reads = [&](const std::vector<Bdd::Variable>& support) {
        for (const Bdd::Variable variable : support)
            if (is_presence(variable) && variable >= packet::kFlowPresent) return true;
        for (const TermVariable& term : terms_)
            if (std::binary_search(support.begin(), support.end(), bdd.variable_of(term.above))) return true;
        return std::any_of(known().begin(), known().end(), [&](const Known& one) {
            const auto* in = std::get_if<policy::InSet>(&one.literal.comparison);
            return in != nullptr && policy_.sets[static_cast<std::size_t>(in->set)].dynamic &&
                   meet(one.support, support);
        });
    };
    if (!reads(bdd.support(packets))) return false;
    const Bdd::Node without_facts = bdd.restrict(packets, sets_.all());
    return bdd.spent() || reads(bdd.support(without_facts));
}

// ---- hulls and splits ----

Cube Literals::hull(Bdd::Node packets, Bdd::Node care) {
    Bdd& bdd = sets_.bdd();
    Cube cube;
    const std::vector<Bdd::Variable> support = bdd.support(bdd.restrict(packets, care));
    std::vector<const Bits*> done;
    bool is_unsaid = false;
    for (const Bdd::Variable variable : support) {
        if (bdd.spent()) break;
        if (is_presence(variable)) {
            if (!presence(cube, packets, variable)) is_unsaid = true;
        } else if (const Bits* bits = bits_of(variable, packets, support);
                   bits != nullptr && std::find(done.begin(), done.end(), bits) == done.end()) {
            done.push_back(bits);
            values(cube, packets, *bits);
        }
    }
    compared(cube, packets, support);
    terms(cube, packets, support);
    // A header that they all have says more than those that none has.
    const bool is_indirect = is_unsaid || std::any_of(cube.begin(), cube.end(), [](const Literal& literal) {
                                 return literal.is_presence ||
                                        (literal.is_denied && std::holds_alternative<policy::Flag>(literal.comparison));
                             });
    if (is_indirect)
        for_each_field([&](packet::FieldId id) {
            if (packet::is_supported(id) && packet::is_presence(id) && is_all(packets, id))
                add(cube, policy::Flag{id}, false);
        });
    return cube;
}

Bdd::Node Literals::some_of(Bdd::Node packets, std::uint64_t number) {
    Bdd& bdd = sets_.bdd();
    if (bdd.size(packets, kManyNodes) < kManyNodes) return packets;
    point_.begin(number, universe_.variables());
    for (Bdd::Variable bit = 0; bit < packet::kAllPresent; ++bit) point_.set(bit, false);
    bdd.enter(packets, point_);
    std::vector<Bdd::Variable> fixed;
    for (Bdd::Node node = packets; node != Bdd::kTrue; node = bdd.branch(node, point_)) {
        const Bdd::Variable variable = bdd.variable_of(node);
        fixed.push_back(variable);
        for (const Bits& bits : fields_)
            if (std::binary_search(bits.variables.begin(), bits.variables.end(), variable))
                fixed.insert(fixed.end(), bits.variables.begin(), bits.variables.end());
    }
    std::sort(fixed.begin(), fixed.end(), std::greater<>());
    fixed.erase(std::unique(fixed.begin(), fixed.end()), fixed.end());
    Bdd::Node some = Bdd::kTrue;
    for (const Bdd::Variable variable : fixed)
        some = point_[variable] ? bdd.choice(variable, Bdd::kFalse, some) : bdd.choice(variable, some, Bdd::kFalse);
    return some;
}

// The pieces by where the paths through the field's bits lead, with these places. Empty where there are too many.
std::vector<Literals::Piece> Literals::by_values(Bdd::Node packets, Bdd::Node top, const Bits& bits) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Variable last = bits.variables.back();
    std::vector<Bdd::Node> exits, open{top};
    std::unordered_set<Bdd::Node> seen;
    while (!open.empty() && exits.size() <= kMaxPieces) {
        const Bdd::Node node = open.back();
        open.pop_back();
        if (!seen.insert(node).second) continue;
        if (node == Bdd::kTrue || node == Bdd::kFalse || bdd.variable_of(node) > last) {
            exits.push_back(node);
            continue;
        }
        // The bits of another field, which it is compared with, stand between.
        if (!std::binary_search(bits.variables.begin(), bits.variables.end(), bdd.variable_of(node))) return {};
        open.push_back(bdd.low(node));
        open.push_back(bdd.high(node));
    }
    if (exits.size() > kMaxPieces) return {};
    std::vector<Piece> pieces;
    for (const Bdd::Node exit : exits)
        if (const Bdd::Node part = bdd.both(packets, bdd.leading_to(top, exit, last + 1)); part != Bdd::kFalse)
            pieces.push_back({part, exit});
    return pieces;
}

// The pieces of the packets where `by` holds and where it does not.
std::vector<Literals::Piece> Literals::halves(Bdd::Node packets, Bdd::Node by) {
    const Bdd::Node yes = sets_.bdd().both(packets, by);
    if (yes == Bdd::kFalse || yes == packets) return {};
    return {{yes, Bdd::kTrue}, {sets_.bdd().without(packets, yes), Bdd::kTrue}};
}

// By the first variable of `top`, or by the values of its field.
std::vector<Literals::Piece> Literals::pieces_at(Bdd::Node packets, Bdd::Node top) {
    const Bdd::Variable variable = sets_.bdd().variable_of(top);
    if (is_presence(variable)) return {};
    // A relation of two fields says more than their bits.
    for (const Known& one : known()) {
        if (!std::binary_search(one.support.begin(), one.support.end(), variable)) continue;
        if (std::vector<Piece> pieces = halves(packets, one.literal.packets); !pieces.empty()) return pieces;
    }
    if (const Bits* const bits = bits_of(variable, packets, {})) return by_values(packets, top, *bits);
    // Bits of a field that some of the packets lack mean nothing there.
    for (const Bits& field : fields_)
        if (std::binary_search(field.variables.begin(), field.variables.end(), variable))
            if (std::vector<Piece> pieces = halves(packets, sets_.having(field.field)); !pieces.empty()) return pieces;
    return {};
}

std::vector<Bdd::Node> Literals::split(Bdd::Node packets, Bdd::Node care) {
    Bdd& bdd = sets_.bdd();
    Bdd::Node top = bdd.restrict(packets, care);
    while (top != Bdd::kTrue && top != Bdd::kFalse && !bdd.spent()) {
        std::vector<Piece> pieces = pieces_at(packets, top);
        if (pieces.empty()) pieces = halves(packets, bdd.variable(bdd.variable_of(top)));
        if (pieces.size() > 1) {
            std::vector<Bdd::Node> parts;
            for (const Piece& piece : pieces) parts.push_back(piece.packets);
            return parts;
        }
        // All of them go one way.
        if (pieces.size() == 1) {
            top = pieces.front().exit;
        } else {
            const bool is_one = bdd.both(packets, bdd.variable(bdd.variable_of(top))) != Bdd::kFalse;
            top = is_one ? bdd.high(top) : bdd.low(top);
        }
    }
    return {};
}

}  // namespace weir::analysis
