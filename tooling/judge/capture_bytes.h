// Numbers in a capture's byte order, and reading them.
#pragma once

#include <cstdint>
#include <span>

#include "tooling/judge/capture_format.h"

namespace weir::tooling {

inline std::uint32_t read32(const std::uint8_t* bytes, ByteOrder order) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{bytes[i]} << 8 * (order == ByteOrder::kLittle ? i : 3 - i);
    return value;
}
inline std::uint16_t read16(const std::uint8_t* bytes, ByteOrder order) {
    const unsigned low = order == ByteOrder::kLittle ? 0 : 1;
    return static_cast<std::uint16_t>(bytes[low] | bytes[1 - low] << 8);
}

inline Error damaged(std::string what) { return {"it is damaged: " + std::move(what), {}, 0}; }

// All of `bytes`, or an error: the capture must not end within a record.
inline Status read_all(ByteStream& stream, std::span<std::uint8_t> bytes) {
    const auto got = stream.read(bytes);
    if (!got) return got.error();
    if (*got == ByteStream::Got::kAll) return Done{};
    return Error{"it is cut short", "the last packet is not whole: was the capture stopped while it was written?", 0};
}

}  // namespace weir::tooling
