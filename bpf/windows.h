/* What cells of `share` and `surge` have in weir_cell.taken, and in the 32 bits beside the cell (weir_term_line.ends).
 * Compiles as C and as C++.
 *   share: of the window that opened at time_ns: packets, 48 bits, and those that satisfied the condition, 48 bits, of
 * which the low 16 are in taken.
 *   surge: taken: the average, 40 bits: 256 times packets a window; windows that have closed, up to 255, 8 bits from
 * bit 48; bit 63. Beside it the packets of the window that opened at time_ns.
 * taken is 0 where the key is new. */
#ifndef WEIR_BPF_WINDOWS_H
#define WEIR_BPF_WINDOWS_H

#include <linux/types.h>

#define WEIR_SHARE_MOST ((1ull << 48) - 1) /* packets; it counts no further: 32 days of 100 million a second */
static inline __u64 weir_share_hits(__u64 taken, __u32 beside) { return taken >> 48 | (__u64)beside << 16; }
static inline __u64 weir_share_taken(__u64 all, __u64 hits) { return hits << 48 | all; }
/* `limit` is in hundredths of a percent. */
static inline int weir_share_is_over(__u64 all, __u64 hits, __u64 limit, __u64 least) {
    return all >= least && hits * 10000 > limit * all;
}

#define WEIR_SURGE_IS_KNOWN (1ull << 63)
#define WEIR_SURGE_MOST_WINDOWS 255u
#define WEIR_SURGE_LEAST_WINDOWS 8u /* that have closed before the average counts */
#define WEIR_SURGE_FORGETS 64u      /* empty windows; after more the average is 0 */
static inline __u64 weir_surge_taken(__u64 average, __u64 windows) {
    return WEIR_SURGE_IS_KNOWN | windows << 48 | average;
}
static inline __u64 weir_surge_average(__u64 taken) { return taken & ((1ull << 48) - 1); }
static inline __u64 weir_surge_windows(__u64 taken) { return taken >> 48 & 0xff; }
static inline __u64 weir_surge_closed(__u64 average, __u64 windows, __u64 packets) {
    return windows ? average - (average >> 3) + (packets << 5) : packets << 8;
}
static inline int weir_surge_is_over(__u64 taken, __u64 packets, __u64 limit, __u64 floor) {
    return weir_surge_windows(taken) >= WEIR_SURGE_LEAST_WINDOWS && packets > floor &&
           packets << 8 > limit * weir_surge_average(taken);
}

/* What is kept of a key, and where. */
struct weir_compared {
    __u64* time_ns;
    __u64* taken;
    __u32* beside;
};

/* One more packet; is its share above the limit? */
static inline int weir_share_step(const struct weir_compared* of, __u64 now_ns, __u64 window_ns, __u64 hit, __u64 limit,
                                  __u64 least) {
    __u64 all = 0, hits = 0, since = now_ns > *of->time_ns ? now_ns - *of->time_ns : 0;
    if (*of->taken && since < window_ns) {
        all = *of->taken & WEIR_SHARE_MOST;
        hits = weir_share_hits(*of->taken, *of->beside);
    } else {
        *of->time_ns = now_ns;
    }
    if (all < WEIR_SHARE_MOST) {
        all++;
        hits += hit;
    }
    *of->taken = weir_share_taken(all, hits);
    *of->beside = (__u32)(hits >> 16);
    return weir_share_is_over(all, hits, limit, least);
}

/* The average after so many empty windows. */
static inline __u64 weir_surge_faded(__u64 average, __u64 windows) {
    if (windows > WEIR_SURGE_FORGETS) return 0;
    for (__u64 i = 0; i < WEIR_SURGE_FORGETS; i++) {
        if (i >= windows) break;
        average -= average >> 3;
    }
    return average;
}

/* One more packet; is its window above the limit? */
static inline int weir_surge_step(const struct weir_compared* of, __u64 now_ns, __u64 window_ns, __u64 limit,
                                  __u64 floor) {
    __u64 taken = *of->taken, packets = *of->beside, since = now_ns > *of->time_ns ? now_ns - *of->time_ns : 0;
    if (!taken) {
        *of->time_ns = now_ns;
        taken = WEIR_SURGE_IS_KNOWN;
        packets = 0;
    } else if (since >= window_ns) {
        __u64 passed = since / window_ns, windows = weir_surge_windows(taken);
        __u64 average = weir_surge_closed(weir_surge_average(taken), windows, packets);
        if (passed > 1) average = weir_surge_faded(average, passed - 1);
        windows += passed < WEIR_SURGE_MOST_WINDOWS ? passed : WEIR_SURGE_MOST_WINDOWS;
        if (windows > WEIR_SURGE_MOST_WINDOWS) windows = WEIR_SURGE_MOST_WINDOWS;
        taken = weir_surge_taken(average, windows);
        *of->time_ns += passed * window_ns;
        packets = 0;
    }
    if (packets != 0xffffffff) packets++;
    *of->taken = taken;
    *of->beside = (__u32)packets;
    return weir_surge_is_over(taken, packets, limit, floor);
}

#endif
