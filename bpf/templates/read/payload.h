/* The payload against literals. Literals are data, so that a policy's program does not grow with them. */
#ifndef WEIR_BPF_READ_PAYLOAD_H
#define WEIR_BPF_READ_PAYLOAD_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

/* No payload byte that is looked at lies further into the frame: the verifier follows packet pointers that far, and the
 * frames of XDP are smaller. A capture's may be larger. */
#ifdef WEIR_HOST
#define PAYLOAD_OFFSET_MAX 0xffffffu
#else
#define PAYLOAD_OFFSET_MAX 65000u
#endif

/* Does the payload hold literal `number` at offset `at`? It must reach that far. */
GLOBAL_FUNCTION int weir_payload_at(weir_ctx* ctx, struct weir_packet* packet, __u32 number, __u32 at) {
    if (!packet || number >= weir_literal_count()) return 0;
    const struct weir_literal* literal = &weir_literals[number];
    __u32 length = literal->length;
    if (at > packet->payload_len || length > packet->payload_len - at) return 0;
    __u32 offset = packet->payload_offset + at;
    if (offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8 *bytes = FRAME(ctx) + offset, *frame_end = FRAME_END(ctx);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LITERAL_BYTES; i++) {
        if (i >= length) return 1;
        if (bytes + i + 1 > frame_end || bytes[i] != literal->bytes[i]) return 0;
    }
    return 1;
}

/* Does the payload end with literal `number`? */
GLOBAL_FUNCTION int weir_payload_ends(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_literal_count()) return 0;
    __u32 length = weir_literals[number].length;
    if (length > packet->payload_len) return 0;
    return weir_payload_at(ctx, packet, number, packet->payload_len - length);
}

/* Do the first WEIR_SEARCH_BYTES of the payload hold search `number`? */
GLOBAL_FUNCTION int weir_payload_contains(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_search_count()) return 0;
    const struct weir_search* search = &weir_searches[number];
    __u32 length = packet->payload_len;
    if (packet->payload_offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8 *bytes = FRAME(ctx) + packet->payload_offset, *frame_end = FRAME_END(ctx);
    __u64 state = 0, last = search->last;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_SEARCH_BYTES; i++) {
        if (i >= length || bytes + i + 1 > frame_end) return 0;
        state = (state << 1 | 1) & search->masks[bytes[i]];
        if (state & last) return 1;
    }
    return 0;
}

#endif
