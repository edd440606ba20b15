// Two policies compared, with a packet for each class.
#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "tests/bench/rule_shapes.h"
#include "tests/unit/tooling/judging.h"
#include "tooling/judge/policy_changes.h"

namespace weir {
TEST_CASE("each class among many rules is shown by a packet, however many earlier rules take packets of it") {
    constexpr std::uint32_t kRules = 2000;
    for (const std::string_view name : {"wild", "firewall"}) {
        INFO(name);
        std::vector<bench::ShapedRule> rules = bench::make_rules(*bench::shape_named(name), kRules, 1);
        const auto before = tests::loaded_policy(bench::policy_text(rules, name));
        for (std::size_t i = 0; i < 6; ++i) rules[300 * i + 150].drops = !rules[300 * i + 150].drops;
        const auto after = tests::loaded_policy(bench::policy_text(rules, name));
        const tooling::PolicyChanges changes = tooling::compare_policies(*before.compiled, *after.compiled);
        CHECK(changes.unjudged.empty());
        CHECK_FALSE(changes.classes.empty());
        bool is_any_cut = false;
        for (const tooling::ChangedClass& one : changes.classes) {
            INFO(one.packets.text);
            CHECK(one.is_exact);  // no rule reads state
            REQUIRE(one.witness);
            const tooling::Script script = tooling::script_of(*one.witness);
            CHECK(tooling::outcome_after(before.compiled->policy, script) == one.before);
            CHECK(tooling::outcome_after(after.compiled->policy, script) == one.after);
            CHECK(one.packets.is_whole == (one.packets.text.find('#') == std::string::npos));
            is_any_cut = is_any_cut || !one.packets.is_whole;
        }
        CHECK(is_any_cut);
    }
}

}  // namespace weir
