/* Histograms that `measure` adds to (bpf/histogram.h). */
#ifndef WEIR_BPF_TEMPLATES_HISTOGRAM_H
#define WEIR_BPF_TEMPLATES_HISTOGRAM_H

#include "bpf/histogram.h"
#include "bpf/templates/element.h"
#include "bpf/templates/lock.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/state.h"
#include "bpf/templates/target.h"

static __always_inline __u64 weir_index_at(struct weir_measure_index* index, __u32 number) {
    OPAQUE(number);
    return *(volatile __u64*)&index->entries[number & (WEIR_INDEX_ELEMENT - 1)];
}
static __always_inline int weir_is_of(__u64 entry, __u64 print) { return !((entry ^ print) & ~WEIR_INDEX_NUMBER); }

/* The number of the key, from 1; 0: it is not there. Verified by itself. */
GLOBAL_FUNCTION __u32 weir_find_measured(struct weir_measure_index* index, __u64 print, __u32 home) {
    if (!index) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_INDEX_TRIED; i++) {
        __u64 entry = weir_index_at(index, home + i);
        if (!entry) return 0;
        if (weir_is_of(entry, print)) return entry & WEIR_INDEX_NUMBER;
    }
    return 0;
}

/* 0: there is no free entry near. */
GLOBAL_FUNCTION int weir_put_measured(struct weir_measure_index* index, __u64 print, __u32 home, __u32 number) {
    if (!index) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_INDEX_TRIED; i++) {
        __u32 at = home + i;
        if (weir_index_at(index, at)) continue;
        OPAQUE(at);
        /* An exchange: the key's words are seen before. */
        __sync_lock_test_and_set(&index->entries[at & (WEIR_INDEX_ELEMENT - 1)], weir_index_entry(print, number));
        return 1;
    }
    return 0;
}

struct weir_measure_place {
    void* table;
    struct weir_measure_head* head;
    struct weir_measure_index* index;
    __u64 print;
    __u32 home; /* in the index */
};

/* A new key, under the lock: nobody else makes a place for it meanwhile. */
static __always_inline __u32 weir_add_measured(const struct weir_measure_place* at, const __u32* key, __u32 width) {
    __u32 number = weir_find_measured(at->index, at->print, at->home), keys = at->head->keys;
    if (number || keys >= at->head->size) return number;
    struct weir_measure_keys* words =
        weir_element(at->table, weir_first_measure_key(at->head->lines) + keys / WEIR_KEYS_AN_ELEMENT);
    if (!words) return 0;
    __u32 place = keys % WEIR_KEYS_AN_ELEMENT;
    OPAQUE(place);
    for (__u32 i = 0; i < width; i++) words->words[place & (WEIR_KEYS_AN_ELEMENT - 1)][i] = key[i];
    if (!weir_put_measured(at->index, at->print, at->home, keys + 1)) return 0;
    __sync_fetch_and_add(&at->head->keys, 1);
    return keys + 1;
}

static __always_inline __u32 weir_number_of_measured(struct weir_measure_place* at, const __u32* key, __u32 width) {
    at->print = weir_print(at->head->by, key, width);
    __u32 home = weir_index_home(at->print, at->head->lines);
    at->index = weir_element(at->table, 1 + home / WEIR_INDEX_ELEMENT);
    if (!at->index) return 0;
    at->home = home;
    __u64 first = weir_index_at(at->index, home);
    if (first && weir_is_of(first, at->print)) return first & WEIR_INDEX_NUMBER;
    __u32 number = weir_find_measured(at->index, at->print, home);
    if (number || *(volatile __u32*)&at->head->keys >= at->head->size || !weir_lock(&at->head->lock)) return number;
    number = weir_add_measured(at, key, width);
    weir_unlock(&at->head->lock);
    return number;
}

#define LARGEST_TRIES 64u
static __always_inline void weir_add_value(struct weir_histogram* of, __u64 value) {
    __u64 bucket = weir_bucket_of(value);
    OPAQUE(bucket);
    __sync_fetch_and_add(&of->sum, value);
    if (bucket < WEIR_HISTOGRAM_BUCKETS) __sync_fetch_and_add(&of->buckets[bucket], 1);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < LARGEST_TRIES; i++) {
        __u64 before = *(volatile __u64*)&of->largest;
        if (before >= value || __sync_val_compare_and_swap(&of->largest, before, value) == before) break;
    }
}

static __always_inline void weir_measures_value(const __u32* key, __u32 width, __u32 index, __u64 value) {
    struct weir_measure_place at = {};
    at.table = bpf_map_lookup_elem(&weir_measure_tables, &index);
    at.head = at.table ? weir_element(at.table, 0) : 0;
    if (!at.head) return;
    __u32 number = width ? weir_number_of_measured(&at, key, width) : 1;
    if (!number) {
        __sync_fetch_and_add(&at.head->refused, 1);
        return;
    }
    __u32 copy = bpf_get_smp_processor_id() & (at.head->copies - 1);
    struct weir_histogram* of =
        weir_element(at.table, weir_first_histogram(at.head->lines, at.head->size) + copy * at.head->size + number - 1);
    if (of) weir_add_value(of, value);
}

/* Adds the value to the histogram of the key, in entry `index` of the tables. */
GLOBAL_FUNCTION int weir_measure_0(__u32 index, __u64 value) {
    weir_measures_value(0, 0, index, value);
    return 0;
}
#define MEASURE_OF_WIDTH(width)                                                                        \
    GLOBAL_FUNCTION int weir_measure_##width(__u32 index, __u64 value, struct weir_key_##width* key) { \
        if (key) weir_measures_value(key->words, width, index, value);                                 \
        return 0;                                                                                      \
    }
MEASURE_OF_WIDTH(2)
MEASURE_OF_WIDTH(6)
MEASURE_OF_WIDTH(16)

#endif
