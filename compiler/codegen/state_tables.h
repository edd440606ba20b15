// Where the state of a policy is: which map of maps a term or a set that changes is in, and what the program reads of
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "compiler/codegen/throttle_rows.h"
#include "compiler/ir/decision.h"
#include "compiler/object.h"
#include "compiler/policy/typed_policy.h"

namespace weir::codegen {

// A map within a map of maps, for keys of `width` words.
struct StatePlace {
    std::string maps;      // "weir_term_tables"
    std::string function;  // that counts a packet, without its width: "weir_term"
    std::uint32_t width = 0;
    std::uint32_t index = 0;
    std::uint32_t number = 0;    // among the terms, or among the live sets
    std::uint32_t net_word = 0;  // of a set of nets: 1 + the word of its key that the net begins with
};
// "weir_term" and a width: the function that bpf/templates/state.h has for it.
std::string state_function(const std::string& name, std::uint32_t width);

// The key of an entry of a set that changes, as its map has it.
std::vector<std::uint32_t> live_key(const policy::Set& set, const std::vector<policy::SetElement>& entry);

class StateTables {
public:
    explicit StateTables(const policy::TypedPolicy& policy);
    void set_decision(const ir::Decision& decision);

    const StatePlace& live_set(std::uint32_t set) const { return live_.at(set); }
    // Of a set of names or texts: its place in weir_set_tables.
    std::uint32_t name_table(std::uint32_t set) const;
    const StatePlace& term(std::uint32_t term) const { return terms_.at(term); }
    const StatePlace& measure(std::uint32_t measure) const { return measures_.at(measure); }
    const ThrottleRows& throttles() const { return throttles_; }
    // Of the table of their windows: its place in weir_term_tables. Its account is behind those of the terms.
    std::uint32_t throttle_table() const { return throttle_table_; }
    std::uint32_t throttle_account() const { return term_count(); }

    // Of the table of flows: its groups, 0 where the policy reads nothing of them, and its account, the last one.
    std::uint32_t flow_groups() const { return flow_groups_; }
    std::uint32_t flow_account() const { return static_cast<std::uint32_t>(term_maps_.size() + live_.size()); }

    std::uint32_t term_count() const { return static_cast<std::uint32_t>(terms_.size()); }
    std::uint32_t live_set_count() const { return static_cast<std::uint32_t>(live_.size()); }
    std::uint32_t change_count() const { return static_cast<std::uint32_t>(changes_.size()); }
    std::uint32_t change_words() const { return static_cast<std::uint32_t>(rule_changes_.size()); }

    void write(const policy::TypedPolicy& policy, bpf::Object& object) const;

private:
    void add_throttles(const ir::Decision& decision, std::uint32_t index);
    void add_measures(const ir::Decision& decision);
    void write_sets(const policy::TypedPolicy& policy, bpf::Object& object) const;
    void write_flows(const policy::TypedPolicy& policy, bpf::Object& object) const;

    std::map<std::uint32_t, StatePlace> live_;            // by set number
    std::map<std::uint32_t, std::uint32_t> fixed_names_;  // likewise: sets of names that do not change
    std::vector<StatePlace> terms_;
    std::vector<bpf::StateMap> term_maps_;  // that of the throttles last
    std::vector<weir_term> term_rows_;
    std::vector<StatePlace> measures_;
    std::vector<bpf::StateMap> measure_maps_;
    ThrottleRows throttles_;
    std::vector<weir_change> changes_;
    std::vector<std::uint32_t> rule_changes_;
    std::uint32_t changing_rules_ = 0;
    std::uint32_t throttle_table_ = 0;
    std::uint32_t flow_groups_ = 0;
};

}  // namespace weir::codegen
