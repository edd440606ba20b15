// Tested by tests/unit/tooling/capture_test.cpp with `IEEE 802.11`.
#include "tooling/judge/link_type.h"

#include <fmt/format.h>

namespace weir::tooling {
namespace {

// Numbers of www.tcpdump.org/linktypes.html. `editcap -T ether` is no way for any of them: it renames the type and
// leaves the bytes, so that an IP header is read as MAC addresses.
struct LinkType {
    std::uint16_t number;
    const char* name;
    const char* advice;
};
constexpr const char* kOneInterface = "capture on one Ethernet interface: tcpdump -i eth0";
constexpr LinkType kLinkTypes[] = {
    {0, "BSD loopback", kOneInterface},
    {9, "PPP", "capture on the Ethernet interface that carries it"},
    {12, "raw IP",
     "capture on an Ethernet interface: these packets were taken where there are no MAC addresses (a tunnel)"},
    {101, "raw IP",
     "capture on an Ethernet interface: these packets were taken where there are no MAC addresses (a tunnel)"},
    {105, "IEEE 802.11", "capture on the Ethernet side of the access point"},
    {108, "OpenBSD loopback", kOneInterface},
    {113, "Linux cooked (the interface `any`)",
     "capture on one Ethernet interface (tcpdump -i eth0), or let tcpreplay's tcprewrite make Ethernet headers: "
     "tcprewrite --dlt=enet --enet-smac=02:00:00:00:00:02 --enet-dmac=02:00:00:00:00:01 --infile=IN --outfile=OUT"},
    {127, "IEEE 802.11 with radiotap", "capture on the Ethernet side of the access point"},
    {228, "raw IPv4",
     "capture on an Ethernet interface: these packets were taken where there are no MAC addresses (a tunnel)"},
    {229, "raw IPv6",
     "capture on an Ethernet interface: these packets were taken where there are no MAC addresses (a tunnel)"},
    {276, "Linux cooked v2 (the interface `any`)", kOneInterface},
};

const LinkType* find(std::uint16_t number) {
    for (const LinkType& one : kLinkTypes)
        if (one.number == number) return &one;
    return nullptr;
}

}  // namespace

std::string link_type_name(std::uint16_t link_type) {
    const LinkType* known = find(link_type);
    return known != nullptr ? known->name : fmt::format("link type {}", link_type);
}

std::string link_type_advice(std::uint16_t link_type) {
    const LinkType* known = find(link_type);
    return known != nullptr ? known->advice : kOneInterface;
}

}  // namespace weir::tooling
