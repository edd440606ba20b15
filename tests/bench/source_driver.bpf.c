/* Before each packet, another source address: repeats of one packet would only measure the caches. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define KEYS (1u << 20)
#define IP4_SOURCE 26 /* bytes from the frame's start */
#define IP6_SOURCE 22
#define NOT_REACHED 99 /* no verdict of the egress hook */

struct key {
    __u32 words[4];
}; /* in wire order; IPv4 in the first */
struct key keys[KEYS] SEC(".data.keys");
__u64 next SEC(".data.next");

struct policy {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
};
struct policy policy SEC(".maps");
struct policy policy_out SEC(".maps"); /* programs of the egress hook */

static __always_inline int put_source(__u8* data, const __u8* data_end) {
    const struct key* key = &keys[next++ & (KEYS - 1)];
    if (data + IP6_SOURCE + sizeof(*key) > data_end) return 0;
    if (data[12] == 0x08)
        *(__u32*)(data + IP4_SOURCE) = key->words[0];
    else
        *(struct key*)(data + IP6_SOURCE) = *key;
    return 1;
}

SEC("xdp") int driver(struct xdp_md* ctx) {
    if (put_source((__u8*)(long)ctx->data, (__u8*)(long)ctx->data_end)) bpf_tail_call(ctx, &policy, 0);
    return XDP_ABORTED;
}

SEC("tc") int driver_out(struct __sk_buff* ctx) {
    if (put_source((__u8*)(long)ctx->data, (__u8*)(long)ctx->data_end)) bpf_tail_call(ctx, &policy_out, 0);
    return NOT_REACHED;
}

SEC("tc") int passes_out(struct __sk_buff* ctx) {
    (void)ctx;
    return -1;
}

char bench_license[] SEC("license") = "Dual MIT/GPL";
