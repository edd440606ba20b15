/* State terms as the program sees them. A part of bpf/abi.h, which includes it. */
#ifndef WEIR_BPF_TERMS_H
#define WEIR_BPF_TERMS_H

#include <linux/types.h>

enum weir_term_kind {
    WEIR_TERM_RATE,
    WEIR_TERM_BYTERATE,
    WEIR_TERM_COUNT,
    WEIR_TERM_DISTINCT,
    WEIR_TERM_SHARE,
    WEIR_TERM_SURGE
};
struct weir_term {  /* section .data.weir_terms */
    __u64 limit;    /* rates: tokens a unit; shares: hundredths of a percent; else what the value is compared with */
    __u64 unit_ns;  /* rates: the unit; else the window */
    __u64 capacity; /* rates: nanosecond-tokens that a bucket holds; sketches: the mask; shares and surges: packets */
    __u64 fill_ns;  /* rates: an empty bucket is full after that; else the window */
    __u32 kind;     /* enum weir_term_kind */
    __u32 index;    /* in its map of maps */
};

#endif
