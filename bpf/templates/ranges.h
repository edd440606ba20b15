/* Is a number in one of many ranges? Few ranges are code; many are a tree or a bitmap: bpf/abi.h, "many ranges". */
#ifndef WEIR_BPF_RANGES_H
#define WEIR_BPF_RANGES_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#define LOW63 (~0ull >> 1)
#define KEYS32 16
#define KEYS64 8

static __always_inline const struct weir_line *line_at(__u64 at)
{
    if (at >= weir_line_count())
        return 0;
    const struct weir_line *line = &weir_lines[at];
    OPAQUE(line); /* or LLVM adds up offsets with |, whose bounds the verifier does not keep */
    return line;
}

/* Keys of a node that are below x: its child, or, in a leaf, what tells inside from outside. */
static __always_inline __u64 rank32(const struct weir_line *line, __u64 x)
{
    const __u32 *keys = (const __u32 *)line->words;
    __u64 below = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < KEYS32; i++)
        below += (keys[i] - x) >> 63;
    return below;
}

static __always_inline __u64 rank64(const struct weir_line *line, __u64 x)
{
    __u64 below = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < KEYS64; i++)
        below += (line->words[i] - x) >> 63;
    return below;
}

static __always_inline __u64 rank128(const struct weir_line *high, const struct weir_line *low, __u64 x_high, __u64 x_low)
{
    __u64 below = 0;
#pragma clang loop unroll(full)
    for (int i = 0; i < KEYS64; i++)
        below += (high->words[i] - x_high - ((low->words[i] - x_low) >> 63)) >> 63;
    return below;
}

/* Where the walk begins: level and node. The tree's top, or further down where a number's first bits say so. */
struct place { __u64 level, node; };
static __always_inline int first_place(const struct weir_tree *tree, __u64 x, struct place *place)
{
    __u64 entry = x >> (tree->shift & 63);
    const struct weir_line *line = line_at(tree->starts + (entry >> 4));
    if (!line)
        return 0;
    __u32 start = ((const __u32 *)line->words)[entry & 15];
    place->level = start >> WEIR_START_LEVEL_SHIFT;
    place->node = start & ((1u << WEIR_START_LEVEL_SHIFT) - 1);
    return place->level < WEIR_TREE_LEVELS;
}

GLOBAL_FUNCTION int weir_in_ranges32(__u32 root, __u64 x)
{
    const struct weir_tree *tree = (const struct weir_tree *)line_at(root);
    struct place at;
    if (!tree || !first_place(tree, x, &at))
        return 0;
    OPAQUE(x);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_TREE_LEVELS; i++) {
        OPAQUE(at.level); /* or LLVM drops the test, which older verifiers need */
        if (at.level >= WEIR_TREE_LEVELS)
            break;
        const struct weir_line *line = line_at(tree->levels[at.level] + at.node);
        if (!line)
            break;
        __u64 rank = rank32(line, x);
        if (!at.level)
            return (rank ^ tree->inside) & 1;
        at.node = at.node * (KEYS32 + 1) + rank;
        at.level--;
    }
    return 0;
}

GLOBAL_FUNCTION int weir_in_ranges64(__u32 root, __u64 x)
{
    const struct weir_tree *tree = (const struct weir_tree *)line_at(root);
    struct place at;
    if (!tree || !first_place(tree, x, &at))
        return 0;
    OPAQUE(x);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_TREE_LEVELS; i++) {
        OPAQUE(at.level); /* or LLVM drops the test, which older verifiers need */
        if (at.level >= WEIR_TREE_LEVELS)
            break;
        const struct weir_line *line = line_at(tree->levels[at.level] + at.node);
        if (!line)
            break;
        __u64 rank = rank64(line, x);
        if (!at.level)
            return (rank ^ tree->inside) & 1;
        at.node = at.node * (KEYS64 + 1) + rank;
        at.level--;
    }
    return 0;
}

GLOBAL_FUNCTION int weir_in_ranges128(__u32 root, __u64 high, __u64 low)
{
    const struct weir_tree *tree = (const struct weir_tree *)line_at(root);
    struct place at;
    if (!tree || !first_place(tree, high, &at))
        return 0;
    OPAQUE(high);
    OPAQUE(low);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_TREE_LEVELS; i++) {
        OPAQUE(at.level); /* or LLVM drops the test, which older verifiers need */
        if (at.level >= WEIR_TREE_LEVELS)
            break;
        __u64 first = tree->levels[at.level] + 2 * at.node;
        const struct weir_line *highs = line_at(first), *lows = line_at(first + 1);
        if (!highs || !lows)
            break;
        __u64 rank = rank128(highs, lows, high, low);
        if (!at.level)
            return (rank ^ tree->inside) & 1;
        at.node = at.node * (KEYS64 + 1) + rank;
        at.level--;
    }
    return 0;
}

/* IPv6: prefixes up to /65 only, and all. */
__attribute__((used)) static __always_inline __u32 weir_in_nets6(__u32 roots, __u64 high, __u64 low)
{
    return weir_in_ranges64(roots + (high >> 62), (high << 1 | low >> 63) & LOW63);
}

__attribute__((used)) static __always_inline __u32 weir_in_ranges6(__u32 roots, __u64 high, __u64 low)
{
    return weir_in_ranges128(roots + (high >> 62), (high << 1 | low >> 63) & LOW63, low & LOW63);
}

__attribute__((used)) static __always_inline __u32 weir_in_bitmap(__u32 first, __u64 bit)
{
    const struct weir_line *line = line_at(first + (bit >> 9));
    return line ? line->words[bit >> 6 & 7] >> (bit & 63) & 1 : 0;
}

#endif
