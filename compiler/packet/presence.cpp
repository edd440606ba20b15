// What follows from what a packet has: the reader of frames (bpf/templates/read/) sets these bits together.
// Tested by tests/unit/packet/presence_test.cpp.
#include "compiler/packet/presence.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <vector>

#include "grammar/base/check.h"

namespace weir::packet {
namespace {

constexpr PresentBits of() { return {}; }
template <typename... Bits>
constexpr PresentBits of(Bits... bits) {
    return {static_cast<std::uint32_t>(bits)...};
}
using Value = std::optional<std::pair<FieldId, std::uint64_t>>;
constexpr Value any() { return std::nullopt; }
constexpr Value is(FieldId field, std::uint64_t value) { return Value{std::in_place, field, value}; }

constexpr PresenceFact kFacts[] = {
#define WEIR_PRESENT(bit_, name_, when_, follows_, one_of_, never_, value_) \
    {.bit = WEIR_##bit_, .name = name_, .follows = follows_, .one_of = one_of_, .never = never_, .value = value_},
#include "compiler/packet/fields.def"
};

constexpr bool has_fact(std::uint32_t bit) {
    for (const PresenceFact& fact : kFacts)
        if (fact.bit == bit) return true;
    return false;
}
#define WEIR_FIELD(id, name, type, bits, present, ...) static_assert(has_fact(WEIR_##present), name);
#define WEIR_INSIDE(id, name, type, bits, present, ...) static_assert(has_fact(WEIR_##present), name);
#define WEIR_FLAG(id, name, present, bit, ...) static_assert(has_fact(WEIR_##present) && has_fact(WEIR_##bit), name);
#define WEIR_FLOW(id, name, type, bits, present, ...) static_assert(has_fact(WEIR_##present), name);
#define WEIR_FLOW_FLAG(id, name, present, bit, ...) \
    static_assert(has_fact(WEIR_##present) && has_fact(WEIR_##bit), name);
#include "compiler/packet/fields.def"

PresentBits within(const PresentBits& bits) {  // those of the packet within a tunnel
    PresentBits inner;
    std::copy_n(bits.words.begin(), WEIR_PRESENT_WORDS, inner.words.begin() + WEIR_PRESENT_WORDS);
    return inner;
}

// The same of the packet within a tunnel, and what follows from one packet for the other.
std::vector<PresenceFact> facts_of_both() {
    std::vector<PresenceFact> facts(std::begin(kFacts), std::end(kFacts));
    for (const PresenceFact& outer : kFacts) {
        if (outer.bit >= kInnerPresent) continue;  // of the flow
        PresenceFact& inner = facts.emplace_back(outer);
        inner.bit += kInnerPresent;
        inner.follows = within(outer.follows);
        inner.one_of = within(outer.one_of);
        inner.never = within(outer.never);
        if (outer.value) inner.value->first = field_id(Layer::kInner, row_of(outer.value->first));
        if (outer.bit == WEIR_HAS_ALWAYS) inner.follows.add(WEIR_HAS_PAYLOAD);
        if (outer.bit == WEIR_HAS_IP) inner.follows.add(WEIR_HAS_INNER);
        if (outer.bit == WEIR_IS_MALFORMED) inner.follows.add(kInnerPresent + WEIR_HAS_ALWAYS);
    }
    for (PresenceFact& fact : facts)
        if (fact.bit == WEIR_HAS_INNER) fact.follows.add(kInnerPresent + WEIR_HAS_IP);
    return facts;
}

// By bit: all that follows from it being one.
using Closure = std::array<Presence, kAllPresent>;

void add_ones(PresentBits& ones, const PresenceFact& fact) {
    ones.add(fact.bit);
    for (const PresenceFact& other : kFacts)
        if (fact.follows.has(other.bit) && !ones.has(other.bit)) add_ones(ones, other);
}

bool contradict(const PresenceFact& a, const PresenceFact& b) {
    if (a.never.has(b.bit) || b.never.has(a.bit)) return true;
    return a.value && b.value && a.value->first == b.value->first && a.value->second != b.value->second;
}

// Bit `a`, and so all that brings it, is never there together with `b` and all that brings `b`.
bool part(Closure& closure, std::uint32_t a, std::uint32_t b) {
    bool is_new = false;
    for (const PresenceFact& x : kFacts)
        for (const PresenceFact& y : kFacts)
            if (closure[x.bit].ones.has(a) && closure[y.bit].ones.has(b) && !closure[x.bit].zeros.has(y.bit)) {
                closure[x.bit].zeros.add(y.bit);
                closure[y.bit].zeros.add(x.bit);
                is_new = true;
            }
    return is_new;
}

Closure close() {
    Closure closure;
    for (const PresenceFact& fact : kFacts) add_ones(closure[fact.bit].ones, fact);
    for (const PresenceFact& a : kFacts)
        for (const PresenceFact& b : kFacts)
            if (contradict(a, b)) part(closure, a.bit, b.bit);
    // What has one of some bits is never there with what has none of them.
    for (bool is_new = true; is_new;) {
        is_new = false;
        for (const PresenceFact& a : kFacts)
            for (const PresenceFact& b : kFacts)
                if (!a.one_of.empty() && (a.one_of - closure[b.bit].zeros).empty())
                    is_new = part(closure, a.bit, b.bit) || is_new;
    }
    return closure;
}

// Each layer by itself, and what joins them (facts_of_both).
Closure close_both() {
    Closure both = close();
    const auto join = [](Presence& one, const Presence& other) {
        one.ones |= other.ones;
        one.zeros |= other.zeros;
    };
    const Presence payload = both[WEIR_HAS_PAYLOAD], tunnel = both[WEIR_HAS_INNER], ip = both[WEIR_HAS_IP];
    for (std::uint32_t bit = 0; bit < WEIR_PRESENT_BITS; ++bit) {
        Presence& outer = both[bit];
        Presence& inner = both[kInnerPresent + bit];
        inner = {within(outer.ones), within(outer.zeros)};
        inner.ones.add(kInnerPresent + WEIR_HAS_ALWAYS);
        join(inner, payload);
        if (outer.ones.has(WEIR_HAS_IP)) join(inner, tunnel);
        if (outer.ones.has(WEIR_HAS_INNER)) join(outer, {within(ip.ones), within(ip.zeros)});
    }
    return both;
}

const Closure& closure() {
    static const Closure known = close_both();
    return known;
}

// Bits to look at: what joins the layers counts where something is known of the inner one.
std::uint32_t bits_of(const Presence& presence) {
    return presence.ones.has_inner() || presence.zeros.has_inner() ? kAllPresent : kInnerPresent;
}

}  // namespace

std::uint32_t PresentBits::count() const {
    std::uint32_t count = 0;
    for (const std::uint32_t word : words) count += static_cast<std::uint32_t>(std::popcount(word));
    return count;
}

bool PresentBits::in(const weir_packet& packet) const {
    WEIR_CHECK(!has_inner());
    for (std::size_t i = 0; i < WEIR_PRESENT_WORDS; ++i)
        if ((packet.present[i] & words[i]) != words[i]) return false;
    return true;
}

std::span<const PresenceFact> presence_facts() {
    static const std::vector<PresenceFact> both = facts_of_both();
    return both;
}

bool is_presence(FieldId id) {
    const Field& f = field(id);
    return f.offset == offsetof(weir_packet, present) + 4 * WEIR_PRESENT_WORD(f.present_bit) &&
           f.shift == f.present_bit % 32;
}

std::optional<std::uint32_t> flag_bit(FieldId id) {
    const Field& f = field(id);
    static_assert(offsetof(weir_packet, present) == 0);
    if (f.type == Type::kBool && f.offset == WEIR_FLOW_OFFSET + offsetof(weir_flow_view, present))
        return kFlowPresent + f.shift;
    const std::size_t word = f.offset / 4;
    if (f.type != Type::kBool || word >= WEIR_PRESENT_WORDS) return std::nullopt;
    return static_cast<std::uint32_t>(word) * 32 + f.shift + (layer_of(id) == Layer::kInner ? kInnerPresent : 0);
}

std::string_view present_name(std::uint32_t bit) {
    const auto* const fact =
        std::find_if(std::begin(kFacts), std::end(kFacts), [&](const PresenceFact& one) { return one.bit == bit; });
    return fact == std::end(kFacts) ? std::string_view{} : fact->name;
}

Presence implied(const Presence& presence) {
    const Closure& known = closure();
    Presence all = presence;
    const std::uint32_t bits = bits_of(presence);
    for (std::uint32_t bit = 0; bit < bits; ++bit)
        if (presence.ones.has(bit)) {
            all.ones |= known[bit].ones;
            all.zeros |= known[bit].zeros;
        }
    // What would bring a bit that is not there is not there.
    const PresentBits zeros = all.zeros;
    for (std::uint32_t bit = 0; !zeros.empty() && bit < bits; ++bit)
        if (!(known[bit].ones & zeros).empty()) all.zeros.add(bit);
    // What asks nothing of the packet within gets no more to ask.
    if (bits == kInnerPresent)
        for (PresentBits* known_bits : {&all.ones, &all.zeros})
            std::fill(known_bits->words.begin() + WEIR_PRESENT_WORDS, known_bits->words.end(), 0u);
    return all;
}

Presence reduced(Presence presence) {
    for (std::uint32_t bit = 0; bit < kAllPresent; ++bit) {
        if (!presence.ones.has(bit) && !presence.zeros.has(bit)) continue;
        Presence rest = presence;
        rest.ones.remove(bit);
        rest.zeros.remove(bit);
        const Presence follows = implied(rest);
        if (follows.ones.has(bit)) presence.ones.remove(bit);
        if (follows.zeros.has(bit)) presence.zeros.remove(bit);
    }
    return presence;
}

}  // namespace weir::packet
