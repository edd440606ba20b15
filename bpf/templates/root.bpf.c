/* The program that stays attached. It hands each packet to the policy in the active slot: a swap is one store. */
#include "bpf/abi.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WEIR_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
} weir_slots SEC(".maps");

struct weir_root weir_root SEC(".data.weir_root");

SEC("xdp") int weir_root_program(weir_ctx *ctx)
{
    bpf_tail_call(ctx, &weir_slots, *(volatile __u32 *)&weir_root.active);
    /* The slot is empty only if somebody emptied it by hand: as if weir were not there. */
    return XDP_PASS;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
