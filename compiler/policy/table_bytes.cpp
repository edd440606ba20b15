// Tested by tests/unit/policy/table_bytes_test.cpp.
#include "compiler/policy/table_bytes.h"

#include <algorithm>

#include "bpf/abi.h"
#include "bpf/table.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/set_element.h"

namespace weir::policy {
namespace {

// A key of `distinct` is an element of an LRU hash map: its key, struct weir_distinct and the kernel's 56 bytes.
constexpr std::uint64_t kFewBytes = 340, kManyBytes = 740;
// An entry of a set that does not change, in the tree that look-ups walk: 10 to 38 bytes (docs/sets.md).
constexpr std::uint64_t kFixedEntryBytes = 40;

// Words of a key of a set that changes, as its table keeps it.
std::uint32_t kept_words(const std::vector<SetType>& types) {
    const std::size_t words = key_words(types) - 1;  // without the number of the set
    return words <= 2 ? 2 : words <= 6 ? 6 : 16;
}

std::uint64_t bytes_of(const Set& set) {
    if (!set.dynamic) return set.entries.size() * kFixedEntryBytes;
    const std::uint32_t groups = weir_set_groups(static_cast<std::uint32_t>(set.size));
    return std::uint64_t{weir_set_elements(groups, kept_words(set.types))} * WEIR_SET_BYTES;
}

std::uint64_t bytes_of_cells(std::uint64_t size) {
    return (1 + std::uint64_t{weir_term_groups(static_cast<std::uint32_t>(size))}) * WEIR_TERM_BYTES;
}

std::uint64_t bytes_of(const StateTerm& term) {
    if (term.kind != TermKind::kDistinct) return bytes_of_cells(term.size);
    const bool lists_addresses =
        term.limit <= WEIR_DISTINCT_EXACT && term.value && packet::field(term.value->field).type == packet::Type::kIp;
    return term.size * (lists_addresses ? kManyBytes : kFewBytes);
}

}  // namespace

std::vector<TableBytes> table_bytes(const TypedPolicy& policy) {
    std::vector<TableBytes> tables;
    for (const Set& set : policy.sets)
        tables.push_back({set.name.empty() ? "a set literal" : "`" + set.name + "`", set.span, bytes_of(set)});
    for (const Rule& rule : policy.rules)
        for (const StateTerm& term : rule.terms) tables.push_back({identity(rule, term), term.span, bytes_of(term)});
    const auto throttled = std::find_if(policy.alerts.begin(), policy.alerts.end(),
                                        [](const Alert& alert) { return alert.throttle.has_value(); });
    if (throttled != policy.alerts.end())  // all throttles have one table
        tables.push_back({"`throttles`", throttled->throttle->span, bytes_of_cells(policy.throttles_size)});
    return tables;
}

}  // namespace weir::policy
