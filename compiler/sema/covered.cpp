// Tested by tests/golden/golden_test.cpp with `cases`.
#include "compiler/sema/covered.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "compiler/packet/domain_name.h"
#include "compiler/policy/set_element.h"
#include "compiler/policy/wide_value.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxSaid = 16;  // of one list

// The values of an entry, both ends inclusive. Those of another kind have none in common with them.
struct Interval {
    enum class Kind : std::uint8_t { kNumber, kIp4, kIp6, kMac } kind{};
    policy::WideValue first, last;
    std::size_t entry = 0;
};

Interval of_addresses(const IpAddress& first, const IpAddress& last) {
    return {first.version == 4 ? Interval::Kind::kIp4 : Interval::Kind::kIp6, policy::wide_value(first),
            policy::wide_value(last)};
}

std::optional<Interval> interval_of(const Value& value) {
    using Kind = Interval::Kind;
    const auto numbers = [](Kind kind, std::uint64_t first, std::uint64_t last) {
        return Interval{kind, {0, first}, {0, last}};
    };
    if (const auto* one = std::get_if<Integer>(&value)) return numbers(Kind::kNumber, one->value, one->value);
    if (const auto* range = std::get_if<IntegerRange>(&value)) return numbers(Kind::kNumber, range->first, range->last);
    if (const auto* address = std::get_if<IpAddress>(&value)) return of_addresses(*address, *address);
    if (const auto* net = std::get_if<IpPrefix>(&value)) return of_addresses(first_address(*net), last_address(*net));
    if (const auto* range = std::get_if<IpRange>(&value)) return of_addresses(range->first, range->last);
    if (const auto* mac = std::get_if<MacAddress>(&value))
        return numbers(Kind::kMac, policy::mac_number(*mac), policy::mac_number(*mac));
    if (const auto* macs = std::get_if<MacPrefix>(&value))
        return numbers(Kind::kMac, policy::mac_number(first_address(*macs)), policy::mac_number(last_address(*macs)));
    return std::nullopt;
}

// An entry that is covered, and what covers it: one, or two that have a part of it each. Without all that are covered
// the others have the same values.
struct Covered {
    std::size_t entry = 0, by = 0;
    std::optional<std::size_t> rest_by{};
    friend auto operator<=>(const Covered&, const Covered&) = default;
};

// Is nothing between the end of the one and the begin of the other?
bool meet(const Interval& one, const Interval& other) {
    return one.kind == other.kind && (other.first <= one.last || policy::previous(other.first) == one.last);
}

// An interval stands behind all that may cover it: of two that are equal the earlier entry covers the later one.
void find_covered(std::vector<Interval>& intervals, std::vector<Covered>& covered) {
    std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) {
        if (a.kind != b.kind) return a.kind < b.kind;
        if (a.first != b.first) return a.first < b.first;
        return a.last != b.last ? a.last > b.last : a.entry < b.entry;
    });
    std::size_t kept = 0;  // of those so far that no other covers; the last of them is the one that ends last
    for (const Interval& one : intervals) {
        if (kept != 0 && intervals[kept - 1].kind == one.kind && one.last <= intervals[kept - 1].last)
            covered.push_back({one.entry, intervals[kept - 1].entry});
        else
            intervals[kept++] = one;
    }
    // Those begin and end one after another. So what two or more cover together, its neighbours do.
    for (std::size_t i = 1, before = 0; i + 1 < kept; ++i) {
        if (meet(intervals[before], intervals[i + 1]))
            covered.push_back({intervals[i].entry, intervals[before].entry, intervals[i + 1].entry});
        else
            before = i;
    }
}

// As packets have it: small letters, no final dot.
std::string domain_of(std::string_view text) {
    if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
    return packet::domain_of_text(text).text();
}

// The nearest name that this one is under, and that is among these.
template <typename Known>
auto parent(const Known& known, std::string_view name) {
    for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
        if (const auto at = known.find(std::string(name.substr(dot + 1))); at != known.end()) return at;
    return known.end();
}

enum class Names : std::uint8_t { kTexts, kDomains };

class Lists {
public:
    Lists(const Sources& sources, Diagnostics& diagnostics) : sources_(sources), diagnostics_(diagnostics) {}

    void look(const ast::Policy& policy) {
        std::unordered_set<std::uint32_t> domains;  // lists whose names stand for those under them, too
        for (const ast::Item& item : policy.items)
            if (const auto* set = std::get_if<ast::Set>(&item); set != nullptr && set->entries && !set->types.empty())
                if (set->types.front().text == "domain") domains.insert(static_cast<std::uint32_t>(*set->entries));
        for (std::size_t i = 0; i < policy.exprs.size(); ++i)
            if (const auto* list = std::get_if<ast::SetLiteral>(&policy.exprs[i].node))
                look(policy, *list, domains.contains(static_cast<std::uint32_t>(i)) ? Names::kDomains : Names::kTexts);
    }

private:
    void look(const ast::Policy& policy, const ast::SetLiteral& list, Names names) {
        std::vector<Interval> intervals;
        std::vector<Covered> covered;
        std::unordered_map<std::string, std::size_t> texts;
        for (std::size_t i = 0; i < list.elements.size(); ++i) {
            const auto* literal = std::get_if<ast::Literal>(&policy.expr(list.elements[i]).node);
            if (literal == nullptr) continue;
            if (auto interval = interval_of(literal->value)) {
                interval->entry = i;
                intervals.push_back(*interval);
            } else if (const auto* text = std::get_if<Text>(&literal->value)) {
                const std::string name = names == Names::kDomains ? domain_of(text->bytes) : text->bytes;
                if (const auto [at, is_new] = texts.emplace(name, i); !is_new) covered.push_back({i, at->second});
            }
        }
        find_covered(intervals, covered);
        if (names == Names::kDomains)
            for (const auto& [name, entry] : texts)
                if (const auto at = parent(texts, name); at != texts.end()) covered.push_back({entry, at->second});
        std::sort(covered.begin(), covered.end());
        std::size_t kept_end = list.elements.size();  // behind the last entry that stays
        for (auto last = covered.rbegin(); last != covered.rend() && last->entry + 1 == kept_end; ++last) --kept_end;
        for (std::size_t i = 0; i < covered.size() && i < kMaxSaid; ++i)
            say(policy, list, covered[i], i + 1 == kMaxSaid ? covered.size() - kMaxSaid : 0, kept_end);
    }

    // `more`: so many others are not said.
    void say(const ast::Policy& policy, const ast::SetLiteral& list, const Covered& covered, std::size_t more,
             std::size_t kept_end) {
        const auto span_of = [&](std::size_t entry) { return policy.expr(list.elements[entry]).span; };
        const Span one = span_of(covered.entry), other = span_of(covered.by);
        const std::string_view text = sources_.text(one), by = sources_.text(other);
        Diagnostic found{
            .code = Code::W413,
            .span = one,
            .message = text == by ? fmt::format("`{}` stands twice in this list", text)
                                  : fmt::format("`{}` is covered by `{}` in the same list", text, by),
            .label = "changes nothing",
            .help = more == 0 ? "remove it" : fmt::format("remove it; so are {} more entries of this list", more),
            .fix = Fix{without(policy, list, covered.entry, kept_end), ""},
            .notes = {{other, text == by ? "here first" : "has all of it"}}};
        if (covered.rest_by) {
            const Span rest = span_of(*covered.rest_by);
            found.message =
                fmt::format("`{}` is covered by `{}` and `{}` in the same list", text, by, sources_.text(rest));
            found.notes = {{other, "has the first part of it"}, {rest, "has the rest"}};
        }
        diagnostics_.add(std::move(found));
    }

    // The entry with the comma that it needs no more: the one behind it, but at the list's end the one before it.
    static Span without(const ast::Policy& policy, const ast::SetLiteral& list, std::size_t entry,
                        std::size_t kept_end) {
        Span span = policy.expr(list.elements[entry]).span;
        if (entry < kept_end)
            span.end = policy.expr(list.elements[entry + 1]).span.begin;
        else
            span.begin = policy.expr(list.elements[entry - 1]).span.end;
        return span;
    }

    const Sources& sources_;
    Diagnostics& diagnostics_;
};

// ---- sets from files ----

struct InFile {
    std::size_t count = 0;
    std::string first;  // "10.1.0.0/16 by 10.0.0.0/8"
};

InFile covered_names(const policy::NameList& names) {
    InFile found;
    std::size_t above = 0;  // each name stands before those under it
    for (std::size_t i = 1; i < names.size(); ++i) {
        const std::string_view name = names[i], by = names[above];
        if (name.size() > by.size() && name.ends_with(by) && name[name.size() - by.size() - 1] == '.') {
            if (found.count++ == 0) found.first = fmt::format("`{}` by `{}`", name, by);
        } else {
            above = i;
        }
    }
    return found;
}

InFile covered_networks(const policy::Set& set) {
    std::vector<Interval> intervals;
    intervals.reserve(set.entries.size());
    const std::size_t count = set.entries.nets4().size() + set.entries.nets6().size();
    const auto net_at = [&set](std::size_t i) {
        const policy::SetElement element = set.entries.entry(i)[0];
        return IpPrefix{element.address, element.prefix_length};
    };
    for (std::size_t i = 0; i < count; ++i) {
        const IpPrefix net = net_at(i);
        intervals.push_back(of_addresses(first_address(net), last_address(net)));
        intervals.back().entry = i;
    }
    std::vector<Covered> covered;
    find_covered(intervals, covered);
    if (covered.empty()) return {};
    return {covered.size(), fmt::format("`{}` by `{}`", to_string(net_at(covered.front().entry)),
                                        to_string(net_at(covered.front().by)))};
}

}  // namespace

void warn_covered(const Sources& sources, const std::vector<ast::Policy>& policies, const policy::TypedPolicy& policy,
                  Diagnostics& diagnostics) {
    Lists lists(sources, diagnostics);
    std::unordered_set<std::string_view> mixed;  // sets of a file and a list together
    for (const ast::Policy& one : policies) {
        lists.look(one);
        for (const ast::Item& item : one.items)
            if (const auto* set = std::get_if<ast::Set>(&item); set != nullptr && set->entries)
                mixed.insert(set->name.text);
    }
    for (const policy::Set& set : policy.sets) {
        if (!set.from_file || set.types.size() != 1 || mixed.contains(set.name)) continue;
        const InFile found = set.types.front() == policy::SetType::kNet      ? covered_networks(set)
                             : set.types.front() == policy::SetType::kDomain ? covered_names(set.entries.names())
                                                                             : InFile{};
        if (found.count == 0) continue;
        diagnostics.add(
            {.code = Code::W413,
             .span = set.span,
             .message = fmt::format("others cover {} of the {} entries of `{}`: {}{}", found.count, set.entries.size(),
                                    set.name, found.count > 1 ? "the first is " : "", found.first),
             .help = "leave them out of the file: the set holds the same without them"});
    }
}

}  // namespace weir::sema
