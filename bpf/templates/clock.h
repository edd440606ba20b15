/* The clocks that programs read. */
#ifndef WEIR_BPF_CLOCK_H
#define WEIR_BPF_CLOCK_H

#include "bpf/abi.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

extern __u64 weir_ticks[]; /* ns of a tick of the kernel, or 0; CLOCK_MONOTONIC of tick 0: bpf/record.h */

static __always_inline __u64 weir_now(void) {
    if (weir_settings.virtual_clock) {
        __u32 zero = 0;
        const __u64* now = bpf_map_lookup_elem(&weir_clock, &zero);
        return now ? *now : 0;
    }
    return bpf_ktime_get_ns();
}

/* When the clock's last tick was, 1 to 10 ms ago at most. The clock itself waits for all reads before it, and costs
 * 20 ns; a call for its last tick 16; the verifier makes a load of the number of ticks. */
#ifdef WEIR_HOST
static __always_inline __u64 weir_tick_time(void) { return weir_now(); }
#else
static __always_inline __u64 weir_tick_time(void) {
    if (weir_settings.virtual_clock) return weir_now();
    __u64 tick_ns = weir_ticks[0];
    return tick_ns ? bpf_jiffies64() * tick_ns + weir_ticks[1] : bpf_ktime_get_ns();
}
#endif

/* One time for all that happens to a packet. */
static __always_inline __u64 weir_packet_time(struct weir_packet* packet) {
    if (!packet->time_ns) packet->time_ns = weir_now();
    return packet->time_ns;
}

#endif
