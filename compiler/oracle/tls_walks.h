// Names of TLS hellos that come in later segments: docs/language.md, "TLS in later segments". The compiled path keeps
// the place of each walk; the oracle keeps the segments and reads them again as a whole.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "compiler/packet/packet.h"

namespace weir::oracle {

class TlsWalks {
public:
    static constexpr std::size_t kMaxWalks = 16'384;                   // at a time; the longest idle one is evicted
    static constexpr std::uint64_t kMaxAgeNs = 10ull * 1'000'000'000;  // of the first segment: a later one is younger

    static constexpr std::uint64_t kMaxPauseNs = 300ull * 1'000'000'000;  // once it has its name: of the last segment

    // Gives the packet the name that it brings, if a walk that waits for it is under way.
    void read(packet::Packet& packet, std::uint64_t now_ns);
    std::size_t size() const { return walks_.size(); }

private:
    // One direction of a TCP connection.
    struct Key {
        IpAddress source;
        IpAddress destination;
        std::uint64_t source_port = 0;
        std::uint64_t destination_port = 0;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Walk {
        std::vector<std::uint8_t> payload{};  // of all segments so far
        std::vector<std::size_t> starts{};    // of the second and each further one, in it
        std::uint32_t next_seq = 0;
        std::uint64_t first_ns = 0;
        std::uint64_t last_ns = 0;
        bool has_name = false;

        bool is_over(std::uint64_t now_ns) const {
            return now_ns >= (has_name ? last_ns + kMaxPauseNs : first_ns + kMaxAgeNs);
        }
    };
    void start(const Key& key, Walk walk);

    std::map<Key, Walk> walks_;
};

}  // namespace weir::oracle
