/* What a program is told before it is loaded. Compiles as C and C++. */
#ifndef WEIR_BPF_SETTINGS_H
#define WEIR_BPF_SETTINGS_H

#include <linux/types.h>

#include "bpf/print.h"

/* Load-time constants (section .rodata), set before the program is loaded. */
struct weir_settings {
    __u32 trace;         /* 1: fill the trace */
    __u32 virtual_clock; /* 1: time is weir_clock_ns, not the kernel's */
    __u32 observe;       /* 1: `weir run --observe` */
    __u32 generation;
    __u32 tells;      /* 1: the program's answer says which row decided: WEIR_TOLD */
    __u32 only_tells; /* 1: a candidate; it counts nothing and alerts nobody */
    __u32 frames;     /* enum weir_frames; of several buffers only the first can be read */
    __u32 zero;       /* 0: the key of maps with one entry; the stack has no room for another one */
    /* Of prints (bpf/print.h): the same for all policies of a boot, since keys of state have prints in them. */
    __u64 print_by[WEIR_PRINT_STEP_WORDS];
    __u32 flow_groups; /* of the table of flows (bpf/flow.h), which may be another policy's */
    __u32 unused;
};

#endif
