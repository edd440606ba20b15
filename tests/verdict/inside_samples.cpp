#include "tests/verdict/inside_samples.h"

#include "tests/support/tls_frames.h"

namespace weir::tests {

namespace {

// ---- the link ----

Bytes two_tags(std::uint16_t inner) { return macs() + tag(0x88a8, 0xf005) + tag(0x8100, inner) + be16(0x0800); }
Bytes session(std::uint16_t number) { return eth(0x8864) + pppoe({.session = number}, ip4({}, udp({}))); }
Bytes labels(std::initializer_list<std::uint32_t> numbers) {
    Bytes made = eth(0x8847);
    for (const std::uint32_t& number : numbers)
        made = made + label(number, &number + 1 == numbers.end() ? Stack::kBottom : Stack::kGoesOn);
    return made + ip4({}, udp({}));
}

// ---- DNS ----

Bytes dns(std::uint16_t flags, const Bytes& question, std::uint16_t answers = 0) {
    return be16(0x1234) + be16(flags) + be16(1) + be16(answers) + be16(0) + be16(0) + question;
}
// From labels, each with its length before it; type and class behind the root.
Bytes question(const std::vector<std::string>& labels, std::uint16_t type = 1) {
    Bytes name;
    for (const std::string& label : labels) {
        name.push_back(static_cast<std::uint8_t>(label.size()));
        name = name + text(label);
    }
    return name + zeros(1) + be16(type) + be16(1);
}
Bytes query(const Bytes& question) { return udp4({.source = 40000, .destination = 53}, dns(0x0100, question)); }
Bytes response(std::uint16_t flags, std::uint16_t answers) {
    return udp6({.source = 53, .destination = 40000}, dns(flags, question({"a", "example"}), answers));
}
const Bytes kQuery = query(question({"www", "example", "com"}));
const Bytes kOtherPort = udp4({.source = 40000, .destination = 5353}, dns(0x0100, question({"www", "example", "com"})));

// ---- HTTP ----

Bytes http(const std::string& payload) { return tcp4({}, text(payload)); }
Bytes http6(const std::string& payload) { return tcp6({}, text(payload)); }
Bytes status(const std::string& line) { return http("HTTP/1.1 " + line); }
Bytes host(const std::string& value) { return http("GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n"); }
const Bytes kRequest = http("GET /a?b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/8.0\r\n\r\n");
const Bytes kResponse = http6("HTTP/1.1 200 OK\r\nHost: a\r\nUser-Agent: b\r\n\r\n");
const Bytes kNoHttp = http("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const std::string kLongLabels = std::string(126, 'a') + "." + std::string(127, 'b');
// ---- TLS: more is in tls_test.cpp ----

const Bytes kHello = tls_segment(usual_hello("www.example.com"));
Bytes hello_of(std::uint16_t version) { return tls_segment(client_hello({.version = version})); }
const Bytes kServerHello = tls_segment(hex("160302000502000001ff"));
// ---- tunnels, and what ICMP errors quote ----

Bytes in_vxlan(std::uint32_t vni) {
    return udp4({.destination = 4789}, hex("08000000") + be32(std::uint64_t{vni} << 8) + tcp4());
}
Bytes in_geneve(std::uint32_t vni) {
    return udp6({.destination = 6081}, hex("00006558") + be32(std::uint64_t{vni} << 8) + tcp4());
}
Bytes in_gre(std::uint32_t key) { return in4(47, hex("20000800") + be32(key) + ip4({}, tcp({}))); }
const Bytes kNoVni = udp4({.destination = 4789}, hex("00000000 00000700") + tcp4());
const Bytes kError4 = in4(1, icmp(3, 1, 0, 0, ip4({}, tcp({}))));
const Bytes kError6 = in6(58, icmp(1, 4, 0, 0, ip6({}, tcp({}))));

}  // namespace

// clang-format off
std::vector<NumberSample> inside_numbers() {
    return {
        // the link
        {"vlan.inner_id", 12, two_tags(0xf000), 0}, {"vlan.inner_id", 12, two_tags(0x0fff), 0xfff}, {"vlan.inner_id", 12, two_tags(0x2007) + zeros(20), 7},
        {"pppoe.session", 16, session(0), 0}, {"pppoe.session", 16, session(0xffff), 0xffff}, {"pppoe.session", 16, session(0x0102), 0x0102},
        {"mpls.label", 20, labels({0}), 0}, {"mpls.label", 20, labels({0xfffff, 0}), 0xfffff}, {"mpls.label", 20, labels({0x12345, 6, 7}), 0x12345},
        {"mpls.depth", 8, labels({16}), 1}, {"mpls.depth", 8, labels({1, 2, 3, 4}), 4}, {"mpls.depth", 8, labels({1, 2, 3, 4, 5}), 4},
        {"mpls.depth", 8, cut(labels({1, 2}), 21), 1},
        // DNS
        {"dns.qtype", 16, query(question({"a"}, 0)), 0}, {"dns.qtype", 16, query(question({"a"}, 0xffff)), 0xffff}, {"dns.qtype", 16, kQuery, 1},
        {"dns.rcode", 4, response(0x8183, 0), 3}, {"dns.rcode", 4, response(0x818f, 0), 15}, {"dns.rcode", 4, kQuery, 0},
        {"dns.answers", 16, response(0x8180, 0xffff), 0xffff}, {"dns.answers", 16, response(0x8180, 7), 7}, {"dns.answers", 16, kQuery, 0},
        // HTTP
        {"http.status", 16, status("000"), 0}, {"http.status", 16, status("999\n"), 999}, {"http.status", 16, status("404\r"), 404},
        {"http.status", 16, kResponse, 200},
        // TLS
        {"tls.version", 16, hello_of(0), 0}, {"tls.version", 16, hello_of(0xffff), 0xffff}, {"tls.version", 16, kServerHello, 0x0302},
        // tunnels
        {"vxlan.vni", 24, in_vxlan(0), 0}, {"vxlan.vni", 24, in_vxlan(0xffffff), 0xffffff}, {"vxlan.vni", 24, in_vxlan(0x010203), 0x010203},
        {"geneve.vni", 24, in_geneve(0), 0}, {"geneve.vni", 24, in_geneve(0xffffff), 0xffffff}, {"geneve.vni", 24, in_geneve(0x010203), 0x010203},
        {"gre.key", 32, in_gre(0xffffffff), 0xffffffff}, {"gre.key", 32, in_gre(0), 0}, {"gre.key", 32, in4(47, hex("a0000800 00000000 01020304")), 0x01020304},
    };
}

std::vector<FlagSample> inside_flags() {
    return {
        // DNS
        {"dns", kQuery, true}, {"dns.is_response", kQuery, false}, {"dns.is_response", response(0x8180, 1), true},
        // HTTP
        {"http", kRequest, true}, {"http", kResponse, true}, {"http", http("PUT "), true}, {"http", http("HTTP/1.9"), true},
        {"http.is_cut", kRequest, false}, {"http.is_cut", http("GET / HTTP/1.1\r\n"), true}, {"http.is_cut", http6("GET /\n\n"), false},
        {"http.is_cut", http("GET /" + std::string(511, 'a') + " HTTP/1.1\n\r\n"), false},
        {"http.is_cut", http("GET /" + std::string(512, 'a') + " HTTP/1.1\n\r\n"), true},
        {"http.is_cut", http("HTTP/1.1 200\nA: " + std::string(1007, 'a') + "\n\n"), true},
        {"http.is_cut", http("HTTP/1.1 200\nA: " + std::string(1006, 'a') + "\n\n"), false}, {"http.is_cut", kResponse, false},
        // TLS
        {"tls", kHello, true}, {"tls.is_client_hello", kHello, true}, {"tls.is_client_hello", kServerHello, false},
        {"tls.is_cut", kHello, false}, {"tls.is_cut", tls_segment(part(usual_hello("a.example"), 0, 100)), true},
        // tunnels
        {"vxlan", in_vxlan(7), true}, {"geneve", in_geneve(7), true}, {"gre", in_gre(7), true}, {"gre", in6(47, {}), true},
        {"ipip", in4(4, {}), true}, {"ipip", in6(41, {}), true}, {"inner", in_vxlan(7), true}, {"inner", in4(4, ip4({}, tcp({}))), true},
        {"icmp.has_inner", kError4, true}, {"icmp.has_inner", in4(1, icmp(8, 0, 1, 1)), false}, {"icmp.has_inner", in4(1, icmp(3, 0, 0, 0)), false},
        {"icmp6.has_inner", kError6, true}, {"icmp6.has_inner", in6(58, icmp(128, 0, 1, 1)), false},
    };
}

std::vector<TextSample> inside_texts() {
    return {
        // DNS
        {"dns.qname", kQuery, "www.example.com"}, {"dns.qname", query(question({})), ""},
        {"dns.qname", query(question({"WwW", "eXample"})), "www.example"},
        {"dns.qname", query(question({"a.b", "example"})), "a.b.example", false},
        {"dns.qname", query(question({std::string(63, 'a'), std::string(63, 'b'), std::string(63, 'c'), std::string(61, 'd')})),
         std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd')},
        // HTTP
        {"http.method", kRequest, "GET"}, {"http.method", http("OPTIONS * HTTP/1.0\r\n\r\n"), "OPTIONS"}, {"http.method", http6("PUT "), "PUT"},
        {"http.target", kRequest, "/a?b"}, {"http.target", http("GET  / HTTP/1.1\n\n"), ""}, {"http.target", http("GET http://A.example/b?c#d HTTP/1.1"), "http://A.example/b?c#d"},
        {"http.target", http("CONNECT a.example:443 HTTP/1.1\r\n\r\n"), "a.example:443"}, {"http.target", http("GET /cut"), "/cut"},
        {"http.path", kRequest, "/a"}, {"http.path", http("GET /a HTTP/1.1\n\n"), "/a"}, {"http.path", http("GET ?b?c\n"), ""},
        {"http.path", http("GET http://A.example/b?c HTTP/1.1"), "http://A.example/b"},
        {"http.host", kRequest, "www.example.com"}, {"http.host", host(" WWW.Example.COM.:8080"), "www.example.com"}, {"http.host", host(""), ""},
        {"http.host", host("\t[2001:DB8::1]:443 "), "[2001:db8::1]"}, {"http.host", host(" a..b"), "a..b"}, {"http.host", host(kLongLabels), kLongLabels},
        {"http.user_agent", kRequest, "curl/8.0"}, {"http.user_agent", http("GET /\nuSER-aGENT: \t a b \t\r\n"), "a b"}, {"http.user_agent", http("GET /\nUser-Agent:\n"), ""},
        // TLS
        {"tls.sni", kHello, "www.example.com"}, {"tls.alpn", kHello, "h2"},
        {"tls.sni", tls_segment(client_hello({.extensions = {server_name(std::string(255, 'n'))}})), std::string(255, 'n')},
        {"tls.alpn", tls_segment(client_hello({.extensions = {alpn({std::string(255, 'p')})}})), std::string(255, 'p')},
    };
}

std::vector<AbsentSample> inside_absents() {
    return {
        // the link
        {"vlan.inner_id", macs() + tag(0x8100, 5) + be16(0x0800)}, {"vlan.inner_id", cut(two_tags(7), 21)}, {"vlan.inner_id", udp4()},
        {"pppoe.session", eth(0x8863) + pppoe({}, {})}, {"pppoe.session", patched(session(7), 15, {1})}, {"pppoe.session", udp4()},
        {"mpls.label", eth(0x8847) + zeros(3)}, {"mpls.label", udp4()}, {"mpls.depth", session(7)}, {"mpls.depth", eth(0x8848)},
        // DNS
        {"dns", kOtherPort}, {"dns.qname", kOtherPort}, {"dns.qtype", tcp4()}, {"dns.is_response", udp4()}, {"dns.rcode", cut(kQuery, 60)},
        {"dns.answers", kOtherPort},
        // HTTP
        {"http", kNoHttp}, {"http", udp4({}, text("GET / HTTP/1.1\r\n\r\n"))}, {"http.is_cut", kNoHttp},
        {"http.method", kResponse}, {"http.target", kResponse}, {"http.path", kResponse}, {"http.host", kResponse}, {"http.user_agent", kResponse},
        {"http.host", host(":x")}, {"http.host", host(" [::1")}, {"http.host", host(std::string(256, 'a'))}, {"http.user_agent", http("GET /\n User-Agent: a\n\n")},
        {"http.status", kRequest}, {"http.status", status("20")}, {"http.status", status("2000")}, {"http.status", status("200x")},
        // TLS
        {"tls", tcp4()}, {"tls.is_client_hello", udp4()}, {"tls.version", tls_segment(part(usual_hello("a.example"), 0, 10))},
        {"tls.sni", kServerHello}, {"tls.alpn", hello_of(0x0303)}, {"tls.is_cut", tcp6()},
        // tunnels
        {"vxlan", kNoVni}, {"vxlan.vni", kNoVni}, {"vxlan", in_geneve(7)}, {"geneve", in_vxlan(7)}, {"geneve.vni", udp4()}, {"gre", in4(4, {})},
        {"gre.key", in4(47, hex("00000800"))}, {"gre.key", in4(47, hex("20000800 000000"))}, {"ipip", in_gre(7)}, {"inner", in4(4, {})}, {"inner", kNoVni},
        {"icmp.has_inner", kError6}, {"icmp6.has_inner", kError4},
    };
}
// clang-format on

}  // namespace weir::tests
