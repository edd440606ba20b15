// Tested by tests/unit/analysis/text_facts_test.cpp.
#include "compiler/analysis/text_facts.h"

#include <algorithm>
#include <string_view>

#include "compiler/packet/domain_name.h"

namespace weir::analysis {
namespace {

using packet::FieldId;
using policy::BytesOp;

constexpr std::size_t kMaxAtoms = 64, kMaxTexts = 64;  // all pairs are looked at

// What one comparison that is true says of another: true as well, false, or nothing.
enum class Says : std::uint8_t { kTrue, kFalse, kNothing };

template <typename Holds>
Says says_of_each(const std::vector<std::string>& texts, const Holds& holds) {
    const auto count = std::count_if(texts.begin(), texts.end(), holds);
    if (count == 0) return Says::kFalse;
    return static_cast<std::size_t>(count) == texts.size() ? Says::kTrue : Says::kNothing;
}

bool is_whole(const TextAtom& atom) {
    return atom.kind == TextAtom::Kind::kIn || (atom.kind == TextAtom::Kind::kMatch && atom.op == BytesOp::kEq);
}

// ---- names: only where a whole name is compared ----

bool is_under(const packet::DomainName& name, const std::string& entry) {
    const std::vector<std::string> labels = packet::domain_of_text(entry).labels;
    return labels.size() <= name.labels.size() && std::equal(labels.rbegin(), labels.rend(), name.labels.rbegin());
}

// Is a name that the one text stands for a name that the other atom is true of?
bool names_hold(const TextAtom& atom, const std::string& text) {
    const packet::DomainName name = packet::domain_of_text(text);
    if (atom.kind == TextAtom::Kind::kMatch) return name == packet::domain_of_text(atom.texts[0]);
    return std::any_of(atom.texts.begin(), atom.texts.end(), [&](const auto& entry) { return is_under(name, entry); });
}

Says says_of_names(const TextAtom& one, const TextAtom& other) {
    if (!is_whole(one) || !is_whole(other)) return Says::kNothing;
    const Says said = says_of_each(one.texts, [&](const std::string& text) { return names_hold(other, text); });
    if (one.kind == TextAtom::Kind::kMatch || said == Says::kNothing) return said;
    // A set has the names under its entries, too.
    if (said == Says::kTrue) return other.kind == TextAtom::Kind::kIn ? Says::kTrue : Says::kNothing;
    return says_of_each(other.texts, [&](const std::string& text) { return names_hold(one, text); }) == Says::kFalse
               ? Says::kFalse
               : Says::kNothing;
}

// ---- texts ----

bool is_exact(const TextAtom& atom) {
    return atom.kind != TextAtom::Kind::kMatch || atom.op == BytesOp::kEq || atom.op == BytesOp::kStartsWith ||
           atom.op == BytesOp::kEndsWith || atom.op == BytesOp::kContains;
}

// Of a whole text.
bool holds(const TextAtom& atom, const std::string& text) {
    const std::string& literal = atom.texts[0];
    if (atom.kind == TextAtom::Kind::kIn)
        return std::find(atom.texts.begin(), atom.texts.end(), text) != atom.texts.end();
    if (atom.kind == TextAtom::Kind::kSlice)
        return text.size() >= atom.offset + literal.size() && text.compare(atom.offset, literal.size(), literal) == 0;
    if (atom.op == BytesOp::kStartsWith) return text.starts_with(literal);
    if (atom.op == BytesOp::kEndsWith) return text.ends_with(literal);
    if (atom.op == BytesOp::kContains) return text.find(literal) != std::string::npos;
    return text == literal;
}

// Bytes at a place that is known from the text's begin.
bool is_placed(const TextAtom& atom) {
    return atom.kind == TextAtom::Kind::kSlice ||
           (atom.kind == TextAtom::Kind::kMatch && atom.op == BytesOp::kStartsWith);
}

Says says_of_places(const TextAtom& one, const TextAtom& other) {
    const std::string &a = one.texts[0], &b = other.texts[0];
    const std::size_t begin = std::max(one.offset, other.offset);
    const std::size_t end = std::min(one.offset + a.size(), other.offset + b.size());
    if (begin < end && a.compare(begin - one.offset, end - begin, b, begin - other.offset, end - begin) != 0)
        return Says::kFalse;
    const bool within = one.offset <= other.offset && other.offset + b.size() <= one.offset + a.size();
    return within ? Says::kTrue : Says::kNothing;
}

Says says_of_ends(const std::string& one, const std::string& other) {
    if (one.ends_with(other)) return Says::kTrue;
    return other.ends_with(one) ? Says::kNothing : Says::kFalse;
}

Says says_of_texts(FieldId field, const TextAtom& one, const TextAtom& other) {
    if (!is_exact(one) || !is_exact(other)) return Says::kNothing;
    if (is_whole(one)) {
        const Says said = says_of_each(one.texts, [&](const std::string& text) { return holds(other, text); });
        // Of a slice that the text is too short for nothing is known.
        return said == Says::kFalse && other.kind == TextAtom::Kind::kSlice ? Says::kNothing : said;
    }
    if (is_placed(one) && is_placed(other)) return says_of_places(one, other);
    if (is_placed(other) || is_whole(other)) return Says::kNothing;
    if (other.op == BytesOp::kEndsWith)
        return one.op == BytesOp::kEndsWith ? says_of_ends(one.texts[0], other.texts[0]) : Says::kNothing;
    // `contains` looks at the first bytes of the payload only.
    constexpr std::size_t kSearched = 512;
    if (field == FieldId::kPayload && (one.op == BytesOp::kEndsWith || one.offset + one.texts[0].size() > kSearched))
        return Says::kNothing;
    return one.texts[0].find(other.texts[0]) != std::string::npos ? Says::kTrue : Says::kNothing;
}

// ---- lengths ----

FieldId length_of(FieldId field) { return field == FieldId::kPayload ? FieldId::kPayloadLen : field; }

// Packets whose text is as long as the comparison wants it.
Bdd::Node long_enough(Universe& universe, FieldId field, const TextAtom& atom) {
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    const std::uint64_t least = atom.offset + atom.texts[0].size();
    const bool is_equal = atom.kind == TextAtom::Kind::kMatch && atom.op == BytesOp::kEq;
    return universe.number_in(universe.bits(length_of(field), kAll), {{least, is_equal ? least : kAll}});
}

}  // namespace

Bdd::Node possible_texts(Universe& universe, FieldId field, std::span<const TextAtom> atoms) {
    if (atoms.size() > kMaxAtoms) return Bdd::kTrue;
    Bdd& bdd = universe.bdd();
    const bool is_name = packet::field(field).type == packet::Type::kDomain;
    const bool has_length = field != FieldId::kIface && !is_name;
    std::vector<Bdd::Node> holds;  // the comparison does, and the text is long enough for it
    Bdd::Node possible = Bdd::kTrue;
    for (const TextAtom& atom : atoms) {
        Bdd::Node one = bdd.variable(atom.variable);
        if (has_length && atom.kind != TextAtom::Kind::kIn) {
            const Bdd::Node enough = bdd.both(one, long_enough(universe, field, atom));
            if (atom.kind != TextAtom::Kind::kSlice) possible = bdd.without(possible, bdd.without(one, enough));
            one = enough;
        }
        holds.push_back(one);
    }
    for (std::size_t i = 0; i < atoms.size(); ++i)
        for (std::size_t j = 0; j < atoms.size(); ++j) {
            if (i == j || atoms[i].texts.size() > kMaxTexts || atoms[j].texts.size() > kMaxTexts) continue;
            const Says said = is_name ? says_of_names(atoms[i], atoms[j]) : says_of_texts(field, atoms[i], atoms[j]);
            if (said == Says::kTrue)
                possible = bdd.without(possible, bdd.without(holds[i], bdd.variable(atoms[j].variable)));
            if (said == Says::kFalse) possible = bdd.without(possible, bdd.both(holds[i], holds[j]));
        }
    return possible;
}

}  // namespace weir::analysis
