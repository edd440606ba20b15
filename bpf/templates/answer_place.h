/* Where answers are built: in the packet's own frame, between its Ethernet addresses, which change places, and its end,
 * which is cut. Numbers are in network byte order unless they are said to be not. */
#ifndef WEIR_BPF_TEMPLATES_ANSWER_PLACE_H
#define WEIR_BPF_TEMPLATES_ANSWER_PLACE_H

#include "bpf/abi.h"
#include "bpf/answer.h"
#include "bpf/templates/read/link.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_answer_account);
} weir_answer_accounts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_ANSWER_BUCKETS);
    __type(key, __u32);
    __type(value, struct weir_answer_bucket);
} weir_answer_buckets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} weir_devices SEC(".maps");

static __always_inline struct weir_answer_account* answer_account(void) {
    return bpf_map_lookup_elem(&weir_answer_accounts, (const void*)&weir_settings.zero);
}

#define ANSWER_HOPS 64
#define DONT_FRAGMENT 0x4000

/* An answer is written over what is read for it. */
#define MAY_OVERLAP __attribute__((may_alias))
typedef __u16 MAY_OVERLAP answer_u16;
typedef __u32 MAY_OVERLAP answer_u32;
typedef __u64 MAY_OVERLAP answer_u64;

struct answer_ip4 {
    __u8 version_ihl;
    __u8 tos;
    __u16 length;
    __u16 id;
    __u16 fragment;
    __u8 ttl;
    __u8 protocol;
    __u16 checksum;
    __u32 source;
    __u32 destination;
} MAY_OVERLAP;
struct answer_ip6 {
    __u32 version_class_label;
    __u16 length;
    __u8 next;
    __u8 hops;
    __u32 source[4];
    __u32 destination[4];
} MAY_OVERLAP;

/* ---- the link ---- */

/* Two tags, a PPPoE session and two bytes of PPP. */
#define LINK_BYTES_MAX (ETH_BYTES + VLAN_TAGS * VLAN_BYTES + PPPOE_BYTES + 2u)
/* Where the IP header begins, and where the PPPoE header, if there is one. */
#define LINK_IP_AT(link) ((link) & 0xff)
#define LINK_PPPOE_AT(link) ((link) >> 8 & 0xff)

/* 0: a frame that is not answered: one that was sent to several stations or by them, or one with MPLS labels, which say
 * nothing about the way back. */
static __always_inline __u64 answered_link(weir_ctx* ctx) {
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    if (frame + ETH_BYTES > frame_end || (frame[0] & 1) || (frame[6] & 1)) return 0;
    __u16 type = load16(frame + 12);
    __u32 at = ETH_BYTES;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (!is_vlan(type)) break;
        if (frame + at + VLAN_BYTES > frame_end) return 0;
        type = load16(frame + at + 2);
        at += VLAN_BYTES;
    }
    if (type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6) return at;
    if (type != ETHERTYPE_PPPOE || frame + at + PPPOE_BYTES + 1 > frame_end) return 0;
    return at << 8 | (at + PPPOE_BYTES + (frame[at + PPPOE_BYTES] & 1 ? 1 : 2));
}

/* The link header at `frame` sends its frame back, with `ip_bytes` of IP. The frame has at least LINK_BYTES_MAX. */
static __always_inline void turn_link(weir_ctx* ctx, __u8* frame, __u64 link, __u32 ip_bytes) {
    __u32 destination = *(answer_u32*)frame, source = *(answer_u32*)(frame + 6);
    __u16 destination_end = *(answer_u16*)(frame + 4), source_end = *(answer_u16*)(frame + 10);
    *(answer_u32*)frame = source;
    *(answer_u16*)(frame + 4) = source_end;
    *(answer_u32*)(frame + 6) = destination;
    *(answer_u16*)(frame + 10) = destination_end;
    __u64 pppoe_at = LINK_PPPOE_AT(link);
    OPAQUE(pppoe_at);
    if (!pppoe_at || pppoe_at > LINK_BYTES_MAX - PPPOE_BYTES - 2) return;
    __u32 ppp_bytes = LINK_IP_AT(link) - pppoe_at - PPPOE_BYTES;
    __u8* pppoe = frame + pppoe_at;
    if (pppoe + PPPOE_BYTES <= FRAME_END(ctx)) *(answer_u16*)(pppoe + 4) = bpf_htons(ppp_bytes + ip_bytes);
}

/* Cuts what the frame has behind `length` bytes. 0: done. */
static __always_inline int cut_frame(weir_ctx* ctx, __u32 length) {
    __u32 now = weir_settings.frames == WEIR_FRAMES_OF_SEVERAL ? ALL_BUFFERS_LEN(ctx) : FRAME_LEN(ctx);
    if (now <= length) return now != length;
    return bpf_xdp_adjust_tail(ctx, (int)(length - now)) != 0;
}

/* ---- addresses ---- */

#define IS_IP4_MULTICAST(address) ((address) >> 28 == 14)
#define IP4_BROADCAST 0xffffffffu

/* Neither address may be of several stations; the source must be one that packets can go to. `at` is within a link
 * header's bounds. */
static __always_inline int is_answered_ip4(weir_ctx* ctx, __u64 at) {
    const __u8* ip = FRAME(ctx) + at;
    if (ip + sizeof(struct answer_ip4) > FRAME_END(ctx)) return 0;
    __u32 source = load32(ip + 12), destination = load32(ip + 16), net = source >> 24;
    if (IS_IP4_MULTICAST(source) || source == IP4_BROADCAST || net == 0 || net == 127) return 0;
    return !IS_IP4_MULTICAST(destination) && destination != IP4_BROADCAST;
}
static __always_inline int is_answered_ip6(weir_ctx* ctx, __u64 at) {
    const __u8* ip = FRAME(ctx) + at;
    if (ip + sizeof(struct answer_ip6) > FRAME_END(ctx) || ip[8] == 0xff || ip[24] == 0xff) return 0;
    /* ::, ::1 */
    return load32(ip + 8) || load32(ip + 12) || load32(ip + 16) || load32(ip + 20) > 1;
}

/* ---- checksums ---- */

/* Of a sum of 32-bit words, up to 2^31 of them. */
static __always_inline __u16 checksum_of(__u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

/* Of a pseudo-header: both addresses, `bytes` (at most 65,535) of `protocol`. */
static __always_inline __u64 pseudo_sum_ip4(const struct answer_ip4* ip, __u32 bytes, __u32 protocol) {
    return (__u64)ip->source + ip->destination + bpf_htons(bytes) + bpf_htons(protocol);
}
static __always_inline __u64 pseudo_sum_ip6(const struct answer_ip6* ip, __u32 bytes, __u32 protocol) {
    __u64 sum = bpf_htons(bytes) + bpf_htons(protocol);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) sum += (__u64)ip->source[i] + ip->destination[i];
    return sum;
}

/* Writes the header of an answer with `bytes` behind it, from `from` to `to`. */
static __always_inline void put_ip4(struct answer_ip4* ip, __u32 from, __u32 to, __u8 tos, __u8 protocol, __u32 bytes) {
    __u16 length = bpf_htons(IP4_BYTES + bytes);
    ip->version_ihl = 0x45;
    ip->tos = tos;
    ip->length = length;
    ip->id = 0;
    ip->fragment = bpf_htons(DONT_FRAGMENT);
    ip->ttl = ANSWER_HOPS;
    ip->protocol = protocol;
    ip->source = from;
    ip->destination = to;
    __u64 sum = (__u64)from + to + bpf_htons(0x4500 | tos) + length + bpf_htons(DONT_FRAGMENT) +
                bpf_htons(ANSWER_HOPS << 8 | protocol);
    ip->checksum = checksum_of(sum);
}
/* The addresses are put by the caller. */
static __always_inline void put_ip6(struct answer_ip6* ip, __u8 next, __u32 bytes) {
    ip->version_class_label = bpf_htonl(0x60000000);
    ip->length = bpf_htons(bytes);
    ip->next = next;
    ip->hops = ANSWER_HOPS;
}

#endif
