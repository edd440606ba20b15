// What lines are made of, against what the C library and the JSON library write.
#include "runtime/sinks/append.h"

#include <arpa/inet.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <ctime>
#include <random>

#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

using namespace weir;
using namespace weir::runtime;

namespace {

std::string ntop(const std::uint32_t (&words)[4]) {
    std::uint32_t wire[4];
    for (int i = 0; i < 4; ++i) wire[i] = htonl(words[i]);
    char text[INET6_ADDRSTRLEN] = {};
    return inet_ntop(AF_INET6, wire, text, sizeof(text));
}

template <typename... Values>
std::string appended(void (*append)(TextBuffer&, Values...), Values... values) {
    TextBuffer buffer;
    buffer.append("x");
    append(buffer, values...);
    return std::string(buffer.text().substr(1));
}

}  // namespace

TEST_CASE("IPv6 addresses are as the C library has them: every pattern of zeros, and odd groups") {
    for (std::uint32_t pattern = 0; pattern < 6561; ++pattern) {  // three kinds of group, eight times
        std::uint32_t words[4] = {};
        for (std::uint32_t i = 0, rest = pattern; i < 8; ++i, rest /= 3)
            words[i / 2] |= (rest % 3 == 0 ? 0u : rest % 3 == 1 ? 0xffffu : 0x0db8u) << (i % 2 == 0 ? 16 : 0);
        REQUIRE(address_text(words, 6) == ntop(words));
    }
    std::mt19937 random(7);
    for (int i = 0; i < 100000; ++i) {
        std::uint32_t words[4];
        for (auto& word : words) word = static_cast<std::uint32_t>(random() & random() & random() & random());
        REQUIRE(address_text(words, 6) == ntop(words));
    }
}

TEST_CASE("IPv4 addresses: each byte at each place") {
    for (std::uint32_t byte = 0; byte < 256; ++byte)
        for (const int shift : {0, 8, 16, 24}) {
            const std::uint32_t words[4] = {(0x01020304u & ~(0xffu << shift)) | byte << shift};
            const in_addr address{htonl(words[0])};
            REQUIRE(address_text(words, 4) == inet_ntoa(address));
        }
}

TEST_CASE("times are those of the C library, on leap days and at ends of years, too") {
    CHECK(appended(append_time, std::uint64_t{1767323045678901234}) == "2026-01-02T03:04:05.678901");
    std::mt19937_64 random(11);
    for (int i = 0; i < 100000; ++i) {
        std::uint64_t ns = random() % 4'000'000'000'000'000'000;  // until 2096
        if (i % 3 == 0) ns = ns / 86'400'000'000'000 * 86'400'000'000'000 - static_cast<std::uint64_t>(i % 2);
        REQUIRE(appended(append_time, ns) + "Z" == rfc3339(ns));
    }
}

TEST_CASE("numbers, hexadecimal numbers, MAC addresses and base64") {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, ~std::uint64_t{0}})
        CHECK(appended(append_number, number) == std::to_string(number));
    CHECK(appended(append_hex, std::uint64_t{0x12c40}, 14) == "00000000012c40");
    CHECK(appended(append_mac, std::uint64_t{0x0200ff000a01}) == "02:00:ff:00:0a:01");
    const std::vector<std::uint8_t> bytes{0xff, 0xfe, 0x00, 0x41};
    const auto base64 = [&](std::size_t count) {
        return appended(append_base64, std::span<const std::uint8_t>(bytes.data(), count));
    };
    CHECK(base64(0).empty());
    CHECK(base64(1) == "/w==");
    CHECK(base64(2) == "//4=");
    CHECK(base64(3) == "//4A");
    CHECK(base64(4) == "//4AQQ==");
}

TEST_CASE("text is as printable() has it; in JSON it is what the JSON library writes of that") {
    // Small alphabets at all lengths around the words that are looked at together, then anything.
    const std::string_view alphabet("a\"\\\x1f\x7f\x80\xc3\xa9\xe2\x80\xae\xf0\x9f\x98\x80\n ", 18);
    std::mt19937 random(3);
    for (int i = 0; i < 200000; ++i) {
        std::string text;
        for (std::size_t length = random() % 20; length > 0; --length)
            text += random() % 3 == 0 ? alphabet[random() % alphabet.size()] : static_cast<char>(random() % 256);
        INFO(nlohmann::json(printable(text)).dump(-1, ' ', true));
        REQUIRE(appended(append_text, std::string_view(text), TextForm::kPrintable) == printable(text));
        REQUIRE('"' + appended(append_text, std::string_view(text), TextForm::kJson) + '"' ==
                nlohmann::json(printable(text)).dump(-1, ' ', true));
    }
}

TEST_CASE("a buffer keeps its memory, and what is in it when it grows") {
    TextBuffer buffer;
    std::string all;
    for (int i = 0; i < 5000; ++i) {
        append_number(buffer, static_cast<std::uint64_t>(i));
        all += std::to_string(i);
    }
    CHECK(buffer.text() == all);
    const char* before = buffer.text().data();
    buffer.drop(4);
    CHECK(buffer.text() == all.substr(4));
    buffer.cut(3);
    CHECK(buffer.text() == all.substr(4, 3));
    buffer.clear();
    buffer.append(all);
    CHECK(buffer.text().data() == before);
}
