// Tested by tests/unit/tooling/validate_test.cpp.
#include "tooling/judge/validate.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/analysis/probe_frames.h"
#include "compiler/packet/packet_text.h"
#include "compiler/policy/condition_text.h"
#include "compiler/policy/reads.h"
#include "tooling/judge/validation.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kBatchPackets = 2048;    // of a policy with state: then it is empty again
constexpr std::uint64_t kMostDifferent = 200;  // frames; more say nothing new
constexpr int kWitnessTries = 40, kBoundaryTries = 8, kOverlapTries = 4;
constexpr std::size_t kManyRules = 1000;                // of which each gets fewer tries
constexpr std::size_t kRanges = 32, kRangesOfMany = 6;  // of a comparison, or entries of a set
constexpr std::size_t kAllPairs = 48, kNextRules = 4;   // rules of which all pairs are tried; else each with the next
constexpr std::size_t kAnyFrames = 512;
constexpr std::size_t kWitnesses = 8;  // of a rule, where they are asked for

bool holds_state(const policy::TypedPolicy& policy) {
    const auto has = [](const policy::Rule& rule) { return rule.has_state() || !rule.changes.empty(); };
    const auto sampled = [](const policy::Rule& rule) {
        return std::any_of(rule.alerts.begin(), rule.alerts.end(),
                           [](const policy::AlertAction& one) { return one.sample != 1; });
    };
    return policy.reads_flows || std::any_of(policy.rules.begin(), policy.rules.end(), has) ||
           std::any_of(policy.rules.begin(), policy.rules.end(), sampled) ||
           std::any_of(policy.sets.begin(), policy.sets.end(), [](const policy::Set& set) { return set.dynamic; }) ||
           std::any_of(policy.alerts.begin(), policy.alerts.end(),
                       [](const policy::Alert& alert) {
                           return alert.throttle.has_value() || !alert.responses.empty() || !alert.escalations.empty();
                       }) ||
           policy::fields_read(policy).contains(packet::FieldId::kTlsSni);  // names may come in later segments
}

// The first rule that one of the two has matched and the other has not; else the one that decided.
std::uint32_t parting_rule(const Judged& one, const Judged& other) {
    const std::size_t both = std::min(one.matched.size(), other.matched.size());
    for (std::size_t i = 0; i < both; ++i)
        if (one.matched[i] != other.matched[i]) return std::min(one.matched[i], other.matched[i]);
    if (one.matched.size() > both) return one.matched[both];
    if (other.matched.size() > both) return other.matched[both];
    if (one.by == Judged::By::kRule) return one.rule;
    return other.by == Judged::By::kRule ? other.rule : ValidationDifference::kNoRule;
}

}  // namespace

Validation::Validation(const Compiled& compiled, Evaluators& evaluators, const ValidateOptions& options)
    : compiled_(compiled),
      policy_(compiled.policy),
      evaluators_(evaluators),
      options_(options),
      random_(options.seed),
      aim_(policy_, random_),
      oracle_(policy_),
      flows_(policy_.flows_size),
      has_state_(holds_state(policy_)),
      has_kernel_(evaluators.has(Evaluator::kKernel)),
      witnesses_(policy_.rules.size()) {
    report_.evaluators = evaluators.added();
}

// ---- one packet ----

ShownPacket Validation::shown_of(const analysis::Probe& probe, std::uint32_t rule) const {
    return {probe.packet.frame(), now_ns_, probe.interface, policy_.rules[rule].direction, rule};
}

packet::Packet Validation::read(const ShownPacket& shown) const {
    packet::Packet packet(shown.frame);
    if (shown.direction == packet::Direction::kOut) packet.set_outgoing();
    if (!shown.interface.empty()) packet.set_interface(shown.interface);
    if (policy_.reads_flows) flows_.look_up(packet, shown.time_ns);
    return packet;
}

Status Validation::start_again() {
    since_begin_.clear();
    now_ns_ = kStep_ns;
    if (policy_.reads_flows) flows_ = oracle::Flows(policy_.flows_size);
    return evaluators_.begin();
}

bool Validation::is_out_of_bounds() {
    if (!report_.stopped.empty()) return true;
    const auto spent = std::chrono::steady_clock::now() - begin_;
    if (report_.frames >= options_.frames)
        report_.stopped = fmt::format("after {} packets", report_.frames);
    else if (options_.time.count() != 0 && spent > options_.time)
        report_.stopped = fmt::format("after {:.0f} s", std::chrono::duration<double>(options_.time).count());
    else if (report_.different_frames >= kMostDifferent)
        report_.stopped = fmt::format("after {} packets on which evaluators differ", report_.different_frames);
    return !report_.stopped.empty();
}

Result<Validation::Answered> Validation::show(const ShownPacket& packet) {
    if (has_kernel_ && !kernel_takes(packet.frame, packet.direction)) {
        ++report_.not_in_kernel;
        return Answered{};
    }
    if (has_state_) since_begin_.push_back(packet);
    now_ns_ = packet.time_ns + kStep_ns;
    auto answer = evaluators_.judge(packet.frame, packet.time_ns, packet.interface, packet.direction);
    if (!answer) return answer.error();
    const auto verdict = answer->judged.verdict;
    if (policy_.reads_flows && verdict != WEIR_DROP)
        flows_.enter(read(packet), packet.time_ns, packet.direction,
                     verdict == WEIR_REJECT ? oracle::Flows::As::kRejected : oracle::Flows::As::kPassed);
    if (++report_.frames % 256 == 0 && options_.step) options_.step(report_.frames);
    for (const std::uint32_t rule : answer->judged.matched) witnesses_[rule].is_found = true;
    if (!answer->difference.empty()) {
        if (!has_state_) since_begin_ = {packet};
        if (Status noted = note_difference(*answer); !noted) return noted.error();
    }
    // Once keys were evicted, answers are not compared.
    if (!evaluators_.compares())
        if (Status begun = start_again(); !begun) return begun.error();
    return Answered{std::move(answer->judged), true};
}

std::string Validation::aimed_at() const {
    if (target_.rule >= policy_.rules.size()) return "any packet";
    std::string text = fmt::format("rule {}", policy_.rules[target_.rule].name);
    if (target_.comparison != policy::kNoExpr)
        text += fmt::format(", {}", policy::condition_text(policy_, target_.comparison));
    return target_.point == nullptr ? text : fmt::format("{}: {}", text, target_.point->name);
}

Status Validation::note_difference(const Evaluators::Answer& answer) {
    ++report_.different_frames;
    ValidationDifference difference;
    difference.rule = parting_rule(answer.judged, answer.other);
    difference.aimed_at = aimed_at();
    difference.answers = answer.difference;
    const bool is_new = reported_
                            .insert(fmt::format("{} {} {}", difference.rule, target_.rule,
                                                static_cast<std::uint32_t>(target_.comparison)))
                            .second;
    std::vector<ShownPacket> shown = std::move(since_begin_);
    if (Status begun = start_again(); !begun) return begun;
    if (!is_new || report_.differences.size() == ValidationReport::kMostDifferences) return Done{};
    // Does the packet alone show it?
    if (shown.size() > 1) {
        const ShownPacket& last = shown.back();
        auto alone = evaluators_.judge(last.frame, last.time_ns, last.interface, last.direction);
        if (!alone) return alone.error();
        if (!alone->difference.empty()) shown = {last};
        if (Status begun = start_again(); !begun) return begun;
    }
    difference.shown = std::move(shown);
    report_.differences.push_back(std::move(difference));
    return Done{};
}

// ---- what it came to ----

bool Validation::reaches(std::uint32_t rule, const Judged& judged) const {
    return judged.by != Judged::By::kRule || judged.rule >= rule;
}

bool Validation::holds_with(policy::ExprId condition, policy::ExprId comparison, bool value,
                            const packet::Packet& packet) const {
    if (condition == comparison) return value;
    const auto holds = [&](policy::ExprId one) { return holds_with(one, comparison, value, packet); };
    const policy::Expr& expr = policy_.expr(condition);
    if (const auto* all = std::get_if<policy::And>(&expr.node))
        return std::all_of(all->operands.begin(), all->operands.end(), holds);
    if (const auto* any = std::get_if<policy::Or>(&expr.node))
        return std::any_of(any->operands.begin(), any->operands.end(), holds);
    if (const auto* opposite = std::get_if<policy::Not>(&expr.node)) return !holds(opposite->operand);
    return oracle_.holds(condition, packet);
}

bool Validation::hinges(policy::ExprId condition, policy::ExprId comparison, const packet::Packet& packet) const {
    return holds_with(condition, comparison, true, packet) != holds_with(condition, comparison, false, packet);
}

bool Validation::has(const analysis::ProbePoint& point, const packet::Packet& packet,
                     const std::string& interface) const {
    using Kind = analysis::Setting::Kind;
    for (const analysis::Setting& one : point.settings) {
        const auto& value = packet.value(one.field);
        if (one.kind == Kind::kCutPayload || one.kind == Kind::kCopy) continue;
        if (one.kind == Kind::kInterface && interface != one.text) return false;
        if (one.kind == Kind::kInterface) continue;
        if (value.has_value() == (one.kind == Kind::kLacks)) return false;
        if (!value) continue;
        if (one.kind == Kind::kFlag && std::get<bool>(*value) != (one.number != 0)) return false;
        if (one.kind == Kind::kNumber && std::get<std::uint64_t>(*value) != one.number) return false;
        if (one.kind == Kind::kAddress && std::get<IpAddress>(*value) != one.address) return false;
        if (one.kind == Kind::kPayload) {
            const auto& payload = std::get<std::string>(*value);
            if (payload.size() != one.number + one.text.size() || !payload.ends_with(one.text)) return false;
        }
        if (one.kind != Kind::kText) continue;
        const auto* name = std::get_if<packet::DomainName>(&*value);
        if ((name != nullptr ? name->text() : std::get<std::string>(*value)).size() != one.text.size()) return false;
    }
    return true;
}

std::uint32_t Validation::decider_of(const Judged& judged, packet::Direction direction) const {
    const auto rules = static_cast<std::uint32_t>(policy_.rules.size());
    if (judged.by == Judged::By::kRule) return judged.rule;
    if (direction == packet::Direction::kOut) return rules + 2;
    return judged.by == Judged::By::kMalformed ? rules + 1 : rules;
}

// ---- passes ----

analysis::Probe Validation::aimed(std::uint32_t rule, const std::vector<std::uint32_t>& avoided) {
    analysis::Probe probe(random_);
    for (const std::uint32_t one : avoided) aim_.make(probe, policy_.rules[one].condition, packet::Polarity::kFails);
    aim_.make(probe, policy_.rules[rule].condition, packet::Polarity::kHolds);
    return probe;
}

Status Validation::witness_of(std::uint32_t rule) {
    const policy::Rule& typed = policy_.rules[rule];
    target_ = {rule};
    Witness& witness = witnesses_[rule];
    const bool is_kept = typed.has_state() || has_state_;
    const std::size_t wanted = policy_.rules.size() <= kAllPairs ? kWitnesses : 1;
    std::size_t found = 0;
    const bool may_not_be = !options_.never.empty() && options_.never[rule];
    for (int tries = may_not_be ? 4 : kWitnessTries; tries > 0 && !is_out_of_bounds(); --tries) {
        const analysis::Probe probe = aimed(rule, witness.avoided);
        const ShownPacket shown = shown_of(probe, rule);
        const auto answered = show(shown);
        if (!answered) return answered.error();
        if (!answered->is_judged) continue;
        if (!reaches(rule, answered->judged)) {
            auto& avoided = witness.avoided;
            if (std::find(avoided.begin(), avoided.end(), answered->judged.rule) == avoided.end())
                avoided.push_back(answered->judged.rule);
            continue;
        }
        const bool holds = answered->judged.has_matched(rule) || oracle_.holds(typed.condition, read(shown));
        if (is_kept) {
            probes_.erase(rule);
            probes_.emplace(rule, probe);
        }
        if (!holds) continue;
        witness.is_found = true;
        if (options_.witnesses == nullptr) return Done{};
        options_.witnesses->push_back(shown);
        if (++found == wanted) return Done{};
    }
    return Done{};
}

Status Validation::witnesses() {
    for (std::uint32_t rule = 0; rule < policy_.rules.size() && !is_out_of_bounds(); ++rule) {
        if (since_begin_.size() >= kBatchPackets)
            if (Status begun = start_again(); !begun) return begun;
        if (Status tried = witness_of(rule); !tried) return tried;
    }
    if (!report_.stopped.empty()) report_.stopped += ", looking for a packet of each rule";
    return Done{};
}

Status Validation::boundary(std::uint32_t rule, policy::ExprId comparison, const analysis::ProbePoint& point,
                            std::set<std::uint32_t>& deciders) {
    target_ = {rule, comparison, &point};
    const policy::ExprId condition = policy_.rules[rule].condition;
    std::vector<std::uint32_t> avoided = witnesses_[rule].avoided;
    report_.boundaries.all += point.is_boundary ? 1 : 0;
    const int most = policy_.rules.size() > kManyRules ? kBoundaryTries / 2 : kBoundaryTries;
    for (int tries = 0; tries < most && !is_out_of_bounds(); ++tries) {
        analysis::Probe probe(random_);
        for (const std::uint32_t one : avoided)
            aim_.make(probe, policy_.rules[one].condition, packet::Polarity::kFails);
        aim_.hinge_on(probe, condition, comparison);
        probe.apply(point);
        if (has_flow(policy_.rules[rule]) && tries != 0) {
            constexpr std::uint64_t kGaps_ns[] = {kStep_ns, 60'000'000, 2'000'000'000};
            const auto opens = tries % 2 == 1 ? Opens::kSender : Opens::kReceiver;
            if (Status sent = conversation(probe, rule, opens, kGaps_ns[random_.below(3)], random_.below(3)); !sent)
                return sent;
        }
        const ShownPacket shown = shown_of(probe, rule);
        const packet::Packet packet = read(shown);
        const bool is_at_point = has(point, packet, shown.interface) && hinges(condition, comparison, packet);
        if (!is_at_point && tries + 1 < most) continue;
        const auto answered = show(shown);
        if (!answered) return answered.error();
        if (!answered->is_judged) continue;
        if (!reaches(rule, answered->judged)) {
            avoided.push_back(answered->judged.rule);
            continue;
        }
        if (!is_at_point) continue;
        report_.boundaries.done += point.is_boundary ? 1 : 0;
        deciders.insert(decider_of(answered->judged, shown.direction));
        return Done{};
    }
    return Done{};
}

Status Validation::boundaries_of(std::uint32_t rule) {
    const std::size_t most = policy_.rules.size() > kManyRules ? kRangesOfMany : kRanges;
    for (const policy::ExprId comparison : analysis::comparisons_of(policy_, policy_.rules[rule].condition)) {
        if (!analysis::is_whole(policy_, comparison, most)) ++report_.sampled;
        std::set<std::uint32_t> deciders;
        for (const analysis::ProbePoint& point : analysis::points_of(policy_, comparison, most, random_)) {
            if (is_out_of_bounds()) return Done{};
            if (since_begin_.size() >= kBatchPackets)
                if (Status begun = start_again(); !begun) return begun;
            if (Status tried = boundary(rule, comparison, point, deciders); !tried) return tried;
        }
        if (!deciders.contains(rule)) continue;
        for (const std::uint32_t one : deciders)
            if (one != rule) neighbours_.insert(std::minmax(rule, one));
    }
    return Done{};
}

Status Validation::boundaries() {
    if (Status begun = start_again(); !begun) return begun;
    for (std::uint32_t rule = 0; rule < policy_.rules.size() && !is_out_of_bounds(); ++rule) {
        if (Status tried = boundaries_of(rule); !tried) return tried;
        if (!report_.stopped.empty())
            report_.stopped += fmt::format(", at the boundaries of rule {} ({} of {})", policy_.rules[rule].name,
                                           rule + 1, policy_.rules.size());
    }
    return Done{};
}

// Pairs of rules that both apply: their order decides.
Status Validation::overlaps() {
    const auto rules = static_cast<std::uint32_t>(policy_.rules.size());
    for (std::uint32_t first = 0; first < rules && !is_out_of_bounds(); ++first) {
        std::size_t next = rules <= kAllPairs ? rules : kNextRules;
        for (std::uint32_t second = first + 1; second < rules && next > 0 && !is_out_of_bounds(); ++second) {
            const policy::Rule &one = policy_.rules[first], &other = policy_.rules[second];
            if (one.direction != other.direction) continue;
            --next;
            ++report_.pairs.all;
            target_ = {first};
            for (int tries = 0; tries < kOverlapTries; ++tries) {
                analysis::Probe probe(random_);
                for (const std::uint32_t earlier : witnesses_[first].avoided)
                    aim_.make(probe, policy_.rules[earlier].condition, packet::Polarity::kFails);
                aim_.make(probe, (tries % 2 == 0 ? other : one).condition, packet::Polarity::kHolds);
                aim_.make(probe, (tries % 2 == 0 ? one : other).condition, packet::Polarity::kHolds);
                const ShownPacket shown = shown_of(probe, first);
                const packet::Packet packet = read(shown);
                if (!oracle_.holds(one.condition, packet) || !oracle_.holds(other.condition, packet)) continue;
                const auto answered = show(shown);
                if (!answered) return answered.error();
                if (!answered->is_judged || !reaches(first, answered->judged)) continue;
                ++report_.pairs.done;
                break;
            }
        }
        if (since_begin_.size() >= kBatchPackets)
            if (Status begun = start_again(); !begun) return begun;
    }
    if (report_.pairs.all != 0 && !report_.stopped.empty() && report_.stopped.find(", at") == std::string::npos)
        report_.stopped += ", at pairs of rules";
    return Done{};
}

// Packets of any kind, whichever way they go.
Status Validation::anything() {
    target_ = {static_cast<std::uint32_t>(policy_.rules.size())};
    for (const auto& frame : analysis::probe_frames(policy_, kAnyFrames, options_.seed))
        for (const packet::Direction direction : packet::kDirections) {
            if (is_out_of_bounds()) return Done{};
            if (direction == packet::Direction::kOut && !policy_.has_egress()) continue;
            const auto answered = show({frame, now_ns_, {}, direction});
            if (!answered) return answered.error();
        }
    return Done{};
}

Result<ValidationReport> Validation::run() {
    if (Status begun = start_again(); !begun) return begun.error();
    if (options_.witnesses != nullptr) {
        if (Status done = witnesses(); !done) return done.error();
        return std::move(report_);
    }
    for (const auto pass : {&Validation::anything, &Validation::witnesses, &Validation::sequences,
                            &Validation::boundaries, &Validation::overlaps})
        if (Status done = (this->*pass)(); !done) return done.error();
    report_.neighbours = neighbours_.size();
    report_.rules.all = policy_.rules.size();
    for (std::uint32_t rule = 0; rule < policy_.rules.size(); ++rule) {
        if (witnesses_[rule].is_found)
            ++report_.rules.done;
        else
            (!options_.never.empty() && options_.never[rule] ? report_.shadowed : report_.unreached).push_back(rule);
    }
    return std::move(report_);
}

std::string text_of(const ShownPacket& packet) {
    return packet::packet_text(packet.frame, packet.direction, packet.interface);
}

Diagnostic diagnostic_of(const ValidationDifference& difference, const policy::TypedPolicy& policy,
                         const std::string& capture) {
    const bool has_rule = difference.rule != ValidationDifference::kNoRule;
    Diagnostic said;
    said.code = Code::E901;
    said.span = has_rule ? policy.rules[difference.rule].span : policy.default_span;
    said.rule = has_rule ? policy.rules[difference.rule].name : "";
    said.message = fmt::format("evaluators differ on a packet: {}", difference.answers);
    said.label = "`" + text_of(difference.shown.back()) + "`";
    if (const std::size_t before = difference.shown.size() - 1; before != 0)
        said.label += fmt::format(", after {} packet{}", before, before == 1 ? "" : "s");
    said.help = fmt::format("this is a bug of weir: please report it with the policy and {}", capture);
    return said;
}

Result<ValidationReport> validate(const Compiled& compiled, Evaluators& evaluators, const ValidateOptions& options) {
    return Validation(compiled, evaluators, options).run();
}

}  // namespace weir::tooling
