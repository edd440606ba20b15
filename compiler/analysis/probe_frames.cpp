// Tested by tests/unit/analysis/probe_frames_test.cpp.
#include "compiler/analysis/probe_frames.h"

#include <algorithm>
#include <optional>
#include <string>

#include "compiler/packet/frame_builder.h"
#include "compiler/packet/probe_packet.h"
#include "compiler/policy/set_element.h"

namespace weir::analysis {
namespace {

// Walks a condition and makes a packet to which it applies, as far as one packet can: of an `or` one operand, and of
// two operands that contradict each other the later one.
class PacketShaper {
public:
    PacketShaper(const policy::TypedPolicy& policy, packet::ProbePacket& packet, Seeded& random)
        : policy_(policy), packet_(packet), random_(random) {}
    void walk(policy::ExprId id, packet::Polarity polarity);

private:
    using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

    void all_of(const std::vector<policy::ExprId>& operands, packet::Polarity polarity) {
        for (const policy::ExprId operand : operands) walk(operand, polarity);
    }
    void one_of(const std::vector<policy::ExprId>& operands, packet::Polarity polarity) {
        if (!operands.empty()) walk(operands[random_.below(operands.size())], polarity);
    }
    // In a comparison that is to hold, one value in eight is one beyond the boundary.
    bool beyond() { return random_.one_in(8); }

    void shape(const policy::Constant&, packet::Polarity) {}
    void shape(const policy::And& node, packet::Polarity polarity) {
        polarity == packet::Polarity::kHolds ? all_of(node.operands, polarity) : one_of(node.operands, polarity);
    }
    void shape(const policy::Or& node, packet::Polarity polarity) {
        polarity == packet::Polarity::kHolds ? one_of(node.operands, polarity) : all_of(node.operands, polarity);
    }
    void shape(const policy::Not& node, packet::Polarity polarity) { walk(node.operand, opposite(polarity)); }
    void shape(const policy::Flag& node, packet::Polarity polarity) {
        packet_.set_flag(node.field, node.value == (polarity == packet::Polarity::kHolds));
    }
    void shape(const policy::FlagCompare& node, packet::Polarity polarity) {
        const bool value = random_.one_in(2);
        packet_.set_flag(node.lhs, value);
        packet_.set_flag(node.rhs, value == (node.negated != (polarity == packet::Polarity::kHolds)));
    }
    void shape(const policy::NumberCompare& node, packet::Polarity) {
        // Equal, or one apart either way: all relations turn there.
        const std::uint64_t value = random_.next() >> 40;
        packet_.set_number(node.lhs.field, value);
        packet_.set_number(node.rhs.field, value + random_.below(3) - 1);
    }
    void shape(const policy::NumberIn& node, packet::Polarity polarity);
    void shape(const policy::AddressCompare& node, packet::Polarity polarity) {
        packet_.need_address(node.lhs);
        if (node.negated != (polarity == packet::Polarity::kHolds))
            packet_.set_address(node.rhs, packet_.address(node.lhs));
    }
    void shape(const policy::AddressIn& node, packet::Polarity polarity);
    void shape(const policy::MacCompare& node, packet::Polarity polarity) {
        const std::uint64_t value = random_.next() >> 16;
        packet_.set_number(node.lhs, value);
        packet_.set_number(node.rhs, node.negated != (polarity == packet::Polarity::kHolds) ? value : value ^ 1);
    }
    void shape(const policy::MacIn& node, packet::Polarity polarity);
    void shape(const policy::InSet& node, packet::Polarity polarity);
    void shape(const policy::IfaceMatch&, packet::Polarity) {}
    void shape(const policy::PayloadMatch& node, packet::Polarity polarity);
    void shape(const policy::PayloadSlice& node, packet::Polarity polarity);
    void shape_name(const policy::InSet& node, const policy::NameList& names, packet::Polarity polarity);
    void shape(const policy::TextMatch& node, packet::Polarity polarity);
    void shape(const policy::TextCompare& node, packet::Polarity) {
        packet_.need(node.lhs);
        packet_.need(node.rhs);
    }

    const policy::TypedPolicy& policy_;
    packet::ProbePacket& packet_;
    Seeded& random_;
};

void PacketShaper::walk(policy::ExprId id, packet::Polarity polarity) {
    std::visit([&](const auto& node) { shape(node, polarity); }, policy_.expr(id).node);
}

void PacketShaper::shape(const policy::NumberIn& node, packet::Polarity polarity) {
    if (node.ranges.empty()) return packet_.need(node.number.field);
    const auto& [first, last] = node.ranges[random_.below(node.ranges.size())];
    std::uint64_t value = random_.one_in(2) ? first : random_.one_in(2) ? last : random_.between(first, last);
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if (inside ? beyond() : !beyond()) value = random_.one_in(2) ? first - 1 : last + 1;
    const std::uint64_t mask = node.number.mask;
    packet_.set_number(node.number.field,
                       mask == ~std::uint64_t{0} ? value : (value & mask) | (random_.next() & ~mask));
}

void PacketShaper::shape(const policy::AddressIn& node, packet::Polarity polarity) {
    if (node.ranges.empty()) return packet_.need_address(node.field);
    const IpRange* range = &node.ranges[random_.below(node.ranges.size())];
    // Of the version that another comparison asked for, where the list has one.
    for (int tries = 0; tries < 8 && !packet_.may_have(node.field, range->first.version); ++tries)
        range = &node.ranges[random_.below(node.ranges.size())];
    IpAddress address = random_.one_in(4)   ? range->first
                        : random_.one_in(3) ? range->last
                                            : packet::address_between(random_, range->first, range->last);
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if (inside ? beyond() : !beyond())
        address = random_.one_in(2) ? neighbour(range->first, packet::Side::kBelow)
                                    : neighbour(range->last, packet::Side::kAbove);
    packet_.set_address(node.field, address);
}

void PacketShaper::shape(const policy::MacIn& node, packet::Polarity polarity) {
    if (node.ranges.empty()) return packet_.need(node.field);
    const auto& [first, last] = node.ranges[random_.below(node.ranges.size())];
    std::uint64_t value = random_.one_in(2) ? first : random_.one_in(2) ? last : random_.between(first, last);
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if (inside ? beyond() : !beyond()) value = random_.one_in(2) ? first - 1 : last + 1;
    packet_.set_number(node.field, value);
}

void PacketShaper::shape(const policy::InSet& node, packet::Polarity polarity) {
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
    for (const packet::FieldId key : node.keys) packet_.need(key);
    if (set.entries.empty()) return;
    if (has_names(set.types)) return shape_name(node, set.entries.names(), polarity);
    const std::vector<policy::SetElement> entry = set.entries.entry(random_.below(set.entries.size()));
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    const std::size_t missed = (inside ? beyond() : !beyond()) ? random_.below(node.keys.size()) : node.keys.size();
    for (std::size_t i = 0; i < node.keys.size() && i < entry.size(); ++i) {
        const policy::SetElement& element = entry[i];
        if (set.types[i] == policy::SetType::kIp || set.types[i] == policy::SetType::kNet) {
            const std::uint8_t bits = set.types[i] == policy::SetType::kNet ? element.prefix_length
                                      : element.address.version == 4        ? 32
                                                                            : 128;
            const IpPrefix prefix{element.address, bits};
            IpAddress address = packet::address_between(random_, first_address(prefix), last_address(prefix));
            if (i == missed) address = neighbour(last_address(prefix), packet::Side::kAbove);
            packet_.set_address(node.keys[i], address);
        } else if (set.types[i] != policy::SetType::kDomain) {
            packet_.set_number(node.keys[i], i == missed ? element.number + 1 : element.number);
        }
    }
}

// A name of the set, one under it, or one beside it.
void PacketShaper::shape_name(const policy::InSet& node, const policy::NameList& names, packet::Polarity polarity) {
    std::string name(names[random_.below(names.size())]);
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if (inside ? beyond() : !beyond()) name = random_.one_in(2) ? "x" + name : name + "x";
    if (random_.one_in(3)) name = "www." + name;
    packet_.set_text(node.keys.front(), name);
}

void PacketShaper::shape(const policy::PayloadMatch& node, packet::Polarity polarity) {
    std::string bytes = node.bytes;
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if ((inside ? beyond() : !beyond()) && !bytes.empty()) bytes.back() ^= 1;
    if (node.op > policy::BytesOp::kEndsWith)  // nocase
        for (char& c : bytes)
            if (c >= 'a' && c <= 'z' && random_.one_in(2)) c = static_cast<char>(c - 'a' + 'A');
    switch (node.op) {
        case policy::BytesOp::kEq: packet_.put_payload(0, bytes, packet::PayloadEnd::kThere); break;
        case policy::BytesOp::kStartsWithNocase:
        case policy::BytesOp::kStartsWith: packet_.put_payload(0, bytes, packet::PayloadEnd::kOpen); break;
        case policy::BytesOp::kEndsWithNocase:
        case policy::BytesOp::kEndsWith:
            packet_.put_payload(random_.below(64), bytes, packet::PayloadEnd::kThere);
            break;
        case policy::BytesOp::kContainsNocase:
        case policy::BytesOp::kContains:
            packet_.put_payload(random_.one_in(8) ? 512 - bytes.size() + random_.below(2) : random_.below(128), bytes,
                                packet::PayloadEnd::kOpen);
            break;
    }
}

// The text has the literal, or one that differs in its last byte.
void PacketShaper::shape(const policy::TextMatch& node, packet::Polarity polarity) {
    packet_.need(node.field);
    std::string text = node.text;
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if ((inside ? beyond() : !beyond()) && !text.empty()) text.back() = text.back() == 'x' ? 'y' : 'x';
    if (node.op != policy::BytesOp::kEq && random_.one_in(2)) {
        if (node.op != policy::BytesOp::kStartsWith && node.op != policy::BytesOp::kStartsWithNocase) text = "a" + text;
        if (node.op != policy::BytesOp::kEndsWith && node.op != policy::BytesOp::kEndsWithNocase) text += "z";
    }
    packet_.set_text(node.field, text);
}

void PacketShaper::shape(const policy::PayloadSlice& node, packet::Polarity polarity) {
    std::string bytes = node.bytes;
    const bool inside = (polarity == packet::Polarity::kHolds) != node.negated;
    if ((inside ? beyond() : !beyond()) && !bytes.empty()) bytes.back() ^= 1;
    packet_.put_payload(node.offset, bytes, random_.one_in(2) ? packet::PayloadEnd::kThere : packet::PayloadEnd::kOpen);
}

}  // namespace

std::vector<std::vector<std::uint8_t>> probe_frames(const policy::TypedPolicy& policy, std::size_t count,
                                                    std::uint64_t seed) {
    Seeded random(seed);
    std::vector<std::vector<std::uint8_t>> frames;
    frames.reserve(count);
    while (frames.size() < count) {
        packet::ProbePacket packet(random);
        if (!policy.rules.empty()) {
            const policy::Rule& rule = policy.rules[random.below(policy.rules.size())];
            PacketShaper(policy, packet, random).walk(rule.condition, packet::Polarity::kHolds);
            for (const policy::StateTerm& term : rule.terms)
                if (term.condition != policy::kNoExpr && random.one_in(2))
                    PacketShaper(policy, packet, random).walk(term.condition, packet::Polarity::kHolds);
        }
        frames.push_back(packet.frame());
        if (frames.size() == count) break;
        packet.randomise();
        frames.push_back(packet.frame());
    }
    return frames;
}

namespace {

void collect_comparisons(const policy::TypedPolicy& policy, policy::ExprId id, std::vector<policy::ExprId>& all) {
    const policy::Expr& expr = policy.expr(id);
    const auto* both = std::get_if<policy::And>(&expr.node);
    const auto* either = std::get_if<policy::Or>(&expr.node);
    if (both != nullptr || either != nullptr) {
        for (const policy::ExprId operand : both != nullptr ? both->operands : either->operands)
            collect_comparisons(policy, operand, all);
    } else if (const auto* negation = std::get_if<policy::Not>(&expr.node)) {
        collect_comparisons(policy, negation->operand, all);
    } else {
        all.push_back(id);
    }
}

// Another value of the key.
void change_key(packet::ProbePacket& packet, packet::FieldId field, Seeded& random) {
    if (packet::field(field).type == packet::Type::kIp) {
        packet.need_address(field);
        return packet.set_address(field, neighbour(packet.address(field), packet::Side::kAbove));
    }
    packet.set_number(field, 1000 + random.below(50));
}

}  // namespace

std::vector<std::vector<std::uint8_t>> probe_frames_near(const policy::TypedPolicy& policy, const policy::Rule& rule,
                                                         const packet::TestPacket& packet, std::size_t count,
                                                         std::uint64_t seed) {
    Seeded random(seed);
    std::vector<policy::ExprId> comparisons;
    collect_comparisons(policy, rule.condition, comparisons);
    std::vector<packet::FieldId> keys;
    for (const policy::StateTerm& term : rule.terms) {
        if (term.condition != policy::kNoExpr) collect_comparisons(policy, term.condition, comparisons);
        for (const policy::KeyField& key : term.keys) keys.push_back(key.field);
        if (term.value) keys.push_back(term.value->field);
    }
    std::vector<std::vector<std::uint8_t>> frames;
    while (frames.size() < count) {
        packet::ProbePacket near(random, packet);
        PacketShaper shaper(policy, near, random);
        using packet::Polarity;
        if (!keys.empty() && random.one_in(4))
            change_key(near, random.of(keys), random);
        else if (random.one_in(4))
            shaper.walk(rule.condition, Polarity::kHolds);
        else
            shaper.walk(random.of(comparisons), random.one_in(2) ? Polarity::kHolds : Polarity::kFails);
        frames.push_back(near.frame());
    }
    return frames;
}

}  // namespace weir::analysis
