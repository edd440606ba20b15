// Tested by tests/cli/diff_test.py with `captured`.
#include "tooling/judge/policy_changes.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/analysis/other_changes.h"
#include "compiler/codegen/state_tables.h"
#include "runtime/state/state_maps.h"
#include "tooling/judge/evaluators.h"

namespace weir::tooling {
namespace {

std::vector<bpf::StateMap> state_of(const Compiled& compiled) {
    codegen::StateTables tables(compiled.policy);
    tables.set_decision(compiled.decision);
    bpf::Object object;
    tables.write(compiled.policy, object);
    return std::move(object.state);
}

policy::VerdictKind kind_of(std::uint32_t verdict) {
    return verdict == WEIR_DROP       ? policy::VerdictKind::kDrop
           : verdict == WEIR_REJECT   ? policy::VerdictKind::kReject
           : verdict == WEIR_REDIRECT ? policy::VerdictKind::kRedirect
                                      : policy::VerdictKind::kPass;
}

analysis::Outcome outcome_of(const policy::TypedPolicy& policy, const Judged& judged) {
    analysis::Outcome outcome;
    outcome.verdict = kind_of(judged.verdict);
    outcome.interface = redirected_to(judged, policy);
    outcome.by = judged.by == Judged::By::kRule        ? analysis::Outcome::By::kRule
                 : judged.by == Judged::By::kMalformed ? analysis::Outcome::By::kMalformed
                                                       : analysis::Outcome::By::kDefault;
    if (outcome.by == analysis::Outcome::By::kRule) outcome.rule = policy.rules[judged.rule].name;
    for (const std::uint32_t alert : judged.alerts) outcome.alerts.push_back(policy.alerts[alert].name);
    std::sort(outcome.alerts.begin(), outcome.alerts.end());
    return outcome;
}

// As evaluators say it: an alert has run, or not.
analysis::Outcome as_judged(analysis::Outcome outcome) {
    for (std::string& alert : outcome.alerts) alert = alert.substr(0, alert.find(' '));
    std::sort(outcome.alerts.begin(), outcome.alerts.end());
    return outcome;
}

// What a policy says of each packet of a capture, by number among different outcomes.
struct JudgedCapture {
    std::vector<std::uint32_t> numbers{};
    std::vector<packet::Direction> directions{};
};

using Numbers = std::map<analysis::Outcome, std::uint32_t>;

Result<JudgedCapture> judge(const Compiled& compiled, Capture& capture, const CaptureFacts& facts, Numbers& numbers,
                            const std::string& engine, const ReplayWhere& where) {
    if (Status rewound = capture.rewind(); !rewound) return rewound.error();
    auto evaluators = Evaluators::create(compiled, engine);
    if (!evaluators) return evaluators.error();
    JudgedCapture judged;
    const Status replayed = replay(
        capture, facts, *evaluators,
        [&](const ReplayedPacket& packet) -> Status {
            if (!packet.answer.difference.empty())
                return Error{
                    fmt::format("packet {}: the evaluators differ: {}", packet.number, packet.answer.difference),
                    "this is a bug of weir, please report it", 0};
            const auto next = static_cast<std::uint32_t>(numbers.size());
            judged.numbers.push_back(
                numbers.emplace(outcome_of(compiled.policy, packet.answer.judged), next).first->second);
            judged.directions.push_back(packet.direction);
            return Done{};
        },
        where);
    if (!replayed) return replayed.error();
    return judged;
}

// Steps for describing classes: many for the first ones that need them, some for each.
class StepsOfAll {
public:
    explicit StepsOfAll(analysis::Bdd& bdd) : bdd_(bdd) {}

    template <typename Work>
    auto within(Work work) {
        constexpr std::size_t kNodes = std::size_t{1} << 25;
        bdd_.allow(std::max(left_, kLeast), kNodes);
        const std::size_t began = bdd_.steps();
        auto result = work();
        left_ -= std::min(left_, bdd_.steps() - began);
        return result;
    }

private:
    static constexpr std::size_t kLeast = std::size_t{1} << 17;
    analysis::Bdd& bdd_;
    std::size_t left_ = std::size_t{1} << 22;  // about two seconds
};

}  // namespace

StateChange state_change(const Compiled& before, const Compiled& after) {
    const runtime::StateMaps::Change change = runtime::StateMaps::change(state_of(before), state_of(after));
    return {change.ended, change.begun};
}

PolicyChanges compare_policies(const Compiled& before, const Compiled& after, std::size_t most) {
    PolicyChanges changes;
    analysis::PolicyDiff diff(before.policy, after.policy);
    changes.unjudged = diff.unjudged();
    changes.is_exact = changes.unjudged.empty();
    analysis::ConditionOf conditions(diff.joint().policy, diff.sets(), diff.terms());
    WitnessFinder witnesses(before.policy, after.policy, conditions);
    StepsOfAll bounds(diff.sets().bdd());
    for (const analysis::DiffClass& one : diff.classes()) {
        ChangedClass& changed = changes.classes.emplace_back();
        changed.direction = one.direction;
        changed.before = one.before;
        changed.after = one.after;
        changed.is_exact = !bounds.within([&] { return conditions.reads_state(one.packets); });
        changes.is_exact = changes.is_exact && changed.is_exact;
        if (changes.classes.size() > most) continue;
        changed.packets = bounds.within([&] { return conditions.text(one.packets, one.around, one.direction); });
        changed.witness = bounds.within([&] { return witnesses.find(one); });
        if (changed.witness) changed.witness_text = witness_text(*changed.witness);
    }
    changes.state_reset = state_change(before, after).ended;
    changes.others = analysis::other_changes(before.policy, after.policy);
    return changes;
}

Status count_captured(PolicyChanges& changes, const Compiled& before, const Compiled& after, Capture& capture,
                      const std::string& engine, const ReplayWhere& where) {
    const auto facts = capture.facts();
    if (!facts) return facts.error();
    Numbers numbers;
    const auto first = judge(before, capture, *facts, numbers, engine, where);
    if (!first) return first.error();
    const auto second = judge(after, capture, *facts, numbers, engine, where);
    if (!second) return second.error();
    using Key = std::tuple<packet::Direction, std::uint32_t, std::uint32_t>;
    std::map<Key, std::uint64_t> found;
    PolicyChanges::Captured counts;
    counts.packets = first->numbers.size();
    for (std::size_t i = 0; i < first->numbers.size(); ++i) {
        if (first->numbers[i] == second->numbers[i]) continue;
        ++counts.changed;
        ++found[{first->directions[i], first->numbers[i], second->numbers[i]}];
    }
    std::uint64_t classed = 0;
    for (ChangedClass& one : changes.classes) {
        one.captured = 0;
        const auto from = numbers.find(as_judged(one.before)), to = numbers.find(as_judged(one.after));
        if (from == numbers.end() || to == numbers.end()) continue;
        const auto counted = found.find({one.direction, from->second, to->second});
        if (counted == found.end()) continue;
        one.captured = counted->second;
        classed += counted->second;
        found.erase(counted);
    }
    counts.unclassed = counts.changed - classed;
    changes.captured = counts;
    return Done{};
}

}  // namespace weir::tooling
