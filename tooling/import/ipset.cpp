// Tested by tests/unit/tooling/import_test.cpp with `ipset`.
#include "tooling/import/ipset.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "grammar/parser.h"
#include "tooling/import/iptables_save.h"

namespace weir::tooling::imports {
namespace {

constexpr int kMostNested = 8;  // list:set in list:set: the kernel allows one
constexpr std::size_t kMostErrors = 20;

const char* language_type(const std::string& type) {
    if (type == "hash:ip" || type == "bitmap:ip") return "ip";
    if (type == "hash:net") return "net";
    if (type == "bitmap:port") return "port";
    if (type == "hash:mac") return "mac";
    if (type == "hash:ip,port") return "(ip, port)";
    return nullptr;
}

std::string side_of(std::string_view direction) { return direction == "dst" ? "dst" : "src"; }

// What `directions` of a packet are compared with a set; `protocol` of those with ports.
std::string key_of(const std::string& type, const std::vector<std::string_view>& directions,
                   const std::string& protocol) {
    const std::string first = side_of(directions.front());
    if (type == "bitmap:port") return "port." + first;
    if (type == "hash:mac") return "eth." + first;
    if (type != "hash:ip,port") return "ip." + first;
    return fmt::format("(ip.{}, {}.{}port)", first, protocol, side_of(directions[1]) == "src" ? "s" : "d");
}

std::string ip4_text(std::uint64_t number) {
    return fmt::format("{}.{}.{}.{}", number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255);
}

// The numbers of IPv4 addresses from `first` to `last`, as few prefixes.
std::vector<std::string> prefixes_of(std::uint64_t first, std::uint64_t last) {
    std::vector<std::string> prefixes;
    while (first <= last) {
        int length = 32;
        const auto size = [](int bits) { return std::uint64_t{1} << (32 - bits); };
        while (length > 0 && first % size(length - 1) == 0 && first + size(length - 1) - 1 <= last) --length;
        prefixes.push_back(length == 32 ? ip4_text(first) : fmt::format("{}/{}", ip4_text(first), length));
        first += size(length);
    }
    return prefixes;
}

// The elements that one word of `add` stands for: the kernel, too, expands prefixes and ranges of IPv4 addresses, and
// ranges of ports. Of more than a set may hold the first of them and one beyond. Empty: it cannot be said.
std::vector<std::string> elements_of(const std::string& type, const std::string& word) {
    std::uint64_t first = 0, last = 0;
    const bool is_port = type == "bitmap:port";
    if (is_port) {
        const auto span = parse_span(word, '-', 65535);
        if (!span || word.starts_with('-') || word.ends_with('-')) return {};
        first = span->first;
        last = span->second;
    } else {
        const auto text = address_text(word);
        if (!text) return {};
        const bool is_range = text->find("..") != std::string::npos, is_prefix = text->find('/') != std::string::npos;
        if (!is_range && (!is_prefix || type == "hash:net")) return {*text};
        const auto prefix = is_prefix ? parse_prefix(*text) : std::nullopt;
        const auto low = prefix ? first_address(*prefix) : *parse_ip(text->substr(0, text->find("..")));
        const auto high = prefix ? last_address(*prefix) : *parse_ip(text->substr(text->find("..") + 2));
        if (low.version != 4) return {};
        const auto number = [](const IpAddress& address) {
            return std::uint64_t{address.bytes[0]} << 24 | std::uint64_t{address.bytes[1]} << 16 |
                   std::uint64_t{address.bytes[2]} << 8 | address.bytes[3];
        };
        first = number(low);
        last = number(high);
        if (type == "hash:net") return prefixes_of(first, last);
    }
    std::vector<std::string> elements;
    for (std::uint64_t at = first; at <= last && elements.size() <= kMaxSetElements; ++at)
        elements.push_back(is_port ? fmt::format("{}", at) : ip4_text(at));
    return elements;
}

}  // namespace

void IpSets::parse(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics) {
    const std::string_view text = sources.text(file);
    for (std::size_t begin = 0; begin < text.size() && diagnostics.errors() < kMostErrors;) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const Span at{file, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
        std::vector<std::string> words;
        for (const Word& word : words_of(text.substr(begin, end - begin), at, diagnostics)) words.push_back(word.text);
        begin = end + 1;
        if (words.empty() || words.front().starts_with('#')) continue;
        if (words.front() == "create" && words.size() >= 3) {
            create(words);
        } else if (words.front() == "add" && words.size() >= 3 && sets_.contains(words[1])) {
            add(words);
        } else if (words.front() != "flush" && words.front() != "COMMIT") {
            diagnostics.add({Code::E601,
                             at,
                             "this is not a line of `ipset save`",
                             {},
                             "it writes `create NAME TYPE …` first, then `add NAME ELEMENT`",
                             {},
                             {},
                             {},
                             {}});
        }
    }
}

void IpSets::create(const std::vector<std::string>& words) {
    Set set;
    set.type = words[2];
    set.order = sets_.size();
    for (std::size_t i = 3; i + 1 < words.size(); ++i) {
        const auto number = parse_number(words[i + 1]);
        if (words[i] == "family" && words[i + 1] == "inet6") set.version = 6;
        if (words[i] == "maxelem" && number) set.size = std::max<std::uint64_t>(*number, 1);
        if (words[i] == "timeout" && number && *number > 0) set.ttl_s = *number;
        if (words[i] == "netmask" || words[i] == "markmask" || words[i] == "bitmask")
            set.unsaid = fmt::format("set `{}` has a {}", words[1], words[i]);
    }
    if (set.type != "list:set" && language_type(set.type) == nullptr)
        set.unsaid = fmt::format("sets of type {} cannot be said", set.type);
    set.name = names_.make(words[1]);
    sets_.insert_or_assign(words[1], std::move(set));
}

void IpSets::add(const std::vector<std::string>& words) {
    Set& set = sets_.at(words[1]);
    if (set.type == "list:set") return set.members.push_back(words[2]);
    bool is_timed = false;
    for (std::size_t i = 3; i < words.size(); ++i) {
        if (words[i] == "nomatch") set.unsaid = fmt::format("set `{}` has `nomatch` elements", words[1]);
        if (words[i] == "timeout" && i + 1 < words.size() && words[i + 1] != "0") is_timed = true;
    }
    if (is_timed) return void(++set.skipped);
    std::string key;
    std::vector<std::string> elements;
    if (set.type == "hash:ip,port") {
        const std::string& element = words[2];
        const std::size_t comma = element.find(',');
        const std::size_t colon = comma == std::string::npos ? comma : element.find(':', comma);
        const auto address = parse_ip(element.substr(0, comma));
        key = colon == std::string::npos ? "tcp" : element.substr(comma + 1, colon - comma - 1);
        const auto port = colon == std::string::npos ? std::nullopt : parse_number(element.substr(colon + 1));
        if (!address || !port || (key != "tcp" && key != "udp" && key != "sctp")) return void(++set.skipped);
        elements.push_back(fmt::format("({}, {})", to_string(*address), *port));
    } else if (set.type == "hash:mac") {
        const auto mac = parse_mac(words[2]);
        if (mac) elements.push_back(to_string(*mac));
    } else {
        elements = elements_of(set.type, words[2]);
    }
    if (elements.empty()) return void(++set.skipped);
    std::vector<std::string>& all = set.elements[key];
    if (all.size() + elements.size() > kMaxSetElements) {
        set.unsaid = fmt::format(
            "set `{}` has more than {} elements: put them into a file, one a line, and write "
            "`set {} : net from \"FILE\"`",
            words[1], kMaxSetElements, set.name);
        return;
    }
    std::move(elements.begin(), elements.end(), std::back_inserter(all));
}

std::string IpSets::condition(Set& set, const std::string& directions, std::string& why, int depth) {
    if (!set.unsaid.empty()) return why = set.unsaid, std::string();
    const auto sides = split(directions, ',');
    if (set.type == "hash:ip,port" && sides.size() < 2)
        return why = "a set of addresses and ports needs two directions", std::string();
    set.is_used = true;
    std::vector<std::string> any;
    if (set.type == "list:set") {
        for (const std::string& member : set.members) {
            const auto found = sets_.find(member);
            if (found == sets_.end() || depth >= kMostNested)
                return why = fmt::format("set `{}` is not in the files", member), std::string();
            const std::string one = condition(found->second, directions, why, depth + 1);
            if (one.empty()) return {};
            any.push_back(one);
        }
    } else if (set.type == "hash:ip,port") {
        for (const auto& [protocol, elements] : set.elements)
            any.push_back(fmt::format("{} in {}_{}", key_of(set.type, sides, protocol), set.name, protocol));
    } else {
        any.push_back(fmt::format("{} in {}", key_of(set.type, sides, {}), set.name));
    }
    if (any.empty()) return why = "the set is empty", std::string();
    return any.size() == 1 ? any.front() : fmt::format("({})", fmt::join(any, " or "));
}

void IpSets::match(const std::string& name, const std::string& directions, int version, Sense sense, Condition& when) {
    const auto found = sets_.find(name);
    if (found == sets_.end()) {
        when.unsaid.push_back(fmt::format("set `{}` is not in the files: give what `ipset save` writes, too", name));
        return;
    }
    std::string why;
    const std::string text = condition(found->second, directions, why, 0);
    if (text.empty()) return when.unsaid.push_back(why);
    const bool is_plain = text.find(" or ") == std::string::npos;
    if (sense == Sense::kIs) return when.add(text, 4);
    static_cast<void>(version);
    if (!is_plain) return when.add("not " + text, 4);
    std::string negated = text;
    negated.replace(negated.find(" in "), 4, " not in ");
    const bool has_port = text.find("port") != std::string::npos;
    when.add(has_port ? fmt::format("not ({})", text) : negated, 1);
}

std::optional<std::string> IpSets::change(const std::string& name, const std::string& directions, bool adds,
                                          std::optional<std::uint64_t> seconds, std::string& why) {
    const auto found = sets_.find(name);
    if (found == sets_.end())
        return why = fmt::format("set `{}` is not in the files: give what `ipset save` writes, too", name),
               std::nullopt;
    Set& set = found->second;
    if (set.type != "hash:ip")
        return why = fmt::format("rules change sets of type hash:ip, not {}", set.type), std::nullopt;
    if (!set.unsaid.empty()) return why = set.unsaid, std::nullopt;
    set.is_used = set.is_changed = true;
    const std::string key = key_of(set.type, split(directions, ','), {});
    if (!adds) return fmt::format("remove {} from {}", key, set.name);
    return seconds ? fmt::format("add {} to {} for {}", key, set.name, seconds_text(*seconds))
                   : fmt::format("add {} to {}", key, set.name);
}

std::vector<ImportedItem> IpSets::items() const {
    std::vector<const std::pair<const std::string, Set>*> used;
    for (const auto& one : sets_)
        if (one.second.is_used && one.second.unsaid.empty() && one.second.type != "list:set") used.push_back(&one);
    std::sort(used.begin(), used.end(), [](const auto* a, const auto* b) { return a->second.order < b->second.order; });
    std::vector<ImportedItem> items;
    for (const auto* one : used) {
        const Set& set = one->second;
        std::vector<std::string> keys;
        for (const auto& [key, elements] : set.elements) keys.push_back(key);
        if (keys.empty()) keys.emplace_back();
        for (const std::string& key : keys) {
            ImportedItem item{key.empty() ? set.name : set.name + "_" + key, {}, {}};
            const auto elements = set.elements.find(key);
            const bool has_elements = elements != set.elements.end() && !elements->second.empty();
            const std::uint64_t least = has_elements ? elements->second.size() : 1;
            item.text = fmt::format("set {} : {} size {}", item.name, language_type(set.type),
                                    std::clamp<std::uint64_t>(set.size, least, 1u << 20));
            if (set.ttl_s) item.text += " ttl " + seconds_text(*set.ttl_s);
            if (has_elements) item.text += fmt::format(" = {{ {} }}", fmt::join(elements->second, ", "));
            if (set.skipped != 0)
                item.remarks.push_back(
                    fmt::format("set `{}`: {} elements with a time of their own, a protocol without ports or a range "
                                "are missing: `weir set add` adds them",
                                one->first, set.skipped));
            items.push_back(std::move(item));
        }
    }
    return items;
}

}  // namespace weir::tooling::imports
