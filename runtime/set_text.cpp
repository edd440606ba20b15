#include "runtime/set_text.h"

#include <arpa/inet.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

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

Result<std::vector<std::uint32_t>> set_words(const bpf::SetInfo& info, const std::string& value) {
    std::vector<std::uint32_t> words;
    std::string_view rest = value;
    if (rest.starts_with('(') && rest.ends_with(')')) rest = rest.substr(1, rest.size() - 2);
    for (std::size_t i = 0; i < info.parts.size(); ++i) {
        const bool last = i + 1 == info.parts.size();
        const std::size_t comma = last ? std::string_view::npos : rest.find(',');
        const std::string part(trimmed(rest.substr(0, comma)));
        const PartKind& kind = kind_of(info.parts[i]);
        const bool good = info.parts[i] == bpf::SetPart::kIp    ? add_address(part, words)
                          : info.parts[i] == bpf::SetPart::kMac ? add_mac(part, words)
                                                                 : add_number(part, kind.largest, words);
        if (!good) return Error{fmt::format("`{}` is no {}", part, kind.name), fmt::format("the set `{}` holds {}", info.name, info.identity.substr(info.identity.find('('))), EINVAL};
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return words;
}

std::string set_text(const bpf::SetInfo& info, const std::uint32_t* words) {
    std::string text;
    for (const bpf::SetPart part : info.parts) {
        text += (text.empty() ? "" : ", ") + part_text(part, words);
        words += kind_of(part).words;
    }
    return text;
}

}  // namespace weir::runtime
