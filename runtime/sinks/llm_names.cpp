// Tested by tests/unit/runtime/llm_digest_test.cpp.
#include "runtime/sinks/llm_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "grammar/base/printable.h"

namespace weir::runtime {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_wordy(char c) { return is_digit(c) || is_letter(c); }

// What may stand between the digits of one number, as gateways see it: "555 123-4567", "4111.1111.1111.1111".
bool is_between_digits(char c) { return std::string_view(" -.()+,'/").find(c) != std::string_view::npos; }
constexpr std::size_t kMinDigits = 9;

// Where the run of digits that begins at `at` ends, if it is a long one; else `at`.
std::size_t end_of_number(std::string_view text, std::size_t at) {
    std::size_t digits = 0, end = at;
    for (std::size_t i = at; i < text.size() && (is_digit(text[i]) || is_between_digits(text[i])); ++i)
        if (is_digit(text[i])) ++digits, end = i + 1;
    return digits >= kMinDigits ? end : at;
}

// "K1A 0B1", "k1a0b1"; its length, or 0.
std::size_t postal_code_at(std::string_view text, std::size_t at) {
    if (at != 0 && is_wordy(text[at - 1])) return 0;
    std::size_t i = at;
    for (int part = 0; part < 6; ++part) {
        if (part == 3 && i < text.size() && text[i] == ' ') ++i;
        if (i >= text.size() || !(part % 2 == 0 ? is_letter(text[i]) : is_digit(text[i]))) return 0;
        ++i;
    }
    return i < text.size() && is_wordy(text[i]) ? 0 : i - at;
}

bool is_mail_character(char c) {
    return is_wordy(c) || std::string_view("!#$%&'*+/=?^_`{|}~.-").find(c) != std::string_view::npos;
}

std::string without_mail(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::size_t end = i + 1;
        while (text[i] == '@' && end < text.size() && (is_wordy(text[end]) || text[end] == '.' || text[end] == '-'))
            ++end;
        std::size_t begin = out.size();
        while (text[i] == '@' && begin != 0 && is_mail_character(out[begin - 1])) --begin;
        if (begin == out.size() || end == i + 1) {
            out += text[i];
            continue;
        }
        out.resize(begin);
        out += "[e-mail]";
        i = end - 1;
    }
    return out;
}

bool is_address(std::string_view text, int family) {
    in6_addr address{};
    return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

bool is_mac(std::string_view text) {
    if (text.size() != 17) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (i % 3 == 2 ? text[i] != ':' && text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i])))
            return false;
    return true;
}

// Two labels or more, the last one with a letter.
bool is_host(std::string_view text) {
    const std::size_t dot = text.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size()) return false;
    const bool is_fit = std::all_of(text.begin(), text.end(), [](char c) {
        return is_wordy(c) || c == '.' || c == '-' || c == '_' || c == '\\' || static_cast<unsigned char>(c) >= 0x80;
    });
    const std::string_view last = text.substr(dot + 1);
    return is_fit && std::any_of(last.begin(), last.end(),
                                 [](char c) { return is_letter(c) || static_cast<unsigned char>(c) >= 0x80; });
}

bool ends_token(char c) {
    return static_cast<unsigned char>(c) <= ' ' ||
           std::string_view("\"'<>()[]{},;=|/@&?%").find(c) != std::string_view::npos;
}

std::string without_numbers(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t code = postal_code_at(text, i);
        const std::size_t end = is_digit(text[i]) ? end_of_number(text, i) : i;
        if (code != 0) {
            out += "[postal code]";
            i += code;
        } else if (end != i) {
            out += "[number]";
            i = end;
        } else if (is_digit(text[i])) {  // of a short run: no later digit of it begins a longer one
            while (i < text.size() && is_digit(text[i])) out += text[i++];
        } else {
            out += text[i++];
        }
    }
    return out;
}

// What stands for a name until numbers are taken out: printable text has no such byte.
constexpr char kHeld = '\x01';

std::string put_back(std::string_view text, const std::vector<std::string>& held) {
    std::string out;
    std::size_t next = 0;
    for (const char c : text)
        if (c == kHeld)
            out += held[next++];
        else
            out += c;
    return out;
}

bool is_ip(std::string_view text) { return is_address(text, AF_INET) || is_address(text, AF_INET6); }
bool ends_sentence(char c) { return c == '.' || c == ':' || c == '!'; }
bool is_of_ip4(char c) { return is_digit(c) || c == '.'; }
bool is_of_address(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == ':'; }

}  // namespace

std::string DigestNames::name(const char* kind, std::string_view text) {
    if (addresses_ == Addresses::kPlain || text.empty()) return std::string(text);
    const std::string key = std::string(kind) + ' ' + std::string(text);
    const auto [at, is_new] = names_.try_emplace(key);
    if (is_new) at->second = std::string(kind) + '-' + std::to_string(++last_[kind]);
    return at->second;
}

std::string DigestNames::host(std::string_view text) {
    std::string small(text);
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) {
        return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
    });
    while (small.ends_with('.')) small.pop_back();
    return name("host", small);
}

std::optional<std::string> DigestNames::name_of(std::string_view token, const std::vector<std::string>& hosts) {
    if (is_mac(token)) return mac(token);
    if (is_ip(token)) return ip(token);
    if (is_host(token) || std::find(hosts.begin(), hosts.end(), token) != hosts.end()) return host(token);
    return std::nullopt;
}

// A known name that is long enough is taken out wherever it stands: it may have any characters in it.
std::string DigestNames::without_hosts(std::string text, const std::vector<std::string>& hosts) {
    constexpr std::size_t kMinBytes = 4;
    for (const std::string& known : hosts)
        for (std::size_t at = 0; known.size() >= kMinBytes && (at = text.find(known, at)) != std::string::npos;) {
            const std::string pseudonym = host(known);
            text.replace(at, known.size(), pseudonym);
            at += pseudonym.size();
        }
    return text;
}

// Addresses that are only a part of a token, such as "10.0.0.1-10.0.0.9" and "`10.0.0.1`".
std::string DigestNames::without_inner(std::string_view token, bool (*is_of)(char), std::vector<std::string>& held) {
    std::string out;
    for (std::size_t i = 0; i < token.size();) {
        std::size_t end = i;
        while (end < token.size() && is_of(token[end])) ++end;
        if (end == i) {
            out += token[i++];
            continue;
        }
        std::string_view piece = token.substr(i, end - i);
        while (!piece.empty() && ends_sentence(piece.back())) piece.remove_suffix(1);
        while (!piece.empty() && piece.front() == '.') piece.remove_prefix(1);
        const auto begin = static_cast<std::size_t>(piece.data() - token.data());
        if (is_mac(piece) || is_ip(piece)) {
            out.append(token, i, begin - i);
            out += kHeld;
            held.push_back(is_mac(piece) ? mac(piece) : ip(piece));
            out.append(token, begin + piece.size(), end - begin - piece.size());
        } else if (is_of == is_of_address) {
            out += without_inner(token.substr(i, end - i), is_of_ip4, held);
        } else {
            out.append(token, i, end - i);
        }
        i = end;
    }
    return out;
}

std::string DigestNames::text(std::string_view text, const std::vector<std::string>& hosts) {
    constexpr std::size_t kMaxLookedAtBytes = 1024;
    std::string shown = without_mail(printable(text.substr(0, kMaxLookedAtBytes)));
    if (addresses_ == Addresses::kPseudonym) shown = without_hosts(std::move(shown), hosts);
    std::vector<std::string> held;
    std::string out;
    for (std::size_t i = 0; i < shown.size();) {
        std::size_t end = i;
        while (end < shown.size() && !ends_token(shown[end])) ++end;
        std::size_t kept = end;
        while (kept != i && ends_sentence(shown[kept - 1])) --kept;
        std::string_view token(shown.data() + i, kept - i);
        std::optional<std::string> known = name_of(token, hosts);
        const std::size_t port = token.rfind(':');
        if (!known && port != std::string_view::npos) {  // "192.0.2.1:80"
            token = token.substr(0, port);
            known = name_of(token, hosts);
        }
        if (known) {
            held.push_back(*known);
            out += kHeld;
            i += token.size();
            out.append(shown, i, end - i);
        } else if (addresses_ == Addresses::kPseudonym) {
            out += without_inner(std::string_view(shown).substr(i, end - i), is_of_address, held);
        } else {
            out.append(shown, i, end - i);
        }
        if (end < shown.size()) out += shown[end];
        i = end + 1;
    }
    out = put_back(without_numbers(out), held);
    if (out.size() <= kMaxTextBytes) return out;
    std::size_t cut = kMaxTextBytes;
    while (cut != 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) --cut;  // within a character
    return out.substr(0, cut) + "…";
}

}  // namespace weir::runtime
