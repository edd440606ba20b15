/* Is a number in one of many ranges? A few ranges are code; many are a tree or a bitmap: bpf/abi.h, "many ranges". */
#ifndef WEIR_BPF_RANGES_H
#define WEIR_BPF_RANGES_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#define LOW63 (~0ull >> 1)

/* `size` bytes of the table. */
static __always_inline const void* bytes_at(__u64 offset, __u64 size) {
    if (offset > weir_line_count() * sizeof(struct weir_line) - size) return 0;
    const void* bytes = (const char*)weir_lines + offset;
    OPAQUE(bytes); /* or LLVM adds up offsets with |, whose bounds the verifier does not keep */
    return bytes;
}

/* The kinds of trees: bits of a key, as bpf/abi.h has them. */
enum { BITS32, BITS63, BITS126 };
#define KEYS(kind) ((kind) == BITS32 ? 16 : 8)
#define KEY_BYTES(kind) ((kind) == BITS32 ? 4ull : (kind) == BITS63 ? 8ull : 16ull)

/* How many of the node's keys are below the number: `x`, or `x` and `low`. */
static __always_inline __u64 rank(int kind, const void* keys, __u64 x, __u64 low) {
    const __u32* keys32 = keys;
    const __u64* keys64 = keys;
    __u64 below = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < KEYS(kind); i++) {
        if (kind == BITS32)
            below += (keys32[i] - x) >> 63;
        else if (kind == BITS63)
            below += (keys64[i] - x) >> 63;
        else
            below += (keys64[2 * i] - x - ((keys64[2 * i + 1] - low) >> 63)) >> 63;
        OPAQUE(below); /* or LLVM keeps them all, on the stack */
    }
    return below;
}

/* Walks from the place given by the number's first bits down to the leaves; usually it is already there. */
static __always_inline int in_ranges(int kind, __u32 root, __u64 x, __u64 low) {
    const __u64 node_bytes = KEYS(kind) * KEY_BYTES(kind);
    const struct weir_tree* tree = bytes_at((__u64)root * sizeof(*tree), sizeof(*tree));
    if (!tree) return 0;
    const __u32* start =
        bytes_at(tree->starts * sizeof(struct weir_line) + (x >> (tree->shift & 63)) * sizeof(*start), sizeof(*start));
    if (!start) return 0;
    __u64 level = *start >> WEIR_START_LEVEL_SHIFT, at = *start & ((1u << WEIR_START_LEVEL_SHIFT) - 1);
    OPAQUE(x);
    OPAQUE(low);
    if (level) {
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < WEIR_TREE_LEVELS; i++) {
            OPAQUE(level); /* or LLVM drops the test, which older verifiers need */
            if (level >= WEIR_TREE_LEVELS) return 0;
            const void* keys = bytes_at(tree->levels[level] * sizeof(struct weir_line) + at * node_bytes, node_bytes);
            if (!keys) return 0;
            at = at * (KEYS(kind) + 1) + rank(kind, keys, x, low);
            if (!--level) break;
        }
        at *= KEYS(kind);
    }
    const void* keys = bytes_at(tree->levels[0] * sizeof(struct weir_line) + at * KEY_BYTES(kind), node_bytes);
    if (!keys) return 0;
    return (at + rank(kind, keys, x, low) + tree->inside) & 1;
}

GLOBAL_FUNCTION int weir_in_ranges32(__u32 root, __u64 x) { return in_ranges(BITS32, root, x, 0); }
GLOBAL_FUNCTION int weir_in_ranges64(__u32 root, __u64 x) { return in_ranges(BITS63, root, x, 0); }
GLOBAL_FUNCTION int weir_in_ranges128(__u32 root, __u64 high, __u64 low) { return in_ranges(BITS126, root, high, low); }

/* IPv6: prefixes up to /65 only, and all. */
__attribute__((used)) static __always_inline __u32 weir_in_nets6(__u32 roots, __u64 high, __u64 low) {
    return weir_in_ranges64(roots + (high >> 62), (high << 1 | low >> 63) & LOW63);
}

__attribute__((used)) static __always_inline __u32 weir_in_ranges6(__u32 roots, __u64 high, __u64 low) {
    return weir_in_ranges128(roots + (high >> 62), (high << 1 | low >> 63) & LOW63, low & LOW63);
}

__attribute__((used)) static __always_inline __u32 weir_in_bitmap(__u32 first, __u64 bit) {
    const __u64* word = bytes_at(first * sizeof(struct weir_line) + (bit >> 6) * sizeof(*word), sizeof(*word));
    return word ? *word >> (bit & 63) & 1 : 0;
}
/* The same where a policy has many: as code of its own each would take LLVM 0.3 ms. */
GLOBAL_FUNCTION int weir_in_shared_bitmap(__u32 first, __u64 bit) { return weir_in_bitmap(first, bit); }

#endif
