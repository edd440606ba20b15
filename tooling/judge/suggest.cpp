// Tested by tests/unit/tooling/mutation_test.cpp with `steps`.
#include "tooling/judge/suggest.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/analysis/probe_frames.h"
#include "compiler/oracle/evaluate.h"
#include "compiler/packet/dissect.h"
#include "compiler/packet/packet.h"
#include "tooling/judge/lead_in.h"

namespace weir::tooling {
namespace {

constexpr std::size_t kMostSent = 1000, kMostEvents = 30'000;
constexpr std::size_t kProbes = 200;          // of a rule
constexpr std::size_t kNear = 40;             // of a rule, by packet of a test
constexpr std::size_t kMostBases = 60;        // packets of tests that others are made of
constexpr std::size_t kMostJudged = 300'000;  // packets, of one search
constexpr std::size_t kMostRepeated = 25'000;
constexpr std::size_t kMostTimes = 24;
constexpr std::uint64_t kMicrosecond = 1000;

std::vector<std::uint64_t> times_of(const policy::TypedPolicy& policy) {
    std::vector<std::uint64_t> times;
    const auto add = [&](std::uint64_t ns) {
        if (ns < 2 * kMicrosecond) return;
        for (const std::uint64_t one : {ns / 2, ns - kMicrosecond, ns, ns + ns / 2, 2 * ns})
            if (std::find(times.begin(), times.end(), one) == times.end()) times.push_back(one);
    };
    for (const policy::Rule& rule : policy.rules) {
        for (const policy::StateTerm& term : rule.terms) add(term.unit_ns);
        for (const policy::SetChange& change : rule.changes) add(change.for_ns);
    }
    for (const policy::Alert& alert : policy.alerts)
        for (const policy::SetChange& change : alert.responses) add(change.for_ns);
    for (const policy::Set& set : policy.sets) add(set.ttl_ns.value_or(0));
    // Durations of packets: on the boundary, and just beyond.
    for (const policy::Expr& expr : policy.exprs)
        if (const auto* in = std::get_if<policy::NumberIn>(&expr.node);
            in != nullptr && packet::field(in->number.field).type == packet::Type::kDuration)
            for (const auto& [first, last] : in->ranges)
                for (const std::uint64_t end : {first, last})
                    if (end > kMicrosecond && end < 1'000'000'000'000)
                        for (const std::uint64_t one :
                             {end - end % kMicrosecond, end - end % kMicrosecond + kMicrosecond})
                            times.insert(times.begin(), one);
    if (times.size() > kMostTimes) times.resize(kMostTimes);
    for (std::uint64_t& ns : times) ns -= ns % kMicrosecond;
    return times;
}

std::vector<std::string> interfaces_of(const policy::TypedPolicy& policy) {
    std::vector<std::string> names{""};
    for (const policy::Expr& expr : policy.exprs)
        if (const auto* match = std::get_if<policy::IfaceMatch>(&expr.node); match != nullptr && !match->text.empty())
            for (const std::string& name : {match->text, "x" + match->text, match->text + "x"})
                if (name.size() <= 15 && names.size() < 8 && std::find(names.begin(), names.end(), name) == names.end())
                    names.push_back(name);
    return names;
}

// Packets of a test, with the time between them. A capture ends it.
Script script_of(const policy::Test& test) {
    Script script;
    std::uint64_t after_ns = 0;
    for (const policy::TestStep& step : test.steps) {
        if (const auto* advance = std::get_if<policy::AdvanceClock>(&step.node)) after_ns += advance->ns;
        if (std::holds_alternative<policy::ReplayCapture>(step.node)) break;
        const auto* send = std::get_if<policy::SendFrames>(&step.node);
        if (send == nullptr) continue;
        for (std::uint64_t i = 0; i < send->times && script.size() < kMostEvents; ++i)
            for (const std::vector<std::uint8_t>& frame : send->frames) {
                script.push_back({after_ns, frame, send->direction, send->interface});
                after_ns = 0;
            }
    }
    return script;
}

}  // namespace

bool holds_state(const policy::TypedPolicy& policy) {
    return policy.reads_flows ||
           std::any_of(policy.rules.begin(), policy.rules.end(),
                       [](const policy::Rule& rule) { return rule.has_state() || !rule.changes.empty(); }) ||
           std::any_of(policy.alerts.begin(), policy.alerts.end(),
                       [](const policy::Alert& alert) { return !alert.responses.empty(); });
}

Suggestions::Suggestions(const policy::TypedPolicy& policy, const std::vector<policy::Test>& tests)
    : policy_(policy), has_state_(holds_state(policy)), interfaces_(interfaces_of(policy)), times_(times_of(policy)) {
    for (const policy::Test& test : tests) {
        scripts_.push_back(script_of(test));
        for (ScriptEvent event : scripts_.back()) {
            event.after_ns = 0;
            if (sent_.size() < kMostSent && std::find(sent_.begin(), sent_.end(), event) == sent_.end())
                sent_.push_back(std::move(event));
        }
    }
}

Suggestions::Events Suggestions::on_boundaries(const policy::TypedPolicy& policy, std::size_t rule,
                                               std::uint64_t seed) const {
    Events events;
    if (rule >= policy.rules.size()) return events;
    const policy::Rule& of = policy.rules[rule];
    std::set<std::pair<std::vector<std::uint8_t>, std::string>> seen;
    const auto add = [&](std::vector<std::uint8_t> frame, const std::string& interface) {
        ScriptEvent event{0, std::move(frame), of.direction, interface};
        if (seen.insert({event.frame, event.interface}).second) events.push_back(std::move(event));
    };
    std::size_t bases = 0;
    for (const ScriptEvent& sent : sent_) {
        const auto packet = packet::dissect(sent.frame);
        if (!packet || sent.direction != of.direction || packet::build_frame(*packet) != sent.frame) continue;
        if (++bases > kMostBases) break;
        for (std::vector<std::uint8_t>& frame : analysis::probe_frames_near(policy, of, *packet, kNear, seed + bases))
            add(std::move(frame), sent.interface);
        for (const std::string& interface : interfaces_) add(sent.frame, interface);
    }
    policy::TypedPolicy alone;
    alone.exprs = policy.exprs;
    alone.sets = policy.sets;
    alone.rules = {of};
    for (std::vector<std::uint8_t>& frame : analysis::probe_frames(alone, kProbes, seed))
        for (const std::string& interface : interfaces_) events.push_back({0, frame, of.direction, interface});
    return events;
}

// As often as the terms of the rule count, once more after each of the times.
std::vector<Script> Suggestions::repeated(const Events& events, const policy::TypedPolicy& policy,
                                          std::size_t rule) const {
    std::vector<Script> scripts;
    const policy::Rule& of = policy.rules[rule];
    for (const ScriptEvent& event : events) {
        std::uint64_t count = 2;
        for (const policy::StateTerm& term : of.terms) {
            const std::uint64_t bytes = std::max<std::uint64_t>(event.frame.size(), 1);
            const bool is_bytes = term.kind == policy::TermKind::kByteRate;
            const std::uint64_t most = std::max({term.limit, term.burst, term.least});
            count = std::max(count, is_bytes ? most / bytes + 2 : std::min<std::uint64_t>(most, 5000) + 2);
        }
        if (count > kMostRepeated) continue;
        const Script many(count, event);
        scripts.push_back(many);
        std::vector<std::uint64_t> times;
        for (const policy::StateTerm& term : of.terms)
            for (const std::uint64_t ns : {term.unit_ns, term.unit_ns / 2, term.unit_ns + term.unit_ns / 2})
                if (ns >= kMicrosecond) times.push_back(ns - ns % kMicrosecond);
        if (count < 1000) times.insert(times.end(), times_.begin(), times_.end());
        for (const std::uint64_t time : times) {
            scripts.push_back(many);
            scripts.back().push_back(event);
            scripts.back().back().after_ns = time;
            scripts.back().insert(scripts.back().end(), count, event);
        }
    }
    return scripts;
}

// Judges scripts until one tells, or the packets that it may judge are used up.
class Suggestions::Search {
public:
    Search(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed)
        : policy_(policy), changed_(changed) {}
    void attempt(const Script& script) {
        if (is_over() || script.empty()) return;
        judged_ += script.size();
        if (const auto at = first_difference(policy_, changed_, script))
            found_.assign(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(*at) + 1);
    }
    bool is_over() const { return !found_.empty() || judged_ > kMostJudged; }
    Script take() { return std::move(found_); }

private:
    const policy::TypedPolicy& policy_;
    const policy::TypedPolicy& changed_;
    Script found_{};
    std::size_t judged_ = 0;
};

// The tests as they are, where they look at less than they could; with another pause; with another packet in a place;
// and going on.
void Suggestions::try_tests(Search& search, const Events& events) const {
    std::vector<const Script*> scripts;
    for (const Script& script : scripts_)
        if (!script.empty()) scripts.push_back(&script);
    std::stable_sort(scripts.begin(), scripts.end(),
                     [](const Script* a, const Script* b) { return a->size() < b->size(); });
    for (const Script* script : scripts) search.attempt(*script);
    for (const Script* script : scripts) {
        Script other = *script;
        for (std::size_t i = 0; i < script->size() && !search.is_over(); ++i) {
            if ((*script)[i].after_ns == 0) continue;
            for (const std::uint64_t time : times_) {
                other[i].after_ns = time;
                search.attempt(other);
            }
            other[i].after_ns = (*script)[i].after_ns;
        }
    }
    for (const Script* script : scripts) {
        const std::size_t from = script->size() - std::min<std::size_t>(script->size(), 4);
        for (const std::uint64_t time : times_) {
            Script longer = *script;
            longer.insert(longer.end(), script->begin() + static_cast<std::ptrdiff_t>(from), script->end());
            longer[script->size()].after_ns = time;
            search.attempt(longer);
        }
    }
    // All of it again.
    for (const Script* script : scripts) {
        for (const std::uint64_t time : times_) {
            Script twice = *script;
            twice.insert(twice.end(), script->begin(), script->end());
            twice[script->size()].after_ns = time;
            search.attempt(twice);
        }
    }
    // A test goes on with other packets: those come from its own.
    const std::size_t share = std::max<std::size_t>(events.size() / 100, 1);
    for (const Script* script : scripts) {
        Script longer = *script;
        for (std::size_t i = 0; i < events.size() && !search.is_over(); i += share) {
            longer.resize(script->size());
            longer.push_back(events[i]);
            search.attempt(longer);
        }
    }
}

Script Suggestions::telling_from(const policy::TypedPolicy& changed, std::size_t rule) const {
    Search search(policy_, changed);
    for (const ScriptEvent& event : sent_) search.attempt({event});
    // Cut short, they are malformed.
    for (std::size_t i = 0; i < sent_.size() && i < 20; ++i) {
        ScriptEvent cut = sent_[i];
        cut.frame.resize(std::min<std::size_t>(cut.frame.size(), 24));
        search.attempt({cut});
    }
    Events events = on_boundaries(policy_, rule, 1);
    const Events others = on_boundaries(changed, rule, 1000);
    events.insert(events.end(), others.begin(), others.end());
    for (const ScriptEvent& event : events) search.attempt({event});
    if (!has_state_ || search.is_over() || rule >= policy_.rules.size()) return search.take();
    // First packets that the condition tells apart, then those that it holds for, and those that lack state alone.
    const oracle::Oracle before(policy_), after(changed);
    LeadIns lead_ins(policy_), changed_lead_ins(changed);
    Events differing, holding, waiting;
    for (const ScriptEvent& event : events) {
        const packet::Packet packet(event.frame);
        const bool held = before.holds(policy_.rules[rule].condition, packet);
        const bool holds = after.holds(changed.rules[rule].condition, packet);
        if (held != holds && differing.size() < 4) differing.push_back(event);
        if (held && holds && holding.size() < 4) holding.push_back(event);
        if (!held && !holds && waiting.size() < 4 && lead_ins.may_meet(policy_.rules[rule], event))
            waiting.push_back(event);
    }
    differing.insert(differing.end(), holding.begin(), holding.end());
    differing.insert(differing.end(), waiting.begin(), waiting.end());
    for (const Script& script : repeated(differing, policy_, rule)) search.attempt(script);
    // Behind other packets: of their flow, of their keys, and those that add them to sets.
    for (const ScriptEvent& event : differing)
        for (LeadIns* before_it : {&lead_ins, &changed_lead_ins})
            for (const Script& script : before_it->to(event)) search.attempt(script);
    // The same behind a part of a test, up to one of its pauses: state that rules left there.
    for (const Script& script : scripts_)
        for (std::size_t end = 1; end <= script.size() && !search.is_over(); ++end) {
            if (end != script.size() && script[end].after_ns == 0) continue;
            for (const Script& again : repeated(differing, policy_, rule)) {
                if (again.front().after_ns != 0 || again.size() > 200 || again.back() != again.front()) continue;
                Script longer(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(end));
                longer.insert(longer.end(), again.begin(), again.end());
                longer[end].after_ns = end == script.size() ? 0 : script[end].after_ns;
                search.attempt(longer);
            }
        }
    // Keys: as often as the terms count, and then a packet of another key.
    const std::vector<Script> many = repeated(
        {differing.begin(), differing.begin() + std::min<std::ptrdiff_t>(1, std::ssize(differing))}, policy_, rule);
    if (!many.empty())
        for (std::size_t i = 0; i < events.size() && i < 200 && !search.is_over(); ++i) {
            Script script = many.front();
            script.push_back(events[i]);
            search.attempt(script);
        }
    if (!search.is_over()) try_tests(search, events);
    return search.take();
}

Script Suggestions::matching(std::size_t rule) const {
    const auto ends_at_match = [&](Script script) {
        const std::vector<Judged> judged = play(policy_, script);
        const auto at =
            std::find_if(judged.begin(), judged.end(), [&](const Judged& j) { return j.has_matched(rule); });
        script.resize(at == judged.end() ? 0 : static_cast<std::size_t>(at - judged.begin()) + 1);
        return script;
    };
    const Events events = on_boundaries(policy_, rule, 1);
    for (const ScriptEvent& event : events)
        if (Script found = ends_at_match({event}); !found.empty()) return found;
    LeadIns lead_ins(policy_);
    Events candidates;
    for (const ScriptEvent& event : events)
        if (candidates.size() < 6 && lead_ins.may_meet(policy_.rules[rule], event)) candidates.push_back(event);
    for (Script& script : repeated(candidates, policy_, rule))
        if (Script found = ends_at_match(std::move(script)); !found.empty()) return found;
    // Behind packets that leave what it finds.
    for (const ScriptEvent& event : candidates)
        for (Script& script : lead_ins.to(event))
            if (Script found = ends_at_match(std::move(script)); !found.empty()) return found;
    return {};
}

}  // namespace weir::tooling
