// The reader of frames behind Packet: packet_reader.cpp reads headers, inside_reader.cpp what is behind them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "compiler/packet/packet.h"

namespace weir::packet {

class PacketReader {
public:
    PacketReader(Packet& packet, std::span<const std::uint8_t> frame)
        : packet_(packet), frame_(frame), end_(frame.size()), said_end_(end_) {
        packet_.values_.resize(2 * std::size_t{kFieldRows});
    }
    void read();

private:
    // Of the packet that begins at `at` of what `outer` reads. `said_end`: of its last header, as far as that is known.
    PacketReader(const PacketReader& outer, std::size_t at, std::size_t said_end)
        : packet_(outer.packet_),
          frame_(outer.frame_),
          layer_(Layer::kInner),
          at_(at),
          end_(outer.end_),
          said_end_(said_end) {}

    // The header at `at_` needs `bytes`: are they within the datagram (or, before there is one, the frame)? Where only
    // what an ICMP error has of a packet ends before, that is no fault.
    bool reaches(std::size_t bytes) {
        if (at_ + bytes <= end_) return true;
        is_cut_ = is_cut_ || at_ + bytes <= said_end_;
        return false;
    }
    std::uint64_t number(std::size_t at, std::size_t bytes) const {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | frame_[at + i];
        return value;
    }
    IpAddress address(std::size_t at, std::uint8_t version) const {
        IpAddress address;
        address.version = version;
        std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(at), version == 4 ? 4 : 16, address.bytes.begin());
        return address;
    }
    template <typename T>
    void set(FieldId field, T value) {
        packet_.values_[Packet::place(field_id(layer_, row_of(field)))].emplace(std::in_place_type<T>,
                                                                                std::move(value));
    }
    void set_number(FieldId field, std::uint64_t value) { set(field, value); }
    template <typename T>
    void set_if(FieldId field, const std::optional<T>& value) {
        if (value) set(field, *value);
    }
    void set_number_if(FieldId field, const std::optional<std::uint64_t>& value) { set_if(field, value); }
    void fault() { malformed_ = malformed_ || !is_cut_; }

    void ethernet();
    bool vlan_tags(std::uint64_t& type);
    std::optional<int> pppoe();
    std::optional<int> mpls();
    void arp();
    void ip4();
    void ip6();
    bool source_route(std::size_t begin, std::size_t end) const;
    bool extensions(std::uint64_t& protocol, bool& later_fragment);
    void extension_met(std::uint64_t protocol);
    void transport(std::uint64_t protocol, int version);
    void tcp_ports();
    bool tcp();
    bool udp();
    bool icmp(int version);
    bool sctp();
    void tcp_options(std::size_t begin, std::size_t end);
    void dns(std::span<const std::uint8_t> payload);
    void tls(std::span<const std::uint8_t> payload);
    void http(std::span<const std::uint8_t> payload);
    void messages(std::uint64_t protocol);
    void tunnels(std::uint64_t protocol);
    void icmp_error(int version);
    void read_inner(std::uint64_t type);

    Packet& packet_;
    std::span<const std::uint8_t> frame_;
    Layer layer_ = Layer::kOuter;
    bool malformed_ = false;
    bool is_cut_ = false;          // what an ICMP error has of the packet ended before a header did
    std::size_t at_ = 0;           // where the next header begins
    std::size_t end_ = 0;          // of the frame, then of the datagram, as far as they are there
    std::size_t said_end_ = 0;     // of the datagram as its header says: beyond end_ in ICMP errors only
    bool first_fragment_ = false;  // more fragments follow, and this is the first
};

}  // namespace weir::packet
