// Tested by tests/unit/policy/table_bytes_test.cpp.
#include "compiler/policy/table_bytes.h"

#include <algorithm>

#include "bpf/abi.h"
#include "bpf/histogram.h"
#include "bpf/name_table.h"
#include "bpf/record.h"
#include "bpf/table.h"
#include "compiler/policy/capture_keys.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/set_element.h"

namespace weir::policy {
namespace {

// An entry of a set that does not change, in the tree that look-ups walk: 10 to 38 bytes (docs/sets.md).
constexpr std::uint64_t kFixedEntryBytes = 40;

// Words of a key of a set that changes, as its table keeps it.
std::uint32_t kept_words(const std::vector<SetType>& types) {
    const std::size_t words = key_words(types) - 1;  // without the number of the set
    return words <= 2 ? 2 : words <= 6 ? 6 : 16;
}

std::uint64_t bytes_of_names(const Set& set) {
    const auto size = static_cast<std::uint32_t>(set.size);
    const std::size_t nodes = set.types.front() == SetType::kText ? set.entries.size() : set.entries.names().suffixes();
    const std::uint32_t elements =
        set.dynamic ? weir_name_elements(weir_set_groups(weir_nodes_of_names(size)), weir_blocks_of_names(size))
                    : weir_name_elements(weir_set_groups(static_cast<std::uint32_t>(nodes)), 0);
    return std::uint64_t{elements} * WEIR_SET_BYTES;
}

std::uint64_t bytes_of(const Set& set) {
    if (has_names(set.types)) return bytes_of_names(set);
    if (!set.dynamic) return set.entries.size() * kFixedEntryBytes;
    const std::uint32_t groups = weir_set_groups(static_cast<std::uint32_t>(set.size));
    return std::uint64_t{weir_set_elements(groups, kept_words(set.types), has_net(set.types) ? 1 : 0)} * WEIR_SET_BYTES;
}

std::uint64_t bytes_of_cells(std::uint64_t size, TermKind kind) {
    const std::uint32_t groups = weir_term_groups(static_cast<std::uint32_t>(size));
    return std::uint64_t{weir_term_elements(groups, kind == TermKind::kDistinct)} * WEIR_TERM_BYTES;
}

std::uint64_t bytes_of(const Measure& measure) {
    const auto size = static_cast<std::uint32_t>(measure.size);
    const std::uint32_t copies = size > WEIR_MEASURE_COPIED_KEYS ? 1 : WEIR_MEASURE_COPIES;
    return std::uint64_t{weir_measure_elements(size, copies)} * WEIR_HISTOGRAM_BYTES;
}

}  // namespace

std::vector<TableBytes> table_bytes(const TypedPolicy& policy) {
    std::vector<TableBytes> tables;
    for (const Set& set : policy.sets)
        tables.push_back({set.name.empty() ? "a set literal" : "`" + set.name + "`", set.span, bytes_of(set)});
    for (const Rule& rule : policy.rules)
        for (const StateTerm& term : rule.terms)
            tables.push_back({identity(policy, rule, term), term.span, bytes_of_cells(term.size, term.kind)});
    for (const Rule& rule : policy.rules)
        for (const Measure& measure : rule.measures)
            tables.push_back({identity(measure), measure.span, bytes_of(measure)});
    const auto throttled = std::find_if(policy.alerts.begin(), policy.alerts.end(),
                                        [](const Alert& alert) { return alert.throttle.has_value(); });
    if (throttled != policy.alerts.end())  // all throttles have one table
        tables.push_back(
            {"`throttles`", throttled->throttle->span, bytes_of_cells(policy.throttles_size, TermKind::kThrottle)});
    if (policy.record) {
        const auto keys = static_cast<std::uint32_t>(capture_keys(policy).size());
        tables.push_back({"`record`", policy.record->span,
                          std::uint64_t{WEIR_RECORD_ELEMENTS(policy.record->packets)} *
                              WEIR_RECORD_SLOT_BYTES(keys, policy.record->bytes)});
    }
    if (policy.reads_flows)
        tables.push_back(
            {"`flows`", policy.flows_span,
             std::uint64_t{weir_flow_elements(weir_flow_groups_of(static_cast<std::uint32_t>(policy.flows_size)))} *
                 WEIR_FLOW_BYTES});
    return tables;
}

}  // namespace weir::policy
