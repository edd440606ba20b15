// Tested by tests/verdict/state_limits_test.cpp with `rate(`.
#include "compiler/codegen/state_tables.h"

#include <algorithm>

#include "bpf/histogram.h"
#include "bpf/table.h"
#include "compiler/codegen/emit_key.h"
#include "compiler/codegen/tables.h"
#include "compiler/policy/distinct.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/check.h"
#include "grammar/base/same_numbers.h"

namespace weir::codegen {
namespace {

constexpr std::uint32_t kWidths[WEIR_STATE_WIDTHS] = {2, 6, 16};  // words of keys

std::uint32_t width_of(std::uint32_t words) {
    for (const std::uint32_t width : kWidths)
        if (words <= width) return width;
    WEIR_CHECK(!"keys are no wider");
    return 0;
}

// The next place in one of the maps of maps, for a key of that many words.
using Used = std::map<std::string, std::uint32_t>;
StatePlace place(const std::string& maps, const char* function, std::uint32_t width, Used& used, std::uint32_t number) {
    return {maps, function, width, used[maps]++, number};
}

std::uint32_t live_words(const std::vector<policy::SetType>& types) {
    return static_cast<std::uint32_t>(policy::key_words(types) - 1);
}  // no set's number

std::uint32_t net_word(const std::vector<policy::SetType>& types) {
    const auto net = std::find(types.begin(), types.end(), policy::SetType::kNet);
    return net == types.end() ? 0 : 1 + live_words({types.begin(), net});
}

constexpr std::uint32_t kDistinctWidth = 6;  // the least for terms that count distinct values: fewer functions

StatePlace place_of(const ir::StateTerm& term, Used& used, std::uint32_t number) {
    const std::uint32_t width = width_of(term_key_words(term.key));
    if (term.kind != policy::TermKind::kDistinct) {
        const char* function = term.kind == policy::TermKind::kShare   ? "weir_share"
                               : term.kind == policy::TermKind::kSurge ? "weir_surge"
                                                                       : "weir_term";
        return place("weir_term_tables", function, width, used, number);
    }
    return place("weir_term_tables", term.limit > WEIR_DISTINCT_EXACT ? "weir_sketched" : "weir_listed",
                 std::max(width, kDistinctWidth), used, number);
}

bpf::CellValues values_of(const ir::StateTerm& term) {
    if (term.kind != policy::TermKind::kDistinct) return bpf::kNoValues;
    if (term.limit <= WEIR_DISTINCT_EXACT) return bpf::kListedValues;
    return bpf::kSketchedValues + policy::distinct_sketch(term.limit).sampled_bits;
}

weir_term row_of(const ir::StateTerm& term, std::uint32_t index) {
    weir_term row{};
    using policy::TermKind;
    static_assert(same_numbers<TermKind, weir_term_kind>({{TermKind::kRate, WEIR_TERM_RATE},
                                                          {TermKind::kByteRate, WEIR_TERM_BYTERATE},
                                                          {TermKind::kCount, WEIR_TERM_COUNT},
                                                          {TermKind::kDistinct, WEIR_TERM_DISTINCT},
                                                          {TermKind::kShare, WEIR_TERM_SHARE},
                                                          {TermKind::kSurge, WEIR_TERM_SURGE}}));
    row.kind = static_cast<std::uint32_t>(term.kind);
    row.index = index;
    row.limit = term.limit;
    row.unit_ns = row.fill_ns = term.unit_ns;
    row.capacity = term.least;
    if (term.kind == policy::TermKind::kDistinct && term.limit > WEIR_DISTINCT_EXACT) {
        const policy::DistinctSketch sketch = policy::distinct_sketch(term.limit);
        row.limit = sketch.marks;
        row.capacity = (std::uint64_t{1} << sketch.sampled_bits) - 1;
    }
    if (term.burst == 0) return row;
    row.capacity = term.burst * term.unit_ns;
    row.fill_ns = row.capacity / term.limit + (row.capacity % term.limit != 0 ? 1 : 0);
    return row;
}

template <typename T>
void add_table(bpf::Object& object, const char* section, const std::vector<T>& rows) {
    if (rows.empty()) return;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(rows.data());
    object.tables.push_back({section, {begin, begin + rows.size() * sizeof(T)}});
}

}  // namespace

std::string state_function(const std::string& name, std::uint32_t width) { return name + "_" + std::to_string(width); }

std::vector<std::uint32_t> live_key(const policy::Set& set, const std::vector<policy::SetElement>& entry) {
    return entry_words(set.types, entry, width_of(live_words(set.types)));
}

StateTables::StateTables(const policy::TypedPolicy& policy) {
    if (policy.reads_flows) flow_groups_ = weir_flow_groups_of(static_cast<std::uint32_t>(policy.flows_size));
    // Of both directions: their programs share the map.
    for (const policy::Rule& rule : policy.rules)
        if (!rule.changes.empty()) ++changing_rules_;
    Used used;
    for (std::uint32_t number = 0; number < policy.sets.size(); ++number) {
        if (!policy.sets[number].dynamic) continue;
        const std::vector<policy::SetType>& types = policy.sets[number].types;
        StatePlace& made = live_
                               .emplace(number, place("weir_set_tables", "weir_in_live_set",
                                                      width_of(live_words(types)), used, live_set_count()))
                               .first->second;
        made.net_word = net_word(types);
        if (made.net_word != 0) made.function = "weir_in_live_nets";
    }
    // Behind those that change: these are nothing that the next policy goes on with.
    for (std::uint32_t number = 0; number < policy.sets.size(); ++number)
        if (has_names(policy.sets[number].types) && !policy.sets[number].dynamic)
            fixed_names_.emplace(number, used["weir_set_tables"]++);
}

std::uint32_t StateTables::name_table(std::uint32_t set) const {
    const auto fixed = fixed_names_.find(set);
    return fixed != fixed_names_.end() ? fixed->second : live_set(set).index;
}

void StateTables::set_decision(const ir::Decision& decision) {
    Used used;
    for (const ir::StateTerm& term : decision.terms) {
        terms_.push_back(place_of(term, used, term_count()));
        const StatePlace& where = terms_.back();
        term_rows_.push_back(row_of(term, where.index));
        bpf::StateMap map;
        map.outer = where.maps;
        map.index = where.index;
        map.identity = term.identity;
        map.kind = bpf::StateKind::kTerm;
        map.values = values_of(term);
        map.key_size = where.width * 4;
        map.value_size = WEIR_TERM_BYTES;
        map.max_entries = static_cast<std::uint32_t>(term.size);
        term_maps_.push_back(std::move(map));
    }
    add_throttles(decision, used["weir_term_tables"]);
    add_measures(decision);
    const auto first_set_account = static_cast<std::uint32_t>(term_maps_.size());
    for (const ir::SetChange& change : decision.changes) {
        const StatePlace& where = live_set(change.set);
        const std::uint32_t flags =
            (change.adds ? WEIR_CHANGE_ADDS : 0) | (where.net_word != 0 ? WEIR_CHANGE_IS_NET : 0);
        changes_.push_back({change.for_ns, where.index, first_set_account + where.number, flags});
    }
    if (decision.changes.empty()) return;
    rule_changes_.resize(decision.rules.size());
    for (std::size_t rule = 0; rule < decision.rules.size(); ++rule) {
        const std::vector<std::uint32_t>& changes = decision.rules[rule].changes;
        rule_changes_[rule] = static_cast<std::uint32_t>(changes.size()) << 24 | change_words();
        rule_changes_.insert(rule_changes_.end(), changes.begin(), changes.end());
    }
}

void StateTables::add_measures(const ir::Decision& decision) {
    for (const ir::Measure& measure : decision.measures) {
        const auto index = static_cast<std::uint32_t>(measures_.size());
        const std::uint32_t width = measure.key.parts.empty() ? 0 : width_of(term_key_words(measure.key));
        measures_.push_back({"weir_measure_tables", "weir_measure", width, index, index});
        bpf::StateMap map;
        map.outer = "weir_measure_tables";
        map.index = index;
        map.identity = measure.identity;
        map.kind = bpf::StateKind::kMeasure;
        map.key_size = width * 4;
        map.value_size = WEIR_HISTOGRAM_BYTES;
        map.max_entries = static_cast<std::uint32_t>(measure.size);
        measure_maps_.push_back(std::move(map));
    }
}

void StateTables::add_throttles(const ir::Decision& decision, std::uint32_t index) {
    if (decision.throttles.empty()) return;
    throttles_ = throttle_rows(decision.throttles);
    throttle_table_ = index;
    bpf::StateMap map;
    map.outer = "weir_term_tables";
    map.index = index;
    map.identity = "throttles";
    map.kind = bpf::StateKind::kThrottles;
    map.value_size = WEIR_TERM_BYTES;
    map.max_entries = static_cast<std::uint32_t>(decision.throttles_size);
    for (const ir::Throttle& throttle : decision.throttles) map.throttles.push_back(throttle.identity);
    term_maps_.push_back(std::move(map));
}

void StateTables::write_sets(const policy::TypedPolicy& policy, bpf::Object& object) const {
    for (const auto& [number, where] : live_) {
        const policy::Set& set = policy.sets[number];
        bpf::StateMap map;
        map.outer = where.maps;
        map.index = where.index;
        map.identity = policy::identity(set);
        const bool is_names = has_names(set.types);
        map.kind = is_names ? bpf::StateKind::kNames : bpf::StateKind::kSet;
        map.key_size = is_names ? 0 : where.width * 4;
        map.value_size = WEIR_SET_BYTES;
        map.max_entries = static_cast<std::uint32_t>(set.size);
        map.net_word = where.net_word;
        if (is_names) {
            map.keys = set.entries.names().bytes();
            map.nodes = static_cast<std::uint32_t>(set.entries.names().suffixes());
        }
        for (std::size_t i = 0; !is_names && i < set.entries.size(); ++i) {
            const std::vector<std::uint32_t> words = live_key(set, set.entries.entry(i));
            const auto* begin = reinterpret_cast<const std::uint8_t*>(words.data());
            map.keys.insert(map.keys.end(), begin, begin + map.key_size);
        }
        object.state.push_back(std::move(map));
    }
    for (const auto& [number, index] : fixed_names_) {
        const policy::Set& set = policy.sets[number];
        const bool is_text = set.types.front() == policy::SetType::kText;
        const policy::NameList& names = set.entries.names();
        const std::size_t nodes = is_text ? names.size() : names.suffixes();
        object.names.push_back({is_text ? bpf::NameKind::kText : bpf::NameKind::kDomain, index,
                                static_cast<std::uint32_t>(nodes), names.bytes()});
    }
}

// Last: the accounts of all others stay where they are.
void StateTables::write_flows(const policy::TypedPolicy& policy, bpf::Object& object) const {
    if (flow_groups_ == 0) return;
    bpf::StateMap map;
    map.outer = bpf::kFlowTable;
    map.identity = bpf::kFlowsIdentity;
    map.kind = bpf::StateKind::kFlows;
    map.value_size = WEIR_FLOW_BYTES;
    map.max_entries = static_cast<std::uint32_t>(policy.flows_size);
    object.state.push_back(std::move(map));
    object.sizes.push_back({bpf::kFlowTable, weir_flow_elements(flow_groups_), 0, 0});
}

void StateTables::write(const policy::TypedPolicy& policy, bpf::Object& object) const {
    object.state = term_maps_;
    write_sets(policy, object);
    object.state.insert(object.state.end(), measure_maps_.begin(), measure_maps_.end());  // they have no account
    std::map<std::string, std::uint32_t> entries;
    for (const bpf::StateMap& map : object.state) ++entries[map.outer];
    if (!object.names.empty()) entries["weir_set_tables"] += static_cast<std::uint32_t>(object.names.size());
    for (const auto& [outer, count] : entries) object.sizes.push_back({outer, count, 0, 0});
    write_flows(policy, object);
    object.sizes.push_back(
        {"weir_state_accounts", std::max(static_cast<std::uint32_t>(object.state.size()), 1u), 0, 0});
    object.sizes.push_back({"weir_changing", std::max(changing_rules_, 1u), 0, 0});
    add_table(object, ".data.weir_terms", term_rows_);
    add_table(object, ".data.weir_throttles", throttles_.rows);
    add_table(object, ".data.weir_throttle_keys", throttles_.keys);
    add_table(object, ".data.weir_changes", changes_);
    add_table(object, ".data.weir_rule_changes", rule_changes_);
}

}  // namespace weir::codegen
