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

enum weir_node_kind { WEIR_NO_NODE, WEIR_INNER, WEIR_MEMBER };

static __always_inline int weir_kind_of(struct weir_packet* packet, const struct weir_entry* entry, __u64 print) {
    __u64 end_ns = *(const volatile __u64*)&entry->end_ns;
    /* Another may have its place now, and the end is its. */
    if ((*(const volatile __u64*)&entry->print & ~WEIR_STRAYS) != print) return WEIR_NO_NODE;
    if (!end_ns) return WEIR_MEMBER;
    return end_ns != WEIR_INNER_NODE && weir_is_before(packet, end_ns) ? WEIR_MEMBER : WEIR_INNER;
}

/* The node of the print `at` has. */
static __always_inline int weir_find_node(struct weir_packet* packet, void* table, struct weir_set_place* at) {
    __u64 print = at->print, home = weir_set_home(print);
    if (weir_excluded_by_tags(table, at) || !weir_find_group(table, at)) return WEIR_NO_NODE;
    OPAQUE(home);
    struct weir_set_line* line = &at->group->lines[home & (WEIR_SET_LINES - 1)];
#pragma clang loop unroll(full)
    for (int i = 0; i < (int)WEIR_LINE_ENTRIES; i++)
        if ((*(volatile __u64*)&line->entries[i].print & ~WEIR_STRAYS) == print)
            return weir_kind_of(packet, &line->entries[i], print);
    if (!(*(volatile __u64*)&line->entries[WEIR_LINE_ENTRIES - 1].print & WEIR_STRAYS)) return WEIR_NO_NODE;
    __u32 number = weir_search_group(at->group, print); /* inline: calls are at most eight deep */
    return number < NOWHERE ? weir_kind_of(packet, weir_entry_at(at->group, number), print) : WEIR_NO_NODE;
}

/* weir_label_print() of the label at `from` of the packet's name; `bytes` is 1 to WEIR_LABEL_BYTES. */
static __always_inline __u64 weir_packet_label_print(const struct weir_inside* inside,
                                                     const struct weir_table_head* head, __u64 right, __u64 from,
                                                     __u64 bytes) {
    __u64 sum = weir_print_word(head, 0, right) + head->by[2 + WEIR_LABEL_WORDS - 1] * (__u64)(__u32)(bytes << 24);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LABEL_WORDS / 2; i++) {
        OPAQUE(from);
        if (from >= WEIR_NAME_BYTES) break;
        __u64 word = weir_names_load(inside->name + from);
        if (bytes < NAMES_WORD) word &= (1ull << bytes * 8) - 1;
        sum += weir_print_word(head, 2 + 2 * i, word);
        if (bytes <= NAMES_WORD) break;
        bytes -= NAMES_WORD;
        from += NAMES_WORD;
    }
    return weir_print_of_sum(sum);
}

/* How far a look-up has come: so many labels are left, and what is left of the name ends at `end`. */
struct weir_name_walk {
    __u64 print; /* of what is behind */
    __u32 labels;
    __u32 end;
    __u64 skipped; /* labels whose node need not be looked for: it is no member */
};

/* Where the label begins that ends before `end` of a dotted name: behind the last dot there, looked for in words from
 * the right. A label of more than WEIR_LABEL_BYTES is in no set: where it begins does not matter. */
static __always_inline __u32 weir_label_start(const struct weir_inside* inside, __u64 end) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LABEL_BYTES / NAMES_WORD + 1; i++) {
        __u64 from = end >= NAMES_WORD ? end - NAMES_WORD : 0, bytes = end - from;
        OPAQUE(from);
        if (from >= WEIR_NAME_BYTES) return 0;
        __u64 word = weir_names_load(inside->name + from) << (NAMES_WORD - bytes) * 8 % 64;
        __u64 dots = first_zero(__builtin_bswap64(word) ^ EIGHT_TIMES('.'));
        if (bytes && dots) return end - lowest_mark(dots);
        if (!from) return 0;
        end = from;
    }
    return 0;
}

/* One label further to the left: its node. Verified by itself: the verifier goes through it once, not for each label.
 */
GLOBAL_FUNCTION int weir_name_step(struct weir_packet* packet, struct weir_inside* inside, struct weir_table_head* head,
                                   struct weir_name_walk* walk, __u32 index) {
    if (!packet || !inside || !head || !walk) return WEIR_NO_NODE;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    __u64 label = --walk->labels;
    OPAQUE(label);
    __u32 start = inside->is_dotted ? weir_label_start(inside, walk->end)
                                    : inside->label_starts[label & (WEIR_NAME_LABELS - 1)],
          bytes = walk->end - start;
    if (!table || bytes - 1 >= WEIR_LABEL_BYTES) return WEIR_NO_NODE;
    walk->end = start - 1;
    walk->print = weir_packet_label_print(inside, head, walk->print, start, bytes);
    if (walk->skipped) {
        walk->skipped--;
        return WEIR_INNER;
    }
    struct weir_set_place at = {head, 0, walk->print};
    return weir_find_node(packet, table, &at);
}

/* Is the packet's name, or one that it is under, in the set of that index? From the last label on, and no further than
 * the set's names go. */
GLOBAL_FUNCTION int weir_in_names(struct weir_packet* packet, struct weir_inside* inside, __u32 index) {
    if (!packet || !inside) return 0;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_table_head* head = table ? weir_element(table, 0) : 0;
    struct weir_name_walk walk = {0, inside->name_labels, inside->name_length, 0};
    if (!head) return 0;
    walk.skipped = head->labels_before;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_MAX_LABELS && walk.labels; i++) {
        int found = weir_name_step(packet, inside, head, &walk, index);
        if (found != WEIR_INNER) return found == WEIR_MEMBER;
    }
    return 0;
}

/* weir_text_print() of a text in the frame; 0: it is longer than any of a set. */
static __always_inline __u64 weir_frame_text_print(weir_ctx* ctx, struct weir_table_head* head, __u32 text) {
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
    return at.print && weir_find_node(packet, table, &at) == WEIR_MEMBER;
}

#endif
