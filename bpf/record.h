/* The flight recorder and captures: heads of packets, as program and user space see them. Compiles as C and C++.
 *
 * The recorder is one array map, which user space maps into its memory. By CPU it has WEIR_RECORD_ELEMENTS elements: a
 * head, then the slots of that CPU's ring. A slot is a struct weir_record_slot, the prints of the packet's keys, the
 * frame's first bytes, and the number that says that it is whole. One CPU writes a ring, so there is no lock; it writes
 * on while user space reads. So who reads a slot loads its last number, then the rest, then its first number: it is
 * whole where both are the same and not 0. */
#ifndef WEIR_BPF_RECORD_H
#define WEIR_BPF_RECORD_H

#include <linux/types.h>

#define WEIR_RECORD_LEAST_BYTES 64u /* of a frame that a slot holds; in eights */
#define WEIR_RECORD_MOST_BYTES 256u
#define WEIR_RECORD_MOST_PACKETS 262144u /* of a CPU; a power of two */
#define WEIR_RECORD_KEYS 4u              /* different keys of `capture before` that a policy may have */
#define WEIR_CAPTURE_BEFORE 64u          /* packets of one `capture before`, at most */

struct weir_record_head {
    __u64 next; /* packets recorded so far: the number of the next one */
};

/* Packet number n of a CPU is in slot n % packets. */
struct weir_record_slot {
    __u64 begun;   /* 1 + its number, before anything else of it is written */
    __u64 time_ns; /* CLOCK_MONOTONIC; where the policy did not need the time, that of the kernel's last tick */
    __u32 len;     /* of the frame */
    __u32 row;     /* that decided: a rule, `default`, `malformed`, … (bpf/abi.h) */
    __u32 generation;
    __u32 ifindex;
    __u16 captured; /* bytes of the frame that are here */
    __u8 verdict;   /* enum weir_verdict */
    __u8 flags;     /* WEIR_RECORD_OUT */
    __u32 unused;
};
#define WEIR_RECORD_OUT 1u /* on its way out */

/* Offsets in a slot of `keys` keys and `bytes` bytes. Prints: 64 bits a key, 0 where the packet lacks a field of it. */
#define WEIR_RECORD_BYTES_AT(keys) ((__u32)sizeof(struct weir_record_slot) + (keys) * 8u)
#define WEIR_RECORD_ENDED_AT(keys, bytes) (WEIR_RECORD_BYTES_AT(keys) + (bytes))
#define WEIR_RECORD_SLOT_BYTES(keys, bytes) (WEIR_RECORD_ENDED_AT(keys, bytes) + 8u)
#define WEIR_RECORD_ELEMENTS(packets) ((packets) + 1u)

/* Section .data.weir_ticks, filled by whoever loads the program: ns of a tick of the kernel, and CLOCK_MONOTONIC of
 * tick number 0 (bpf_jiffies64()). Zeros: the number of ticks is no clock (runtime/ticks.h). */
#define WEIR_TICK_WORDS 2u

/* Behind an event with WEIR_EVENT_CAPTURED: the packet that it is about. */
struct weir_capture {
    __u64 number;                   /* of the slot that it gets in the ring of its CPU, if the policy records */
    __u64 prints[WEIR_RECORD_KEYS]; /* as in its slot */
    __u32 cpu;
    __u16 captured; /* bytes */
    __u16 flags;    /* WEIR_RECORD_OUT */
    __u8 bytes[WEIR_RECORD_MOST_BYTES];
};

#endif
