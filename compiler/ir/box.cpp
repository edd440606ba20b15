// Tested by tests/unit/ir/box_test.cpp.
#include "compiler/ir/box.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>

#include "grammar/base/check.h"

namespace weir::ir {
namespace {

static_assert(std::endian::native == std::endian::little, "words of struct weir_packet are read as the kernel does");

constexpr std::uint32_t kBoxesBeyond = 65536;  // of a policy, whatever its number of rules
constexpr std::uint32_t kBoxesARule = 8;       // on average, above that

// Bounds on the work, so that a large condition that many rules share costs each of them little. Pairs of boxes that
// are tried, of a policy: a third of a second at 10,000 rules.
constexpr std::uint64_t kMeetsBeyond = 1 << 20;
constexpr std::uint64_t kMeetsARule = 256;
constexpr std::size_t kFactors = 128;       // operands of a conjunction that are tried
constexpr std::size_t kResidualsABox = 16;  // that a conjunction leaves; more are one

constexpr std::uint32_t kPresentWord = offsetof(weir_packet, present) / 4;

bool is_of_present(std::uint32_t offset) {
    return offset / 4 >= kPresentWord && offset / 4 < kPresentWord + kPresentDimensions;
}

using Disjunction = std::vector<Box>;  // boxes whose `rule` is not set yet
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// Of 64 or 128 bits in words, highest first: sides for [first, last], as few boxes as there are prefixes of words.
using Words = std::vector<std::uint32_t>;

Ranges complement(const Ranges& ranges, std::uint64_t max) {
    Ranges rest;
    std::uint64_t next = 0;
    for (const auto& [first, last] : ranges) {
        if (first > next) rest.push_back({next, first - 1});
        if (last >= max) return rest;
        next = last + 1;
    }
    rest.push_back({next, max});
    return rest;
}

class Expansion {
public:
    Expansion(Decision& decision, const BoxLimits& limits) : decision_(decision), limits_(limits) {
        for (auto* flags : {&no_boxes_, &several_})
            for (std::vector<bool>& each : *flags) each.resize(decision.predicates.size());
        for (std::uint8_t i = 0; i < kPresentDimensions; ++i)
            dimension({static_cast<std::uint8_t>(kPresentWord + i), 0, 32, SideKind::kBits});
    }

    Boxes make() {
        const auto rules = static_cast<std::uint32_t>(decision_.rules.size());
        most_meets_ = rules * kMeetsARule + kMeetsBeyond;
        std::size_t left = limits_.boxes != 0 ? limits_.boxes : std::size_t{rules} * kBoxesARule + kBoxesBeyond;
        for (std::uint32_t rule = 0; rule < rules; ++rule) {
            // Whatever earlier rules took, each rule has room for one box.
            most_ = std::max<std::size_t>(std::min<std::size_t>(limits_.boxes_a_rule, left), 1);
            Disjunction boxes = whole(decision_.rules[rule].predicate, false);
            for (Box& box : boxes) {
                if (!tidy(box)) continue;
                box.rule = rule;
                made_.boxes.push_back(std::move(box));
                if (left > 0) --left;
            }
        }
        for (Predicate& opposite : added_) decision_.predicates.push_back(std::move(opposite));
        return std::move(made_);
    }

private:
    std::uint32_t dimension(const Dimension& wanted) {
        const auto [at, added] = numbers_.try_emplace(wanted, static_cast<std::uint32_t>(made_.dimensions.size()));
        if (added) made_.dimensions.push_back(wanted);
        return at->second;
    }

    // ---- the boxes of a predicate, or nothing where they would be too many ----

    std::optional<Disjunction> expand(PredicateId id, bool negated) {
        const auto& node = decision_.predicate(id).node;
        if (const auto* all = std::get_if<AllOf>(&node))
            return negated ? any(all->operands, true) : every(all->operands, false);
        if (const auto* some = std::get_if<AnyOf>(&node))
            return negated ? every(some->operands, true) : any(some->operands, false);
        if (const auto* opposite = std::get_if<Negation>(&node)) return expand(opposite->operand, !negated);
        if (const auto* constant = std::get_if<Constant>(&node))
            return constant->value == negated ? Disjunction{} : Disjunction{Box{}};
        // Trees read struct weir_packet only.
        if (const auto* has = std::get_if<Present>(&node); has != nullptr && !has->bits.has_inner())
            return present(has->bits, negated);
        if (const auto* in = std::get_if<InRanges>(&node); in != nullptr && !is_inside(in->word.offset))
            return in_ranges(*in, negated);
        if (const auto* in = std::get_if<AddressIn>(&node); in != nullptr && !is_inside(in->address.offset))
            return in_addresses(*in, negated);
        return std::nullopt;
    }
    // The same, as a residual where it is no boxes.
    Disjunction whole(PredicateId id, bool negated) {
        std::vector<bool>& never = no_boxes_[negated ? 1 : 0];
        if (never[static_cast<std::size_t>(id)]) return residual(id, negated);
        std::optional<Disjunction> boxes = expand(id, negated);
        if (boxes) return std::move(*boxes);
        never[static_cast<std::size_t>(id)] = true;  // for later rules as well: `most_` does not grow
        return residual(id, negated);
    }
    Disjunction residual(PredicateId id, bool negated) {
        Box box;
        box.residuals.push_back(negated ? opposite(id) : id);
        return {std::move(box)};
    }
    PredicateId add(Predicate predicate) {
        added_.push_back(std::move(predicate));
        return static_cast<PredicateId>(decision_.predicates.size() + added_.size() - 1);
    }
    PredicateId opposite(PredicateId id) {
        const auto known = opposites_.find(id);
        return known != opposites_.end() ? known->second : opposites_[id] = add({Negation{id}});
    }
    // A long list becomes one conjunction: boxes and rules that share it keep a number.
    void shorten(std::vector<PredicateId>& residuals) {
        if (residuals.size() <= kResidualsABox) return;
        const auto [at, added] = conjunctions_.try_emplace(std::move(residuals), PredicateId{});
        if (added) at->second = add({AllOf{at->first}});
        residuals = {at->second};
    }

    std::optional<Disjunction> any(const std::vector<PredicateId>& operands, bool negated) {
        Disjunction boxes;
        for (const PredicateId operand : operands) {
            Disjunction more = whole(operand, negated);
            if (boxes.size() + more.size() > most_) return std::nullopt;
            std::move(more.begin(), more.end(), std::back_inserter(boxes));
        }
        return boxes;
    }

    // The operands of a conjunction.
    struct Factors {
        Box one;                                                        // all that are one box, together
        std::vector<std::pair<PredicateId, Disjunction>> alternatives;  // those that are several
        std::vector<PredicateId> rest;                                  // several as well, but too many to try
    };
    // The product of as many operands as stay within bounds, smallest first; the others are residuals.
    Disjunction every(const std::vector<PredicateId>& operands, bool negated) {
        Factors factors;
        if (!collect(operands, negated, factors)) return {};
        std::stable_sort(factors.alternatives.begin(), factors.alternatives.end(),
                         [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
        std::vector<PredicateId> rest = std::move(factors.rest);
        Disjunction product;
        product.push_back(std::move(factors.one));
        for (const auto& [id, factor] : factors.alternatives) {
            std::optional<Disjunction> next = multiply(product, factor);
            if (next)
                product = std::move(*next);
            else
                rest.push_back(id);
        }
        if (negated)
            std::transform(rest.begin(), rest.end(), rest.begin(), [&](PredicateId id) { return opposite(id); });
        shorten(rest);
        for (Box& box : product) {
            box.residuals.insert(box.residuals.end(), rest.begin(), rest.end());
            shorten(box.residuals);
        }
        return product;
    }
    // False where nothing is in all of them.
    bool collect(const std::vector<PredicateId>& operands, bool negated, Factors& factors) {
        std::vector<bool>& several = several_[negated ? 1 : 0];
        for (const PredicateId operand : operands) {
            const auto* inner = negated ? nullptr : std::get_if<AllOf>(&decision_.predicate(operand).node);
            if (inner != nullptr) {
                if (!collect(inner->operands, false, factors)) return false;
                continue;
            }
            const bool full = factors.alternatives.size() >= kFactors;
            if (full && several[static_cast<std::size_t>(operand)]) {
                factors.rest.push_back(operand);
                continue;
            }
            Disjunction factor = whole(operand, negated);
            if (factor.empty()) return false;
            several[static_cast<std::size_t>(operand)] = factor.size() > 1;
            if (factor.size() == 1) {
                if (!meet(factors.one, factor.front(), made_.dimensions)) return false;
            } else if (full) {
                factors.rest.push_back(operand);
            } else {
                factors.alternatives.emplace_back(operand, std::move(factor));
            }
        }
        return true;
    }
    // Nothing where that is too many boxes, or too much work for what this policy may take.
    std::optional<Disjunction> multiply(const Disjunction& left, const Disjunction& right) {
        Disjunction product;
        for (const Box& a : left)
            for (const Box& b : right) {
                if (made_.meets == most_meets_) return std::nullopt;
                ++made_.meets;
                Box both = a;
                if (!meet(both, b, made_.dimensions)) continue;
                if (product.size() == most_) return std::nullopt;
                product.push_back(std::move(both));
            }
        return product;
    }

    static Box with(std::uint32_t dimension, std::uint32_t first, std::uint32_t last) {
        Box box;
        box.sides.push_back({dimension, first, last});
        return box;
    }

    static Box with(const packet::Presence& presence) {
        Box box;
        add_sides(box, presence);
        return box;
    }
    static void add_sides(Box& box, const packet::Presence& presence) {
        std::vector<Side> sides;
        for (std::uint32_t i = 0; i < kPresentDimensions; ++i) {
            const std::uint32_t ones = presence.ones.words[i], zeros = presence.zeros.words[i];
            if ((ones | zeros) != 0) sides.push_back({i, ones, ones | zeros});
        }
        box.sides.insert(box.sides.begin(), sides.begin(), sides.end());
    }
    static Disjunction present(const packet::PresentBits& bits, bool negated) {
        if (!negated) return {with(packet::Presence{bits, {}})};
        Disjunction boxes;
        for (std::uint32_t bit = 0; bit < WEIR_PRESENT_BITS; ++bit)
            if (bits.has(bit)) boxes.push_back(with(packet::Presence{{}, {bit}}));
        return boxes;
    }

    std::optional<Disjunction> in_ranges(const InRanges& in, bool negated) {
        const std::uint64_t mask = in.word.mask;
        if (mask == 0 || in.ranges.size() > most_ + 1) return std::nullopt;
        const auto low = static_cast<std::uint32_t>(std::countr_zero(mask));
        const std::uint64_t ones = mask >> low;
        if ((ones & (ones + 1)) != 0) return in_pattern(in, negated);
        // Values have `low` zeros at their end: only those of the ranges count.
        Ranges ranges;
        for (const auto& [first, last] : negated ? complement(in.ranges, ~std::uint64_t{0}) : in.ranges) {
            const std::uint64_t from = (first >> low) + ((first & ((std::uint64_t{1} << low) - 1)) != 0 ? 1 : 0);
            const std::uint64_t to = std::min(last >> low, ones);
            if (from <= to) ranges.push_back({from, to});
        }
        if (ranges.size() > most_) return std::nullopt;
        if (in.word.size == 8) return in_wide(in.word, low, ones, ranges);
        const std::uint32_t shift = in.word.offset % 4 * 8u + in.word.shift + low;
        const auto bits = static_cast<std::uint8_t>(
            std::min<std::uint32_t>(std::popcount(ones), in.word.size * 8u - in.word.shift - low));
        if (in.word.offset == offsetof(weir_packet, tcp_flags) || is_of_present(in.word.offset))
            return in_bits(in.word, low, bits, ranges);
        const std::uint32_t side = dimension({static_cast<std::uint8_t>(in.word.offset / 4),
                                              static_cast<std::uint8_t>(shift), bits, SideKind::kInterval});
        const std::uint64_t most = made_.dimensions[side].full();
        Disjunction boxes;
        for (const auto& [first, last] : ranges)
            if (first <= most)
                boxes.push_back(
                    with(side, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(std::min(last, most))));
        return boxes;
    }
    // Flags: conditions on several of them meet in one dimension. Ranges become prefixes.
    std::optional<Disjunction> in_bits(const Word& word, std::uint32_t low, std::uint32_t bits, const Ranges& ranges) {
        const std::uint32_t side =
            is_of_present(word.offset)
                ? word.offset / 4u - kPresentWord
                : dimension({static_cast<std::uint8_t>(word.offset / 4), static_cast<std::uint8_t>(word.offset % 4 * 8),
                             static_cast<std::uint8_t>(word.size * 8), SideKind::kBits});
        const std::uint32_t at = word.shift + low;
        const std::uint64_t most = (std::uint64_t{1} << bits) - 1;
        Disjunction boxes;
        for (auto [first, last] : ranges) {
            last = std::min(last, most);
            while (first <= last) {
                std::uint32_t free = 0;
                while (free < bits && (first & ((std::uint64_t{2} << free) - 1)) == 0 &&
                       first + (std::uint64_t{2} << free) - 1 <= last)
                    ++free;
                const auto mask = static_cast<std::uint32_t>(most & ~((std::uint64_t{1} << free) - 1));
                boxes.push_back(with(side, static_cast<std::uint32_t>(first) << at, mask << at));
                if (boxes.size() > most_) return std::nullopt;
                first += std::uint64_t{1} << free;
            }
        }
        return boxes;
    }
    // A mask with holes: single values only.
    std::optional<Disjunction> in_pattern(const InRanges& in, bool negated) {
        if (negated || in.word.size == 8 || in.ranges.size() > most_) return std::nullopt;
        const std::uint32_t side =
            dimension({static_cast<std::uint8_t>(in.word.offset / 4), static_cast<std::uint8_t>(in.word.offset % 4 * 8),
                       static_cast<std::uint8_t>(in.word.size * 8), SideKind::kBits});
        const std::uint64_t full = made_.dimensions[side].full();
        Disjunction boxes;
        for (const auto& [first, last] : in.ranges) {
            if (first != last) return std::nullopt;
            if ((first & ~in.word.mask) != 0) continue;
            boxes.push_back(with(side, static_cast<std::uint32_t>(first << in.word.shift & full),
                                 static_cast<std::uint32_t>(in.word.mask << in.word.shift & full)));
        }
        return boxes;
    }
    std::optional<Disjunction> in_wide(const Word& word, std::uint32_t low, std::uint64_t ones, const Ranges& ranges) {
        if (low != 0 || word.shift != 0 || (ones >> 32 & ((ones >> 32) + 1)) != 0 || (ones >> 32) == 0)
            return std::nullopt;
        const auto first_word = static_cast<std::uint8_t>(word.offset / 4);
        const auto high_bits = static_cast<std::uint8_t>(std::popcount(ones >> 32));
        const std::vector<std::uint32_t> sides{
            dimension({static_cast<std::uint8_t>(first_word + 1), 0, high_bits, SideKind::kInterval}),
            dimension({first_word, 0, 32, SideKind::kInterval})};
        Disjunction boxes;
        for (const auto& [first, last] : ranges) {
            const Words from{static_cast<std::uint32_t>(first >> 32), static_cast<std::uint32_t>(first)};
            const Words to{static_cast<std::uint32_t>(last >> 32), static_cast<std::uint32_t>(last)};
            add_lexical(sides, from, to, 0, Box{}, boxes);
        }
        if (boxes.size() > most_) return std::nullopt;
        return boxes;
    }

    // [from, to] over several words, the first the highest.
    void add_lexical(const std::vector<std::uint32_t>& sides, const Words& from, const Words& to, std::size_t at,
                     Box prefix, Disjunction& boxes) {
        const auto also = [&](std::uint32_t first, std::uint32_t last) {
            Box box = prefix;
            box.sides.push_back({sides[at], first, last});
            std::sort(box.sides.begin(), box.sides.end());
            return box;
        };
        const auto rest_is = [&](const Words& words, bool ones) {
            for (std::size_t i = at + 1; i < words.size(); ++i)
                if (words[i] != (ones ? made_.dimensions[sides[i]].full() : 0u)) return false;
            return true;
        };
        if (at + 1 == sides.size() || (rest_is(from, false) && rest_is(to, true))) {
            boxes.push_back(also(from[at], to[at]));
            return;
        }
        if (from[at] == to[at]) return add_lexical(sides, from, to, at + 1, also(from[at], from[at]), boxes);
        Words ones = to, zeros = from;
        for (std::size_t i = at + 1; i < sides.size(); ++i) {
            ones[i] = made_.dimensions[sides[i]].full();
            zeros[i] = 0;
        }
        std::uint32_t first = from[at], last = to[at];
        if (!rest_is(from, false)) {
            add_lexical(sides, from, ones, at + 1, also(first, first), boxes);
            ++first;
        }
        const bool cut_last = !rest_is(to, true);
        if (cut_last) --last;
        if (first <= last && !(cut_last && to[at] == 0)) boxes.push_back(also(first, last));
        if (cut_last) add_lexical(sides, zeros, to, at + 1, also(to[at], to[at]), boxes);
    }

    std::optional<Disjunction> in_addresses(const AddressIn& in, bool negated) {
        if (in.ranges4.size() + in.ranges6.size() > most_) return std::nullopt;
        const auto word = static_cast<std::uint8_t>(in.address.offset / 4);
        std::vector<std::uint32_t> sides;
        for (std::uint8_t i = 0; i < (in.address.either_version ? 4 : 1); ++i)
            sides.push_back(dimension({static_cast<std::uint8_t>(word + i), 0, 32, SideKind::kInterval}));
        Ranges ranges4{in.ranges4.begin(), in.ranges4.end()};
        if (negated) ranges4 = complement(ranges4, 0xffffffff);
        const Box version4 = in.address.either_version ? with(packet::Presence{{WEIR_HAS_IP4}, {}}) : Box{};
        Disjunction boxes;
        for (const auto& [first, last] : ranges4)
            add_lexical({sides[0]}, {static_cast<std::uint32_t>(first)}, {static_cast<std::uint32_t>(last)}, 0,
                        version4, boxes);
        if (in.address.either_version) {
            add_ranges6(in, negated, sides, boxes);
            if (negated) boxes.push_back(with(packet::Presence{{}, {WEIR_HAS_IP4, WEIR_HAS_IP6}}));
        }
        if (boxes.size() > most_) return std::nullopt;
        return boxes;
    }
    void add_ranges6(const AddressIn& in, bool negated, const std::vector<std::uint32_t>& sides, Disjunction& boxes) {
        const Box version6 = with(packet::Presence{{WEIR_HAS_IP6}, {}});
        const auto words = [](const Address6& address) {
            return Words{static_cast<std::uint32_t>(address.first >> 32), static_cast<std::uint32_t>(address.first),
                         static_cast<std::uint32_t>(address.second >> 32), static_cast<std::uint32_t>(address.second)};
        };
        const Address6 max{~std::uint64_t{0}, ~std::uint64_t{0}};
        if (!negated) {
            for (const auto& [first, last] : in.ranges6)
                add_lexical(sides, words(first), words(last), 0, version6, boxes);
            return;
        }
        Address6 next{0, 0};
        for (const auto& [first, last] : in.ranges6) {
            if (next < first) {
                const Address6 before =
                    first.second == 0 ? Address6{first.first - 1, max.second} : Address6{first.first, first.second - 1};
                add_lexical(sides, words(next), words(before), 0, version6, boxes);
            }
            if (last == max) return;
            next = last.second == max.second ? Address6{last.first + 1, 0} : Address6{last.first, last.second + 1};
        }
        add_lexical(sides, words(next), words(max), 0, version6, boxes);
    }

    // Sorted, without sides that say nothing; false where no packet can be in it.
    bool tidy(Box& box) {
        std::sort(box.residuals.begin(), box.residuals.end());
        box.residuals.erase(std::unique(box.residuals.begin(), box.residuals.end()), box.residuals.end());
        std::erase_if(box.sides, [&](const Side& side) {
            const Dimension& dimension = made_.dimensions[side.dimension];
            return dimension.kind == SideKind::kInterval ? side.first == 0 && side.last == dimension.full()
                                                         : side.last == 0;
        });
        if (box.sides.empty() || box.sides[0].dimension >= kPresentDimensions) return true;
        const packet::Presence presence = presence_of(box);
        const auto [known, added] = reduced_.try_emplace(presence);
        if (added && implied(presence).possible()) known->second = reduced(presence);
        if (!known->second) return false;
        std::erase_if(box.sides, [](const Side& side) { return side.dimension < kPresentDimensions; });
        add_sides(box, *known->second);
        return true;
    }

    Decision& decision_;
    const BoxLimits& limits_;
    Boxes made_;
    std::map<Dimension, std::uint32_t> numbers_;
    std::map<PredicateId, PredicateId> opposites_;
    std::map<std::vector<PredicateId>, PredicateId> conjunctions_;
    std::array<std::vector<bool>, 2> no_boxes_;  // by predicate, as it is and negated: it is a residual
    std::array<std::vector<bool>, 2> several_;   // the same: as an operand it was several boxes
    std::map<packet::Presence, std::optional<packet::Presence>> reduced_;  // nothing: no packet is so
    std::vector<Predicate> added_;  // become predicates when all is done: references stay good till then
    std::size_t most_ = 1;
    std::uint64_t most_meets_ = 0;
};

}  // namespace

packet::Presence presence_of(const Box& box) {
    packet::Presence presence;
    for (const Side& side : box.sides) {
        if (side.dimension >= kPresentDimensions) break;
        presence.ones.words[side.dimension] = side.first;
        presence.zeros.words[side.dimension] = side.last & ~side.first;
    }
    return presence;
}

bool meet(Box& box, const Box& other, const std::vector<Dimension>& dimensions) {
    std::vector<Side> sides;
    sides.reserve(box.sides.size() + other.sides.size());
    auto a = box.sides.cbegin(), b = other.sides.cbegin();
    while (a != box.sides.end() || b != other.sides.end()) {
        if (b == other.sides.end() || (a != box.sides.end() && a->dimension < b->dimension)) {
            sides.push_back(*a++);
        } else if (a == box.sides.cend() || b->dimension < a->dimension) {
            sides.push_back(*b++);
        } else {
            Side both = *a;
            if (dimensions[a->dimension].kind == SideKind::kInterval) {
                both.first = std::max(a->first, b->first);
                both.last = std::min(a->last, b->last);
                if (both.first > both.last) return false;
            } else {
                if (((a->first ^ b->first) & a->last & b->last) != 0) return false;
                both.first = a->first | b->first;
                both.last = a->last | b->last;
            }
            sides.push_back(both);
            ++a, ++b;
        }
    }
    box.sides = std::move(sides);
    box.residuals.insert(box.residuals.end(), other.residuals.begin(), other.residuals.end());
    return true;
}

Boxes make_boxes(Decision& decision, const BoxLimits& limits) { return Expansion(decision, limits).make(); }

}  // namespace weir::ir
