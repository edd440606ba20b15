/* Measuring (bpf/templates/measure.bpf.c). A part of bpf/abi.h, which includes it. */
#ifndef WEIR_BPF_MEASURE_H
#define WEIR_BPF_MEASURE_H

#include <linux/types.h>

#define WEIR_MEASURED_PROGRAMS 2u /* the bare program, then the root */
struct weir_measured_frame {
    __u32 length;
    __u32 unused;
    __u8 bytes[1];
};
struct weir_measure_settings {
    __u32 frame_count;
    __u32 frame_bytes;
};
struct weir_measure {
    __u32 program; /* that runs: entry of weir_measured_programs */
    __u32 next;    /* frame */
    __u32 ifindex; /* where frames are sent */
};

#endif
