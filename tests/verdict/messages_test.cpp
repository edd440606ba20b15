// Messages of DNS and HTTP that are cut, folded, doubled or that lie: what docs/language.md says of each, on all
// engines.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Conditions = std::vector<std::string>;

class Messages {
public:
    // The same payload over IPv4, over IPv6 with padding behind it that would change what is read.
    void http(const std::string& about, const std::string& payload, const Conditions& yes, const Conditions& no = {}) {
        add(about, tcp4({}, text(payload)), yes, no);
        add(about + ", padded", tcp6({}, text(payload)) + text(" \n\nHost: padding\n\n"), yes, no);
    }
    void dns(const std::string& about, const Bytes& payload, const Conditions& yes, const Conditions& no = {}) {
        add(about, udp4({.source = 40000, .destination = 53}, payload), yes, no);
        add(about + ", padded", udp6({.source = 53, .destination = 53}, payload) + zeros(9), yes, no);
    }
    ~Messages() { check_rows(rows_); }

private:
    void add(const std::string& about, const Bytes& frame, const Conditions& yes, const Conditions& no) {
        for (const std::string& condition : yes) rows_.push_back({condition, frame, true, about});
        for (const std::string& condition : no) rows_.push_back({condition, frame, false, about});
    }
    std::vector<Row> rows_{};
};

const Conditions kDnsNames{"dns", "dns.qtype >= 0", "dns.rcode >= 0", "dns.answers >= 0", "len(dns.qname) >= 0"};
const Conditions kNoHost{"len(http.host) >= 0"};

Bytes header(std::uint16_t flags = 0x0100, std::uint16_t questions = 1, std::uint16_t answers = 0) {
    return be16(0x1234) + be16(flags) + be16(questions) + be16(answers) + zeros(4);
}
Bytes label(const std::string& bytes) { return Bytes{static_cast<std::uint8_t>(bytes.size())} + text(bytes); }
const Bytes kName = label("wWw") + label("Example") + zeros(1), kRest = hex("000f0001");

std::string host(const std::string& value, const std::string& end = "\r\n") {
    return "GET / HTTP/1.1\r\nHost:" + value + end + "\r\n";
}
std::string is_host(const std::string& name) { return "http.host == \"" + name + "\""; }

Conditions operator+(Conditions a, const Conditions& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("a DNS message cut at each byte", "[messages]") {
    const Bytes whole = header() + kName + kRest;
    Messages messages;
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
        messages.dns(fmt::format("the first {} bytes", bytes), cut(whole, bytes), {}, kDnsNames);
    messages.dns("whole", whole, {"dns.qname == \"www.example\"", "dns.qtype == mx", "dns.rcode == noerror"});
}

TEST_CASE("DNS names that do not end, point elsewhere or are too long", "[messages]") {
    Messages messages;
    for (std::size_t at = 0; at < kName.size(); ++at)
        for (const std::uint8_t byte : Bytes{0xc0, 0x80, 0x40, 0xff}) {
            // Within a label such a byte is text.
            const bool is_length = at == 0 || at == 4 || at == kName.size() - 1;
            messages.dns(fmt::format("{:#x} at {}", byte, at), patched(header() + kName + kRest, 12 + at, Bytes{byte}),
                         is_length ? Conditions{} : Conditions{"dns", "len(dns.qname) == 11"},
                         is_length ? kDnsNames : Conditions{"dns.qname == \"www.example\""});
        }
    messages.dns("a length that reaches over the rest", header() + Bytes{4} + text("www") + label("example") + kRest,
                 {}, kDnsNames);
    messages.dns("a name without its root", header() + label("www") + label("example"), {}, kDnsNames);

    const Bytes front = label(std::string(63, 'a')) + label(std::string(63, 'b')) + label(std::string(63, 'c'));
    messages.dns("255 bytes", header() + front + label(std::string(61, 'd')) + zeros(1) + kRest,
                 {"len(dns.qname) == 253", "dns.qtype == 15"});
    messages.dns("256 bytes", header() + front + label(std::string(62, 'd')) + zeros(1) + kRest, {}, kDnsNames);
    Bytes many;
    for (int i = 0; i < 127; ++i) many = many + label("x");
    messages.dns("127 labels", header() + many + zeros(1) + kRest, {"len(dns.qname) == 253"});
    messages.dns("128 labels", header() + many + label("x") + zeros(1) + kRest, {}, kDnsNames);
    messages.dns("the root", header() + zeros(1) + kRest, {"dns.qname == \"\"", "len(dns.qname) == 0"});
}

TEST_CASE("DNS labels with any bytes", "[messages]") {
    Messages messages;
    messages.dns("a dot in a label", header() + label("www.example") + zeros(1) + kRest,
                 {"len(dns.qname) == 11", "dns.qname contains \"w.e\""}, {"dns.qname == \"www.example\""});
    const Bytes zero = label(std::string("a\0b", 3));
    messages.dns("a NUL in a label", header() + zero + label("example") + zeros(1) + kRest,
                 {"len(dns.qname) == 11", "dns.qname ends_with \".example\"", "dns.qname starts_with \"a\\x00b\""});
    messages.dns("NULs only", header() + label(std::string(40, '\0')) + zeros(1) + kRest, {"len(dns.qname) == 40"});
    messages.dns("what is beside the letters", header() + label("@AZ[`az{") + zeros(1) + kRest,
                 {"dns.qname == \"@az[`az{\""});
    messages.dns("letters of other alphabets", header() + label("\xc3\x84\xe4") + zeros(1) + kRest,
                 {"len(dns.qname) == 3", "dns.qname contains \"\\x84\\xe4\""});
}

TEST_CASE("DNS counts that lie", "[messages]") {
    Messages messages;
    messages.dns("no question", header(0x0100, 0) + kName + kRest, {}, kDnsNames);
    messages.dns("65,535 questions, of which one is there", header(0x0100, 65535) + kName + kRest,
                 {"dns.qname == \"www.example\""});
    messages.dns("answers that are not there", header(0x8183, 1, 9) + kName + kRest,
                 {"dns.answers == 9", "dns.rcode == nxdomain", "dns.is_response"});
    messages.dns("an opcode of no query", header(0x7900) + kName + kRest, {"dns"}, {"dns.is_response"});
}

TEST_CASE("an HTTP request split between any two bytes", "[messages]") {
    const std::string whole = "POST /a?b HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\n\r\n";
    const std::size_t target = 5, target_end = 9, host_end = whole.find("\r\nUser") + 2, agent_end = whole.size() - 2;
    Messages messages;
    for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
        const std::string about = fmt::format("the first {} bytes", bytes);
        Conditions yes, no;
        if (bytes < target) {
            messages.http(about, whole.substr(0, bytes), {}, Conditions{"http", "http.is_cut"});
            continue;
        }
        const std::string sent = whole.substr(target, std::min(bytes, target_end) - target);
        yes = {"http.method == \"POST\"", "http.target == \"" + sent + "\"",
               "http.path == \"" + sent.substr(0, sent.find('?')) + "\""};
        (bytes == whole.size() ? no : yes).push_back("http.is_cut");
        (bytes >= host_end ? yes : no).push_back(is_host("a.example"));
        if (bytes < host_end) no.push_back(kNoHost[0]);
        (bytes >= agent_end ? yes : no).push_back("len(http.user_agent) == 1");
        messages.http(about, whole.substr(0, bytes), yes, no);
    }
}

TEST_CASE("methods and versions", "[messages]") {
    Messages messages;
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}) {
        messages.http(method, fmt::format("{} * HTTP/1.1\r\n\r\n", method),
                      {fmt::format("http.method == \"{}\"", method)});
        messages.http(fmt::format("{} and no space", method), fmt::format("{}\t/ HTTP/1.1\r\n\r\n", method), {},
                      {"http"});
        messages.http(fmt::format("{} and a letter", method), fmt::format("{}X / HTTP/1.1\r\n\r\n", method), {},
                      {"http"});
        const std::string nul(1, '\0');
        messages.http(fmt::format("{} and a NUL", method), method + nul + " / HTTP/1.1\r\n\r\n", {}, {"http"});
        messages.http(fmt::format("{} and a byte of 128", method), fmt::format("{}\x80 / HTTP/1.1\r\n\r\n", method), {},
                      {"http"});
    }
    for (const char* other : {"get / HTTP/1.1\r\n\r\n", "Get / HTTP/1.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
                              "\r\nGET / HTTP/1.1\r\n\r\n", "LINK / HTTP/1.1\r\n\r\n", "HTTP/1.x 200 OK\r\n\r\n",
                              "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1."})
        messages.http(other, other, {}, {"http"});
    messages.http("a version and nothing else", "HTTP/1.1", {"http", "http.is_cut"}, {"http.status >= 0"});
}

TEST_CASE("targets of every form", "[messages]") {
    Messages messages;
    messages.http("absolute form", "GET http://Evil.example:80/a?b HTTP/1.1\r\nHost: good.example\r\n\r\n",
                  {"http.target == \"http://Evil.example:80/a?b\"", "http.path == \"http://Evil.example:80/a\"",
                   is_host("good.example")});
    messages.http("authority form", "CONNECT evil.example:443 HTTP/1.1\r\n\r\n", {"http.path == \"evil.example:443\""},
                  kNoHost);
    messages.http("two spaces", "GET  /a HTTP/1.1\r\n\r\n", {"http.target == \"\"", "http.path == \"\""});
    messages.http("a tab is no end", "GET /a\tb HTTP/1.1\r\n\r\n", {"http.target == \"/a\\tb\""});
    messages.http("a NUL is no end", std::string("GET /a\0?b HTTP/1.1\r\n\r\n", 22), {"http.path == \"/a\\x00\""});
    messages.http("no version", "GET /a\r\nHost: b\r\n\r\n", {"http.target == \"/a\"", is_host("b")}, {"http.is_cut"});
    messages.http("a bare LF", "GET /a\nHost: b\n\n", {"http.target == \"/a\"", is_host("b")}, {"http.is_cut"});
    messages.http("a bare CR ends the target, not the line", "GET /a\rHost: b\r\n\r\n", {"http.target == \"/a\""},
                  kNoHost);
    messages.http("two question marks", "GET /a?b?c HTTP/1.1\r\n\r\n",
                  {"http.path == \"/a\"", "http.target == \"/a?b?c\""});
    for (const std::size_t bytes : {127u, 128u, 129u, 511u, 512u, 513u}) {
        const std::string target = "/" + std::string(bytes - 1, 'a'), rest = " HTTP/1.1\r\nHost: b\r\n\r\n";
        const std::string length = fmt::format("len(http.target) == {}", std::min<std::size_t>(bytes, 512));
        messages.http(fmt::format("a target of {} bytes", bytes), "GET " + target + rest, {length, is_host("b")},
                      bytes <= 512 ? Conditions{"http.is_cut"} : Conditions{});
        if (bytes > 512) messages.http("a target that is cut", "GET " + target + rest, {"http.is_cut"});
        const std::string asked = "GET ?" + target.substr(1) + rest;
        messages.http(fmt::format("a query of {} bytes", bytes), asked, {length, "http.path == \"\"", is_host("b")});
    }
    messages.http("a question mark as byte 513", "GET /" + std::string(511, 'a') + "?b HTTP/1.1\r\n\r\n",
                  {"len(http.path) == 512", "len(http.target) == 512", "http.is_cut"});
}

TEST_CASE("Host lines: doubled, folded, misspelt, empty", "[messages]") {
    Messages messages;
    const std::string line = "GET / HTTP/1.1\r\n";
    messages.http("doubled", line + "Host: a\r\nHost: b\r\n\r\n", {is_host("a")}, {is_host("b")});
    messages.http("an empty one first", line + "Host:\r\nHost: b\r\n\r\n", {is_host("")}, {is_host("b")});
    messages.http("an empty one right behind the first line, at the end", "GET /a\nHost:\n", {is_host("")}, {});
    messages.http("a bad port first", line + "Host: a:x\r\nHost: b\r\n\r\n", {}, kNoHost);
    messages.http("behind many lines", line + "Accept: */*\r\nOrigin: x\r\nHo: y\r\nHosts: z\r\nHost: a\r\n\r\n",
                  {is_host("a")});
    messages.http("any case", line + "hOsT: a\r\n\r\n", {is_host("a")});
    for (const char* other :
         {"Host : a", " Host: a", "\tHost: a", "Host\t: a", "Hosta: a", "XHost: a", "Host\r: a", "Host", "Host\n: a"})
        messages.http(other, line + other + "\r\n\r\n", {}, kNoHost);
    messages.http("folded", line + "Host:\r\n a\r\n\r\n", {is_host("")});
    messages.http("folded behind a value", line + "Host: a\r\n\tb\r\n\r\n", {is_host("a")});
    messages.http("a line that is folded into one", line + "X: y\r\n Host: a\r\n\r\n", {}, kNoHost);
    messages.http("in the body", line + "\r\nHost: a\r\n\r\n", {}, kNoHost);
    messages.http("in the body behind bare LFs", "GET / HTTP/1.1\n\nHost: a\n\n", {}, kNoHost);
    messages.http("CR CR LF is no empty line", line + "\r\r\nHost: a\r\n\r\n", {is_host("a")}, {"http.is_cut"});
    messages.http("LF CR is no line's end", "GET / HTTP/1.1\n\rHost: a\n\r\n", {}, kNoHost);
    messages.http("a line that does not end", line + "Host: a", {"http.is_cut"}, kNoHost);
    messages.http("of a response", "HTTP/1.1 200 OK\r\nHost: a\r\nUser-Agent: b\r\n\r\n", {"http.status == 200"},
                  kNoHost + Conditions{"len(http.user_agent) >= 0"});
}

TEST_CASE("values of Host lines", "[messages]") {
    Messages messages;
    const auto is = [&](const std::string& value, const std::string& name) {
        messages.http(value, host(value), {is_host(name)});
    };
    const auto none = [&](const std::string& value) { messages.http(value, host(value), {}, kNoHost); };
    is("a", "a");
    is(" \t A.Example \t ", "a.example");
    is(std::string(300, ' ') + "a" + std::string(300, '\t'), "a");
    is(" ", "");
    is(std::string(40, '\t'), "");
    is(" a:", "a");
    is(" a:00000000000000000000000000080", "a");
    is(" a.:80", "a");
    is(".", "");
    is(":80", "");
    messages.http("two final dots", host(" a.."), {"len(http.host) == 2", "http.host ends_with \"a.\""});
    is(" [::1]", "[::1]");
    is(" [::1]:", "[::1]");
    is(" [::1].:443", "[::1]");
    is(" []", "[]");
    is(" a b", "a b");
    is(" user@a", "user@a");
    is(" " + std::string(255, 'a'), std::string(255, 'a'));
    is(" " + std::string(255, 'a') + ".:80", std::string(255, 'a'));
    for (const char* value : {"a:x", "a:80x", "a:8 0", "a:-1", "a:80:80", "::1", "[::1", "[::1]:x", "[", "a:80\r"})
        none(value);
    none(std::string(256, 'a'));
    messages.http("a NUL in it", host(std::string(" a\0b", 4)), {"len(http.host) == 3"});
    messages.http("a CR more", host(" a\r"), {"len(http.host) == 2"}, {is_host("a")});
    messages.http("bare LF", host(" a", "\n"), {is_host("a")});
}

TEST_CASE("heads around 1,024 bytes", "[messages]") {
    Messages messages;
    for (int beyond = -2; beyond <= 2; ++beyond) {
        const std::string front = "GET / HTTP/1.1\r\nX: ", line = "\r\nHost: a\r\n";
        const std::string filled =
            front + std::string(static_cast<std::size_t>(1024 + beyond) - front.size() - line.size(), 'x') + line;
        messages.http(fmt::format("a Host line that ends at {}", filled.size()), filled + "\r\n",
                      (beyond > -2 ? Conditions{"http.is_cut"} : Conditions{}) +
                          (beyond <= 0 ? Conditions{is_host("a")} : Conditions{}),
                      beyond <= 0 ? Conditions{} : kNoHost);
        const std::string end = "\r\n\r\n";
        const std::string head =
            front + std::string(static_cast<std::size_t>(1024 + beyond) - front.size() - end.size(), 'x') + end;
        messages.http(fmt::format("an empty line that ends at {}", head.size()), head + "body",
                      beyond <= 0 ? Conditions{} : Conditions{"http.is_cut"},
                      beyond <= 0 ? Conditions{"http.is_cut"} : Conditions{});
    }
}

TEST_CASE("statuses", "[messages]") {
    Messages messages;
    for (const char* line : {"HTTP/1.1 503", "HTTP/1.0 503 Unavailable\r\n\r\n", "HTTP/1.1 503\r\n\r\n",
                             "HTTP/1.9 503\n\n", "HTTP/1.1 503 "})
        messages.http(line, line, {"http.status == 503"}, {"len(http.method) >= 0"});
    for (const char* line : {"HTTP/1.1503", "HTTP/1.1 ", "HTTP/1.1 5", "HTTP/1.1 50", "HTTP/1.1 5034", "HTTP/1.1 50x",
                             "HTTP/1.1  503", "HTTP/1.1\t503", "HTTP/1.1 503\t", "HTTP/1.1 -50 "})
        messages.http(line, line, {"http"}, {"http.status >= 0"});
    messages.http("a NUL behind the digits", std::string("HTTP/1.1 503\0", 13), {"http"}, {"http.status >= 0"});
}
