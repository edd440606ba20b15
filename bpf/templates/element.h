/* Elements of a table: bpf/table.h. */
#ifndef WEIR_BPF_ELEMENT_H
#define WEIR_BPF_ELEMENT_H

#include "bpf/table.h"
#include "bpf/templates/target.h"

static __always_inline void* weir_element(void* table, __u32 element) { return bpf_map_lookup_elem(table, &element); }

/* Something was put into that group. */
static __always_inline void weir_mark_region(struct weir_table_head* head, __u32 element) {
    __u32 region = element >> (head->region_shift & 31);
    __u64 *word = &head->regions[region / 64 & (WEIR_REGIONS / 64 - 1)], bit = 1ull << (region & 63);
    if (!(*(volatile __u64*)word & bit)) __sync_fetch_and_or(word, bit);
}

#endif
