// One frame as the oracle reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "compiler/packet/domain_name.h"
#include "compiler/packet/fields.h"
#include "grammar/value.h"

namespace weir::packet {

// The value of a field in a packet: bool, number (uint, port, MAC as 48 bits), address, bytes or text, name.
using FieldValue = std::variant<bool, std::uint64_t, IpAddress, std::string, DomainName>;

// What a packet has of its flow (language.md, "Flows"), itself counted.
struct FlowFacts {
    bool is_new = false, is_established = false, is_opened = false, is_from_client = false;
    std::uint64_t packets = 0, bytes = 0, age_ns = 0;
    std::optional<std::uint64_t> round_trip_ns{}, latency_ns{};
    std::optional<bool> is_retransmit{};  // TCP
};

// One frame, read as language.md "Reading" says.
class Packet {
public:
    explicit Packet(std::span<const std::uint8_t> frame);
    // Nothing where the packet does not have the field.
    const std::optional<FieldValue>& value(FieldId field) const;
    bool malformed() const { return malformed_; }
    // Live traffic has one; tests and replays where they say it.
    void set_interface(std::string name);
    // It is on its way out: no receive queue has had it.
    void set_outgoing();
    // It goes on with a hello that an earlier segment began. With the name if it brings that: then it is nothing else,
    // and no head of HTTP.
    void set_later_segment(std::optional<DomainName> name);

    void set_flow(const FlowFacts& flow);

private:
    // filled by the reader; see packet_reader.cpp
    friend class PacketReader;
    static std::size_t place(FieldId field) {
        return row_of(field) + (layer_of(field) == Layer::kInner ? std::size_t{kFieldRows} : 0);
    }
    std::vector<std::optional<FieldValue>> values_;
    bool malformed_ = false;
};

}  // namespace weir::packet
