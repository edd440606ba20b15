/* DNS: the header, and the first question, whole and uncompressed. */
#ifndef WEIR_BPF_READ_DNS_H
#define WEIR_BPF_READ_DNS_H

#include "bpf/templates/read/name.h"
#include "bpf/templates/read/place.h"

#define DNS_HEADER_BYTES 12u
#define DNS_NAME_BYTES 255u  /* on the wire, the root's label included */
#define DNS_LABEL_BYTES 63u  /* anything above is a pointer or reserved */
#define DNS_QUESTION_REST 4u /* type and class */

/* The UDP payload of `bytes` bytes at `at` of the frame. Returns bits of word 1 of weir_packet.present. The text of a
 * name is its wire form from the second byte on, with dots in place of lengths: so a label starts there where its
 * length is here. */
GLOBAL_FUNCTION __u32 weir_read_dns(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 bytes) {
    if (!inside || at > TEXT_OFFSET_MAX || bytes < DNS_HEADER_BYTES) return 0;
    __u64 begin = at, label = 0, room = bytes - DNS_HEADER_BYTES;
    OPAQUE(begin);
    const __u8 *header = FRAME(ctx) + begin, *frame_end = FRAME_END(ctx), *name = header + DNS_HEADER_BYTES;
    if (name > frame_end) return 0;
    if (!load16(header + 4)) return 0; /* no question */
    inside->dns_rcode = header[3] & 0xf;
    inside->dns_answers = load16(header + 6);
    __u32 found = WEIR_BIT(WEIR_HAS_DNS) | (__u32)(header[2] >> 7) << WEIR_IS_DNS_RESPONSE % 32;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_NAME_LABELS; i++) {
        OPAQUE(label);
        if (label >= DNS_NAME_BYTES || label + 1 + DNS_QUESTION_REST > room) return 0;
        const __u8* length = name + label;
        if (length + 1 + DNS_QUESTION_REST > frame_end) return 0;
        if (!*length) {
            inside->name_labels = i;
            inside->dns_qtype = load16(length + 1);
            /* The text begins behind the first length and ends before the last one. */
            if (!weir_copy_labels(ctx, inside, begin + DNS_HEADER_BYTES + 1, label ? label - 1 : 0)) return 0;
            return found;
        }
        if (*length > DNS_LABEL_BYTES) return 0;
        inside->label_starts[i] = label;
        label += *length + 1u;
    }
    return 0;
}

#endif
