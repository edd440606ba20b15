/* Prints of names and texts: what keys of state, and values of `distinct`, have in their place. Compiles as C and C++.
 */
#ifndef WEIR_BPF_PRINT_H
#define WEIR_BPF_PRINT_H

#include <linux/types.h>

#define WEIR_PRINT_STEP_WORDS 4u

/* Where nobody attacks: tests and replays. All odd. */
#define WEIR_TEST_PRINT_BY {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93}

/* Eight bytes more, as a little-endian number. A sum of products with odd numbers that nobody outside knows: of two
 * different pairs of print and bytes the next prints are the same with a chance of about 2^-60 (bpf/table.h). */
static inline __attribute__((always_inline)) __u64 weir_print_step(const volatile __u64* by, __u64 print, __u64 bytes) {
    __u64 sum =
        (print & 0xffffffff) * by[0] + (print >> 32) * by[1] + (bytes & 0xffffffff) * by[2] + (bytes >> 32) * by[3];
    return sum ^ sum >> 32;
}

/* Begins with this, then takes the bytes, zeros behind the last ones, then one step of zero. Of a text: labels 0. */
static inline __attribute__((always_inline)) __u64 weir_print_begin(__u64 bytes, __u64 labels) {
    return bytes | labels << 32;
}

#endif
