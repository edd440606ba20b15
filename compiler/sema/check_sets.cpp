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
        if (*type == policy::SetType::kDomain) {
            conditions_.not_yet(word.span, "a set of domain names");
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
        if (has_net(set.types))
            say({.code = Code::E336,
                 .span = written.ttl_span,
                 .message = "a set of nets cannot have a `ttl`",
                 .help = "it is filled from its file, or by `weir set` if it has no file"});
        else if (!std::holds_alternative<Duration>(*ttl))
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
    } else if (!written.file) {
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
        if (set_line(line, set.types, entry, fault)) {
            set.entries.add(set.types, entry);
            if (set.entries.size() < 2 * kMaxEntries) continue;
            set.entries.sort();
            if (set.entries.size() > kMaxEntries) break;
            continue;
        }
        ++faults;
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
    if (written.size && set.entries.size() > set.size)
        say({.code = Code::E509,
             .span = written.size_span,
             .message = fmt::format("`size {}` is too small: {} has {} entries", set.size, name, set.entries.size()),
             .help = "without `size` the set is as large as its file",
             .fix = Fix{written.size_span, std::to_string(set.entries.size())}});
    if (!written.size) set.size = std::max<std::uint64_t>(set.size, set.entries.size());
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
    const bool typed = set_types(written, set);
    if (written.size) set.size = conditions_.given_integer(*written.size).value_or(kMaxEntries);
    if (typed) {
        set_clauses(written, set);
        if (written.file) read_set_file(written, set);
        room_for(written, set.dynamic || written.size ? set.size : set.entries.size());
    }
    typed_.sets.push_back(std::move(set));
}

}  // namespace weir::sema
