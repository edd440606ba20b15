#include "tests/support/mutant.h"

#include <iterator>
#include <string_view>
#include <vector>

namespace weir::tests {
namespace {

constexpr std::string_view kBits[] = {
    "(",  ")",  "{", "}",  "[",  "]",    ",",   "\"",    "#",     "\n", " ",    ":",    ".",  "/", "..",       "=",
    "=>", "->", "&", "\\", "0x", "not ", "in ", "rule ", "hex\"", "1",  "and ", "\r\n", "\t", "x", "\xc3\xa9", "to "};

// Words for one another, one kind a row.
const std::vector<std::vector<std::string_view>> kKinds = {
    {"==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts_with", "contains nocase",
     "ends_with nocase"},
    {"and", "or", "and not", "or not"},
    {"tcp", "udp", "sctp", "icmp", "icmp6", "arp", "ip", "ip4", "ip6", "vlan", "malformed", "payload"},
    {"tcp.dport", "tcp.sport", "udp.dport", "udp.sport", "port.dst", "tcp.flags", "ip.ttl", "ip.len", "ip.proto",
     "packet.len", "eth.type", "rx_queue", "vlan.id"},
    {"ip.src", "ip.dst", "arp.sender_ip", "eth.src", "eth.dst"},
    {"pass", "drop", "alert a, drop", "observe"},
    {"rate(", "count(", "byterate(", "distinct("},
    {"10/s", "1/min", "10/h", "10s", "1h", "10MB/s", "50us", "2d"},
    {"ip", "net", "port", "mac", "domain", "u8", "u16", "u32"},
    {"0", "1", "22", "80", "255", "256", "1023", "65535", "65536", "4294967295", "4294967296", "18446744073709551615",
     "0x1f", "1k"},
    {"192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::1", "fe80::/10", "1..2", "255.255.255.255"},
};

// Where a word begins and how long it is: what stands between spaces, brackets and commas.
struct Word {
    std::size_t at = 0, size = 0;
};

std::vector<Word> words_of(const std::string& text) {
    constexpr std::string_view kBetween = " \t\r\n(){},";
    std::vector<Word> words;
    for (std::size_t at = text.find_first_not_of(kBetween); at != std::string::npos;
         at = text.find_first_not_of(kBetween, at)) {
        const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
        words.push_back({at, end - at});
        at = end;
    }
    return words;
}

std::vector<const std::vector<std::string_view>*> kinds_of(std::string_view word) {
    std::vector<const std::vector<std::string_view>*> kinds;
    const bool is_number = !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
    for (const auto& kind : kKinds)
        for (const std::string_view one : kind)
            if (one == word || (is_number && one == "65535")) kinds.push_back(&kind);
    return kinds;
}

void change_word(std::string& text, Random& random) {
    const std::vector<Word> words = words_of(text);
    constexpr int kTries = 50;
    for (int i = 0; i < kTries && !words.empty(); ++i) {
        const Word word = random.of(words);
        const auto kinds = kinds_of(std::string_view(text).substr(word.at, word.size));
        if (kinds.empty()) continue;
        text.replace(word.at, word.size, random.of(*random.of(kinds)));
        return;
    }
}

}  // namespace

std::string mutant_of_bytes(std::string text, Random& random) {
    for (auto changes = 1 + random.below(3); changes > 0 && !text.empty(); --changes) {
        const std::size_t at = random.below(text.size());
        const std::string_view bit = kBits[random.below(std::size(kBits))];
        switch (random.below(3)) {
            case 0: text.erase(at, 1 + random.below(8)); break;
            case 1: text.insert(at, bit); break;
            default: text.replace(at, 1, bit); break;
        }
    }
    return text;
}

std::string mutant_of_words(std::string text, Random& random) {
    for (auto changes = 1 + random.below(3); changes > 0; --changes) change_word(text, random);
    return text;
}

}  // namespace weir::tests
