/* Changes of sets that user space wants. A program makes them, as a packet would: nobody takes its CPU away while it
 * has a lock, and nobody can kill it. User space runs it on a table (BPF_PROG_TEST_RUN), with up to WEIR_SET_REQUESTS
 * orders.
 */
#include "bpf/templates/set_table.h"

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

struct weir_desk {
    void* table;
    __u64 now_ns;
};

static __always_inline void weir_free_several(struct weir_desk* desk) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_FREED_GROUPS && weir_free_some(desk->table, desk->now_ns); i++) {}
}

static __always_inline void weir_mark_order(void* table, struct weir_table_head* head, const __u32* key) {
    __u64 first = head->net_word - 1ull;
    OPAQUE(first);
    if (first <= WEIR_KEY_WORDS - 1 - WEIR_NET_WORDS) weir_mark_net_at(table, head, key + first);
}

static long weir_carry_out(__u32 i, struct weir_desk* desk) {
    struct weir_set_request* order = &weir_set_requests[i & (WEIR_SET_REQUESTS - 1)];
    struct weir_table_head* head;
    switch (order->kind) {
        case WEIR_SET_REQUEST_PUT:
            head = weir_element(desk->table, 0);
            if (head) weir_mark_order(desk->table, head, order->key);
            weir_make_space(desk->table, desk->now_ns);
            order->answer = weir_put(desk->table, order->key, WEIR_KEY_WORDS, order->end_ns, desk->now_ns);
            break;
        case WEIR_SET_REQUEST_TAKE_OUT: order->answer = weir_take_out(desk->table, order->key, WEIR_KEY_WORDS); break;
        default: weir_free_several(desk);
    }
    return 0;
}

SEC("xdp")
int weir_change_table(struct xdp_md* ctx) {
    (void)ctx;
    __u32 zero = 0;
    struct weir_desk desk = {bpf_map_lookup_elem(&weir_requested_table, &zero), bpf_ktime_get_ns()};
    if (!desk.table) return XDP_ABORTED;
    bpf_loop(weir_set_request_count, weir_carry_out, &desk, 0);
    return XDP_PASS;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
