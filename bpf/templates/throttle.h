/* Throttles: what holds alerts back. They are rows of a table; the windows of all of them are in one more, by what the
 * throttle belongs to and the key. */
#ifndef WEIR_BPF_THROTTLE_H
#define WEIR_BPF_THROTTLE_H

#include "bpf/templates/cells.h"
#include "bpf/templates/inside.h"

/* Word `word` of a key's packet: of struct weir_inside from there on. */
static __always_inline __u32 weir_key_word(const struct weir_packet* packet, const struct weir_inside* inside,
                                           __u64 word) {
    OPAQUE(word);
    if (word < sizeof(*packet) / sizeof(__u32)) return ((const __u32*)packet)[word];
    word -= WEIR_INSIDE_OFFSET / sizeof(__u32);
    OPAQUE(word);
    if (weir_flow_groups()) /* a part of the scratch, too */
        return inside && word < sizeof(struct weir_scratch) / sizeof(__u32) ? ((const __u32*)inside)[word] : 0;
    return inside && word < sizeof(*inside) / sizeof(__u32) ? ((const __u32*)inside)[word] : 0;
}

/* Of its flow: what of it the packet lacks; and how many words the key has. */
static __always_inline __u32 weir_key_lacks_flow(const struct weir_throttle_key* key,
                                                 const struct weir_inside* inside) {
    if (!weir_flow_groups() || !inside) return 0;
    return key->count >> WEIR_THROTTLE_FLOW_SHIFT & ~((const struct weir_scratch*)inside)->flow.present;
}
static __always_inline __u32 weir_key_words(const struct weir_throttle_key* key) {
    return weir_flow_groups() ? key->count & ((1u << WEIR_THROTTLE_FLOW_SHIFT) - 1) : key->count;
}

/* Packets that lack a field of the key share one window. */
static __always_inline __u64 weir_throttle_print(const __u64* by, const struct weir_packet* packet,
                                                 const struct weir_throttle* throttle) {
    __u64 sum = by[WEIR_PRINT_IDENTITY] * throttle->identity[0] + by[WEIR_PRINT_IDENTITY + 1] * throttle->identity[1];
    __u32 number = throttle->key;
    if (number >= weir_throttle_key_count()) return weir_print_of_sum(sum);
    const struct weir_throttle_key* key = &weir_throttle_keys[BOUNDED(number)];
    __u32 lacks = 0;
    for (__u32 i = 0; i < WEIR_PRESENT_WORDS; i++) lacks |= key->present[i] & ~packet->present[i];
    const struct weir_inside* inside = weir_needs() & WEIR_NEED_INSIDE ? weir_inside_place() : 0;
    if (inside)
        for (__u32 i = 0; i < WEIR_PRESENT_WORDS; i++)
            lacks |= key->present[WEIR_PRESENT_WORDS + i] & ~inside->inner.present[i];
    lacks |= weir_key_lacks_flow(key, inside);
    if (lacks) return weir_print_of_sum(sum + by[WEIR_PRINT_ABSENT]);
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_KEY_WORDS; i++) {
        if (i >= weir_key_words(key)) break;
        __u32 word = key->words[i].word, mask = key->words[i].mask, bits = key->words[i].ip4_bits;
        __u8 version =
            inside && word >= WEIR_INSIDE_OFFSET / sizeof(__u32) ? inside->inner.ip_version : packet->ip_version;
        if (bits && version == 4) mask = ~0u << ((32 - bits) & 31);
        __u32 value = weir_key_word(packet, inside, word) >> (key->words[i].shift & 31) & mask;
        sum += by[i] * value;
    }
    return weir_print_of_sum(sum);
}

/* Opens the next window where the last one has ended. How many events of the key passed in it so far. */
static __always_inline __u32 weir_open_window(const struct weir_throttle* throttle, struct weir_cell* cell, __u32* ends,
                                              __u64 now_ns) {
    __u32 passed = (__u32)cell->taken;
    if (passed && weir_since(cell->time_ns, now_ns) < throttle->window_ns) return passed;
    __u64 end = (now_ns >> WEIR_END_SHIFT) + (throttle->window_ns >> WEIR_END_SHIFT) + 2;
    __u64 most = (now_ns >> WEIR_END_SHIFT) + 0x7fffffff;
    *ends = (__u32)(end < most ? end : most);
    cell->time_ns = now_ns;
    return 0;
}

/* May an event of that alert pass? Then packet->suppressed is how many of its key were held back before it. */
GLOBAL_FUNCTION int weir_throttle(struct weir_packet* packet, __u32 alert) {
    if (!packet || alert >= weir_throttle_count()) return 1;
    const struct weir_throttle* throttle = &weir_throttles[BOUNDED(alert)];
    if (!throttle->limit) return 1;
    struct weir_cell_place at = {.number = weir_throttle_account(), .kind = WEIR_CELLS_OF_THROTTLES};
    __u32 index = weir_throttle_table();
    at.table = bpf_map_lookup_elem(&weir_term_tables, &index);
    at.head = at.table ? weir_element(at.table, 0) : 0;
    if (!at.head) return 1;
    at.print = weir_throttle_print(at.head->by, packet, throttle);
    __u32 locked = weir_find_cells(packet, throttle->window_ns, &at) ? weir_lock_cell(&at) : NO_CELL;
    if (locked == NO_CELL) {
        weir_refused(at.number);
        return 1;
    }
    struct weir_cell* cell = weir_cell_at(at.group, locked);
    __u32 passed = weir_open_window(throttle, cell, weir_ends_of(at.group, locked), at.now_ns);
    __u32 held = cell->taken >> 32;
    int passes = passed < throttle->limit;
    if (passes) {
        passed++;
        packet->suppressed = held;
        held = 0;
    } else if (held != WEIR_MOST_HELD_BACK) {
        held++;
    }
    cell->taken = (__u64)held << 32 | passed;
    weir_release(&at, locked);
    return passes;
}

#endif
