/* IPv6 and its extension headers. */
#ifndef WEIR_BPF_READ_IP6_H
#define WEIR_BPF_READ_IP6_H

#include "bpf/templates/read/place.h"

#define IP6_BYTES 40u
#define EXTENSION_BYTES 8u
#define EXTENSION_HEADERS 8
enum {
    ETHERTYPE_IP6 = 0x86dd,
    PROTO_HOPOPTS = 0,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_DSTOPTS = 60,
    PROTO_MOBILITY = 135,
    PROTO_HIP = 139,
    PROTO_SHIM6 = 140
};

static __always_inline int is_extension(__u8 proto) {
    return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT || proto == PROTO_AH ||
           proto == PROTO_DSTOPTS || proto == PROTO_MOBILITY || proto == PROTO_HIP || proto == PROTO_SHIM6;
}

struct weir_extensions {
    __u32 id;
    __u16 frag_offset;
    __u16 at; /* of the first one, and then of what is behind them */
};

/* A Fragment header. Returns its bits of `present`, in the place of those of an earlier one. */
static __always_inline __u32 read_fragment(struct weir_extensions* x, const __u8* header, __u32 present) {
    __u16 word = load16(header + 2);
    present &= ~(WEIR_BIT(WEIR_IS_MF) | WEIR_BIT(WEIR_IS_FRAGMENT));
    if (word & 1) present |= WEIR_BIT(WEIR_IS_MF);
    if (word & 0xfff9) present |= WEIR_BIT(WEIR_IS_FRAGMENT);
    x->frag_offset = word & 0xfff8;
    x->id = load32(header + 4);
    return present | WEIR_BIT(WEIR_HAS_IP_ID);
}

/* The extension headers of a datagram that ends at `end`; `first` is the first one's protocol. Answers that of what is
 * behind them, too: 0 where they are at fault. */
GLOBAL_FUNCTION __u64 weir_read_extensions(weir_ctx* ctx, struct weir_extensions* x, __u32 end, __u32 first) {
    if (!x) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u32 at = x->at, found = WEIR_BIT(WEIR_IS_HAS_OPTIONS);
    __u8 proto = first;
#pragma clang loop unroll(disable)
    for (int i = 0; i < EXTENSION_HEADERS; i++) {
        if (!is_extension(proto)) break;
        if (at > HEADER_OFFSET_MAX) return found | MALFORMED;
        const __u8* header = frame + at;
        if (at + EXTENSION_BYTES > end || header + EXTENSION_BYTES > frame_end) return found | MALFORMED;
        __u32 bytes = EXTENSION_BYTES;
        int is_last = 0;
        if (proto == PROTO_FRAGMENT) {
            found = read_fragment(x, header, found);
            is_last = x->frag_offset != 0;
        } else if (proto == PROTO_AH) {
            bytes = (header[1] + 2u) * 4;
        } else {
            bytes = (header[1] + 1u) * 8;
        }
        if (at + bytes > end) return found | MALFORMED;
        proto = header[0];
        at += bytes;
        if (is_last) return (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
    }
    if (is_extension(proto)) return found | MALFORMED;
    x->at = at;
    return (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
}

/* IPv6 with its extension headers. */
static __always_inline __u32 read_ip6(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP6_BYTES > FRAME_END(ctx) || ip[0] >> 4 != 6) return MALFORMED;
    __u32 total = load16(ip + 4) + IP6_BYTES;
    if (total > p->len - at) return MALFORMED;
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        p->ip_src[i] = load32(ip + 8 + i * 4);
        p->ip_dst[i] = load32(ip + 24 + i * 4);
    }
    p->ip_version = 6;
    p->ip_len = total;
    if (weir_needs() & WEIR_NEED_IP_REST) {
        p->ip_ttl = ip[7];
        p->ip_tos = load16(ip) >> 4;
        p->ip6_flow_label = load32(ip) & 0xfffff;
    }
    p->ip_proto = ip[6];
    __u32 found = WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP6);
    place->at = at + IP6_BYTES;
    place->end = at + total;
    if (!is_extension(p->ip_proto)) return found | WEIR_BIT(WEIR_HAS_IP_PROTO);
    struct weir_extensions x = {.at = place->at};
    __u64 answer = weir_read_extensions(ctx, &x, place->end, p->ip_proto);
    p->ip_proto = answer >> 32;
    p->ip_frag_offset = x.frag_offset;
    p->ip_id = x.id;
    place->at = x.at;
    return found | (__u32)answer;
}

#endif
