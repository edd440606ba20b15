/* A frame into struct weir_packet, as docs/language.md "What weir reads" says. */
#ifndef WEIR_BPF_READ_FRAME_H
#define WEIR_BPF_READ_FRAME_H

#include "bpf/templates/egress.h"
#include "bpf/templates/read/arp.h"
#include "bpf/templates/read/ip4.h"
#include "bpf/templates/read/ip6.h"
#include "bpf/templates/read/link.h"
#include "bpf/templates/read/place.h"
#include "bpf/templates/read/transport.h"

/* All that comes after Ethernet's addresses. */
static __always_inline __u32 read_network(weir_ctx* ctx, struct weir_packet* p, __u16 type) {
    __u32 found = WEIR_BIT(WEIR_HAS_ETH_TYPE);
    struct weir_place place = {.at = ETH_BYTES, .end = p->len};
    p->eth_type = type;
    if ((type != ETHERTYPE_IP4 && type != ETHERTYPE_IP6) || WEIR_HAS_TAG_BESIDE(ctx)) { /* one branch for plain IP */
        if (is_vlan(type) || WEIR_HAS_TAG_BESIDE(ctx)) {
            p->eth_type = 0;
            __u32 tags = read_tags(ctx, p, &place, &type);
            if (tags & MALFORMED) return tags;
            found |= tags;
            p->eth_type = type;
        }
        if (type == ETHERTYPE_ARP) return found | read_arp(ctx, p, &place);
        if (is_pppoe_or_mpls(type)) {
            found |= read_link(ctx, p, &place, &type);
            if (found & MALFORMED) return found;
        }
    }
    if (type == ETHERTYPE_IP4)
        found |= read_ip4(ctx, p, &place);
    else if (type == ETHERTYPE_IP6)
        found |= read_ip6(ctx, p, &place);
    else
        return found;
    /* A fragment that is not the first has no transport header. */
    if ((found & MALFORMED) || p->ip_frag_offset) return found;
    return found | read_transport(ctx, p, place, found);
}

/* Where the packet came in, or leaves by. In tests that is entry 0 of weir_ifaces, which is no interface's number;
 * without that entry the test does not say where. */
static __always_inline __u32 read_interface(weir_ctx* ctx, struct weir_packet* p) {
    if (!(weir_needs() & WEIR_NEED_IFACE)) return weir_settings.trace ? 0 : WEIR_BIT(WEIR_HAS_IFACE);
    if (!weir_settings.trace) {
        p->ifindex = CTX_IFINDEX(ctx);
        if (!WEIR_IS_EGRESS) p->rx_queue = CTX_RX_QUEUE(ctx);
    }
    const __u32* matches = bpf_map_lookup_elem(&weir_ifaces, &p->ifindex);
    if (matches)
        p->iface_matches = *matches;
    else if (weir_settings.trace)
        return 0;
    return WEIR_BIT(WEIR_HAS_IFACE);
}

/* Fills `p`, which must be zero. Its address goes to no global function, so that of a policy that reads two fields LLVM
 * keeps two. */
static __always_inline void read_frame(weir_ctx* ctx, struct weir_packet* p) {
    const __u8* frame = FRAME(ctx);
    p->len = WEIR_HAS_SKB || weir_settings.frames == WEIR_FRAMES_OF_SEVERAL ? ALL_BUFFERS_LEN(ctx) : FRAME_LEN(ctx);
    __u32 found = MALFORMED;
    if (frame + ETH_BYTES <= FRAME_END(ctx)) {
        if (weir_needs() & WEIR_NEED_MAC) read_macs(p, frame);
        found = WEIR_BIT(WEIR_HAS_ETH) | read_network(ctx, p, load16(frame + 12));
    }
    if (WEIR_HAS_SKB) p->rx_queue = weir_merged(ctx);
    if (WEIR_HAS_TAG_BESIDE(ctx)) p->len += WEIR_TAG_BYTES; /* the wire has it in the frame */
    /* Last: its bit would be one more number that outlives the calls above. */
    p->present[0] = found | WEIR_BIT(WEIR_HAS_ALWAYS) | read_interface(ctx, p);
}

#endif
