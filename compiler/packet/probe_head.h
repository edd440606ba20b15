// A head of HTTP/1 in the making, for probe packets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/packet/fields.h"

namespace weir::packet {

struct TestHead {
    std::string method = "GET";
    std::string target = "/";
    std::optional<std::string> host{};
    std::optional<std::string> user_agent{};
    std::optional<std::uint16_t> status{};  // of a response
    bool is_cut = false;

    // What the presence bit asks for is there.
    void need(std::uint8_t present_bit);
    void set_text(FieldId field, std::string_view text);
    std::string payload() const;
};

}  // namespace weir::packet
