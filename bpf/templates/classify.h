/* Rules as data: which rule decides, and which other rules match. The code does not grow with the number of rules. */
#ifndef WEIR_BPF_CLASSIFY_H
#define WEIR_BPF_CLASSIFY_H

#include "bpf/abi.h"
#include "bpf/templates/account.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

#define PACKET_WORDS (sizeof(struct weir_packet) / sizeof(__u32))
/* The walker itself tries the first entries of a leaf, a function the next ones, and bpf_loop the rest. Each of the
 * three costs more to enter than the one before, and less to verify. */
#define INLINE_ENTRIES 4u
#define LOOP_ENTRIES 16u

/* The compiler defines these, by enum weir_forest and WEIR_FOREST_KINDS + enum weir_forest. */
__u32 weir_stride_0(void), weir_stride_1(void), weir_stride_2(void), weir_stride_3(void), weir_stride_4(void),
    weir_stride_5(void);
__u32 weir_longest_0(void), weir_longest_1(void), weir_longest_2(void), weir_longest_3(void), weir_longest_4(void),
    weir_longest_5(void);
__u32 weir_trees_0(void), weir_trees_1(void), weir_trees_2(void), weir_trees_3(void), weir_trees_4(void),
    weir_trees_5(void);
__u32 weir_residuals_0(void), weir_residuals_1(void), weir_residuals_2(void), weir_residuals_3(void),
    weir_residuals_4(void), weir_residuals_5(void);
__u64 weir_misses_0(const struct weir_packet* packet, const __u32* entry);
__u64 weir_misses_1(const struct weir_packet* packet, const __u32* entry);
__u64 weir_misses_2(const struct weir_packet* packet, const __u32* entry);
__u64 weir_misses_3(const struct weir_packet* packet, const __u32* entry);
__u64 weir_misses_4(const struct weir_packet* packet, const __u32* entry);
__u64 weir_misses_5(const struct weir_packet* packet, const __u32* entry);
__u32 weir_residual(struct weir_packet* packet, weir_ctx* ctx, __u32 number);

#define BY_FOREST(name, number, arguments) \
    ((number) == 0   ? name##_0 arguments  \
     : (number) == 1 ? name##_1 arguments  \
     : (number) == 2 ? name##_2 arguments  \
     : (number) == 3 ? name##_3 arguments  \
     : (number) == 4 ? name##_4 arguments  \
                     : name##_5 arguments)

/* Walks from a tree's root to the packet's leaf. */
static __always_inline __u64 descend(const struct weir_packet* packet, __u64 slot) {
    const __u32* words = (const __u32*)packet;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_TREE_DEPTH; i++) {
        if (slot & WEIR_LEAF) break;
        __u64 word = slot >> WEIR_SLOT_WORD & 63;
        if (word >= PACKET_WORDS) break;
        __u64 at = (__u32)((__u32)slot + (words[word] >> (slot >> WEIR_SLOT_SHIFT & 31) & slot >> WEIR_SLOT_MASK));
        OPAQUE(at);
        if (at >= weir_slot_count()) break;
        slot = weir_tree_slots[at];
    }
    return slot;
}

/* Walks one node further; does nothing at a leaf. No branch depends on the packet, so the processor overlaps the steps
 * of several trees and mispredicts none. 0: out of bounds, which does not happen with a valid table. */
static __always_inline int step(const struct weir_packet* packet, __u64* slot) {
    __u64 leaf = (__s64)*slot >> 63; /* all ones for a leaf, else zero */
    OPAQUE(leaf);
    __u64 node = *slot & ~leaf, bytes = node >> (WEIR_SLOT_WORD - 2) & 63 * 4;
    if (bytes > (PACKET_WORDS - 1) * 4) return 0;
    __u64 at = (__u32)((__u32)node + (*(const __u32*)((const char*)packet + bytes) >> (node >> WEIR_SLOT_SHIFT & 31) &
                                      node >> WEIR_SLOT_MASK));
    OPAQUE(at);
    if (at >= weir_slot_count()) return 0;
    *slot = (*slot & leaf) | (weir_tree_slots[at] & ~leaf);
    return 1;
}

/* Walks `trees` trees from their roots to the packet's leaves, side by side. */
struct leaves {
    __u64 first, second, third, fourth;
};
static __always_inline struct leaves descend_all(const struct weir_packet* packet, const struct weir_forest_tree* tree,
                                                 __u32 trees) {
    struct leaves at = {tree[0].slot, WEIR_LEAF, WEIR_LEAF, WEIR_LEAF};
    if (trees == 1) {
        at.first = descend(packet, at.first);
        return at;
    }
    at.second = tree[1].slot;
    if (trees > 2) at.third = tree[2].slot;
    if (trees > 3) at.fourth = tree[3].slot;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_TREE_DEPTH; i++) {
        if (at.first & at.second & at.third & at.fourth & WEIR_LEAF) break;
        if (!step(packet, &at.first) || !step(packet, &at.second) || (trees > 2 && !step(packet, &at.third)) ||
            (trees > 3 && !step(packet, &at.fourth)))
            break;
    }
    return at;
}

/* Is the packet in the entry's box, and are its residual conditions true? */
static __always_inline int matches(__u32 forest, struct weir_packet* packet, weir_ctx* ctx, const __u32* entry) {
    if (BY_FOREST(weir_misses, forest, (packet, entry))) return 0;
    return !BY_FOREST(weir_residuals, forest, ()) || !entry[1] || weir_residual(packet, ctx, entry[1]);
}

/* ---- the first match ---- */

/* 64 bits each: after a narrower store the verifier still tracks the old value. */
struct search {
    struct weir_packet* packet;
    weir_ctx* ctx;
    __u64 at;
    __u64 left; /* entries left; bpf_loop gets a constant, because the verifier distinguishes numbers of iterations */
    __u64 rule; /* find: the best so far. note: the rule that decides; bits 32 to 63: the rule noted last */
};

/* The next entry, or null. */
static __always_inline const __u32* next_entry(__u32 forest, struct search* search) {
    __u32 stride = BY_FOREST(weir_stride, forest, ());
    __u64 at = search->at;
    OPAQUE(at);
    if (!search->left-- || at > weir_entry_words() - stride) return 0;
    search->at += stride;
    return &weir_entries[at];
}

/* Tries one entry. 1: the search is finished. */
static __always_inline int find_at(__u32 forest, struct search* search) {
    const __u32* entry = next_entry(forest, search);
    if (!entry || entry[0] >= search->rule) return 1;
    if (!matches(forest, search->packet, search->ctx, entry)) return 0;
    search->rule = entry[0];
    return 1;
}
static long find_more_0(__u32 i, struct search* search) {
    (void)i;
    return find_at(0, search);
}
static long find_more_1(__u32 i, struct search* search) {
    (void)i;
    return find_at(1, search);
}
static long find_more_2(__u32 i, struct search* search) {
    (void)i;
    return find_at(2, search);
}

/* Tries at most `turns` of the `count` entries that are left in a leaf. 1: the search is finished. */
static __always_inline int try_some(__u32 forest, struct weir_packet* packet, weir_ctx* ctx, __u64* next, __u32 count,
                                    __u32 turns, __u32* best) {
    __u32 stride = BY_FOREST(weir_stride, forest, ());
    __u64 at = *next;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < turns; i++) {
        OPAQUE(at);
        if (i >= count || at > weir_entry_words() - stride) return 1;
        const __u32* entry = &weir_entries[at];
        if (entry[0] >= *best) return 1;
        if (matches(forest, packet, ctx, entry)) {
            *best = entry[0];
            return 1;
        }
        at += stride;
    }
    *next = at;
    return count <= turns;
}

/* Tries the rest of a leaf, from `at`. Returns the first match before rule `best`, or `best`. */
static __always_inline __u64 find_rest(__u32 forest, struct weir_packet* packet, weir_ctx* ctx, __u64 at, __u32 count,
                                       __u32 best) {
    __u32 longest = BY_FOREST(weir_longest, forest, ());
    if (!packet || longest <= INLINE_ENTRIES || try_some(forest, packet, ctx, &at, count, LOOP_ENTRIES, &best) ||
        longest <= INLINE_ENTRIES + LOOP_ENTRIES)
        return best;
    struct search more = {packet, ctx, at, count - LOOP_ENTRIES, best};
    bpf_loop(longest - LOOP_ENTRIES, forest == 0 ? find_more_0 : forest == 1 ? find_more_1 : find_more_2, &more, 0);
    return more.rule;
}
#define REST_FUNCTION(number)                                                                                  \
    GLOBAL_FUNCTION __u64 weir_rest_##number(struct weir_packet* packet, weir_ctx* ctx, __u64 at, __u32 count, \
                                             __u32 best) {                                                     \
        return find_rest(number, packet, ctx, at, count, best);                                                \
    }
/* Separate functions: the verifier checks them once, not once for each path through the trees. */
REST_FUNCTION(0)
REST_FUNCTION(1)
REST_FUNCTION(2)

static __always_inline __u32 find(__u32 forest, struct weir_packet* packet, weir_ctx* ctx) {
    __u32 best = weir_rule_count();
    if (!BY_FOREST(weir_stride, forest, ())) return best;
    const struct weir_forest_tree* trees = &weir_forest_trees[forest * WEIR_TREES];
    /* Calls of weir_residual leave no registers for a walk side by side. */
    int together = !BY_FOREST(weir_residuals, forest, ());
    struct leaves leaves = {};
    if (together) leaves = descend_all(packet, trees, BY_FOREST(weir_trees, forest, ()));
#pragma clang loop unroll(disable)
    for (__u32 t = 0; t < BY_FOREST(weir_trees, forest, ()); t++) {
        if (trees[t].first_rule >= best) break;
        __u64 slot = together ? leaves.first : descend(packet, trees[t].slot), at = (__u32)slot;
        leaves.first = leaves.second, leaves.second = leaves.third, leaves.third = leaves.fourth;
        __u32 count = slot >> 32 & WEIR_LEAF_COUNT_MASK;
        if (try_some(forest, packet, ctx, &at, count, INLINE_ENTRIES, &best) ||
            BY_FOREST(weir_longest, forest, ()) <= INLINE_ENTRIES)
            continue;
        count -= INLINE_ENTRIES;
        best = forest == 0   ? weir_rest_0(packet, ctx, at, count, best)
               : forest == 1 ? weir_rest_1(packet, ctx, at, count, best)
                             : weir_rest_2(packet, ctx, at, count, best);
    }
    return best;
}

/* ---- all matches before the rule that decides, in the policy's order ---- */

static __always_inline int note_at(__u32 forest, struct search* search) {
    const __u32* entry = next_entry(forest, search);
    if (!entry) return 1;
    if (entry[0] >= (__u32)search->rule) return 1;
    /* A rule of several boxes matches once. */
    if (entry[0] == search->rule >> 32 || !matches(forest, search->packet, search->ctx, entry)) return 0;
    /* Both are read again; kept, they would be on the stack. */
    __u32 rule = *(const volatile __u32*)entry, decides = *(volatile __u64*)&search->rule;
    search->rule = (__u64)rule << 32 | decides;
    int decided =
        NOTE_NEEDS_FRAME ? weir_noted_with_texts(search->packet, rule, search->ctx) : weir_noted(search->packet, rule);
    if (!decided || !weir_term_count()) return 0;
    search->rule = rule; /* it decides: no later rule is tried */
    return 1;
}
static long note_more_3(__u32 i, struct search* search) {
    (void)i;
    return note_at(3, search);
}
static long note_more_4(__u32 i, struct search* search) {
    (void)i;
    return note_at(4, search);
}
static long note_more_5(__u32 i, struct search* search) {
    (void)i;
    return note_at(5, search);
}

static __always_inline __u32 note(__u32 forest, struct weir_packet* packet, weir_ctx* ctx, __u32 decided) {
    if (!BY_FOREST(weir_stride, forest, ())) return decided;
    const struct weir_forest_tree* tree = &weir_forest_trees[forest * WEIR_TREES];
    if (tree->first_rule >= decided) return decided;
    __u64 slot = descend(packet, tree->slot);
    __u64 count = slot >> 32 & WEIR_LEAF_COUNT_MASK;
    if (!count) return decided;
    struct search more = {packet, ctx, (__u32)slot, count, ~0ull << 32 | decided};
    bpf_loop(BY_FOREST(weir_longest, forest, ()),
             forest == 3   ? note_more_3
             : forest == 4 ? note_more_4
                           : note_more_5,
             &more, 0);
    return weir_term_count() ? (__u32)more.rule : decided;
}

/* The first rule that decides by itself, or weir_rule_count(). */
GLOBAL_FUNCTION __u32 weir_find(struct weir_packet* packet, weir_ctx* ctx) {
    if (!packet) return weir_rule_count();
    if (packet->present[0] & WEIR_BIT(WEIR_HAS_IP4)) return find(WEIR_FOREST_IP4, packet, ctx);
    if (packet->present[0] & WEIR_BIT(WEIR_HAS_IP6)) return find(WEIR_FOREST_IP6, packet, ctx);
    return find(WEIR_FOREST_OTHER, packet, ctx);
}

/* The rule that decides: `decided`, or one before it that has state. */
GLOBAL_FUNCTION __u32 weir_note(struct weir_packet* packet, weir_ctx* ctx, __u32 decided) {
    if (!packet) return decided;
    if (packet->present[0] & WEIR_BIT(WEIR_HAS_IP4))
        return note(WEIR_FOREST_KINDS + WEIR_FOREST_IP4, packet, ctx, decided);
    if (packet->present[0] & WEIR_BIT(WEIR_HAS_IP6))
        return note(WEIR_FOREST_KINDS + WEIR_FOREST_IP6, packet, ctx, decided);
    return note(WEIR_FOREST_KINDS + WEIR_FOREST_OTHER, packet, ctx, decided);
}

/* The rule that decides, or weir_rule_count(); rules that matched before it were noted. Two calls in sequence, because
 * a chain of calls has 512 bytes of stack. */
__attribute__((used)) static __always_inline __u32 weir_classify(struct weir_packet* packet, weir_ctx* ctx) {
    __u32 decided = weir_find(packet, ctx);
    if (weir_stride_3() || weir_stride_4() || weir_stride_5()) decided = weir_note(packet, ctx, decided);
    return decided;
}

#endif
