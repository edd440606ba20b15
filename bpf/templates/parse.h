/* A frame into struct weir_packet, as docs/language.md "Reading a frame" says. Each reader of a header returns the bits
 * of weir_packet.present that it found. A header that is cut short or lies gives MALFORMED: neither it nor anything
 * after it is present. The bits travel in a register and are stored once: memory would make a chain of them. */
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

enum {
    ETHERTYPE_IP4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_IP6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8
};
enum {
    PROTO_HOPOPTS = 0,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_ICMP6 = 58,
    PROTO_DSTOPTS = 60,
    PROTO_SCTP = 132,
    PROTO_MOBILITY = 135,
    PROTO_HIP = 139,
    PROTO_SHIM6 = 140
};

/* Where reading has come to: the next header is at `at`, the datagram ends at `end` (offsets from the frame's start).
 */
struct weir_place {
    __u32 at;
    __u32 end;
};

#define MALFORMED WEIR_BIT(WEIR_IS_MALFORMED)

static __always_inline __u16 load16(const __u8* bytes) { return bpf_ntohs(*(const __u16*)bytes); }
static __always_inline __u32 load32(const __u8* bytes) { return bpf_ntohl(*(const __u32*)bytes); }
static __always_inline __u64 load_mac(const __u8* bytes) { return (__u64)load16(bytes) << 32 | load32(bytes + 2); }

static __always_inline int is_vlan(__u16 type) { return type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; }

static __always_inline int is_extension(__u8 proto) {
    return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT || proto == PROTO_AH ||
           proto == PROTO_DSTOPTS || proto == PROTO_MOBILITY || proto == PROTO_HIP || proto == PROTO_SHIM6;
}

/* tcp.mss of the options between *answer and `end`: the first one of kind 2 and length 4 of a well-formed walk. Returns
 * whether there is one; it is then in *answer. The walk's place is kept in memory, where the answer goes: of what it
 * reads there the verifier knows nothing, so all ways through an option are one to it. In a register they are 600,000
 * instructions, and seconds of loading. */
GLOBAL_FUNCTION int weir_read_mss(weir_ctx* ctx, __u16* answer, __u32 end) {
    if (!answer) return 0;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    volatile __u16* place = answer;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 40; i++) {
        __u32 at = *place;
        if (at >= end || at > HEADER_OFFSET_MAX) break;
        const __u8* option = frame + at;
        if (option + 1 > frame_end || option[0] == 0) break;
        if (option[0] == 1) {
            *place = at + 1;
            continue;
        }
        if (option + 2 > frame_end || at + 2 > end) break;
        __u32 bytes = option[1];
        if (bytes < 2 || at + bytes > end) break;
        if (option[0] == 2 && bytes == 4 && option + 4 <= frame_end) {
            *place = load16(option + 2);
            return 1;
        }
        *place = at + bytes;
    }
    *place = 0;
    return 0;
}

static __always_inline __u32 read_tcp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* tcp,
                                      __u32 left) {
    if (left < TCP_BYTES || tcp + TCP_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 bytes = (tcp[12] >> 4) * 4u;
    if (bytes < TCP_BYTES || bytes > left) return MALFORMED;
    p->port_src = load16(tcp);
    p->port_dst = load16(tcp + 2);
    p->tcp_flags = tcp[13];
    p->tcp_header_len = bytes;
    if (weir_needs() & WEIR_NEED_TCP_REST) {
        p->tcp_seq = load32(tcp + 4);
        p->tcp_ack_seq = load32(tcp + 8);
        p->tcp_window = load16(tcp + 14);
    }
    __u32 found = WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS);
    if ((weir_needs() & WEIR_NEED_MSS) && bytes > TCP_BYTES) {
        __u16 mss = place->at + TCP_BYTES;
        if (weir_read_mss(ctx, &mss, place->at + bytes)) {
            p->tcp_mss = mss;
            found |= WEIR_BIT(WEIR_HAS_TCP_MSS);
        }
    }
    place->at += bytes;
    return found;
}

static __always_inline __u32 read_udp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* udp,
                                      __u32 left, __u32 present) {
    if (left < UDP_BYTES || udp + UDP_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 bytes = load16(udp + 4);
    if (bytes < UDP_BYTES) return MALFORMED;
    if (bytes > left) {
        /* Only a first fragment may promise what comes in the next ones. */
        if (!(present & WEIR_BIT(WEIR_IS_MF))) return MALFORMED;
    } else {
        place->end = place->at + bytes;
    }
    p->port_src = load16(udp);
    p->port_dst = load16(udp + 2);
    p->udp_len = bytes;
    place->at += UDP_BYTES;
    return WEIR_BIT(WEIR_HAS_UDP) | WEIR_BIT(WEIR_HAS_PORTS);
}

static __always_inline __u32 read_sctp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* sctp,
                                       __u32 left) {
    if (left < SCTP_BYTES || sctp + SCTP_BYTES > FRAME_END(ctx)) return MALFORMED;
    p->port_src = load16(sctp);
    p->port_dst = load16(sctp + 2);
    place->at += SCTP_BYTES;
    return WEIR_BIT(WEIR_HAS_SCTP) | WEIR_BIT(WEIR_HAS_PORTS);
}

static __always_inline __u32 read_icmp(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place, const __u8* icmp,
                                       __u32 left, int v4) {
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

/* What the functions below leave in memory is 8 bytes at most: they are on the stack of all that follows. What does not
 * go in there is in the answer, from bit 32 on. */

/* The tags of a frame; `type` is what stands at offset 12, and then the type behind the tags. */
struct weir_tags {
    __u16 type;
    __u16 id;
    __u8 pcp;
    __u8 depth;
};

GLOBAL_FUNCTION __u32 weir_read_vlan(weir_ctx* ctx, struct weir_tags* tags) {
    if (!tags) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u16 type = tags->type;
    __u32 at = ETH_BYTES, found = 0;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (!is_vlan(type)) break;
        if (frame + at + VLAN_BYTES > frame_end) return found | MALFORMED;
        if (i == 0) {
            __u16 tci = load16(frame + at);
            tags->id = tci & 0xfff;
            tags->pcp = tci >> 13;
            found = WEIR_BIT(WEIR_HAS_VLAN);
        }
        tags->depth = i + 1;
        type = load16(frame + at + 2);
        at += VLAN_BYTES;
    }
    if (is_vlan(type)) return found | MALFORMED;
    tags->type = type;
    return found;
}

struct weir_arp {
    __u32 sender_ip;
    __u32 target_ip;
};

/* An ARP packet at that offset. Answers its operation, too. */
GLOBAL_FUNCTION __u64 weir_read_arp(weir_ctx* ctx, struct weir_arp* a, __u32 at) {
    if (!a) return MALFORMED;
    const __u8* frame_end = FRAME_END(ctx);
    __u32 found = WEIR_BIT(WEIR_HAS_ARP);
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* arp = FRAME(ctx) + at;
    if (arp + ARP_BYTES > frame_end) return MALFORMED;
    /* Hardware type 1, protocol IPv4, address lengths 6 and 4. */
    if (load32(arp) == 0x00010800 && load16(arp + 4) == 0x0604) {
        if (arp + ARP_IP_BYTES > frame_end) return MALFORMED;
        a->sender_ip = load32(arp + 14);
        a->target_ip = load32(arp + 24);
        found |= WEIR_BIT(WEIR_HAS_ARP_IP);
    }
    return (__u64)load16(arp + 6) << 32 | found;
}

struct weir_extensions {
    __u32 id;
    __u16 frag_offset;
    __u16 at; /* of the first one, and then of what is behind them */
};

/* A Fragment header. Returns its bits of `present`, in the place of those of an earlier one. */
static __always_inline __u32 read_fragment(struct weir_extensions* x, const __u8* header, __u32 present) {
    __u16 word = load16(header + 2);
    present &= ~(WEIR_BIT(WEIR_IS_MF) | WEIR_BIT(WEIR_IS_FRAGMENT));
    if (word & 1) present |= WEIR_BIT(WEIR_IS_MF);
    if (word & 0xfff9) present |= WEIR_BIT(WEIR_IS_FRAGMENT);
    x->frag_offset = word & 0xfff8;
    x->id = load32(header + 4);
    return present | WEIR_BIT(WEIR_HAS_IP_ID);
}

/* The extension headers of a datagram that ends at `end`; `first` is the first one's protocol. Answers that of what is
 * behind them, too: 0 where they are at fault. */
GLOBAL_FUNCTION __u64 weir_read_extensions(weir_ctx* ctx, struct weir_extensions* x, __u32 end, __u32 first) {
    if (!x) return MALFORMED;
    const __u8 *frame = FRAME(ctx), *frame_end = FRAME_END(ctx);
    __u32 at = x->at, found = WEIR_BIT(WEIR_IS_HAS_OPTIONS);
    __u8 proto = first;
#pragma clang loop unroll(disable)
    for (int i = 0; i < EXTENSION_HEADERS; i++) {
        if (!is_extension(proto)) break;
        if (at > HEADER_OFFSET_MAX) return found | MALFORMED;
        const __u8* header = frame + at;
        if (at + EXTENSION_BYTES > end || header + EXTENSION_BYTES > frame_end) return found | MALFORMED;
        __u32 bytes = EXTENSION_BYTES;
        int is_last = 0;
        if (proto == PROTO_FRAGMENT) {
            found = read_fragment(x, header, found);
            is_last = x->frag_offset != 0;
        } else if (proto == PROTO_AH) {
            bytes = (header[1] + 2u) * 4;
        } else {
            bytes = (header[1] + 1u) * 8;
        }
        if (at + bytes > end) return found | MALFORMED;
        proto = header[0];
        at += bytes;
        if (is_last) return (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
    }
    if (is_extension(proto)) return found | MALFORMED;
    x->at = at;
    return (__u64)proto << 32 | found | WEIR_BIT(WEIR_HAS_IP_PROTO);
}

/* IPv6 with its extension headers. */
static __always_inline __u32 read_ip6(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP6_BYTES > FRAME_END(ctx) || ip[0] >> 4 != 6) return MALFORMED;
    __u32 total = load16(ip + 4) + IP6_BYTES;
    if (total > p->len - at) return MALFORMED;
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
    __u32 found = WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP6);
    place->at = at + IP6_BYTES;
    place->end = at + total;
    if (!is_extension(p->ip_proto)) return found | WEIR_BIT(WEIR_HAS_IP_PROTO);
    struct weir_extensions x = {.at = place->at};
    __u64 answer = weir_read_extensions(ctx, &x, place->end, p->ip_proto);
    p->ip_proto = answer >> 32;
    p->ip_frag_offset = x.frag_offset;
    p->ip_id = x.id;
    place->at = x.at;
    return found | (__u32)answer;
}

static __always_inline __u32 read_ip4(weir_ctx* ctx, struct weir_packet* p, struct weir_place* place) {
    __u32 at = place->at;
    if (at > HEADER_OFFSET_MAX) return MALFORMED;
    const __u8* ip = FRAME(ctx) + at;
    if (ip + IP4_BYTES > FRAME_END(ctx)) return MALFORMED;
    __u32 header_bytes = (ip[0] & 15) * 4u, total = load16(ip + 2);
    if (ip[0] >> 4 != 4 || header_bytes < IP4_BYTES || total < header_bytes || total > p->len - at) return MALFORMED;
    __u16 fragment = load16(ip + 6);
    __u32 found =
        WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP4) | WEIR_BIT(WEIR_HAS_IP_PROTO) | WEIR_BIT(WEIR_HAS_IP_ID);
    if (fragment & 0x4000) found |= WEIR_BIT(WEIR_IS_DF);
    if (fragment & 0x3fff) {
        found |= WEIR_BIT(WEIR_IS_FRAGMENT);
        if (fragment & 0x2000) found |= WEIR_BIT(WEIR_IS_MF);
    }
    if (header_bytes > IP4_BYTES) found |= WEIR_BIT(WEIR_IS_HAS_OPTIONS);
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
    place->at = at + header_bytes;
    place->end = at + total;
    return found;
}

/* All that comes after Ethernet's addresses. */
static __always_inline __u32 read_network(weir_ctx* ctx, struct weir_packet* p, __u16 type) {
    __u32 found = WEIR_BIT(WEIR_HAS_ETH_TYPE);
    struct weir_place place = {.at = ETH_BYTES};
    if (is_vlan(type)) {
        struct weir_tags tags = {.type = type};
        __u32 read = weir_read_vlan(ctx, &tags);
        p->vlan_id = tags.id;
        p->vlan_pcp = tags.pcp;
        p->vlan_depth = tags.depth;
        if (read & MALFORMED) return read;
        found |= read;
        type = tags.type;
        place.at += tags.depth * VLAN_BYTES;
    }
    p->eth_type = type;
    if (type == ETHERTYPE_IP4) {
        found |= read_ip4(ctx, p, &place);
    } else if (type == ETHERTYPE_IP6) {
        found |= read_ip6(ctx, p, &place);
    } else {
        if (type == ETHERTYPE_ARP) {
            struct weir_arp arp = {};
            __u64 answer = weir_read_arp(ctx, &arp, place.at);
            found |= (__u32)answer;
            p->arp_op = answer >> 32;
            p->arp_sender_ip = arp.sender_ip;
            p->arp_target_ip = arp.target_ip;
        }
        return found;
    }
    /* A fragment that is not the first has no transport header. */
    if ((found & MALFORMED) || p->ip_frag_offset) return found;
    return found | read_transport(ctx, p, place, found);
}

/* Where live traffic came in. */
static __always_inline __u32 read_interface(weir_ctx* ctx, struct weir_packet* p) {
    if (weir_settings.trace) return 0;
    if (weir_needs() & WEIR_NEED_IFACE) {
        p->ifindex = ctx->ingress_ifindex;
        p->rx_queue = ctx->rx_queue_index;
        const __u32* matches = bpf_map_lookup_elem(&weir_ifaces, &p->ifindex);
        if (matches) p->iface_matches = *matches;
    }
    return WEIR_BIT(WEIR_HAS_IFACE);
}

/* Fills `p`, which must be zero. Its address goes to no global function, so that of a policy that reads two fields LLVM
 * keeps two. */
static __always_inline void read_frame(weir_ctx* ctx, struct weir_packet* p) {
    const __u8* frame = FRAME(ctx);
    p->len = FRAME_LEN(ctx);
    __u32 found = WEIR_BIT(WEIR_HAS_ALWAYS) | read_interface(ctx, p);
    if (frame + ETH_BYTES > FRAME_END(ctx)) {
        p->present = found | MALFORMED;
        return;
    }
    if (weir_needs() & WEIR_NEED_MAC) {
        p->eth_dst = load_mac(frame);
        p->eth_src = load_mac(frame + 6);
    }
    p->present = found | WEIR_BIT(WEIR_HAS_ETH) | read_network(ctx, p, load16(frame + 12));
}

#endif
