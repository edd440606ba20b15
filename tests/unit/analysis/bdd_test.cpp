// Decision diagrams against truth tables: every function of three variables, and random ones of six.
#include "compiler/analysis/bdd.h"

#include <catch2/catch.hpp>

#include <map>
#include <vector>

#include "compiler/analysis/point.h"
#include "grammar/base/seeded.h"

using weir::Seeded;
using weir::analysis::Bdd;

namespace {

// Bit i of a table is the function's value where bit v of i says what variable v is.
Bdd::Node from_table(Bdd& bdd, std::uint64_t table, unsigned variables, unsigned next = 0, unsigned row = 0) {
    if (next == variables) return (table >> row & 1) != 0 ? Bdd::kTrue : Bdd::kFalse;
    const Bdd::Node low = from_table(bdd, table, variables, next + 1, row);
    const Bdd::Node high = from_table(bdd, table, variables, next + 1, row | 1u << next);
    return bdd.choice(next, low, high);
}

}  // namespace

TEST_CASE("equal functions are the same node, and operations are those of truth tables") {
    Bdd bdd;
    std::vector<Bdd::Node> nodes;
    std::map<Bdd::Node, unsigned> seen;
    for (unsigned table = 0; table < 256; ++table) {
        nodes.push_back(from_table(bdd, table, 3));
        CHECK(seen.emplace(nodes.back(), table).second);
    }
    CHECK(nodes[0] == Bdd::kFalse);
    CHECK(nodes[255] == Bdd::kTrue);
    bool agree = true;
    for (unsigned a = 0; a < 256; ++a) {
        agree = agree && bdd.complement(nodes[a]) == nodes[~a & 0xff];
        for (unsigned b = 0; b < 256; ++b)
            agree = agree && bdd.both(nodes[a], nodes[b]) == nodes[a & b] &&
                    bdd.either(nodes[a], nodes[b]) == nodes[a | b] && bdd.without(nodes[a], nodes[b]) == nodes[a & ~b];
    }
    CHECK(agree);
}

TEST_CASE("random functions of six variables") {
    const std::uint64_t seed = 20261128;
    CAPTURE(seed);
    Seeded random(seed);
    Bdd bdd;
    for (int i = 0; i < 2000; ++i) {
        const std::uint64_t a = random.next() & random.next(), b = random.next() | random.next();
        const Bdd::Node left = from_table(bdd, a, 6), right = from_table(bdd, b, 6);
        REQUIRE(bdd.both(left, right) == from_table(bdd, a & b, 6));
        REQUIRE(bdd.either(left, right) == from_table(bdd, a | b, 6));
        REQUIRE(bdd.without(left, right) == from_table(bdd, a & ~b, 6));
    }
    CHECK_FALSE(bdd.spent());
}

TEST_CASE("every node that is asked for counts as work, found or made") {
    Bdd bdd;
    std::size_t asked = 0;
    while (!bdd.spent() && asked <= Bdd::kMaxSteps) {
        bdd.variable(static_cast<Bdd::Variable>(asked % 64));
        ++asked;
    }
    CHECK(bdd.spent());
    CHECK(asked <= Bdd::kMaxSteps);
}

TEST_CASE("a point enters a set by its open variables alone") {
    Seeded random(7);
    std::size_t entered = 0, kept_out = 0;
    for (int i = 0; i < 2000; ++i) {
        Bdd bdd;
        const std::uint64_t table = random.next() & random.next() & random.next();
        const Bdd::Node set = from_table(bdd, table, 6);
        weir::analysis::Point point;
        point.begin(random.next(), 6);
        const std::uint64_t fixed = random.next() & 63, values = random.next() & 63;
        for (Bdd::Variable v = 0; v < 6; ++v)
            if (fixed >> v & 1) point.set(v, (values >> v & 1) != 0);
        bool can = false;
        for (std::uint64_t row = 0; row < 64; ++row) can = can || (((row ^ values) & fixed) == 0 && table >> row & 1);
        REQUIRE(bdd.enter_by_open(set, point) == can);
        (can ? entered : kept_out) += 1;
        if (can) REQUIRE(bdd.contains(set, point));
        for (Bdd::Variable v = 0; v < 6; ++v) {
            REQUIRE(point.is_set(v) == ((fixed >> v & 1) != 0));
            if (point.is_set(v)) REQUIRE(point[v] == ((values >> v & 1) != 0));
        }
    }
    CHECK(entered > 200);
    CHECK(kept_out > 200);
}
