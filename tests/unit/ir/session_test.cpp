// Policies compiled one after another with a session mean what they mean alone.
#include <catch2/catch.hpp>

#include "compiler/compiler.h"
#include "compiler/ir/interpret.h"
#include "compiler/object_bytes.h"
#include "compiler/session.h"
#include "tests/bench/rule_shapes.h"
#include "tests/unit/ir/support.h"

using namespace weir;

namespace {

// A set of rules as it changes: one rule another, one less, and as at first.
std::vector<std::vector<bench::ShapedRule>> changes_of(bench::Shape shape, std::uint32_t count) {
    const auto first = bench::make_rules(shape, count, 7), others = bench::make_rules(shape, count, 8);
    std::vector<std::vector<bench::ShapedRule>> changes{first};
    for (const std::uint32_t changed : {0u, count / 2, count - 1}) {
        changes.push_back(first);
        changes.back()[changed] = others[changed];
    }
    changes.push_back(first);
    changes.back().erase(changes.back().begin() + 10);
    changes.push_back(first);
    return changes;
}

}  // namespace

TEST_CASE("trees built with a cache find what the rules in order find", "[session]") {
    const auto shape = GENERATE(range(0, 8));
    Session session;
    for (const auto& rules : changes_of(static_cast<bench::Shape>(shape), 400)) {
        Sources sources;
        Diagnostics diagnostics;
        const auto made =
            analyse(sources, "live.rules", bench::policy_text(rules, "live"), {}, diagnostics, {.session = &session});
        REQUIRE(made);
        if (made->decision.strategy != ir::Strategy::kForest) continue;
        for (const auto& frame : bench::make_frames(rules, 1000, 9)) {
            const weir_packet packet = ir::test::packet_of(frame);
            const ir::Outside nowhere = [](const ir::Predicate&) { return false; };
            REQUIRE(ir::interpret_forests(made->decision, packet, nowhere) ==
                    ir::interpret_rules(made->decision, packet, nowhere));
        }
    }
}

TEST_CASE("a session's objects are those of the compiler alone, byte for byte", "[session]") {
    std::vector<std::string> texts;
    for (const auto shape : {bench::Shape::kFirewall, bench::Shape::kExact})
        for (const auto& rules : changes_of(shape, 400)) texts.push_back(bench::policy_text(rules, "live"));
    texts.push_back("policy one\nrule a { when tcp.dport == 22 then drop }\n");
    texts.push_back("policy one\nrule a { when tcp.dport == 23 then drop }\n");
    texts.push_back(
        "policy one\nrule a { when ip.src in { 10.0.0.1, 10.0.0.7 } and payload contains \"x\" then drop }\n");
    Session session;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        Sources sources;
        Diagnostics diagnostics;
        const auto made = analyse(sources, "live.rules", texts[i], {}, diagnostics, {.session = &session});
        REQUIRE(made);
        if (i % 2 == 0) session.prepare();
        const auto with = compile(*made, {}, &session), alone = compile(*made, {});
        REQUIRE((with && alone));
        INFO("policy " << i);
        CHECK(bool(bpf::to_bytes(*with) == bpf::to_bytes(*alone)));
    }
}
