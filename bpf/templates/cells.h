/* The cells of terms and throttles (bpf/table.h): where a key's is, and who has to go for a new one. */
#ifndef WEIR_BPF_CELLS_H
#define WEIR_BPF_CELLS_H

#include "bpf/abi.h"
#include "bpf/templates/account.h"
#include "bpf/templates/clock.h"
#include "bpf/templates/element.h"
#include "bpf/templates/lock.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"
#include "bpf/windows.h"

/* What a term or a throttle is judged by: the clock's last tick where that is little beside the time in which its
 * bucket fills or its window closes. */
#define WEIR_TICK_WILL_DO_NS 1000000000ull
static __always_inline __u64 weir_time_to_within(struct weir_packet* packet, __u64 span_ns) {
    if (span_ns >= WEIR_TICK_WILL_DO_NS && !weir_settings.virtual_clock) return weir_tick_time();
    return weir_packet_time(packet);
}

/* Packets of several CPUs may come with times that are not in order. */
static __always_inline __u64 weir_since(__u64 then_ns, __u64 now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

static __always_inline void weir_refused(__u32 account) {
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts) counts->refused++;
}

/* Whose cells are: what says how far one is from its initial state. */
enum weir_cells { WEIR_CELLS_OF_TERM, WEIR_CELLS_OF_SHARE, WEIR_CELLS_OF_SURGE, WEIR_CELLS_OF_THROTTLES };
/* Where a key would be. */
struct weir_cell_place {
    void* table;
    struct weir_table_head* head;
    struct weir_term_group* group;
    __u64 print;
    __u64 now_ns;
    __u32 number; /* of the term, and its account */
    __u32 kind;   /* enum weir_cells */
};
/* Worked out again where it is needed, as in set_table.h. */
static __always_inline __u32 weir_home_line(__u64 print) {
    OPAQUE(print);
    return weir_term_home(print);
}

/* Of a cell that is locked: line 0, which keys come and go under, is locked, too. */
#define WEIR_GROUP_IS_LOCKED (2 * NO_CELL)
#define NO_CELL WEIR_GROUP_CELLS

static __always_inline struct weir_term_line* weir_line_at(struct weir_term_group* group, __u64 number) {
    OPAQUE(number);
    return &group->lines[number & (WEIR_TERM_LINES - 1)];
}
static __always_inline struct weir_cell* weir_cell_at(struct weir_term_group* group, __u64 number) {
    __u64 in_line = number % WEIR_LINE_CELLS;
    OPAQUE(in_line);
    return &weir_line_at(group, number / WEIR_LINE_CELLS)->cells[in_line & (WEIR_LINE_CELLS - 1)];
}
static __always_inline __u32* weir_ends_of(struct weir_term_group* group, __u64 number) {
    __u64 in_line = number % WEIR_LINE_CELLS;
    OPAQUE(in_line);
    return &weir_line_at(group, number / WEIR_LINE_CELLS)->ends[in_line & (WEIR_LINE_CELLS - 1)];
}
static __always_inline __u64 weir_cell_print(struct weir_term_group* group, __u32 number) {
    return *(volatile __u64*)&weir_cell_at(group, number)->print;
}

/* ---- how far a cell is from its initial state: 0 where it is as if its key had never been met ---- */

static __always_inline __u64 weir_term_distance(const struct weir_term* term, const struct weir_cell* cell,
                                                __u64 now_ns) {
    __u64 since = weir_since(cell->time_ns, now_ns), taken = cell->taken;
    if (since >= term->fill_ns) return 0;
    if (term->kind == WEIR_TERM_COUNT || term->kind == WEIR_TERM_DISTINCT) return taken;
    __u64 filled = since * term->limit; /* below the capacity */
    return taken > filled ? taken - filled : 0;
}

/* A key over its limit is farther than all that are not. */
#define WEIR_IS_OVER (1ull << 62)
static __always_inline __u64 weir_share_distance(const struct weir_term* term, const struct weir_cell* cell,
                                                 __u32 beside, __u64 now_ns) {
    __u64 taken = cell->taken, all = taken & WEIR_SHARE_MOST;
    if (weir_since(cell->time_ns, now_ns) >= term->unit_ns) return 0;
    int is_over = weir_share_is_over(all, weir_share_hits(taken, beside), term->limit, term->capacity);
    return is_over ? all | WEIR_IS_OVER : all;
}

/* An average fades by half in five windows, nearly; it is never as if its key had not been met. */
static __always_inline __u64 weir_surge_distance(const struct weir_term* term, const struct weir_cell* cell,
                                                 __u32 beside, __u64 now_ns) {
    __u64 since = weir_since(cell->time_ns, now_ns), taken = cell->taken;
    __u64 average = weir_surge_average(taken) + ((__u64)beside << 8);
    if (since < term->unit_ns)
        return weir_surge_is_over(taken, beside, term->limit, term->capacity) ? average | WEIR_IS_OVER : average + 1;
    __u64 halvings = since / term->unit_ns / 5;
    return (average >> (halvings < 63 ? halvings : 63)) + 1;
}

/* Of windows that have ended only what they would still have to say is left; those that hold events back go last. */
static __always_inline __u64 weir_throttle_distance(const struct weir_cell* cell, __u32 ends, __u64 now_ns) {
    __u64 taken = cell->taken;
    if ((__s32)((__u32)(now_ns >> WEIR_END_SHIFT) - ends) >= 0) return taken >> 32 != 0;
    return taken + (taken != ~0ull);
}

/* ---- finding ---- */

/* Cell `i` from the home of `print` on and round the group. */
static __always_inline __u32 weir_cell_from_home(__u64 print, __u32 i) {
    return (weir_term_home(print) * WEIR_LINE_CELLS + i) & (WEIR_GROUP_CELLS - 1);
}

/* Verified by themselves, as those of set_table.h. */
GLOBAL_FUNCTION __u32 weir_find_displaced_cell(struct weir_term_group* group, __u64 print) {
    if (!group) return NO_CELL;
#pragma clang loop unroll(disable)
    for (__u32 i = WEIR_LINE_CELLS; i < WEIR_GROUP_CELLS; i++) {
        __u32 number = weir_cell_from_home(print, i);
        __u64 there = weir_cell_print(group, number);
        if (there == print) return number;
        if (!there) break;
    }
    return NO_CELL;
}

static __always_inline __u32 weir_find_cell(struct weir_term_group* group, __u64 print) {
    __u32 home = weir_home_line(print), first = home * WEIR_LINE_CELLS;
    for (__u32 i = 0; i < WEIR_LINE_CELLS; i++)
        if (weir_cell_print(group, first + i) == print) return first + i;
    if (!*(volatile __u16*)&weir_line_at(group, home)->displaced) return NO_CELL;
    return weir_find_displaced_cell(group, print);
}

#define WEIR_EVICTS (4 * NO_CELL) /* of a chosen cell: its key was not in its initial state */
static __always_inline void weir_inserted(__u32 account, __u32 cell) {
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (!counts) return;
    counts->inserted++;
    counts->evicted += cell / WEIR_EVICTS;
}

static __always_inline __u64 weir_distance(struct weir_term_group* group, __u32 at, const struct weir_term* term,
                                           __u64 now_ns, enum weir_cells kind) {
    const struct weir_cell* cell = weir_cell_at(group, at);
    if (!*(volatile __u64*)&cell->print) return 0;
    if (kind == WEIR_CELLS_OF_TERM) return weir_term_distance(term, cell, now_ns);
    __u32 beside = *weir_ends_of(group, at);
    if (kind == WEIR_CELLS_OF_SHARE) return weir_share_distance(term, cell, beside, now_ns);
    if (kind == WEIR_CELLS_OF_SURGE) return weir_surge_distance(term, cell, beside, now_ns);
    return weir_throttle_distance(cell, beside, now_ns);
}

/* Where a new key goes: the first free cell from its home on; in a group that is full, that of the key which is nearest
 * to its initial state. So a key over its limit goes only where all are. No term: of the throttles. */
static __always_inline __u32 weir_choose(struct weir_term_group* group, __u64 print, const struct weir_term* term,
                                         __u64 now_ns, enum weir_cells kind) {
    __u64 nearest = 0, least = ~0ull, zero = hidden_zero(print);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_GROUP_CELLS; i++) {
        __u32 at = weir_cell_from_home(print, i);
        __u64 distance = hidden(weir_distance(group, at, term, now_ns, kind), zero);
        if (distance < least) {
            nearest = at;
            least = distance;
        }
        if (!least) break;
        nearest = hidden(nearest, zero);
        least = hidden(least, zero);
    }
    nearest &= WEIR_GROUP_CELLS - 1;
    return least ? nearest | WEIR_EVICTS : nearest;
}
#define CHOOSE(name, kind)                                                                                             \
    GLOBAL_FUNCTION __u32 weir_choose_##name(struct weir_term_group* group, __u64 print, __u32 number, __u64 now_ns) { \
        if (!group || number >= weir_term_count()) return 0;                                                           \
        return weir_choose(group, print, &weir_terms[BOUNDED(number)], now_ns, kind);                                  \
    }
CHOOSE(cell, WEIR_CELLS_OF_TERM)
CHOOSE(share, WEIR_CELLS_OF_SHARE)
CHOOSE(surge, WEIR_CELLS_OF_SURGE)
GLOBAL_FUNCTION __u32 weir_choose_window(struct weir_term_group* group, __u64 print, __u64 now_ns) {
    return group ? weir_choose(group, print, 0, now_ns, WEIR_CELLS_OF_THROTTLES) : 0;
}
static __always_inline __u32 weir_chosen(const struct weir_cell_place* at) {
    switch (at->kind) {
        case WEIR_CELLS_OF_SHARE: return weir_choose_share(at->group, at->print, at->number, at->now_ns);
        case WEIR_CELLS_OF_SURGE: return weir_choose_surge(at->group, at->print, at->number, at->now_ns);
        case WEIR_CELLS_OF_THROTTLES: return weir_choose_window(at->group, at->print, at->now_ns);
        default: return weir_choose_cell(at->group, at->print, at->number, at->now_ns);
    }
}

/* Gives the cell, whose line is locked, to the key. */
static __always_inline void weir_give_cell(const struct weir_cell_place* at, __u32 number) {
    weir_inserted(at->number, number);
    number &= NO_CELL - 1;
    struct weir_cell* cell = weir_cell_at(at->group, number);
    cell->time_ns = cell->taken = 0;
    *(volatile __u64*)&cell->print = at->print;
    __u32 home = weir_home_line(at->print);
    if (number / WEIR_LINE_CELLS != home) weir_line_at(at->group, home)->displaced = 1;
    __u64 print = at->print;
    OPAQUE(print);
    weir_mark_region(at->head, weir_group_of(print, at->head->groups));
}

/* Keys come and go under the lock of line 0: nobody else makes a cell for this key meanwhile, and no cell changes its
 * key. It stays locked with the cell's line. */
static __always_inline __u32 weir_lock_new_cell(const struct weir_cell_place* at) {
    if (!weir_lock(&weir_line_at(at->group, 0)->lock)) return NO_CELL;
    __u32 cell = weir_find_cell(at->group, at->print), is_new = cell >= NO_CELL;
    if (is_new) cell = weir_chosen(at);
    if ((cell & (NO_CELL - 1)) >= WEIR_LINE_CELLS &&
        !weir_lock(&weir_line_at(at->group, cell / WEIR_LINE_CELLS)->lock)) {
        weir_unlock(&weir_line_at(at->group, 0)->lock);
        return NO_CELL;
    }
    if (is_new) weir_give_cell(at, cell);
    return (cell & (NO_CELL - 1)) | WEIR_GROUP_IS_LOCKED;
}

/* Once `table`, `head`, `print` and `number` are known. Fetches the group's home line while the clock is read: the
 * clock waits until all that was read before is there, but not until a store is done. */
static __always_inline int weir_find_cells(struct weir_packet* packet, __u64 span_ns, struct weir_cell_place* at) {
    at->group = weir_element(at->table, weir_group_of(at->print, at->head->groups));
    if (!at->group) return 0;
    *(volatile __u16*)&weir_line_at(at->group, weir_home_line(at->print))->touched = 1;
    at->now_ns = weir_time_to_within(packet, span_ns);
    return 1;
}

/* The key's cell, its line locked; NO_CELL where a lock is never free. */
static __always_inline __u32 weir_lock_cell(const struct weir_cell_place* at) {
    __u32 cell = weir_find_cell(at->group, at->print);
    if (cell < NO_CELL) {
        __u32* lock = &weir_line_at(at->group, cell / WEIR_LINE_CELLS)->lock;
        if (weir_lock(lock)) {
            if (weir_cell_print(at->group, cell) == at->print) return cell;
            weir_unlock(lock); /* it is another key's by now */
        }
    }
    return weir_lock_new_cell(at);
}

static __always_inline void weir_release(const struct weir_cell_place* at, __u32 cell) {
    weir_unlock(&weir_line_at(at->group, cell / WEIR_LINE_CELLS & (WEIR_TERM_LINES - 1))->lock);
    if (cell >= (WEIR_GROUP_IS_LOCKED | WEIR_LINE_CELLS)) weir_unlock(&weir_line_at(at->group, 0)->lock);
}

#endif
