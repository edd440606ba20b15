/* The ICMP error that answers any other packet: communication administratively prohibited (RFC 1812, 5.2.7.1; RFC 4443,
 * 3.1). Its headers go before the packet, which stays where it is, as far as the answer may have of it. */
#ifndef WEIR_BPF_TEMPLATES_ANSWER_ICMP_H
#define WEIR_BPF_TEMPLATES_ANSWER_ICMP_H

#include "bpf/templates/answer_place.h"
#include "bpf/templates/read/icmp.h"

#define ICMP_PROHIBITED 0x030d0000  /* type 3, code 13, checksum 0 */
#define ICMP6_PROHIBITED 0x01010000 /* type 1, code 1, checksum 0 */
#define INTERNETWORK_CONTROL 0xc0   /* RFC 1812, 4.3.2.5 */
/* Nothing that is summed begins further into a frame than 1,310 bytes. One range of numbers for all that `at` may have
 * become, whichever parts came before: the verifier takes their ways for one. */
#define WITHIN_QUOTED(at) \
    ({                    \
        OPAQUE(at);       \
        at &= 2047;       \
        at;               \
    })
#define CALL_BYTES 64u    /* up to here a call costs more than it saves */
#define SUMMED_BYTES 256u /* at once: bpf_csum_diff takes 512 */

/* The sum of `length` bytes at offset `at`, an even number of bytes behind where a header begins; an odd last one
 * counts as if a zero followed it. What is not in the frame counts nothing. */
GLOBAL_FUNCTION __u64 weir_sum(weir_ctx* ctx, __u32 begin, __u32 length) {
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u64 at = begin, sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 5; i++) {
        if (length < SUMMED_BYTES) break;
        const __u8* bytes = frame + WITHIN_QUOTED(at);
        if (bytes + SUMMED_BYTES > frame_end) return sum;
        sum = (__u32)bpf_csum_diff(0, 0, (__be32*)bytes, SUMMED_BYTES, sum);
        at += SUMMED_BYTES;
        length -= SUMMED_BYTES;
    }
#pragma clang loop unroll(full)
    for (__u32 part = SUMMED_BYTES / 2; part >= 4; part /= 2) {
        const __u8* bytes = frame + WITHIN_QUOTED(at);
        if (!(length & part)) continue;
        if (bytes + part > frame_end) return sum;
        if (part > CALL_BYTES) {
            sum = (__u32)bpf_csum_diff(0, 0, (__be32*)bytes, part, sum);
        } else {
#pragma clang loop unroll(full)
            for (__u32 i = 0; i < part; i += 4) sum += *(const answer_u32*)(bytes + i);
        }
        at += part;
    }
    const __u8* bytes = frame + WITHIN_QUOTED(at);
    if (length & 2) {
        if (bytes + 2 > frame_end) return sum;
        sum += *(const answer_u16*)bytes;
        bytes += 2;
    }
    if ((length & 1) && bytes + 1 <= frame_end) sum += *bytes;
    return sum;
}

/* Moves the frame's beginning so that `bytes` of room are behind the link header. Returns the frame, or 0 where there
 * is no room, or the frame has not `needed` bytes then. */
static __always_inline __u8* make_room(weir_ctx* ctx, const __u32 bytes, const __u32 needed) {
    if (bpf_xdp_adjust_head(ctx, -(int)bytes) != 0) return 0;
    __u8* frame = (__u8*)FRAME(ctx);
    if (frame + bytes + needed > FRAME_END(ctx)) return 0;
    /* More than any link header has: what is too much is written over. */
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < (LINK_BYTES_MAX + 7) / 8 * 8; i += 8)
        *(answer_u64*)(frame + i) = *(answer_u64*)(frame + bytes + i);
    return frame;
}

/* Of a datagram of `length` bytes at `at`, the first `most`, as far as they can be read. */
static __always_inline __u32 quoted_bytes(weir_ctx* ctx, __u64 at, __u32 length, __u32 most) {
    __u32 left = FRAME_LEN(ctx) - at;
    __u32 quoted = length < left ? length : left;
    return quoted < most ? quoted : most;
}

/* `kind`: type and code, the checksum after them 0. `sum`: of all that follows, and of what stands before for IPv6. */
static __always_inline void put_icmp(answer_u16* icmp, __u32 kind, __u64 sum) {
    *(answer_u32*)icmp = bpf_htonl(kind);
    *(answer_u32*)(icmp + 2) = 0;
    icmp[1] = checksum_of(sum + bpf_htonl(kind));
}

#define ICMP4_ROOM (IP4_BYTES + ICMP_BYTES)
GLOBAL_FUNCTION int weir_prohibit_ip4(weir_ctx* ctx, __u64 link) {
    __u64 at = LINK_IP_AT(link);
    OPAQUE(at);
    if (at < ETH_BYTES || at > LINK_BYTES_MAX) return XDP_DROP;
    __u8* frame = make_room(ctx, ICMP4_ROOM, ETH_BYTES + IP4_BYTES);
    if (!frame) return XDP_DROP;
    const struct answer_ip4* asked = (void*)(frame + at + ICMP4_ROOM);
    if ((const __u8*)(asked + 1) > FRAME_END(ctx)) return XDP_DROP;
    __u32 quoted = quoted_bytes(ctx, at + ICMP4_ROOM, bpf_ntohs(asked->length), WEIR_ANSWER_IP4_BYTES - ICMP4_ROOM);
    struct answer_ip4* ip = (void*)(frame + at);
    put_ip4(ip, asked->destination, asked->source, INTERNETWORK_CONTROL, PROTO_ICMP, ICMP_BYTES + quoted);
    turn_link(ctx, frame, link, ICMP4_ROOM + quoted);
    put_icmp((void*)(ip + 1), ICMP_PROHIBITED, weir_sum(ctx, at + ICMP4_ROOM, quoted));
    return cut_frame(ctx, at + ICMP4_ROOM + quoted) ? XDP_DROP : XDP_TX;
}

#define ICMP6_ROOM (IP6_BYTES + ICMP_BYTES)
GLOBAL_FUNCTION int weir_prohibit_ip6(weir_ctx* ctx, __u64 link) {
    __u64 at = LINK_IP_AT(link);
    OPAQUE(at);
    if (at < ETH_BYTES || at > LINK_BYTES_MAX) return XDP_DROP;
    __u8* frame = make_room(ctx, ICMP6_ROOM, ETH_BYTES + IP6_BYTES);
    if (!frame) return XDP_DROP;
    const struct answer_ip6* asked = (void*)(frame + at + ICMP6_ROOM);
    if ((const __u8*)(asked + 1) > FRAME_END(ctx)) return XDP_DROP;
    __u32 quoted =
        quoted_bytes(ctx, at + ICMP6_ROOM, IP6_BYTES + bpf_ntohs(asked->length), WEIR_ANSWER_IP6_BYTES - ICMP6_ROOM);
    struct answer_ip6* ip = (void*)(frame + at);
    put_ip6(ip, PROTO_ICMP6, ICMP_BYTES + quoted);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        ip->source[i] = asked->destination[i];
        ip->destination[i] = asked->source[i];
    }
    turn_link(ctx, frame, link, ICMP6_ROOM + quoted);
    __u64 sum = weir_sum(ctx, at + ICMP6_ROOM, quoted) + pseudo_sum_ip6(ip, ICMP_BYTES + quoted, PROTO_ICMP6);
    put_icmp((void*)(ip + 1), ICMP6_PROHIBITED, sum);
    return cut_frame(ctx, at + ICMP6_ROOM + quoted) ? XDP_DROP : XDP_TX;
}

#endif
