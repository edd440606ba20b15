/* Changes of sets that user space wants. A program makes them, as a packet would: nobody takes its CPU away while it
 * has a lock, and nobody can kill it. User space runs it on a table (BPF_PROG_TEST_RUN), with up to WEIR_SET_REQUESTS
 * orders.
 */
#include "bpf/templates/set_request.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(
        values, struct {
            __uint(type, BPF_MAP_TYPE_ARRAY);
            __uint(max_entries, 1);
            __uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
            __type(key, __u32);
            __uint(value_size, WEIR_SET_BYTES);
        });
} weir_requested_table SEC(".maps");

struct weir_set_request weir_set_requests[WEIR_SET_REQUESTS] SEC(".data.weir_set_requests");
__u32 weir_set_request_count SEC(".data.weir_set_request_count");
__u64 weir_set_request_ns SEC(".data.weir_set_request_ns"); /* when; 0: now */

struct weir_desk {
    void* table;
    __u64 now_ns;
};

static __always_inline void weir_free_several(struct weir_desk* desk) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_FREED_GROUPS && weir_free_some(desk->table, desk->now_ns); i++) {}
}

static long weir_carry_out(__u32 i, struct weir_desk* desk) {
    struct weir_set_request* order = &weir_set_requests[i & (WEIR_SET_REQUESTS - 1)];
    if (order->kind == WEIR_SET_REQUEST_FREE_ENDED)
        weir_free_several(desk);
    else
        weir_carry_out_request(desk->table, order, desk->now_ns);
    return 0;
}

SEC("xdp")
int weir_change_table(struct xdp_md* ctx) {
    (void)ctx;
    __u32 zero = 0;
    struct weir_desk desk = {bpf_map_lookup_elem(&weir_requested_table, &zero),
                             weir_set_request_ns ? weir_set_request_ns : bpf_ktime_get_ns()};
    if (!desk.table) return XDP_ABORTED;
    bpf_loop(weir_set_request_count, weir_carry_out, &desk, 0);
    return XDP_PASS;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
