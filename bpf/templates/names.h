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

/* Elsewhere in the group: seldom. */
static __always_inline int weir_look_for_stray(struct weir_packet* packet, struct weir_set_group* group, __u64 print) {
    __u32 number = weir_search_group(group, print);
    return number < NOWHERE ? weir_kind_of(packet, weir_entry_at(group, number), print) : WEIR_NO_NODE;
}
GLOBAL_FUNCTION int weir_find_stray(struct weir_packet* packet, struct weir_set_group* group, __u64 print) {
    return packet && group ? weir_look_for_stray(packet, group, print) : WEIR_NO_NODE;
}

/* The node of the print `at` has. `calls` 0: calls are eight deep already. */
static __always_inline int weir_find_node(struct weir_packet* packet, void* table, struct weir_set_place* at,
                                          const __u32 calls) {
    __u64 print = at->print, home = weir_set_home(print), marks = 0;
    if (weir_excluded_by_tags(table, at) || !weir_find_group(table, at)) return WEIR_NO_NODE;
    OPAQUE(home);
    struct weir_set_line* line = &at->group->lines[home & (WEIR_SET_LINES - 1)];
    /* Without a branch an entry: which one it is nobody can foresee. */
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++) {
        __u64 unlike = (*(volatile __u64*)&line->entries[i].print & ~WEIR_STRAYS) ^ print;
        marks |= (~(unlike | -unlike) >> 63) << (i * 8 + 7);
        OPAQUE(marks);
    }
    if (marks) {
        __u64 number = lowest_mark(marks);
        OPAQUE(number);
        return weir_kind_of(packet, &line->entries[number & (WEIR_LINE_ENTRIES - 1)], print);
    }
    if (!(*(volatile __u64*)&line->entries[WEIR_LINE_ENTRIES - 1].print & WEIR_STRAYS)) return WEIR_NO_NODE;
    return calls ? weir_find_stray(packet, at->group, print) : weir_look_for_stray(packet, at->group, print);
}

/* How far a look-up has come. It is in the CPU's memory, of which the verifier knows nothing: so all labels look the
 * same to it. */
struct weir_name_walk {
    __u64 sum; /* of the words to the right of the one that is looked at: weir_suffix_word() */
    __u64 at;  /* where that word ends in the name << 16 | bytes of it that are done << 8 | labels that are done */
};
#define NAME_AT(left, done, labels) ((__u64)(left) << 16 | (__u64)(done) << 8 | (labels))
_Static_assert(__builtin_offsetof(struct weir_inside, text_end) ==
                   __builtin_offsetof(struct weir_inside, text_place) + sizeof(__u64),
               "one behind the other");
static __always_inline volatile struct weir_name_walk* weir_name_walk(struct weir_inside* inside) {
    return (volatile struct weir_name_walk*)&inside->text_place;
}

static __always_inline __u64 suffix_word(const struct weir_table_head* head, __u64 bytes_behind, __u64 word) {
    return weir_print_word(head, 2 + bytes_behind / NAMES_WORD % WEIR_SUFFIX_WORDS * 2, word);
}

/* The highest `bytes` bytes of a word, 0 to 8. */
static __always_inline __u64 last_of_word(__u64 word, __u64 bytes) { return word & ~(~0ull >> bytes * 4 >> bytes * 4); }

/* The eight bytes of the name that end before `left`, 1 to WEIR_NAME_BYTES; zeros where the name has not so many. */
static __always_inline __u64 name_word(const struct weir_inside* inside, __u64 left) {
    OPAQUE(left);
    if (left > WEIR_NAME_BYTES) return 0;
    __u64 word =
        weir_names_load((const __u8*)inside + __builtin_offsetof(struct weir_inside, name) - NAMES_WORD + left);
    return left < NAMES_WORD ? last_of_word(word, left) : word;
}

/* Of the word whose last `done` bytes are done: the highest bit of each byte that is a dot, from the right. */
static __always_inline __u64 dots_from_right(__u64 word, __u64 done) {
    return all_zeros(__builtin_bswap64(word) ^ EIGHT_TIMES('.')) & ~0ull << done * 4 << done * 4;
}

/* Looked at without a call of their own: of a name so many labels, of a label so many words. */
#define FEW_LABELS 4u
#define FEW_WORDS 3u

/* One label further to the left: the node of what begins there, which is at `start` where the name is not dotted. The
 * first labels that are in no name of the set alone are not looked for. FARTHER: the label does not begin within so
 * many words. */
#define FARTHER (-1)
static __always_inline int weir_next_node(struct weir_packet* packet, const struct weir_inside* inside,
                                          volatile struct weir_name_walk* walk, void* table,
                                          struct weir_table_head* head, __u64 start, const __u32 is_dotted,
                                          const __u32 words) {
    __u64 sum = walk->sum, at = walk->at, left = at >> 16, length = inside->name_length;
    __u64 word = name_word(inside, left), dots = is_dotted ? dots_from_right(word, at >> 8 & 0xff) : 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0;; i++) {
        if (dots || left < start + NAMES_WORD) break;
        if (i == words) return FARTHER;
        sum += suffix_word(head, length - left, word);
        left -= NAMES_WORD;
        if ((length - left) % WEIR_BLOCK_BYTES == 0) sum = weir_print_word(head, 0, weir_print_of_sum(sum));
        OPAQUE(sum);
        OPAQUE(left);
        word = name_word(inside, left);
        if (is_dotted) dots = dots_from_right(word, 0);
    }
    walk->sum = sum;
    walk->at = NAME_AT(left, (dots ? lowest_mark(dots) : left - start) + 1, (at & 0xff) + 1);
    at = walk->at; /* whichever way led here */
    left = at >> 16;
    __u64 part = (at >> 8 & 0xff) - 1, labels = at & 0xff;
    sum = walk->sum + suffix_word(head, length - left, last_of_word(name_word(inside, left), part));
    if (labels <= head->labels_before) return WEIR_INNER;
    struct weir_set_place place = {head, 0, weir_suffix_print(head->by, sum, length - left + part, labels)};
    return weir_find_node(packet, table, &place, words == FEW_WORDS);
}

/* The same, verified by itself: for names of more labels than most. */
GLOBAL_FUNCTION int weir_name_step(struct weir_packet* packet, struct weir_inside* inside, struct weir_table_head* head,
                                   __u32 index, __u32 label) {
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    if (!packet || !inside || !head || !table) return WEIR_NO_NODE;
    volatile struct weir_name_walk* walk = weir_name_walk(inside);
    const __u32 words = WEIR_LABEL_BYTES / NAMES_WORD + 1; /* no label of a set has more */
    int found;
    __u64 start = label;
    OPAQUE(start);
    if (inside->is_dotted)
        found = weir_next_node(packet, inside, walk, table, head, 0, 1, words);
    else
        found = weir_next_node(packet, inside, walk, table, head, inside->label_starts[start & (WEIR_NAME_LABELS - 1)],
                               0, words);
    return found == FARTHER ? WEIR_NO_NODE : found;
}

/* Is the packet's name, or one that it is under, in the set of that index? From the last label on, and no further than
 * the set's names go. */
GLOBAL_FUNCTION int weir_in_names(struct weir_packet* packet, struct weir_inside* inside, __u32 index) {
    if (!packet || !inside) return 0;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_table_head* head = table ? weir_element(table, 0) : 0;
    if (!head) return 0;
    volatile struct weir_name_walk* walk = weir_name_walk(inside);
    __u32 labels = inside->name_labels, few = inside->is_dotted ? FEW_LABELS : 0, i = 0;
    walk->sum = 0;
    walk->at = NAME_AT(inside->name_length, 0, 0);
#pragma clang loop unroll(disable)
    for (; i < FEW_LABELS && i < few; i++) {
        if (i >= labels) return 0;
        int found = weir_next_node(packet, inside, walk, table, head, 0, 1, FEW_WORDS);
        if (found == FARTHER) break;
        if (found != WEIR_INNER) return found == WEIR_MEMBER;
    }
#pragma clang loop unroll(disable)
    for (; i < WEIR_MAX_LABELS && i < labels; i++) {
        int found = weir_name_step(packet, inside, head, index, labels - 1 - i);
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
    return at.print && weir_find_node(packet, table, &at, 1) == WEIR_MEMBER;
}

#endif
