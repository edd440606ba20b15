// A packet in the making: fields are set in any order, each bringing along the headers that it needs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/packet/fields.h"
#include "compiler/packet/frame_builder.h"
#include "compiler/packet/message_builder.h"
#include "compiler/packet/probe_head.h"
#include "grammar/base/seeded.h"
#include "grammar/value.h"

namespace weir::packet {

// Within a range of addresses of one version; ends inclusive.
IpAddress address_between(Seeded& random, const IpAddress& first, const IpAddress& last);
IpAddress random_address(Seeded& random, std::uint8_t version);

enum class Polarity : std::uint8_t { kHolds, kFails };
constexpr Polarity opposite(Polarity polarity) {
    return polarity == Polarity::kHolds ? Polarity::kFails : Polarity::kHolds;
}

enum class Side : std::uint8_t { kBelow, kAbove };
// The address before or after; the first follows the last.
IpAddress neighbour(IpAddress address, Side side);

enum class PayloadEnd : std::uint8_t { kThere, kOpen };  // the payload ends where the bytes end, or goes on

class ProbePacket {
public:
    explicit ProbePacket(Seeded& random);
    // Begins with this packet; addresses that it needs besides are those of the documentation.
    ProbePacket(Seeded& random, TestPacket packet) : random_(random), is_plain_(true), packet_(std::move(packet)) {}
    // As a test step of that protocol that says nothing more: documentation addresses, no payload.
    ProbePacket(Seeded& random, TestProtocol protocol);

    // The packet gets the header that has the field.
    void need(FieldId field);
    void set_flag(FieldId field, bool value);
    // Cut to the field's width. A MAC address is its 48 bits.
    void set_number(FieldId field, std::uint64_t value);
    void need_address(FieldId field);
    void set_address(FieldId field, const IpAddress& address);
    const IpAddress& address(FieldId field) const;
    // True unless another field has asked for the other version.
    bool may_have(FieldId field, std::uint8_t version) const {
        if (layer_of(field) == Layer::kInner && !within_.empty()) return within_.front().may_have(version);
        return layer_of(field) == Layer::kInner || may_have(version);
    }
    // A name or text other than the interface's.
    void set_text(FieldId field, std::string_view text);
    void put_payload(std::size_t offset, std::string_view bytes, PayloadEnd end);
    void cut_payload(std::size_t bytes) { packet_.payload.resize(std::min(packet_.payload.size(), bytes)); }
    // The packet is one without the field, as far as there are such.
    void lack(FieldId field);
    // It becomes an answer: addresses and ports are exchanged.
    void turn();
    // Of TCP; the payload goes.
    void set_handshake(std::uint8_t tcp_flags, std::uint32_t seq, std::uint32_t ack_seq);

    // Other values, with the protocol and IP version that it has.
    void randomise();
    // What few rules ask for gets values, too: tags, codes, labels, numbers of TCP.
    void randomise_rest();
    std::vector<std::uint8_t> frame() const;

private:
    bool may_have(std::uint8_t version) const { return !version_fixed_ || packet_.source.version == version; }
    void set_protocol(TestProtocol protocol);
    void set_protocol_number(std::uint64_t number);
    void need_ports();
    void need_vlan(std::size_t tags);
    bool set_dns_number(FieldId field, std::uint64_t value);
    void lack_layer(std::uint8_t present_bit);
    void need_link(std::uint8_t present_bit);
    void need_dns();
    void need_hello();
    ProbePacket& within();
    bool need_tunnel(FieldId field);
    bool set_tunnel_number(FieldId field, std::uint64_t value);
    bool set_tunnel_flag(FieldId field, bool value);
    std::vector<std::uint8_t> around(const std::vector<std::uint8_t>& frame) const;
    void need_http(std::uint8_t present_bit);
    void set_version(std::uint8_t version);
    void set_ip_bytes(std::uint64_t bytes);
    bool set_ip_flag(FieldId field, bool value);
    bool set_link_number(FieldId field, std::uint64_t value);
    bool set_ip_number(FieldId field, std::uint64_t value);
    bool set_transport_number(FieldId field, std::uint64_t value);

    std::size_t extension_bytes() const;
    void spoil(std::vector<std::uint8_t>& frame) const;
    IpAddress new_address(std::uint8_t version, std::uint8_t last);

    Seeded& random_;
    bool is_plain_ = false;  // it gets what fields ask for, and nothing at random
    TestPacket packet_{};
    bool version_fixed_ = false;
    bool malformed_ = false;
    std::optional<std::uint8_t> other_protocol_{};  // in the IP header, before what is no such header
    std::optional<std::uint16_t> other_ether_type_{};
    std::optional<TestDns> dns_{};
    std::optional<TestHello> hello_{};
    std::vector<ProbePacket> within_{};  // the packet in this one: none, or one
    TunnelHeader tunnel_{};
    bool is_error_ = false;  // an ICMP error about it instead
    TestHead head_{};
};

}  // namespace weir::packet
