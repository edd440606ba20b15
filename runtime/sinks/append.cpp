// Tested by tests/unit/runtime/append_test.cpp.
#include "runtime/sinks/append.h"

#include <array>
#include <bit>
#include <charconv>
#include <chrono>

#include "grammar/base/printable.h"
#include "grammar/base/utf8.h"

namespace weir::runtime {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// The bytes of an address in decimal, and how many digits.
struct ByteText {
    char digits[3] = {};
    std::uint8_t count = 0;
};
constexpr std::array<ByteText, 256> kByteTexts = [] {
    std::array<ByteText, 256> texts{};
    for (std::size_t byte = 0; byte < texts.size(); ++byte) {
        ByteText& text = texts[byte];
        for (const std::size_t unit : {std::size_t{100}, std::size_t{10}, std::size_t{1}})
            if (byte >= unit || unit == 1) text.digits[text.count++] = static_cast<char>('0' + byte / unit % 10);
    }
    return texts;
}();

// Room for 16 bytes.
char* put_ip4(char* at, std::uint32_t address) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        const ByteText& text = kByteTexts[address >> shift & 0xff];
        std::memcpy(at, text.digits, sizeof(text.digits));
        at += text.count;
        if (shift != 0) *at++ = '.';
    }
    return at;
}

char* put_two(char* at, unsigned number) {
    *at++ = static_cast<char>('0' + number / 10);
    *at++ = static_cast<char>('0' + number % 10);
    return at;
}

struct Zeros {
    std::size_t first = 8, count = 0;
};
// The first of the longest runs of two groups or more: "::".
Zeros longest_zeros(const std::array<std::uint32_t, 8>& groups) {
    Zeros best, run;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (groups[i] != 0) {
            run.count = 0;
            continue;
        }
        if (run.count++ == 0) run.first = i;
        if (run.count > best.count && run.count > 1) best = run;
    }
    return best;
}

// Room for 46 bytes. As inet_ntop() of the C library has it: an IPv4 address within is dotted.
char* put_ip6(char* at, const std::uint32_t (&words)[4]) {
    std::array<std::uint32_t, 8> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = words[i / 2] >> (i % 2 == 0 ? 16 : 0) & 0xffff;
    const Zeros zeros = longest_zeros(groups);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i == zeros.first) {
            *at++ = ':';
            i += zeros.count - 1;
            if (i + 1 == groups.size()) *at++ = ':';
            continue;
        }
        if (i != 0) *at++ = ':';
        const bool is_ip4 = zeros.first == 0 && (zeros.count == 6 || (zeros.count == 5 && groups[5] == 0xffff));
        if (i == 6 && is_ip4) return put_ip4(at, words[3]);
        at = std::to_chars(at, at + 4, groups[i], 16).ptr;
    }
    return at;
}

// Bytes before the first that is not printable ASCII, or that a JSON string escapes.
std::size_t plain_bytes(std::string_view text, TextForm form) {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
    const auto has_zero = [](std::uint64_t word) { return (word - kOnes) & ~word & kHighs; };
    const std::uint64_t quote = form == TextForm::kJson ? kOnes * '"' : kOnes * 0x7f,
                        backslash = form == TextForm::kJson ? kOnes * '\\' : kOnes * 0x7f;
    std::size_t at = 0;
    for (std::uint64_t word = 0; at + sizeof(word) <= text.size(); at += sizeof(word)) {
        std::memcpy(&word, text.data() + at, sizeof(word));
        const std::uint64_t odd = (word & kHighs) | ((word - kOnes * 0x20) & ~word & kHighs) |
                                  has_zero(word ^ kOnes * 0x7f) | has_zero(word ^ quote) | has_zero(word ^ backslash);
        if (odd != 0) return at + static_cast<std::size_t>(std::countr_zero(odd)) / 8;
    }
    for (; at < text.size(); ++at) {
        const char byte = text[at];
        if (byte < 0x20 || byte > 0x7e || (form == TextForm::kJson && (byte == '"' || byte == '\\'))) break;
    }
    return at;
}

void append_unit(TextBuffer& to, std::uint32_t utf16) {
    to.append("\\u");
    append_hex(to, utf16, 4);
}

void append_json_character(TextBuffer& to, std::uint32_t code) {
    if (code < 0x10000) return append_unit(to, code);
    append_unit(to, 0xd800 + ((code - 0x10000) >> 10));
    append_unit(to, 0xdc00 + (code & 0x3ff));
}

// One character, or one byte that belongs to none; returns how many bytes of it.
std::size_t append_odd(TextBuffer& to, std::string_view text, TextForm form) {
    if (text.front() == '"' || text.front() == '\\') {
        append_ascii(to, text.front(), form);
        return 1;
    }
    const Character character = first_character(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    const bool is_shown = character.bytes != 0 && is_printable(character.code);
    if (is_shown && form == TextForm::kJson) {
        append_json_character(to, character.code);
    } else if (is_shown) {
        to.append(text.substr(0, bytes));
    } else {
        for (const char byte : text.substr(0, bytes)) {
            append_ascii(to, '\\', form);
            to.append('x');
            append_hex(to, static_cast<std::uint8_t>(byte), 2);
        }
    }
    return bytes;
}

}  // namespace

void append_number(TextBuffer& to, std::uint64_t number) {
    char* at = to.room(20);
    to.filled(std::to_chars(at, at + 20, number).ptr);
}

void append_hex(TextBuffer& to, std::uint64_t number, int digits) {
    char* at = to.room(static_cast<std::size_t>(digits));
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *at++ = kHex[number >> shift & 15];
    to.filled(at);
}

void append_address(TextBuffer& to, const std::uint32_t (&words)[4], std::uint8_t version) {
    char* at = to.room(48);
    to.filled(version == 6 ? put_ip6(at, words) : put_ip4(at, words[0]));
}

void append_mac(TextBuffer& to, std::uint64_t mac) {
    char* at = to.room(18);
    for (int shift = 40; shift >= 0; shift -= 8) {
        *at++ = kHex[mac >> (shift + 4) & 15];
        *at++ = kHex[mac >> shift & 15];
        *at++ = ':';
    }
    to.filled(at - 1);
}

void append_time(TextBuffer& to, std::uint64_t realtime_ns) {
    using namespace std::chrono;
    const std::uint64_t second = realtime_ns / 1'000'000'000, day = second / 86400;
    const year_month_day date(sys_days(days(static_cast<int>(day))));
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));  // 2^64 ns are 584 years
    const auto of_day = static_cast<unsigned>(second % 86400);
    auto us = static_cast<unsigned>(realtime_ns % 1'000'000'000 / 1000);
    char* at = put_two(put_two(to.room(26), year / 100), year % 100);
    *at++ = '-';
    at = put_two(at, static_cast<unsigned>(date.month()));
    *at++ = '-';
    at = put_two(at, static_cast<unsigned>(date.day()));
    *at++ = 'T';
    at = put_two(at, of_day / 3600);
    *at++ = ':';
    at = put_two(at, of_day / 60 % 60);
    *at++ = ':';
    at = put_two(at, of_day % 60);
    *at++ = '.';
    at = put_two(put_two(put_two(at, us / 10000), us / 100 % 100), us % 100);
    to.filled(at);
}

void append_base64(TextBuffer& to, std::span<const std::uint8_t> bytes) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char* out = to.room((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t three = 0;
        const std::size_t there = std::min<std::size_t>(bytes.size() - at, 3);
        for (std::size_t i = 0; i < 3; ++i) three = three << 8 | (i < there ? bytes[at + i] : 0u);
        for (std::size_t i = 0; i < 4; ++i) *out++ = i <= there ? kDigits[three >> (18 - 6 * i) & 63] : '=';
    }
    to.filled(out);
}

void append_ascii(TextBuffer& to, char byte, TextForm form) {
    if (form == TextForm::kJson && (byte == '"' || byte == '\\')) to.append('\\');
    to.append(byte);
}

void append_text(TextBuffer& to, std::string_view text, TextForm form) {
    while (!text.empty()) {
        const std::size_t plain = plain_bytes(text, form);
        to.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (!text.empty()) text.remove_prefix(append_odd(to, text, form));
    }
}

}  // namespace weir::runtime
