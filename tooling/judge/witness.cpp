// Tested by tests/cli/diff_test.py with `example: 11 x`.
#include "tooling/judge/witness.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/analysis/cube_packet.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/set_element.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kMaxCubes = 12;            // that are tried for a class
constexpr std::size_t kMaxOthers = 24;           // frames that are tried behind others
constexpr std::uint64_t kMaxSent = 20'000;       // times that one frame is sent
constexpr std::uint64_t kMaxJudged = 4'000'000;  // rules that are tried for a class: about a second

bool has_state(const policy::TypedPolicy& policy) {
    const auto leaves = [](const policy::Rule& rule) {
        return rule.has_state() || std::any_of(rule.alerts.begin(), rule.alerts.end(),
                                               [](const policy::AlertAction& one) { return one.sample != 1; });
    };
    return policy.reads_flows || std::any_of(policy.rules.begin(), policy.rules.end(), leaves) ||
           std::any_of(policy.sets.begin(), policy.sets.end(), [](const policy::Set& set) { return set.dynamic; });
}

std::vector<std::string> without_samples(std::vector<std::string> alerts) {
    for (std::string& alert : alerts) alert = alert.substr(0, alert.find(' '));
    std::sort(alerts.begin(), alerts.end());
    return alerts;
}

bool is_outcome(const analysis::Outcome& got, const analysis::Outcome& wanted) {
    return got.verdict == wanted.verdict && got.interface == wanted.interface && got.by == wanted.by &&
           got.rule == wanted.rule && got.alerts == without_samples(wanted.alerts);
}

// How often a packet has to be sent until it is above the limits of the terms that it must be above.
std::uint64_t sends_for(const analysis::Cube& cube) {
    std::uint64_t most = 2;  // of a flow the first one makes it known
    for (const analysis::Literal& literal : cube)
        if (literal.term != nullptr && literal.is_above)
            most = std::max(most, std::max(literal.term->term->limit, literal.term->term->burst) + 2);
    return std::min(most, kMaxSent);
}

// The packet's value as an entry; nothing where it has none.
std::optional<policy::SetElement> element_of(const packet::Packet& packet, packet::FieldId key, policy::SetType type) {
    const auto& value = packet.value(key);
    if (!value) return std::nullopt;
    policy::SetElement element;
    if (const auto* address = std::get_if<IpAddress>(&*value)) {
        element.address = *address;
        if (type == policy::SetType::kNet) element.prefix_length = address->version == 4 ? 32 : 128;
        return element;
    }
    const auto* number = std::get_if<std::uint64_t>(&*value);
    if (number == nullptr) return std::nullopt;
    element.number = *number;
    return element;
}

std::string entry_text(const std::vector<policy::SetElement>& entry, const std::vector<policy::SetType>& types) {
    std::string text;
    for (std::size_t i = 0; i < entry.size(); ++i) {
        const bool is_address = types[i] == policy::SetType::kIp || types[i] == policy::SetType::kNet;
        text += (i == 0 ? "" : ", ") + (is_address ? to_string(entry[i].address) : fmt::to_string(entry[i].number));
    }
    return entry.size() > 1 ? "(" + text + ")" : text;
}

}  // namespace

analysis::Outcome outcome_of(const policy::TypedPolicy& policy, const oracle::Judgement& judgement) {
    analysis::Outcome outcome{
        judgement.verdict.kind, judgement.verdict.interface, analysis::Outcome::By::kDefault, {}, {}};
    if (judgement.rule) {
        outcome.by = analysis::Outcome::By::kRule;
        outcome.rule = policy.rules[static_cast<std::size_t>(*judgement.rule)].name;
    } else if (judgement.by_malformed) {
        outcome.by = analysis::Outcome::By::kMalformed;
    }
    for (const policy::AlertId alert : judgement.alerts)
        outcome.alerts.push_back(policy.alerts[static_cast<std::size_t>(alert)].name);
    std::sort(outcome.alerts.begin(), outcome.alerts.end());
    return outcome;
}

analysis::Outcome outcome_after(const policy::TypedPolicy& policy, const Script& script) {
    oracle::Oracle oracle(policy);
    oracle::Judgement judgement;
    std::uint64_t now_ns = 0;
    for (const ScriptEvent& event : script)
        judgement = oracle.judge(event.frame, now_ns += event.after_ns, event.interface, event.direction);
    return outcome_of(policy, judgement);
}

Script script_of(const Witness& witness) {
    Script script = witness.before;
    const ScriptEvent last{0, witness.frame, witness.direction, witness.interface};
    script.insert(script.end(), witness.times, last);
    script[witness.before.size()].after_ns = witness.after_ns;
    return script;
}

std::string witness_text(const Witness& witness) {
    constexpr std::size_t kMost = 10;
    std::vector<std::string> steps = packet_steps(script_of(witness));
    if (steps.size() > kMost) {
        const std::size_t more = steps.size() - kMost;
        const auto first = steps.begin() + static_cast<std::ptrdiff_t>(kMost) - 2;
        steps.erase(first, first + static_cast<std::ptrdiff_t>(more));
        steps.insert(steps.end() - 1, fmt::format("{} more steps like them", more));
    }
    return fmt::format("{}", fmt::join(steps, "; then "));
}

WitnessFinder::WitnessFinder(const policy::TypedPolicy& before, const policy::TypedPolicy& after,
                             analysis::ConditionOf& conditions)
    : before_{before}, after_{after}, conditions_(conditions), has_state_(has_state(before) || has_state(after)) {}

WitnessFinder::~WitnessFinder() = default;

std::optional<policy::TypedPolicy> WitnessFinder::with_entries(const policy::TypedPolicy& policy,
                                                               const analysis::Cube& cube, Witness& witness) const {
    std::optional<policy::TypedPolicy> changed;
    const packet::Packet packet(witness.frame);
    for (const analysis::Literal& literal : cube) {
        const auto* in = std::get_if<policy::InSet>(&literal.comparison);
        if (in == nullptr || literal.term != nullptr || literal.is_denied || in->negated) continue;
        const policy::Set& wanted = conditions_.policy().sets[static_cast<std::size_t>(in->set)];
        if (!wanted.dynamic || has_names(wanted.types)) continue;
        std::vector<policy::SetElement> entry;
        for (std::size_t i = 0; i < in->keys.size(); ++i)
            if (const auto element = element_of(packet, in->keys[i], wanted.types[i])) entry.push_back(*element);
        if (entry.size() != in->keys.size()) continue;
        for (std::size_t i = 0; i < policy.sets.size(); ++i) {
            if (policy.sets[i].name != wanted.name || !policy.sets[i].dynamic) continue;
            if (!changed) changed = policy;
            changed->sets[i].entries.add(wanted.types, entry);
            changed->sets[i].entries.sort();
        }
        std::string given = fmt::format("{} in {}", entry_text(entry, wanted.types), wanted.name);
        if (std::find(witness.given.begin(), witness.given.end(), given) == witness.given.end())
            witness.given.push_back(std::move(given));
    }
    return changed;
}

bool WitnessFinder::differs(const analysis::DiffClass& one, const analysis::Cube& cube, Witness& witness) {
    witness.given.clear();
    const auto changed_before = with_entries(before_.policy, cube, witness);
    const auto changed_after = with_entries(after_.policy, cube, witness);
    const std::uint64_t rules = before_.policy.rules.size() + after_.policy.rules.size() + 1;
    const std::uint64_t most = std::min(sends_for(cube), left_ / rules);
    for (Side* side : {&before_, &after_}) {
        const auto& changed = side == &before_ ? changed_before : changed_after;
        if (has_state_ || !side->oracle)
            side->oracle = std::make_unique<oracle::Oracle>(changed ? *changed : side->policy);
    }
    const auto says = [&](Side& side, const analysis::Outcome& wanted) {
        const analysis::Outcome got =
            outcome_of(side.policy, side.oracle->judge(witness.frame, 0, witness.interface, witness.direction));
        return is_outcome(got, wanted);
    };
    bool found = false;
    for (witness.times = 1; witness.times <= most && !found; ++witness.times) {
        const bool before = says(before_, one.before), after = says(after_, one.after);
        found = before && after;
    }
    --witness.times;
    left_ -= std::min(left_, rules * witness.times);
    // They hold on to the policies that were changed.
    if (has_state_) before_.oracle.reset(), after_.oracle.reset();
    return found;
}

bool WitnessFinder::differs_after_others(const analysis::DiffClass& one, Witness& witness) {
    const ScriptEvent last{0, witness.frame, witness.direction, witness.interface};
    if (!before_lead_ins_) before_lead_ins_.emplace(before_.policy), after_lead_ins_.emplace(after_.policy);
    std::vector<Script> scripts = before_lead_ins_->to(last);
    for (Script& script : after_lead_ins_->to(last))
        if (std::find(scripts.begin(), scripts.end(), script) == scripts.end()) scripts.push_back(std::move(script));
    const std::uint64_t rules = before_.policy.rules.size() + after_.policy.rules.size() + 1;
    for (Script& script : scripts) {
        if (script.size() * rules > left_) continue;
        left_ -= script.size() * rules;
        if (!is_outcome(outcome_after(before_.policy, script), one.before) ||
            !is_outcome(outcome_after(after_.policy, script), one.after))
            continue;
        witness.given.clear();
        witness.times = 1;
        witness.after_ns = script.back().after_ns;
        script.pop_back();
        witness.before = std::move(script);
        return true;
    }
    return false;
}

std::optional<Witness> WitnessFinder::find(const analysis::DiffClass& one) {
    std::optional<Witness> found;
    std::vector<Witness> others;  // frames that do not differ by themselves
    left_ = kMaxJudged;
    for (std::size_t number = 0; number < kMaxCubes && !found; ++number) {
        const auto cube = conditions_.within(one.packets, one.direction, number);
        if (!cube) continue;
        for (std::size_t way = 0; way < analysis::kCubeFrames && !found; ++way) {
            analysis::CubeFrame made = analysis::cube_frame(conditions_.policy(), *cube, way);
            Witness witness{std::move(made.frame), one.direction, std::move(made.interface)};
            if (differs(one, *cube, witness))
                found = std::move(witness);
            else if (others.size() < kMaxOthers)
                others.push_back(std::move(witness));
        }
    }
    if (!has_state_ || (found && found->given.empty())) return found;
    left_ = kMaxJudged;
    if (found) {
        differs_after_others(one, *found);
        return found;
    }
    for (Witness& witness : others)
        if (differs_after_others(one, witness)) return witness;
    return std::nullopt;
}

}  // namespace weir::tooling
