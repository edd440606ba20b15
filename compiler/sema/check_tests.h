// Test blocks: names resolved, packets made into frames.
#pragma once

#include "compiler/packet/frame_builder.h"
#include "compiler/policy/typed_policy.h"
#include "compiler/sema/condition.h"
#include "compiler/sema/names.h"

namespace weir::sema {

class TestChecker {
public:
    // `typed`: of the policy, its sets and rules checked.
    TestChecker(const Sources& sources, const Names& names, const policy::TypedPolicy& typed,
                ConditionChecker& conditions)
        : sources_(sources), names_(names), typed_(typed), conditions_(conditions) {}
    policy::Test check(const ast::Policy& policy, const ast::Test& test);
    // The one packet of a text such as "tcp 10.0.0.1:4000 -> 10.0.0.2:22 syn"; several where a port is a range.
    std::vector<std::vector<std::uint8_t>> frames(const ast::PacketSpec& spec);
    // The interface that the packet comes in on; empty where its text does not say.
    std::string interface(const ast::PacketSpec& spec);

private:
    static constexpr std::uint64_t kMaxFrameBytes = 256'000'000;  // that are kept: a repeated packet is kept once

    policy::TestStep step(const ast::Policy& policy, const ast::Step& step);
    policy::Expectation expectation(const ast::Outcome& outcome);
    // check_expect.cpp
    policy::ExpectMember member(const ast::Policy& policy, const ast::ExpectStep& step, Span span);
    policy::SendFrames sent(const ast::SendStep& send);
    void check_direction(const policy::SendFrames& sent, const ast::SendStep& send);
    std::vector<ast::PacketOption> named_values(std::vector<ast::PacketOption> options, packet::TestProtocol protocol);
    // The frames of a packet, without the tunnels that it is inside of.
    std::vector<std::vector<std::uint8_t>> inner_frames(const ast::PacketSpec& spec);
    void read_options(packet::TestPacket& packet, const std::vector<ast::PacketOption>& options);
    // check_tunnels.cpp
    bool read_tunnel_number(const ast::Tunnel& tunnel, packet::TunnelHeader& header);
    bool read_tunnel_ends(const ast::Tunnel& tunnel, std::uint16_t port, packet::TestPacket& outer);
    std::vector<std::vector<std::uint8_t>> tunnelled(std::vector<std::vector<std::uint8_t>> frames,
                                                     const ast::Tunnel& tunnel, packet::TunnelHeader header);
    // The frames of all tests take too much memory.
    void too_large(Span span);
    void wrong(Span span, std::string message, std::string help = {});

    const Sources& sources_;
    const Names& names_;
    const policy::TypedPolicy& typed_;
    ConditionChecker& conditions_;
    std::uint64_t frames_ = 0;       // sent by all tests of the policy
    std::uint64_t frame_bytes_ = 0;  // of those that are kept
};

}  // namespace weir::sema
