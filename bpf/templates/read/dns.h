/* DNS: the header, and the first question, whole and uncompressed. */
#ifndef WEIR_BPF_READ_DNS_H
#define WEIR_BPF_READ_DNS_H

#include "bpf/templates/read/name.h"
#include "bpf/templates/read/place.h"

#define DNS_HEADER_BYTES 12u
#define DNS_NAME_BYTES 255u  /* on the wire, the root's label included */
#define DNS_LABEL_BYTES 63u  /* anything above is a pointer or reserved */
#define DNS_QUESTION_REST 4u /* type and class */

/* The bytes on the wire of the name at `at`, which ends before `end`; 0: there is none. The text of a name is its wire
 * form from the second byte on, with dots in place of lengths: so a label starts there where its length is here. */
GLOBAL_FUNCTION __u32 weir_walk_labels(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 end) {
    if (!inside || at >= end || at > TEXT_OFFSET_MAX - DNS_NAME_BYTES) return 0;
    const __u8 *name = FRAME(ctx) + at, *frame_end = FRAME_END(ctx);
    __u64 label = 0, bytes = end - at;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_NAME_LABELS; i++) {
        OPAQUE(label);
        if (label >= bytes || label >= DNS_NAME_BYTES) return 0;
        const __u8* length = name + label;
        if (length + 1 > frame_end) return 0;
        if (!*length) {
            inside->name_labels = i;
            return label + 1;
        }
        if (*length > DNS_LABEL_BYTES) return 0;
        inside->label_starts[i] = label;
        label += *length + 1u;
    }
    return 0;
}

/* Dots between the labels of a name that was copied from the wire. */
static __always_inline void write_dots(struct weir_inside* inside) {
    __u32 labels = inside->name_labels;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i < WEIR_NAME_LABELS; i++) {
        if (i >= labels) break;
        __u64 dot = inside->label_starts[i] - 1ull;
        OPAQUE(dot);
        if (dot < WEIR_NAME_BYTES) inside->name[dot] = '.';
    }
}

/* The UDP payload of `bytes` bytes at `at` of the frame. Returns bits of word 1 of weir_packet.present. */
GLOBAL_FUNCTION __u32 weir_read_dns(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 bytes) {
    if (!inside || at > TEXT_OFFSET_MAX || bytes < DNS_HEADER_BYTES) return 0;
    const __u8* header = FRAME(ctx) + at;
    if (header + DNS_HEADER_BYTES > FRAME_END(ctx)) return 0;
    if (!load16(header + 4)) return 0; /* no question */
    __u32 found = WEIR_BIT(WEIR_HAS_DNS);
    if (header[2] & 0x80) found |= WEIR_BIT(WEIR_IS_DNS_RESPONSE);
    inside->dns_rcode = header[3] & 0xf;
    inside->dns_answers = load16(header + 6);

    __u32 name = at + DNS_HEADER_BYTES, end = at + bytes;
    __u32 name_bytes = weir_walk_labels(ctx, inside, name, end);
    if (!name_bytes || name_bytes > DNS_NAME_BYTES) return 0;
    __u64 rest = (__u64)name + name_bytes;
    OPAQUE(rest);
    if (rest + DNS_QUESTION_REST > end || rest > TEXT_OFFSET_MAX) return 0;
    const __u8* question_rest = FRAME(ctx) + rest;
    if (question_rest + DNS_QUESTION_REST > FRAME_END(ctx)) return 0;
    inside->dns_qtype = load16(question_rest);
    /* Without the first length and the root's. */
    if (!weir_copy_name(ctx, inside, name + 1, name_bytes > 2 ? name_bytes - 2 : 0)) return 0;
    write_dots(inside);
    return found;
}

#endif
