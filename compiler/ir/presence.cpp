// What follows from what a packet has: the reader of frames (bpf/templates/parse.h) sets these bits together.
#include <array>

#include "compiler/ir/box.h"

namespace weir::ir {
namespace {

constexpr std::uint32_t kLinkBits = WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_ETH_TYPE);
constexpr std::uint32_t kIpBits = kLinkBits | WEIR_BIT(WEIR_HAS_IP);
constexpr std::uint32_t kTransportBits = kIpBits | WEIR_BIT(WEIR_HAS_IP_PROTO) | WEIR_BIT(WEIR_HAS_PAYLOAD);
constexpr std::uint32_t kPortBits = kTransportBits | WEIR_BIT(WEIR_HAS_PORTS);
constexpr std::uint32_t kProtocols = WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_UDP) | WEIR_BIT(WEIR_HAS_SCTP) |
                                     WEIR_BIT(WEIR_HAS_ICMP) | WEIR_BIT(WEIR_HAS_ICMP6);

struct Fact {
    std::uint32_t bit;
    std::uint32_t ones;   // that come with it
    std::uint32_t zeros;  // that never do
};
constexpr Fact kFacts[] = {
    {WEIR_HAS_ETH, WEIR_BIT(WEIR_HAS_ALWAYS), 0},
    {WEIR_HAS_ETH_TYPE, WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_ETH), 0},
    {WEIR_HAS_VLAN, WEIR_BIT(WEIR_HAS_ALWAYS) | WEIR_BIT(WEIR_HAS_ETH), 0},
    {WEIR_HAS_ARP, kLinkBits, WEIR_BIT(WEIR_HAS_IP)},
    {WEIR_HAS_ARP_IP, WEIR_BIT(WEIR_HAS_ARP), 0},
    {WEIR_HAS_IP, kLinkBits, WEIR_BIT(WEIR_HAS_ARP)},
    {WEIR_HAS_IP4, kIpBits, WEIR_BIT(WEIR_HAS_IP6)},
    {WEIR_HAS_IP6, kIpBits, WEIR_BIT(WEIR_HAS_IP4)},
    {WEIR_HAS_IP_PROTO, kIpBits, 0},
    {WEIR_HAS_IP_ID, kIpBits, 0},
    {WEIR_HAS_TCP, kPortBits, kProtocols & ~WEIR_BIT(WEIR_HAS_TCP)},
    {WEIR_HAS_UDP, kPortBits, kProtocols & ~WEIR_BIT(WEIR_HAS_UDP)},
    {WEIR_HAS_SCTP, kPortBits, kProtocols & ~WEIR_BIT(WEIR_HAS_SCTP)},
    {WEIR_HAS_PORTS, kTransportBits, WEIR_BIT(WEIR_HAS_ICMP) | WEIR_BIT(WEIR_HAS_ICMP6)},
    {WEIR_HAS_ICMP, kTransportBits | WEIR_BIT(WEIR_HAS_IP4),
     (kProtocols & ~WEIR_BIT(WEIR_HAS_ICMP)) | WEIR_BIT(WEIR_HAS_PORTS)},
    {WEIR_HAS_ICMP_ECHO, WEIR_BIT(WEIR_HAS_ICMP), 0},
    {WEIR_HAS_ICMP6, kTransportBits | WEIR_BIT(WEIR_HAS_IP6),
     (kProtocols & ~WEIR_BIT(WEIR_HAS_ICMP6)) | WEIR_BIT(WEIR_HAS_PORTS)},
    {WEIR_HAS_ICMP6_ECHO, WEIR_BIT(WEIR_HAS_ICMP6), 0},
    {WEIR_HAS_TCP_MSS, WEIR_BIT(WEIR_HAS_TCP), 0},
    {WEIR_HAS_PAYLOAD, kTransportBits, 0},
    {WEIR_IS_FRAGMENT, kIpBits, 0},
    {WEIR_IS_MF, kIpBits | WEIR_BIT(WEIR_IS_FRAGMENT), 0},
    {WEIR_IS_DF, kIpBits | WEIR_BIT(WEIR_HAS_IP4), 0},
    {WEIR_IS_HAS_OPTIONS, kIpBits, 0},
};

// By bit, all that follows from it being one.
using Closure = std::array<Presence, 32>;

constexpr Closure close() {
    Closure closure{};
    for (std::uint32_t bit = 0; bit < 32; ++bit) closure[bit].ones = WEIR_BIT(bit);
    for (const Fact& fact : kFacts) {
        closure[fact.bit].ones |= fact.ones;
        closure[fact.bit].zeros |= fact.zeros;
    }
    for (int round = 0; round < 8; ++round)  // the longest chain is shorter
        for (Presence& known : closure)
            for (std::uint32_t bit = 0; bit < 32; ++bit)
                if (known.ones & WEIR_BIT(bit)) {
                    known.ones |= closure[bit].ones;
                    known.zeros |= closure[bit].zeros;
                }
    return closure;
}
constexpr Closure kClosure = close();

}  // namespace

Presence implied(Presence presence) {
    Presence all = presence;
    for (std::uint32_t bit = 0; bit < 32; ++bit)
        if (presence.ones & WEIR_BIT(bit)) {
            all.ones |= kClosure[bit].ones;
            all.zeros |= kClosure[bit].zeros;
        }
    // What would bring a bit that is not there is not there.
    const std::uint32_t zeros = all.zeros;
    for (std::uint32_t bit = 0; zeros != 0 && bit < 32; ++bit)
        if (kClosure[bit].ones & zeros) all.zeros |= WEIR_BIT(bit);
    return all;
}

Presence reduced(Presence presence) {
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
        if (((presence.ones | presence.zeros) & WEIR_BIT(bit)) == 0) continue;
        Presence rest = presence;
        rest.ones &= ~WEIR_BIT(bit);
        rest.zeros &= ~WEIR_BIT(bit);
        const Presence follows = implied(rest);
        if (presence.ones & follows.ones & WEIR_BIT(bit)) presence.ones &= ~WEIR_BIT(bit);
        if (presence.zeros & follows.zeros & WEIR_BIT(bit)) presence.zeros &= ~WEIR_BIT(bit);
    }
    return presence;
}

}  // namespace weir::ir
