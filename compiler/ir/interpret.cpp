// Tested by tests/unit/ir/forest_test.cpp.
#include "compiler/ir/interpret.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "compiler/ir/layout.h"
#include "grammar/base/check.h"

namespace weir::ir {
namespace {

using Words = std::array<std::uint32_t, kPacketWords>;

class Interpreter {
public:
    Interpreter(const Decision& decision, const weir_packet& packet, const Outside& outside)
        : decision_(decision), packet_(packet), outside_(outside) {
        std::memcpy(words_.data(), &packet, sizeof(packet));
    }

    bool holds(PredicateId id) const {
        const Predicate& predicate = decision_.predicate(id);
        if (const auto* node = std::get_if<Constant>(&predicate.node)) return node->value;
        if (const auto* node = std::get_if<AllOf>(&predicate.node))
            return std::all_of(node->operands.begin(), node->operands.end(),
                               [&](PredicateId operand) { return holds(operand); });
        if (const auto* node = std::get_if<AnyOf>(&predicate.node))
            return std::any_of(node->operands.begin(), node->operands.end(),
                               [&](PredicateId operand) { return holds(operand); });
        if (const auto* node = std::get_if<Negation>(&predicate.node)) return !holds(node->operand);
        if (is_inside(predicate)) return outside_(predicate);
        if (const auto* node = std::get_if<Present>(&predicate.node)) return has(node->bits);
        if (const auto* node = std::get_if<InRanges>(&predicate.node)) return in(node->ranges, number(node->word));
        if (const auto* node = std::get_if<Compare>(&predicate.node)) return compare(*node);
        if (const auto* node = std::get_if<AddressIn>(&predicate.node)) return address_in(*node);
        if (const auto* node = std::get_if<AddressEqual>(&predicate.node)) return address_equal(*node);
        return outside_(predicate);
    }

    Outcome rules() const {
        Outcome outcome;
        for (std::uint32_t i = 0; i < decision_.rules.size(); ++i) {
            WEIR_CHECK(decision_.rules[i].terms.empty());  // this interpreter keeps no state
            if (!holds(decision_.rules[i].predicate)) continue;
            outcome.decided = i;
            if (decision_.rules[i].decides) return outcome;
            outcome.noted.push_back(i);
        }
        outcome.decided = static_cast<std::uint32_t>(decision_.rules.size());
        return outcome;
    }

    Outcome forests() const {
        const std::uint32_t kind = has({WEIR_HAS_IP4})   ? WEIR_FOREST_IP4
                                   : has({WEIR_HAS_IP6}) ? WEIR_FOREST_IP6
                                                         : WEIR_FOREST_OTHER;
        Outcome outcome;
        outcome.decided = first(decision_.forests.kinds[kind]);
        note(decision_.forests.kinds[WEIR_FOREST_KINDS + kind], outcome);
        return outcome;
    }

private:
    bool has(const packet::PresentBits& bits) const { return bits.in(packet_); }
    std::uint64_t number(const Word& word) const {
        std::uint64_t value = 0;
        std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&packet_) + word.offset, word.size);
        return value >> word.shift & word.mask;
    }
    template <typename Ranges, typename Value>
    static bool in(const Ranges& ranges, const Value& value) {
        return std::any_of(ranges.begin(), ranges.end(),
                           [&](const auto& range) { return value >= range.first && value <= range.second; });
    }
    bool compare(const Compare& node) const {
        const std::uint64_t lhs = number(node.lhs), rhs = number(node.rhs);
        switch (node.relation) {
            case Relation::kEq: return lhs == rhs;
            case Relation::kNe: return lhs != rhs;
            case Relation::kLt: return lhs < rhs;
            case Relation::kLe: return lhs <= rhs;
            case Relation::kGt: return lhs > rhs;
            case Relation::kGe: break;
        }
        return lhs >= rhs;
    }
    const std::uint32_t* address(const AddressRef& ref) const { return &words_[ref.offset / 4u]; }
    bool address_in(const AddressIn& node) const {
        const std::uint32_t* words = address(node.address);
        if (!node.address.either_version || has({WEIR_HAS_IP4})) return in(node.ranges4, words[0]);
        const Address6 number{std::uint64_t{words[0]} << 32 | words[1], std::uint64_t{words[2]} << 32 | words[3]};
        return has({WEIR_HAS_IP6}) && in(node.ranges6, number);
    }
    bool address_equal(const AddressEqual& node) const {
        const std::uint32_t* lhs = address(node.lhs);
        const std::uint32_t* rhs = address(node.rhs);
        if (node.lhs.either_version && node.rhs.either_version) return std::equal(lhs, lhs + 4, rhs);
        if (!node.lhs.either_version && !node.rhs.either_version) return lhs[0] == rhs[0];
        return has({WEIR_HAS_IP4}) && lhs[0] == rhs[0];
    }

    std::uint64_t descend(std::uint64_t slot) const {
        for (std::uint32_t i = 0; i < WEIR_TREE_DEPTH && (slot & WEIR_LEAF) == 0; ++i) {
            const std::uint32_t word = words_.at(slot >> WEIR_SLOT_WORD & 63);
            const std::uint64_t child = word >> (slot >> WEIR_SLOT_SHIFT & 31) & slot >> WEIR_SLOT_MASK;
            slot = decision_.forests.slots.at(static_cast<std::uint32_t>(slot) + child);
        }
        WEIR_CHECK((slot & WEIR_LEAF) != 0);
        return slot;
    }
    bool matches(const EntryLayout& layout, const std::uint32_t* entry) const {
        if (!entry_matches(layout, entry, words_.data())) return false;
        if (!layout.has_residual || entry[1] == 0) return true;
        const std::vector<PredicateId>& all = decision_.residuals[entry[1] - 1];
        return std::all_of(all.begin(), all.end(), [&](PredicateId id) { return holds(id); });
    }
    // Calls `visit` with the entries of the tree's leaf until it says true.
    template <typename Visit>
    void each_entry(const Forest& forest, const Tree& tree, Visit visit) const {
        const std::uint64_t slot = descend(tree.slot);
        const std::uint32_t* entry = decision_.forests.entries.data() + (slot & 0xffffffff);
        for (std::uint64_t left = slot >> 32 & WEIR_LEAF_COUNT_MASK; left > 0; --left, entry += forest.layout.words)
            if (visit(entry)) return;
    }
    std::uint32_t first(const Forest& forest) const {
        auto best = static_cast<std::uint32_t>(decision_.rules.size());
        for (const Tree& tree : forest.trees) {
            if (tree.first_rule >= best) break;
            each_entry(forest, tree, [&](const std::uint32_t* entry) {
                if (entry[0] >= best) return true;
                if (!matches(forest.layout, entry)) return false;
                best = entry[0];
                return true;
            });
        }
        return best;
    }
    void note(const Forest& forest, Outcome& outcome) const {
        for (const Tree& tree : forest.trees)
            each_entry(forest, tree, [&](const std::uint32_t* entry) {
                if (entry[0] >= outcome.decided) return true;
                const bool known = !outcome.noted.empty() && outcome.noted.back() == entry[0];
                if (!known && matches(forest.layout, entry)) outcome.noted.push_back(entry[0]);
                return false;
            });
    }

    const Decision& decision_;
    const weir_packet& packet_;
    const Outside& outside_;
    Words words_{};
};

}  // namespace

bool holds(const Decision& decision, PredicateId id, const weir_packet& packet, const Outside& outside) {
    return Interpreter(decision, packet, outside).holds(id);
}
Outcome interpret_rules(const Decision& decision, const weir_packet& packet, const Outside& outside) {
    return Interpreter(decision, packet, outside).rules();
}
Outcome interpret_forests(const Decision& decision, const weir_packet& packet, const Outside& outside) {
    return Interpreter(decision, packet, outside).forests();
}

}  // namespace weir::ir
