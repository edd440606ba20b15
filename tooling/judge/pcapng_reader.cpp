// Tested by tests/unit/tooling/capture_test.cpp with `capture`; tests/fuzz/capture.cpp fuzzes it.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tooling/judge/capture_bytes.h"
#include "tooling/judge/capture_format.h"

namespace weir::tooling {
namespace {

__extension__ using Wide = unsigned __int128;

// Section numbers are those of draft-ietf-opsawg-pcapng.
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kPacket = 2, kSimplePacket = 3,
                        kEnhancedPacket = 6;                                                  // 4
constexpr std::uint32_t kOrderMagic = 0x1a2b3c4d;                                             // 4.1
constexpr std::uint16_t kEndOfOptions = 0, kName = 2, kTimeResolution = 9, kTimeOffset = 14;  // 4.2
constexpr std::uint16_t kFlags = 2;              // of a packet: 4.3.1; the lowest two bits are its direction
constexpr std::uint32_t kFrameBytes = 12;        // of a block around its body: type and twice the length
constexpr std::size_t kMaxInterfaces = 65'536;   // of a section
constexpr std::size_t kMaxOptionBytes = 65'536;  // of an interface that are looked at
constexpr std::size_t kMaxNameBytes = 256;       // of an interface's name; a longer one is not kept
constexpr std::uint64_t kMaxTime_ns = std::uint64_t{1} << 62;  // the year 2116, behind what pcap can say

// As many ns as fit.
std::uint64_t clamped(Wide ns) { return ns > kMaxTime_ns ? kMaxTime_ns : static_cast<std::uint64_t>(ns); }

Wide power_of_ten(unsigned exponent) {
    Wide power = 1;
    for (unsigned i = 0; i < exponent; ++i) power *= 10;
    return power;
}

}  // namespace

std::optional<PcapngReader> PcapngReader::of(std::span<const std::uint8_t, 4> magic) {
    if (read32(magic.data(), ByteOrder::kLittle) != kSection) return std::nullopt;  // reads the same both ways
    return PcapngReader();
}

Status PcapngReader::begin(ByteStream& stream) { return section(stream); }

// Behind the block's type. Its length can be read once the byte order is known.
Status PcapngReader::section(ByteStream& stream) {
    std::array<std::uint8_t, 20> bytes{};  // length, byte order, version, length of the section
    if (Status read = read_all(stream, bytes); !read) return read;
    if (read32(bytes.data() + 4, ByteOrder::kLittle) == kOrderMagic)
        order_ = ByteOrder::kLittle;
    else if (read32(bytes.data() + 4, ByteOrder::kBig) == kOrderMagic)
        order_ = ByteOrder::kBig;
    else
        return damaged("a section without a byte order");
    const std::uint16_t major = read16(bytes.data() + 8, order_), minor = read16(bytes.data() + 10, order_);
    if (major != 1) return Error{fmt::format("its version, {}.{}, is unknown", major, minor), {}, 0};
    interfaces_.clear();
    Body body{read32(bytes.data(), order_), 0};
    if (body.total_bytes < kFrameBytes + 16 || body.total_bytes % 4 != 0)
        return damaged("the length of a section's head");
    body.left = body.total_bytes - kFrameBytes - 16;
    return end_block(stream, body);
}

Status PcapngReader::end_block(ByteStream& stream, Body& body) const {
    const auto skipped = stream.skip(body.left);
    if (!skipped) return skipped.error();
    std::array<std::uint8_t, 4> length{};
    if (Status read = read_all(stream, length); !read) return read;
    if (read32(length.data(), order_) != body.total_bytes) return damaged("a block whose two lengths differ");
    return Done{};
}

Status PcapngReader::interface(ByteStream& stream, Body& body) {
    std::array<std::uint8_t, 8> head{};
    if (body.left < head.size()) return damaged("a short description of an interface");
    if (interfaces_.size() == kMaxInterfaces) return damaged(fmt::format("more than {} interfaces", kMaxInterfaces));
    if (Status read = read_all(stream, head); !read) return read;
    body.left -= head.size();
    Interface interface;
    interface.link_type = read16(head.data(), order_);
    interface.snap_bytes = read32(head.data() + 4, order_);
    std::vector<std::uint8_t> options(std::min<std::uint64_t>(body.left, kMaxOptionBytes));
    if (Status read = read_all(stream, options); !read) return read;
    body.left -= options.size();
    for (std::size_t at = 0; at + 4 <= options.size();) {
        const std::uint16_t code = read16(&options[at], order_), length = read16(&options[at + 2], order_);
        at += 4;
        if (code == kEndOfOptions || at + length > options.size()) break;
        if (code == kName && length <= kMaxNameBytes) {
            const auto text = options.begin() + static_cast<std::ptrdiff_t>(at);
            interface.name.assign(text, std::find(text, text + length, std::uint8_t{0}));
        }
        if (code == kTimeResolution && length == 1) interface.resolution = options[at];
        if (code == kTimeOffset && length == 8) {
            const std::uint64_t low = read32(&options[at], order_), high = read32(&options[at + 4], order_);
            interface.offset_s =
                static_cast<std::int64_t>(order_ == ByteOrder::kLittle ? high << 32 | low : low << 32 | high);
        }
        at += (std::size_t{length} + 3) / 4 * 4;
    }
    interfaces_.push_back(std::move(interface));
    return Done{};
}

std::uint64_t PcapngReader::time_ns(const Interface& interface, std::uint64_t ticks) {
    const unsigned exponent = interface.resolution & 0x7f;
    Wide ns = ticks;
    if ((interface.resolution & 0x80) != 0)
        ns = ns * 1'000'000'000 >> exponent;
    else if (exponent <= 9)
        ns *= power_of_ten(9 - exponent);
    else
        ns = exponent - 9 > 19 ? 0 : ns / power_of_ten(exponent - 9);  // 2^64 has 20 digits
    const Wide offset_ns =
        Wide{interface.offset_s < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(interface.offset_s)
                                    : static_cast<std::uint64_t>(interface.offset_s)} *
        1'000'000'000;
    if (interface.offset_s < 0) return ns < offset_ns ? 0 : clamped(ns - offset_ns);
    return clamped(ns + offset_ns);
}

Status PcapngReader::frame(ByteStream& stream, Body& body, std::uint32_t captured, CaptureRecord& record) const {
    if (captured > body.left || captured > kMaxFrameBytes)
        return damaged(fmt::format("a packet of {} bytes", captured));
    record.bytes.resize(captured);
    body.left -= captured;
    return read_all(stream, record.bytes);
}

// The obsolete block differs in the width of the interface's number: 16 bits, then 16 of packets that were dropped.
Status PcapngReader::timed_packet(ByteStream& stream, Body& body, std::uint32_t type, CaptureRecord& record) const {
    std::array<std::uint8_t, 20> head{};
    if (body.left < head.size()) return damaged("a short packet block");
    if (Status read = read_all(stream, head); !read) return read;
    body.left -= head.size();
    const std::uint32_t interface = type == kPacket ? read16(head.data(), order_) : read32(head.data(), order_);
    if (interface >= interfaces_.size()) return damaged("a packet of an interface that is not described");
    const std::uint64_t high = read32(head.data() + 4, order_), low = read32(head.data() + 8, order_);
    record.link_type = interfaces_[interface].link_type;
    record.interface = interfaces_[interface].name;
    record.time_ns = time_ns(interfaces_[interface], high << 32 | low);
    record.direction.reset();
    record.original_bytes = read32(head.data() + 16, order_);
    if (Status read = frame(stream, body, read32(head.data() + 12, order_), record); !read) return read;
    return type == kEnhancedPacket ? packet_options(stream, body, record) : Done{};
}

// Which way the packet went, where its flags say so.
Status PcapngReader::packet_options(ByteStream& stream, Body& body, CaptureRecord& record) const {
    constexpr std::uint32_t kDirectionMask = 3, kInbound = 1, kOutbound = 2;
    const auto skipped = stream.skip(std::min<std::uint64_t>(body.left, (4 - record.bytes.size() % 4) % 4));
    if (!skipped) return skipped.error();
    body.left -= std::min<std::uint64_t>(body.left, (4 - record.bytes.size() % 4) % 4);
    std::vector<std::uint8_t> options(std::min<std::uint64_t>(body.left, kMaxOptionBytes));
    if (Status read = read_all(stream, options); !read) return read;
    body.left -= options.size();
    for (std::size_t at = 0; at + 4 <= options.size();) {
        const std::uint16_t code = read16(&options[at], order_), length = read16(&options[at + 2], order_);
        at += 4;
        if (code == kEndOfOptions || at + length > options.size()) break;
        if (code == kFlags && length == 4) {
            const std::uint32_t direction = read32(&options[at], order_) & kDirectionMask;
            if (direction == kInbound) record.direction = packet::Direction::kIn;
            if (direction == kOutbound) record.direction = packet::Direction::kOut;
        }
        at += (std::size_t{length} + 3) / 4 * 4;
    }
    return Done{};
}

// Of the first interface, without a time; as long as the interface's limit and the block allow.
Status PcapngReader::simple_packet(ByteStream& stream, Body& body, CaptureRecord& record) const {
    std::array<std::uint8_t, 4> head{};
    if (body.left < head.size()) return damaged("a short packet block");
    if (Status read = read_all(stream, head); !read) return read;
    body.left -= head.size();
    if (interfaces_.empty()) return damaged("a packet of an interface that is not described");
    const Interface& interface = interfaces_.front();
    record.link_type = interface.link_type;
    record.interface = interface.name;
    record.time_ns.reset();
    record.direction.reset();
    record.original_bytes = read32(head.data(), order_);
    std::uint32_t captured = record.original_bytes;
    if (interface.snap_bytes != 0) captured = std::min(captured, interface.snap_bytes);
    return frame(stream, body, captured, record);
}

Result<bool> PcapngReader::next(ByteStream& stream, CaptureRecord& record) {
    for (;;) {
        std::array<std::uint8_t, 4> word{};
        const auto got = stream.read(word);
        if (!got) return got.error();
        if (*got == ByteStream::Got::kEnd) return false;
        if (*got == ByteStream::Got::kCut) return Error{"it is cut short", {}, 0};
        const std::uint32_t type = read32(word.data(), order_);
        if (type == kSection) {
            if (Status read = section(stream); !read) return read.error();
            continue;
        }
        if (Status read = read_all(stream, word); !read) return read.error();
        Body body{read32(word.data(), order_), 0};
        if (body.total_bytes < kFrameBytes || body.total_bytes % 4 != 0) return damaged("the length of a block");
        body.left = body.total_bytes - kFrameBytes;
        Status read{Done{}};
        switch (type) {
            case kInterface: read = interface(stream, body); break;
            case kSimplePacket: read = simple_packet(stream, body, record); break;
            case kPacket:
            case kEnhancedPacket: read = timed_packet(stream, body, type, record); break;
            default: break;
        }
        if (!read) return read.error();
        if (Status ended = end_block(stream, body); !ended) return ended.error();
        if (type == kPacket || type == kSimplePacket || type == kEnhancedPacket) return true;
    }
}

}  // namespace weir::tooling
