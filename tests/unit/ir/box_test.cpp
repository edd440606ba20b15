// Predicates as boxes.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "compiler/ir/box.h"
#include "compiler/ir/lower.h"
#include "tests/unit/ir/support.h"

using namespace weir;
using namespace weir::ir;

namespace {

Boxes boxes_of(const std::string& condition, const BoxLimits& limits = {}) {
    Compiled made = ir::test::compiled("policy p\nrule r { when " + condition + " then drop }\n");
    return make_boxes(made.decision, limits);
}
// Sides of the box that are not about `present`.
std::size_t other_sides(const Box& box) {
    std::size_t count = 0;
    for (const Side& side : box.sides)
        if (side.dimension >= kPresentDimensions) ++count;
    return count;
}

}  // namespace

TEST_CASE("one interval a field is one box") {
    const Boxes boxes = boxes_of("ip.src in 10.0.0.0/8 and tcp.dport == 22");
    REQUIRE(boxes.boxes.size() == 1);
    CHECK(other_sides(boxes.boxes[0]) == 2);
    CHECK(boxes.boxes[0].residuals.empty());
    const Side& present = boxes.boxes[0].sides[0];
    CHECK(present.first == (WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_TCP)));  // TCP is IP, and has ports
    CHECK(present.last == present.first);
}

TEST_CASE("or, sets and negations are several boxes") {
    CHECK(boxes_of("tcp.dport in {22, 80, 8000..8099}").boxes.size() == 3);
    CHECK(boxes_of("tcp.dport == 22 or udp.dport == 53").boxes.size() == 2);
    CHECK(boxes_of("tcp.dport != 22").boxes.size() == 2);
    CHECK(boxes_of("not tcp").boxes.size() == 1);
    CHECK(boxes_of("not (tcp.dport == 22)").boxes.size() == 3);     // no TCP, below, above
    CHECK(boxes_of("ip.src not in 10.0.0.0/8").boxes.size() <= 4);  // below, above, IPv6
}

TEST_CASE("flags meet in one dimension") {
    const Boxes boxes = boxes_of("tcp.syn and not tcp.ack and tcp.flags & 0x04 == 0");
    REQUIRE(!boxes.boxes.empty());
    CHECK(boxes.boxes.size() <= 2);
    CHECK(other_sides(boxes.boxes.back()) == 1);
}

TEST_CASE("what cannot be has no box") {
    CHECK(boxes_of("tcp and udp").boxes.empty());
    CHECK(boxes_of("ip4 and icmp6").boxes.empty());
    CHECK(boxes_of("tcp.dport == 22 and tcp.dport == 23").boxes.empty());
    CHECK(boxes_of("arp and ip").boxes.empty());
}

TEST_CASE("an IPv6 range takes a box a word") {
    CHECK(boxes_of("ip.src in 2001:db8::/32").boxes.size() == 1);
    CHECK(boxes_of("ip.src in 2001:db8::/33").boxes.size() == 1);
    CHECK(boxes_of("ip.src == 2001:db8::1").boxes.size() == 1);
    const Boxes boxes = boxes_of("ip.src in 2001:db8::5..2001:db8:0:1::9");
    CHECK(boxes.boxes.size() > 1);
    CHECK(boxes.boxes.size() <= 7);
}

TEST_CASE("beyond the limit the widest part is a residual") {
    const Boxes boxes = boxes_of("tcp.dport in {1, 3, 5, 7, 9} and tcp.sport in {1, 3}", {4, 0});
    REQUIRE(boxes.boxes.size() == 2);
    CHECK(boxes.boxes[0].residuals.size() == 1);
    CHECK(boxes_of("port.src == port.dst").boxes[0].residuals.size() == 1);
}

// Each comparison alone is two boxes; their product would be as many as may be, tried again for each rule.
TEST_CASE("a large condition that many rules share costs each of them little") {
    constexpr int kRules = 400;
    const char* const shapes[] = {"ip.id != {}", "not (ip.id == {} or ip.ttl == 3)",
                                  "tcp.dport in {{ 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, {} }}"};
    for (const char* shape : shapes) {
        std::string text = "let large = tcp";
        for (int i = 0; i < 400; ++i) text += " and " + fmt::format(fmt::runtime(shape), 40 + i * 3);
        text += "\n";
        for (int i = 0; i < kRules; ++i)
            text += fmt::format("rule r{} {{ when large and tcp.dport == {} then drop }}\n", i, i);
        Sources sources;
        Diagnostics diagnostics;
        const auto policies = sema::parse_all(sources, sources.add("test.rules", text), {}, diagnostics);
        const auto typed = sema::check(sources, policies, {}, diagnostics);
        INFO(shape);
        REQUIRE(typed);
        Decision decision = lower(*typed);
        const Boxes boxes = make_boxes(decision, {});
        CHECK(boxes.meets <= (1 << 20) + 256 * kRules);
        for (const Box& box : boxes.boxes) CHECK(box.residuals.size() <= 32);
    }
}

TEST_CASE("what a conjunction leaves over is still part of it") {
    std::string condition = "tcp.dport == 22";
    for (int i = 0; i < 300; ++i) condition += fmt::format(" and ip.id != {}", 10 + 2 * i);
    Compiled made = ir::test::compiled("policy p\nrule r { when " + condition + " then drop }\n");
    const Boxes boxes = make_boxes(made.decision, {});
    REQUIRE(!boxes.boxes.empty());
    // Each number is excluded by every box: by a side, or by a residual, in whichever conjunction.
    for (const Box& box : boxes.boxes) {
        std::size_t left = 0;
        for (const PredicateId residual : box.residuals) {
            const auto* all = std::get_if<AllOf>(&made.decision.predicate(residual).node);
            left += all != nullptr ? all->operands.size() : 1;
        }
        CHECK(left >= 300 - 64);
    }
}
