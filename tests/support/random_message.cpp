#include "tests/support/random_message.h"

#include <vector>

#include <fmt/format.h>

namespace weir::tests {
namespace {

const std::vector<std::string> kLabels{"a", "www", "mail", "example", "com", "org", "a-b", "x1", "tunnel"};
const std::vector<std::string> kPaths{"/",        "/a",   "/a/b.php",     "/admin", "*", "http://www.example.com/a",
                                      "mail.a:1", "/%61", "/wp-login.php"};
const std::vector<std::string> kAgents{"curl/8.5.0", "sqlmap/1.7", "a b", "", "Mozilla/5.0 (X11; Linux x86_64)"};
const std::vector<std::string> kMethods{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

class Maker {
public:
    explicit Maker(Random& random) : random_(random) {}

    std::string name() {
        std::string made = random_.of(kLabels);
        for (std::size_t i = random_.below(random_.one_in(20) ? 60 : 4); i > 0; --i) made += "." + random_.of(kLabels);
        return made;
    }
    // Of HTTP.
    std::string any_text() { return random_.of(random_.one_in(3) ? kAgents : random_.one_in(2) ? kPaths : kMethods); }
    Bytes dns();
    Bytes http();

private:
    std::string mixed(std::string text) {
        for (char& c : text)
            if (c >= 'a' && c <= 'z' && random_.one_in(4)) c = static_cast<char>(c - 'a' + 'A');
        return text;
    }
    std::string blanks() {
        return random_.below(3) != 0
                   ? " "
                   : std::string(random_.below(random_.one_in(8) ? 30 : 3), random_.one_in(2) ? ' ' : '\t');
    }
    std::string line_end() {
        static const std::vector<std::string> kOther{"\n", "\n", "\r", "\r\r\n", "\n\r"};
        return random_.one_in(8) ? random_.of(kOther) : "\r\n";
    }
    std::string host();
    std::string line();

    Random& random_;
};

Bytes Maker::dns() {
    Bytes message = be16(random_.next()) + be16(random_.one_in(2) ? 0x0100 : random_.next()) +
                    be16(random_.one_in(8) ? random_.below(3) : 1) + be16(random_.below(4)) + zeros(4);
    const std::size_t labels = random_.one_in(16) ? random_.between(20, 128) : random_.below(6);
    for (std::size_t i = 0; i < labels; ++i) {
        std::string label = labels > 16 ? "x" : mixed(random_.of(kLabels));
        if (random_.one_in(24)) label.resize(random_.between(1, 63), static_cast<char>(random_.next()));
        if (random_.one_in(24)) label[random_.below(label.size())] = random_.one_in(2) ? '.' : '\0';
        const bool lies = random_.one_in(40);
        message.push_back(static_cast<std::uint8_t>(lies ? random_.next() : label.size()));
        message = message + text(label);
    }
    message = message + zeros(1) + be16(random_.one_in(3) ? random_.next() : 1) + be16(1);
    if (random_.one_in(4)) message = message + counting(random_.below(20), static_cast<unsigned>(random_.below(256)));
    return message;
}

std::string Maker::host() {
    static const std::vector<std::string> kBehind{":80", ":", ".", ".:443", ":x", "..", ":80:80", ":8 0"};
    std::string made = random_.one_in(16) ? "[2001:db8::1]" : mixed(name());
    if (random_.one_in(12)) made.clear();
    if (random_.one_in(3)) made += random_.of(kBehind);
    if (random_.one_in(20)) made = "[" + made;
    return made;
}

std::string Maker::line() {
    static const std::vector<std::string> kOthers{"Accept: */*", "Origin: a", "H",     "Hosts: a",
                                                  " folded",     "\tfolded",  "X-A: b"};
    switch (random_.below(4)) {
        case 0: return mixed("host") + (random_.one_in(12) ? " :" : ":") + blanks() + host() + blanks();
        case 1: return mixed("user-agent") + ":" + blanks() + random_.of(kAgents) + blanks();
        default: return random_.of(kOthers);
    }
}

Bytes Maker::http() {
    std::string head;
    if (random_.one_in(4)) {
        static const std::vector<std::string> kStatus{"200 OK", "404", "503 ", "50", "099", "1234", " 200"};
        head = "HTTP/1." + std::to_string(random_.below(2)) + " " + random_.of(kStatus);
    } else {
        head = random_.of(kMethods) + " " +
               (random_.one_in(12) ? "/" + std::string(random_.between(490, 520), 'p') : random_.of(kPaths));
        if (random_.one_in(4)) head += "?" + random_.of(kLabels);
        if (random_.below(8) != 0) head += " HTTP/1.1";
    }
    head += line_end();
    for (std::size_t i = random_.below(6); i > 0; --i) head += line() + line_end();
    if (random_.one_in(16)) head += "X: " + std::string(random_.between(900, 1020), 'y') + "\r\n";
    if (random_.below(5) != 0) head += line_end();
    if (random_.one_in(6)) head += line() + line_end();
    return text(head);
}

}  // namespace

std::string random_text_condition(Random& random, std::string_view field) {
    static const std::vector<std::string> kOps{"==",
                                               "!=",
                                               "contains",
                                               "starts_with",
                                               "ends_with",
                                               "contains nocase",
                                               "starts_with nocase",
                                               "ends_with nocase"};
    static const std::vector<std::string> kInterfaces{"eth0", "lo", "eth", "", "wlan0", "ETH0", "Lo"};
    const bool is_iface = field == "iface";
    if (!is_iface && random.one_in(6))
        return fmt::format("len({}) {} {}", field, random.one_in(2) ? ">" : "==", random.below(24));
    Maker maker(random);
    const bool is_name = field.ends_with("name") || field.ends_with("host") || field.ends_with("sni");
    std::string text = is_iface ? random.of(kInterfaces) : is_name ? maker.name() : maker.any_text();
    if (!is_iface && random.one_in(3)) text.resize(random.below(text.size() + 1));
    return fmt::format("{} {} \"{}\"", field, random.of(kOps), text);
}

Bytes random_message(Random& random) {
    Maker maker(random);
    Bytes message = random.one_in(2) ? maker.dns() : maker.http();
    if (random.one_in(6)) message.resize(random.below(message.size() + 1));
    if (random.one_in(8) && !message.empty())
        message[random.below(message.size())] = static_cast<std::uint8_t>(random.next());
    return message;
}

}  // namespace weir::tests
