// Tested by tests/unit/grammar/literal_test.cpp.
#include "grammar/literal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "grammar/mistakes.h"

namespace weir {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr Unit kDecimal[] = {{"k", 1'000}, {"M", 1'000'000}, {"G", 1'000'000'000}};
constexpr Unit kDurations[] = {{"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
                               {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
constexpr Unit kSizes[] = {{"KB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"B", 1}};
constexpr Unit kPer[] = {{"s", 1'000'000'000},
                         {"min", 60'000'000'000},
                         {"h", 3'600'000'000'000},
                         {"d", 86'400'000'000'000},
                         {"day", 86'400'000'000'000}};  // as budgets are spoken of

bool is_digit(char c) { return c >= '0' && c <= '9'; }
int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

template <std::size_t N>
const Unit* find_unit(const Unit (&units)[N], std::string_view name) {
    for (const Unit& unit : units)
        if (unit.name == name) return &unit;
    return nullptr;
}

// Decimal digits, possibly with `_` between them, or 0x and hexadecimal digits; `rest` is the text after them.
struct Digits {
    std::uint64_t value = 0;
    bool overflow = false;
    std::string_view rest;
};
std::optional<Digits> leading_digits(std::string_view text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const std::uint64_t base = hexadecimal ? 16 : 10;
    std::size_t at = hexadecimal ? 2 : 0;
    Digits digits;
    bool any = false;
    for (; at < text.size(); ++at) {
        if (text[at] == '_' && any && at + 1 < text.size() && hex_digit(text[at + 1]) >= 0) continue;
        const int digit = hexadecimal ? hex_digit(text[at]) : is_digit(text[at]) ? text[at] - '0' : -1;
        if (digit < 0) break;
        any = true;
        const auto d = static_cast<std::uint64_t>(digit);
        if (digits.value > (kMax - d) / base) digits.overflow = true;
        digits.value = digits.value * base + d;
    }
    if (!any) return std::nullopt;
    digits.rest = text.substr(at);
    return digits;
}

class Reader {
public:
    Reader(std::string_view text, Span span, Diagnostics& diagnostics)
        : text_(text), span_(span), diagnostics_(diagnostics) {}

    std::optional<Value> read() {
        if (text_ == "true" || text_ == "false") return Boolean{text_ == "true"};
        if (text_.ends_with('%')) return share();
        if (const std::size_t dots = text_.find(".."); dots != std::string_view::npos) return range(dots);
        if (const auto mac = parse_mac(text_)) return *mac;
        if (const auto address = parse_ip(text_)) return *address;
        if (const std::size_t slash = text_.find('/'); slash != std::string_view::npos) return with_slash(slash);
        return number(text_);
    }

private:
    std::nullopt_t say(Code code, std::string message, std::string help = {}, std::string replacement = {}) {
        Diagnostic diagnostic{.code = code, .span = span_, .message = std::move(message), .help = std::move(help)};
        if (!replacement.empty()) diagnostic.fix = Fix{span_, std::move(replacement)};
        diagnostics_.add(std::move(diagnostic));
        return std::nullopt;
    }
    // What other tools would read here, and how it is written in weir.
    bool foreign_literal() {
        if (const std::size_t colon = text_.find(':'); colon != std::string_view::npos) {
            const std::string range = fmt::format("{}..{}", text_.substr(0, colon), text_.substr(colon + 1));
            const bool is_range = parse_literal_quiet(range).has_value();
            if (!is_range && text_.find_first_not_of("0123456789:") != std::string_view::npos) return false;
            say(Code::E301, fmt::format("`{}` is not a value", text_),
                "a range is written with two dots: `1024..65535`", is_range ? range : "");
            return true;
        }
        if (const auto mac = parse_dotted_mac()) {
            say(Code::E301, fmt::format("`{}` is not a value", text_), "write a MAC address with colons", *mac);
            return true;
        }
        const auto digits = leading_digits(text_);
        if (!digits || digits->rest.empty()) return false;
        const std::string_view unit = digits->rest, number = text_.substr(0, text_.size() - unit.size());
        constexpr Unit kOtherSizes[] = {{"kB", 1'000},    {"kb", 1'000},     {"Kb", 1'000},    {"KiB", 1 << 10},
                                        {"MiB", 1 << 20}, {"mb", 1'000'000}, {"GiB", 1 << 30}, {"gb", 1'000'000'000},
                                        {"bytes", 1},     {"byte", 1}};
        const Unit* size = find_unit(kOtherSizes, unit);
        std::string ours;
        if (size != nullptr && !digits->overflow && digits->value <= kMax / size->factor) {
            const Unit* same = std::find_if(std::begin(kSizes), std::end(kSizes),
                                            [&](const Unit& one) { return one.factor == size->factor; });
            ours = same != std::end(kSizes) ? fmt::format("{}{}", number, same->name)
                                            : fmt::format("{}B", digits->value * size->factor);
        } else if (const std::string_view duration = duration_unit(unit); !duration.empty()) {
            ours = fmt::format("{}{}", number, duration);
        }
        if (ours.empty()) return false;
        say(Code::E301, fmt::format("unknown unit `{}` in `{}`", unit, text_),
            "durations end in us, ms, s, m, h or d; sizes in B, KB, MB or GB (1000-based)", std::move(ours));
        return true;
    }
    // 0200.0000.0001
    std::optional<std::string> parse_dotted_mac() const {
        if (text_.size() != 14 || text_[4] != '.' || text_[9] != '.') return std::nullopt;
        std::string mac;
        for (const char c : text_) {
            if (c == '.') continue;
            if (mac.size() % 3 == 2) mac += ':';
            mac += c;
        }
        return parse_mac(mac) ? std::optional(mac) : std::nullopt;
    }
    std::nullopt_t no_literal() {
        if (foreign_literal()) return std::nullopt;
        const std::size_t slash = text_.find('/');
        if (slash != std::string_view::npos)
            if (const std::string prefix = whole_prefix(text_.substr(0, slash), text_.substr(slash + 1));
                !prefix.empty())
                return say(Code::E301, fmt::format("`{}` is not a prefix", text_),
                           "write all four numbers of an address", prefix);
        if (text_.find_first_not_of("0123456789./") == std::string_view::npos &&
            text_.find('.') != std::string_view::npos)
            return say(Code::E301, fmt::format("`{}` is not an address", text_),
                       "an IPv4 address is four numbers from 0 to 255: 192.0.2.1");
        std::string small(text_);
        for (char& c : small)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (small != text_ && is_path(small))
            return say(Code::E301, fmt::format("`{}` is not a name", text_), "names are lower case", small);
        const auto digits = leading_digits(text_);
        if (digits && is_name(digits->rest) && digits->rest != text_)
            return say(
                Code::E301, fmt::format("unknown unit `{}` in `{}`", digits->rest, text_),
                "durations end in us, ms, s, m, h or d; sizes in B, KB, MB or GB; numbers in k, M or G; rates in "
                "/s, /min, /h or /d");
        return say(Code::E301, fmt::format("`{}` is neither a name nor a value", text_),
                   "names are lower case; values look like 22, 0x16, 10s, 10/min, 64KB, 10.0.0.0/8, 2001:db8::1, "
                   "1024..65535 or 02:00:00:00:00:01");
    }
    std::nullopt_t too_large() { return say(Code::E302, fmt::format("`{}` does not fit in 64 bits", text_)); }

    // value * factor, or nothing if that is too large.
    static std::optional<std::uint64_t> scaled(const Digits& digits, std::uint64_t factor) {
        if (digits.overflow || digits.value > kMax / factor) return std::nullopt;
        return digits.value * factor;
    }

    std::optional<Value> number(std::string_view text) {
        const auto digits = leading_digits(text);
        if (!digits) return no_literal();
        if (digits->rest.empty()) return digits->overflow ? std::optional<Value>(too_large()) : Integer{digits->value};
        const Unit* decimal = find_unit(kDecimal, digits->rest);
        const Unit* duration = find_unit(kDurations, digits->rest);
        const Unit* size = find_unit(kSizes, digits->rest);
        const Unit* unit = decimal ? decimal : duration ? duration : size;
        if (unit == nullptr) return no_literal();
        const auto value = scaled(*digits, unit->factor);
        if (!value) return too_large();
        if (decimal) return Integer{*value};
        if (duration) return Duration{*value};
        return ByteSize{*value};
    }

    // 5%, 0.25%
    std::optional<Value> share() {
        constexpr std::uint64_t kAll = 100;  // percent
        constexpr std::string_view kHelp = "a share is 0% to 100%, with two decimals at most: `5%`, `0.25%`";
        const std::string_view number = text_.substr(0, text_.size() - 1);
        const std::size_t dot = number.find('.');
        const std::string_view whole = number.substr(0, dot);
        std::string_view part = dot == std::string_view::npos ? std::string_view("0") : number.substr(dot + 1);
        if (whole.empty() || part.empty() || part.size() > 2 || whole.find_first_not_of("0123456789") != whole.npos ||
            part.find_first_not_of("0123456789") != part.npos)
            return say(Code::E301, fmt::format("`{}` is not a share", text_), std::string(kHelp));
        const Digits percent = *leading_digits(whole);
        const std::uint64_t decimals = leading_digits(part)->value * (part.size() == 1 ? 10 : 1);
        if (percent.overflow || percent.value > kAll || (percent.value == kAll && decimals != 0))
            return say(Code::E302, fmt::format("`{}` is more than 100%", text_), std::string(kHelp));
        return Share{percent.value * 100 + decimals};
    }

    // A rate, a byte rate or a prefix.
    std::optional<Value> with_slash(std::size_t slash) {
        const std::string_view left = text_.substr(0, slash), right = text_.substr(slash + 1);
        if (parse_ip(left)) return prefix(right);
        if (parse_mac(left)) return mac_prefix(right);
        const auto digits = leading_digits(left);
        const Unit* per = find_unit(kPer, right);
        if (!digits) return no_literal();
        if (per == nullptr) return no_rate(left, right);
        if (const Unit* size = find_unit(kSizes, digits->rest)) {
            const auto bytes = scaled(*digits, size->factor);
            if (!bytes) return too_large();
            return ByteRate{*bytes, per->factor};
        }
        const Unit* decimal = find_unit(kDecimal, digits->rest);
        if (!digits->rest.empty() && decimal == nullptr) return no_literal();
        const auto count = scaled(*digits, decimal ? decimal->factor : 1);
        if (!count) return too_large();
        return Rate{*count, per->factor};
    }

    // 10/minute; 10/8 and 192.168/16, as tcpdump and pf write prefixes.
    std::nullopt_t no_rate(std::string_view left, std::string_view right) {
        if (const std::string prefix = whole_prefix(left, right); !prefix.empty())
            return say(Code::E301, fmt::format("`{}` is not a prefix", text_), "write all four numbers of an address",
                       prefix);
        const std::string_view unit = rate_unit(right);
        return say(Code::E301, fmt::format("`{}` is not a rate", text_),
                   "rates are per s, min, h or d: `10/min`, `10MB/s`",
                   unit.empty() ? std::string() : fmt::format("{}/{}", left, unit));
    }
    // The prefix with the parts that are missing as 0; empty where it is none.
    static std::string whole_prefix(std::string_view left, std::string_view right) {
        if (left.find_first_not_of("0123456789.") != std::string_view::npos) return {};
        std::string prefix(left);
        for (auto dots = std::count(left.begin(), left.end(), '.'); dots < 3; ++dots) prefix += ".0";
        prefix += fmt::format("/{}", right);
        return parse_prefix(prefix) ? prefix : std::string();
    }
    // 10.0.0.0/255.0.0.0, and 10.0.0.0/0.255.255.255 as Cisco's access lists have it: the length in bits.
    static std::optional<int> mask_bits(std::string_view mask) {
        const auto address = parse_ip(mask);
        if (!address || address->version != 4) return std::nullopt;
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) bits = bits << 8 | address->bytes[i];
        if (bits == 0) return std::nullopt;  // /0 to one, /32 to the other
        if ((bits & 0x80000000) == 0) bits = ~bits;
        const int length = std::countl_one(bits);
        return length == std::popcount(bits) ? std::optional(length) : std::nullopt;
    }

    std::optional<Value> prefix(std::string_view length) {
        const auto read = parse_prefix(text_);
        const auto bits = mask_bits(length);
        if (!read && bits && text_.find(':') == std::string_view::npos)
            return say(Code::E305, fmt::format("`{}` is a mask, not a prefix length", length),
                       "write the number of its leading bits",
                       fmt::format("{}{}", text_.substr(0, text_.size() - length.size()), *bits));
        if (!read)
            return say(Code::E305, fmt::format("`/{}` is not a prefix length", length),
                       "a prefix length is 0 to 32 for IPv4, 0 to 128 for IPv6");
        const IpPrefix clean = network(*read);
        if (clean != *read)
            return say(Code::E303, fmt::format("`{}` has host bits set", text_),
                       fmt::format("the network is `{}`; write a single address without a length", to_string(clean)),
                       to_string(clean));
        return clean;
    }

    std::optional<Value> mac_prefix(std::string_view length) {
        const auto read = parse_mac_prefix(text_);
        if (!read)
            return say(Code::E305, fmt::format("`/{}` is not a prefix length", length),
                       "a prefix length is 0 to 48 for MAC addresses");
        const MacPrefix clean{first_address(*read), read->length};
        if (clean != *read)
            return say(Code::E303, fmt::format("`{}` has host bits set", text_),
                       fmt::format("the prefix is `{}`; write a single address without a length", to_string(clean)),
                       to_string(clean));
        return clean;
    }

    std::optional<Value> range(std::size_t dots) {
        const std::string_view left = text_.substr(0, dots), right = text_.substr(dots + 2);
        const auto first = parse_ip(left), last = parse_ip(right);
        if (first && last) {
            if (first->version != last->version)
                return say(Code::E306, "the ends of this range are of two IP versions",
                           "write one range for each version");
            if (*last < *first) return backwards(left, right);
            return IpRange{*first, *last};
        }
        const auto low = whole_number(left), high = whole_number(right);
        if (!low || !high)
            return say(Code::E306, fmt::format("`{}` is not a range", text_),
                       "both ends are integers or both are addresses: `1024..65535`, `10.0.0.1..10.0.0.9`");
        if (low->overflow || high->overflow) return too_large();
        if (high->value < low->value) return backwards(left, right);
        return IntegerRange{low->value, high->value};
    }
    std::nullopt_t backwards(std::string_view left, std::string_view right) {
        return say(Code::E304, fmt::format("the range `{}` ends before it starts", text_), "swap the two ends",
                   fmt::format("{}..{}", right, left));
    }
    static std::optional<Digits> whole_number(std::string_view text) {
        auto digits = leading_digits(text);
        if (!digits || digits->rest.empty()) return digits;
        const Unit* decimal = find_unit(kDecimal, digits->rest);
        if (decimal == nullptr) return std::nullopt;
        const auto value = scaled(*digits, decimal->factor);
        return Digits{value.value_or(0), !value, {}};
    }

    std::string_view text_;
    Span span_;
    Diagnostics& diagnostics_;
};

}  // namespace

std::optional<Value> parse_literal(std::string_view text, Span span, Diagnostics& diagnostics) {
    return Reader(text, span, diagnostics).read();
}

std::optional<Value> parse_literal_quiet(std::string_view text) {
    Diagnostics nobody;
    return parse_literal(text, {}, nobody);
}

std::optional<std::string> parse_string(std::string_view text, Span span, Diagnostics& diagnostics) {
    std::string bytes;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
        if (text[i] != '\\') {
            bytes += text[i];
            continue;
        }
        const char escape = text[++i];
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 3 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (escape == 'n')
            bytes += '\n';
        else if (escape == 't')
            bytes += '\t';
        else if (escape == '"' || escape == '\\')
            bytes += escape;
        else if (escape == 'x' && high >= 0 && low >= 0)
            bytes += static_cast<char>(high * 16 + low), i += 2;
        else {
            const auto begin = span.begin + static_cast<std::uint32_t>(i) - 1;
            diagnostics.add({.code = Code::E103,
                             .span = {span.file, begin, begin + 2},
                             .message = fmt::format("unknown escape `\\{}`", escape),
                             .help = "the escapes are \\n \\t \\\" \\\\ and \\xHH"});
            return std::nullopt;
        }
    }
    return bytes;
}

std::optional<std::string> parse_hex(std::string_view text, Span span, Diagnostics& diagnostics) {
    std::string bytes;
    int high = -1;
    for (std::size_t i = text.find('"') + 1; i + 1 < text.size(); ++i) {
        if (text[i] == ' ') continue;
        const int digit = hex_digit(text[i]);
        if (digit < 0) {
            const auto begin = span.begin + static_cast<std::uint32_t>(i);
            diagnostics.add({.code = Code::E107,
                             .span = {span.file, begin, begin + 1},
                             .message = "not a hexadecimal digit",
                             .help = "write two digits for each byte: hex\"474554\""});
            return std::nullopt;
        }
        if (high < 0)
            high = digit;
        else
            bytes += static_cast<char>(high * 16 + digit), high = -1;
    }
    if (high < 0) return bytes;
    diagnostics.add({.code = Code::E107,
                     .span = span,
                     .message = "odd number of hexadecimal digits",
                     .help = "write two digits for each byte: hex\"474554\""});
    return std::nullopt;
}

bool is_name(std::string_view text) {
    if (text.empty() || is_digit(text[0])) return false;
    for (const char c : text)
        if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '_')) return false;
    return true;
}

bool is_path(std::string_view text) {
    for (;;) {
        const std::size_t dot = text.find('.');
        if (!is_name(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text = text.substr(dot + 1);
    }
}

}  // namespace weir
