/* The program that stays attached. It passes each packet to the policy in the active slot: a swap is one store. There
 * are two of it, one for each direction, with slots of their own; both read the same word. */
#include "bpf/abi.h"
#include "bpf/direction.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WEIR_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
} weir_slots SEC(".maps");

#ifdef WEIR_EGRESS
#define WEIR_PASSED WEIR_TCX_NEXT
#else
#define WEIR_PASSED XDP_PASS
#endif

struct weir_root weir_root SEC(".data.weir_root") = {.abi = WEIR_ABI_VERSION};

/* A call with a constant slot is a direct jump, which the kernel writes into the program when the slot is filled; with
 * the number from a register it would be an indirect jump, three times as expensive with a retpoline. */
#define CALL_IF(slot) \
    if (active == (slot)) bpf_tail_call_static(ctx, &weir_slots, slot)
#define CALL_ACTIVE \
    CALL_IF(0);     \
    CALL_IF(1);     \
    CALL_IF(2);     \
    CALL_IF(3);     \
    CALL_IF(4);     \
    CALL_IF(5);     \
    CALL_IF(6);     \
    CALL_IF(7)
_Static_assert(WEIR_SLOTS == 8, "a call a slot");

/* The slot of an unconfirmed policy; after the deadline, the previous slot. */
static __always_inline __u32 unconfirmed_slot(__u32 active) {
    if (bpf_ktime_get_ns() < *(volatile __u64*)&weir_root.deadline_ns) return active & WEIR_ROOT_SLOT_MASK;
    __u32 fallback = active >> WEIR_FALLBACK_SHIFT & WEIR_ROOT_SLOT_MASK;
    __u32 seen = __sync_val_compare_and_swap(&weir_root.active, active, fallback);
    /* Another packet or user space was first: use what it stored. */
    return seen == active ? fallback : seen & WEIR_ROOT_SLOT_MASK;
}

SEC(WEIR_HOOK) int weir_root_program(weir_ctx* ctx) {
    __u32 active = *(volatile __u32*)&weir_root.active;
    CALL_ACTIVE;
    /* The unconfirmed flag makes the word unequal to every slot number. A confirmed policy does not read the clock. */
    if (active & WEIR_UNCONFIRMED) {
        active = unconfirmed_slot(active);
        CALL_ACTIVE;
    }
    /* Pass, as without weir. Where packets come in, a slot is empty only if somebody emptied it by hand; on their way
     * out, where the policy judges no packet there. */
    return WEIR_PASSED;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
