/* What a packet on its way out has and one that comes in has not: tags beside the frame, segments that are not cut yet,
 * bytes that are not in the first buffer. All of it is constant where packets come in. */
#ifndef WEIR_BPF_EGRESS_H
#define WEIR_BPF_EGRESS_H

#include "bpf/abi.h"
#include "bpf/direction.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#if defined(WEIR_EGRESS) && !defined(WEIR_HOST)
#define WEIR_HAS_SKB 1
#else
#define WEIR_HAS_SKB 0
#endif

/* The hook's answer, as struct weir_rule_row has it. */
#if WEIR_HAS_SKB
#define WEIR_ANSWER(action) ((__s8)(action))
#define WEIR_TOLD_OF(action) ((action) & 0xf)
#else
#define WEIR_ANSWER(action) (action)
#define WEIR_TOLD_OF(action) (action)
#endif

/* ---- merged packets ---- */

/* The device, or the kernel just before it, cuts a merged packet into segments, each with the headers. struct
 * weir_packet keeps of one how many segments follow the first << 16 | bytes of headers, in the place of rx_queue, which
 * a packet on its way out lacks. */
#define WEIR_MERGED(more_segments, header_bytes) ((more_segments) << 16 | (header_bytes))

#if WEIR_HAS_SKB
static __always_inline __u32 weir_merged(weir_ctx* ctx) {
    __u32 segments = ctx->gso_segs;
    if (segments < 2) return 0;
    /* The kernel has counted the headers of all segments: qdisc_pkt_len_init(). */
    __u32 more = (segments - 1) & 0xffff, bytes = ctx->wire_len - ctx->len;
    return WEIR_MERGED(more, bytes / more & 0xffff);
}
#define WEIR_IS_MERGED(ctx) ((ctx)->gso_size != 0)
static __always_inline __u32 wire_packets(weir_ctx* ctx) { return ctx->gso_segs > 1 ? ctx->gso_segs : 1; }
#else
static __always_inline __u32 weir_merged(weir_ctx* ctx) {
    (void)ctx;
    return 0;
}
#define WEIR_IS_MERGED(ctx) 0
static __always_inline __u32 wire_packets(weir_ctx* ctx) {
    (void)ctx;
    return 1;
}
#endif

/* How many packets the wire will have of this one, and how many bytes. */
static __always_inline __u32 weir_wire_packets(const struct weir_packet* packet) {
    return WEIR_IS_EGRESS ? 1 + (packet->rx_queue >> 16) : 1;
}
static __always_inline __u32 weir_wire_bytes(const struct weir_packet* packet) {
    return WEIR_IS_EGRESS ? packet->len + (packet->rx_queue >> 16) * (packet->rx_queue & 0xffff) : packet->len;
}
static __always_inline __u32 wire_bytes(weir_ctx* ctx, const struct weir_packet* packet) {
    (void)ctx;
    return weir_wire_bytes(packet);
}

/* ---- a tag beside the frame ---- */

#define WEIR_TAG_BYTES 4u
#if WEIR_HAS_SKB
#define WEIR_HAS_TAG_BESIDE(ctx) ((ctx)->vlan_present != 0)
#define WEIR_TAG_BESIDE(ctx) ((__u16)(ctx)->vlan_tci)
#else
#define WEIR_HAS_TAG_BESIDE(ctx) 0
#define WEIR_TAG_BESIDE(ctx) ((__u16)0)
#endif

/* ---- bytes that are not in the first buffer ---- */

/* As much of a payload as anything reads. */
#define WEIR_PAYLOAD_REACH 2048u
#define WEIR_HEADERS_REACH 2048u

/* Moves the frame's first `bytes` into the first buffer. 1: more of it is there than before. */
static __always_inline int weir_pull(weir_ctx* ctx, __u32 bytes) {
#if WEIR_HAS_SKB
    __u32 wanted = bytes < ctx->len ? bytes : ctx->len;
    return FRAME_LEN(ctx) < wanted && bpf_skb_pull_data(ctx, wanted) == 0;
#else
    (void)ctx;
    (void)bytes;
    return 0;
#endif
}

/* What of the payload the policy may look at. */
static __always_inline void weir_pull_payload(weir_ctx* ctx, const struct weir_packet* packet) {
    if (!WEIR_HAS_SKB || !weir_reads_payload() || !(packet->present[0] & WEIR_BIT(WEIR_HAS_PAYLOAD))) return;
    __u32 bytes = packet->payload_len < WEIR_PAYLOAD_REACH ? packet->payload_len : WEIR_PAYLOAD_REACH;
    if (bytes) weir_pull(ctx, packet->payload_offset + bytes);
}

#endif
