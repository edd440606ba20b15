// What is called what. Every file of a policy shares one set of names; rules, alerts, sinks and tests have one each.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/policy/typed_policy.h"
#include "grammar/ast.h"
#include "grammar/base/nearest.h"
#include "grammar/diagnostic.h"

namespace weir::sema {

// An item and the file it stands in, in the order of the policy: imported items stand where their import stands.
struct PlacedItem {
    const ast::Policy* policy;
    const ast::Item* item;
};
std::vector<PlacedItem> items_in_order(const std::vector<ast::Policy>& policies);

struct Names {
    struct LetPlace {
        const ast::Policy* policy;
        const ast::Let* let;
    };
    template <typename Id>
    using Table = std::unordered_map<std::string, Id>;

    Table<LetPlace> lets;  // functions too
    Table<policy::SetId> sets;
    Table<policy::RuleId> rules;
    Table<policy::AlertId> alerts;
    Table<policy::SinkId> sinks;
    std::unordered_set<std::string> lost;  // declared by what could not be read, perhaps, or refused
    bool lost_items = false;               // not every item could be read
    bool lost_all = false;                 // any name may be declared in a file that could not be read

    bool may_be_lost(const std::string& name) const { return lost_all || lost.contains(name); }
};

// Fills `names` with numbers in the order of the items; says which are reserved or given twice.
Names collect_names(const std::vector<ast::Policy>& policies, const std::vector<PlacedItem>& items,
                    Diagnostics& diagnostics);

// A suggestion is a comparison with every name: after so many errors none is searched.
inline bool suggests(const Diagnostics& diagnostics) {
    constexpr std::size_t kMaxSuggesting = 100;
    return diagnostics.errors() < kMaxSuggesting;
}

// The known name nearest to a misspelt one, or empty where none is near.
template <typename Table>
std::string nearest_name(const Table& table, std::string_view name, const Diagnostics& diagnostics) {
    if (!suggests(diagnostics)) return {};
    Nearest nearest(name);
    for (const auto& [known, unused] : table) nearest.offer(known);
    return nearest.best();
}

}  // namespace weir::sema
