/* Is a number in one of many ranges? Few ranges are code; many are a table. */
#ifndef WEIR_BPF_RANGES_H
#define WEIR_BPF_RANGES_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#define RANGE_STEPS 23 /* halvings of 4 M ranges */

/* All ones where a < b, else zero; without a branch, so that the verifier sees one path. */
static __always_inline __u64 below_mask(__u64 a, __u64 b)
{
    __u64 borrow = ((~a & b) | ((~a | b) & (a - b))) >> 63;
#ifndef WEIR_HOST
    asm volatile("" : "+r"(borrow)); /* LLVM would turn it back into a branch */
#endif
    return 0 - borrow;
}

static __always_inline __u64 below_mask128(__u64 high, __u64 low, __u64 other_high, __u64 other_low)
{
    __u64 less = below_mask(high, other_high), more = below_mask(other_high, high);
    return less | (~more & below_mask(low, other_low));
}

/* Is (high, low) in one of the `count` ranges from `first` on? */
GLOBAL_FUNCTION int weir_in_ranges(__u64 high, __u64 low, __u32 first, __u32 count)
{
    __u64 at = first, left = count;
#pragma clang loop unroll(disable)
    for (int i = 0; i < RANGE_STEPS; i++) {
        /* The answer, if there is one, is among the `left` ranges from `at` on. */
        __u64 half = left >> 1, middle = at + half;
        if (middle >= weir_range_count())
            return 0;
        const struct weir_range *range = &weir_ranges[middle];
        __u64 before = below_mask128(high, low, range->first_high, range->first_low);
        at += half & ~before;
        left = (half & before) | ((left - half) & ~before);
        if (left <= 1)
            break;
    }
    if (at >= weir_range_count() || !left)
        return 0;
    const struct weir_range *range = &weir_ranges[at];
    return !below_mask128(high, low, range->first_high, range->first_low) &&
           !below_mask128(range->last_high, range->last_low, high, low);
}

#endif
