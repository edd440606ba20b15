// Predicates as boxes.
#include <catch2/catch.hpp>

#include "compiler/ir/box.h"
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
