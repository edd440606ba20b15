/* A frame into struct weir_packet, as language.md "Reading" says. Header by header: one that is cut short or lies sets
 * WEIR_IS_MALFORMED, and neither it nor anything after it is present. */
#ifndef WEIR_BPF_PARSE_H
#define WEIR_BPF_PARSE_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#define ETH_BYTES 14u
#define VLAN_BYTES 4u
#define VLAN_TAGS 2u
#define ARP_BYTES 8u
#define ARP_IP_BYTES 28u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define EXTENSION_BYTES 8u
#define EXTENSION_HEADERS 8
#define TCP_BYTES 20u
#define UDP_BYTES 8u
#define SCTP_BYTES 12u
#define ICMP_BYTES 8u
/* No header begins further into a frame: Ethernet, two tags, IPv6 and eight extension headers of 2048 bytes. The
 * verifier wants to hear it. */
#define HEADER_OFFSET_MAX 20000u

enum { ETHERTYPE_IP4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IP6 = 0x86dd, ETHERTYPE_VLAN = 0x8100,
       ETHERTYPE_QINQ = 0x88a8 };
enum { PROTO_HOPOPTS = 0, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ROUTING = 43, PROTO_FRAGMENT = 44,
       PROTO_AH = 51, PROTO_ICMP6 = 58, PROTO_DSTOPTS = 60, PROTO_SCTP = 132, PROTO_MOBILITY = 135, PROTO_HIP = 139,
       PROTO_SHIM6 = 140 };

/* A packet while it is read: the next header is at `at`, the datagram ends at `end` (offsets from the frame's start). */
struct weir_reading {
    struct weir_packet packet;
    __u32 at;
    __u32 end;
};

static __always_inline __u16 load16(const __u8 *bytes) { return bpf_ntohs(*(const __u16 *)bytes); }
static __always_inline __u32 load32(const __u8 *bytes) { return bpf_ntohl(*(const __u32 *)bytes); }
static __always_inline __u64 load_mac(const __u8 *bytes) { return (__u64)load16(bytes) << 32 | load32(bytes + 2); }

static __always_inline int is_vlan(__u16 type) { return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; }

static __always_inline int is_extension(__u8 proto)
{
    return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT || proto == PROTO_AH ||
           proto == PROTO_DSTOPTS || proto == PROTO_MOBILITY || proto == PROTO_HIP || proto == PROTO_SHIM6;
}

/* The tags, from offset 14. Leaves the type after them in eth_type, and `at` behind them. Returns 0 where they are at
 * fault. */
GLOBAL_FUNCTION int weir_read_vlan(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u16 type = r->packet.eth_type;
    __u32 at = ETH_BYTES;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (!is_vlan(type))
            break;
        if (frame + at + VLAN_BYTES > frame_end)
            return 0;
        if (i == 0) {
            __u16 tci = load16(frame + at);
            r->packet.vlan_id = tci & 0xfff;
            r->packet.vlan_pcp = tci >> 13;
            r->packet.present |= WEIR_BIT(WEIR_HAS_VLAN);
        }
        r->packet.vlan_depth = i + 1;
        type = load16(frame + at + 2);
        at += VLAN_BYTES;
    }
    if (is_vlan(type))
        return 0;
    r->packet.eth_type = type;
    r->at = at;
    return 1;
}

GLOBAL_FUNCTION int weir_read_arp(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    const __u8 *frame_end = FRAME_END(ctx);
    __u32 at = r->at;
    if (at > HEADER_OFFSET_MAX)
        return 0;
    const __u8 *arp = FRAME(ctx) + at;
    if (arp + ARP_BYTES > frame_end)
        return 0;
    /* Hardware type 1, protocol IPv4, address lengths 6 and 4. */
    if (load32(arp) == 0x00010800 && load16(arp + 4) == 0x0604) {
        if (arp + ARP_IP_BYTES > frame_end)
            return 0;
        r->packet.arp_sender_ip = load32(arp + 14);
        r->packet.arp_target_ip = load32(arp + 24);
        r->packet.present |= WEIR_BIT(WEIR_HAS_ARP_IP);
    }
    r->packet.arp_op = load16(arp + 6);
    r->packet.present |= WEIR_BIT(WEIR_HAS_ARP);
    return 1;
}

/* The IPv6 header and its extension headers. Returns 0 where one is at fault. */
GLOBAL_FUNCTION int weir_read_extensions(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u32 at = r->at, end = r->end;
    __u8 proto = r->packet.ip_proto;
#pragma clang loop unroll(disable)
    for (int i = 0; i < EXTENSION_HEADERS; i++) {
        if (!is_extension(proto))
            break;
        if (at > HEADER_OFFSET_MAX)
            return 0;
        const __u8 *header = frame + at;
        if (at + EXTENSION_BYTES > end || header + EXTENSION_BYTES > frame_end)
            return 0;
        __u32 bytes = EXTENSION_BYTES, offset = 0;
        if (proto == PROTO_FRAGMENT) {
            __u16 word = load16(header + 2);
            offset = word & 0xfff8;
            __u32 present = r->packet.present & ~(WEIR_BIT(WEIR_IS_MF) | WEIR_BIT(WEIR_IS_FRAGMENT));
            if (word & 1)
                present |= WEIR_BIT(WEIR_IS_MF);
            if (word & 0xfff9)
                present |= WEIR_BIT(WEIR_IS_FRAGMENT);
            r->packet.present = present | WEIR_BIT(WEIR_HAS_IP_ID);
            r->packet.ip_frag_offset = offset;
            r->packet.ip_id = load32(header + 4);
        } else if (proto == PROTO_AH) {
            bytes = (header[1] + 2u) * 4;
        } else {
            bytes = (header[1] + 1u) * 8;
        }
        if (at + bytes > end)
            return 0;
        proto = header[0];
        at += bytes;
        r->packet.ip_proto = proto;
        r->at = at;
        if (offset)
            return 1;
    }
    return !is_extension(proto);
}

/* Returns 0 where the header is at fault. */
GLOBAL_FUNCTION int weir_read_ip6(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    __u32 at = r->at;
    if (at > HEADER_OFFSET_MAX)
        return 0;
    const __u8 *ip = FRAME(ctx) + at;
    if (ip + IP6_BYTES > FRAME_END(ctx) || ip[0] >> 4 != 6)
        return 0;
    __u32 total = load16(ip + 4) + IP6_BYTES;
    if (total > r->packet.len - at)
        return 0;
    struct weir_packet *p = &r->packet;
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        p->ip_src[i] = load32(ip + 8 + i * 4);
        p->ip_dst[i] = load32(ip + 24 + i * 4);
    }
    p->ip_version = 6;
    p->ip_len = total;
    if (weir_needs() & WEIR_NEED_IP_REST) {
        p->ip_ttl = ip[7];
        p->ip_tos = load16(ip) >> 4;
        p->ip6_flow_label = load32(ip) & 0xfffff;
    }
    p->ip_proto = ip[6];
    p->present |= WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP6);
    r->at = at + IP6_BYTES;
    r->end = at + total;
    if (is_extension(p->ip_proto)) {
        p->present |= WEIR_BIT(WEIR_IS_HAS_OPTIONS);
        if (!weir_read_extensions(ctx, r)) {
            p->ip_proto = 0;
            return 0;
        }
    }
    p->present |= WEIR_BIT(WEIR_HAS_IP_PROTO);
    return 1;
}

/* tcp.mss of the header of `bytes` bytes at `at`: the first option of kind 2 and length 4 of a well-formed walk. */
GLOBAL_FUNCTION int weir_read_mss(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u32 at = r->at + TCP_BYTES, end = r->at + r->packet.tcp_header_len;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 40; i++) {
        if (at >= end || at > HEADER_OFFSET_MAX)
            return 0;
        const __u8 *option = frame + at;
        if (option + 1 > frame_end || option[0] == 0)
            return 0;
        if (option[0] == 1) {
            at++;
            continue;
        }
        if (option + 2 > frame_end || at + 2 > end)
            return 0;
        __u32 bytes = option[1];
        if (bytes < 2 || at + bytes > end)
            return 0;
        if (option[0] == 2 && bytes == 4 && option + 4 <= frame_end) {
            r->packet.tcp_mss = load16(option + 2);
            r->packet.present |= WEIR_BIT(WEIR_HAS_TCP_MSS);
            return 0;
        }
        at += bytes;
    }
    return 0;
}

static __always_inline int read_tcp(weir_ctx *ctx, struct weir_reading *r, const __u8 *tcp, __u32 left)
{
    struct weir_packet *p = &r->packet;
    if (left < TCP_BYTES || tcp + TCP_BYTES > FRAME_END(ctx))
        return 0;
    __u32 bytes = (tcp[12] >> 4) * 4u;
    if (bytes < TCP_BYTES || bytes > left)
        return 0;
    p->port_src = load16(tcp);
    p->port_dst = load16(tcp + 2);
    p->tcp_flags = tcp[13];
    p->tcp_header_len = bytes;
    if (weir_needs() & WEIR_NEED_TCP_REST) {
        p->tcp_seq = load32(tcp + 4);
        p->tcp_ack_seq = load32(tcp + 8);
        p->tcp_window = load16(tcp + 14);
    }
    p->present |= WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS);
    if ((weir_needs() & WEIR_NEED_MSS) && bytes > TCP_BYTES)
        weir_read_mss(ctx, r);
    r->at += bytes;
    return 1;
}

static __always_inline int read_udp(weir_ctx *ctx, struct weir_reading *r, const __u8 *udp, __u32 left)
{
    struct weir_packet *p = &r->packet;
    if (left < UDP_BYTES || udp + UDP_BYTES > FRAME_END(ctx))
        return 0;
    __u32 bytes = load16(udp + 4);
    if (bytes < UDP_BYTES)
        return 0;
    if (bytes > left) {
        /* Only a first fragment may promise what comes in the next ones. */
        if (!(p->present & WEIR_BIT(WEIR_IS_MF)))
            return 0;
    } else {
        r->end = r->at + bytes;
    }
    p->port_src = load16(udp);
    p->port_dst = load16(udp + 2);
    p->udp_len = bytes;
    p->present |= WEIR_BIT(WEIR_HAS_UDP) | WEIR_BIT(WEIR_HAS_PORTS);
    r->at += UDP_BYTES;
    return 1;
}

static __always_inline int read_icmp(weir_ctx *ctx, struct weir_reading *r, const __u8 *icmp, __u32 left)
{
    struct weir_packet *p = &r->packet;
    if (left < ICMP_BYTES || icmp + ICMP_BYTES > FRAME_END(ctx))
        return 0;
    int v4 = p->ip_proto == PROTO_ICMP;
    __u8 type = icmp[0];
    p->icmp_type = type;
    p->icmp_code = icmp[1];
    __u32 present = v4 ? WEIR_BIT(WEIR_HAS_ICMP) : WEIR_BIT(WEIR_HAS_ICMP6);
    if (v4 ? (type == 0 || type == 8) : (type == 128 || type == 129)) {
        p->icmp_id = load16(icmp + 4);
        p->icmp_seq = load16(icmp + 6);
        present |= v4 ? WEIR_BIT(WEIR_HAS_ICMP_ECHO) : WEIR_BIT(WEIR_HAS_ICMP6_ECHO);
    }
    p->present |= present;
    r->at += ICMP_BYTES;
    return 1;
}

/* The transport header. Returns 0 where it is at fault. */
GLOBAL_FUNCTION int weir_read_transport(weir_ctx *ctx, struct weir_reading *r)
{
    if (!r)
        return 0;
    __u32 at = r->at, left = r->end - at;
    if (at > HEADER_OFFSET_MAX)
        return 0;
    const __u8 *header = FRAME(ctx) + at;
    __u8 proto = r->packet.ip_proto;
    if (proto == PROTO_TCP)
        return read_tcp(ctx, r, header, left);
    if (proto == PROTO_UDP)
        return read_udp(ctx, r, header, left);
    if (proto == (r->packet.ip_version == 4 ? PROTO_ICMP : PROTO_ICMP6))
        return read_icmp(ctx, r, header, left);
    if (proto == PROTO_SCTP) {
        if (left < SCTP_BYTES || header + SCTP_BYTES > FRAME_END(ctx))
            return 0;
        r->packet.port_src = load16(header);
        r->packet.port_dst = load16(header + 2);
        r->packet.present |= WEIR_BIT(WEIR_HAS_SCTP) | WEIR_BIT(WEIR_HAS_PORTS);
        r->at += SCTP_BYTES;
    }
    return 1;
}

/* Returns 0 where the header is at fault. */
static __always_inline int read_ip4(weir_ctx *ctx, struct weir_reading *r)
{
    struct weir_packet *p = &r->packet;
    __u32 at = r->at;
    if (at > HEADER_OFFSET_MAX)
        return 0;
    const __u8 *ip = FRAME(ctx) + at;
    if (ip + IP4_BYTES > FRAME_END(ctx))
        return 0;
    __u32 header_bytes = (ip[0] & 15) * 4u, total = load16(ip + 2);
    if (ip[0] >> 4 != 4 || header_bytes < IP4_BYTES || total < header_bytes || total > p->len - at)
        return 0;
    __u16 fragment = load16(ip + 6);
    __u32 present = WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_IP_PROTO) |
                    WEIR_BIT(WEIR_HAS_IP_ID);
    if (fragment & 0x4000)
        present |= WEIR_BIT(WEIR_IS_DF);
    if (fragment & 0x2000)
        present |= WEIR_BIT(WEIR_IS_MF);
    if (fragment & 0x3fff)
        present |= WEIR_BIT(WEIR_IS_FRAGMENT);
    if (header_bytes > IP4_BYTES)
        present |= WEIR_BIT(WEIR_IS_HAS_OPTIONS);
    p->ip_src[0] = load32(ip + 12);
    p->ip_dst[0] = load32(ip + 16);
    p->ip_version = 4;
    p->ip_proto = ip[9];
    p->ip_frag_offset = (fragment & 0x1fff) * 8;
    p->ip_len = total;
    if (weir_needs() & WEIR_NEED_IP_REST) {
        p->ip_ttl = ip[8];
        p->ip_tos = ip[1];
        p->ip_id = load16(ip + 4);
    }
    p->present |= present;
    r->at = at + header_bytes;
    r->end = at + total;
    return 1;
}

/* All that comes after Ethernet. Returns 0 where a header is at fault. */
static __always_inline int read_network(weir_ctx *ctx, struct weir_reading *r)
{
    __u16 type = r->packet.eth_type;
    if (type == ETHERTYPE_IP4) {
        if (!read_ip4(ctx, r))
            return 0;
    } else if (type == ETHERTYPE_IP6) {
        if (!weir_read_ip6(ctx, r))
            return 0;
    } else {
        return type == ETHERTYPE_ARP ? weir_read_arp(ctx, r) : 1;
    }
    if (r->packet.ip_frag_offset)
        return 1;
    if (!weir_read_transport(ctx, r))
        return 0;
    r->packet.payload_offset = r->at;
    r->packet.payload_len = r->end - r->at;
    r->packet.present |= WEIR_BIT(WEIR_HAS_PAYLOAD);
    return 1;
}

/* Fills r->packet, which must be zero. */
static __always_inline void read_frame(weir_ctx *ctx, struct weir_reading *r)
{
    struct weir_packet *p = &r->packet;
    const __u8 *frame = FRAME(ctx);
    p->len = FRAME_LEN(ctx);
    p->present = WEIR_BIT(WEIR_HAS_ALWAYS);
    if (!weir_settings.trace) {
        p->present |= WEIR_BIT(WEIR_HAS_IFACE);
        p->ifindex = ctx->ingress_ifindex;
        p->rx_queue = ctx->rx_queue_index;
        if (weir_needs() & WEIR_NEED_IFACE) {
            const __u32 *matches = bpf_map_lookup_elem(&weir_ifaces, &p->ifindex);
            if (matches)
                p->iface_matches = *matches;
        }
    }
    if (frame + ETH_BYTES > FRAME_END(ctx)) {
        p->present |= WEIR_BIT(WEIR_IS_MALFORMED);
        return;
    }
    if (weir_needs() & WEIR_NEED_MAC) {
        p->eth_dst = load_mac(frame);
        p->eth_src = load_mac(frame + 6);
    }
    p->eth_type = load16(frame + 12);
    p->present |= WEIR_BIT(WEIR_HAS_ETH);
    r->at = ETH_BYTES;
    if (is_vlan(p->eth_type) && !weir_read_vlan(ctx, r)) {
        p->eth_type = 0;
        p->present |= WEIR_BIT(WEIR_IS_MALFORMED);
        return;
    }
    p->present |= WEIR_BIT(WEIR_HAS_ETH_TYPE);
    if (!read_network(ctx, r))
        p->present |= WEIR_BIT(WEIR_IS_MALFORMED);
}

#endif
