/* Ethernet and the VLAN tags behind it. */
#ifndef WEIR_BPF_READ_LINK_H
#define WEIR_BPF_READ_LINK_H

#include "bpf/templates/read/place.h"

#define ETH_BYTES 14u
#define VLAN_BYTES 4u
#define VLAN_TAGS 2u
enum { ETHERTYPE_VLAN = 0x8100, ETHERTYPE_QINQ = 0x88a8 };

static __always_inline __u64 load_mac(const __u8* bytes) { return (__u64)load16(bytes) << 32 | load32(bytes + 2); }
static __always_inline void read_macs(struct weir_packet* p, const __u8* frame) {
    p->eth_dst = load_mac(frame);
    p->eth_src = load_mac(frame + 6);
    if (frame[0] & 1) p->present[WEIR_PRESENT_WORD(WEIR_IS_MULTICAST)] |= WEIR_BIT(WEIR_IS_MULTICAST);
}

static __always_inline int is_vlan(__u16 type) { return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; }

/* The tags of a frame; `type` is what stands at offset 12, and then the type behind the tags. */
struct weir_tags {
    __u16 type;
    __u16 id;
    __u8 pcp;
    __u8 depth;
};

GLOBAL_FUNCTION __u32 weir_read_vlan(weir_ctx* ctx, struct weir_tags* tags) {
    if (!tags) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u16 type = tags->type;
    __u32 at = ETH_BYTES, found = 0;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (!is_vlan(type)) break;
        if (frame + at + VLAN_BYTES > frame_end) return found | MALFORMED;
        if (i == 0) {
            __u16 tci = load16(frame + at);
            tags->id = tci & 0xfff;
            tags->pcp = tci >> 13;
            found = WEIR_BIT(WEIR_HAS_VLAN);
        }
        tags->depth = i + 1;
        type = load16(frame + at + 2);
        at += VLAN_BYTES;
    }
    if (is_vlan(type)) return found | MALFORMED;
    tags->type = type;
    return found;
}

/* The tags before what `*type` says, which then is the type behind them. */
static __always_inline __u32 read_tags(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, __u16* type) {
    struct weir_tags tags = {.type = *type};
    __u32 found = weir_read_vlan(ctx, &tags);
    if (weir_needs() & WEIR_NEED_TAGS) {
        p->vlan_id = tags.id;
        p->vlan_pcp = tags.pcp;
        p->vlan_depth = tags.depth;
    }
    if (found & MALFORMED) return found;
    *type = tags.type;
    place->at += tags.depth * VLAN_BYTES;
    return found;
}

#endif
