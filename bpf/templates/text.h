/* Names and texts against literals, and their prints. Words of 8 bytes: byte by byte the verifier and the clock give
 * up. */
#ifndef WEIR_BPF_TEXT_H
#define WEIR_BPF_TEXT_H

#include "bpf/abi.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/read/name.h"
#include "bpf/templates/read/payload.h"
#include "bpf/templates/target.h"

#define TEXT_LITERAL_WORDS ((WEIR_TEXT_LITERAL_BYTES + 7) / 8)
#define TEXT_BYTES 1024u /* no text is longer */
#define TEXT_WORDS (TEXT_BYTES / 8)

/* Where a text ends in the frame. */
static __always_inline __u64 text_end(__u32 text) { return (__u64)WEIR_TEXT_OFFSET(text) + WEIR_TEXT_BYTES(text); }

/* The first `bytes` bytes of a word; 8 or more: all. */
static __always_inline __u64 first_bytes(__u64 word, __u64 bytes) {
    return bytes >= 8 ? word : word & ((1ull << (bytes * 8 & 63)) - 1);
}

/* ---- literals at a place ---- */

static __always_inline __u64 literal_word(const struct weir_text_literal* literal, __u32 word) {
    return *(const __u64*)(literal->bytes + word * 8);
}

/* Does the name have literal `number` at `at`? It must reach that far. */
GLOBAL_FUNCTION int weir_name_at(struct weir_inside* inside, __u32 number, __u32 at) {
    if (!inside) return 0;
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    __u64 left = literal->length, from = at;
    OPAQUE(from);
    if (from >= WEIR_NAME_BYTES || from + left > inside->name_length) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < TEXT_LITERAL_WORDS; i++) {
        OPAQUE(from);
        if (from > WEIR_NAME_BYTES) return 0;
        __u64 word = *(const __u64*)(inside->name + from);
        if (first_bytes(word, left) != literal_word(literal, i)) return 0;
        if (left <= 8) return 1;
        left -= 8;
        from += 8;
    }
    return 0;
}

/* The same of a text. `fold`: 0, or 1 where its capitals count as small letters. */
static __always_inline int text_at(weir_ctx* ctx, __u32 text, __u32 number, __u32 at, const int fold) {
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    __u64 left = literal->length, from = WEIR_TEXT_OFFSET(text) + (__u64)at, end = from + left;
    if (at + left > WEIR_TEXT_BYTES(text)) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < TEXT_LITERAL_WORDS; i++) {
        __u64 word = weir_text_word(ctx, from, end);
        if (fold) word = lower_word(word);
        if (word != literal_word(literal, i)) return 0;
        if (left <= 8) return 1;
        left -= 8;
        from += 8;
    }
    return 0;
}
GLOBAL_FUNCTION int weir_text_at(weir_ctx* ctx, __u32 text, __u32 number, __u32 at) {
    return text_at(ctx, text, number, at, 0);
}
GLOBAL_FUNCTION int weir_text_at_nocase(weir_ctx* ctx, __u32 text, __u32 number, __u32 at) {
    return text_at(ctx, text, number, at, 1);
}

/* ---- literals anywhere: where the first byte stands, the whole is compared ---- */

/* Is literal `number` at one of the eight places from `at` on that are marked in `hits`? Functions of their own: eight
 * marks are many ways for the verifier, which would follow them for each word. */
GLOBAL_FUNCTION int weir_name_at_one(struct weir_inside* inside, __u32 number, __u32 at, __u64 hits) {
    if (!inside) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 8; i++) {
        if (hits & 0x80 && weir_name_at(inside, number, at + i)) return 1;
        hits >>= 8;
    }
    return 0;
}
GLOBAL_FUNCTION int weir_text_at_one(weir_ctx* ctx, __u32 text, __u32 number, __u32 at, __u64 hits) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 8; i++) {
        if (hits & 0x80 && weir_text_at(ctx, text, number, at + i)) return 1;
        hits >>= 8;
    }
    return 0;
}
GLOBAL_FUNCTION int weir_text_at_one_nocase(weir_ctx* ctx, __u32 text, __u32 number, __u32 at, __u64 hits) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 8; i++) {
        if (hits & 0x80 && weir_text_at_nocase(ctx, text, number, at + i)) return 1;
        hits >>= 8;
    }
    return 0;
}

GLOBAL_FUNCTION int weir_name_contains(struct weir_inside* inside, __u32 number) {
    if (!inside) return 0;
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    __u64 first = EIGHT_TIMES((__u64)literal->bytes[0]);
#pragma clang loop unroll(disable)
    for (__u32 at = 0; at < WEIR_NAME_BYTES; at += 8) {
        if (at >= inside->name_length) return 0;
        __u64 hits = all_zeros(*(const __u64*)(inside->name + at) ^ first);
        if (hits && weir_name_at_one(inside, number, at, hits)) return 1;
    }
    return 0;
}

static __always_inline int text_contains(weir_ctx* ctx, __u32 text, __u32 number, const int fold) {
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    __u64 first = EIGHT_TIMES((__u64)literal->bytes[0]);
#pragma clang loop unroll(disable)
    for (__u32 at = 0; at < TEXT_BYTES; at += 8) {
        if (at >= WEIR_TEXT_BYTES(text)) return 0;
        __u64 word = weir_text_word(ctx, WEIR_TEXT_OFFSET(text) + (__u64)at, text_end(text));
        if (fold) word = lower_word(word);
        __u64 hits = all_zeros(word ^ first);
        if (!hits) continue;
        if (fold ? weir_text_at_one_nocase(ctx, text, number, at, hits) : weir_text_at_one(ctx, text, number, at, hits))
            return 1;
    }
    return 0;
}
GLOBAL_FUNCTION int weir_text_contains(weir_ctx* ctx, __u32 text, __u32 number) {
    return text_contains(ctx, text, number, 0);
}
GLOBAL_FUNCTION int weir_text_contains_nocase(weir_ctx* ctx, __u32 text, __u32 number) {
    return text_contains(ctx, text, number, 1);
}

GLOBAL_FUNCTION int weir_texts_equal(weir_ctx* ctx, __u32 lhs, __u32 rhs) {
    if (WEIR_TEXT_BYTES(lhs) != WEIR_TEXT_BYTES(rhs)) return 0;
#pragma clang loop unroll(disable)
    for (__u32 at = 0; at < TEXT_BYTES; at += 8) {
        if (at >= WEIR_TEXT_BYTES(lhs)) break;
        if (weir_text_word(ctx, WEIR_TEXT_OFFSET(lhs) + (__u64)at, text_end(lhs)) !=
            weir_text_word(ctx, WEIR_TEXT_OFFSET(rhs) + (__u64)at, text_end(rhs)))
            return 0;
    }
    return 1;
}

#endif
