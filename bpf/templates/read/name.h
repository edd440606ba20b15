/* Names into struct weir_inside, and what the readers of text share: bytes of the frame are looked at in words of
 * eight, the first byte lowest. */
#ifndef WEIR_BPF_READ_NAME_H
#define WEIR_BPF_READ_NAME_H

#include "bpf/abi.h"
#include "bpf/templates/target.h"

/* No text lies further into the frame. Headers end before 20,100 and readers look at 2,048 bytes of payload; the
 * verifier wants to hear a number, and WEIR_TEXT has 16 bits for it. */
#define TEXT_OFFSET_MAX 64000u
#define NAME_LENGTH_MAX 255u
#define WORD_BYTES 8u
#define EIGHT_TIMES(byte) ((byte) * 0x0101010101010101ull)
#define HIGH_BITS EIGHT_TIMES(0x80)

/* A to Z become small letters. No carry leaves a byte, because the highest bits are masked before each sum. */
static __always_inline __u64 lower_word(__u64 word) {
    __u64 low = word & ~HIGH_BITS;
    __u64 capitals = (low + EIGHT_TIMES(0x80 - 'A')) & ~(low + EIGHT_TIMES(0x7f - 'Z')) & ~word & HIGH_BITS;
    return word | capitals >> 2;
}

/* The highest bit of bytes that are zero. The lowest bit that is set is right; above it a byte of one may be marked. */
static __always_inline __u64 first_zero(__u64 word) { return (word - EIGHT_TIMES(1)) & ~word & HIGH_BITS; }

/* The same, right in every byte, for one operation more. */
static __always_inline __u64 all_zeros(__u64 word) { return ~(((word & ~HIGH_BITS) + ~HIGH_BITS) | word) & HIGH_BITS; }

/* The number of the lowest byte whose highest bit is set; there is one. BPF's instruction set counts no zeros. */
static __always_inline __u32 lowest_mark(__u64 marks) { return ((marks & -marks) >> 7) * 0x0001020304050607ull >> 56; }

/* Reads the word at `at` of the frame. Returns whether the frame reaches that far. */
static __always_inline int read_word(weir_ctx* ctx, __u64 at, __u64* word) {
    OPAQUE(at);
    if (at > TEXT_OFFSET_MAX) return 0;
    const __u8* bytes = FRAME(ctx) + at;
    if (bytes + WORD_BYTES > FRAME_END(ctx)) return 0;
    *word = *(const __u64*)bytes;
    return 1;
}

/* The word at `at` of the frame, of which bytes from `end` on are zero; 0 where that is no place in the frame. What is
 * less than a word is read as the end of the word before `end`: Ethernet's header makes sure that there is one. */
static __always_inline __u64 text_word(weir_ctx* ctx, __u64 at, __u64 end) {
    __u64 from = at, shift = 0, word;
    if (at + WORD_BYTES > end) {
        if (at >= end) return 0;
        from = end - WORD_BYTES;
        shift = (at - from) * 8;
    }
    return read_word(ctx, from, &word) ? word >> shift : 0;
}

/* The last `left` bytes, fewer than eight, of the word that ends with them. */
static __always_inline __u64 last_bytes(__u64 word, __u64 left) { return word >> 8 >> (WORD_BYTES - 1 - left) * 8; }

/* The lesser of two numbers below 2^63, without a branch: the verifier would go on from each end of it. */
static __always_inline __u64 lesser(__u64 a, __u64 b) {
    __s64 difference = a - b;
    OPAQUE(difference);
    return b + (difference & difference >> 63);
}

/* A number that went through the CPU's memory. The verifier knows nothing of it any more: so the ways that led there
 * become one, as behind a call, which costs more. */
static __always_inline __u64 forgotten(struct weir_inside* inside, __u64 number) {
    *(volatile __u64*)&inside->text_place = number;
    return *(volatile __u64*)&inside->text_place;
}

/* For loops: how a text ends is many ways for the verifier, which checks a function by itself. A call costs as much as
 * ten words. */
GLOBAL_FUNCTION __u64 weir_text_word(weir_ctx* ctx, __u64 at, __u64 end) { return text_word(ctx, at, end); }

/* Stores the word at `at` of inside->name in small letters. Returns how many dots are in it. */
static __always_inline __u64 store_dotted(struct weir_inside* inside, __u64 at, __u64 word) {
    *(__u64*)(inside->name + at) = lower_word(word);
    return (all_zeros(word ^ EIGHT_TIMES('.')) >> 7) * EIGHT_TIMES(1) >> 56;
}

/* Stores `length` bytes at `at` of the frame as inside->name, in small letters and with zeros behind them. The frame
 * reaches that far. Returns how many dots are among them; NO_NAME: it is longer than a name may be. */
#define NO_NAME (~0ull)
static __always_inline __u64 copy_text(weir_ctx* ctx, struct weir_inside* inside, __u64 begin, __u64 left) {
    __u64 dots = 0, i = 0, word;
    OPAQUE(begin);
    OPAQUE(left);
    if (begin > TEXT_OFFSET_MAX - WEIR_NAME_BYTES || left > NAME_LENGTH_MAX) return NO_NAME;
    inside->name_length = left;
    const __u8* bytes = FRAME(ctx) + begin;
#pragma clang loop unroll(disable)
    for (; i < NAME_LENGTH_MAX / WORD_BYTES * WORD_BYTES; i += WORD_BYTES) {
        if (left < WORD_BYTES || bytes + WORD_BYTES > FRAME_END(ctx)) break;
        dots += store_dotted(inside, i, *(const __u64*)bytes);
        bytes += WORD_BYTES;
        OPAQUE(bytes); /* one pointer, not a checked one and another that is read */
        OPAQUE(dots);
        begin += WORD_BYTES;
        left -= WORD_BYTES;
    }
    OPAQUE(i);
    if (i > NAME_LENGTH_MAX / WORD_BYTES * WORD_BYTES) return NO_NAME;
    if (!read_word(ctx, begin + left - WORD_BYTES, &word)) return NO_NAME;
    dots += store_dotted(inside, i, last_bytes(word, left));
    *(__u64*)(inside->name + i + WORD_BYTES) = 0;
    return dots;
}

/* The same of a message's name, whose labels begin at inside->label_starts: dots go between them. A name that has other
 * dots, within labels, is not dotted. */
GLOBAL_FUNCTION int weir_copy_labels(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 length) {
    if (!inside) return 0;
    __u64 dots = copy_text(ctx, inside, at, length);
    if (dots == NO_NAME) return 0;
    inside->is_dotted = !dots;
#pragma clang loop unroll(disable)
    for (__u32 label = 1; label < WEIR_NAME_LABELS; label++) {
        if (label >= inside->name_labels) break;
        __u64 dot = inside->label_starts[label] - 1ull;
        OPAQUE(dot);
        if (dot < WEIR_NAME_BYTES) inside->name[dot] = '.';
    }
    return 1;
}

/* The same of a name whose labels are separated by dots, a server's name or a host. Empty labels count; the empty name
 * has none. Where labels begin is not kept: who asks finds the dots. */
static __always_inline int copy_name(weir_ctx* ctx, struct weir_inside* inside, __u64 at, __u64 length) {
    __u64 dots = copy_text(ctx, inside, at, length);
    if (dots == NO_NAME) return 0;
    inside->is_dotted = 1;
    inside->name_labels = inside->name_length ? dots + 1 : 0;
    return 1;
}
GLOBAL_FUNCTION int weir_copy_name(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 length) {
    return inside ? copy_name(ctx, inside, at, length) : 0;
}

#endif
