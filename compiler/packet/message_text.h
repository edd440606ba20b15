// The payload of a test packet as the text of its options: `dns query "example.com" A`, `payload "GET /"`.
#pragma once

#include <string>
#include <string_view>

#include "compiler/packet/frame_builder.h"

namespace weir::packet {

// "…" with the escapes of the language, so that it stands for exactly these bytes.
std::string quoted(std::string_view bytes);
// hex"…"
std::string hex_literal(std::string_view bytes);

// What stands behind a packet of that protocol for this payload: a message where building that message gives exactly
// these bytes, else `payload`. Empty for an empty payload.
std::string payload_text(TestProtocol protocol, std::string_view payload);

}  // namespace weir::packet
