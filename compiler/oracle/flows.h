// Flows: docs/language.md, "Flows". The compiled path has a table of cells that are found by a print; the oracle has a
// map by what a flow is, with what each of its ends has done.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>

#include "compiler/packet/direction.h"
#include "compiler/packet/packet.h"

namespace weir::oracle {

class Flows {
public:
    // `size`: flows that are remembered.
    explicit Flows(std::uint64_t size) : size_(size) {}

    // Gives the packet the fields of its flow, itself counted. Changes nothing.
    void look_up(packet::Packet& packet, std::uint64_t now_ns) const;
    // The packet passes, or was answered: with its flow ends what is rejected. What is dropped is not entered.
    enum class As : std::uint8_t { kPassed, kRejected };
    void enter(const packet::Packet& packet, std::uint64_t now_ns, packet::Direction direction, As as);

    std::size_t size() const { return flows_.size(); }
    std::uint64_t evictions() const { return evictions_; }

private:
    struct End {  // an address, and a port or the number of an echo
        IpAddress address;
        std::uint64_t port = 0;
        friend auto operator<=>(const End&, const End&) = default;
    };
    struct Key {
        std::uint64_t protocol = 0;
        End low, high;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    // Of a TCP connection: how far a SYN of this end has come.
    enum class Handshake : std::uint8_t { kNone, kSyn, kAnswered, kDone };
    // What one end has done.
    struct Sender {
        bool has_sent = false;
        bool has_acknowledged = false;                       // TCP: a segment with ACK
        Handshake handshake = Handshake::kNone;              // TCP
        std::optional<std::uint32_t> next_number{};          // TCP: behind the highest that it has sent
        std::optional<std::uint32_t> acknowledged_number{};  // TCP: what the other end has acknowledged last
    };
    struct Flow {
        bool is_tcp = false;
        bool is_seen_from_syn = false;
        bool has_fin = false;
        bool is_established = false;
        bool is_syn_of_host = false;
        std::size_t client = 0;  // of `senders`
        std::array<Sender, 2> senders{};
        std::uint64_t packets = 0, bytes = 0;
        std::uint64_t first_ns = 0, last_ns = 0;
        std::uint64_t syn_ns = 0;                  // of the last SYN before an answer
        std::optional<std::uint64_t> answer_ns{};  // of the first SYN-ACK
        std::optional<std::uint64_t> round_trip_ns{};
        std::optional<std::uint64_t> request_ns{};  // of the last head of a request

        std::uint64_t lasts_ns() const;
        bool is_over(std::uint64_t now_ns) const { return now_ns >= last_ns && now_ns - last_ns >= lasts_ns(); }
    };
    struct Segment;  // what of a packet flows are about

    static std::optional<Segment> read(const packet::Packet& packet);
    static void take(Flow& flow, const Segment& segment, std::uint64_t now_ns, packet::Direction direction);
    static void take_tcp(Flow& flow, const Segment& segment, std::uint64_t now_ns, packet::Direction direction);
    static void take_numbers(Flow& flow, const Segment& segment);
    static bool ends(const Flow& flow, const Segment& segment);
    const Flow* known(const Segment& segment, std::uint64_t now_ns) const;
    void make_room(std::uint64_t now_ns);

    std::uint64_t size_;
    std::map<Key, Flow> flows_;
    std::uint64_t evictions_ = 0;
};

}  // namespace weir::oracle
