/* Terms that compare: `share` with all packets of the key's window, `surge` with the windows before (bpf/windows.h). */
#ifndef WEIR_BPF_SHARE_H
#define WEIR_BPF_SHARE_H

#include "bpf/templates/state.h"
#include "bpf/windows.h"

enum weir_compares { WEIR_COMPARES_SHARE, WEIR_COMPARES_SURGE };
static __always_inline int weir_compares(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number,
                                         __u32 hit, enum weir_compares what) {
    struct weir_cell_place at = {.number = number,
                                 .kind = what == WEIR_COMPARES_SHARE ? WEIR_CELLS_OF_SHARE : WEIR_CELLS_OF_SURGE};
    const struct weir_term* term = &weir_terms[number];
    __u32 locked = weir_lock_cell_of_term(packet, key, width, &at);
    if (locked == NO_CELL) {
        weir_refused(number);
        return 0;
    }
    struct weir_cell* cell = weir_cell_at(at.group, locked);
    struct weir_compared of = {&cell->time_ns, &cell->taken, weir_ends_of(at.group, locked)};
    int is_over = what == WEIR_COMPARES_SHARE
                      ? weir_share_step(&of, at.now_ns, term->unit_ns, hit != 0, term->limit, term->capacity)
                      : weir_surge_step(&of, at.now_ns, term->unit_ns, term->limit, term->capacity);
    weir_release(&at, locked);
    return is_over;
}

/* Counts the packet; is term `number` true for it? `hit`: it satisfies the condition of a share. */
#define SHARE_OF_WIDTH(width)                                                                                      \
    GLOBAL_FUNCTION int weir_share_##width(struct weir_packet* packet, struct weir_key_##width* key, __u32 number, \
                                           __u32 hit) {                                                            \
        if (!packet || !key || number >= weir_term_count()) return 0;                                              \
        return weir_compares(packet, key->words, width, BOUNDED(number), hit, WEIR_COMPARES_SHARE);                \
    }
SHARE_OF_WIDTH(2)
SHARE_OF_WIDTH(6)
SHARE_OF_WIDTH(16)
#define SURGE_OF_WIDTH(width)                                                                                        \
    GLOBAL_FUNCTION int weir_surge_##width(struct weir_packet* packet, struct weir_key_##width* key, __u32 number) { \
        if (!packet || !key || number >= weir_term_count()) return 0;                                                \
        return weir_compares(packet, key->words, width, BOUNDED(number), 0, WEIR_COMPARES_SURGE);                    \
    }
SURGE_OF_WIDTH(2)
SURGE_OF_WIDTH(6)
SURGE_OF_WIDTH(16)

#endif
