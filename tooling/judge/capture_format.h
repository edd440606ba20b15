// The two formats of captures, as records of a stream: pcap (draft-ietf-opsawg-pcap) and pcapng
// (draft-ietf-opsawg-pcapng). What is read at once is bounded, whatever the file says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/packet/direction.h"
#include "grammar/base/result.h"
#include "tooling/judge/byte_stream.h"

namespace weir::tooling {

inline constexpr std::size_t kMaxFrameBytes = 262'144;  // what tcpdump and Wireshark capture at most
inline constexpr std::uint16_t kEthernet = 1;           // LINKTYPE_ETHERNET

// One packet. `bytes` has what was captured of it; the packet had `original_bytes`.
struct CaptureRecord {
    std::vector<std::uint8_t> bytes{};
    std::uint32_t original_bytes = 0;
    std::optional<std::uint64_t> time_ns{};  // since 1970; pcapng's simple packets have none
    std::uint16_t link_type = 0;
    std::string interface{};                       // its name, of pcapng; empty: not said
    std::optional<packet::Direction> direction{};  // of pcapng
};

enum class ByteOrder : std::uint8_t { kLittle, kBig };

// Readers begin behind the first four bytes, the magic number. Errors have neither path nor place.
class PcapReader {
public:
    // Nothing where `magic`, four bytes, does not begin a pcap.
    static std::optional<PcapReader> of(std::span<const std::uint8_t, 4> magic);
    Status begin(ByteStream& stream);
    // False at the end.
    Result<bool> next(ByteStream& stream, CaptureRecord& record);
    std::uint16_t link_type() const { return link_type_; }

private:
    ByteOrder order_ = ByteOrder::kLittle;
    std::uint32_t tick_ns_ = 1000;
    std::size_t record_header_bytes_ = 16;
    std::uint32_t minor_version_ = 4;
    std::uint16_t link_type_ = 0;
};

class PcapngReader {
public:
    static std::optional<PcapngReader> of(std::span<const std::uint8_t, 4> magic);
    Status begin(ByteStream& stream);
    Result<bool> next(ByteStream& stream, CaptureRecord& record);

private:
    struct Interface {
        std::uint16_t link_type = 0;
        std::uint32_t snap_bytes = 0;  // 0: no limit
        std::uint8_t resolution = 6;   // if_tsresol: 10^-n s, with the highest bit 2^-n s
        std::int64_t offset_s = 0;     // if_tsoffset
        std::string name{};            // if_name
    };
    // A block's body, of which some is left to be read.
    struct Body {
        std::uint32_t total_bytes = 0;
        std::uint64_t left = 0;
    };

    Status section(ByteStream& stream);
    Status interface(ByteStream& stream, Body& body);
    Status timed_packet(ByteStream& stream, Body& body, std::uint32_t type, CaptureRecord& record) const;
    Status simple_packet(ByteStream& stream, Body& body, CaptureRecord& record) const;
    Status frame(ByteStream& stream, Body& body, std::uint32_t captured, CaptureRecord& record) const;
    Status packet_options(ByteStream& stream, Body& body, CaptureRecord& record) const;
    Status end_block(ByteStream& stream, Body& body) const;
    static std::uint64_t time_ns(const Interface& interface, std::uint64_t ticks);

    ByteOrder order_ = ByteOrder::kLittle;
    std::vector<Interface> interfaces_{};  // of this section
};

}  // namespace weir::tooling
