/* UDP. */
#ifndef WEIR_BPF_READ_UDP_H
#define WEIR_BPF_READ_UDP_H

#include "bpf/templates/read/place.h"

#define UDP_BYTES 8u
enum { PROTO_UDP = 17 };

static __always_inline __u32 read_udp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* udp,
                                      __u32 left, __u32 present) {
    if (left >= UDP_BYTES && is_cut_off(place, UDP_BYTES)) return 0;
    if (left < UDP_BYTES || udp + UDP_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 bytes = load16(udp + 4);
    if (bytes < UDP_BYTES) return MALFORMED;
    if (bytes > left) {
        /* Only a first fragment may promise what comes in the next ones. */
        if (!(present & WEIR_BIT(WEIR_IS_MF))) return MALFORMED;
    } else {
        place->end = place->at + bytes;
    }
    p->port_src = load16(udp);
    p->port_dst = load16(udp + 2);
    p->udp_len = bytes;
    place->at += UDP_BYTES;
    return WEIR_BIT(WEIR_HAS_UDP) | WEIR_BIT(WEIR_HAS_PORTS);
}

#endif
