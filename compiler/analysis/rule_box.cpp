// Tested by tests/unit/analysis/policy_diff_test.cpp with `PolicyDiff`.
#include "compiler/analysis/rule_box.h"

#include <algorithm>
#include <optional>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"

namespace weir::analysis {
namespace {

enum Dimension : std::size_t { kSource, kDestination, kProtocol, kSourcePort, kDestinationPort };

// In an order that keeps ranges ranges.
std::uint64_t place(const IpAddress& address) {
    std::uint64_t value = 0;
    const std::size_t bytes = address.version == 4 ? 4 : 8;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | address.bytes[i];
    return address.version == 4 ? value : std::uint64_t{1} << 63 | value >> 1;
}

std::optional<std::uint64_t> protocol_of(std::uint8_t present_bit) {
    switch (present_bit) {
        case WEIR_HAS_TCP:
        case WEIR_HAS_TCP_REST:
        case WEIR_HAS_TCP_MSS: return 6;
        case WEIR_HAS_UDP: return 17;
        case WEIR_HAS_SCTP: return 132;
        case WEIR_HAS_ICMP: return 1;
        case WEIR_HAS_ICMP6: return 58;
        default: return std::nullopt;
    }
}

// A packet that has the field.
RuleBox having(packet::FieldId field) {
    RuleBox box;
    if (packet::layer_of(field) != packet::Layer::kOuter) return box;
    if (const auto protocol = protocol_of(packet::field(field).present_bit))
        box.sides[kProtocol] = {*protocol, *protocol};
    return box;
}

std::optional<Dimension> dimension_of(packet::FieldId field) {
    using packet::FieldId;
    switch (field) {
        case FieldId::kIpSrc: return kSource;
        case FieldId::kIpDst: return kDestination;
        case FieldId::kIpProto: return kProtocol;
        case FieldId::kTcpSport:
        case FieldId::kUdpSport:
        case FieldId::kSctpSport:
        case FieldId::kPortSrc: return kSourcePort;
        case FieldId::kTcpDport:
        case FieldId::kUdpDport:
        case FieldId::kSctpDport:
        case FieldId::kPortDst: return kDestinationPort;
        default: return std::nullopt;
    }
}

RuleBox around(const RuleBox& a, const RuleBox& b) {
    if (a.is_empty) return b;
    if (b.is_empty) return a;
    RuleBox box;
    for (std::size_t i = 0; i < box.sides.size(); ++i)
        box.sides[i] = {std::min(a.sides[i].first, b.sides[i].first), std::max(a.sides[i].last, b.sides[i].last)};
    return box;
}

RuleBox both(const RuleBox& a, const RuleBox& b) {
    RuleBox box;
    box.is_empty = a.is_empty || b.is_empty;
    for (std::size_t i = 0; i < box.sides.size(); ++i) {
        box.sides[i] = {std::max(a.sides[i].first, b.sides[i].first), std::min(a.sides[i].last, b.sides[i].last)};
        box.is_empty = box.is_empty || box.sides[i].first > box.sides[i].last;
    }
    return box;
}

class Boxes {
public:
    explicit Boxes(const policy::TypedPolicy& policy) : policy_(policy) {}
    RuleBox of(policy::ExprId id) const {
        return std::visit([this](const auto& node) { return box(node); }, policy_.expr(id).node);
    }

private:
    RuleBox box(const policy::Constant& node) const {
        RuleBox all;
        all.is_empty = !node.value;
        return all;
    }
    RuleBox box(const policy::And& node) const {
        RuleBox all;
        for (const policy::ExprId id : node.operands) all = both(all, of(id));
        return all;
    }
    RuleBox box(const policy::Or& node) const {
        RuleBox any;
        any.is_empty = true;
        for (const policy::ExprId id : node.operands) any = around(any, of(id));
        return any;
    }
    RuleBox box(const policy::Flag& node) const { return having(node.field); }
    RuleBox box(const policy::NumberIn& node) const {
        RuleBox all = having(node.number.field);
        const auto dimension = dimension_of(node.number.field);
        if (!dimension || node.negated || node.number.mask != ~std::uint64_t{0} || node.ranges.empty()) return all;
        RuleBox in;
        in.sides[*dimension] = {node.ranges.front().first, node.ranges.back().second};
        return both(all, in);
    }
    RuleBox box(const policy::AddressIn& node) const {
        RuleBox all;
        const auto dimension = dimension_of(node.field);
        if (dimension && !node.negated && !node.ranges.empty())
            all.sides[*dimension] = {place(node.ranges.front().first), place(node.ranges.back().last)};
        return all;
    }
    RuleBox box(const auto&) const { return {}; }

    const policy::TypedPolicy& policy_;
};

}  // namespace

RuleBox box_of(const policy::TypedPolicy& policy, policy::ExprId condition) { return Boxes(policy).of(condition); }

}  // namespace weir::analysis
