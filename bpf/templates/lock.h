/* Locks of state: one word, 1 while a CPU has it. */
#ifndef WEIR_BPF_LOCK_H
#define WEIR_BPF_LOCK_H

#include "bpf/templates/target.h"

/* A value of an array map has one bpf_spin_lock at most, and a group of cells has many locks. Whoever holds one is on
 * another CPU and does little; a machine that takes that CPU away from us may still make the wait long. */
#define LOCK_TRIES (1u << 20) /* milliseconds */
static long weir_try_lock(__u32 i, __u32** lock) {
    (void)i;
    if (!*lock) return 1;
    if (__sync_val_compare_and_swap(*lock, 0, 1)) return 0;
    *lock = 0; /* it has it */
    return 1;
}
static __always_inline int weir_lock(__u32* lock) {
    if (!__sync_val_compare_and_swap(lock, 0, 1)) return 1;
    bpf_loop(LOCK_TRIES, weir_try_lock, &lock, 0);
    return !lock;
}
static __always_inline void weir_unlock(__u32* lock) {
    __sync_lock_test_and_set(lock, 0); /* an exchange: what was stored before is seen before */
}

#endif
