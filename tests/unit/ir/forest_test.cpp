// Forests against the rules tried one by one, on generated rule sets of each shape.
#include <catch2/catch.hpp>

#include <cstdlib>

#include <fmt/format.h>

#include "compiler/ir/box.h"
#include "compiler/ir/build.h"
#include "compiler/ir/build_forest.h"
#include "compiler/ir/interpret.h"
#include "tests/bench/rule_shapes.h"
#include "tests/unit/ir/support.h"

using namespace weir;
using namespace weir::ir;

namespace {

bool nowhere(const Predicate&) { return false; }

void compare(Decision decision, const std::vector<std::vector<std::uint8_t>>& frames, const std::string& what) {
    if (decision.strategy != Strategy::kForest) build_forest(decision, make_boxes(decision, {}));  // code was cheaper
    const Outside outside = nowhere;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const weir_packet packet = ir::test::packet_of(frames[i]);
        const Outcome expected = interpret_rules(decision, packet, outside),
                      found = interpret_forests(decision, packet, outside);
        if (found == expected) continue;
        FAIL(what << ", frame " << i << ": rule " << found.decided << " instead of " << expected.decided << ", noted "
                  << found.noted.size() << " instead of " << expected.noted.size());
    }
}

}  // namespace

TEST_CASE("the first match of each shape is that of the rules in order") {
    const auto shape = GENERATE(range(0, 8));
    const auto count = GENERATE(10u, 100u, 1000u);
    const auto seed = GENERATE(1u, 2u);
    const std::string what =
        fmt::format("{} {} seed {}", bench::shape_names()[static_cast<std::size_t>(shape)], count, seed);
    const auto rules = bench::make_rules(static_cast<bench::Shape>(shape), count, seed);
    const Compiled made = ir::test::compiled(bench::policy_text(rules, "p"));
    compare(made.decision, bench::make_frames(rules, count == 1000 ? 2000 : 4000, seed + 10), what);
}

TEST_CASE("all matches of rules that do not decide come in order") {
    const auto shape = GENERATE(range(0, 8));
    const std::uint32_t count = 300;
    const std::string what =
        fmt::format("{} {} observed", bench::shape_names()[static_cast<std::size_t>(shape)], count);
    const auto rules = bench::make_rules(static_cast<bench::Shape>(shape), count, 5);
    Compiled made = ir::test::compiled(bench::policy_text(rules, "p"));
    const auto frames = bench::make_frames(rules, 1000, 6);
    compare(observed(made.decision), frames, what);
    // Every third rule decides.
    for (std::size_t i = 0; i < made.decision.rules.size(); ++i) made.decision.rules[i].decides = i % 3 == 0;
    build(made.decision);
    compare(made.decision, frames, what + ", a third of them not");
}

TEST_CASE("conditions that are no boxes are tried after their entry, and hide no later rule") {
    const auto rules = bench::make_rules(bench::Shape::kFirewall, 400, 8);
    std::string text = bench::policy_text(rules, "p");
    // Equal ports, or odd ones by a mask with holes, are no intervals.
    std::size_t number = 0;
    for (std::size_t at = 0; (at = text.find(" then ", at)) != std::string::npos; at += 6) {
        const char* extra[] = {"", " and port.src < port.dst", " and tcp.flags & 0x05 != 0x01",
                               " and not (ip.ttl & 0x41 == 0x01 or udp)"};
        const std::string more = extra[number++ % 4];
        text.insert(at, more);
        at += more.size();
    }
    const Compiled made = ir::test::compiled(text);
    CHECK(!made.decision.residuals.empty());
    CHECK(made.decision.residuals.size() < 20);
    compare(made.decision, bench::make_frames(rules, 4000, 9), "firewall with residuals");
}

TEST_CASE("more boxes than a rule may have become a residual") {
    std::string ports, text = "policy p\n";
    for (int i = 0; i < 200; ++i) ports += fmt::format("{}{}", i == 0 ? "" : ", ", 1000 + 7 * i);
    for (int i = 0; i < 20; ++i)
        text +=
            fmt::format("rule r{} {{ when tcp.dport in {{{}}} and ip.src in 10.{}.0.0/16 then drop }}\n", i, ports, i);
    const Compiled made = ir::test::compiled(text);
    CHECK(made.decision.residuals.size() == 1);
    auto rules = bench::make_rules(bench::Shape::kAcl, 20, 3);
    for (std::size_t i = 0; i < rules.size(); ++i) {
        rules[i].source = {{0x0a000000u + static_cast<std::uint32_t>(i << 16)},
                           {0x0a00ffffu + static_cast<std::uint32_t>(i << 16)},
                           16};
        rules[i].destination_port = {900, 2500};
        rules[i].transport = bench::Transport::kTcp;
    }
    compare(made.decision, bench::make_frames(rules, 4000, 4), "many ports");
}

TEST_CASE("pathological rule sets stay within bounds") {
    for (const auto shape : {bench::Shape::kWild, bench::Shape::kOverlap, bench::Shape::kRanges, bench::Shape::kNested,
                             bench::Shape::kFirewall}) {
        const std::uint32_t count = 5000;
        const auto rules = bench::make_rules(shape, count, 3);
        const Compiled made = ir::test::compiled(bench::policy_text(rules, "p"));
        const std::string what(bench::shape_names()[static_cast<std::size_t>(shape)]);
        INFO(what << ": " << made.decision.forests.bytes() << " bytes");
        CHECK(made.decision.forests.bytes() < 16u << 20);
        compare(made.decision, bench::make_frames(rules, 500, 4), what);
    }
}
