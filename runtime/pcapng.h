// Captures that weir writes: pcapng (draft-ietf-opsawg-pcapng) with Ethernet frames, each with a comment, its interface
// and what became of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::runtime {

enum class PacketDirection : std::uint8_t { kUnknown, kIn, kOut };

struct PcapngPacket {
    std::span<const std::uint8_t> bytes{};  // what there is of the frame
    std::uint32_t original_bytes = 0;       // on the wire
    std::uint64_t time_ns = 0;              // since 1970
    std::string_view interface{};           // its name; empty: not said
    std::string_view comment{};             // UTF-8
    PacketDirection direction = PacketDirection::kUnknown;
    std::optional<std::uint32_t> verdict{};  // enum weir_verdict
};

// One section: its head, then packets. What is returned is to be written in that order, all of it.
class PcapngSection {
public:
    static constexpr std::uint32_t kMagic = 0x0a0d0d0a;  // that each section begins with

    std::string begin();
    // Describes the packet's interface, too, where it is the first of that.
    std::string packet(const PcapngPacket& packet);

private:
    std::string interface_block(const std::string& name);

    std::map<std::string, std::uint32_t, std::less<>> interfaces_{};  // described so far, by name; without one: 0
};

}  // namespace weir::runtime
