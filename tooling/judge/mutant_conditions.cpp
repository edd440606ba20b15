// Tested by tests/unit/tooling/mutation_test.cpp with `mutants`.
#include "tooling/judge/mutant_conditions.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "compiler/packet/fields.h"
#include "compiler/packet/probe_packet.h"
#include "tooling/judge/mutant_text.h"

namespace weir::tooling {
namespace {

using policy::Ranges;

std::uint64_t largest(const policy::Number& number) {
    const packet::Field& field = packet::field(number.field);
    const std::uint64_t all =
        field.bits == 0 || field.bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << field.bits) - 1;
    return all & number.mask;
}

// By how much a boundary moves. Tests say durations in microseconds.
std::uint64_t step_of(packet::FieldId field) { return packet::field(field).type == packet::Type::kDuration ? 1000 : 1; }

Ranges merged(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end());
    Ranges out;
    for (const auto& [first, last] : ranges) {
        if (!out.empty() && (out.back().second == ~std::uint64_t{0} || first <= out.back().second + 1))
            out.back().second = std::max(out.back().second, last);
        else
            out.emplace_back(first, last);
    }
    return out;
}

class Changes {
public:
    explicit Changes(std::string_view written) : written_(shown(written)) {}
    std::vector<ChangedComparison> take() { return std::move(all_); }

    void of(const policy::Constant&) {}
    void of(const policy::And&) {}
    void of(const policy::Or&) {}
    void of(const policy::Not&) {}
    void of(const policy::Flag& node) {
        policy::Flag other = node;
        other.value = !node.value;
        add(node.value ? "being false" : "being true", other);
    }
    void of(const policy::FlagCompare& node) { negate(node); }
    void of(const policy::NumberCompare& node);
    void of(const policy::NumberIn& node) {
        move_ranges(node, largest(node.number), step_of(node.number.field));
        negate(node);
    }
    void of(const policy::AddressCompare& node) { negate(node); }
    void of(const policy::AddressIn& node);
    void of(const policy::MacCompare& node) { negate(node); }
    void of(const policy::MacIn& node) {
        move_ranges(node, 0xffff'ffff'ffff, 1);
        negate(node);
    }
    void of(const policy::InSet& node) { negate(node); }
    void of(const policy::IfaceMatch& node) { text(node, &policy::IfaceMatch::text); }
    void of(const policy::PayloadMatch& node) { text(node, &policy::PayloadMatch::bytes); }
    void of(const policy::TextMatch& node) { text(node, &policy::TextMatch::text); }
    void of(const policy::TextCompare& node) { negate(node); }
    void of(const policy::PayloadSlice& node) {
        policy::PayloadSlice other = node;
        ++other.offset;
        add("one byte later", other);
        other = node;
        other.bytes.back() ^= 1;
        add("with another last byte", other);
        negate(node);
    }

private:
    template <typename Node>
    void add(const std::string& change, Node node) {
        all_.push_back({fmt::format("`{}` {}", written_, change), std::move(node)});
    }
    template <typename Node>
    void negate(Node node) {
        node.negated = !node.negated;
        add("the other way round", std::move(node));
    }
    template <typename Node>
    void move_ranges(const Node& node, std::uint64_t most, std::uint64_t step);
    template <typename Node>
    void text(const Node& node, std::string Node::* member);

    std::string written_;
    std::vector<ChangedComparison> all_{};
};

void Changes::of(const policy::NumberCompare& node) {
    using policy::Relation;
    const auto other = [&](Relation relation, const char* word) {
        policy::NumberCompare changed = node;
        changed.relation = relation;
        add(fmt::format("with `{}`", word), changed);
    };
    switch (node.relation) {
        case Relation::kEq: return other(Relation::kNe, "!=");
        case Relation::kNe: return other(Relation::kEq, "==");
        case Relation::kLt: other(Relation::kLe, "<="); return other(Relation::kGe, ">=");
        case Relation::kLe: other(Relation::kLt, "<"); return other(Relation::kGt, ">");
        case Relation::kGt: other(Relation::kGe, ">="); return other(Relation::kLe, "<=");
        case Relation::kGe: other(Relation::kGt, ">"); return other(Relation::kLt, "<");
    }
}

// Each end by one, in and out; a single value to the next; each range away.
template <typename Node>
void Changes::move_ranges(const Node& node, std::uint64_t most, std::uint64_t step) {
    const std::size_t count = std::min(node.ranges.size(), kMostChanged);
    for (std::size_t i = 0; i < count; ++i) {
        const auto [first, last] = node.ranges[i];
        const auto moved = [&](std::uint64_t from, std::uint64_t to, const std::string& change) {
            Node other = node;
            other.ranges[i] = {from, to};
            other.ranges = merged(other.ranges);
            if (from <= to && other.ranges != node.ranges) add(change, std::move(other));
        };
        if (first == last) {
            const std::uint64_t next = last < most ? last + 1 : last - 1;
            moved(next, next, fmt::format("with {} instead of {}", next, first));
        } else {
            if (first >= step) moved(first - step, last, fmt::format("from {} instead of {}", first - step, first));
            if (first != 0) moved(first + step, last, fmt::format("from {} instead of {}", first + step, first));
            if (last < most) {
                moved(first, last - step, fmt::format("to {} instead of {}", last - step, last));
                moved(first, last + step, fmt::format("to {} instead of {}", last + step, last));
            }
        }
        if (node.ranges.size() < 2) continue;
        Node other = node;
        other.ranges.erase(other.ranges.begin() + static_cast<std::ptrdiff_t>(i));
        add(first == last ? fmt::format("without {}", first) : fmt::format("without {}..{}", first, last),
            std::move(other));
    }
}

// The prefix that a range is, or nothing.
std::optional<IpPrefix> prefix_of(const IpRange& range) {
    const int bits = range.first.version == 4 ? 32 : 128;
    for (int length = bits; length >= 0; --length) {
        const IpPrefix prefix{range.first, static_cast<std::uint8_t>(length)};
        if (network(prefix).address == range.first && last_address(prefix) == range.last) return prefix;
    }
    return std::nullopt;
}

void Changes::of(const policy::AddressIn& node) {
    const std::size_t count = std::min(node.ranges.size(), kMostChanged);
    for (std::size_t i = 0; i < count; ++i) {
        const IpRange range = node.ranges[i];
        const auto moved = [&](IpRange to, const std::string& change) {
            policy::AddressIn other = node;
            other.ranges[i] = to;
            std::sort(other.ranges.begin(), other.ranges.end());
            add(change, std::move(other));
        };
        const auto prefix = prefix_of(range);
        const int bits = range.first.version == 4 ? 32 : 128;
        const std::string name = prefix && prefix->length != bits ? to_string(*prefix) : to_string(range.first);
        if (range.first == range.last) {
            const IpAddress next = packet::neighbour(range.last, packet::Side::kAbove);
            moved({next, next}, fmt::format("with {} instead of {}", to_string(next), name));
        } else if (prefix) {
            const IpPrefix narrow{range.first, static_cast<std::uint8_t>(prefix->length + 1)};
            moved({range.first, last_address(narrow)}, fmt::format("with {} instead of {}", to_string(narrow), name));
            if (prefix->length > 0) {
                const IpPrefix wide = network({range.first, static_cast<std::uint8_t>(prefix->length - 1)});
                moved({first_address(wide), last_address(wide)},
                      fmt::format("with {} instead of {}", to_string(wide), name));
            }
        } else {
            using packet::Side;
            moved({neighbour(range.first, Side::kAbove), range.last},
                  fmt::format("without {}", to_string(range.first)));
            moved({range.first, neighbour(range.last, Side::kBelow)}, fmt::format("without {}", to_string(range.last)));
            moved({neighbour(range.first, Side::kBelow), range.last},
                  fmt::format("one address more than from {}", name));
            moved({range.first, neighbour(range.last, Side::kAbove)},
                  fmt::format("one address more than to {}", to_string(range.last)));
        }
        if (node.ranges.size() < 2) continue;
        policy::AddressIn other = node;
        other.ranges.erase(other.ranges.begin() + static_cast<std::ptrdiff_t>(i));
        add(fmt::format("without {}", name), std::move(other));
    }
    negate(node);
}

template <typename Node>
void Changes::text(const Node& node, std::string Node::* member) {
    using policy::BytesOp;
    Node other = node;
    std::string& bytes = other.*member;
    if (!bytes.empty()) {
        bytes.back() = bytes.back() == 'x' ? 'y' : 'x';
        add("with another last byte", other);
    }
    other = node;
    switch (node.op) {
        case BytesOp::kEq: other.op = BytesOp::kStartsWith; break;
        case BytesOp::kContains: other.op = BytesOp::kStartsWith; break;
        case BytesOp::kStartsWith:
        case BytesOp::kEndsWith: other.op = BytesOp::kContains; break;
        case BytesOp::kContainsNocase: other.op = BytesOp::kContains; break;
        case BytesOp::kStartsWithNocase: other.op = BytesOp::kStartsWith; break;
        case BytesOp::kEndsWithNocase: other.op = BytesOp::kEndsWith; break;
    }
    constexpr const char* kWords[] = {"==", "contains", "starts_with", "ends_with"};
    add(fmt::format("with `{}`", kWords[static_cast<std::size_t>(other.op)]), other);
    negate(node);
}

}  // namespace

std::vector<ChangedComparison> changed_comparisons(const policy::Expr& expr, std::string_view written) {
    Changes changes(written);
    std::visit([&](const auto& node) { changes.of(node); }, expr.node);
    return changes.take();
}

}  // namespace weir::tooling
