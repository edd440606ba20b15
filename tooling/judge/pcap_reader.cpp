// Tested by tests/unit/tooling/capture_test.cpp with `capture`; tests/fuzz/capture.cpp fuzzes it.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tooling/judge/capture_bytes.h"
#include "tooling/judge/capture_format.h"

namespace weir::tooling {
namespace {

// The last is A. Kuznetzov's, whose records have eight bytes more.
struct Magic {
    std::uint32_t number;
    std::uint32_t tick_ns;
    std::size_t record_header_bytes;
};
constexpr Magic kMagics[] = {{0xa1b2c3d4, 1000, 16}, {0xa1b23c4d, 1, 16}, {0xa1b2cd34, 1000, 24}};

}  // namespace

std::optional<PcapReader> PcapReader::of(std::span<const std::uint8_t, 4> magic) {
    for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig})
        for (const Magic& one : kMagics)
            if (read32(magic.data(), order) == one.number) {
                PcapReader reader;
                reader.order_ = order;
                reader.tick_ns_ = one.tick_ns;
                reader.record_header_bytes_ = one.record_header_bytes;
                return reader;
            }
    return std::nullopt;
}

Status PcapReader::begin(ByteStream& stream) {
    std::array<std::uint8_t, 20> header{};
    if (Status read = read_all(stream, header); !read) return read;
    const std::uint16_t major = read16(header.data(), order_);
    minor_version_ = read16(header.data() + 2, order_);
    if (major != 2) return Error{fmt::format("its version, {}.{}, is unknown", major, minor_version_), {}, 0};
    // The upper bits are about a frame check sequence.
    link_type_ = static_cast<std::uint16_t>(read32(header.data() + 16, order_));
    return Done{};
}

Result<bool> PcapReader::next(ByteStream& stream, CaptureRecord& record) {
    std::array<std::uint8_t, 24> header{};
    const std::span<std::uint8_t> bytes(header.data(), record_header_bytes_);
    const auto got = stream.read(bytes.first(1));
    if (!got) return got.error();
    if (*got == ByteStream::Got::kEnd) return false;
    if (Status read = read_all(stream, bytes.subspan(1)); !read) return read.error();
    std::uint32_t captured = read32(header.data() + 8, order_), original = read32(header.data() + 12, order_);
    // Before version 2.3 the lengths stood the other way round, and some writers of 2.3 did not know it.
    if (minor_version_ < 3 || (minor_version_ == 3 && captured > original)) std::swap(captured, original);
    if (captured > kMaxFrameBytes) return damaged(fmt::format("a packet of {} bytes", captured));
    record.bytes.resize(captured);
    if (Status read = read_all(stream, record.bytes); !read) return read.error();
    record.original_bytes = original;
    record.time_ns = std::uint64_t{read32(header.data(), order_)} * 1'000'000'000 +
                     std::uint64_t{read32(header.data() + 4, order_)} * tick_ns_;
    record.link_type = link_type_;
    return true;
}

}  // namespace weir::tooling
