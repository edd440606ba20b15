/* What is kept from packet to packet: the buckets and windows of state terms, the throttles of alerts. */
#ifndef WEIR_BPF_STATE_H
#define WEIR_BPF_STATE_H

#include "bpf/abi.h"
#include "bpf/templates/account.h"
#include "bpf/templates/element.h"
#include "bpf/templates/lock.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

struct weir_key_2 {
    __u32 words[2];
};
struct weir_key_6 {
    __u32 words[6];
};
struct weir_key_16 {
    __u32 words[16];
};

/* One time for all that happens to a packet. */
static __always_inline __u64 weir_packet_time(struct weir_packet* packet) {
    if (!packet->time_ns) packet->time_ns = weir_now();
    return packet->time_ns;
}

/* What a term or a throttle is judged by. The clock's last tick, 1 to 10 ms ago, where that is little beside the time
 * in which its bucket fills or its window closes: the clock itself costs as much as the rest, and waits for all reads
 * before it. */
#define WEIR_TICK_WILL_DO_NS 1000000000ull
static __always_inline __u64 weir_term_time(struct weir_packet* packet, const struct weir_term* term) {
    if (term->fill_ns >= WEIR_TICK_WILL_DO_NS && !weir_settings.virtual_clock) return bpf_ktime_get_coarse_ns();
    return weir_packet_time(packet);
}

static __always_inline void weir_inserted(__u32 account) {
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts) counts->inserted++;
}

static __always_inline void weir_refused(__u32 account) {
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts) counts->refused++;
}

static __always_inline void weir_evicted(__u32 account) {
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts) counts->evicted++;
}

/* ---- cells ---- */

/* Where a key would be. */
struct weir_term_place {
    struct weir_table_head* head;
    struct weir_term_group* group;
    __u64 print;
};
/* Worked out again where it is needed, as in set_table.h. */
static __always_inline __u32 weir_term_home(const struct weir_term_place* at) {
    __u64 print = at->print;
    OPAQUE(print);
    return weir_home_of(print);
}

/* A cell whose line is locked, and for how long. */
struct weir_locked_cell {
    struct weir_cell* cell;
    __u64 now_ns;
    __u32* lock;
    __u32* group_lock; /* where the key is new and that is another one */
};

#define NO_CELL WEIR_GROUP_CELLS

static __always_inline struct weir_term_line* weir_line_at(struct weir_term_group* group, __u64 number) {
    OPAQUE(number);
    return &group->lines[number & (WEIR_GROUP_LINES - 1)];
}
static __always_inline struct weir_cell* weir_cell_at(struct weir_term_group* group, __u64 number) {
    __u64 in_line = number % WEIR_LINE_CELLS;
    OPAQUE(in_line);
    return &weir_line_at(group, number / WEIR_LINE_CELLS)->cells[in_line & (WEIR_LINE_CELLS - 1)];
}
static __always_inline __u64 weir_cell_print(struct weir_term_group* group, __u32 number) {
    return *(volatile __u64*)&weir_cell_at(group, number)->print;
}

/* Verified by themselves, as those of set_table.h. */
GLOBAL_FUNCTION __u32 weir_find_displaced_cell(struct weir_term_group* group, __u64 print) {
    if (!group) return NO_CELL;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_GROUP_CELLS; i++)
        if (weir_cell_print(group, i) == print) return i;
    return NO_CELL;
}

static __always_inline __u32 weir_find_cell(const struct weir_term_place* at) {
    __u32 home = weir_term_home(at), first = home * WEIR_LINE_CELLS;
    for (__u32 i = 0; i < WEIR_LINE_CELLS; i++)
        if (weir_cell_print(at->group, first + i) == at->print) return first + i;
    if (!*(volatile __u16*)&weir_line_at(at->group, home)->displaced) return NO_CELL;
    return weir_find_displaced_cell(at->group, at->print);
}

/* Where a new key goes: a free cell, at home where there is one; else that of which the last packet is the longest ago.
 */
GLOBAL_FUNCTION __u32 weir_choose_cell(struct weir_term_group* group, __u32 home, __u32 stamp) {
    __u32 best = 0, best_age = 0;
    if (!group) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LINE_CELLS + WEIR_GROUP_CELLS; i++) {
        __u32 number = i < WEIR_LINE_CELLS ? home * WEIR_LINE_CELLS + i : i - WEIR_LINE_CELLS;
        if (!weir_cell_print(group, number)) return number;
        __u64 in_line = number % WEIR_LINE_CELLS;
        OPAQUE(in_line);
        __u32 age = stamp - weir_line_at(group, number / WEIR_LINE_CELLS)->used[in_line & (WEIR_LINE_CELLS - 1)];
        if (age >= best_age && age < 1u << 31) { /* another CPU's stamp may be ahead */
            best = number;
            best_age = age;
        }
    }
    return best;
}

static __always_inline void weir_use(struct weir_term_line* line, __u64 number, __u32 stamp) {
    number %= WEIR_LINE_CELLS;
    OPAQUE(number);
    line->used[number & (WEIR_LINE_CELLS - 1)] = stamp;
}

/* Cell `number`, if it is still the key's. */
static __always_inline int weir_lock_known_cell(const struct weir_term_place* at, __u32 number, __u32 stamp,
                                                struct weir_locked_cell* held) {
    struct weir_term_line* line = weir_line_at(at->group, number / WEIR_LINE_CELLS);
    if (!weir_lock(&line->lock)) return 0;
    held->cell = weir_cell_at(at->group, number);
    if (held->cell->print != at->print) {
        weir_unlock(&line->lock);
        return 0;
    }
    weir_use(line, number, stamp);
    held->lock = &line->lock;
    held->group_lock = 0;
    return 1;
}

/* Keys come and go under the lock of line 0: nobody else makes a cell for this key meanwhile, and no cell changes its
 * key. */
static __always_inline int weir_lock_new_cell(const struct weir_term_place* at, __u32 stamp,
                                              struct weir_locked_cell* held, __u32 account) {
    __u32* group_lock = &weir_line_at(at->group, 0)->lock;
    if (!weir_lock(group_lock)) return 0;
    __u32 number = weir_find_cell(at), is_new = number >= NO_CELL;
    if (is_new) number = weir_choose_cell(at->group, weir_term_home(at), stamp);
    __u32 line_number = number / WEIR_LINE_CELLS;
    struct weir_term_line* line = weir_line_at(at->group, line_number);
    if (line_number && !weir_lock(&line->lock)) {
        weir_unlock(group_lock);
        return 0;
    }
    held->cell = weir_cell_at(at->group, number);
    if (is_new) {
        if (held->cell->print) weir_evicted(account);
        held->cell->time_ns = held->cell->taken = 0;
        *(volatile __u64*)&held->cell->print = at->print;
        __u32 home = weir_term_home(at);
        if (line_number != home) weir_line_at(at->group, home)->displaced = 1;
        __u64 print = at->print;
        OPAQUE(print);
        weir_mark_region(at->head, weir_group_of(print, at->head->groups));
        weir_inserted(account);
    }
    weir_use(line, number, stamp);
    held->lock = &line->lock;
    held->group_lock = line_number ? group_lock : 0;
    return 1;
}

/* The key's cell; none where a lock is never free. */
static __always_inline int weir_lock_cell(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number,
                                          struct weir_locked_cell* held) {
    struct weir_term_place at;
    __u32 index = weir_terms[number].index;
    void* table = bpf_map_lookup_elem(&weir_term_tables, &index);
    if (!table) return 0;
    at.head = weir_element(table, 0);
    if (!at.head) return 0;
    at.print = weir_print(at.head->by, key, width);
    at.group = weir_element(table, weir_group_of(at.print, at.head->groups));
    if (!at.group) return 0;
    /* The clock waits until all that was read before is there, but not until a store is done: so this fetches the line
     * meanwhile. */
    *(volatile __u16*)&weir_line_at(at.group, weir_term_home(&at))->touched = 1;
    held->now_ns = weir_term_time(packet, &weir_terms[number]);
    __u32 stamp = held->now_ns >> WEIR_USED_SHIFT, known = weir_find_cell(&at);
    if (known < NO_CELL && weir_lock_known_cell(&at, known, stamp, held)) return 1;
    return weir_lock_new_cell(&at, stamp, held, number);
}

static __always_inline void weir_release(const struct weir_locked_cell* held) {
    weir_unlock(held->lock);
    if (held->group_lock) weir_unlock(held->group_lock);
}

/* ---- terms ---- */

/* Packets of several CPUs may come with times that are not in order. */
static __always_inline __u64 weir_since(__u64 then_ns, __u64 now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

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
    struct weir_locked_cell held;
    const struct weir_term* term = &weir_terms[number];
    if (!weir_lock_cell(packet, key, width, number, &held)) {
        weir_refused(number);
        return 0;
    }
    int exceeds;
    if (term->kind == WEIR_TERM_COUNT)
        exceeds = weir_counts(term, held.cell, held.now_ns);
    else if (term->kind == WEIR_TERM_RATE)
        exceeds = weir_take(term, held.cell, term->unit_ns, held.now_ns);
    else /* a price beyond the capacity may not fit into 64 bits */
        exceeds = packet->len > term->capacity / term->unit_ns ||
                  weir_take(term, held.cell, packet->len * term->unit_ns, held.now_ns);
    weir_release(&held);
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

/* ---- throttles of alerts ---- */

/* May the event pass? Then packet->suppressed is how many of its key were held back before it. */
static __always_inline __u32 weir_passes(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number) {
    struct weir_locked_cell found;
    if (number >= weir_term_count()) return 1;
    number = BOUNDED(number);
    const struct weir_term* term = &weir_terms[number];
    if (!weir_lock_cell(packet, key, width, number, &found)) {
        weir_refused(number);
        return 1;
    }
    __u32 passed = (__u32)found.cell->taken, held = found.cell->taken >> 32;
    if (!passed || weir_since(found.cell->time_ns, found.now_ns) >= term->unit_ns) {
        found.cell->time_ns = found.now_ns;
        passed = 0;
    }
    __u32 passes = passed < term->limit;
    if (passes) {
        passed++;
        packet->suppressed = held;
        held = 0;
    } else if (held != ~0u) {
        held++;
    }
    found.cell->taken = (__u64)held << 32 | passed;
    weir_release(&found);
    return passes;
}

#define THROTTLE_OF_WIDTH(width)                                                                               \
    __attribute__((used)) static __always_inline __u32 weir_throttled_##width(struct weir_packet* packet,      \
                                                                              const void* key, __u32 number) { \
        return weir_passes(packet, key, width, number);                                                        \
    }
THROTTLE_OF_WIDTH(2)
THROTTLE_OF_WIDTH(6)
THROTTLE_OF_WIDTH(16)

#endif
