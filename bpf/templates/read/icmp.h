/* ICMP and ICMPv6. */
#ifndef WEIR_BPF_READ_ICMP_H
#define WEIR_BPF_READ_ICMP_H

#include "bpf/templates/read/place.h"

#define ICMP_BYTES 8u
enum { PROTO_ICMP = 1, PROTO_ICMP6 = 58 };

static __always_inline __u32 read_icmp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* icmp,
                                       __u32 left, int v4) {
    if (left >= ICMP_BYTES && is_cut_off(place, ICMP_BYTES)) return 0;
    if (left < ICMP_BYTES || icmp + ICMP_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u8 type = icmp[0];
    p->icmp_type = type;
    p->icmp_code = icmp[1];
    __u32 found = v4 ? WEIR_BIT(WEIR_HAS_ICMP) : WEIR_BIT(WEIR_HAS_ICMP6);
    if (v4 ? (type == 0 || type == 8) : (type == 128 || type == 129)) {
        p->icmp_id = load16(icmp + 4);
        p->icmp_seq = load16(icmp + 6);
        found |= v4 ? WEIR_BIT(WEIR_HAS_ICMP_ECHO) : WEIR_BIT(WEIR_HAS_ICMP6_ECHO);
    }
    place->at += ICMP_BYTES;
    return found;
}

#endif
