/* IPv4 and its options. */
#ifndef WEIR_BPF_READ_IP4_H
#define WEIR_BPF_READ_IP4_H

#include "bpf/templates/read/place.h"

#define IP4_BYTES 20u
enum { ETHERTYPE_IP4 = 0x0800 };

static __always_inline __u32 read_ip4(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP4_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 header_bytes = (ip[0] & 15) * 4u, total = load16(ip + 2);
    if (ip[0] >> 4 != 4 || header_bytes < IP4_BYTES || total < header_bytes || total > p->len - at) return MALFORMED;
    __u16 fragment = load16(ip + 6);
    __u32 found =
        WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_IP_PROTO) | WEIR_BIT(WEIR_HAS_IP_ID);
    if (fragment & 0x4000) found |= WEIR_BIT(WEIR_IS_DF);
    if (fragment & 0x3fff) {
        found |= WEIR_BIT(WEIR_IS_FRAGMENT);
        if (fragment & 0x2000) found |= WEIR_BIT(WEIR_IS_MF);
    }
    if (header_bytes > IP4_BYTES) found |= WEIR_BIT(WEIR_IS_HAS_OPTIONS);
    p->ip_src[0] = load32(ip + 12);
    p->ip_dst[0] = load32(ip + 16);
    p->ip_version = 4;
    p->ip_proto = ip[9];
    p->ip_frag_offset = (fragment & 0x1fff) * 8;
    p->ip_len = total;
    if (weir_needs() & WEIR_NEED_IP_REST) {
        p->ip_ttl = ip[8];
        p->ip_tos = ip[1];
        p->ip_id = load16(ip + 4);
    }
    place->at = at + header_bytes;
    place->end = at + total;
    return found;
}

#endif
