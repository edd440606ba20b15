// Captures as bytes, written from the formats' drafts and not with weir's own writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tests {

enum class Order { kLittle, kBig };

inline std::string number(std::uint64_t value, unsigned bytes, Order order = Order::kLittle) {
    std::string out;
    for (unsigned i = 0; i < bytes; ++i)
        out += static_cast<char>(value >> 8 * (order == Order::kLittle ? i : bytes - 1 - i));
    return out;
}
inline std::string u16(std::uint64_t value, Order order = Order::kLittle) { return number(value, 2, order); }
inline std::string u32(std::uint64_t value, Order order = Order::kLittle) { return number(value, 4, order); }
inline std::string padded4(std::string bytes) {
    bytes.append((4 - bytes.size() % 4) % 4, '\0');
    return bytes;
}

inline std::string pcap_head(Order order = Order::kLittle, std::uint32_t magic = 0xa1b2c3d4,
                             std::uint32_t link_type = 1, std::uint16_t minor = 4) {
    return u32(magic, order) + u16(2, order) + u16(minor, order) + u32(0, order) + u32(0, order) + u32(65535, order) +
           u32(link_type, order);
}
inline std::string pcap_packet(std::string_view bytes, std::uint32_t seconds = 1, std::uint32_t fraction = 0,
                               Order order = Order::kLittle, std::uint32_t original = 0) {
    return u32(seconds, order) + u32(fraction, order) + u32(bytes.size(), order) +
           u32(original == 0 ? bytes.size() : original, order) + std::string(bytes);
}

inline std::string block(std::uint32_t type, const std::string& body, Order order = Order::kLittle) {
    return u32(type, order) + u32(body.size() + 12, order) + body + u32(body.size() + 12, order);
}
inline std::string section(Order order = Order::kLittle) {
    return block(0x0a0d0d0a, u32(0x1a2b3c4d, order) + u16(1, order) + u16(0, order) + number(~0ull, 8, order), order);
}
inline std::string option(std::uint16_t code, const std::string& value, Order order = Order::kLittle) {
    return u16(code, order) + u16(value.size(), order) + padded4(value);
}
inline std::string interface(std::uint16_t link_type = 1, std::uint32_t snap_bytes = 0, const std::string& options = {},
                             Order order = Order::kLittle) {
    return block(1, u16(link_type, order) + u16(0, order) + u32(snap_bytes, order) + options, order);
}
inline std::string enhanced_packet(std::uint32_t interface, std::string_view bytes, std::uint64_t ticks = 0,
                                   Order order = Order::kLittle, std::uint32_t original = 0,
                                   const std::string& options = {}) {
    return block(6,
                 u32(interface, order) + u32(ticks >> 32, order) + u32(ticks & 0xffffffff, order) +
                     u32(bytes.size(), order) + u32(original == 0 ? bytes.size() : original, order) +
                     padded4(std::string(bytes)) + options,
                 order);
}

}  // namespace weir::tests
