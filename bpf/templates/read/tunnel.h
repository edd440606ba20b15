/* The packet within the packet: in a tunnel (VXLAN, GENEVE, GRE, IP in IP), or quoted by an ICMP error. One level. */
#ifndef WEIR_BPF_READ_TUNNEL_H
#define WEIR_BPF_READ_TUNNEL_H

#include "bpf/templates/read/icmp.h"
#include "bpf/templates/read/ip4.h"
#include "bpf/templates/read/ip6.h"
#include "bpf/templates/read/link.h"
#include "bpf/templates/read/place.h"
#include "bpf/templates/read/transport.h"

#define VXLAN_BYTES 8u
#define GENEVE_BYTES 8u
#define GRE_BYTES 4u
enum { VXLAN_PORT = 4789, GENEVE_PORT = 6081, PROTO_IP4 = 4, PROTO_IP6 = 41, PROTO_GRE = 47 };
#define LONGEST_DATAGRAM (0xffffu + IP6_BYTES)
enum { ETHERTYPE_ETHERNET = 0x6558 };
enum { GRE_CHECKSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_VERSION = 7 };

/* The packet in there: an EtherType, 0x6558 (an Ethernet frame) among them, and its offset in the frame. */
struct weir_begin {
    __u32 type; /* 0: no packet that is read */
    __u32 at;
};

static __always_inline int is_inner_type(__u32 type) {
    return type == ETHERTYPE_IP4 || type == ETHERTYPE_IP6 || type == ETHERTYPE_ETHERNET;
}

/* A VXLAN or GENEVE header in the `bytes` of a UDP payload. */
static __always_inline __u32 read_vxlan(weir_ctx* ctx, struct weir_inside* inside, struct weir_begin* begin,
                                        const __u8* payload, __u32 bytes) {
    if (bytes < VXLAN_BYTES || payload + VXLAN_BYTES > FRAME_END(ctx)) return 0;
    if (!(payload[0] & 8)) return 0; /* no VNI, no VXLAN */
    inside->vxlan_vni = load32(payload + 4) >> 8;
    begin->type = ETHERTYPE_ETHERNET;
    begin->at += VXLAN_BYTES;
    return WEIR_BIT(WEIR_HAS_VXLAN);
}
static __always_inline __u32 read_geneve(weir_ctx* ctx, struct weir_inside* inside, struct weir_begin* begin,
                                         const __u8* payload, __u32 bytes) {
    if (bytes < GENEVE_BYTES || payload + GENEVE_BYTES > FRAME_END(ctx)) return 0;
    if (payload[0] >> 6) return 0; /* another version */
    inside->geneve_vni = load32(payload + 4) >> 8;
    __u32 type = load16(payload + 2);
    if (is_inner_type(type)) begin->type = type;
    begin->at += GENEVE_BYTES + (payload[0] & 63) * 4u;
    return WEIR_BIT(WEIR_HAS_GENEVE);
}

static __always_inline __u32 read_gre(weir_ctx* ctx, struct weir_inside* inside, struct weir_begin* begin,
                                      const __u8* gre, __u32 bytes) {
    __u32 found = WEIR_BIT(WEIR_HAS_GRE), header_bytes = GRE_BYTES;
    if (bytes < GRE_BYTES || gre + GRE_BYTES > FRAME_END(ctx)) return found;
    __u32 flags = load16(gre), type = load16(gre + 2);
    if (flags & GRE_VERSION) return found;
    if (flags & (GRE_CHECKSUM | GRE_ROUTING)) header_bytes += 4; /* RFC 1701: the fields of both */
    if (flags & GRE_KEY) {
        const __u8* key = gre + header_bytes;
        header_bytes += 4;
        if (bytes >= header_bytes && key + 4 <= FRAME_END(ctx)) {
            inside->gre_key = load32(key);
            found |= WEIR_BIT(WEIR_HAS_GRE_KEY);
        }
    }
    if (flags & GRE_SEQUENCE) header_bytes += 4;
    if (!(flags & GRE_ROUTING) && is_inner_type(type)) begin->type = type;
    begin->at += header_bytes;
    return found;
}

/* The frame in there up to the type behind its tags, which is what this answers, or NO_TYPE where they are at fault. */
#define NO_TYPE 0x10000u
static __always_inline __u32 read_inner_ethernet(weir_ctx* ctx, struct weir_place* place) {
    __u64 at = place->at;
    OPAQUE(at);
    if (at + ETH_BYTES > place->end || at > HEADER_OFFSET_MAX) return NO_TYPE;
    const __u8 *frame = FRAME(ctx) + at, *frame_end = FRAME_END(ctx);
    if (frame + ETH_BYTES > frame_end) return NO_TYPE;
    __u32 type = load16(frame + 12);
    at += ETH_BYTES;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < VLAN_TAGS; i++) {
        if (!is_vlan(type)) break;
        const __u8* tag = frame + ETH_BYTES + i * VLAN_BYTES;
        if (at + VLAN_BYTES > place->end || tag + VLAN_BYTES > frame_end) return NO_TYPE;
        type = load16(tag + 2);
        at += VLAN_BYTES;
    }
    place->at = at;
    return is_vlan(type) ? NO_TYPE : type;
}

/* Into `p` the packet that begins at `at` with a header of that type, an Ethernet frame or IP: all of it before `end`.
 * Flag QUOTED in `type`: it is quoted by an ICMP error. Returns bits of word 0 of weir_packet.present. */
#define QUOTED 0x80000000u
GLOBAL_FUNCTION __u32 weir_read_inner(weir_ctx* ctx, struct weir_packet* p, __u32 at, __u32 end, __u32 type) {
    if (!p) return 0;
    struct weir_place place = {.at = at, .end = end, .is_inner = 1, .is_cut = type & QUOTED, .limit = end};
    __u32 found = WEIR_BIT(WEIR_HAS_ALWAYS);
    type &= ~QUOTED;
    if (at > end) return found | MALFORMED;
    if (type == ETHERTYPE_ETHERNET) type = read_inner_ethernet(ctx, &place);
    if (place.is_cut) place.end = at + LONGEST_DATAGRAM; /* or before: as it says itself */
    /* What its reader may leave as it was is zero, as on the stack. */
    p->ip_frag_offset = 0;
    p->ip_src[1] = p->ip_src[2] = p->ip_src[3] = 0;
    p->ip_dst[1] = p->ip_dst[2] = p->ip_dst[3] = 0;
    if (type == ETHERTYPE_IP4)
        found |= read_ip4(ctx, p, &place);
    else if (type == ETHERTYPE_IP6)
        found |= read_ip6(ctx, p, &place);
    else if (type == NO_TYPE)
        found |= MALFORMED;
    if (!(found & WEIR_BIT(WEIR_HAS_IP))) return found;
    found |= WEIR_BIT(WEIR_HAS_ETH) | WEIR_BIT(WEIR_HAS_ETH_TYPE); /* all IP packets have them */
    if (!(found & WEIR_BIT(WEIR_HAS_IP_PROTO)) || p->ip_frag_offset) return found;
    return found | read_transport(ctx, p, place, found);
}

/* What the packet around it is. */
enum weir_around { AROUND_VXLAN = 1, AROUND_GENEVE, AROUND_GRE, AROUND_IP4, AROUND_IP6, AROUND_ICMP, AROUND_ICMP6 };

/* The payload from offset `at` to `end`, of a packet that is `around` (enum weir_around): into inside->inner the packet
 * in there. Returns bits of word 1 of weir_packet.present. */
GLOBAL_FUNCTION __u32 weir_read_tunnel(weir_ctx* ctx, struct weir_inside* inside, __u64 at, __u32 end, __u32 around) {
    if (!inside) return 0;
    struct weir_begin begin = {.at = at};
    __u32 found = WEIR_BIT(WEIR_HAS_IPIP), if_inner = WEIR_BIT(WEIR_HAS_INNER);
    OPAQUE(at);
    if (at > HEADER_OFFSET_MAX || at > end) return 0;
    const __u8* payload = FRAME(ctx) + at;
    switch (around) {
        case AROUND_VXLAN: found = read_vxlan(ctx, inside, &begin, payload, end - at); break;
        case AROUND_GENEVE: found = read_geneve(ctx, inside, &begin, payload, end - at); break;
        case AROUND_GRE: found = read_gre(ctx, inside, &begin, payload, end - at); break;
        case AROUND_IP4: begin.type = ETHERTYPE_IP4; break;
        case AROUND_IP6: begin.type = ETHERTYPE_IP6; break;
        case AROUND_ICMP:
            found = 0;
            if_inner |= WEIR_BIT(WEIR_HAS_ICMP_INNER);
            begin.type = ETHERTYPE_IP4 | QUOTED;
            break;
        default:
            found = 0;
            if_inner |= WEIR_BIT(WEIR_HAS_ICMP6_INNER);
            begin.type = ETHERTYPE_IP6 | QUOTED;
    }
    if (!begin.type || begin.at > end) return found; /* a tunnel's header that is cut short has no packet */
    __u32 inner = weir_read_inner(ctx, &inside->inner, begin.at, end, begin.type);
    inside->inner.present[0] = inner;
    return inner & WEIR_BIT(WEIR_HAS_IP) ? found | if_inner : found;
}

/* Is that the type of an error, which quotes a packet? */
static __always_inline int is_icmp_error(__u8 type) {
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
static __always_inline int is_icmp6_error(__u8 type) { return type >= 1 && type <= 127; }

/* enum weir_around of a packet that has payload; 0: none of those. */
static __always_inline __u32 around_of(const struct weir_packet* packet) {
    __u32 present = packet->present[0];
    switch (packet->ip_proto) {
        case PROTO_UDP:
            return packet->port_dst == VXLAN_PORT ? AROUND_VXLAN : packet->port_dst == GENEVE_PORT ? AROUND_GENEVE : 0;
        case PROTO_GRE: return AROUND_GRE;
        case PROTO_IP4: return AROUND_IP4;
        case PROTO_IP6: return AROUND_IP6;
        case PROTO_ICMP:
            return (present & WEIR_BIT(WEIR_HAS_ICMP)) && is_icmp_error(packet->icmp_type) ? AROUND_ICMP : 0;
        case PROTO_ICMP6:
            return (present & WEIR_BIT(WEIR_HAS_ICMP6)) && is_icmp6_error(packet->icmp_type) ? AROUND_ICMP6 : 0;
        default: return 0;
    }
}

/* Of `packet`, read already: into inside->inner what is in there. Returns bits of word 1 of its weir_packet.present. */
static __always_inline __u32 read_tunnel(weir_ctx* ctx, const struct weir_packet* packet, struct weir_inside* inside) {
    inside->inner.present[0] = inside->inner.present[1] = 0;
    if (!(packet->present[0] & WEIR_BIT(WEIR_HAS_PAYLOAD))) return 0;
    __u32 around = around_of(packet);
    if (!around) return 0;
    return weir_read_tunnel(ctx, inside, packet->payload_offset, packet->payload_offset + packet->payload_len, around);
}

#endif
