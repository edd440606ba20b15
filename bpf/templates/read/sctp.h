/* SCTP. */
#ifndef WEIR_BPF_READ_SCTP_H
#define WEIR_BPF_READ_SCTP_H

#include "bpf/templates/read/place.h"

#define SCTP_BYTES 12u
enum { PROTO_SCTP = 132 };

static __always_inline __u32 read_sctp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* sctp,
                                       __u32 left) {
    if (left >= SCTP_BYTES && is_cut_off(place, SCTP_BYTES)) return read_cut_ports(ctx, p, place, sctp, WEIR_HAS_SCTP);
    if (left < SCTP_BYTES || sctp + SCTP_BYTES > FRAME_END(ctx)) return MALFORMED;
    p->port_src = load16(sctp);
    p->port_dst = load16(sctp + 2);
    place->at += SCTP_BYTES;
    return WEIR_BIT(WEIR_HAS_SCTP) | WEIR_BIT(WEIR_HAS_PORTS);
}

#endif
