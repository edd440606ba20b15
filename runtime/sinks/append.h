// Numbers, addresses, times and text that others wrote, appended to a buffer: what lines of events are made of. Nothing
// here allocates, unless the buffer grows.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/sinks/text_buffer.h"

namespace weir::runtime {

void append_number(TextBuffer& to, std::uint64_t number);
// `digits` of them, small letters.
void append_hex(TextBuffer& to, std::uint64_t number, int digits);
// IPv4 dotted, IPv6 as RFC 5952; `words` as in struct weir_packet.
void append_address(TextBuffer& to, const std::uint32_t (&words)[4], std::uint8_t version);
// "02:00:00:00:00:01"; the first byte on the wire is the highest.
void append_mac(TextBuffer& to, std::uint64_t mac);
// "2026-01-02T03:04:05.678901", UTC.
void append_time(TextBuffer& to, std::uint64_t realtime_ns);
// RFC 4648, 4.
void append_base64(TextBuffer& to, std::span<const std::uint8_t> bytes);

// kPrintable: as printable() returns it. kJson: the same, as the content of a JSON string, in ASCII.
enum class TextForm : std::uint8_t { kPrintable, kJson };
void append_text(TextBuffer& to, std::string_view text, TextForm form);
// A byte that is printable ASCII.
void append_ascii(TextBuffer& to, char byte, TextForm form);

}  // namespace weir::runtime
