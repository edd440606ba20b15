/* A policy's program. The compiler fills what is declared and not defined here; see compiler/codegen/template.h. */
#include "bpf/abi.h"
#include "bpf/templates/account.h"
#include "bpf/templates/answer.h"
#include "bpf/templates/classify.h"
#include "bpf/templates/distinct.h"
#include "bpf/templates/egress.h"
#include "bpf/templates/flows.h"
#include "bpf/templates/histogram.h"
#include "bpf/templates/live_sets.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/names.h"
#include "bpf/templates/ranges.h"
#include "bpf/templates/read/frame.h"
#include "bpf/templates/read/inside.h"
#include "bpf/templates/read/payload.h"
#include "bpf/templates/record.h"
#include "bpf/templates/set_request.h"
#include "bpf/templates/sets.h"
#include "bpf/templates/share.h"
#include "bpf/templates/state.h"
#include "bpf/templates/target.h"
#include "bpf/templates/text.h"
#include "bpf/templates/throttle.h"

/* The rule that decides, or weir_rule_count() where none does; rules that matched before it have been noted. */
__u32 weir_decide(struct weir_packet* packet, weir_ctx* ctx);

static __always_inline void weir_trace_verdict(__u32 row, __u32 verdict) {
    __u32 zero = 0, rules = weir_rule_count();
    struct weir_trace* trace = bpf_map_lookup_elem(&weir_trace_head, &zero);
    if (!trace) return;
    trace->rule = row < rules ? row : row == rules || WEIR_IS_EGRESS ? WEIR_RULE_DEFAULT : WEIR_RULE_MALFORMED;
    trace->verdict = verdict;
}

/* The row that answers: the rule's, or without a branch, which varied packets would make expensive, that of `default`
 * or of `malformed`. On its way out a packet that no rule decides has one row, malformed or not. */
static __always_inline __u32 weir_last_row(const struct weir_packet* packet, __u32 rule) {
    if (WEIR_IS_EGRESS) return rule < weir_rule_count() ? rule : weir_rule_count() + WEIR_ROW_DEFAULT_EGRESS;
    __u64 rules = weir_rule_count(), none = ~((__u64)rule - rules) >> 63;
    OPAQUE(none);
    __u64 row = rule + (none & packet->present[0] >> WEIR_IS_MALFORMED);
    OPAQUE(row);
    return row > rules + 1 ? rules : row;
}

/* A frame whose headers go on behind the first buffer is read once more. */
static __always_inline void weir_read_headers(weir_ctx* ctx, struct weir_packet* packet) {
#if WEIR_HAS_SKB
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 2; i++) {
        read_frame(ctx, packet);
        if (!(packet->present[0] & WEIR_BIT(WEIR_IS_MALFORMED)) || i || !weir_pull(ctx, WEIR_HEADERS_REACH)) return;
        __builtin_memset(packet, 0, sizeof(*packet));
    }
#else
    read_frame(ctx, packet);
#endif
}

static __always_inline int weir_judge(weir_ctx* ctx, struct weir_packet* packet) {
    weir_read_headers(ctx, packet);
    weir_pull_payload(ctx, packet);
    read_inside(ctx, packet);
    if (weir_flow_groups()) look_up_flow(ctx, weir_scratch_of(packet));
    __u32 row = BOUNDED(weir_decide(packet, ctx)); /* checked below in the register in which it is used */
    if (row < weir_rule_count()) weir_rule_fired(packet, row, ctx);
    if (weir_change_count() && packet->changing_rules) weir_change_sets(packet);
    row = weir_last_row(packet, row);
    weir_count(row, packet);
    if (weir_flow_groups()) enter_flow(ctx, weir_scratch_of(packet), weir_rule_rows[row].verdict);
    weir_record_packet(ctx, packet, row);
    if (weir_settings.trace) weir_trace_verdict(row, weir_rule_rows[row].verdict);
    if (weir_settings.tells)
        return WEIR_TOLD(row, weir_rule_rows[row].verdict, WEIR_TOLD_OF(weir_action(ctx, packet, row)));
    return WEIR_ANSWER(weir_action(ctx, packet, row));
}

SEC(WEIR_HOOK) int weir_policy(weir_ctx* ctx) {
    if (weir_needs() & WEIR_NEED_INSIDE) {
        struct weir_scratch* scratch = weir_scratch_place();
        if (!scratch) return 0; /* XDP_ABORTED; never */
        __builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
        return weir_judge(ctx, &scratch->packet);
    }
    struct weir_packet read = {};
    return weir_judge(ctx, &read);
}

#ifdef WEIR_HOST
/* What an alert's response does to a set in a test or a replay: in the kernel, bpf/templates/tables.bpf.c does it. */
SEC("host") int weir_change_on_host(void* table, struct weir_set_request* order, __u64 now_ns) {
    weir_carry_out_request(table, order, now_ns);
    return 0;
}
#endif

char weir_license[] SEC("license") = "Dual MIT/GPL";
