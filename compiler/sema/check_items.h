// Sets, alerts, sinks and rules: each item of the policy from its text to its typed form.
#pragma once

#include <map>
#include <string>

#include "compiler/policy/typed_policy.h"
#include "compiler/sema/check.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/names.h"

namespace weir::sema {

struct SinkParameter;
struct SinkRow;

// E390: verdicts of packets on their way out are `pass` and `drop`.
std::optional<Diagnostic> egress_fault(const policy::Verdict& verdict, Span span);

class ItemChecker {
public:
    ItemChecker(const Sources& sources, const Names& names, const Files& files, ConditionChecker& conditions,
                policy::TypedPolicy& typed)
        : sources_(sources), names_(names), files_(files), conditions_(conditions), typed_(typed) {}

    // A set's number is its place among the sets, whatever is wrong with it; so it is with sinks, alerts and rules.
    void set(const ast::Set& written);
    // Once all sets are declared: the entries that stand in the policy, and what set number `number` has in all.
    void set_entries(const ast::Policy& policy, const ast::Set& written, std::size_t number);
    void sink(const ast::Sink& written);
    void alert(const ast::Policy& policy, const ast::Alert& written);
    void rule(const ast::Policy& policy, const ast::Rule& written);
    // Before the rules.
    void record(const ast::Record& written);
    // Once all rules are there.
    void check_pcap_sinks();
    // Once all rules are there: sets of nets that change, and how many lengths their nets have.
    void net_lengths();
    // check_verdicts.cpp
    policy::Verdict verdict(const ast::Verdict& written, Span span);  // a rule's
    policy::Verdict default_verdict(const ast::DefaultVerdict& written);

private:
    // check_sets.cpp
    bool set_types(const ast::Set& written, policy::Set& set);
    void set_clauses(const ast::Set& written, policy::Set& set);
    void read_set_file(const ast::Set& written, policy::Set& set);
    // A line of a file of names.
    struct FileLine {
        const std::string& file;
        std::size_t number;
        std::string_view text;
    };
    bool name_line(const ast::Set& written, const FileLine& line, policy::Set& set);
    void set_lines(const ast::Set& written, const std::string& name, std::string_view text, policy::Set& set);
    void has_size_for(const ast::Set& written, const std::string& name, policy::Set& set);
    void literal_entries(const Operand& literal, const ast::Set& written, policy::Set& set);
    std::optional<policy::SetElement> literal_element(const PlacedValue& value, policy::SetType type,
                                                      const policy::Set& set);
    void room_for(const ast::Set& written, std::uint64_t entries);
    // check_items.cpp
    std::vector<policy::MessagePart> message(const std::string& text, Span written);
    policy::MessagePart hole(std::string_view name, Span span);
    Span hole_span(Span written, std::string_view name) const;
    // check_sinks.cpp
    const SinkParameter* parameter_of(const SinkRow& row, const ast::SinkArgument& argument,
                                      const std::vector<std::pair<SinkWord, Span>>& so_far);
    Span value_span(const ast::SinkArgument& argument) const;
    bool header_option(const ast::SinkArgument& argument, const SinkParameter& parameter, policy::SinkOption& option);
    std::optional<policy::SinkOption> valued_option(SinkKind kind, const SinkParameter& parameter, const Value& value,
                                                    Span given);
    std::optional<policy::SinkOption> choice_option(SinkKind kind, const SinkParameter& parameter,
                                                    const ast::Name& word);
    std::optional<policy::SinkOption> sink_option(const SinkRow& row, const SinkParameter& parameter,
                                                  const ast::SinkArgument& argument);
    void complete_options(const SinkRow& row, const ast::Sink& written, policy::Sink& sink);
    std::string name_;  // the one read last: its memory
    // check_reactions.cpp
    std::optional<std::vector<policy::KeyField>> event_key(const ast::Policy& policy,
                                                           const std::vector<ast::ExprId>& written);
    std::optional<policy::StateTerm> throttle(const ast::Policy& policy, const ast::Throttle& written);
    std::optional<policy::SinkId> known_sink(const ast::Name& name);
    void escalation(const ast::Policy& policy, const ast::Escalate& written, policy::Alert& alert);
    void response(const ast::Policy& policy, const ast::Action& written, policy::Alert& alert);
    void reactions(const ast::Policy& policy, const ast::Alert& written, policy::Alert& alert);
    // check_items.cpp
    void action(const ast::Policy& policy, const ast::Action& written, policy::Rule& rule);
    void check_verdict_last(const ast::Rule& written);
    // check_changes.cpp
    policy::Set* changed_set(const ast::Name& name);
    std::optional<std::vector<policy::KeyField>> changed_keys(const Operand& value, const policy::Set& set);
    std::optional<policy::SetChange> set_change(const ast::Policy& policy, const ast::Action& written,
                                                std::string_view who);
    // check_record.cpp
    bool capture_before(const ast::Policy& policy, const ast::Action& action, policy::Capture& capture);
    void capture(const ast::Policy& policy, const ast::Action& written, policy::Rule& rule);
    void check_captures(const ast::Rule& written, const policy::Rule& rule);
    // check_measures.cpp
    std::optional<std::vector<policy::KeyField>> measure_keys(const ast::Policy& policy, ast::ExprId written);
    std::optional<packet::FieldId> measured_field(const ast::Policy& policy, ast::ExprId written);
    void measure(const ast::Policy& policy, const ast::Action& action, policy::Rule& rule);
    void say(Diagnostic diagnostic) { conditions_.say(std::move(diagnostic)); }

    const Sources& sources_;
    const Names& names_;
    const Files& files_;
    ConditionChecker& conditions_;
    policy::TypedPolicy& typed_;
    std::vector<std::string> devices_{};                         // interfaces that rules redirect to
    std::vector<std::vector<policy::KeyField>> capture_keys_{};  // different ones so far
    std::size_t search_rules_ = 0;                               // that search the payload
    std::size_t state_rules_ = 0;                                // that have a state term
    std::uint64_t set_entries_ = 0;                              // of all sets so far
    std::map<std::string, Span> measures_;                       // by name
};

}  // namespace weir::sema
