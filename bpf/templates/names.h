/* Sets of names and of texts: bpf/name_table.h. */
#ifndef WEIR_BPF_NAMES_H
#define WEIR_BPF_NAMES_H

#include "bpf/name_table.h"
#include "bpf/templates/live_sets.h"
#include "bpf/templates/text.h"

#define NAMES_WORD 8u /* bytes at once */
/* No text of a set is longer (compiler/sema). */
#define SET_TEXT_BYTES_MAX 512u

static __always_inline __u64 weir_names_load(const __u8* bytes) { return *(const __u64*)bytes; }

/* by[first] and the next one, for the two halves of a word. */
static __always_inline __u64 weir_print_word(const struct weir_table_head* head, __u64 first, __u64 word) {
    OPAQUE(first);
    if (first > WEIR_PRINT_WORDS - 2) return 0;
    return head->by[first] * (__u32)word + head->by[first + 1] * (word >> 32);
}

/* weir_label_print() of a label of the packet's name: `bytes` is 1 to WEIR_LABEL_BYTES. */
GLOBAL_FUNCTION __u64 weir_packet_label_print(struct weir_inside* inside, struct weir_table_head* head, __u64 right,
                                              __u32 at, __u32 bytes) {
    if (!inside || !head) return 0;
    __u64 sum = weir_print_word(head, 0, right) + head->by[2 + WEIR_LABEL_WORDS - 1] * (__u64)(__u32)(bytes << 24);
    __u64 left = bytes, from = at;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LABEL_WORDS / 2; i++) {
        OPAQUE(from);
        if (from >= WEIR_NAME_BYTES) break;
        __u64 word = weir_names_load(inside->name + from);
        if (left < NAMES_WORD) word &= (1ull << left * 8) - 1;
        sum += weir_print_word(head, 2 + 2 * i, word);
        if (left <= NAMES_WORD) break;
        left -= NAMES_WORD;
        from += NAMES_WORD;
    }
    return weir_print_of_sum(sum);
}

enum weir_node_kind { WEIR_NO_NODE, WEIR_INNER, WEIR_MEMBER };

/* The node of that print in its group. */
GLOBAL_FUNCTION int weir_find_node(struct weir_packet* packet, struct weir_set_group* group, __u64 print) {
    if (!packet || !group) return WEIR_NO_NODE;
    struct weir_set_place at = {0, group, print};
    __u32 number = weir_find_entry(&at);
    if (number >= NOWHERE) return WEIR_NO_NODE;
    __u64 end_ns = *(volatile __u64*)&weir_entry_at(group, number)->end_ns;
    if (weir_print_at(group, number) != print) return WEIR_NO_NODE; /* another has its place now, and the end is its */
    if (!end_ns) return WEIR_MEMBER;
    return end_ns != WEIR_INNER_NODE && weir_is_before(packet, end_ns) ? WEIR_MEMBER : WEIR_INNER;
}

/* Is the packet's name, or one that it is under, in the set of that index? From the last label on, and no further than
 * the set's names go. */
GLOBAL_FUNCTION int weir_in_names(struct weir_packet* packet, struct weir_inside* inside, __u32 index) {
    if (!packet || !inside) return 0;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_set_place at = {};
    if (!table) return 0;
    at.head = weir_element(table, 0);
    if (!at.head) return 0;
    __u32 end = inside->name_length, labels = inside->name_labels;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_MAX_LABELS && labels; i++) {
        __u64 label = --labels & (WEIR_NAME_LABELS - 1);
        OPAQUE(label);
        __u32 start = inside->label_starts[label & (WEIR_NAME_LABELS - 1)], bytes = end - start;
        if (bytes - 1 >= WEIR_LABEL_BYTES) return 0;
        at.print = weir_packet_label_print(inside, at.head, at.print, start, bytes);
        if (weir_excluded_by_tags(table, &at) || !weir_find_group(table, &at)) return 0;
        int found = weir_find_node(packet, at.group, at.print);
        if (found != WEIR_INNER) return found == WEIR_MEMBER;
        end = start - 1;
    }
    return 0;
}

/* weir_text_print() of a text in the frame; 0: it is longer than any of a set. */
GLOBAL_FUNCTION __u64 weir_frame_text_print(weir_ctx* ctx, struct weir_table_head* head, __u32 text) {
    __u64 bytes = WEIR_TEXT_BYTES(text), at = WEIR_TEXT_OFFSET(text), end = at + bytes;
    if (!head || bytes > SET_TEXT_BYTES_MAX) return 0;
    __u64 sum = weir_print_word(head, 0, bytes);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < SET_TEXT_BYTES_MAX / NAMES_WORD; i++) {
        if (at >= end) break;
        if (i && i % (WEIR_BLOCK_BYTES / NAMES_WORD) == 0) sum = weir_print_word(head, 0, weir_print_of_sum(sum));
        sum += weir_print_word(head, 2 + i % (WEIR_BLOCK_BYTES / NAMES_WORD) * 2, weir_text_word(ctx, at, end));
        at += NAMES_WORD;
        OPAQUE(at);
    }
    return weir_print_of_sum(sum);
}

/* Is that text in the set of that index? */
GLOBAL_FUNCTION int weir_in_texts(weir_ctx* ctx, struct weir_packet* packet, __u32 text, __u32 index) {
    if (!packet) return 0;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_set_place at = {};
    if (!table) return 0;
    at.head = weir_element(table, 0);
    if (!at.head) return 0;
    at.print = weir_frame_text_print(ctx, at.head, text);
    if (!at.print || weir_excluded_by_tags(table, &at) || !weir_find_group(table, &at)) return 0;
    return weir_find_node(packet, at.group, at.print) == WEIR_MEMBER;
}

#endif
