#include "tests/support/random_inside.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::tests {
namespace {

std::uint64_t number(Random& random, const Hints& hints, const char* field, std::uint64_t usual) {
    const auto found = hints.numbers.find(field);
    if (found != hints.numbers.end() && random.below(3) != 0) return random.of(found->second) + random.below(3) - 1;
    return random.one_in(6) ? random.next() : usual;
}

// Behind its length, which now and then lies.
Bytes counted(Random& random, const Bytes& bytes, std::size_t length_bytes) {
    std::uint64_t length = bytes.size();
    if (random.one_in(60)) length = random.one_in(2) ? length + random.below(5) - 2 : random.next();
    Bytes out;
    while (length_bytes-- > 0) out.push_back(static_cast<std::uint8_t>(length >> (8 * length_bytes)));
    return out + bytes;
}

Bytes labels(Random& random, const std::string& name) {
    Bytes out;
    for (std::size_t begin = 0; begin < name.size();) {
        std::size_t dot = std::min(name.find('.', begin), name.size());
        if (random.one_in(30) && dot < name.size()) dot = std::min(name.find('.', dot + 1), name.size());  // it stays
        const Bytes label = text(name.substr(begin, dot - begin));
        if (!label.empty() || random.one_in(20)) out = out + counted(random, label, 1);
        if (random.one_in(150)) out = out + Bytes{static_cast<std::uint8_t>(64 + random.below(192)), 12};
        begin = dot + 1;
    }
    return out + zeros(1);
}

Bytes extension(Random& random, std::uint16_t type, const Bytes& data) { return be16(type) + counted(random, data, 2); }

Bytes names(Random& random, const Hints& hints) {
    Bytes list;
    for (std::size_t i = random.one_in(5) ? random.below(10) : 1; i > 0; --i) {
        const auto type = static_cast<std::uint8_t>(random.one_in(6) ? random.below(3) : 0);
        list = list + Bytes{type} + counted(random, text(random_name(random, hints)), 2);
    }
    if (random.one_in(20)) list.resize(list.size() + random.below(4), 'x');
    Bytes data = counted(random, list, 2);
    if (random.one_in(20)) data.resize(data.size() + random.below(4), 'x');
    return data;
}

Bytes protocols(Random& random, const Hints& hints) {
    Bytes list;
    for (std::size_t i = random.below(4); i > 0; --i)
        list = list + counted(random, text(random_text(random, hints, "tls.alpn", random.one_in(8) ? "" : "h2")), 1);
    return counted(random, list, 2);
}

Bytes extensions(Random& random, const Hints& hints) {
    std::vector<Bytes> all;
    if (random.below(6) != 0) all.push_back(extension(random, 0, names(random, hints)));
    if (random.one_in(8)) all.push_back(extension(random, 0, names(random, hints)));
    for (std::size_t i = random.one_in(3) ? 0 : random.between(1, 2); i > 0; --i)
        all.push_back(extension(random, 16, protocols(random, hints)));
    for (std::size_t i = random.one_in(12) ? random.between(60, 66) : random.below(5); i > 0; --i) {
        const auto type = static_cast<std::uint16_t>(17 + random.below(60));
        all.push_back(extension(random, type, Bytes(random.one_in(20) ? random.below(1400) : random.below(30), 'k')));
    }
    std::shuffle(all.begin(), all.end(), random);
    Bytes out;
    for (const Bytes& one : all) out = out + one;
    if (random.one_in(25)) out.resize(out.size() + random.below(6), 'x');
    return out;
}

std::string line_end(Random& random) { return random.one_in(6) ? "\n" : random.one_in(30) ? "\r\r\n" : "\r\n"; }

std::string header_line(Random& random, const Hints& hints) {
    static const std::vector<std::string> kNames{"Host",   "host",  "HOST",  "User-Agent", "user-agent", "Accept",
                                                 "X-Host", "Host ", " Host", "Hos",        "Hosts",      "User-Agen"};
    static const std::vector<std::string> kBlanks{"", " ", " ", " ", "  ", "\t", " \t "};
    static const std::vector<std::string> kPorts{"", "", "", ":80", ":", ":8x", ".:80", ":80.", ":123456", "."};
    const std::string name = random.of(kNames);
    const bool is_host = name.find("ost") != std::string::npos;
    std::string value = is_host ? random_name(random, hints) + random.of(kPorts)
                                : random_text(random, hints, "http.user_agent", "curl/8.5.0");
    if (is_host && random.one_in(12))
        value = "[2001:DB8::1" + std::string(random.one_in(4) ? "" : "]") + random.of(kPorts);
    if (random.one_in(12)) value.clear();
    if (random.one_in(25)) value += "\n" + std::string(1, ' ') + random_name(random, hints);
    if (random.one_in(60)) value.resize(random.below(1200), 'v');
    return name + (random.one_in(40) ? "" : ":") + random.of(kBlanks) + value + random.of(kBlanks) + line_end(random);
}

const std::vector<std::string> kTextOps{"==",
                                        "!=",
                                        "==",
                                        "contains",
                                        "starts_with",
                                        "ends_with",
                                        "contains nocase",
                                        "starts_with nocase",
                                        "ends_with nocase"};

std::string length_leaf(Random& random, const std::string& field) {
    static const std::vector<std::string> kOps{"==", "!=", "<", "<=", ">", ">="};
    return fmt::format("len({}) {} {}", field, random.of(kOps), random.below(random.one_in(4) ? 260 : 30));
}

template <typename Make>
std::string in_leaf(Random& random, const std::string& field, const Make& make) {
    std::vector<std::string> elements;
    for (std::size_t i = random.between(1, random.one_in(5) ? 30 : 4); i > 0; --i) elements.push_back(quoted(make()));
    return fmt::format("{} {} {{ {} }}", field, random.one_in(3) ? "not in" : "in", fmt::join(elements, ", "));
}

}  // namespace

std::string quoted(const std::string& bytes) {
    std::string out = "\"";
    for (const char c : bytes) {
        const bool is_plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
        out += is_plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out + "\"";
}

std::string random_entry(Random& random, Hints& hints) {
    static const std::vector<std::string> kLabels{"a", "b", "www", "example", "com", "net", "xn--e1", "a-b"};
    std::string name = random.of(kLabels);
    for (std::size_t k = random.one_in(12) ? random.between(5, 20) : random.below(4); k > 0; --k)
        name = random.of(kLabels) + "." + name;
    hints.names.push_back(name);
    return name;
}

std::string random_iface_leaf(Random& random) {
    static const std::vector<std::string> kOps{"==",
                                               "!=",
                                               "contains",
                                               "starts_with",
                                               "ends_with",
                                               "contains nocase",
                                               "starts_with nocase",
                                               "ends_with nocase"};
    static const std::vector<std::string> kNames{"eth0", "lo", "eth", "", "wlan0", "ETH0", "Lo"};
    return fmt::format("iface {} \"{}\"", random.of(kOps), random.of(kNames));
}

std::string random_name_leaf(Random& random, Hints& hints, const std::string& field) {
    if (random.one_in(6)) return length_leaf(random, field);
    if (random.one_in(3)) return in_leaf(random, field, [&] { return random_entry(random, hints); });
    std::string literal = random_name(random, hints);
    literal.resize(std::min<std::size_t>(literal.size(), 250));
    hints.names.push_back(literal);
    return fmt::format("{} {} {}", field, random.of(kTextOps), quoted(literal));
}

std::string random_text_leaf(Random& random, Hints& hints, const std::string& field, const std::string& other) {
    static const std::map<std::string, std::vector<std::string>> kUsual{
        {"http.method", {"GET", "POST", "HEAD", "PATCH"}},
        {"http.target", {"/", "/a?b", "*", "http://a.example/b?c"}},
        {"http.path", {"/", "/a", "/admin", "a.example:443"}},
        {"http.user_agent", {"curl/8.5.0", "", "Mozilla/5.0", "x"}},
        {"tls.alpn", {"h2", "http/1.1", "h3"}}};
    const auto found = kUsual.find(field);
    const auto value = [&] {
        std::string literal =
            random_text(random, hints, field.c_str(), found == kUsual.end() ? "a" : random.of(found->second));
        hints.texts[field].push_back(literal);
        return literal;
    };
    if (random.one_in(6)) return length_leaf(random, field);
    if (random.one_in(8) && other != field)
        return fmt::format("{} {} {}", field, random.one_in(2) ? "==" : "!=", other);
    if (random.one_in(3)) return in_leaf(random, field, value);
    return fmt::format("{} {} {}", field, random.of(kTextOps), quoted(value()));
}

std::string random_name(Random& random, const Hints& hints) {
    static const std::vector<std::string> kLabels{"a",
                                                  "b",
                                                  "www",
                                                  "example",
                                                  "com",
                                                  "Example",
                                                  "COM",
                                                  "xn--e1",
                                                  "a-b",
                                                  std::string(63, 'l'),
                                                  "",
                                                  "\xc3\xa9",
                                                  std::string("\0_", 2)};
    std::string name;
    if (!hints.names.empty() && random.below(5) != 0) {
        name = random.of(hints.names);
    } else {
        for (std::size_t i = random.one_in(15) ? random.between(20, 130) : random.below(5); i > 0; --i)
            name += (name.empty() ? "" : ".") + (random.one_in(8) ? random.of(kLabels) : kLabels[random.below(7)]);
    }
    switch (random.below(12)) {
        case 0: return "www." + name;
        case 1: return "x" + name;
        case 2: return name + ".";
        case 3: return name.substr(std::min(name.find('.'), name.size() - 1) + 1);
        case 4:
            if (!name.empty()) name[random.below(name.size())] ^= 0x20;
            return name;
        case 5: return name + (random.one_in(2) ? ".com" : "x");
        case 6:
            for (std::size_t i = random.below(6); i > 0; --i) name = random.of(kLabels) + "." + name;
            return name;
        default: return name;
    }
}

std::string random_text(Random& random, const Hints& hints, const char* field, std::string usual) {
    const auto found = hints.texts.find(field);
    std::string value = found == hints.texts.end() || random.one_in(5) ? std::move(usual) : random.of(found->second);
    switch (random.below(8)) {
        case 0: return value + "x";
        case 1: return "x" + value;
        case 2:
            if (!value.empty()) value[random.below(value.size())] ^= 0x20;
            return value;
        case 3: return value.substr(0, value.size() / 2);
        default: return value;
    }
}

Bytes random_dns(Random& random, const Hints& hints) {
    const std::uint64_t flags = (random.one_in(2) ? 0x8180 : 0x0100) | (number(random, hints, "dns.rcode", 0) & 15);
    const std::uint64_t questions = random.one_in(12) ? random.below(3) : 1;
    Bytes message = be16(random.next()) + be16(random.one_in(10) ? random.next() : flags) + be16(questions) +
                    be16(number(random, hints, "dns.answers", random.below(3))) +
                    be32(random.one_in(4) ? random.next() : 0);
    message =
        message + labels(random, random_name(random, hints)) + be16(number(random, hints, "dns.qtype", 1)) + be16(1);
    if (random.one_in(3)) message.resize(message.size() + random.below(40), 'r');
    if (random.one_in(10)) message.resize(random.below(message.size() + 1));
    return message;
}

Bytes random_hello(Random& random, const Hints& hints) {
    Bytes body = be16(number(random, hints, "tls.version", 0x0303)) + Bytes(32, 'r');
    body = body + counted(random, Bytes(random.one_in(2) ? 32 : random.below(5), 's'), 1);
    body = body + counted(random, Bytes(2 * random.below(20), 'c'), 2) + counted(random, zeros(1), 1);
    if (random.below(20) != 0) body = body + counted(random, extensions(random, hints), 2);
    if (random.one_in(25)) body.resize(body.size() + random.below(6), 'x');
    Bytes handshake =
        Bytes{static_cast<std::uint8_t>(random.one_in(20) ? random.below(4) : 1)} + counted(random, body, 3);
    Bytes record =
        Bytes{static_cast<std::uint8_t>(random.one_in(40) ? 0x17 : 0x16),
              static_cast<std::uint8_t>(random.one_in(40) ? 2 : 3), static_cast<std::uint8_t>(random.below(4))};
    if (random.one_in(15)) {  // in two records
        const std::size_t first = random.below(handshake.size() + 1);
        const Bytes rest(handshake.begin() + static_cast<std::ptrdiff_t>(first), handshake.end());
        handshake.resize(first);
        return record + counted(random, handshake, 2) + record + counted(random, rest, 2);
    }
    record = record + counted(random, handshake, 2);
    if (random.one_in(6)) record.resize(random.below(record.size() + 1));
    if (random.one_in(20)) record.resize(record.size() + random.below(9), 'n');
    return record;
}

Bytes random_head(Random& random, const Hints& hints) {
    static const std::vector<std::string> kMethods{"GET",     "GET",   "HEAD",  "POST", "PUT",  "DELETE", "CONNECT",
                                                   "OPTIONS", "TRACE", "PATCH", "get",  "GETS", "PRI",    "HTTP/1.1"};
    static const std::vector<std::string> kTargets{"/", "/a?b", "*", "http://a.example/b?c", "a.example:443", ""};
    static const std::vector<std::string> kStarts{"HTTP/1.1", "HTTP/1.0", "HTTP/1.9", "HTTP/2", "HTTP/1.x"};
    std::string head;
    if (random.one_in(3)) {
        static const std::vector<std::string> kEnds{" OK", "", " ", "1", "x"};
        head = random.of(kStarts) + (random.one_in(10) ? "  " : " ") +
               std::to_string(number(random, hints, "http.status", 200) % 1000) + random.of(kEnds);
    } else {
        std::string target =
            random_text(random, hints, random.one_in(2) ? "http.path" : "http.target", random.of(kTargets));
        if (random.one_in(30))
            target.resize(random.one_in(2) ? random.between(508, 516) : random.between(900, 1030), 't');
        if (random.one_in(20)) target += "?" + random.of(kTargets);
        head = random_text(random, hints, "http.method", random.of(kMethods)) + (random.one_in(20) ? "\t" : " ") +
               target + (random.one_in(20) ? "" : " HTTP/1.1");
    }
    head += line_end(random);
    for (std::size_t i = random.below(5); i > 0; --i) head += header_line(random, hints);
    if (random.below(5) != 0) head += random.one_in(20) ? "\r" : line_end(random);
    if (random.one_in(4)) head += header_line(random, hints);
    if (random.one_in(12)) head.insert(random.below(head.size()), random.below(1100), 'z');
    Bytes bytes = text(head);
    if (random.one_in(8)) bytes.resize(random.below(bytes.size() + 1));
    if (random.one_in(15) && !bytes.empty())
        bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.next());
    return bytes;
}

}  // namespace weir::tests
