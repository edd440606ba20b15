/* Runs a candidate beside the policy in force on each packet, and reports disagreements. It is in a slot of the root
 * program like a policy. The packet gets the verdict of the policy in force. The one for packets on their way out has
 * the programs of its own; all that is counted is in the maps of the other. */
#include "bpf/abi.h"
#include "bpf/direction.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WEIR_SHADOW_PROGRAMS);
    __type(key, __u32);
    __type(value, __u32);
} weir_shadowed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WEIR_SHADOW_PAIRS);
    __type(key, struct weir_disagreement);
    __type(value, __u64);
} weir_disagreed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_shadow_counts);
} weir_shadow_counted SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} weir_shadow_ring SEC(".maps");

const volatile struct weir_shadow_settings weir_shadow_settings SEC(".rodata") = {0, -1, -1};

/* The packet as it came. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_shadow_sample);
} weir_shadow_kept SEC(".maps");
#ifdef WEIR_EGRESS
#define PASSED WEIR_TCX_NEXT
#define ANSWER(told) (WEIR_TOLD_VERDICT(told) == WEIR_PASS ? WEIR_TCX_NEXT : WEIR_TCX_DROP)
#define load_bytes bpf_skb_load_bytes
#else
#define PASSED XDP_PASS
#define ANSWER(told) WEIR_TOLD_ACTION(told)
#define load_bytes bpf_xdp_load_bytes
#endif

/* A tail call in a function of its own returns to the caller. LLVM does not know that: it would assume the value that
 * the function returns if the slot is empty. */
#define NO_ANSWER       \
    ({                  \
        int none_ = -1; \
        OPAQUE(none_);  \
        none_;          \
    })
static __attribute__((noinline)) int ask_candidate(weir_ctx* ctx) {
    bpf_tail_call_static(ctx, &weir_shadowed, WEIR_SHADOW_CANDIDATE);
    return NO_ANSWER;
}
static __attribute__((noinline)) int ask_live(weir_ctx* ctx) {
    bpf_tail_call_static(ctx, &weir_shadowed, WEIR_SHADOW_LIVE);
    return NO_ANSWER;
}

/* The first packets of each pair, then one of 1,024. */
static __always_inline int is_sampled(__u64 number) { return number < 16 || (number & 1023) == 0; }

static __always_inline void take_bytes(weir_ctx* ctx, struct weir_shadow_sample* sample) {
    __u32 length = ALL_BUFFERS_LEN(ctx);
    sample->length = length;
    __u32 captured = length < WEIR_SHADOW_BYTES ? length : WEIR_SHADOW_BYTES;
    OPAQUE(captured);
    if (captured == 0 || captured > WEIR_SHADOW_BYTES || load_bytes(ctx, 0, sample->bytes, captured) != 0) captured = 0;
    sample->captured = captured;
}

static __attribute__((noinline)) int keep(weir_ctx* ctx) {
    __u32 zero = 0;
    struct weir_shadow_sample* kept = bpf_map_lookup_elem(&weir_shadow_kept, &zero);
    if (kept) take_bytes(ctx, kept);
    return 0;
}

static __attribute__((noinline)) int sample(weir_ctx* ctx, const struct weir_disagreement* pair) {
    struct weir_shadow_sample* sample = bpf_ringbuf_reserve(&weir_shadow_ring, sizeof(*sample), 0);
    if (!sample) return 0;
    __u32 zero = 0;
    const struct weir_shadow_sample* kept = bpf_map_lookup_elem(&weir_shadow_kept, &zero);
    if (weir_shadow_settings.keeps && kept)
        bpf_probe_read_kernel(sample, sizeof(*sample), kept);
    else
        take_bytes(ctx, sample);
    sample->time_ns = bpf_ktime_get_ns();
    sample->pair = *pair;
    bpf_ringbuf_submit(sample, 0);
    return 0;
}

SEC(WEIR_HOOK) int weir_shadow(weir_ctx* ctx) {
    int candidate = ask_candidate(ctx);
    if (weir_shadow_settings.keeps) keep(ctx);
    int live = ask_live(ctx);
    if (live == -1) live = weir_shadow_settings.live_absent; /* an empty slot, as in the root */
    if (candidate == -1) candidate = weir_shadow_settings.candidate_absent;
    if (live == -1) return PASSED;
    if (candidate == -1 || WEIR_TOLD_VERDICT(live) == WEIR_TOLD_VERDICT(candidate)) return ANSWER(live);
    __u32 zero = 0;
    struct weir_shadow_counts* counts = bpf_map_lookup_elem(&weir_shadow_counted, &zero);
    if (!counts) return ANSWER(live);
    counts->disagreements++;
    struct weir_disagreement pair = {.live_row = WEIR_TOLD_ROW(live),
                                     .candidate_row = WEIR_TOLD_ROW(candidate),
                                     .live_verdict = WEIR_TOLD_VERDICT(live),
                                     .candidate_verdict = WEIR_TOLD_VERDICT(candidate)};
    __u64 one = 1, *known = bpf_map_lookup_elem(&weir_disagreed, &pair), before = 0;
    if (known)
        before = __sync_fetch_and_add(known, 1);
    else if (bpf_map_update_elem(&weir_disagreed, &pair, &one, BPF_NOEXIST) != 0) {
        /* Another CPU was first, or there is no room for one more pair. */
        known = bpf_map_lookup_elem(&weir_disagreed, &pair);
        if (known)
            before = __sync_fetch_and_add(known, 1);
        else
            counts->unnamed++;
    }
    if (is_sampled(before)) sample(ctx, &pair);
    return ANSWER(live);
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
