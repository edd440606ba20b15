// Tested by tests/unit/sema/names_test.cpp.
#include "compiler/sema/names.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "compiler/packet/fields.h"
#include "grammar/reserved.h"

namespace weir::sema {
namespace {

// The first word of a field. `inner.` will be the fields of the packet within a tunnel.
bool begins_field(std::string_view name) {
    static const auto* const fields = [] {
        auto* all = new std::unordered_set<std::string_view>{"inner"};
        for (const packet::Field& field : packet::fields()) all->insert(field.name.substr(0, field.name.find('.')));
        return all;
    }();
    return fields->contains(name);
}

class Collector {
public:
    explicit Collector(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

    Names collect(const std::vector<PlacedItem>& items) {
        for (const PlacedItem& placed : items) std::visit([&](const auto& item) { add(placed, item); }, *placed.item);
        return std::move(names_);
    }

private:
    using Seen = std::unordered_map<std::string, Span>;

    // Numbers count items, named well or not, so that they stay those of the items.
    template <typename Id>
    void number(Names::Table<Id>& table, Seen& seen, const ast::Name& name, std::uint32_t& next, const char* what) {
        const Id id{next++};
        if (fresh(seen, name, what)) table.emplace(name.text, id);
    }

    // What a condition names may not look like a field; a rule, an alert or a sink may.
    bool fresh(Seen& seen, const ast::Name& name, const char* what) {
        const bool in_conditions = &seen != &rules_ && &seen != &alerts_ && &seen != &sinks_;
        if (find_reserved(name.text) != nullptr || (in_conditions && begins_field(name.text))) {
            diagnostics_.add({.code = Code::E204,
                              .span = name.span,
                              .message = fmt::format("`{}` is a reserved word", name.text),
                              .help = fmt::format("choose another name, such as `{}_`", name.text)});
            names_.lost.insert(name.text);
            return false;
        }
        const auto [place, added] = seen.emplace(name.text, name.span);
        if (added) return true;
        diagnostics_.add({.code = Code::E203,
                          .span = name.span,
                          .message = fmt::format("duplicate {} `{}`", what, name.text),
                          .help = "give one of them another name",
                          .notes = {{place->second, "first given here"}}});
        return false;
    }

    void add(const PlacedItem& placed, const ast::Let& let) {
        Seen parameters;  // a parameter hides a name of the policy, but no field
        for (const ast::Name& parameter : let.parameters) fresh(parameters, parameter, "parameter");
        if (fresh(values_, let.name, "name")) names_.lets.emplace(let.name.text, Names::LetPlace{placed.policy, &let});
    }
    void add(const PlacedItem&, const ast::Set& set) { number(names_.sets, values_, set.name, next_set_, "name"); }
    void add(const PlacedItem&, const ast::Rule& rule) { number(names_.rules, rules_, rule.name, next_rule_, "rule"); }
    void add(const PlacedItem&, const ast::Alert& alert) {
        number(names_.alerts, alerts_, alert.name, next_alert_, "alert");
    }
    void add(const PlacedItem&, const ast::Sink& sink) { number(names_.sinks, sinks_, sink.name, next_sink_, "sink"); }
    void add(const PlacedItem&, const ast::Test& test) { fresh(tests_, {"test " + test.name, test.name_span}, "test"); }
    void add(const PlacedItem&, const ast::Import&) {}
    void add(const PlacedItem&, const ast::DefaultVerdict&) {}
    void add(const PlacedItem&, const ast::ThrottlesSize&) {}
    void add(const PlacedItem&, const ast::FlowsSize&) {}
    void add(const PlacedItem&, const ast::Record&) {}

    Diagnostics& diagnostics_;
    Names names_;
    Seen values_, rules_, alerts_, sinks_, tests_;
    std::uint32_t next_set_ = 0, next_rule_ = 0, next_alert_ = 0, next_sink_ = 0;
};

void append_items(const std::vector<ast::Policy>& policies, const ast::Policy& policy,
                  std::unordered_set<std::uint32_t>& seen, std::vector<PlacedItem>& items) {
    seen.insert(policy.file);
    for (const ast::Item& item : policy.items) {
        const auto* import = std::get_if<ast::Import>(&item);
        if (import == nullptr) {
            items.push_back({&policy, &item});
            continue;
        }
        if (!import->file || seen.contains(*import->file)) continue;
        const auto imported = std::find_if(policies.begin(), policies.end(),
                                           [&](const ast::Policy& p) { return p.file == *import->file; });
        if (imported != policies.end()) append_items(policies, *imported, seen, items);
    }
}

}  // namespace

std::vector<PlacedItem> items_in_order(const std::vector<ast::Policy>& policies) {
    std::vector<PlacedItem> items;
    std::unordered_set<std::uint32_t> seen;
    if (!policies.empty()) append_items(policies, policies.back(), seen, items);
    return items;
}

Names collect_names(const std::vector<ast::Policy>& policies, const std::vector<PlacedItem>& items,
                    Diagnostics& diagnostics) {
    Names names = Collector(diagnostics).collect(items);
    for (const ast::Policy& policy : policies) {
        names.lost.insert(policy.lost_names.begin(), policy.lost_names.end());
        names.lost_items = names.lost_items || policy.lost_items || policy.lost_all;
        names.lost_all = names.lost_all || policy.lost_all;
    }
    return names;
}

}  // namespace weir::sema
