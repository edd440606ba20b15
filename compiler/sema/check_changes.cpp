// What rules do to sets, and what holds alerts back: `add X to SET [for DURATION]`, `remove X from SET`, `throttle`.
// Tested by tests/unit/sema/types_test.cpp with `add ip.src`.
#include <algorithm>

#include <fmt/format.h>

#include "compiler/policy/set_element.h"
#include "compiler/sema/check_items.h"

namespace weir::sema {

// The set that a rule changes; null where it cannot, which has been said.
policy::Set* ItemChecker::changed_set(const ast::Name& name) {
    const auto found = names_.sets.find(name.text);
    if (found == names_.sets.end()) {
        Diagnostic unknown{
            .code = Code::E202, .span = name.span, .message = fmt::format("unknown set `{}`", name.text)};
        if (const std::string near = nearest_name(names_.sets, name.text, conditions_.diagnostics()); !near.empty())
            unknown.fix = Fix{name.span, near};
        say(std::move(unknown));
        return nullptr;
    }
    policy::Set& set = typed_.sets[static_cast<std::size_t>(found->second)];
    if (!has_net(set.types)) return &set;
    say({.code = Code::E336,
         .span = name.span,
         .message = fmt::format("a rule cannot change `{}`: it is a set of nets", name.text),
         .help = "it is filled from its file, or by `weir set` if it has no file"});
    return nullptr;
}

void ItemChecker::set_change(const ast::Policy& policy, const ast::Action& written, policy::Rule& rule) {
    const auto* add = std::get_if<ast::AddAction>(&written.node);
    const auto* remove = std::get_if<ast::RemoveAction>(&written.node);
    const Operand value = conditions_.operand({&policy}, add != nullptr ? add->value : remove->value);
    policy::Set* set = changed_set(add != nullptr ? add->set : remove->set);
    if (set == nullptr || value.kind == Operand::Kind::kError) return;
    policy::SetChange change;
    change.adds = add != nullptr;
    change.set = static_cast<policy::SetId>(set - typed_.sets.data());
    if (value.kind == Operand::Kind::kField && value.mask == ~std::uint64_t{0})
        change.keys = {{value.field}};
    else if (value.kind == Operand::Kind::kTuple)
        for (const packet::FieldId field : value.fields) change.keys.push_back({field});
    else
        return say({.code = Code::E337,
                    .span = value.span,
                    .message = fmt::format("`{}` is not a field", sources_.text(value.span)),
                    .help = "a rule adds and removes fields of the packet: `add ip.src to blocked`"});
    std::vector<packet::FieldId> fields;
    for (const policy::KeyField& key : change.keys) fields.push_back(key.field);
    if (!conditions_.fits_set(fields, *set, value.span)) return;
    if (add != nullptr) change.for_ns = set->ttl_ns.value_or(0);
    if (add != nullptr && add->duration) {
        const auto given = conditions_.given(*add->duration, Duration{});
        if (!given) return;
        const auto* duration = std::get_if<Duration>(&*given);
        if (duration == nullptr || duration->ns == 0)
            return say({.code = Code::E336,
                        .span = written.span,
                        .message = "`for` takes a duration",
                        .help = "write `for 1h`"});
        change.for_ns = duration->ns;
    }
    set->dynamic = true;
    rule.changes.push_back(std::move(change));
}

std::optional<policy::StateTerm> ItemChecker::throttle(const ast::Policy& policy, const ast::Throttle& written) {
    constexpr std::size_t kMaxKeys = 4;
    constexpr std::uint64_t kMostEvents = 0xffffffff;
    const auto wrong = [&](std::string message) {
        say({.code = Code::E338,
             .span = written.span,
             .message = std::move(message),
             .help = "write `throttle 1 per ip.src every 1m`"});
    };
    policy::StateTerm throttle;
    throttle.kind = policy::TermKind::kThrottle;
    throttle.span = written.span;
    bool keyed = true;
    for (const ast::ExprId id : written.keys) {
        const auto key = conditions_.key_field({&policy}, id);
        keyed = keyed && key;
        if (key && std::find(throttle.keys.begin(), throttle.keys.end(), *key) == throttle.keys.end())
            throttle.keys.push_back(*key);
    }
    const auto window = conditions_.given(written.every, Duration{});
    const auto count = conditions_.given_integer(written.count);
    if (!window || !count) return std::nullopt;
    const auto* every = std::get_if<Duration>(&*window);
    throttle.limit = *count;
    throttle.unit_ns = every == nullptr ? 0 : every->ns;
    if (throttle.limit == 0 || throttle.limit > kMostEvents)
        wrong(fmt::format("a throttle cannot pass {} events", throttle.limit));
    else if (throttle.unit_ns == 0)
        wrong("this throttle has no window");
    else if (written.keys.empty() || written.keys.size() > kMaxKeys)
        wrong(fmt::format("a throttle cannot have {} keys", written.keys.size()));
    else if (keyed)
        return throttle;
    return std::nullopt;
}

}  // namespace weir::sema
