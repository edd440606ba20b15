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

/* The word at `at` of the frame, of which bytes from `end` on are zero; 0 where that is no place in the frame. What is
 * less than a word is read as the end of the word before `end`: Ethernet's header makes sure that there is one. */
static __always_inline __u64 text_word(weir_ctx* ctx, __u64 at, __u64 end) {
    __u64 from = at, shift = 0;
    if (at + WORD_BYTES > end) {
        if (at >= end) return 0;
        from = end - WORD_BYTES;
        shift = (at - from) * 8;
    }
    OPAQUE(from);
    if (from > TEXT_OFFSET_MAX) return 0;
    const __u8* bytes = FRAME(ctx) + from;
    if (bytes + WORD_BYTES > FRAME_END(ctx)) return 0;
    return *(const __u64*)bytes >> shift;
}

/* Stores `length` bytes at `at` of the frame as inside->name, in small letters and with zeros behind them. Returns
 * whether it did. The labels are the caller's to find. */
GLOBAL_FUNCTION int weir_copy_name(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 length) {
    if (!inside) return 0;
    __u64 begin = at, left = length, i = 0;
    OPAQUE(begin);
    OPAQUE(left);
    if (begin > TEXT_OFFSET_MAX - WEIR_NAME_BYTES || left > NAME_LENGTH_MAX) return 0;
    inside->name_length = left;
    const __u8* bytes = FRAME(ctx) + begin;
    __u64* name = (__u64*)inside->name;
#pragma clang loop unroll(disable)
    for (; i < NAME_LENGTH_MAX / WORD_BYTES; i++) {
        if (left < WORD_BYTES) break;
        if (bytes + WORD_BYTES > FRAME_END(ctx)) return 0;
        name[i] = lower_word(*(const __u64*)bytes);
        bytes += WORD_BYTES;
        OPAQUE(bytes); /* one pointer, not a checked one and another that is read */
        begin += WORD_BYTES;
        left -= WORD_BYTES;
    }
    OPAQUE(i);
    if (i > NAME_LENGTH_MAX / WORD_BYTES) return 0;
    name[i] = lower_word(text_word(ctx, begin, begin + left));
    name[i + 1] = 0;
    return 1;
}

/* The labels of inside->name where dots separate them: those of a server's name or of a host. Empty labels count; the
 * empty name has none. */
GLOBAL_FUNCTION int weir_find_labels(struct weir_inside* inside) {
    if (!inside) return 0;
    inside->name_labels = 0;
    if (!inside->name_length) return 1;
    inside->label_starts[0] = 0;
    __u64 at = 0, labels = 1;
    /* A step goes to the next dot, or a word further where there is none in this one. */
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < NAME_LENGTH_MAX + WEIR_NAME_BYTES / WORD_BYTES; i++) {
        OPAQUE(at);
        if (at >= inside->name_length || at >= WEIR_NAME_BYTES) break;
        __u64 dots = first_zero(*(const __u64*)(inside->name + at) ^ EIGHT_TIMES('.'));
        if (!dots) {
            at += WORD_BYTES;
            continue;
        }
        at += lowest_mark(dots) + 1;
        inside->label_starts[labels % WEIR_NAME_LABELS] = at;
        labels++;
    }
    inside->name_labels = labels;
    return 1;
}

#endif
