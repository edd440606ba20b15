/* ARP. */
#ifndef WEIR_BPF_READ_ARP_H
#define WEIR_BPF_READ_ARP_H

#include "bpf/templates/read/place.h"

#define ARP_BYTES 8u
#define ARP_IP_BYTES 28u
enum { ETHERTYPE_ARP = 0x0806 };

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

static __always_inline __u32 read_arp(weir_ctx* ctx, struct weir_packet* p, const struct weir_place* place) {
    struct weir_arp arp = {};
    __u64 answer = weir_read_arp(ctx, &arp, place->at);
    if (weir_needs() & WEIR_NEED_ARP) {
        p->arp_op = answer >> 32;
        p->arp_sender_ip = arp.sender_ip;
        p->arp_target_ip = arp.target_ip;
    }
    return answer;
}

#endif
