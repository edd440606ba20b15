#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "runtime/pcapng.h"

using namespace weir;
using namespace weir::runtime;

namespace {

std::uint32_t word(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    REQUIRE(at + sizeof(value) <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}
std::uint16_t half(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(word(std::string(bytes.substr(at, 2)) + std::string(2, '\0'), 0));
}

struct Block {
    std::uint32_t type;
    std::string body;
};
// The blocks of a section; each ends with its length.
std::vector<Block> blocks_of(std::string_view bytes) {
    std::vector<Block> blocks;
    while (!bytes.empty()) {
        const std::uint32_t length = word(bytes, 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(word(bytes, length - 4) == length);
        blocks.push_back({word(bytes, 0), std::string(bytes.substr(8, length - 12))});
        bytes.remove_prefix(length);
    }
    return blocks;
}
std::map<std::uint16_t, std::string> options_of(const std::string& body, std::size_t at) {
    std::map<std::uint16_t, std::string> options;
    while (half(body, at) != 0) {
        const std::uint16_t length = half(body, at + 2);
        options[half(body, at)] = body.substr(at + 4, length);
        at += 4 + (length + std::size_t{3}) / 4 * 4;
    }
    CHECK(at + 4 == body.size());
    return options;
}

constexpr std::uint8_t kFrame[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};  // 15 bytes: padded by one

}  // namespace

TEST_CASE("a pcapng section: its head, an interface each, packets with all that is known of them") {
    PcapngSection section;
    std::string bytes = section.begin();
    bytes += section.packet({kFrame, 1514, 0x123456789abcdef0, "eth0", "drop by x", PacketDirection::kIn, WEIR_DROP});
    bytes += section.packet({kFrame, 15, 1, "eth0", "pass by y", PacketDirection::kOut, WEIR_PASS});
    bytes += section.packet({.bytes = kFrame, .original_bytes = 15, .time_ns = 2, .comment = "c"});
    const std::vector<Block> blocks = blocks_of(bytes);
    REQUIRE(blocks.size() == 6);
    CHECK(blocks[0].type == 0x0a0d0d0a);
    CHECK(word(blocks[0].body, 0) == 0x1a2b3c4d);
    CHECK(blocks[1].type == 1);  // of no interface
    CHECK(blocks[2].type == 1);
    CHECK(half(blocks[2].body, 0) == 1);  // Ethernet
    CHECK(options_of(blocks[2].body, 8) == std::map<std::uint16_t, std::string>{{2, "eth0"}, {9, "\x09"}});
    const std::string& first = blocks[3].body;
    CHECK(word(first, 0) == 1);
    CHECK(word(first, 4) == 0x12345678);
    CHECK(word(first, 8) == 0x9abcdef0);
    CHECK(word(first, 12) == 15);
    CHECK(word(first, 16) == 1514);
    CHECK(first.substr(20, 15) == std::string(reinterpret_cast<const char*>(kFrame), 15));
    const auto options = options_of(first, 36);
    CHECK(options.at(1) == "drop by x");
    CHECK(options.at(2) == std::string("\1\0\0\0", 4));
    CHECK(options.at(7) == std::string("\2\1\0\0\0\0\0\0\0", 9));  // XDP_DROP
    const auto second = options_of(blocks[4].body, 36);
    CHECK(word(blocks[4].body, 0) == 1);
    CHECK(second.at(2) == std::string("\2\0\0\0", 4));
    CHECK(second.at(7) == std::string("\1\0\0\0\0\0\0\0\0", 9));  // TC_ACT_OK
    CHECK(word(blocks[5].body, 0) == 0);
    CHECK(options_of(blocks[5].body, 36) == std::map<std::uint16_t, std::string>{{1, "c"}});
}

TEST_CASE("a comment that is longer than an option ends with a whole character") {
    PcapngSection section;
    section.begin();
    std::string comment(65534, 'x');
    comment += "\u20ac more";
    const auto blocks = blocks_of(section.packet({.bytes = kFrame, .original_bytes = 15, .comment = comment}));
    REQUIRE(blocks.size() == 1);
    CHECK(options_of(blocks[0].body, 36).at(1) == std::string(65534, 'x'));
}

TEST_CASE("each section describes its interfaces once more") {
    PcapngSection section;
    section.begin();
    CHECK(blocks_of(section.packet({.bytes = kFrame, .original_bytes = 15, .interface = "a"})).size() == 2);
    CHECK(blocks_of(section.packet({.bytes = kFrame, .original_bytes = 15, .interface = "a"})).size() == 1);
    CHECK(blocks_of(section.begin()).size() == 2);
    CHECK(blocks_of(section.packet({.bytes = kFrame, .original_bytes = 15, .interface = "a"})).size() == 2);
}
