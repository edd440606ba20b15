#include "runtime/live_set.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What each kind of part is, and its words in a key: bpf/abi.h, struct weir_set_key.
struct PartKind {
    const char* name;
    std::uint64_t largest;      // numbers
    std::size_t words;
};
const PartKind& kind_of(bpf::SetPart part) {
    static constexpr PartKind kKinds[] = {{"address", 0, 5}, {"network", 0, 0}, {"port", 0xffff, 1}, {"MAC address", 0, 2},
                                          {"name", 0, 0},    {"u8", 0xff, 1},   {"u16", 0xffff, 1},  {"u32", 0xffffffff, 1}};
    return kKinds[static_cast<std::size_t>(part)];
}

bool add_address(const std::string& text, std::vector<std::uint32_t>& words) {
    std::uint32_t address[4] = {};
    const bool six = text.find(':') != std::string::npos;
    if (inet_pton(six ? AF_INET6 : AF_INET, text.c_str(), address) != 1) return false;
    words.push_back(six ? 6 : 4);
    for (const std::uint32_t word : address) words.push_back(ntohl(word));
    return true;
}

bool add_mac(std::string_view text, std::vector<std::uint32_t>& words) {
    constexpr std::size_t kLength = 17;
    std::uint64_t number = 0;
    if (text.size() != kLength) return false;
    for (std::size_t i = 0; i < kLength; i += 3) {
        std::uint8_t byte = 0;
        const auto [end, failed] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        if (failed != std::errc() || end != text.data() + i + 2 || (i + 2 < kLength && text[i + 2] != ':')) return false;
        number = number << 8 | byte;
    }
    words.push_back(static_cast<std::uint32_t>(number >> 32));
    words.push_back(static_cast<std::uint32_t>(number));
    return true;
}

bool add_number(std::string_view text, std::uint64_t largest, std::vector<std::uint32_t>& words) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size() || number > largest) return false;
    words.push_back(static_cast<std::uint32_t>(number));
    return true;
}

std::string part_text(bpf::SetPart part, const std::uint32_t* words) {
    if (part == bpf::SetPart::kIp) {
        char text[INET6_ADDRSTRLEN] = {};
        std::uint32_t address[4];
        for (std::size_t i = 0; i < 4; ++i) address[i] = htonl(words[1 + i]);
        inet_ntop(words[0] == 6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
        return text;
    }
    if (part != bpf::SetPart::kMac) return std::to_string(words[0]);
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", words[0] >> 8, words[0] & 0xff, words[1] >> 24, words[1] >> 16 & 0xff,
                       words[1] >> 8 & 0xff, words[1] & 0xff);
}

}  // namespace

Result<LiveSet> LiveSet::open(const bpf::SetInfo& info, int map) {
    if (!info.dynamic) return Error{fmt::format("the set `{}` does not change while the policy runs", info.name), "change its file, then `weir reload`", EINVAL};
    auto table = StateTable::open(map);
    if (!table) return table.error();
    return LiveSet(info, map, table->head().key_words);
}

Result<LiveSet::Key> LiveSet::key(const std::string& value) const {
    Key words;
    std::string_view rest = value;
    if (rest.starts_with('(') && rest.ends_with(')')) rest = rest.substr(1, rest.size() - 2);
    for (std::size_t i = 0; i < info_.parts.size(); ++i) {
        const bool last = i + 1 == info_.parts.size();
        const std::size_t comma = last ? std::string_view::npos : rest.find(',');
        const std::string part(trimmed(rest.substr(0, comma)));
        const PartKind& kind = kind_of(info_.parts[i]);
        const bool good = info_.parts[i] == bpf::SetPart::kIp    ? add_address(part, words)
                          : info_.parts[i] == bpf::SetPart::kMac ? add_mac(part, words)
                                                                 : add_number(part, kind.largest, words);
        if (!good) return Error{fmt::format("`{}` is no {}", part, kind.name), fmt::format("the set `{}` holds {}", info_.name, info_.identity.substr(info_.identity.find('('))), EINVAL};
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    words.resize(words_);
    return words;
}

std::string LiveSet::text(const std::uint32_t* words) const {
    std::string text;
    for (const bpf::SetPart part : info_.parts) {
        text += (text.empty() ? "" : ", ") + part_text(part, words);
        words += kind_of(part).words;
    }
    return text;
}

Result<std::vector<LiveSet::Entry>> LiveSet::list() const {
    auto table = StateTable::open(map_);
    if (!table) return table.error();
    std::vector<Entry> entries;
    const std::uint64_t now_ns = monotonic_ns();
    table->each([&](const std::uint32_t* words, std::uint64_t end_ns) {
        if (end_ns == 0 || end_ns > now_ns) entries.push_back({text(words), end_ns == 0 ? 0 : end_ns - now_ns});
    });
    return entries;
}

Result<std::uint64_t> LiveSet::count() const {
    auto table = StateTable::open(map_);
    if (!table) return table.error();
    std::uint64_t entries = 0;
    const std::uint64_t now_ns = monotonic_ns();
    table->each([&](const std::uint32_t*, std::uint64_t end_ns) { entries += end_ns == 0 || end_ns > now_ns ? 1 : 0; });
    return entries;
}

Result<std::vector<weir_order>> LiveSet::orders(const std::vector<std::string>& values, weir_order_kind kind) const {
    std::vector<weir_order> orders;
    for (const std::string& value : values) {
        auto words = key(value);
        if (!words) return words.error();
        weir_order& order = orders.emplace_back();
        std::copy(words->begin(), words->end(), order.key);
        order.kind = kind;
    }
    return orders;
}

Result<LiveSet::Added> LiveSet::add(const std::vector<std::string>& values, std::optional<std::uint64_t> for_ns) const {
    auto wanted = orders(values, WEIR_ORDER_PUT);
    if (!wanted) return wanted.error();
    const std::uint64_t lasts_ns = for_ns.value_or(info_.ttl_ns), now_ns = monotonic_ns();
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    for (weir_order& order : *wanted) order.end_ns = lasts_ns == 0 ? 0 : lasts_ns > most - now_ns ? most : now_ns + lasts_ns;
    if (Status done = StateTable::carry_out(map_, *wanted); !done) return done.error();
    Added added;
    for (const weir_order& order : *wanted) ++(order.answer == WEIR_REFUSED ? added.refused : added.added);
    return added;
}

Result<std::uint64_t> LiveSet::remove(const std::vector<std::string>& values) const {
    auto wanted = orders(values, WEIR_ORDER_TAKE_OUT);
    if (!wanted) return wanted.error();
    if (Status done = StateTable::carry_out(map_, *wanted); !done) return done.error();
    std::uint64_t removed = 0;
    for (const weir_order& order : *wanted) removed += order.answer;
    return removed;
}

Status LiveSet::tidy() const {
    auto table = StateTable::open(map_);
    if (!table) return table.error();
    const weir_table_head& head = table->head();
    if (__atomic_load_n(&head.earliest_ns, __ATOMIC_RELAXED) > monotonic_ns()) return Done{};
    weir_order sweep{};
    sweep.kind = WEIR_ORDER_SWEEP;
    std::vector<weir_order> sweeps(head.groups / WEIR_SWEEP_GROUPS + 1, sweep);   // once round
    return StateTable::carry_out(map_, sweeps);
}

}  // namespace weir::runtime
