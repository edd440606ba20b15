// Declared sets, and the files that fill them.
// Tested by tests/unit/sema/names_test.cpp with `set `.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/policy/set_element.h"
#include "compiler/sema/check_items.h"
#include "compiler/sema/paths.h"
#include "grammar/base/nearest.h"
#include "grammar/base/utf8.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxEntries = 4'000'000;  // of a set file: language.md, limits
constexpr std::size_t kMaxEntriesTogether =
    12'000'000;                             // of all sets: 40 bytes each at most, of 512 MB that BPF reaches
constexpr std::size_t kMaxFileFaults = 10;  // said of one file

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What a policy's text shows of a line that somebody else wrote.
std::string shown(std::string_view text) {
    constexpr std::size_t kMaxShown = 60;
    return text.size() <= kMaxShown ? std::string(text) : std::string(text.substr(0, kMaxShown)) + "…";
}

// One entry. False and a sentence in `fault` where it is none.
bool set_line(std::string_view line, const std::vector<policy::SetType>& types, std::vector<policy::SetElement>& entry,
              std::string& fault) {
    entry.clear();
    for (std::size_t i = 0; i < types.size(); ++i) {
        const bool last = i + 1 == types.size();
        const std::size_t comma = last ? std::string_view::npos : line.find(',');
        const std::string_view part = trimmed(line.substr(0, comma));
        const auto element = parse_element(types[i], part);
        if (!element) {
            const bool host_bits = types[i] == policy::SetType::kNet && parse_prefix(part);
            fault = host_bits ? fmt::format("`{}` has host bits set: the network is {}", shown(part),
                                            to_string(network(*parse_prefix(part))))
                              : fmt::format("`{}` is not a value of type {}", shown(part), set_type_name(types[i]));
            return false;
        }
        entry.push_back(*element);
        line = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 1);
    }
    return true;
}

}  // namespace

bool ItemChecker::set_types(const ast::Set& written, policy::Set& set) {
    std::size_t nets = 0;
    for (const ast::Name& word : written.types) {
        const auto type = policy::set_type(word.text);
        if (!type) {
            constexpr std::string_view kWords[] = {"ip", "net", "port", "mac", "domain", "u8", "u16", "u32"};
            Diagnostic unknown{
                .code = Code::E213,
                .span = word.span,
                .message = fmt::format("unknown type of set `{}`", word.text),
                .help = "the types are ip, net, port, mac, domain, u8, u16, u32, or a tuple of these: (ip, port)"};
            if (const std::string near = nearest_word(kWords, word.text); !near.empty())
                unknown.fix = Fix{word.span, near};
            say(std::move(unknown));
            set.types.clear();
            return false;
        }
        if (*type == policy::SetType::kDomain && written.types.size() > 1) {
            say({.code = Code::E364,
                 .span = word.span,
                 .message = "a tuple cannot have a name",
                 .help = "a set of `domain` holds for all names under its own, which a tuple cannot; use a set for the "
                         "names and one for the rest: `dns.qname in names and ip.src in clients`"});
            set.types.clear();
            return false;
        }
        if (*type == policy::SetType::kNet) ++nets;
        set.types.push_back(*type);
    }
    if (nets <= 1 && key_words(set.types) <= WEIR_SET_KEY_WORDS) return true;
    say({.code = Code::E510,
         .span = {written.types.front().span.file, written.types.front().span.begin, written.types.back().span.end},
         .message = nets > 1 ? "this tuple has two nets" : "this tuple has too many parts",
         .help = "a tuple has at most one net and at most three addresses"});
    set.types.clear();
    return false;
}

void ItemChecker::set_clauses(const ast::Set& written, policy::Set& set) {
    if (written.ttl) {
        const auto ttl = conditions_.given(*written.ttl, Duration{});
        if (!ttl) return;  // said
        if (!std::holds_alternative<Duration>(*ttl))
            say({.code = Code::E336,
                 .span = written.ttl_span,
                 .message = "`ttl` takes a duration",
                 .help = "write a number and its unit: `ttl 600s`, `ttl 10m`"});
        else if (std::get<Duration>(*ttl).ns == 0)
            say({.code = Code::E336,
                 .span = written.ttl_span,
                 .message = "a `ttl` cannot be 0",
                 .help = "write `ttl 10m`"});
        else {
            set.ttl_ns = std::get<Duration>(*ttl).ns;
            set.dynamic = true;
        }
    } else if (!written.file && !written.entries) {
        set.dynamic = true;
    }
    if (written.size && (set.size == 0 || set.size > kMaxEntries))
        say({.code = Code::E508,
             .span = written.size_span,
             .message = fmt::format("a set cannot have {} entries", set.size),
             .help = fmt::format("a set has 1 to {} entries", kMaxEntries)});
}

// Entries that stand there more than once are dropped as the file is read, so that no file takes more memory than twice
// the most entries do.
void ItemChecker::set_lines(const ast::Set& written, const std::string& name, std::string_view text, policy::Set& set) {
    const bool is_names = has_names(set.types);
    std::vector<policy::SetElement> entry;
    std::string fault;
    std::size_t faults = 0, number = 0;
    text = without_byte_order_mark(text);
    for (std::size_t at = 0; at < text.size() && faults < kMaxFileFaults;) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        line = trimmed(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        if (is_names ? name_line(written, {name, number, line}, set) : set_line(line, set.types, entry, fault)) {
            if (!is_names) set.entries.add(set.types, entry);
            if (set.entries.size() < 2 * kMaxEntries) continue;
            set.entries.sort();
            if (set.entries.size() > kMaxEntries) break;
            continue;
        }
        ++faults;
        if (is_names) continue;  // said
        say({.code = Code::E329,
             .span = written.file_span,
             .message = fmt::format("{}:{}: {}", name, number, fault),
             .help = "write one entry a line; `#` starts a comment; commas separate the parts of a tuple"});
    }
    set.entries.sort();
}

void ItemChecker::read_set_file(const ast::Set& written, policy::Set& set) {
    const Result<FileText> file =
        files_.first_of(candidate_paths(sources_.name(written.file_span.file), *written.file, files_.include_dirs));
    if (!file) {
        say({.code = Code::E207,
             .span = written.file_span,
             .message = fmt::format("`{}` cannot be read: {}", *written.file, file.error().message),
             .help = "a path is relative to the file that names it, then to the --include folders"});
        return;
    }
    const auto& [name, text] = *file;
    set_lines(written, name, text, set);
    if (set.entries.size() > kMaxEntries)
        say({.code = Code::E508,
             .span = written.file_span,
             .message = fmt::format("{} has more than {} entries", name, kMaxEntries),
             .help = "split it, or write networks instead of addresses"});
    if (!written.entries) has_size_for(written, name, set);
}

void ItemChecker::has_size_for(const ast::Set& written, const std::string& name, policy::Set& set) {
    if (written.size && set.entries.size() > set.size)
        say({.code = Code::E509,
             .span = written.size_span,
             .message = fmt::format("`size {}` is too small: {} has {} entries", set.size, name, set.entries.size()),
             .help = "without `size` the set is as large as its entries",
             .fix = Fix{written.size_span, std::to_string(set.entries.size())}});
    if (!written.size) set.size = std::max<std::uint64_t>(set.size, set.entries.size());
}

namespace {

std::string_view elements_of(policy::SetType type) {
    switch (type) {
        case policy::SetType::kIp: return "addresses";
        case policy::SetType::kNet: return "networks";
        case policy::SetType::kPort: return "ports";
        case policy::SetType::kMac: return "MAC addresses";
        case policy::SetType::kDomain: return "domain names";
        case policy::SetType::kU8: return "integers of 8 bits";
        case policy::SetType::kU16: return "integers of 16 bits";
        case policy::SetType::kText: return "strings";
        case policy::SetType::kU32: break;
    }
    return "integers of 32 bits";
}

bool is_number(policy::SetType type) {
    return type == policy::SetType::kPort || type == policy::SetType::kU8 || type == policy::SetType::kU16 ||
           type == policy::SetType::kU32;
}

}  // namespace

// Nothing where it is of another type, which has been said.
std::optional<policy::SetElement> ItemChecker::literal_element(const PlacedValue& value, policy::SetType type,
                                                               const policy::Set& set) {
    const auto element = policy::element_of(type, value.value);
    if (element) return element;
    if (const auto* number = std::get_if<Integer>(&value.value); number != nullptr && is_number(type)) {
        say({.code = Code::E322,
             .span = value.span,
             .message = fmt::format("{} does not fit in `{}`", number->value, set_type_name(type)),
             .help = fmt::format("`{}` holds {}", set.name, elements_of(type))});
        return std::nullopt;
    }
    Diagnostic wrong{.code = Code::E320,
                     .span = value.span,
                     .message = fmt::format("`{}` is {}, and `{}` holds {}", sources_.text(value.span),
                                            value_kind(value.value), set.name, elements_of(type)),
                     .notes = {{set.span, "its type is given here"}}};
    if (std::holds_alternative<IpPrefix>(value.value) && type == policy::SetType::kIp)
        wrong.help = "networks are entries of a set of `net`";
    else if (std::holds_alternative<IpRange>(value.value) || std::holds_alternative<IntegerRange>(value.value))
        wrong.help = type == policy::SetType::kNet ? "write it as networks" : "write each value";
    say(std::move(wrong));
    return std::nullopt;
}

void ItemChecker::literal_entries(const Operand& literal, const ast::Set& written, policy::Set& set) {
    const std::size_t width = set.types.size();
    if (literal.width != width)
        return say({.code = Code::E320,
                    .span = literal.span,
                    .message = fmt::format("these entries have {} part{}, and those of `{}` have {}", literal.width,
                                           literal.width == 1 ? "" : "s", set.name, width),
                    .notes = {{set.span, "its type is given here"}}});
    if (has_names(set.types)) {
        for (const PlacedValue& value : *literal.values)
            if (const auto name = conditions_.literal_name(value)) set.entries.add_name(*name);
        set.entries.sort();
        return has_size_for(written, fmt::format("`{}`", set.name), set);
    }
    std::vector<policy::SetElement> entry;
    for (std::size_t at = 0; at < literal.values->size(); at += width) {
        entry.clear();
        for (std::size_t i = 0; i < width; ++i)
            if (const auto element = literal_element((*literal.values)[at + i], set.types[i], set))
                entry.push_back(*element);
        if (entry.size() == width) set.entries.add(set.types, entry);
    }
    set.entries.sort();
    has_size_for(written, fmt::format("`{}`", set.name), set);
}

void ItemChecker::set_entries(const ast::Policy& policy, const ast::Set& written, std::size_t number) {
    if (typed_.sets[number].types.empty()) return;  // said
    if (written.entries) {
        const Operand literal = conditions_.operand({&policy}, *written.entries);
        if (literal.kind != Operand::Kind::kError) literal_entries(literal, written, typed_.sets[number]);
    }
    const policy::Set& set = typed_.sets[number];
    room_for(written, set.dynamic || written.size ? set.size : set.entries.size());
}

void ItemChecker::room_for(const ast::Set& written, std::uint64_t entries) {
    const bool had_room = set_entries_ <= kMaxEntriesTogether;
    set_entries_ += std::min<std::uint64_t>(entries, kMaxEntries);
    if (had_room && set_entries_ > kMaxEntriesTogether)
        say({.code = Code::E515,
             .span = written.name.span,
             .message =
                 fmt::format("with `{}`, the sets of this policy have {} entries", written.name.text, set_entries_),
             .help = fmt::format(
                 "all sets together have at most {} entries: write networks instead of addresses, or smaller sizes",
                 kMaxEntriesTogether)});
}

void ItemChecker::set(const ast::Set& written) {
    policy::Set set;
    set.name = written.name.text;
    set.span = written.name.span;
    set.from_file = written.file.has_value();
    const bool typed = set_types(written, set);
    if (written.size) set.size = conditions_.given_integer(*written.size).value_or(kMaxEntries);
    if (typed) {
        set_clauses(written, set);
        if (written.file) read_set_file(written, set);
    }
    typed_.sets.push_back(std::move(set));
}

}  // namespace weir::sema
