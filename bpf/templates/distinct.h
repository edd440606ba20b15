/* Terms that count distinct values: cells as those of `count`, and behind them what each has met in its window. */
#ifndef WEIR_BPF_DISTINCT_H
#define WEIR_BPF_DISTINCT_H

#include "bpf/templates/state.h"

struct weir_value_words {
    __u64 words[WEIR_TERM_BYTES / 8];
};
/* Those of a cell begin at `first`. */
static __always_inline __u64* weir_value_word(struct weir_value_words* values, __u64 first, __u64 number) {
    __u64 at = first + number;
    OPAQUE(at);
    return &values->words[at & (WEIR_TERM_BYTES / 8 - 1)];
}

/* True where the window is a new one. */
static __always_inline int weir_opens(const struct weir_term* term, struct weir_cell* cell, __u64 now_ns) {
    if (cell->taken && weir_since(cell->time_ns, now_ns) < term->unit_ns) return 0;
    cell->time_ns = now_ns;
    cell->taken = 1;
    return 1;
}

static __always_inline int weir_listed(const struct weir_term* term, struct weir_cell* cell,
                                       struct weir_value_words* values, __u64 first, __u64 print, __u64 now_ns) {
    weir_opens(term, cell, now_ns);
    __u64 count = cell->taken - 1;
    OPAQUE(count);
    if (count > term->limit) return 1;
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_CELL_VALUES; i++) {
        if (i >= count) break;
        if (*weir_value_word(values, first, i) == print) return 0;
    }
    if (count < WEIR_CELL_VALUES) *weir_value_word(values, first, count) = print;
    cell->taken = count + 2;
    return count + 1 > term->limit;
}

static __always_inline __u64 weir_value_hash(const __u32* value) {
    __u64 hash = 0;
    for (__u32 w = 0; w < 5; w++) {
        hash = (hash ^ value[w]) * 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    return hash;
}

static __always_inline int weir_sketched(const struct weir_term* term, struct weir_cell* cell,
                                         struct weir_value_words* values, __u64 first, __u64 hash, __u64 now_ns) {
    if (weir_opens(term, cell, now_ns))
#pragma clang loop unroll(disable)
        for (__u64 i = 0; i < WEIR_SKETCH_BITS / 64; i++) *weir_value_word(values, first, i) = 0;
    if (!(hash >> 40 & term->capacity)) {
        __u64 bit = hash & (WEIR_SKETCH_BITS - 1), *word = weir_value_word(values, first, bit >> 6);
        __u64 mark = 1ull << (bit & 63);
        if (!(*word & mark)) {
            *word |= mark;
            cell->taken++;
        }
    }
    return cell->taken - 1 > term->limit;
}

enum weir_values_are { WEIR_VALUES_LISTED, WEIR_VALUES_SKETCHED };
static __always_inline int weir_distinguishes(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number,
                                              const __u32* value, enum weir_values_are are) {
    struct weir_cell_place at = {.number = number};
    const struct weir_term* term = &weir_terms[number];
    __u32 locked = weir_lock_cell_of_term(packet, key, width, &at), cell = locked & (NO_CELL - 1);
    if (locked == NO_CELL) {
        weir_refused(number);
        return 0;
    }
    __u32 groups = at.head->groups;
    struct weir_value_words* values =
        weir_element(at.table, weir_value_element(groups, weir_group_of(at.print, groups), cell));
    int exceeds = 0;
    if (values && are == WEIR_VALUES_LISTED)
        exceeds = weir_listed(term, weir_cell_at(at.group, cell), values, weir_first_value(cell),
                              weir_print(at.head->by, value, 5), at.now_ns);
    else if (values)
        exceeds = weir_sketched(term, weir_cell_at(at.group, cell), values, weir_first_value(cell),
                                weir_value_hash(value), at.now_ns);
    weir_release(&at, locked);
    return exceeds;
}

#define DISTINCT(name, size, are)                                                                                   \
    GLOBAL_FUNCTION int weir_##name##_##size(struct weir_packet* packet, struct weir_key_##size* key, __u32 number, \
                                             struct weir_key_6* value) {                                            \
        if (!packet || !key || !value || number >= weir_term_count()) return 0;                                     \
        return weir_distinguishes(packet, key->words, size, BOUNDED(number), value->words, are);                    \
    }
DISTINCT(listed, 6, WEIR_VALUES_LISTED)
DISTINCT(listed, 16, WEIR_VALUES_LISTED)
DISTINCT(sketched, 6, WEIR_VALUES_SKETCHED)
DISTINCT(sketched, 16, WEIR_VALUES_SKETCHED)

#endif
