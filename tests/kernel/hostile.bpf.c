/* A policy's object as nobody's compiler makes it: more than one program, and a map that asks to be pinned. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_counter_block);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} weir_counters SEC(".maps");

SEC("xdp")
int weir_policy(struct xdp_md* ctx __attribute__((unused))) {
    __u32 zero = 0;
    return bpf_map_lookup_elem(&weir_counters, &zero) ? XDP_PASS : XDP_DROP;
}

#ifdef WEIR_TWO_PROGRAMS
SEC("xdp")
int other(struct xdp_md* ctx __attribute__((unused))) { return XDP_PASS; }
#endif

char weir_license[] SEC("license") = "GPL";
