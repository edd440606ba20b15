/* Before each packet the frame as it was: an answer has moved its beginning, cut its end and written over it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define FRAME_BYTES 1514

struct {
    __u32 length;
    __u32 moved; /* by how much each answer moves the frame's beginning */
    __u32 cut;   /* bytes that the answer leaves */
    __u32 is_moved;
    __u8 bytes[FRAME_BYTES];
} frame SEC(".data.frame");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} policy SEC(".maps");

static __attribute__((always_inline)) int put_frame(struct xdp_md* ctx) {
    __u32 length = frame.length;
    if (length < 14 || length > FRAME_BYTES) return -1;
    if (frame.moved && frame.is_moved && bpf_xdp_adjust_head(ctx, (int)frame.moved) != 0) return -1;
    frame.is_moved = 1;
    int growth = (int)length - (int)bpf_xdp_get_buff_len(ctx);
    if (growth != 0 && bpf_xdp_adjust_tail(ctx, growth) != 0) return -1;
    return (int)bpf_xdp_store_bytes(ctx, 0, frame.bytes, length);
}

SEC("xdp") int answer(struct xdp_md* ctx) {
    if (put_frame(ctx) != 0) return XDP_ABORTED;
    bpf_tail_call(ctx, &policy, 0);
    return XDP_ABORTED;
}

/* What answers ask of the kernel, and putting the frame back, without an answer. */
SEC("xdp") int move(struct xdp_md* ctx) {
    if (put_frame(ctx) != 0) return XDP_ABORTED;
    if (frame.moved && bpf_xdp_adjust_head(ctx, -(int)frame.moved) != 0) return XDP_ABORTED;
    int excess = (int)frame.cut - (int)bpf_xdp_get_buff_len(ctx);
    if (excess != 0 && bpf_xdp_adjust_tail(ctx, excess) != 0) return XDP_ABORTED;
    return XDP_TX;
}

/* Nothing but the frame. */
SEC("xdp") int still(struct xdp_md* ctx) {
    frame.is_moved = 0;
    return put_frame(ctx) != 0 ? XDP_ABORTED : XDP_DROP;
}

char bench_license[] SEC("license") = "Dual MIT/GPL";
