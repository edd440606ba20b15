/* IPv6 and its extension headers. */
#ifndef WEIR_BPF_READ_IP6_H
#define WEIR_BPF_READ_IP6_H

#include "bpf/templates/egress.h"
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

/* What weir_read_extensions answers: bits of word 0 of weir_packet.present; the protocol of what is behind the headers,
 * 0 where they are at fault; the type of the first Routing header; which kinds were met, bits of word 1. */
#define EXTENSIONS_PROTO(answer) ((__u8)((answer) >> 32))
#define EXTENSIONS_ROUTING_TYPE(answer) ((__u8)((answer) >> ROUTING_TYPE_SHIFT))
#define EXTENSIONS_MET(answer) ((__u32)((answer) >> MET_SHIFT))
#define ROUTING_TYPE_SHIFT 40
#define MET_SHIFT 48
#define MET(flag) ((__u64)WEIR_BIT(flag) << MET_SHIFT)

/* Of a header that is no Fragment header, and of those before it: what the answer has of them. Without a branch on what
 * is in `met`: the verifier would follow each of its values by itself. */
static __always_inline __u64 met_too(__u64 met, __u8 proto, const __u8* header) {
    if (proto == PROTO_HOPOPTS) return met | MET(WEIR_IS_IP6_HOP_BY_HOP);
    if (proto == PROTO_DSTOPTS) return met | MET(WEIR_IS_IP6_DESTINATION);
    if (proto != PROTO_ROUTING) return met;
    __u64 is_first = ((met & MET(WEIR_IS_IP6_ROUTING)) / MET(WEIR_IS_IP6_ROUTING) - 1) & 0xff;
    OPAQUE(is_first);
    return met | MET(WEIR_IS_IP6_ROUTING) | (header[2] & is_first) << ROUTING_TYPE_SHIFT;
}

/* The extension headers of a datagram that ends at `end`; what is behind `limit` is not there, and that is no fault.
 * `first` is the first one's protocol. */
GLOBAL_FUNCTION __u64 weir_read_extensions(weir_ctx* ctx, struct weir_extensions* x, __u32 end, __u32 first,
                                           __u32 limit) {
    if (!x) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u32 at = x->at, found = WEIR_BIT(WEIR_IS_HAS_OPTIONS);
    __u64 met = 0;
    __u8 proto = first;
#pragma clang loop unroll(disable)
    for (int i = 0; i < EXTENSION_HEADERS; i++) {
        if (!is_extension(proto)) break;
        if (at > HEADER_OFFSET_MAX) return met | found | MALFORMED;
        const __u8* header = frame + at;
        if (at + EXTENSION_BYTES <= end && at + EXTENSION_BYTES > limit) return met | found;
        if (at + EXTENSION_BYTES > end || header + EXTENSION_BYTES > frame_end) return met | found | MALFORMED;
        __u32 bytes = EXTENSION_BYTES;
        int is_last = 0;
        if (proto == PROTO_FRAGMENT) {
            found = read_fragment(x, header, found);
            is_last = x->frag_offset != 0;
            met |= MET(WEIR_IS_IP6_FRAGMENT);
        } else if (proto == PROTO_AH) {
            bytes = (header[1] + 2u) * 4;
        } else {
            bytes = (header[1] + 1u) * 8;
        }
        if (at + bytes > end) return met | found | MALFORMED;
        if (at + bytes > limit) return met | found;
        if (proto != PROTO_FRAGMENT) met = met_too(met, proto, header);
        proto = header[0];
        at += bytes;
        if (is_last) return met | (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
    }
    if (is_extension(proto)) return met | found | MALFORMED;
    x->at = at;
    return met | (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
}

/* IPv6 with its extension headers; the datagram begins at place->at and has to end by place->end. The rest of it then
 * is between the two. */
static __always_inline __u32 read_ip6(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (is_cut_off(place, IP6_BYTES)) return 0;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP6_BYTES > FRAME_END(ctx) || ip[0] >> 4 != 6) return MALFORMED;
    __u32 total = load16(ip + 4) + IP6_BYTES;
    if (!place->is_inner && WEIR_IS_MERGED(ctx) && total == IP6_BYTES) total = place->end - at; /* as in read_ip4() */
    if (total > place->end - at) return MALFORMED;
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        p->ip_src[i] = load32(ip + 8 + i * 4);
        p->ip_dst[i] = load32(ip + 24 + i * 4);
    }
    p->ip_version = 6;
    p->ip_len = total;
    if (place_needs(place) & WEIR_NEED_IP_REST) {
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
    __u64 answer = weir_read_extensions(ctx, &x, place->end, p->ip_proto, place->is_inner ? place->limit : place->end);
    p->ip_proto = EXTENSIONS_PROTO(answer);
    if (place_needs(place) & WEIR_NEED_IP_REST) p->ip6_flow_label |= (__u32)EXTENSIONS_ROUTING_TYPE(answer) << 24;
    p->present[WEIR_PRESENT_WORD(WEIR_IS_IP6_ROUTING)] |= EXTENSIONS_MET(answer);
    p->ip_frag_offset = x.frag_offset;
    p->ip_id = x.id;
    place->at = x.at;
    return found | (__u32)answer;
}

#endif
