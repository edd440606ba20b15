// Tested by tests/unit/packet/message_builder_test.cpp.
#include "compiler/packet/message_builder.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

namespace weir::packet {
namespace {

std::string big(std::size_t value, std::size_t bytes) {
    std::string out;
    while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
    return out;
}
// The text behind its length, which takes that many bytes.
std::string counted(std::string_view text, std::size_t length_bytes) {
    return big(text.size(), length_bytes).append(text);
}

// ---- DNS ----

std::string name_on_wire(std::string_view name) {
    std::string out;
    for (std::size_t begin = 0; begin < name.size();) {
        const std::size_t dot = std::min(name.find('.', begin), name.size());
        const std::string_view label = name.substr(begin, std::min(dot - begin, kMaxLabelBytes));
        if (out.size() + label.size() + 2 > kMaxDomainBytes + 2) break;
        if (!label.empty()) out += counted(label, 1);
        begin = dot + 1;
    }
    return out + '\0';
}

// RFC 1035, 3.3; RFC 3596, 2.2; RFC 2782. Names in there are the root, or the question's.
std::string record_data(std::uint16_t type) {
    const std::string root(1, '\0');
    const std::string of_question = big(0xc00c, 2);
    switch (type) {
        case 1: return big(0xc0000201, 4);                           // A: 192.0.2.1
        case 28: return big(0x20010db8, 4) + big(0, 8) + big(1, 4);  // AAAA: 2001:db8::1
        case 2:
        case 5:
        case 12: return of_question;                                     // NS, CNAME, PTR
        case 6: return root + root + big(1, 4) + std::string(16, '\0');  // SOA
        case 15: return big(10, 2) + root;                               // MX
        case 16: return counted("text", 1);                              // TXT
        case 33: return big(10, 2) + big(5, 2) + big(443, 2) + root;     // SRV
        case 65: return big(1, 2) + root;                                // HTTPS
        default: return {};
    }
}

// ---- TLS ----

std::string numbers(std::initializer_list<std::size_t> values, std::size_t length_bytes) {
    std::string list;
    for (const std::size_t value : values) list += big(value, 2);
    return counted(list, length_bytes);
}
std::string extension(std::size_t type, std::string_view data) { return big(type, 2) + counted(data, 2); }

std::string extensions(const TestHello& hello) {
    const bool is_tls13 = hello.version == 0x0304;
    std::string out;
    if (!hello.name.empty()) out += extension(0, counted(std::string(1, '\0') + counted(hello.name, 2), 2));
    out += extension(23, "");                                                    // extended_master_secret
    out += extension(10, numbers({0x001d, 0x0017, 0x0018}, 2));                  // supported_groups
    out += extension(11, counted(std::string(1, '\0'), 1));                      // ec_point_formats
    out += extension(13, numbers({0x0403, 0x0804, 0x0401, 0x0503, 0x0805}, 2));  // signature_algorithms
    if (hello.alpn) out += extension(16, counted(counted(*hello.alpn, 1), 2));
    if (!is_tls13) return out;
    out += extension(43, numbers({0x0304, 0x0303}, 1));                                   // supported_versions
    out += extension(45, counted("\1", 1));                                               // psk_dhe_ke
    out += extension(51, counted(big(0x001d, 2) + counted(std::string(32, 'k'), 2), 2));  // key_share
    return out;
}

}  // namespace

std::string dns_message(const TestDns& dns) {
    std::string out = big(0x1234, 2);
    out += big((dns.is_response ? 0x8180u : 0x0100u) | dns.rcode, 2);  // recursion desired, and available
    out += big(1, 2) + big(dns.answers, 2) + big(0, 4);
    out += name_on_wire(dns.name) + big(dns.type, 2) + big(1, 2);
    const std::string record = big(0xc00c, 2) + big(dns.type, 2) + big(1, 2) + big(300, 4) +  // name, type, class, TTL
                               counted(record_data(dns.type), 2);
    for (std::uint16_t i = 0; i < dns.answers; ++i) out += record;
    return out;
}

// RFC 8446, 4.1.2.
std::string client_hello(const TestHello& hello) {
    const bool is_tls13 = hello.version == 0x0304;
    std::string random;
    for (char i = 0; i < 32; ++i) random += i;
    std::string body = big(std::min<std::size_t>(hello.version, 0x0303), 2) + random;
    body += counted(is_tls13 ? std::string(32, 's') : std::string(), 1);  // session id
    body += is_tls13 ? numbers({0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030}, 2)
                     : numbers({0xc02b, 0xc02f, 0xc02c, 0xc030, 0x009c, 0x002f}, 2);
    body += counted(std::string(1, '\0'), 1);  // no compression
    body += counted(extensions(hello), 2);
    return big(0x160301, 3) + counted("\1" + counted(body, 3), 2);
}

std::string http_request(const TestRequest& request) {
    // HTTP/1.1 wants a Host line (RFC 9112, 3.2).
    std::string out = fmt::format("{} {} HTTP/{}\r\n", request.method, request.target, request.host ? "1.1" : "1.0");
    if (request.host) out += fmt::format("Host: {}\r\n", *request.host);
    if (request.user_agent) out += fmt::format("User-Agent: {}\r\n", *request.user_agent);
    return out + "\r\n";
}

std::string http_response(std::uint16_t status) {
    return fmt::format("HTTP/1.1 {:03} \r\nContent-Length: 0\r\n\r\n", status);  // the reason may be empty
}

}  // namespace weir::packet
