// Tested by tests/unit/sema/packet_text_test.cpp with `messages as text`.
#include "compiler/packet/message_text.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "compiler/packet/message_builder.h"
#include "compiler/packet/value_names.h"

namespace weir::packet {
namespace {

// Reads big-endian numbers and counted strings; past the end it fails for good.
class Cursor {
public:
    explicit Cursor(std::string_view bytes) : left_(bytes) {}
    std::string_view take(std::size_t bytes) {
        if (bytes > left_.size()) is_short_ = true, left_ = {};
        const std::string_view taken = left_.substr(0, std::min(bytes, left_.size()));
        left_.remove_prefix(taken.size());
        return taken;
    }
    std::size_t number(std::size_t bytes) {
        std::size_t value = 0;
        for (const char c : take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    std::string_view counted(std::size_t length_bytes) { return take(number(length_bytes)); }
    bool is_at_end() const { return left_.empty(); }
    bool is_short() const { return is_short_; }

private:
    std::string_view left_;
    bool is_short_ = false;
};

std::string upper(std::string_view word) {
    std::string out(word);
    for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

// The word of a DNS type, or its number. A word that begins with a capital belongs to the option before it.
std::string type_text(std::uint16_t type) {
    for (const ValueName& known : value_names(FieldId::kDnsQtype))
        if (known.value == type) return upper(known.name);
    return std::to_string(type);
}

std::string dns_text(std::string_view payload) {
    Cursor cursor(payload);
    TestDns dns;
    cursor.take(2);
    const std::size_t flags = cursor.number(2);
    cursor.take(2);
    dns.is_response = (flags & 0x8000u) != 0;
    dns.rcode = flags & 15u;
    dns.answers = static_cast<std::uint16_t>(cursor.number(2));
    cursor.take(4);
    for (std::string_view label = cursor.counted(1); !label.empty(); label = cursor.counted(1))
        dns.name.append(dns.name.empty() ? "" : ".").append(label);
    dns.type = static_cast<std::uint16_t>(cursor.number(2));
    if (cursor.is_short() || dns.answers > kMaxTestAnswers || dns.name.size() > kMaxDomainBytes) return {};
    if ((!dns.is_response && (dns.rcode != 0 || dns.answers != 0)) || dns_message(dns) != payload) return {};
    std::string out =
        fmt::format(" dns {} {} {}", dns.is_response ? "response" : "query", quoted(dns.name), type_text(dns.type));
    if (dns.rcode != 0) out += fmt::format(" rcode {}", dns.rcode);
    if (dns.answers != 0) out += fmt::format(" answers {}", dns.answers);
    return out;
}

std::string tls_text(std::string_view payload) {
    Cursor record(payload);
    record.take(3);
    Cursor cursor(record.counted(2));
    cursor.take(1 + 3);
    TestHello hello;
    hello.version = static_cast<std::uint16_t>(cursor.number(2));
    cursor.take(32);
    cursor.counted(1);
    cursor.counted(2);
    cursor.counted(1);
    for (Cursor extensions(cursor.counted(2)); !extensions.is_at_end() && !extensions.is_short();) {
        const std::size_t type = extensions.number(2);
        Cursor data(extensions.counted(2));
        if (type == 43) hello.version = 0x0304;
        if (type != 0 && type != 16) continue;
        Cursor list(data.counted(2));
        if (type == 0) list.take(1);
        const std::string_view name = list.counted(type == 0 ? 2 : 1);
        if (type == 0)
            hello.name = name;
        else
            hello.alpn = name;
    }
    if (hello.name.size() > 255 || hello.version < 0x0300 || client_hello(hello) != payload) return {};
    std::string out = fmt::format(" tls hello {}", quoted(hello.name));
    if (hello.alpn) out += fmt::format(" alpn {}", quoted(*hello.alpn));
    if (hello.version != 0x0304) out += fmt::format(" version {:#06x}", hello.version);
    return out;
}

std::string status_text(std::string_view payload) {
    constexpr std::string_view kVersion = "HTTP/1.1 ";
    if (!payload.starts_with(kVersion)) return {};
    std::uint16_t status = 0;
    for (const char c : payload.substr(kVersion.size(), 3)) {
        if (c < '0' || c > '9') return {};
        status = static_cast<std::uint16_t>(status * 10 + (c - '0'));
    }
    return http_response(status) == payload ? fmt::format(" http status {}", status) : std::string();
}

std::string http_text(std::string_view payload) {
    constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                             "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    const std::size_t space = payload.find(' ');
    const std::size_t end = payload.find("\r\n");
    const std::size_t version = end == std::string_view::npos ? end : payload.rfind(' ', end);
    if (version == std::string_view::npos || version <= space) return status_text(payload);
    TestRequest request{std::string(payload.substr(0, space)),
                        std::string(payload.substr(space + 1, version - space - 1)), std::nullopt, std::nullopt};
    for (std::size_t at = end + 2; at < payload.size();) {
        const std::size_t next = payload.find("\r\n", at);
        if (next == std::string_view::npos) return {};
        const std::string_view line = payload.substr(at, next - at);
        if (line.starts_with("Host: ")) request.host = line.substr(6);
        if (line.starts_with("User-Agent: ")) request.user_agent = line.substr(12);
        at = next + 2;
    }
    const bool is_known = std::find(std::begin(kMethods), std::end(kMethods), request.method) != std::end(kMethods);
    if (!is_known || http_request(request) != payload) return status_text(payload);
    std::string method = request.method;
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string out = fmt::format(" http {} {}", method, quoted(request.target));
    if (request.host) out += fmt::format(" host {}", quoted(*request.host));
    if (request.user_agent) out += fmt::format(" user_agent {}", quoted(*request.user_agent));
    return out;
}

bool is_readable(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t'; });
}

}  // namespace

std::string quoted(std::string_view bytes) {
    std::string out = "\"";
    for (const char c : bytes) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (c >= ' ' && c <= '~')
            out += c;
        else
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return out + '"';
}

std::string hex_literal(std::string_view bytes) {
    std::string out = "hex\"";
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out + '"';
}

std::string payload_text(TestProtocol protocol, std::string_view payload) {
    if (payload.empty()) return {};
    std::string out;
    if (protocol == TestProtocol::kUdp) out = dns_text(payload);
    if (protocol == TestProtocol::kTcp) out = payload[0] == '\x16' ? tls_text(payload) : http_text(payload);
    if (!out.empty()) return out;
    return " payload " + (is_readable(payload) ? quoted(payload) : hex_literal(payload));
}

}  // namespace weir::packet
