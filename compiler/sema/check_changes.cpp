// What rules do to sets, and what holds alerts back: `add X to SET [for DURATION]`, `remove X from SET`, `throttle`.
// Tested by tests/unit/sema/types_test.cpp with `add ip.src`.
#include <algorithm>
#include <bitset>
#include <optional>

#include <fmt/format.h>

#include "compiler/policy/set_element.h"
#include "compiler/sema/check_items.h"

namespace weir::sema {
namespace {

// Of one version, in a set that changes: about 25 ns each for every look-up (docs/sets.md).
constexpr std::size_t kMaxNetLengths = 16;

}  // namespace

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
    return &typed_.sets[static_cast<std::size_t>(found->second)];
}

// What a rule adds or removes; nothing where it is none, which has been said.
std::optional<std::vector<policy::KeyField>> ItemChecker::changed_keys(const Operand& value, const policy::Set& set) {
    using Kind = Operand::Kind;
    std::vector<packet::FieldId> fields;
    std::vector<policy::AddressBits> cuts;
    if (value.kind == Kind::kTuple) {
        fields = value.fields;
        cuts = value.cuts;
    } else if (value.kind == Kind::kCut || (value.kind == Kind::kField && value.mask == ~std::uint64_t{0})) {
        fields = {value.field};
        cuts = {value.bits};
    } else {
        say({.code = Code::E337,
             .span = value.span,
             .message = fmt::format("`{}` is not a field", sources_.text(value.span)),
             .help = "a rule adds and removes fields of the packet: `add ip.src to blocked`"});
        return std::nullopt;
    }
    if (!conditions_.fits_set(fields, set, value.span)) return std::nullopt;
    std::vector<policy::KeyField> keys;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        keys.push_back({fields[i], cuts[i]});
        if (cuts[i].all() || set.types[i] == policy::SetType::kNet) continue;
        say({.code = Code::E320,
             .span = value.span,
             .message = fmt::format("`{}` is a network, and `{}` holds addresses", sources_.text(value.span), set.name),
             .help = "networks are added to a set of `net`",
             .notes = {{set.span, "its type is given here"}}});
        return std::nullopt;
    }
    return keys;
}

// Nothing where something is wrong with it, which has been said. `who` changes the set: "a rule", "a response".
std::optional<policy::SetChange> ItemChecker::set_change(const ast::Policy& policy, const ast::Action& written,
                                                         std::string_view who) {
    const auto* add = std::get_if<ast::AddAction>(&written.node);
    const auto* remove = std::get_if<ast::RemoveAction>(&written.node);
    const Operand value = conditions_.operand({&policy}, add != nullptr ? add->value : remove->value);
    policy::Set* set = changed_set(add != nullptr ? add->set : remove->set);
    if (set == nullptr || value.kind == Operand::Kind::kError) return std::nullopt;
    policy::SetChange change;
    change.adds = add != nullptr;
    change.set = static_cast<policy::SetId>(set - typed_.sets.data());
    if (has_names(set->types)) {
        say({.code = Code::E363,
             .span = written.span,
             .message = fmt::format("{} cannot change `{}`, a set of names", who, set->name),
             .help = fmt::format("its names come from its file, or from `weir set add {} NAME`", set->name),
             .notes = {{set->span, "its type is given here"}}});
        return std::nullopt;
    }
    auto keys = changed_keys(value, *set);
    if (!keys) return std::nullopt;
    change.keys = std::move(*keys);
    if (add != nullptr) change.for_ns = set->ttl_ns.value_or(0);
    if (add != nullptr && add->duration) {
        const auto given = conditions_.given(*add->duration, Duration{});
        if (!given) return std::nullopt;
        const auto* duration = std::get_if<Duration>(&*given);
        if (duration == nullptr || duration->ns == 0) {
            say({.code = Code::E336,
                 .span = written.span,
                 .message = "`for` takes a duration",
                 .help = "write `for 1h`"});
            return std::nullopt;
        }
        change.for_ns = duration->ns;
    }
    set->dynamic = true;
    return change;
}

namespace {

// The lengths of a set's nets, by version.
class NetLengths {
public:
    void add(unsigned version, std::uint8_t length) { (version == 4 ? ip4_ : ip6_).set(length); }
    std::size_t most() const { return std::max(ip4_.count(), ip6_.count()); }

private:
    std::bitset<129> ip4_, ip6_;
};

std::size_t net_part(const policy::Set& set) {
    return static_cast<std::size_t>(std::find(set.types.begin(), set.types.end(), policy::SetType::kNet) -
                                    set.types.begin());
}

NetLengths lengths_of(const policy::Set& set) {
    NetLengths lengths;
    for (const policy::Net4& net : set.entries.nets4()) lengths.add(4, net.length);
    for (const policy::Net6& net : set.entries.nets6()) lengths.add(6, net.length);
    const std::vector<policy::SetElement>& rows = set.entries.rows();
    for (std::size_t at = net_part(set); at < rows.size(); at += set.types.size())
        lengths.add(rows[at].address.version, rows[at].prefix_length);
    return lengths;
}

}  // namespace

void ItemChecker::net_lengths() {
    std::vector<std::optional<NetLengths>> lengths(typed_.sets.size());
    for (std::size_t i = 0; i < lengths.size(); ++i)
        if (typed_.sets[i].dynamic && has_net(typed_.sets[i].types)) lengths[i] = lengths_of(typed_.sets[i]);
    const auto take = [&](const std::vector<policy::SetChange>& changes) {
        for (const policy::SetChange& change : changes) {
            const auto set = static_cast<std::size_t>(change.set);
            if (!lengths[set] || !change.adds) continue;
            const policy::KeyField& net = change.keys[net_part(typed_.sets[set])];
            lengths[set]->add(4, net.bits.ip4);
            lengths[set]->add(6, net.bits.ip6);
        }
    };
    for (const policy::Rule& rule : typed_.rules) take(rule.changes);
    for (const policy::Alert& alert : typed_.alerts) take(alert.responses);
    for (std::size_t i = 0; i < lengths.size(); ++i)
        if (lengths[i] && lengths[i]->most() > kMaxNetLengths)
            say({.code = Code::E523,
                 .span = typed_.sets[i].span,
                 .message = fmt::format("`{}` changes, and has networks of {} lengths", typed_.sets[i].name,
                                        lengths[i]->most()),
                 .help = fmt::format("a set that changes is asked for each length, {} at most; use two sets, one from "
                                     "the file and one that changes: `ip.src in listed or ip.src in bad`",
                                     kMaxNetLengths)});
}

}  // namespace weir::sema
