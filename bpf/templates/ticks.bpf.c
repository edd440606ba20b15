/* What the kernel's number of ticks and its clock are at one moment: into the frame's first 16 bytes. */
#include "bpf/templates/target.h"

SEC("xdp") int weir_tick(weir_ctx* ctx) {
    __u64* frame = (void*)(long)ctx->data;
    if ((void*)(frame + 2) > (void*)(long)ctx->data_end) return XDP_ABORTED;
    frame[0] = bpf_jiffies64();
    frame[1] = bpf_ktime_get_ns();
    return XDP_DROP;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
