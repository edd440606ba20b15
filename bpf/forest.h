/* Rules as data: the forest. A part of bpf/abi.h, which includes it. */
#ifndef WEIR_BPF_FOREST_H
#define WEIR_BPF_FOREST_H

#include <linux/types.h>

/* A slot of weir_tree_slots is a node or, with bit 63, a leaf. A node: bits 0 to 31 the index of its first child, then
 * shift, word and mask: its child for a packet is first + ((word of struct weir_packet >> shift) & mask). A leaf: bits
 * 0 to 31 the place of its first entry in weir_entries (words), then, 24 bits, how many entries it has. Word 0 of an
 * entry is its rule; the rest is laid out as the policy needs it. */
#define WEIR_LEAF (1ull << 63)
#define WEIR_LEAF_COUNT_MASK 0xffffffu /* of slot >> 32 */
#define WEIR_SLOT_SHIFT 32             /* 5 bits */
#define WEIR_SLOT_WORD 40              /* 6 bits */
#define WEIR_SLOT_MASK 48              /* 15 bits */
#define WEIR_TREE_DEPTH 12u            /* nodes on the way to a leaf */
#define WEIR_TREES 4u                  /* of a forest */
struct weir_forest_tree {
    __u64 slot;
    __u32 first_rule;
    __u32 unused;
};

/* One forest a kind of packet: of the rules that decide, of which the first match is wanted, then of those that do not,
 * of which all are. */
enum weir_forest { WEIR_FOREST_IP4, WEIR_FOREST_IP6, WEIR_FOREST_OTHER, WEIR_FOREST_KINDS };
#define WEIR_FORESTS 6u /* WEIR_FOREST_KINDS + kind: all matches */

#endif
