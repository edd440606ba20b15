/* IPv4 and its options. */
#ifndef WEIR_BPF_READ_IP4_H
#define WEIR_BPF_READ_IP4_H

#include "bpf/templates/egress.h"
#include "bpf/templates/read/place.h"

#define IP4_BYTES 20u
#define IP4_OPTIONS_BYTES 40
enum { ETHERTYPE_IP4 = 0x0800, OPTION_LSRR = 131, OPTION_SSRR = 137 };

/* Is a source route, loose or strict, among the options from *begin to `end` that a well-formed walk reaches? The
 * walk's place is kept in memory, for the verifier's sake: see weir_read_mss. */
GLOBAL_FUNCTION int weir_has_source_route(weir_ctx* ctx, __u16* begin, __u32 end) {
    if (!begin) return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    volatile __u16* place = begin;
#pragma clang loop unroll(disable)
    for (int i = 0; i < IP4_OPTIONS_BYTES; i++) {
        __u32 at = *place;
        if (at >= end || at > HEADER_OFFSET_MAX) break;
        const __u8* option = frame + at;
        if (option + 1 > frame_end || option[0] == 0) break;
        if (option[0] == 1) {
            *place = at + 1;
            continue;
        }
        if (option + 2 > frame_end || at + 2 > end) break;
        __u32 bytes = option[1];
        if (bytes < 2 || at + bytes > end) break;
        if (option[0] == OPTION_LSRR || option[0] == OPTION_SSRR) return 1;
        *place = at + bytes;
    }
    return 0;
}

/* An IPv4 datagram that begins at place->at and has to end by place->end; the rest of it then is between the two. */
static __always_inline __u32 read_ip4(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (is_cut_off(place, IP4_BYTES)) return 0;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP4_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 header_bytes = (ip[0] & 15) * 4u, total = load16(ip + 2);
    /* One that is merged to more than 64 KB has no length that fits: it goes to the frame's end. */
    if (!place->is_inner && WEIR_IS_MERGED(ctx) && total == 0) total = place->end - at;
    if (ip[0] >> 4 != 4 || header_bytes < IP4_BYTES || total < header_bytes || total > place->end - at)
        return MALFORMED;
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
    if (place_needs(place) & WEIR_NEED_IP_REST) {
        p->ip_ttl = ip[8];
        p->ip_tos = ip[1];
        p->ip_id = load16(ip + 4);
    }
    place->at = at + header_bytes;
    place->end = at + total;
    /* Last, where few numbers have to outlive a call: others would be on the stack. */
    if ((place_needs(place) & WEIR_NEED_SOURCE_ROUTE) && header_bytes > IP4_BYTES) {
        __u16 options = at + IP4_BYTES;
        __u32 options_end = is_cut_off(place, 0) ? place->limit : place->at;
        if (weir_has_source_route(ctx, &options, options_end))
            p->present[WEIR_PRESENT_WORD(WEIR_IS_SOURCE_ROUTE)] |= WEIR_BIT(WEIR_IS_SOURCE_ROUTE);
    }
    return found;
}

#endif
