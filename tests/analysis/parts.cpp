#include "tests/analysis/parts.h"

#include <algorithm>
#include <set>
#include <span>
#include <sstream>
#include <string_view>

#include "compiler/packet/presence.h"

namespace weir::tests {
namespace {

using Kind = SmallCondition::Kind;

// An operand of an `and` or an `or`.
struct Part {
    std::vector<std::size_t> path;  // which operand of the condition, which one of that, and so on
    Place place;                    // in the policy's text
};

void add_parts(const SmallCondition& condition, const Domain& domain, std::size_t begin,
               const std::vector<std::size_t>& path, std::vector<Part>& parts) {
    if (condition.kind == Kind::kNot) begin += std::string_view("not (").size();
    for (std::size_t i = 0; i < condition.operands.size(); ++i) {
        const SmallCondition& operand = condition.operands[i];
        std::vector<std::size_t> one = path;
        one.push_back(i);
        const bool is_in_parentheses = condition.kind != Kind::kNot && !operand.operands.empty();
        const std::size_t at = begin + (is_in_parentheses ? 1 : 0), end = at + operand.text(domain).size();
        if (condition.kind != Kind::kNot) parts.push_back({one, {at, end}});
        add_parts(operand, domain, at, one, parts);
        begin = end + (is_in_parentheses ? 1 : 0) +
                (condition.kind == Kind::kAnd ? std::string_view(" and ") : std::string_view(" or ")).size();
    }
}

void remove(SmallCondition& condition, std::span<const std::size_t> path) {
    auto& operands = condition.operands;
    if (path.size() == 1)
        operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(path[0]));
    else
        remove(operands[path[0]], path.subspan(1));
}

const SmallCondition& at(const SmallCondition& condition, std::span<const std::size_t> path) {
    return path.empty() ? condition : at(condition.operands[path[0]], path.subspan(1));
}

// Its packets without those parts. Last ones first, so that the paths of the others stay.
Packets packets_without(const SmallRule& rule, std::vector<std::vector<std::size_t>> paths, const Domain& domain) {
    std::sort(paths.rbegin(), paths.rend());
    SmallPolicy alone{{rule}};
    for (const auto& path : paths) remove(alone.rules[0].condition, path);
    return matches_of(alone, domain)[0];
}

bool is_within(const std::vector<std::size_t>& path, const std::vector<std::size_t>& outer) {
    return path.size() >= outer.size() && std::equal(outer.begin(), outer.end(), path.begin());
}

// What the comparisons of a condition read, without some of its parts. Several fields may be one.
using Read = std::set<std::uint32_t>;
using Parts = std::set<const SmallCondition*>;
void add_read(const SmallCondition& condition, const Domain& domain, const Parts& without, Read& read) {
    if (without.contains(&condition)) return;
    for (const SmallCondition& operand : condition.operands) add_read(operand, domain, without, read);
    if (condition.kind != Kind::kAtom) return;
    std::istringstream words(domain.atoms[condition.atom].text);
    for (std::string word; words >> word;) {
        const auto field = packet::find_field(word);
        if (!field) continue;
        constexpr std::uint32_t kBits = 0x10000;  // beside all offsets
        const auto bit = packet::flag_bit(*field);
        read.insert(bit ? kBits + *bit : packet::offset(*field));
    }
}
// Does the part read something that the rest of the condition reads, too?
bool meets_rest(const SmallCondition& whole, const SmallCondition& part, Parts gone, const Domain& domain) {
    Read of_part, of_rest;
    add_read(part, domain, gone, of_part);
    gone.insert(&part);
    add_read(whole, domain, gone, of_rest);
    return std::any_of(of_part.begin(), of_part.end(), [&](std::uint32_t one) { return of_rest.contains(one); });
}

// `tcp`, `not tcp`: what tells readers what a rule is about.
bool names_a_header(const SmallCondition& condition, const Domain& domain) {
    if (condition.kind == Kind::kNot) return names_a_header(condition.operands.front(), domain);
    return condition.kind == Kind::kAtom && domain.atoms[condition.atom].text.find(' ') == std::string::npos;
}

bool same(const Packets& a, const Packets& b) { return a.within(b) && b.within(a); }

// The faults of one rule, whose condition begins there.
void add_faults(SmallRule rule, std::size_t begin, const std::string& name, const Said& said,
                const std::vector<Place>& needless, const Domain& domain, Faults& faults, TrueClaims& true_claims) {
    // Its state term stands beside the condition.
    const bool is_beside = rule.key && rule.condition.kind != Kind::kAnd;
    if (is_beside) rule.condition = {.kind = Kind::kAnd, .operands = {rule.condition}};
    std::vector<Part> parts;
    add_parts(rule.condition, domain, begin - (is_beside && !rule.condition.operands[0].operands.empty() ? 1 : 0), {},
              parts);
    const Packets all = packets_without(rule, {}, domain);
    std::vector<std::vector<std::size_t>> gone;
    for (const Place& place : needless) {
        const auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& one) {
            return one.place.begin == place.begin && one.place.end == place.end;
        });
        if (part == parts.end() || !same(all, packets_without(rule, {part->path}, domain)))
            faults["W414 false alarm"] = fmt::format("{}, from byte {} to {}", name, place.begin, place.end);
        if (part == parts.end()) continue;
        ++true_claims["W414"];
        gone.push_back(part->path);
    }
    if (!same(all, packets_without(rule, gone, domain))) faults["W414 together"] = name;
    for (const Part& part : parts) {
        if (std::any_of(gone.begin(), gone.end(), [&](const auto& path) { return is_within(part.path, path); }))
            continue;
        const SmallCondition& written = at(rule.condition, part.path);
        Parts without;
        for (const auto& path : gone) without.insert(&at(rule.condition, path));
        const auto is_said = [&](const Place& whole) { return whole.has(part.place); };
        const auto& beside = at(rule.condition, std::span(part.path).first(part.path.size() - 1)).operands;
        const auto is_kept = [&](const SmallCondition& one) { return !without.contains(&one); };
        const bool is_alone = std::count_if(beside.begin(), beside.end(), is_kept) == 1;
        if (is_alone || names_a_header(written, domain) || !meets_rest(rule.condition, written, without, domain) ||
            std::any_of(said.always.begin(), said.always.end(), is_said) ||
            !same(all, packets_without(rule, {part.path}, domain)))
            continue;
        std::vector<std::vector<std::size_t>> more = gone;
        more.push_back(part.path);
        if (!same(all, packets_without(rule, more, domain))) continue;
        ++true_claims["W414"];
        faults["W414 missed"] = fmt::format("{}, {}", name, written.text(domain));
        gone.push_back(part.path);
    }
}

// ---- lists ----

constexpr std::size_t kValues = 16;  // of a kind

// An entry, and which values of each kind it has.
struct Entry {
    std::string text;
    std::vector<bool> values;
};
using Values = std::vector<bool>;

Values from(std::size_t first, std::size_t last, std::size_t kind = 0) {
    Values values(2 * kValues);
    for (std::size_t i = first; i <= last; ++i) values[kind * kValues + i] = true;
    return values;
}

// One value, several from one to another, or those that begin with the same bits. `value`: its text.
template <typename Text>
Entry numbered(Random& random, std::size_t kind, std::size_t longest, const Text& value, const char* between) {
    const std::size_t first = random.below(kValues);
    switch (random.below(3)) {
        case 0: return {value(first), from(first, first, kind)};
        case 1: {
            const std::size_t bits = random.below(5), begin = first >> bits << bits;
            if (longest == 0) break;
            return {fmt::format("{}/{}", value(begin), longest - bits),
                    from(begin, begin + (std::size_t{1} << bits) - 1, kind)};
        }
        default: break;
    }
    if (*between == 0) return {value(first), from(first, first, kind)};
    const std::size_t last = random.between(first, kValues - 1);
    return {value(first) + between + value(last), from(first, last, kind)};
}

// Names, and those under them; with `same` only the name itself.
struct Name {
    const char* text;
    const char* same;
};
constexpr Name kNames[] = {{"example", "Example."},
                           {"a.example", "A.EXAMPLE"},
                           {"b.example", "b.example."},
                           {"a.a.example", "a.A.example"},
                           {"ba.example", "bA.example"},
                           {"x.a.example", "x.a.EXAMPLE."},
                           {"test", "TEST"},
                           {"example.test", "example.TEST"}};

Entry name_entry(Random& random, bool is_whole_name) {
    const Name& name = kNames[random.below(std::size(kNames))];
    Entry entry{fmt::format("\"{}\"", is_whole_name || random.one_in(2) ? name.text : name.same), Values(2 * kValues)};
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
        const std::string other = kNames[i].text, one = name.text;
        const bool is_under = !is_whole_name && other.ends_with("." + one);
        entry.values[i] = other == one || is_under;
        entry.values[kValues + i] = entry.values[i] && (!is_whole_name || other != one);  // a name under that one
    }
    return entry;
}

struct List {
    const char* begin;  // of the policy, up to the list
    const char* end;
    Entry (*entry)(Random&);
};
const List kLists[] = {
    {"rule r { when tcp.dport in { ", " } then drop }\n",
     [](Random& random) { return numbered(random, 0, 0, [](std::size_t i) { return fmt::to_string(i); }, ".."); }},
    {"rule r { when ip.src not in { ", " } then drop }\n",
     [](Random& random) {
         if (random.one_in(2))
             return numbered(random, 0, 32, [](std::size_t i) { return fmt::format("10.0.0.{}", i); }, "..");
         return numbered(random, 1, 128, [](std::size_t i) { return fmt::format("2001:db8::{:x}", i); }, "..");
     }},
    {"set s : net = { ", " }\nrule r { when ip.src in s then drop }\n",
     [](Random& random) {
         const auto text = [](std::size_t i) { return fmt::format("10.0.0.{}", i); };
         return numbered(random, 0, 32, text, "");
     }},
    {"rule r { when eth.src in { ", " } then drop }\n",
     [](Random& random) {
         const auto text = [](std::size_t i) { return fmt::format("02:00:00:00:00:{:02x}", i); };
         return numbered(random, 0, 48, text, "");
     }},
    {"set s : domain = { ", " }\nrule r { when dns.qname in s then drop }\n",
     [](Random& random) { return name_entry(random, false); }},
    {"rule r { when http.target in { ", " } then drop }\n", [](Random& random) { return name_entry(random, true); }},
};

// Does the one have all that the other has?
bool covers(const Values& one, const Values& other) {
    for (std::size_t i = 0; i < one.size(); ++i)
        if (other[i] && !one[i]) return false;
    return true;
}

}  // namespace

Faults part_faults(const SmallPolicy& policy, const Said& said, const Domain& domain, TrueClaims& true_claims) {
    Faults faults;
    const std::vector<std::size_t> places = policy.conditions_at(domain);
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const auto needless = said.needless.find(i);
        if (matches_of({{policy.rules[i]}}, domain)[0].none()) continue;  // W403
        add_faults(policy.rules[i], places[i], fmt::format("r{}", i), said,
                   needless == said.needless.end() ? std::vector<Place>{} : needless->second, domain, faults,
                   true_claims);
    }
    return faults;
}

Faults list_faults(Random& random, std::string& text, TrueClaims& true_claims) {
    const List& list = kLists[random.below(std::size(kLists))];
    text = list.begin;
    std::vector<Entry> entries;
    std::vector<Place> places;
    for (std::size_t i = random.between(1, 7); i > 0; --i) {
        entries.push_back(list.entry(random));
        text += places.empty() ? "" : ", ";
        places.push_back({text.size(), text.size() + entries.back().text.size()});
        text += entries.back().text;
    }
    text += list.end;
    const Said said = said_of(text);
    if (!said.refused.empty()) return {{"refused", said.refused}};
    Faults faults;
    std::vector<bool> is_said(entries.size());
    for (const Place& place : said.covered) {
        const auto at = std::find_if(places.begin(), places.end(), [&](const Place& one) {
            return one.begin == place.begin && one.end == place.end;
        });
        if (at == places.end()) return {{"W413 false alarm", "of what is no entry"}};
        is_said[static_cast<std::size_t>(at - places.begin())] = true;
    }
    Values kept(2 * kValues);
    const auto add = [](Values& to, const Values& more) {
        for (std::size_t i = 0; i < to.size(); ++i) to[i] = to[i] || more[i];
    };
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (!is_said[i]) add(kept, entries[i].values);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        Values others(2 * kValues);
        for (std::size_t j = 0; j < entries.size(); ++j)
            if (j != i && !is_said[j]) add(others, entries[j].values);
        if (is_said[i] && !covers(kept, entries[i].values)) faults["W413 false alarm"] = entries[i].text;
        if (!is_said[i] && covers(others, entries[i].values)) faults["W413 missed"] = entries[i].text;
        if (is_said[i] || covers(others, entries[i].values)) ++true_claims["W413"];
    }
    return faults;
}

}  // namespace weir::tests
