/* Set look-ups. The compiler lays the key out; see struct weir_set_key. */
#ifndef WEIR_BPF_SETS_H
#define WEIR_BPF_SETS_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

__attribute__((used)) static __always_inline void* weir_long_key_place(void) {
    return bpf_map_lookup_elem(&weir_long_keys, (const void*)&weir_settings.zero);
}

__attribute__((used)) static __always_inline __u32 weir_in_set(const struct weir_set_key* key) {
    return bpf_map_lookup_elem(&weir_sets_hash, key) != 0;
}

__attribute__((used)) static __always_inline __u32 weir_in_nets(const struct weir_net_key* key) {
    return bpf_map_lookup_elem(&weir_sets_lpm, key) != 0;
}

#endif
