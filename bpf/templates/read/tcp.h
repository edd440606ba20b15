/* TCP and its options. */
#ifndef WEIR_BPF_READ_TCP_H
#define WEIR_BPF_READ_TCP_H

#include "bpf/templates/read/place.h"

#define TCP_BYTES 20u
enum { PROTO_TCP = 6 };

/* tcp.mss of the options between *answer and `end`: the first one of kind 2 and length 4 of a well-formed walk. Returns
 * whether there is one; it is then in *answer. The walk's place is kept in memory, where the answer goes: of what it
 * reads there the verifier knows nothing, so all ways through an option are one to it. In a register they are 600,000
 * instructions, and seconds of loading. */
GLOBAL_FUNCTION int weir_read_mss(weir_ctx* ctx, __u16* answer, __u32 end) {
    if (!answer) return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    volatile __u16* place = answer;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 40; i++) {
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
        if (option[0] == 2 && bytes == 4 && option + 4 <= frame_end) {
            *place = load16(option + 2);
            return 1;
        }
        *place = at + bytes;
    }
    *place = 0;
    return 0;
}

static __always_inline __u32 read_tcp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* tcp,
                                      __u32 left) {
    if (left >= TCP_BYTES && is_cut_off(place, TCP_BYTES)) return read_cut_ports(ctx, p, place, tcp, WEIR_HAS_TCP);
    if (left < TCP_BYTES || tcp + TCP_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 bytes = (tcp[12] >> 4) * 4u;
    if (bytes < TCP_BYTES || bytes > left) return MALFORMED;
    p->port_src = load16(tcp);
    p->port_dst = load16(tcp + 2);
    p->tcp_flags = tcp[13];
    p->tcp_header_len = bytes;
    if (place_needs(place) & WEIR_NEED_TCP_REST) {
        p->tcp_seq = load32(tcp + 4);
        p->tcp_ack_seq = load32(tcp + 8);
        p->tcp_window = load16(tcp + 14);
    }
    __u32 found = WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_TCP_REST) | WEIR_BIT(WEIR_HAS_PORTS);
    if ((place_needs(place) & WEIR_NEED_MSS) && bytes > TCP_BYTES) {
        __u16 mss = place->at + TCP_BYTES;
        __u32 options_end = place->at + bytes;
        if (is_cut_off(place, bytes)) options_end = place->limit;
        if (weir_read_mss(ctx, &mss, options_end)) {
            p->tcp_mss = mss;
            found |= WEIR_BIT(WEIR_HAS_TCP_MSS);
        }
    }
    place->at += bytes;
    return found;
}

#endif
