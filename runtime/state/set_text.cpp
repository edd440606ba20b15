// Tested by tests/unit/runtime/snapshot_file_test.cpp.
#include "runtime/state/set_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace weir::runtime {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What each kind of part is, and its words in a key: bpf/abi.h, struct weir_set_key.
struct PartKind {
    const char* name;
    std::uint64_t largest;  // numbers
    std::size_t words;
};
const PartKind& kind_of(bpf::SetPart part) {
    static constexpr PartKind kKinds[] = {{"address", 0, 5},     {"network", 0, 5},     {"port", 0xffff, 1},
                                          {"MAC address", 0, 2}, {"name", 0, 0},        {"u8", 0xff, 1},
                                          {"u16", 0xffff, 1},    {"u32", 0xffffffff, 1}};
    return kKinds[static_cast<std::size_t>(part)];
}

std::uint32_t most_bits(std::uint32_t version) { return version == 6 ? 128 : 32; }

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
        if (failed != std::errc() || end != text.data() + i + 2 || (i + 2 < kLength && text[i + 2] != ':'))
            return false;
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

std::string address_text(std::uint32_t version, const std::uint32_t* words) {
    char text[INET6_ADDRSTRLEN] = {};
    std::uint32_t address[4];
    for (std::size_t i = 0; i < 4; ++i) address[i] = htonl(words[i]);
    inet_ntop(version == 6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
    return text;
}

std::string part_text(bpf::SetPart part, const std::uint32_t* words) {
    if (part == bpf::SetPart::kIp) return address_text(words[0], words + 1);
    if (part == bpf::SetPart::kNet) {
        const std::uint32_t version = words[0] & 0xff, bits = words[0] >> 8;
        return address_text(version, words + 1) + (bits == most_bits(version) ? "" : fmt::format("/{}", bits));
    }
    if (part != bpf::SetPart::kMac) return std::to_string(words[0]);
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", words[0] >> 8, words[0] & 0xff, words[1] >> 24,
                       words[1] >> 16 & 0xff, words[1] >> 8 & 0xff, words[1] & 0xff);
}

// "10.0.0.0/8", or an address. Where it would be one but for its host bits, `fault` says so.
bool add_net(const std::string& text, std::vector<std::uint32_t>& words, std::string& fault) {
    const std::size_t slash = text.find('/');
    std::vector<std::uint32_t> net;
    if (!add_address(text.substr(0, slash), net)) return false;
    std::uint32_t bits = most_bits(net[0]);
    if (slash != std::string::npos) {
        std::vector<std::uint32_t> length;
        if (!add_number(std::string_view(text).substr(slash + 1), bits, length)) return false;
        bits = length[0];
    }
    const std::vector<std::uint32_t> address = net;
    net[0] |= bits << 8;
    for (std::uint32_t i = 0; i < 4; ++i) {
        const std::uint32_t free = 32 - (std::clamp(bits, 32 * i, 32 * i + 32) - 32 * i);
        net[1 + i] &= free == 32 ? 0 : ~0u << free;
    }
    words.insert(words.end(), net.begin(), net.end());
    if (std::equal(net.begin() + 1, net.end(), address.begin() + 1)) return true;
    fault = fmt::format("`{}` has host bits set: the network is {}", text, part_text(bpf::SetPart::kNet, net.data()));
    return false;
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
        std::string fault;
        const bool good = info.parts[i] == bpf::SetPart::kIp    ? add_address(part, words)
                          : info.parts[i] == bpf::SetPart::kNet ? add_net(part, words, fault)
                          : info.parts[i] == bpf::SetPart::kMac ? add_mac(part, words)
                                                                : add_number(part, kind.largest, words);
        if (!good)
            return Error{fault.empty() ? fmt::format("`{}` is no {}", part, kind.name) : fault,
                         fmt::format("the set `{}` holds {}", info.name, info.identity.substr(info.identity.find('('))),
                         EINVAL};
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
