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
#define PAYLOAD_OFFSET_MAX 64000u
#endif

/* An index into a table, checked in the register in which it is used: LLVM may put an argument on the stack before its
 * check, and the verifier knows no bounds of what is read from there. */
#define CHECKED(index, count)            \
    ({                                   \
        __u64 index_ = (index);          \
        OPAQUE(index_);                  \
        if (index_ >= (count)) return 0; \
        index_;                          \
    })

/* Does the payload hold the literal at offset `at`? It must reach that far. `fold`: 0 where the literal is exact, so
 * that policies without `nocase` cost the verifier nothing for it; WEIR_FOLD where it may be either. */
static __always_inline int literal_at(weir_ctx* ctx, const struct weir_packet* packet,
                                      const struct weir_literal* literal, __u32 at, const __u64 fold) {
    __u32 length = fold ? literal->length & ~WEIR_LITERAL_NOCASE : literal->length;
    if (at > packet->payload_len || length > packet->payload_len - at) return 0;
    __u32 offset = packet->payload_offset + at;
    if (offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8 *bytes = FRAME(ctx) + offset, *frame_end = FRAME_END(ctx);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LITERAL_BYTES; i++) {
        if (i >= length) return 1;
        if (bytes + i + 1 > frame_end) return 0;
        __u32 byte = bytes[i], wanted = literal->bytes[i];
        if (byte == wanted) continue;
        if (!fold || !(literal->length & WEIR_LITERAL_NOCASE) || wanted < 'a' || wanted > 'z' ||
            (byte | 0x20) != wanted)
            return 0;
    }
    return 1;
}

GLOBAL_FUNCTION int weir_payload_at(weir_ctx* ctx, struct weir_packet* packet, __u32 number, __u32 at) {
    if (!packet) return 0;
    return literal_at(ctx, packet, &weir_literals[CHECKED(number, weir_literal_count())], at, 0);
}
GLOBAL_FUNCTION int weir_payload_at_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 number, __u32 at) {
    if (!packet) return 0;
    return literal_at(ctx, packet, &weir_literals[CHECKED(number, weir_literal_count())], at, WEIR_FOLD);
}

/* Does the payload end with literal `number`? */
GLOBAL_FUNCTION int weir_payload_ends(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_literal_count()) return 0;
    __u32 length = weir_literals[number].length;
    if (length > packet->payload_len) return 0;
    return weir_payload_at(ctx, packet, number, packet->payload_len - length);
}
GLOBAL_FUNCTION int weir_payload_ends_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_literal_count()) return 0;
    __u32 length = weir_literals[number].length & ~WEIR_LITERAL_NOCASE;
    if (length > packet->payload_len) return 0;
    return weir_payload_at_nocase(ctx, packet, number, packet->payload_len - length);
}

/* ---- contains: two bytes of the literal are looked for, word by word; only where they stand is it compared ---- */

#define SEARCH_STEP 8u /* bytes at once */

static __always_inline __u64 load64(const __u8* bytes) { return *(const __u64*)bytes; }

/* Is search `number` found, its two bytes at `at` of the payload? */
static __always_inline int is_found(weir_ctx* ctx, const struct weir_packet* packet, __u32 number, __u32 at,
                                    const __u64 fold) {
    const struct weir_search* search = &weir_searches[CHECKED(number, weir_search_count())];
    if (at < search->offset || at > search->last) return 0;
    const struct weir_literal* literal = &weir_literals[CHECKED(search->literal, weir_literal_count())];
    return literal_at(ctx, packet, literal, at - search->offset, fold);
}

GLOBAL_FUNCTION int weir_search_at(weir_ctx* ctx, struct weir_packet* packet, __u32 number, __u32 at) {
    if (!packet) return 0;
    return is_found(ctx, packet, number, at, 0);
}
GLOBAL_FUNCTION int weir_search_at_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 number, __u32 at) {
    if (!packet) return 0;
    return is_found(ctx, packet, number, at, WEIR_FOLD);
}
#define SEARCH_AT(fold, ...) ((fold) ? weir_search_at_nocase(__VA_ARGS__) : weir_search_at(__VA_ARGS__))

/* Do the first WEIR_SEARCH_BYTES of the payload hold search `number`? `fold`: 0 or WEIR_FOLD. */
static __always_inline int payload_contains(weir_ctx* ctx, struct weir_packet* packet, __u32 number, const __u64 fold) {
    if (!packet) return 0;
    const struct weir_search* search = &weir_searches[CHECKED(number, weir_search_count())];
    __u32 length = packet->payload_len, at = 0;
    if (packet->payload_offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8 *bytes = FRAME(ctx) + packet->payload_offset, *frame_end = FRAME_END(ctx);
    __u64 first = search->first, second = search->second, mask = search->mask;
#pragma clang loop unroll(disable)
    for (; at < WEIR_SEARCH_BYTES; at += SEARCH_STEP) {
        if (at >= length) return 0;
        if (bytes + at + SEARCH_STEP + 1 > frame_end) break;
        __u64 unlike = ((load64(bytes + at) | fold) ^ first) | (((load64(bytes + at + 1) | fold) ^ second) & mask);
        if (!((unlike - 0x0101010101010101) & ~unlike & 0x8080808080808080)) continue; /* no byte of it is zero */
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < SEARCH_STEP; i++) {
            if (!(unlike & 0xff) && SEARCH_AT(fold, ctx, packet, number, at + i)) return 1;
            unlike >>= 8;
        }
    }
    /* The frame's last bytes are no whole word. */
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < SEARCH_STEP; i++) {
        if (bytes + at + i + 1 > frame_end) return 0;
        if ((bytes[at + i] | (__u8)fold) == (__u8)first && SEARCH_AT(fold, ctx, packet, number, at + i)) return 1;
    }
    return 0;
}

GLOBAL_FUNCTION int weir_payload_contains(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    return payload_contains(ctx, packet, number, 0);
}
GLOBAL_FUNCTION int weir_payload_contains_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    return payload_contains(ctx, packet, number, WEIR_FOLD);
}

/* ---- many searches: one pass over the payload for all of a scan ---- */

/* Those searches of packet->payload_scan that are found with their two bytes at `at`: into packet->payload_found.
 * `fold`: 0, or WEIR_FOLD of a scan with a literal of either letter. */
static __always_inline int scan_at(weir_ctx* ctx, struct weir_packet* packet, __u32 at, const __u64 fold) {
    if (!packet || at >= WEIR_SEARCH_BYTES) return 0;
    __u32 offset = packet->payload_offset + at;
    if (offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8* pair = FRAME(ctx) + offset;
    if (pair + 2 > FRAME_END(ctx)) return 0;
    const struct weir_scan* scan = &weir_scans[CHECKED(packet->payload_scan - 1, weir_scan_count())];
    __u64 next = scan->heads[WEIR_SCAN_BUCKET(pair[0] | (__u32)pair[1] << 8 | (__u16)fold)];
#pragma clang loop unroll(disable)
    for (int i = 0; i < WEIR_SCAN_CHAIN; i++) {
        OPAQUE(next);
        if (next >= WEIR_SCAN_SEARCHES) break;
        if (is_found(ctx, packet, (packet->payload_scan - 1) * WEIR_SCAN_SEARCHES + next, at, fold))
            packet->payload_found |= 1ull << next;
        next = scan->next[next];
    }
    return 0;
}

GLOBAL_FUNCTION int weir_scan_at(weir_ctx* ctx, struct weir_packet* packet, __u32 at) {
    return scan_at(ctx, packet, at, 0);
}
GLOBAL_FUNCTION int weir_scan_at_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 at) {
    return scan_at(ctx, packet, at, WEIR_FOLD);
}

/* One where the pair `pair` begins some search. */
static __always_inline __u64 begins(const struct weir_scan* scan, __u64 pair) {
    return scan->pairs[pair >> 6 & 1023] >> (pair & 63) & 1;
}

/* Puts those searches of scan `number` that the first WEIR_SEARCH_BYTES of the payload hold into packet->payload_found.
 * What is behind the payload's end is looked at, too, and refused by literal_at: a length to compare with would be one
 * more number on the stack. */
static __always_inline int scan_payload(weir_ctx* ctx, struct weir_packet* packet, __u32 number, const __u64 fold) {
    if (!packet) return 0;
    packet->payload_scan = number + 1;
    packet->payload_found = 0;
    const struct weir_scan* scan = &weir_scans[CHECKED(number, weir_scan_count())];
    if (packet->payload_offset > PAYLOAD_OFFSET_MAX) return 0;
    const __u8* bytes = FRAME(ctx) + packet->payload_offset;
    __u64 at = 0;
#pragma clang loop unroll(disable)
    for (; at < WEIR_SEARCH_BYTES; at += SEARCH_STEP) {
        if (bytes + SEARCH_STEP + 1 > FRAME_END(ctx)) break;
        __u64 word = load64(bytes) | fold;
        __u64 hits = begins(scan, word >> 56 | ((__u64)bytes[SEARCH_STEP] << 8) | (fold & 0x2000));
#pragma clang loop unroll(full)
        for (__u32 i = 1; i < SEARCH_STEP; i++) {
            hits = hits << 1 | begins(scan, word >> (8 * (SEARCH_STEP - 1 - i)) & 0xffff);
            /* One after the other: loads that LLVM begins early wait on the stack, and there is little of it. */
            asm volatile("" : "+r"(hits) : : "memory");
        }
        bytes += SEARCH_STEP;
        /* Two numbers, not one and what it is derived from. */
        OPAQUE(bytes);
        OPAQUE(at);
        if (!hits) continue;
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < SEARCH_STEP; i++) {
            if (hits & 1) fold ? weir_scan_at_nocase(ctx, packet, at + i) : weir_scan_at(ctx, packet, at + i);
            hits >>= 1;
        }
    }
    /* The frame's last bytes are no whole word. */
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < SEARCH_STEP; i++, at++, bytes++) {
        OPAQUE(bytes);
        OPAQUE(at);
        if (bytes + 2 > FRAME_END(ctx)) break;
        if (!begins(scan, bytes[0] | (__u64)bytes[1] << 8 | (fold & 0x2020))) continue;
        fold ? weir_scan_at_nocase(ctx, packet, at) : weir_scan_at(ctx, packet, at);
    }
    return 0;
}

GLOBAL_FUNCTION int weir_scan_payload(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    return scan_payload(ctx, packet, number, 0);
}
GLOBAL_FUNCTION int weir_scan_payload_nocase(weir_ctx* ctx, struct weir_packet* packet, __u32 number) {
    return scan_payload(ctx, packet, number, WEIR_FOLD);
}

#endif
