/* What all readers of headers share. Each returns the bits of word 0 of weir_packet.present that it found; bits of
 * other words it stores itself. A header that is cut short or contradicts itself gives MALFORMED: neither it nor
 * anything after it is present. The bits travel in a register and are stored once: memory would make a chain of them.
 * What a global function leaves in memory is 8 bytes at most, on the stack of all that follows; what does not go in
 * there is in its answer, from bit 32 on. */
#ifndef WEIR_BPF_READ_PLACE_H
#define WEIR_BPF_READ_PLACE_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

/* No header begins further into a frame: Ethernet, two tags, four labels, IPv6 and eight extension headers of 2048
 * bytes; then a tunnel's header and the same again. The verifier wants to hear it. */
#define HEADER_OFFSET_MAX 40000u

#define MALFORMED WEIR_BIT(WEIR_IS_MALFORMED)

/* Where reading has come to: the next header is at `at`; at `end` ends what holds it, of IP the datagram, before that
 * the frame, a PPPoE session's payload or the payload of the packet around it (offsets from the frame's start). */
struct weir_place {
    __u32 at;
    __u32 end;
    __u32 is_inner; /* the packet is within another one, or quoted by an ICMP error: a constant */
    __u32 is_cut;   /* quoted: only the bytes before `limit` are there, whatever the packet says */
    __u32 limit;
};

/* What the reader of that packet must fill. */
static __always_inline __u32 place_needs(const struct weir_place* place) {
    if (!place->is_inner) return weir_needs();
    return weir_needs() & WEIR_NEED_INNER_REST ? WEIR_NEED_HEADERS : WEIR_NEED_NONE;
}

/* Of a packet that may be cut short: are these bytes of its next header missing, though the datagram has them? */
static __always_inline int is_cut_off(const struct weir_place* place, __u32 bytes) {
    return place->is_inner && place->is_cut && place->at + bytes > place->limit;
}

static __always_inline __u16 load16(const __u8* bytes) { return bpf_ntohs(*(const __u16*)bytes); }
static __always_inline __u32 load32(const __u8* bytes) { return bpf_ntohl(*(const __u32*)bytes); }

/* Of a TCP or SCTP header that is cut short, the first eight bytes, which an ICMP error quotes at least: the ports, and
 * of TCP the sequence number. `protocol`: WEIR_HAS_TCP or WEIR_HAS_SCTP. */
#define CUT_BYTES 8u
static __always_inline __u32 read_cut_ports(weir_ctx* ctx, struct weir_packet* p, const struct weir_place* place,
                                            const __u8* header, const __u32 protocol) {
    if (is_cut_off(place, CUT_BYTES) || header + CUT_BYTES > FRAME_END(ctx)) return 0;
    p->port_src = load16(header);
    p->port_dst = load16(header + 2);
    if (protocol == WEIR_HAS_TCP) p->tcp_seq = load32(header + 4);
    return WEIR_BIT(protocol) | WEIR_BIT(WEIR_HAS_PORTS);
}

#endif
