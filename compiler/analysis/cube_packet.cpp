// Tested by tests/cli/diff_test.py with `example:`.
#include "compiler/analysis/cube_packet.h"

#include <algorithm>

#include "compiler/packet/frame_builder.h"
#include "compiler/packet/packet.h"
#include "compiler/packet/probe_packet.h"
#include "compiler/policy/set_element.h"

namespace weir::analysis {
namespace {

constexpr packet::TestProtocol kFirst[] = {packet::TestProtocol::kTcp,  packet::TestProtocol::kUdp,
                                           packet::TestProtocol::kIcmp, packet::TestProtocol::kIcmp6,
                                           packet::TestProtocol::kSctp, packet::TestProtocol::kArp};
constexpr std::size_t kPicks = 4;  // the last one once more, of other ranges
static_assert(kCubeFrames == std::size(kFirst) * kPicks);

class Shaper {
public:
    Shaper(const policy::TypedPolicy& policy, packet::ProbePacket& packet, std::size_t number)
        : policy_(policy), packet_(packet), pick_(number % kPicks) {}

    void shape(const Literal& literal) {
        if (literal.term != nullptr) {
            for (const policy::KeyField& key : literal.term->term->keys) packet_.need(key.field);
        } else if (!literal.is_denied) {
            std::visit([this](const auto& node) { put(node); }, literal.comparison);
        }
    }
    const std::string& interface() const { return interface_; }

private:
    using Range = std::pair<std::uint64_t, std::uint64_t>;

    std::uint64_t value_in(const policy::Ranges& ranges) const {
        const Range& range = ranges[pick_ == 3 ? ranges.size() / 2 : 0];
        return pick_ == 1   ? ranges.back().second
               : pick_ == 2 ? range.first + (range.second - range.first) / 2
                            : range.first;
    }
    // One beside them.
    std::uint64_t value_not_in(const policy::Ranges& ranges) const {
        const Range& range = pick_ % 2 == 0 ? ranges.back() : ranges.front();
        return pick_ % 2 == 0 || range.first == 0 ? ranges.back().second + 1 : range.first - 1;
    }
    void put_number(packet::FieldId field, const policy::Ranges& ranges, bool negated) {
        packet_.need(field);
        const bool is_all = ranges.size() == 1 && ranges[0].first == 0 && ranges[0].second >= packet::field(field).mask;
        if (!ranges.empty() && !is_all) packet_.set_number(field, negated ? value_not_in(ranges) : value_in(ranges));
    }
    void put(const policy::Constant&) {}
    void put(const policy::And&) {}
    void put(const policy::Or&) {}
    void put(const policy::Not&) {}
    void put(const policy::Flag& node) { packet_.set_flag(node.field, node.value); }
    void put(const policy::FlagCompare& node) {
        packet_.set_flag(node.lhs, true);
        packet_.set_flag(node.rhs, !node.negated);
    }
    void put(const policy::NumberIn& node) { put_number(node.number.field, node.ranges, node.negated); }
    void put(const policy::MacIn& node) { put_number(node.field, node.ranges, node.negated); }
    void put(const policy::NumberCompare& node) {
        constexpr std::uint64_t kValue = 40;  // small enough for all fields
        std::uint64_t left = kValue, right = kValue;
        if (node.relation == policy::Relation::kLt || (node.relation == policy::Relation::kLe && pick_ == 1)) --left;
        if (node.relation == policy::Relation::kGt || (node.relation == policy::Relation::kGe && pick_ == 1)) ++left;
        if (node.relation == policy::Relation::kNe) ++right;
        packet_.set_number(node.lhs.field, left);
        packet_.set_number(node.rhs.field, right);
    }
    void put(const policy::AddressIn& node) {
        packet_.need_address(node.field);
        if (node.ranges.empty()) return;
        const IpRange& range = node.ranges[pick_ == 3   ? node.ranges.size() / 2
                                           : pick_ == 1 ? node.ranges.size() - 1
                                                        : 0];
        if (node.negated) {
            const bool taken = std::any_of(node.ranges.begin(), node.ranges.end(), [&](const IpRange& one) {
                const IpAddress& now = packet_.address(node.field);
                return one.first.version == now.version && one.first <= now && now <= one.last;
            });
            if (taken) packet_.set_address(node.field, neighbour(range.last, packet::Side::kAbove));
            return;
        }
        // The first address of a network is none of a host.
        const IpAddress second = neighbour(range.first, packet::Side::kAbove);
        const bool is_net = pick_ != 1 && second < range.last;
        packet_.set_address(node.field, pick_ == 1 ? range.last : is_net ? second : range.first);
    }
    void put(const policy::AddressCompare& node) {
        packet_.need_address(node.lhs);
        if (!node.negated) packet_.set_address(node.rhs, packet_.address(node.lhs));
    }
    void put(const policy::MacCompare& node) {
        packet_.set_number(node.lhs, 0x020000000003);
        packet_.set_number(node.rhs, node.negated ? 0x020000000004 : 0x020000000003);
    }
    void put(const policy::InSet& node);
    void put(const policy::IfaceMatch& node) {
        interface_ = node.negated && node.op == policy::BytesOp::kEq ? "weir-other" : text_of(node.op, node.text);
    }
    void put(const policy::PayloadMatch& node) {
        const bool ends = node.op == policy::BytesOp::kEq || node.op == policy::BytesOp::kEndsWith ||
                          node.op == policy::BytesOp::kEndsWithNocase;
        std::string bytes = node.bytes;
        if (node.negated) bytes += '.';
        packet_.put_payload(0, bytes, ends ? packet::PayloadEnd::kThere : packet::PayloadEnd::kOpen);
    }
    void put(const policy::PayloadSlice& node) {
        std::string bytes = node.bytes;
        if (node.negated) bytes.back() ^= 1;
        packet_.put_payload(node.offset, bytes, packet::PayloadEnd::kOpen);
    }
    void put(const policy::TextMatch& node) {
        packet_.need(node.field);
        packet_.set_text(node.field, node.negated ? node.text + "x" : text_of(node.op, node.text));
    }
    void put(const policy::TextCompare& node) {
        packet_.need(node.lhs);
        packet_.need(node.rhs);
    }
    // A text for which the comparison holds: itself, or one that is longer.
    std::string text_of(policy::BytesOp op, const std::string& text) const {
        using policy::BytesOp;
        const bool may_begin = op == BytesOp::kEndsWith || op == BytesOp::kContains;
        const bool may_end = op == BytesOp::kStartsWith || op == BytesOp::kContains;
        return pick_ % 2 == 0 ? text : (may_begin ? "a" : "") + text + (may_end ? "0" : "");
    }

    const policy::TypedPolicy& policy_;
    packet::ProbePacket& packet_;
    std::size_t pick_;
    std::string interface_;
};

// Of a set that changes the packet only has the keys: what is in there is for who tries it.
void Shaper::put(const policy::InSet& node) {
    const policy::Set& set = policy_.sets[static_cast<std::size_t>(node.set)];
    for (const packet::FieldId key : node.keys) packet_.need(key);
    if (set.entries.empty() || node.negated) return;
    const std::size_t at = pick_ == 1 ? set.entries.size() - 1 : pick_ == 3 ? set.entries.size() / 2 : 0;
    if (has_names(set.types)) return packet_.set_text(node.keys.front(), set.entries.names()[at]);
    const std::vector<policy::SetElement> entry = set.entries.entry(at);
    for (std::size_t i = 0; i < node.keys.size() && i < entry.size(); ++i) {
        const bool is_address = set.types[i] == policy::SetType::kIp || set.types[i] == policy::SetType::kNet;
        if (is_address)
            packet_.set_address(node.keys[i], entry[i].address);
        else
            packet_.set_number(node.keys[i], entry[i].number);
    }
}

// What must not be there and is.
const Literal* wrong(const Cube& cube, const std::vector<std::uint8_t>& frame) {
    const packet::Packet packet(frame);
    for (const Literal& literal : cube) {
        const auto* flag = std::get_if<policy::Flag>(&literal.comparison);
        if (flag == nullptr || !literal.is_denied || literal.term != nullptr) continue;
        const auto& value = packet.value(flag->field);
        if (value && std::get<bool>(*value) == flag->value) return &literal;
    }
    return nullptr;
}

}  // namespace

CubeFrame cube_frame(const policy::TypedPolicy& policy, const Cube& cube, std::size_t number) {
    Seeded random(number);
    packet::ProbePacket packet(random, kFirst[number / kPicks % std::size(kFirst)]);
    Shaper shaper(policy, packet, number);
    Cube ordered = cube;
    // Headers and flags before the values in them.
    std::stable_sort(ordered.begin(), ordered.end(), [](const Literal& a, const Literal& b) {
        return std::holds_alternative<policy::Flag>(a.comparison) > std::holds_alternative<policy::Flag>(b.comparison);
    });
    for (const Literal& literal : ordered) shaper.shape(literal);
    CubeFrame made{packet.frame(), shaper.interface()};
    constexpr int kRepairs = 3;
    for (int i = 0; i < kRepairs; ++i) {
        const Literal* const denied = wrong(cube, made.frame);
        if (denied == nullptr) break;
        const auto& flag = std::get<policy::Flag>(denied->comparison);
        packet.set_flag(flag.field, !flag.value);
        made.frame = packet.frame();
    }
    return made;
}

}  // namespace weir::analysis
