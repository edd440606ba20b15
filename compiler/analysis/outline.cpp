// Tested by tests/unit/analysis/reach_test.cpp.
#include "compiler/analysis/outline.h"

#include <algorithm>
#include <optional>

#include "compiler/packet/presence.h"
#include "compiler/policy/reads.h"

namespace weir::analysis {
namespace {

using packet::FieldId;

// What follows from a packet's having the field, in the first word of `present`.
struct Follows {
    std::uint32_t ones = 0, zeros = 0;
};
Follows follows_of(std::uint32_t bit) {
    static const std::vector<Follows> known = [] {
        std::vector<Follows> all;
        for (std::uint32_t one = 0; one < packet::kAllPresent; ++one) {
            const packet::Presence presence = packet::implied({{one}, {}});
            all.push_back({presence.ones.words[0], presence.zeros.words[0]});
        }
        return all;
    }();
    return known[bit];
}

std::optional<Place> place_of(FieldId field) {
    switch (field) {
        case FieldId::kIpDst: return Place::kDestination;
        case FieldId::kIpSrc: return Place::kSource;
        case FieldId::kTcpDport:
        case FieldId::kUdpDport:
        case FieldId::kSctpDport:
        case FieldId::kPortDst: return Place::kDestinationPort;
        case FieldId::kTcpSport:
        case FieldId::kUdpSport:
        case FieldId::kSctpSport:
        case FieldId::kPortSrc: return Place::kSourcePort;
        default: return std::nullopt;
    }
}

std::uint64_t first_bits(const IpAddress& address, std::uint64_t behind) {
    const std::size_t bytes = address.version == 4 ? 4 : 8;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | address.bytes[i];
    return bytes == 8 ? value : value << 32 | behind;
}

class Drawing {
public:
    explicit Drawing(const policy::TypedPolicy& policy) : policy_(policy) {}

    Outline of(policy::ExprId id) const {
        const policy::Expr& expr = policy_.expr(id);
        if (const auto* all = std::get_if<policy::And>(&expr.node)) return of_all(*all);
        if (const auto* any = std::get_if<policy::Or>(&expr.node)) return of_any(*any);
        Outline outline;
        if (std::holds_alternative<policy::Not>(expr.node)) return outline;
        for (const FieldId field : policy::compared_fields(expr)) has(outline, packet::present_bit(field));
        if (const auto* flag = std::get_if<policy::Flag>(&expr.node)) {
            const auto bit = packet::flag_bit(flag->field);
            if (bit && flag->value) has(outline, *bit);
        }
        if (const auto* in = std::get_if<policy::AddressIn>(&expr.node)) within(outline, *in);
        if (const auto* in = std::get_if<policy::NumberIn>(&expr.node)) within(outline, *in);
        return outline;
    }

private:
    static void has(Outline& outline, std::uint32_t bit) {
        const Follows follows = follows_of(bit);
        outline.ones |= follows.ones;
        outline.zeros |= follows.zeros;
    }
    static void within(Outline& outline, const policy::AddressIn& in) {
        const auto place = place_of(in.field);
        if (!place || in.negated || in.ranges.empty()) return;
        Interval& interval = outline.places[static_cast<std::size_t>(*place)];
        interval = {~std::uint64_t{0}, 0};
        for (const IpRange& range : {in.ranges.front(), in.ranges.back()}) widen(interval, range);
        const auto other = std::find_if(in.ranges.begin(), in.ranges.end(),
                                        [](const IpRange& range) { return range.first.version == 6; });
        if (other == in.ranges.end() || other == in.ranges.begin()) return;
        widen(interval, *other);  // sorted within each version
        widen(interval, *(other - 1));
    }
    static void widen(Interval& interval, const IpRange& range) {
        interval.first = std::min(interval.first, first_bits(range.first, 0));
        interval.last = std::max(interval.last, first_bits(range.last, 0xffffffff));
    }
    static void within(Outline& outline, const policy::NumberIn& in) {
        const auto place = place_of(in.number.field);
        if (!place || in.negated || in.ranges.empty() || (in.number.mask & 0xffff) != 0xffff) return;
        outline.places[static_cast<std::size_t>(*place)] = {in.ranges.front().first, in.ranges.back().second};
    }
    Outline of_all(const policy::And& node) const {
        Outline all;
        for (const policy::ExprId id : node.operands) {
            const Outline one = of(id);
            all.ones |= one.ones;
            all.zeros |= one.zeros;
            for (std::size_t i = 0; i < kPlaces; ++i) {
                all.places[i].first = std::max(all.places[i].first, one.places[i].first);
                all.places[i].last = std::min(all.places[i].last, one.places[i].last);
            }
        }
        return all;
    }
    Outline of_any(const policy::Or& node) const {
        std::optional<Outline> any;
        for (const policy::ExprId id : node.operands) {
            const Outline one = of(id);
            if (!any) {
                any = one;
                continue;
            }
            any->ones &= one.ones;
            any->zeros &= one.zeros;
            for (std::size_t i = 0; i < kPlaces; ++i) {
                any->places[i].first = std::min(any->places[i].first, one.places[i].first);
                any->places[i].last = std::max(any->places[i].last, one.places[i].last);
            }
        }
        return any.value_or(Outline{});
    }

    const policy::TypedPolicy& policy_;
};

}  // namespace

Outline outline_of(const policy::TypedPolicy& policy, const policy::Rule& rule) {
    Outline outline = Drawing(policy).of(rule.condition);
    outline.direction = rule.direction;
    return outline;
}

Outline outline_of(std::uint32_t bit, packet::Direction direction) {
    const Follows follows = follows_of(bit);
    Outline outline;
    outline.ones = follows.ones;
    outline.zeros = follows.zeros;
    outline.direction = direction;
    return outline;
}

}  // namespace weir::analysis
