/* A program that only returns: the baseline of benchmarks. */
#include "bpf/templates/target.h"

SEC("xdp") int weir_bare(weir_ctx* ctx) {
    (void)ctx;
    return XDP_DROP;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
