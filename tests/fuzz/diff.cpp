// Two policies, with a line `---` between them: what is said to change for a packet changes for the packet that is
// shown, and a policy and itself differ in nothing.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "compiler/compiler.h"
#include "grammar/base/check.h"
#include "tooling/judge/policy_changes.h"
#include "tooling/judge/witness.h"

namespace {

using namespace weir;

constexpr std::size_t kMostRules = 24, kMostClasses = 12;
constexpr std::uint64_t kMostTimes = 2000;  // that a packet is sent

std::optional<Compiled> compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    auto made = analyse(sources, "fuzz.rules", text, {}, diagnostics);
    if (made && made->policy.rules.size() > kMostRules) made.reset();
    return made;
}

void compare(const Compiled& before, const Compiled& after) {
    const tooling::PolicyChanges changes = tooling::compare_policies(before, after, kMostClasses);
    for (const tooling::ChangedClass& one : changes.classes) {
        WEIR_CHECK(one.before != one.after);
        // What a set has to hold first is not sent.
        if (!one.witness || !one.witness->given.empty() || one.witness->times > kMostTimes) continue;
        const tooling::Script script = tooling::script_of(*one.witness);
        WEIR_CHECK(tooling::outcome_after(before.policy, script) == one.before);
        WEIR_CHECK(tooling::outcome_after(after.policy, script) == one.after);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    const std::size_t between = text.find("\n---\n");
    const std::string first = text.substr(0, between == std::string::npos ? size : between + 1);
    const auto before = compiled(first);
    if (!before) return 0;
    WEIR_CHECK(!tooling::compare_policies(*before, *before, 0).any());
    const auto after = between == std::string::npos ? std::nullopt : compiled(text.substr(between + 5));
    if (after) compare(*before, *after);
    return 0;
}
