/* The CPU's struct weir_inside. */
#ifndef WEIR_BPF_INSIDE_H
#define WEIR_BPF_INSIDE_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_scratch);
} weir_insides SEC(".maps");

static __always_inline struct weir_scratch* weir_scratch_place(void) {
    return bpf_map_lookup_elem(&weir_insides, (const void*)&weir_settings.zero);
}
__attribute__((used)) static __always_inline struct weir_inside* weir_inside_place(void) {
    return (struct weir_inside*)weir_scratch_place(); /* its first member */
}
/* Of a policy that has its packet in there. */
static __always_inline struct weir_scratch* weir_scratch_of(struct weir_packet* packet) {
    return (struct weir_scratch*)((char*)packet - __builtin_offsetof(struct weir_scratch, packet));
}

#endif
