// Tested by tests/unit/sema/packet_message_test.cpp with `dns of a test packet`.
#include "compiler/sema/packet_message.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "compiler/packet/value_names.h"

namespace weir::sema {
namespace {

struct DnsType {
    std::string_view word;
    std::uint16_t number;
};
constexpr DnsType kDnsTypes[] = {{"a", 1},    {"ns", 2},    {"cname", 5}, {"soa", 6},    {"ptr", 12}, {"mx", 15},
                                 {"txt", 16}, {"aaaa", 28}, {"srv", 33},  {"https", 65}, {"any", 255}};
constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                         "CONNECT", "OPTIONS", "TRACE", "PATCH"};
// Options with one value, and the message that has them.
struct MessageValue {
    std::string_view word;
    std::string_view message;
};
constexpr MessageValue kValues[] = {{"rcode", "dns response"}, {"answers", "dns response"}, {"alpn", "tls hello"},
                                    {"version", "tls hello"},  {"host", "http get"},        {"user_agent", "http get"}};

std::string in_case(std::string_view word, char first, char other) {
    std::string out(word);
    for (char& c : out) c = c >= other && c <= other + 25 ? static_cast<char>(c - other + first) : c;
    return out;
}
std::string lower(std::string_view word) { return in_case(word, 'a', 'A'); }
std::string upper(std::string_view word) { return in_case(word, 'A', 'a'); }

std::optional<std::uint16_t> dns_type(std::string_view word) {
    const std::string small = lower(word);
    for (const packet::ValueName& known : packet::value_names(packet::FieldId::kDnsQtype))
        if (known.name == small) return static_cast<std::uint16_t>(known.value);
    for (const DnsType& known : kDnsTypes)
        if (known.word == small) return known.number;
    return std::nullopt;
}

const MessageValue* message_value(std::string_view word) {
    const auto* known =
        std::find_if(std::begin(kValues), std::end(kValues), [&](const MessageValue& v) { return v.word == word; });
    return known == std::end(kValues) ? nullptr : known;
}

template <typename T>
const T* only(const std::vector<ast::Literal>& values, std::size_t at = 0) {
    return at < values.size() ? std::get_if<T>(&values[at].value) : nullptr;
}

}  // namespace

bool continues_message(const ast::PacketOption& before, const ast::PacketOption& option) {
    const std::string& word = before.word.text;
    if (word == "tls" || word == "http") return before.words.empty() && before.values.empty();
    const bool is_bare = option.values.empty() && option.words.empty();
    return word == "dns" && is_bare && before.words.size() == 1 && dns_type(option.word.text);
}

bool is_message_value(std::string_view word) { return message_value(word) != nullptr; }

bool is_message_number(std::string_view word) { return word == "rcode" || word == "answers" || word == "version"; }

std::string_view message_field(std::string_view word) { return word == "rcode" ? "dns.rcode" : ""; }

bool MessageReader::reads(std::string_view word) {
    return word == "dns" || word == "tls" || word == "http" || is_message_value(word);
}

void MessageReader::read(const ast::PacketOption& option) {
    const std::string& word = option.word.text;
    if (is_message_value(word)) return read_value(option);
    if (packet_.protocol != (word == "dns" ? packet::TestProtocol::kUdp : packet::TestProtocol::kTcp))
        return say_(option.word.span, fmt::format("a packet of this protocol has no `{}`", word), {});
    if (!std::holds_alternative<std::monostate>(message_) || !packet_.payload.empty())
        return say_(option.span, "this packet has its payload already", "a packet carries one payload or message");
    span_ = option.span;
    if (word == "dns") return read_dns(option);
    if (word == "tls") return read_tls(option);
    read_http(option);
}

// Whether a DNS name can be sent.
bool MessageReader::is_name(const ast::PacketOption& option, std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.size() > packet::kMaxDomainBytes) {
        say_(option.span, fmt::format("a name of {} bytes", name.size()),
             fmt::format("at most {}", packet::kMaxDomainBytes));
        return false;
    }
    for (std::size_t begin = 0; begin <= name.size() && !name.empty();) {
        const std::size_t end = std::min(name.find('.', begin), name.size());
        if (end == begin) return say_(option.span, "an empty label in a name", {}), false;
        if (end - begin > packet::kMaxLabelBytes)
            return say_(option.span, fmt::format("a label of {} bytes", end - begin),
                        fmt::format("at most {}", packet::kMaxLabelBytes)),
                   false;
        begin = end + 1;
    }
    return true;
}

// dns query "example.com" A, dns response "example.com" 65
void MessageReader::read_dns(const ast::PacketOption& option) {
    const auto* name = only<Text>(option.values);
    packet::TestDns dns;
    bool is_shaped = name != nullptr && !option.words.empty() && option.words.size() + option.values.size() <= 3;
    if (is_shaped) {
        dns.is_response = option.words[0].text == "response";
        is_shaped = dns.is_response || option.words[0].text == "query";
    }
    if (is_shaped && option.words.size() == 2) {
        const auto type = dns_type(option.words[1].text);
        is_shaped = type.has_value();
        dns.type = type.value_or(0);
    }
    if (is_shaped && option.values.size() == 2) {
        const auto* type = only<Integer>(option.values, 1);
        is_shaped = type != nullptr && type->value <= 0xffff;
        dns.type = is_shaped ? static_cast<std::uint16_t>(type->value) : std::uint16_t{0};
    }
    if (!is_shaped) return say_(option.span, "this is not a DNS message", "write `dns query \"example.com\" A`");
    if (!is_name(option, name->bytes)) return;
    dns.name = name->bytes;
    message_ = dns;
}

// tls hello "example.com"
void MessageReader::read_tls(const ast::PacketOption& option) {
    constexpr std::size_t kMaxName = 255;
    const auto* name = only<Text>(option.values);
    if (name == nullptr || option.values.size() != 1 || option.words.size() != 1 || option.words[0].text != "hello")
        return say_(option.span, "this is not a ClientHello", "write `tls hello \"example.com\"`");
    if (name->bytes.size() > kMaxName)
        return say_(option.span, fmt::format("a name of {} bytes", name->bytes.size()),
                    fmt::format("at most {}", kMaxName));
    message_ = packet::TestHello{name->bytes};
}

// http get "/a?b", http status 503
void MessageReader::read_http(const ast::PacketOption& option) {
    const std::string word = option.words.size() == 1 && option.values.size() == 1 ? option.words[0].text : "";
    if (word == "status") {
        const auto* status = only<Integer>(option.values);
        if (status == nullptr || status->value > 999)
            return say_(option.span, "a status is a number of three digits", "write `http status 503`");
        message_ = static_cast<std::uint16_t>(status->value);
        return;
    }
    const auto* target = only<Text>(option.values);
    const auto* method = std::find(std::begin(kMethods), std::end(kMethods), upper(word));
    if (method == std::end(kMethods) || target == nullptr)
        return say_(option.span, "this is neither a request nor an answer",
                    "write `http get \"/\"` (or head, post, put, delete, connect, options, trace, patch), or "
                    "`http status 503`");
    message_ = packet::TestRequest{std::string(*method), target->bytes, {}, {}};
}

void MessageReader::read_value(const ast::PacketOption& option) {
    const std::string& word = option.word.text;
    auto* dns = std::get_if<packet::TestDns>(&message_);
    auto* hello = std::get_if<packet::TestHello>(&message_);
    auto* request = std::get_if<packet::TestRequest>(&message_);
    const std::string_view of = message_value(word)->message;
    if ((of.starts_with("dns") && (dns == nullptr || !dns->is_response)) ||
        (of.starts_with("tls") && hello == nullptr) || (of.starts_with("http") && request == nullptr))
        return say_(option.span, fmt::format("`{}` without a message that has it", word),
                    fmt::format("write it after `{} …`", of));
    const auto* number = option.values.size() == 1 ? only<Integer>(option.values) : nullptr;
    const auto* text = option.values.size() == 1 ? only<Text>(option.values) : nullptr;
    if (word == "alpn" || word == "host" || word == "user_agent") {
        if (text == nullptr) return say_(option.span, fmt::format("`{}` takes a text", word), {});
        if (word == "alpn" && text->bytes.size() > 255)
            return say_(option.span, "a protocol's name is too long", "at most 255 bytes");
        if (word == "alpn")
            hello->alpn = text->bytes;
        else
            (word == "host" ? request->host : request->user_agent) = text->bytes;
        return;
    }
    if (number == nullptr) return say_(option.span, fmt::format("`{}` takes a number", word), {});
    if (word == "version") {
        if (number->value < 0x0300 || number->value > 0x0304)
            return say_(option.span, fmt::format("{:#06x} is no version of TLS", number->value),
                        "write 0x0301 to 0x0304: TLS 1.0 to 1.3");
        hello->version = static_cast<std::uint16_t>(number->value);
        return;
    }
    const std::uint64_t limit = word == "rcode" ? 15 : packet::kMaxTestAnswers;
    if (number->value > limit)
        return say_(option.span, fmt::format("{} is too large for `{}`", number->value, word),
                    fmt::format("at most {}", limit));
    if (word == "rcode")
        dns->rcode = static_cast<std::uint8_t>(number->value);
    else
        dns->answers = static_cast<std::uint16_t>(number->value);
}

void MessageReader::finish() {
    if (std::holds_alternative<std::monostate>(message_)) return;
    if (!packet_.payload.empty())
        return say_(span_, "this packet has its payload already", "a packet carries one payload or message");
    if (const auto* dns = std::get_if<packet::TestDns>(&message_)) packet_.payload = packet::dns_message(*dns);
    if (const auto* hello = std::get_if<packet::TestHello>(&message_)) packet_.payload = packet::client_hello(*hello);
    if (const auto* request = std::get_if<packet::TestRequest>(&message_))
        packet_.payload = packet::http_request(*request);
    if (const auto* status = std::get_if<std::uint16_t>(&message_)) packet_.payload = packet::http_response(*status);
}

}  // namespace weir::sema
