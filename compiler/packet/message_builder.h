// Messages in test packets: what a client or server of today sends, lengths right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::packet {

inline constexpr std::size_t kMaxLabelBytes = 63;    // RFC 1035, 2.3.4
inline constexpr std::size_t kMaxDomainBytes = 253;  // of its text: 255 on the wire
inline constexpr std::uint16_t kMaxTestAnswers = 500;

struct TestDns {
    bool is_response = false;
    std::string name{};  // may end in a dot; what is above kMaxLabelBytes, or kMaxDomainBytes, is cut
    std::uint16_t type = 1;
    std::uint8_t rcode = 0;
    std::uint16_t answers = 0;
};
// A DNS message of one question; an answer is a record of the question's name and type.
std::string dns_message(const TestDns& dns);

struct TestHello {
    std::string name{};                 // empty: no server_name extension
    std::optional<std::string> alpn{};  // 255 bytes at most
    // The highest version that the client offers: 0x0304 by the extension supported_versions, with 0x0303 in the field.
    std::uint16_t version = 0x0304;
};
// One TLS record with a ClientHello.
std::string client_hello(const TestHello& hello);

struct TestRequest {
    std::string method{};  // in capitals
    std::string target{};
    std::optional<std::string> host{};
    std::optional<std::string> user_agent{};
};
std::string http_request(const TestRequest& request);
std::string http_response(std::uint16_t status);

}  // namespace weir::packet
