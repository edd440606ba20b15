// What a test packet carries: `dns query "example.com" A`, `tls hello "example.com" alpn "h2"`, `http get "/" host
// "h"`.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "compiler/packet/frame_builder.h"
#include "compiler/packet/message_builder.h"
#include "grammar/ast.h"

namespace weir::sema {

// Whether an option is part of the one before it: `hello "example.com"` of `tls`, a type in small letters of `dns`.
bool continues_message(const ast::PacketOption& before, const ast::PacketOption& option);
// Whether the word is an option of a message that takes one value, such as `rcode`.
bool is_message_value(std::string_view word);
// Whether that value is a number; the field whose names of values it takes, or empty.
bool is_message_number(std::string_view word);
std::string_view message_field(std::string_view word);

class MessageReader {
public:
    // What is wrong, and what to do about it.
    using Say = std::function<void(Span, std::string, std::string)>;
    MessageReader(packet::TestPacket& packet, Say say) : packet_(packet), say_(std::move(say)) {}

    static bool reads(std::string_view word);
    void read(const ast::PacketOption& option);
    // Makes the message that was read the packet's payload.
    void finish();

private:
    void read_dns(const ast::PacketOption& option);
    void read_tls(const ast::PacketOption& option);
    void read_http(const ast::PacketOption& option);
    void read_value(const ast::PacketOption& option);
    bool is_name(const ast::PacketOption& option, std::string_view name);

    packet::TestPacket& packet_;
    Say say_;
    std::variant<std::monostate, packet::TestDns, packet::TestHello, packet::TestRequest, std::uint16_t> message_;
    Span span_;  // of the message
};

}  // namespace weir::sema
