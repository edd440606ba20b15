/* Names and texts against literals, and their prints. Words of 8 bytes: byte by byte the verifier and the clock give
 * up. */
#ifndef WEIR_BPF_TEXT_H
#define WEIR_BPF_TEXT_H

#include "bpf/abi.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/read/http_line.h"
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

/* Does the name have the literal at `at`? It must reach that far. */
static __always_inline int name_at(const struct weir_inside* inside, const struct weir_text_literal* literal,
                                   __u64 at) {
    __u64 left = literal->length;
    OPAQUE(at);
    if (at >= WEIR_NAME_BYTES || at + left > inside->name_length) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < TEXT_LITERAL_WORDS; i++) {
        OPAQUE(at);
        if (at > WEIR_NAME_BYTES) return 0;
        __u64 word = *(const __u64*)(inside->name + at);
        if (first_bytes(word, left) != literal_word(literal, i)) return 0;
        if (left <= 8) return 1;
        left -= 8;
        at += 8;
    }
    return 0;
}
GLOBAL_FUNCTION int weir_name_at(struct weir_inside* inside, __u32 number, __u32 at) {
    if (!inside) return 0;
    return name_at(inside, &weir_text_literals[CHECKED(number, weir_text_literal_count())], at);
}

/* Of a word its small letters where `fold` is all ones, itself where that is 0. Not two functions: the verifier would
 * read both. */
static __always_inline __u64 fold_word(__u64 word, __u64 fold) { return word ^ ((word ^ lower_word(word)) & fold); }

/* The same of a text. The place and the end are kept in memory of which the verifier knows nothing: so the two ways to
 * read a word do not multiply from word to word. */
GLOBAL_FUNCTION int weir_text_at(weir_ctx* ctx, __u32 text, __u32 number, __u32 at, __u64 fold) {
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    struct weir_inside* inside = weir_inside_place();
    if (!inside) return 0;
    volatile __u64 *place = &inside->text_place, *end = &inside->text_end;
    __u64 length = literal->length;
    if (at + length > WEIR_TEXT_BYTES(text)) return 0;
    *place = WEIR_TEXT_OFFSET(text) + (__u64)at;
    *end = WEIR_TEXT_OFFSET(text) + (__u64)at + length;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < TEXT_LITERAL_WORDS; i++) {
        if (fold_word(text_word(ctx, *place, *end), fold) != literal_word(literal, i)) return 0;
        *place += WORD_BYTES;
        if (*place >= *end) return 1;
    }
    return 0;
}

/* Has the text at `at` the bytes of `literal` that are in `mask`, without the call where the frame goes on behind them?
 */
__attribute__((used)) static __always_inline int weir_text_is(weir_ctx* ctx, __u32 text, __u32 at, __u64 mask,
                                                              __u64 literal) {
    __u64 place = WEIR_TEXT_OFFSET(text) + (__u64)at, word;
    if (!read_word(ctx, place, &word)) word = weir_text_word(ctx, place, text_end(text));
    return ((word ^ literal) & mask) == 0;
}

/* ---- literals anywhere: where the first byte stands, the whole is compared. Calls are at most eight deep, and a
 * condition of a tree is the sixth: so there are two more ---- */

/* Is the literal at one of the eight places from `at` on that are marked in `hits`? A function of its own: eight marks
 * are many ways for the verifier, which would follow them for each word. */
GLOBAL_FUNCTION int weir_name_at_one(struct weir_inside* inside, __u32 number, __u64 at, __u64 hits) {
    if (!inside) return 0;
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 8; i++) {
        if (hits & 0x80 && name_at(inside, literal, at + i)) return 1;
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

/* Where its first byte stands is found in a loop of its own: within this one the verifier would follow all ways through
 * a word again for each word. */
GLOBAL_FUNCTION int weir_text_contains(weir_ctx* ctx, __u32 text, __u32 number, __u64 fold) {
    const struct weir_text_literal* literal = &weir_text_literals[CHECKED(number, weir_text_literal_count())];
    __u64 first = literal->bytes[0], other = first;
    if (fold && first - 'a' < 26) other = first ^ 0x20;
    __u32 begin = WEIR_TEXT_OFFSET(text), end = text_end(text), at = begin;
    first = EIGHT_TIMES(first);
    other = EIGHT_TIMES(other);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < TEXT_BYTES; i++) {
        at = weir_find_either(ctx, at, end, first, other);
        if (at >= end) return 0;
        if (weir_text_at(ctx, text, number, at - begin, fold)) return 1;
        at++;
    }
    return 0;
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
