/* Before each packet, another source address: repeats of one packet would only measure the caches. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define KEYS (1u << 20)
#define IP4_SOURCE 26 /* bytes from the frame's start */
#define IP6_SOURCE 22

struct key {
    __u32 words[4];
}; /* in wire order; IPv4 in the first */
struct key keys[KEYS] SEC(".data.keys");
__u64 next SEC(".data.next");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} policy SEC(".maps");

SEC("xdp") int driver(struct xdp_md* ctx) {
    __u8 *data = (__u8*)(long)ctx->data, *data_end = (__u8*)(long)ctx->data_end;
    const struct key* key = &keys[next++ & (KEYS - 1)];
    if (data + IP6_SOURCE + sizeof(*key) > data_end) return XDP_ABORTED;
    if (data[12] == 0x08)
        *(__u32*)(data + IP4_SOURCE) = key->words[0];
    else
        *(struct key*)(data + IP6_SOURCE) = *key;
    bpf_tail_call(ctx, &policy, 0);
    return XDP_ABORTED;
}

char bench_license[] SEC("license") = "Dual MIT/GPL";
