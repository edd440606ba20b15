/* What IP carries. */
#ifndef WEIR_BPF_READ_TRANSPORT_H
#define WEIR_BPF_READ_TRANSPORT_H

#include "bpf/templates/read/icmp.h"
#include "bpf/templates/read/place.h"
#include "bpf/templates/read/sctp.h"
#include "bpf/templates/read/tcp.h"
#include "bpf/templates/read/udp.h"

/* The transport header and the payload behind it. `present`: what the IP headers gave. */
static __always_inline __u32 read_transport(weir_ctx* ctx, struct weir_packet* p, struct weir_place place,
                                            __u32 present) {
    int v4 = (present & WEIR_BIT(WEIR_HAS_IP4)) != 0;
    __u32 found = 0, left = place.end - place.at;
    if (place.at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* header = FRAME(ctx) + place.at;
    __u8 proto = p->ip_proto;
    if (proto == PROTO_TCP)
        found = read_tcp(ctx, p, &place, header, left);
    else if (proto == PROTO_UDP)
        found = read_udp(ctx, p, &place, header, left, present);
    else if (proto == (v4 ? PROTO_ICMP : PROTO_ICMP6))
        found = read_icmp(ctx, p, &place, header, left, v4);
    else if (proto == PROTO_SCTP)
        found = read_sctp(ctx, p, &place, header, left);
    if (found & MALFORMED) return MALFORMED;
    p->payload_offset = place.at;
    p->payload_len = place.end - place.at;
    return found | WEIR_BIT(WEIR_HAS_PAYLOAD);
}

#endif
