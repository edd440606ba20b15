// Tested by tests/unit/analysis/policy_diff_test.cpp with `other_changes`.
#include "compiler/analysis/other_changes.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compiler/policy/comparison_text.h"
#include "compiler/policy/identity.h"
#include "grammar/base/names.h"

namespace weir::analysis {
namespace {

using policy::TypedPolicy;

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
    return all.empty() ? "nothing" : all;
}

std::vector<std::string> change_texts(const TypedPolicy& policy, const std::vector<policy::SetChange>& changes) {
    std::vector<std::string> texts;
    for (const policy::SetChange& change : changes) texts.push_back(policy::change_text(policy, change));
    return texts;
}

// What the rule does beside verdict and alerts.
std::vector<std::string> effects(const TypedPolicy& policy, const policy::Rule& rule) {
    std::vector<std::string> texts = change_texts(policy, rule.changes);
    for (const policy::Measure& measure : rule.measures)
        texts.push_back(fmt::format("{} size {}", policy::identity(measure), measure.size));
    if (rule.capture && rule.capture->before == 0) texts.emplace_back("capture");
    if (rule.capture && rule.capture->before != 0)
        texts.push_back(
            fmt::format("capture before {} per {}", rule.capture->before, policy::identity(rule.capture->keys)));
    return texts;
}

std::string parts_text(const std::vector<policy::MessagePart>& parts) {
    std::string text;
    for (const policy::MessagePart& part : parts) {
        if (const auto* literal = std::get_if<std::string>(&part)) text += *literal;
        if (const auto* field = std::get_if<packet::FieldId>(&part)) text += "{" + packet::field_name(*field) + "}";
        if (const auto* word = std::get_if<MessageWord>(&part))
            text += fmt::format("{{word {}}}", static_cast<int>(*word));
    }
    return text;
}

std::string sink_text(const policy::Sink& sink) {
    std::string text = fmt::format("{}", static_cast<int>(sink.kind));
    for (const policy::SinkOption& option : sink.options)
        text += fmt::format("\n{} {}\n{}\n{}\n{}", static_cast<int>(option.word), option.text, option.second,
                            option.number, parts_text(option.parts));
    return text;
}

// What becomes of an alert, by what it is called.
std::vector<std::pair<std::string, std::string>> parts_of(const TypedPolicy& policy, const policy::Alert& alert) {
    const auto sink_name = [&](policy::SinkId id) { return policy.sinks[static_cast<std::size_t>(id)].name; };
    std::vector<std::string> sinks, escalations;
    for (const policy::SinkId id : alert.sinks) sinks.push_back(sink_name(id));
    for (const policy::Escalation& one : alert.escalations)
        escalations.push_back(
            fmt::format("{} {} {} {}", sink_name(one.sink), one.count, one.window_ns, policy::identity(one.keys)));
    const std::string throttle =
        alert.throttle ? fmt::format("{} {}", policy::identity(alert), alert.throttle->limit) : std::string();
    return {{"severity", fmt::format("{}", static_cast<int>(alert.severity))},
            {"message", parts_text(alert.message)},
            {"throttle", throttle},
            {"sinks", joined(sinks)},
            {"escalations", joined(escalations)},
            {"responses", joined(change_texts(policy, alert.responses))}};
}

template <typename Item>
const Item* named(const std::vector<Item>& items, const std::string& name) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const Item& one) { return one.name == name; });
    return found == items.end() ? nullptr : &*found;
}

class Comparer {
public:
    Comparer(const TypedPolicy& before, const TypedPolicy& after) : before_(before), after_(after) {}

    std::vector<std::string> compare() {
        compare_rules();
        compare_alerts();
        compare_sinks();
        compare_sets();
        number("flows size", before_.flows_size, after_.flows_size);
        number("throttles size", before_.throttles_size, after_.throttles_size);
        const auto record = [](const TypedPolicy& policy) {
            return policy.record ? fmt::format("{} bytes, {} packets", policy.record->bytes, policy.record->packets)
                                 : std::string("nothing");
        };
        text("record", record(before_), record(after_));
        return std::move(said_);
    }

private:
    void text(const std::string& what, const std::string& before, const std::string& after) {
        if (before != after) said_.push_back(fmt::format("{}: {}, before {}", what, after, before));
    }
    void number(const std::string& what, std::uint64_t before, std::uint64_t after) {
        text(what, fmt::to_string(before), fmt::to_string(after));
    }
    void compare_rules() {
        std::map<std::string, const policy::Rule*> rules;
        for (const policy::Rule& rule : before_.rules) rules.emplace(rule.name, &rule);
        for (const policy::Rule& rule : after_.rules) {
            const auto known = rules.find(rule.name);
            text("rule " + rule.name, known == rules.end() ? "nothing" : joined(effects(before_, *known->second)),
                 joined(effects(after_, rule)));
            if (known != rules.end()) rules.erase(known);
        }
        for (const auto& [name, rule] : rules) text("rule " + name, joined(effects(before_, *rule)), "nothing");
    }
    void compare_alerts() {
        for (const policy::Alert& alert : after_.alerts) {
            const policy::Alert* const known = named(before_.alerts, alert.name);
            if (known == nullptr) continue;  // nothing raised it
            const auto before = parts_of(before_, *known), after = parts_of(after_, alert);
            for (std::size_t i = 0; i < before.size(); ++i)
                if (before[i].second != after[i].second)
                    said_.push_back(fmt::format("alert {}: its {} differs", alert.name, before[i].first));
        }
    }
    void compare_sinks() {
        for (const policy::Sink& sink : after_.sinks) {
            const policy::Sink* const known = named(before_.sinks, sink.name);
            if (known == nullptr)
                said_.push_back(fmt::format("sink {}: new", sink.name));
            else if (sink_text(*known) != sink_text(sink))
                said_.push_back(fmt::format("sink {}: its options differ", sink.name));
        }
        for (const policy::Sink& sink : before_.sinks)
            if (named(after_.sinks, sink.name) == nullptr) said_.push_back(fmt::format("sink {}: removed", sink.name));
    }
    void compare_sets() {
        for (const policy::Set& set : after_.sets) {
            const policy::Set* const known = set.name.empty() ? nullptr : named(before_.sets, set.name);
            if (known == nullptr || !set.dynamic || !known->dynamic) continue;
            number("set " + set.name + ": size", known->size, set.size);
            const auto ttl = [](const policy::Set& one) {
                return one.ttl_ns ? policy::duration_text(*one.ttl_ns).value_or("") : std::string("none");
            };
            text("set " + set.name + ": ttl", ttl(*known), ttl(set));
        }
    }

    const TypedPolicy& before_;
    const TypedPolicy& after_;
    std::vector<std::string> said_{};
};

}  // namespace

std::vector<std::string> other_changes(const TypedPolicy& before, const TypedPolicy& after) {
    return Comparer(before, after).compare();
}

}  // namespace weir::analysis
