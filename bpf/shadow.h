/* Two policies compared (bpf/templates/shadow.bpf.c). A part of bpf/abi.h, which includes it. */
#ifndef WEIR_BPF_SHADOW_H
#define WEIR_BPF_SHADOW_H

#include <linux/types.h>

/* What a program answers that tells: XDP's action, enum weir_verdict, the row that decided (struct weir_rule_row). */
#define WEIR_TOLD(row, verdict, action) ((row) << 8 | (verdict) << 4 | (action))
#define WEIR_TOLD_ACTION(told) ((told) & 0xf)
#define WEIR_TOLD_VERDICT(told) ((told) >> 4 & 0xf)
#define WEIR_TOLD_ROW(told) ((__u32)(told) >> 8)

enum weir_shadowed_program { WEIR_SHADOW_CANDIDATE, WEIR_SHADOW_LIVE, WEIR_SHADOW_PROGRAMS };
/* Section .rodata, set before the program is loaded. */
struct weir_shadow_settings {
    __u32 keeps; /* 1: the policy in force rejects or redirects packets. Of what it rejects little is left afterwards */
    /* What a policy that has no program in this direction is taken to tell: WEIR_TOLD; -1: it has one. */
    int live_absent;
    int candidate_absent;
};
#define WEIR_SHADOW_PAIRS 65536u
#define WEIR_SHADOW_BYTES 1514u /* of a sampled frame */
struct weir_disagreement {
    __u32 live_row;
    __u32 candidate_row;
    __u32 live_verdict;
    __u32 candidate_verdict;
};
struct weir_shadow_counts { /* per CPU */
    __u64 disagreements;    /* packets with another verdict */
    __u64 unnamed;          /* of those, of pairs that found no room */
};
struct weir_shadow_sample {
    __u64 time_ns; /* CLOCK_MONOTONIC */
    struct weir_disagreement pair;
    __u32 length;   /* of the frame */
    __u32 captured; /* bytes */
    __u8 bytes[WEIR_SHADOW_BYTES];
};

#endif
