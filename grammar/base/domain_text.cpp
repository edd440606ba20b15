// Tested by tests/unit/base/domain_text_test.cpp.
#include "grammar/base/domain_text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "grammar/base/utf8.h"

namespace weir {
namespace {

constexpr std::string_view kInNoName = " \t\"#()*,/:;<>@[\\]";

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool is_in_no_name(char c) { return c <= ' ' || c == 0x7f || kInNoName.find(c) != std::string_view::npos; }

// ---- RFC 3492, of a label that is given in small letters ----

constexpr std::uint32_t kBase = 36, kMin = 1, kMax = 26, kSkew = 38, kDamp = 700, kFirstBias = 72, kFirstCode = 0x80;

char digit(std::uint32_t value) { return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26)); }

std::uint32_t adapted_bias(std::uint32_t delta, std::uint32_t points, std::uint32_t damp) {
    delta /= damp;
    delta += delta / points;
    std::uint32_t k = 0;
    for (; delta > (kBase - kMin) * kMax / 2; k += kBase) delta /= kBase - kMin;
    return k + (kBase - kMin + 1) * delta / (delta + kSkew);
}

void put_number(std::uint32_t number, std::uint32_t bias, std::string& out) {
    for (std::uint32_t k = kBase;; k += kBase) {
        const std::uint32_t threshold = k <= bias ? kMin : k >= bias + kMax ? kMax : k - bias;
        if (number < threshold) break;
        out += digit(threshold + (number - threshold) % (kBase - threshold));
        number = (number - threshold) / (kBase - threshold);
    }
    out += digit(number);
}

// Nothing where it is not UTF-8, or too long.
std::string punycode(std::string_view label) {
    std::vector<std::uint32_t> codes;
    std::string out;
    for (std::string_view rest = label; !rest.empty();) {
        const Character next = first_character(rest);
        if (next.bytes == 0) return {};
        codes.push_back(next.code);
        if (next.code < kFirstCode) out += small(static_cast<char>(next.code));
        rest.remove_prefix(next.bytes);
    }
    if (codes.size() > kMaxLabelBytes) return {};
    std::uint32_t code = kFirstCode, delta = 0, bias = kFirstBias;
    const auto basic = static_cast<std::uint32_t>(out.size());
    std::uint32_t done = basic;
    if (basic != 0) out += '-';
    while (done < codes.size()) {
        std::uint32_t next = 0xffffffff;
        for (const std::uint32_t one : codes)
            if (one >= code) next = std::min(next, one);
        delta += (next - code) * (done + 1);
        code = next;
        for (const std::uint32_t one : codes) {
            if (one < code) ++delta;
            if (one != code) continue;
            put_number(delta, bias, out);
            bias = adapted_bias(delta, done + 1, done == basic ? kDamp : 2);
            delta = 0;
            ++done;
        }
        ++delta;
        ++code;
    }
    return "xn--" + out;
}

std::string in_ascii(std::string_view name) {
    std::string out;
    while (true) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        const std::string_view label = name.substr(0, dot);
        out += std::all_of(label.begin(), label.end(), is_ascii) ? std::string(label) : punycode(label);
        if (dot == name.size()) return out;
        out += '.';
        name.remove_prefix(dot + 1);
    }
}

}  // namespace

NameFault read_name(std::string_view written, std::string& name) {
    name.clear();
    if (written.ends_with('.')) written.remove_suffix(1);
    if (written.empty()) return NameFault::kEmpty;
    if (written.starts_with("*.")) return NameFault::kWildcard;
    if (written.starts_with('.')) return NameFault::kLeadingDot;
    if (!std::all_of(written.begin(), written.end(), is_ascii)) return NameFault::kNotAscii;
    if (std::any_of(written.begin(), written.end(), is_in_no_name)) return NameFault::kCharacter;
    std::size_t label = 0;  // its bytes so far
    for (const char c : written) {
        if (c == '.' && label == 0) return NameFault::kEmptyLabel;
        label = c == '.' ? 0 : label + 1;
        if (label > kMaxLabelBytes) return NameFault::kLongLabel;
        name += small(c);
    }
    if (label == 0) return NameFault::kEmptyLabel;
    return name.size() > kMaxNameBytes ? NameFault::kTooLong : NameFault::kNone;
}

std::string name_fault_text(NameFault fault) {
    switch (fault) {
        case NameFault::kEmpty: return "is not a name: the root is in no set";
        case NameFault::kWildcard: return "begins with `*.`";
        case NameFault::kLeadingDot: return "begins with a dot";
        case NameFault::kNotAscii: return "is not ASCII, and names in packets are";
        case NameFault::kEmptyLabel: return "is not a name: two dots stand together";
        case NameFault::kLongLabel: return fmt::format("is not a name: a label has at most {} bytes", kMaxLabelBytes);
        case NameFault::kTooLong: return fmt::format("is not a name: it has more than {} bytes", kMaxNameBytes);
        case NameFault::kCharacter: return "is not a name";
        case NameFault::kNone: break;
    }
    return "is a name";
}

std::string name_fault_help(NameFault fault, std::string_view written) {
    const std::string meant = name_meant(written);
    if (fault == NameFault::kWildcard || fault == NameFault::kLeadingDot)
        return meant.empty() ? "a name stands for itself and for all names under it"
                             : fmt::format("write `{}`: all names under it are in the set as well", meant);
    if (fault == NameFault::kNotAscii)
        return meant.empty() ? "write each label as it is in packets: `xn--…`" : fmt::format("write `{}`", meant);
    return meant.empty() ? "a name is labels with dots between them: `www.example.com`"
                         : fmt::format("write the name alone: `{}`", meant);
}

std::string name_meant(std::string_view written) {
    constexpr std::size_t kMostRead = 2048;  // of what may be a line of any length
    if (written.size() > kMostRead) return {};
    const auto after = [&](std::string_view mark) {
        if (const std::size_t at = written.find(mark); at != std::string_view::npos)
            written.remove_prefix(at + mark.size());
    };
    after("://");
    written = written.substr(0, written.find_first_of("/:"));
    if (const std::size_t space = written.find_last_of(" \t"); space != std::string_view::npos)
        written.remove_prefix(space + 1);  // a line of a hosts file: an address, then the name
    while (written.starts_with('*') || written.starts_with('.')) written.remove_prefix(1);
    std::string name;
    return read_name(in_ascii(written), name) == NameFault::kNone ? name : std::string();
}

}  // namespace weir
