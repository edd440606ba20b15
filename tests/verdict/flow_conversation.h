// Conversations of which flows are kept: segments, and what all evaluators say of one after the other.
#pragma once

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/packet/direction.h"
#include "tests/support/engines.h"
#include "tests/support/frames.h"

namespace weir::tests::flows {

constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000, kMinute = 60 * kSecond;
constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

// A segment of the client, 198.51.100.7:4000 -> 192.0.2.1:80, or of the server.
enum class From { kClient, kServer };
struct Segment {
    From from = From::kClient;
    std::uint8_t flags = kAck;
    std::uint32_t seq = 0, ack = 0;
    Bytes payload{};
    std::uint8_t ttl = 64;  // 1: the policy drops it; 2: it rejects it
    packet::Direction direction = packet::Direction::kIn;
    std::uint16_t client_port = 4000, server_port = 80;
};
inline Bytes frame_of(const Segment& s) {
    const bool is_client = s.from == From::kClient;
    Tcp header;
    header.source = is_client ? s.client_port : s.server_port;
    header.destination = is_client ? s.server_port : s.client_port;
    header.seq = s.seq;
    header.ack = s.ack;
    header.flags = s.flags;
    Ip4 ip;
    ip.ttl = s.ttl;
    ip.source = hex(is_client ? kSource4 : kDestination4);
    ip.destination = hex(is_client ? kDestination4 : kSource4);
    return eth(0x0800) + ip4(ip, tcp(header, s.payload));
}
inline Segment client(std::uint8_t flags, std::uint32_t seq = 0, std::uint32_t ack = 0, Bytes payload = {}) {
    return {From::kClient, flags, seq, ack, std::move(payload)};
}
inline Segment server(std::uint8_t flags, std::uint32_t seq = 0, std::uint32_t ack = 0, Bytes payload = {}) {
    return {From::kServer, flags, seq, ack, std::move(payload)};
}

inline Segment out(Segment segment) {
    segment.direction = packet::Direction::kOut;
    return segment;
}
inline Segment with_ttl(std::uint8_t ttl, Segment segment) {
    segment.ttl = ttl;
    return segment;
}

inline Bytes between(std::uint8_t protocol, const Bytes& body, From from = From::kClient, std::uint16_t fragment = 0) {
    Ip4 ip;
    ip.protocol = protocol;
    ip.fragment = fragment;
    ip.source = hex(from == From::kClient ? kSource4 : kDestination4);
    ip.destination = hex(from == From::kClient ? kDestination4 : kSource4);
    return eth(0x0800) + ip4(ip, body);
}

// What all evaluators say of one packet after the other.
class Conversation {
public:
    // `more`: rules of a case.
    explicit Conversation(const std::string& more = {}) {
        auto created = Evaluators::create(
            "default pass\n"
            "rule n { when flow.is_new then add ip.src to seen }\n"
            "rule e { when flow.established then add ip.src to seen }\n"
            "rule o { when flow.opened then add ip.src to seen }\n"
            "rule c { when flow.is_from_client then add ip.src to seen }\n"
            "rule r { when tcp.is_retransmit then add ip.src to seen }\n"
            "rule t { when flow.rtt >= 0s then add ip.src to seen }\n"
            "rule none { when not flow.packets >= 1 then add ip.src to seen }\n" +
            more +
            "rule dropped { when ip.ttl == 1 then drop }\nrule refused { when ip.ttl == 2 then reject }\n"
            "set seen : ip\n");
        INFO(why_not(created));
        REQUIRE(created);
        evaluators_ = std::move(*created);
        further_ = evaluators_->compiled().policy.rules.size() - 9;
    }

    void begin() { evaluators_->reset(), now_ns_ = 0; }
    void after(std::uint64_t ns) { now_ns_ += ns; }
    // What holds: n, e, o, c, r, t; x: the packet belongs to no flow. Then the further rules by number.
    std::string see(const Bytes& frame, packet::Direction direction = packet::Direction::kIn) {
        std::string difference;
        const Judged judged = evaluators_->judge(frame, difference, now_ns_, {}, direction);
        INFO(to_hex(frame));
        INFO(difference);
        CHECK(difference.empty());
        std::string seen;
        for (std::size_t rule = 0; rule < 7; ++rule)
            if (judged.has_matched(rule)) seen += "neocrtx"[rule];
        for (std::size_t rule = 0; rule < further_; ++rule)
            if (judged.has_matched(7 + rule)) seen += std::to_string(rule);
        return seen;
    }
    std::string see(const Segment& segment) { return see(frame_of(segment), segment.direction); }
    // SYN, SYN-ACK, ACK with numbers 100 and 900.
    void open() {
        CHECK(see(client(kSyn, 100)) == "nc");
        CHECK(see(server(kSyn | kAck, 900, 101)) == "");
        CHECK(see(client(kAck, 101, 901)) == "eoct");
    }

private:
    std::unique_ptr<Evaluators> evaluators_;
    std::size_t further_ = 0;
    std::uint64_t now_ns_ = 0;
};

}  // namespace weir::tests::flows
