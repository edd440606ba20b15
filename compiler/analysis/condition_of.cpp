// Tested by tests/unit/analysis/policy_diff_test.cpp with `ConditionOf`.
#include "compiler/analysis/condition_of.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::analysis {
namespace {

constexpr std::size_t kMaxCubes = 24;
constexpr std::size_t kStepsAround = std::size_t{1} << 17;
constexpr const char* kMoreConditions = "  # and more conditions";
constexpr std::size_t kMaxBytes = 800;  // of a text; what is one comparison may be longer

std::string joined(Cube cube) {
    std::stable_sort(cube.begin(), cube.end(), [](const Literal& a, const Literal& b) { return a.rank < b.rank; });
    std::string text;
    for (const Literal& literal : cube) text += (text.empty() ? "" : " and ") + literal.text;
    return text.empty() ? "true" : text;
}

// "base and (a or b)". Where it would be too long, or more follow, that is said at the end.
ConditionText with_any(const Cube& base, const std::vector<Cube>& cubes, bool is_whole) {
    std::string any;
    std::size_t shown = 0;
    for (const Cube& cube : cubes) {
        const std::string text = joined(cube);
        if (shown != 0 && any.size() + text.size() > kMaxBytes) break;
        any += (shown++ == 0 ? "" : " or ") + text;
    }
    const std::string before = joined(base);
    std::string text = base.empty() ? any : cubes.size() == 1 ? before + " and " + any : before + " and (" + any + ")";
    if (shown < cubes.size() || !is_whole)
        text += is_whole ? fmt::format("  # and {} more", cubes.size() - shown) : "  # and more";
    return {std::move(text), is_whole && shown == cubes.size()};
}

// "base and not (a and b) and not c".
ConditionText without_any(const Cube& base, const std::vector<Cube>& cubes) {
    std::string text = base.empty() ? "" : joined(base);
    for (const Cube& cube : cubes) {
        std::string one = joined(cube);
        if (cube.size() == 1 && cube.front().is_denied)
            one = one.substr(sizeof("not ") - 1);
        else
            one = cube.size() == 1 ? "not " + one : "not (" + one + ")";
        text += (text.empty() ? "" : " and ") + one;
    }
    return {std::move(text), true};
}

}  // namespace

// Without the literals that the others make needless; `fits` says of a product whether it still does.
template <typename Fits>
Cube ConditionOf::reduced(Cube cube, Bdd::Node care, Fits fits) {
    // What is denied first, then headers, then values: `tcp` goes where `tcp.dport == 80` stays.
    std::vector<Literal> ordered = std::move(cube);
    const auto weight = [](const Literal& literal) {
        if (literal.is_presence) return 0;
        if (literal.is_denied) return 1;
        return std::holds_alternative<policy::Flag>(literal.comparison) && literal.term == nullptr ? 2 : 3;
    };
    std::stable_sort(ordered.begin(), ordered.end(),
                     [&](const Literal& a, const Literal& b) { return weight(a) < weight(b); });
    for (std::size_t i = 0; i < ordered.size();) {
        Cube rest = ordered;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
        if (fits(literals_.product(rest, care)) && !sets_.bdd().spent())
            ordered = std::move(rest);
        else
            ++i;
    }
    return ordered;
}

Bdd::Node ConditionOf::any_of(const std::vector<Cube>& cubes, Bdd::Node care) {
    Bdd::Node any = Bdd::kFalse;
    for (const Cube& cube : cubes) any = sets_.bdd().either(any, literals_.product(cube, care));
    return any;
}

// Cubes that have all these packets, and within `care` none but those of `whole`. False where there would be too many.
bool ConditionOf::cover(Bdd::Node packets, Bdd::Node whole, Bdd::Node care, std::vector<Cube>& cubes) {
    Bdd& bdd = sets_.bdd();
    for (const Cube& cube : cubes) {
        if (packets == Bdd::kFalse) break;
        if (bdd.without(packets, literals_.product(cube, care)) == Bdd::kFalse) return !bdd.spent();
    }
    if (packets == Bdd::kFalse) return !bdd.spent();
    if (bdd.spent() || cubes.size() >= kMaxCubes) return false;
    Cube hull = literals_.hull(packets, care);
    const auto fits = [&](Bdd::Node product) { return bdd.without(product, whole) == Bdd::kFalse; };
    const Bdd::Node product = literals_.product(hull, care);
    if (bdd.spent()) return false;
    if (fits(product)) {
        cubes.push_back(reduced(std::move(hull), care, fits));
        return !bdd.spent();
    }
    const std::vector<Bdd::Node> pieces = literals_.split(packets, product);
    if (pieces.empty()) return false;
    bool is_whole = true;
    for (const Bdd::Node piece : pieces) is_whole = cover(piece, whole, care, cubes) && is_whole;
    return is_whole;
}

ConditionText ConditionOf::text_around(Bdd::Node packets, Bdd::Node all) {
    Bdd& bdd = sets_.bdd();
    bdd.allow(kStepsAround);
    Cube base = literals_.hull(packets, all);
    const Bdd::Node hull = literals_.product(base, all);
    if (bdd.spent()) base.clear();
    base = reduced(std::move(base), all, [&](Bdd::Node product) { return product == hull; });
    return {joined(std::move(base)) + kMoreConditions, false};
}

ConditionText ConditionOf::text(Bdd::Node packets, Bdd::Node around, packet::Direction direction) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Node all = sets_.going(direction);
    Cube base = literals_.hull(packets, all);
    const Bdd::Node hull = literals_.product(base, all);
    const auto same = [&](Bdd::Node product) { return product == packets; };
    if (bdd.spent()) return text_around(around, all);
    if (hull == packets) return {joined(reduced(std::move(base), all, same)), true};

    std::vector<Cube> parts, others;
    const bool has_parts = cover(packets, packets, hull, parts);
    const Bdd::Node rest = bdd.without(hull, packets);
    const bool has_others = !bdd.spent() && cover(rest, rest, hull, others) && !bdd.spent();
    ConditionText as_others{{}, false};
    if (has_others) {
        // Comparisons that stand alone are turned round, where that says the same: `!=` for `not … ==`.
        Cube turned = base;
        for (auto at = others.begin(); at != others.end();) {
            const auto opposite = at->size() == 1 ? literals_.opposite(at->front()) : std::nullopt;
            const bool has_all =
                opposite && bdd.without(packets, opposite->packets) == Bdd::kFalse && at->front().term == nullptr;
            if (has_all) turned.push_back(*opposite);
            at = has_all ? others.erase(at) : at + 1;
        }
        const Bdd::Node denied = any_of(others, all);
        turned =
            reduced(std::move(turned), all, [&](Bdd::Node product) { return bdd.without(product, denied) == packets; });
        as_others = without_any(turned, others);
    }
    if (has_parts) {
        const Bdd::Node any = any_of(parts, all);
        base = reduced(std::move(base), all, [&](Bdd::Node product) { return bdd.both(product, any) == packets; });
    } else {
        base = reduced(std::move(base), all, [&](Bdd::Node product) { return product == hull; });
    }
    if (parts.empty() && !has_others) return {joined(base) + kMoreConditions, false};
    ConditionText as_parts = with_any(base, parts, has_parts);
    if (!has_others) return as_parts;
    return !as_parts.is_whole || as_others.text.size() <= as_parts.text.size() ? as_others : as_parts;
}

std::optional<Cube> ConditionOf::within(Bdd::Node packets, packet::Direction direction, std::size_t number) {
    Bdd& bdd = sets_.bdd();
    const Bdd::Node all = sets_.going(direction);
    const Bdd::Node whole = packets;
    packets = literals_.some_of(packets, number);
    while (packets != Bdd::kFalse && !bdd.spent()) {
        Cube hull = literals_.hull(packets, all);
        const Bdd::Node product = literals_.product(hull, all);
        if (bdd.without(product, whole) == Bdd::kFalse && !bdd.spent()) return hull;
        const std::vector<Bdd::Node> pieces = literals_.split(packets, product);
        if (pieces.empty()) return std::nullopt;
        packets = pieces[number % pieces.size()];
        number /= pieces.size();
    }
    return std::nullopt;
}

}  // namespace weir::analysis
