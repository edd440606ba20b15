/* State terms: buckets and windows that are kept from packet to packet. */
#ifndef WEIR_BPF_STATE_H
#define WEIR_BPF_STATE_H

#include "bpf/templates/cells.h"

struct weir_key_2 {
    __u32 words[2];
};
struct weir_key_6 {
    __u32 words[6];
};
struct weir_key_16 {
    __u32 words[16];
};

static __always_inline __u32 weir_lock_cell_of_term(struct weir_packet* packet, const __u32* key, __u32 width,
                                                    struct weir_cell_place* at) {
    const struct weir_term* term = &weir_terms[at->number];
    __u32 index = term->index;
    at->table = bpf_map_lookup_elem(&weir_term_tables, &index);
    if (!at->table) return NO_CELL;
    at->head = weir_element(at->table, 0);
    if (!at->head) return NO_CELL;
    at->print = weir_print(at->head->by, key, width);
    return weir_find_cells(packet, term->fill_ns, at) ? weir_lock_cell(at) : NO_CELL;
}

/* True where the bucket has too little; then nothing is taken. */
static __always_inline int weir_take(const struct weir_term* term, struct weir_cell* cell, __u64 price, __u64 now_ns) {
    __u64 since = weir_since(cell->time_ns, now_ns), taken = cell->taken;
    if (since >= term->fill_ns) {
        taken = 0;
    } else {
        __u64 filled = since * term->limit; /* below the capacity */
        taken = taken > filled ? taken - filled : 0;
    }
    /* A bucket that an earlier policy left may lack more than it holds now. */
    if (taken > term->capacity || price > term->capacity - taken) return 1;
    cell->taken = taken + price;
    if (now_ns > cell->time_ns) cell->time_ns = now_ns;
    return 0;
}

static __always_inline int weir_counts(const struct weir_term* term, struct weir_cell* cell, __u64 now_ns) {
    if (!cell->taken || weir_since(cell->time_ns, now_ns) >= term->unit_ns) {
        cell->time_ns = now_ns;
        cell->taken = 0;
    }
    return ++cell->taken > term->limit;
}

static __always_inline int weir_exceeds(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number) {
    struct weir_cell_place at = {.number = number};
    const struct weir_term* term = &weir_terms[number];
    __u32 locked = weir_lock_cell_of_term(packet, key, width, &at);
    if (locked == NO_CELL) {
        weir_refused(number);
        return 0;
    }
    struct weir_cell* cell = weir_cell_at(at.group, locked);
    int exceeds;
    if (term->kind == WEIR_TERM_COUNT)
        exceeds = weir_counts(term, cell, at.now_ns);
    else if (term->kind == WEIR_TERM_RATE)
        exceeds = weir_take(term, cell, term->unit_ns, at.now_ns);
    else /* a price beyond the capacity may not fit into 64 bits */
        exceeds = weir_wire_bytes(packet) > term->capacity / term->unit_ns ||
                  weir_take(term, cell, weir_wire_bytes(packet) * term->unit_ns, at.now_ns);
    weir_release(&at, locked);
    return exceeds;
}

/* Counts the packet; is term `number` true for it? */
#define TERM_OF_WIDTH(width)                                                                                        \
    GLOBAL_FUNCTION int weir_term_##width(struct weir_packet* packet, struct weir_key_##width* key, __u32 number) { \
        if (!packet || !key || number >= weir_term_count()) return 0;                                               \
        return weir_exceeds(packet, key->words, width, BOUNDED(number));                                            \
    }
TERM_OF_WIDTH(2)
TERM_OF_WIDTH(6)
TERM_OF_WIDTH(16)

#endif
