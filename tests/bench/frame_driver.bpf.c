/* Before each packet, another frame: repeats of one would only measure the caches. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define FRAME_WORDS (1u << 22) /* of all frames together */

__u64 words[FRAME_WORDS] SEC(".data.words");
__u64 next SEC(".data.next");
__u64 frame_words SEC(".data.shape"); /* of each: 16 or 64 */

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} policy SEC(".maps");

SEC("xdp") int driver(struct xdp_md* ctx) {
    __u64 *to = (__u64*)(long)ctx->data, *end = (__u64*)(long)ctx->data_end;
    __u64 at = next++ * frame_words & (FRAME_WORDS - 1);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 64 && i < frame_words; i++) {
        if (to + 1 > end) break;
        *to++ = words[(at + i) & (FRAME_WORDS - 1)];
    }
    bpf_tail_call(ctx, &policy, 0);
    return XDP_ABORTED;
}

char bench_license[] SEC("license") = "Dual MIT/GPL";
