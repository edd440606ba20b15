/* The reset that answers a TCP segment (RFC 9293, 3.5.2 and 3.10.7.1), written over it. */
#ifndef WEIR_BPF_TEMPLATES_ANSWER_TCP_H
#define WEIR_BPF_TEMPLATES_ANSWER_TCP_H

#include "bpf/templates/answer_place.h"
#include "bpf/templates/read/tcp.h"

struct answer_tcp {
    __u16 source;
    __u16 destination;
    __u32 seq;
    __u32 ack;
    __u16 offset_flags;
    __u16 window;
    __u16 checksum;
    __u16 urgent;
} MAY_OVERLAP;
enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_ACK = 16 };
#define OFFSET_RST 0x5004 /* a header of five words */
#define OFFSET_RST_ACK 0x5014

/* What a reset has of the segment. */
struct answer_reset {
    __u32 ports; /* changed over */
    __u32 seq;
    __u32 ack;
    __u16 offset_flags;
};

/* Of the segment at `tcp` with `payload_len` bytes: where it acknowledges something its number; else 0, and all of it
 * is acknowledged. */
static __always_inline void reset_of(const __u8* tcp, __u32 payload_len, struct answer_reset* reset) {
    __u32 ports = *(const answer_u32*)tcp;
    __u8 flags = tcp[13];
    reset->ports = ports << 16 | ports >> 16;
    if (flags & FLAG_ACK) {
        reset->seq = *(const answer_u32*)(tcp + 8);
        reset->ack = 0;
        reset->offset_flags = bpf_htons(OFFSET_RST);
        return;
    }
    __u32 length = payload_len + !!(flags & FLAG_SYN) + (flags & FLAG_FIN);
    reset->seq = 0;
    reset->ack = bpf_htonl(bpf_ntohl(*(const answer_u32*)(tcp + 4)) + length);
    reset->offset_flags = bpf_htons(OFFSET_RST_ACK);
}

static __always_inline void put_reset(struct answer_tcp* tcp, const struct answer_reset* reset, __u64 pseudo_sum) {
    *(answer_u32*)tcp = reset->ports;
    tcp->seq = reset->seq;
    tcp->ack = reset->ack;
    tcp->offset_flags = reset->offset_flags;
    tcp->window = 0;
    tcp->urgent = 0;
    tcp->checksum = checksum_of(pseudo_sum + reset->ports + reset->seq + reset->ack + reset->offset_flags);
}

/* The segment at `tcp_at`, or 0. */
static __always_inline const __u8* segment_at(weir_ctx* ctx, __u64 tcp_at) {
    OPAQUE(tcp_at);
    if (tcp_at > HEADER_OFFSET_MAX) return 0;
    const __u8* tcp = FRAME(ctx) + tcp_at;
    return tcp + TCP_BYTES > FRAME_END(ctx) ? 0 : tcp;
}

GLOBAL_FUNCTION int weir_reset_ip4(weir_ctx* ctx, __u64 link, __u32 tcp_at, __u32 payload_len) {
    const __u8* tcp = segment_at(ctx, tcp_at);
    __u64 at = LINK_IP_AT(link);
    OPAQUE(at);
    if (!tcp || at < ETH_BYTES || at > LINK_BYTES_MAX) return XDP_DROP;
    __u8* frame = (__u8*)FRAME(ctx);
    struct answer_ip4* ip = (void*)(frame + at);
    if ((const __u8*)ip + IP4_BYTES + TCP_BYTES > FRAME_END(ctx) || frame + LINK_BYTES_MAX > FRAME_END(ctx))
        return XDP_DROP;
    struct answer_reset reset;
    reset_of(tcp, payload_len, &reset);
    put_ip4(ip, ip->destination, ip->source, 0, PROTO_TCP, TCP_BYTES);
    put_reset((void*)(ip + 1), &reset, pseudo_sum_ip4(ip, TCP_BYTES, PROTO_TCP));
    turn_link(ctx, frame, link, IP4_BYTES + TCP_BYTES);
    return cut_frame(ctx, at + IP4_BYTES + TCP_BYTES) ? XDP_DROP : XDP_TX;
}

GLOBAL_FUNCTION int weir_reset_ip6(weir_ctx* ctx, __u64 link, __u32 tcp_at, __u32 payload_len) {
    const __u8* tcp = segment_at(ctx, tcp_at);
    __u64 at = LINK_IP_AT(link);
    OPAQUE(at);
    if (!tcp || at < ETH_BYTES || at > LINK_BYTES_MAX) return XDP_DROP;
    __u8* frame = (__u8*)FRAME(ctx);
    struct answer_ip6* ip = (void*)(frame + at);
    if ((const __u8*)ip + IP6_BYTES + TCP_BYTES > FRAME_END(ctx) || frame + LINK_BYTES_MAX > FRAME_END(ctx))
        return XDP_DROP;
    struct answer_reset reset;
    reset_of(tcp, payload_len, &reset);
    put_ip6(ip, PROTO_TCP, TCP_BYTES);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        __u32 source = ip->source[i];
        ip->source[i] = ip->destination[i];
        ip->destination[i] = source;
    }
    put_reset((void*)(ip + 1), &reset, pseudo_sum_ip6(ip, TCP_BYTES, PROTO_TCP));
    turn_link(ctx, frame, link, IP6_BYTES + TCP_BYTES);
    return cut_frame(ctx, at + IP6_BYTES + TCP_BYTES) ? XDP_DROP : XDP_TX;
}

#endif
