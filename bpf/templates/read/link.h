/* Ethernet, and what may stand between it and IP: VLAN tags, then a PPPoE session or MPLS labels. */
#ifndef WEIR_BPF_READ_LINK_H
#define WEIR_BPF_READ_LINK_H

#include "bpf/templates/egress.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/read/ip4.h"
#include "bpf/templates/read/ip6.h"
#include "bpf/templates/read/place.h"

#define ETH_BYTES 14u
#define VLAN_BYTES 4u
#define VLAN_TAGS 2u
#define PPPOE_BYTES 6u
#define LABEL_BYTES 4u
#define LABELS 4u
#define LABEL_BOTTOM 0x100u
#define LABEL_NUMBER_SHIFT 12
enum {
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_OLD_QINQ = 0x9100,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_UPSTREAM = 0x8848,
    ETHERTYPE_PPPOE = 0x8864,
    PPPOE_VERSION_TYPE_CODE = 0x1100, /* version 1, type 1, code 0: a session */
    PPP_IP4 = 0x21,
    PPP_IP6 = 0x57
};

static __always_inline __u64 load_mac(const __u8* bytes) { return (__u64)load16(bytes) << 32 | load32(bytes + 2); }
static __always_inline void read_macs(struct weir_packet* p, const __u8* frame) {
    p->eth_dst = load_mac(frame);
    p->eth_src = load_mac(frame + 6);
    if (frame[0] & 1) p->present[WEIR_PRESENT_WORD(WEIR_IS_MULTICAST)] |= WEIR_BIT(WEIR_IS_MULTICAST);
}

static __always_inline int is_vlan(__u16 type) {
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ || type == ETHERTYPE_OLD_QINQ;
}

/* The tags of a frame; `type` is what stands at offset 12, and then the type behind the tags. `depth` begins with the
 * tags beside the frame, which are outside of those in it. */
struct weir_tags {
    __u16 type;
    __u16 id;
    __u16 inner_id;
    __u8 pcp;
    __u8 depth;
};

GLOBAL_FUNCTION __u32 weir_read_vlan(weir_ctx* ctx, struct weir_tags* tags) {
    if (!tags) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u16 type = tags->type;
    __u32 at = ETH_BYTES, found = 0;
#if WEIR_HAS_SKB
    const __u32 beside = tags->depth & 1;
    if (beside) found = WEIR_BIT(WEIR_HAS_VLAN);
#else
    const __u32 beside = 0;
#endif
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (WEIR_HAS_SKB && i + beside >= VLAN_TAGS) break;
        if (!is_vlan(type)) break;
        if (frame + at + VLAN_BYTES > frame_end) return found | MALFORMED;
        __u16 tci = load16(frame + at);
        if (i + beside == 0) {
            tags->id = tci & 0xfff;
            tags->pcp = tci >> 13;
            found = WEIR_BIT(WEIR_HAS_VLAN);
        } else {
            tags->inner_id = tci & 0xfff;
        }
        tags->depth = i + beside + 1;
        type = load16(frame + at + 2);
        at += VLAN_BYTES;
    }
    if (is_vlan(type)) return found | MALFORMED;
    tags->type = type;
    return found;
}

/* Where fields of the link are stored; NULL for policies that read none of them. */
static __always_inline struct weir_inside* link_inside(void) {
    return weir_needs() & WEIR_NEED_LINK ? weir_inside_place() : (struct weir_inside*)0;
}

/* The tags before what `*type` says, which then is the type behind them. */
static __always_inline __u32 read_tags(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, __u16* type) {
    struct weir_tags tags = {.type = *type};
    const int has_tag_beside = WEIR_HAS_TAG_BESIDE(ctx);
    if (has_tag_beside) {
        tags.id = WEIR_TAG_BESIDE(ctx) & 0xfff;
        tags.pcp = WEIR_TAG_BESIDE(ctx) >> 13;
        tags.depth = 1;
    }
    __u32 found = weir_read_vlan(ctx, &tags);
    if (weir_needs() & WEIR_NEED_TAGS) {
        p->vlan_id = tags.id;
        p->vlan_pcp = tags.pcp;
        p->vlan_depth = tags.depth;
    }
    if (tags.depth == VLAN_TAGS) {
        p->present[WEIR_PRESENT_WORD(WEIR_HAS_VLAN_INNER)] |= WEIR_BIT(WEIR_HAS_VLAN_INNER);
        struct weir_inside* inside = link_inside();
        if (inside) inside->vlan_inner_id = tags.inner_id;
    }
    if (found & MALFORMED) return found;
    *type = tags.type;
    place->at += (tags.depth - (has_tag_beside ? 1u : 0u)) * VLAN_BYTES;
    return found;
}

static __always_inline int is_pppoe_or_mpls(__u16 type) {
    return type == ETHERTYPE_PPPOE || type == ETHERTYPE_MPLS || type == ETHERTYPE_MPLS_UPSTREAM;
}

/* Of a struct weir_place what these change. */
struct weir_extent {
    __u32 at;
    __u32 end;
};

/* A PPPoE session's header and the PPP number behind it, which is one byte where that is odd (RFC 1661, 6.5). The
 * datagram ends where the session's length says. */
static __always_inline __u32 read_pppoe(weir_ctx* ctx, struct weir_extent* place) {
    const __u8 *pppoe = FRAME(ctx) + place->at, *frame_end = FRAME_END(ctx);
    if (pppoe + PPPOE_BYTES > frame_end || load16(pppoe) != PPPOE_VERSION_TYPE_CODE) return MALFORMED;
    __u32 length = load16(pppoe + 4), begin = place->at + PPPOE_BYTES, number_bytes = 1;
    if (length < 1 || length > place->end - begin || pppoe + PPPOE_BYTES + 1 > frame_end) return MALFORMED;
    __u32 number = pppoe[PPPOE_BYTES];
    if (!(number & 1)) {
        if (length < 2 || pppoe + PPPOE_BYTES + 2 > frame_end) return MALFORMED;
        number = load16(pppoe + PPPOE_BYTES);
        number_bytes = 2;
    }
    place->at = begin + number_bytes;
    place->end = begin + length;
    struct weir_inside* inside = link_inside();
    if (inside) inside->pppoe_session = load16(pppoe + 2);
    if (number == PPP_IP4) return WEIR_BIT(WEIR_HAS_IP4);
    return number == PPP_IP6 ? WEIR_BIT(WEIR_HAS_IP6) : 0;
}

/* The labels down to the bottom of their stack. What is behind it its first four bits say: nothing else does. */
static __always_inline __u32 read_mpls(weir_ctx* ctx, struct weir_extent* place, __u32* depth) {
    const __u8 *label = FRAME(ctx) + place->at, *frame_end = FRAME_END(ctx);
    struct weir_inside* inside = link_inside();
    __u32 is_bottom = 0;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < LABELS; i++) {
        if (label + LABEL_BYTES > frame_end) return MALFORMED;
        __u32 entry = load32(label);
        is_bottom = entry & LABEL_BOTTOM;
        label += LABEL_BYTES;
        *depth = i + 1;
        if (inside && i == 0) inside->mpls_label = entry >> LABEL_NUMBER_SHIFT;
        if (inside) inside->mpls_depth = i + 1;
        if (is_bottom) break;
    }
    if (!is_bottom) return MALFORMED;
    place->at += *depth * LABEL_BYTES;
    if (label + 1 > frame_end) return 0;
    if (label[0] >> 4 == 4) return WEIR_BIT(WEIR_HAS_IP4);
    return label[0] >> 4 == 6 ? WEIR_BIT(WEIR_HAS_IP6) : 0;
}

/* What stands behind Ethernet's type, of is_pppoe_or_mpls(). Answers MALFORMED, or the bit of the IP version that it
 * promises, or neither; from bit 32 on bits of word 1 of weir_packet.present. */
GLOBAL_FUNCTION __u64 weir_read_link(weir_ctx* ctx, struct weir_extent* place, __u32 type) {
    if (!place || place->at > HEADER_OFFSET_MAX) return MALFORMED;
    if (type == ETHERTYPE_PPPOE) {
        __u32 found = read_pppoe(ctx, place);
        return found & MALFORMED ? found : found | (__u64)WEIR_BIT(WEIR_HAS_PPPOE) << 32;
    }
    __u32 depth = 0;
    __u64 found = read_mpls(ctx, place, &depth);
    return depth ? found | (__u64)WEIR_BIT(WEIR_HAS_MPLS) << 32 : found;
}

/* The same; `*type` then is that of the IP version, or 0. */
static __always_inline __u32 read_link(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, __u16* type) {
    struct weir_extent link = {.at = place->at, .end = place->end};
    __u64 found = weir_read_link(ctx, &link, *type);
    place->at = link.at;
    place->end = link.end;
    p->present[WEIR_PRESENT_WORD(WEIR_HAS_PPPOE)] |= found >> 32;
    *type = found & WEIR_BIT(WEIR_HAS_IP4) ? ETHERTYPE_IP4 : found & WEIR_BIT(WEIR_HAS_IP6) ? ETHERTYPE_IP6 : 0;
    return found & MALFORMED;
}

#endif
