/* What is inside of a packet, into the CPU's struct weir_inside: each reader behind what the policy needs. */
#ifndef WEIR_BPF_READ_INSIDE_H
#define WEIR_BPF_READ_INSIDE_H

#include "bpf/templates/inside.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/prints.h"
#include "bpf/templates/read/dns.h"
#include "bpf/templates/read/http.h"
#include "bpf/templates/read/place.h"
#include "bpf/templates/read/tls_walk.h"
#include "bpf/templates/read/tunnel.h"

enum { PORT_DNS = 53 };

/* Names and requests in a payload. Returns bits of word 1, as all readers of it do. */
static __always_inline __u32 read_payload(weir_ctx* ctx, const struct weir_packet* p, struct weir_inside* inside) {
    __u32 found = 0, at = p->payload_offset, bytes = p->payload_len;
    if (p->present[0] & WEIR_BIT(WEIR_HAS_UDP)) {
        if ((weir_needs() & WEIR_NEED_DNS) && (p->port_src == PORT_DNS || p->port_dst == PORT_DNS))
            found = weir_read_dns(ctx, inside, at, bytes);
    } else if (p->present[0] & WEIR_BIT(WEIR_HAS_TCP)) {
        if (weir_needs() & WEIR_NEED_TLS) found = read_tls(ctx, p, inside);
        if ((weir_needs() & WEIR_NEED_HTTP) && !(found & WEIR_BIT(WEIR_HAS_TLS)) && http_may_begin(ctx, at))
            found = weir_read_http(ctx, inside, at, bytes);
    }
    if (found && (weir_needs() & WEIR_NEED_PRINTS)) weir_make_prints(ctx, inside, found);
    return found;
}

/* After the headers: `p` has them. A policy that needs this has its packet there. */
static __always_inline void read_inside(weir_ctx* ctx, struct weir_packet* p) {
    if (!(weir_needs() & WEIR_NEED_INSIDE)) return;
    /* What the packet before had in it is forgotten, also where this one has no payload. */
    if (!(weir_needs() & WEIR_NEED_INNER) && !(p->present[0] & WEIR_BIT(WEIR_HAS_PAYLOAD))) return;
    if (weir_flow_groups() && !(weir_needs() & (WEIR_NEED_INNER | WEIR_NEED_NAMES))) return;
    struct weir_inside* inside = &weir_scratch_of(p)->inside;
    if (weir_needs() & WEIR_NEED_INNER) p->present[1] |= read_tunnel(ctx, p, inside);
    if (!(p->present[0] & WEIR_BIT(WEIR_HAS_PAYLOAD))) return;
    if (weir_needs() & WEIR_NEED_NAMES) p->present[1] |= read_payload(ctx, p, inside);
}

#endif
