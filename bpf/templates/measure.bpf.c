/* Benchmarks run this: it copies the next of many stored frames into the packet, then tail-calls the program under
 * measurement, or sends the frame out. So one test run with many repeats uses many packets, and the branch predictor
 * cannot learn them. */
#include "bpf/abi.h"
#include "bpf/templates/target.h"

/* One frame a value; its size is set when the program is loaded: weir_measure_settings.frame_bytes and the length. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_measured_frame);
} weir_measured_frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WEIR_MEASURED_PROGRAMS);
    __type(key, __u32);
    __type(value, __u32);
} weir_measured_programs SEC(".maps");

const volatile struct weir_measure_settings weir_measure_settings SEC(".rodata");
struct weir_measure weir_measure SEC(".data.weir_measure");

static __always_inline int put_next_frame(weir_ctx* ctx) {
    __u32 number = weir_measure.next;
    weir_measure.next = number + 1 < weir_measure_settings.frame_count ? number + 1 : 0;
    struct weir_measured_frame* frame = bpf_map_lookup_elem(&weir_measured_frames, &number);
    if (!frame) return -1;
    __u32 length = frame->length;
    if (length < 14 || length > weir_measure_settings.frame_bytes) return -1;
    int growth = (int)length - (int)FRAME_LEN(ctx);
    if (growth != 0 && bpf_xdp_adjust_tail(ctx, growth) != 0) return -1;
    return (int)bpf_xdp_store_bytes(ctx, 0, frame->bytes, length);
}

SEC("xdp") int weir_measure_run(weir_ctx* ctx) {
    if (put_next_frame(ctx) != 0) return XDP_ABORTED;
    bpf_tail_call(ctx, &weir_measured_programs, weir_measure.program);
    return XDP_ABORTED;
}

SEC("xdp") int weir_measure_send(weir_ctx* ctx) {
    if (put_next_frame(ctx) != 0) return XDP_ABORTED;
    return (int)bpf_redirect(weir_measure.ifindex, 0);
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
