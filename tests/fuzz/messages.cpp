// Any bytes as the payload of a packet: the kernel's readers, on this CPU, and the oracle's say the same of it. The
// first byte says of which protocol, the second how much padding follows the payload.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/packet/dns_reader.h"
#include "compiler/packet/http_reader.h"
#include "compiler/packet/tls_reader.h"
#include "grammar/base/check.h"
#include "tests/fuzz/templates_host.h"

namespace {

using weir::packet::DomainName;

constexpr std::uint32_t kHeaderBytes = 42;

struct Frame {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(kHeaderBytes, 0xa5);
    std::uint32_t payload_bytes = 0;

    std::span<const std::uint8_t> payload() const { return std::span(bytes).subspan(kHeaderBytes, payload_bytes); }
    std::string text(std::uint32_t text) const {
        const std::size_t begin = WEIR_TEXT_OFFSET(text), size = WEIR_TEXT_BYTES(text);
        WEIR_CHECK(begin >= kHeaderBytes && begin + size <= kHeaderBytes + payload_bytes);
        return {bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(begin + size)};
    }
};

bool has(std::uint32_t found, std::uint32_t bit) { return (found & WEIR_BIT(bit)) != 0; }

void check_name(const weir_inside& inside, const DomainName& name) {
    const std::string text(reinterpret_cast<const char*>(inside.name), inside.name_length);
    WEIR_CHECK(text == name.text());
    WEIR_CHECK(inside.name_labels == name.labels.size());
    WEIR_CHECK(
        std::all_of(inside.name + text.size(), inside.name + text.size() + 8, [](auto byte) { return byte == 0; }));
    std::size_t at = 0;
    for (std::size_t i = 0; i < name.labels.size(); ++i) {
        WEIR_CHECK(inside.is_dotted != 0 || inside.label_starts[i] == at);
        at += name.labels[i].size() + 1;
    }
}

void check_dns(const Frame& frame) {
    weir_inside inside{};
    const std::uint32_t found =
        host_read_dns(frame.bytes.data(), frame.bytes.size(), kHeaderBytes, frame.payload_bytes, &inside);
    const auto message = weir::packet::read_dns(frame.payload());
    WEIR_CHECK(has(found, WEIR_HAS_DNS) == message.has_value());
    if (!message) return;
    WEIR_CHECK(has(found, WEIR_IS_DNS_RESPONSE) == message->is_response);
    WEIR_CHECK(inside.dns_qtype == message->qtype);
    WEIR_CHECK(inside.dns_rcode == message->rcode);
    WEIR_CHECK(inside.dns_answers == message->answers);
    check_name(inside, message->qname);
}

void check_text(const Frame& frame, bool is_there, std::uint32_t text, const std::optional<std::string>& expected) {
    WEIR_CHECK(is_there == expected.has_value());
    if (expected) WEIR_CHECK(frame.text(text) == *expected);
}

void check_http(const Frame& frame) {
    weir_inside inside{};
    const std::uint32_t found =
        host_read_http(frame.bytes.data(), frame.bytes.size(), kHeaderBytes, frame.payload_bytes, &inside);
    const auto head = weir::packet::read_http(frame.payload());
    WEIR_CHECK(has(found, WEIR_HAS_HTTP) == head.has_value());
    if (!head) return;
    const bool is_request = has(found, WEIR_HAS_HTTP_REQUEST);
    check_text(frame, is_request, inside.http_method, head->method);
    check_text(frame, is_request, inside.http_target, head->target);
    check_text(frame, is_request, inside.http_path, head->path);
    check_text(frame, has(found, WEIR_HAS_USER_AGENT), inside.http_user_agent, head->user_agent);
    WEIR_CHECK(has(found, WEIR_HAS_HTTP_STATUS) == head->status.has_value());
    if (head->status) WEIR_CHECK(inside.http_status == *head->status);
    WEIR_CHECK(has(found, WEIR_HAS_HTTP_HOST) == head->host.has_value());
    if (head->host) check_name(inside, *head->host);
    WEIR_CHECK(has(found, WEIR_IS_HTTP_CUT) == head->is_cut);
}

void check_tls(const Frame& frame) {
    weir_inside inside{};
    const std::uint32_t found =
        host_read_tls(frame.bytes.data(), frame.bytes.size(), kHeaderBytes, frame.payload_bytes, &inside);
    const auto record = weir::packet::read_tls(frame.payload());
    WEIR_CHECK(has(found, WEIR_HAS_TLS) == record.has_value());
    if (!record) return;
    WEIR_CHECK(has(found, WEIR_IS_CLIENT_HELLO) == record->is_client_hello);
    WEIR_CHECK(has(found, WEIR_IS_TLS_CUT) == record->is_cut);
    WEIR_CHECK(has(found, WEIR_HAS_TLS_VERSION) == record->version.has_value());
    if (record->version) WEIR_CHECK(inside.tls_version == *record->version);
    check_text(frame, has(found, WEIR_HAS_ALPN), inside.tls_alpn, record->alpn);
    WEIR_CHECK(has(found, WEIR_HAS_SNI) == record->sni.has_value());
    if (record->sni) check_name(inside, *record->sni);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t padding = std::min<std::size_t>(bytes[1] % 32, size - 2);
    Frame frame;
    frame.bytes.insert(frame.bytes.end(), bytes + 2, bytes + size);
    frame.payload_bytes = static_cast<std::uint32_t>(size - 2 - padding);
    constexpr void (*kChecks[])(const Frame&) = {check_dns, check_http, check_tls};
    kChecks[bytes[0] % std::size(kChecks)](frame);
    return 0;
}
