// Bytes as text (RFC 4648, 4).
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weir::runtime {

inline std::string base64(std::span<const std::uint8_t> bytes) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t three = 0;
        const std::size_t there = bytes.size() - at < 3 ? bytes.size() - at : 3;
        for (std::size_t i = 0; i < 3; ++i) three = three << 8 | (i < there ? bytes[at + i] : 0u);
        for (std::size_t i = 0; i < 4; ++i) text += i <= there ? kDigits[three >> (18 - 6 * i) & 63] : '=';
    }
    return text;
}

}  // namespace weir::runtime
