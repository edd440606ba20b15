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
 * bytes. The verifier wants to hear it. */
#define HEADER_OFFSET_MAX 20000u

/* Where reading has come to: the next header is at `at`; at `end` ends what holds it, of IP the datagram, before that
 * the frame or a PPPoE session's payload (offsets from the frame's start). */
struct weir_place {
    __u32 at;
    __u32 end;
};

#define MALFORMED WEIR_BIT(WEIR_IS_MALFORMED)

static __always_inline __u16 load16(const __u8* bytes) { return bpf_ntohs(*(const __u16*)bytes); }
static __always_inline __u32 load32(const __u8* bytes) { return bpf_ntohl(*(const __u32*)bytes); }

#endif
