/* A policy's program. The compiler fills what is declared and not defined here; see compiler/codegen/template.h. */
#include "bpf/abi.h"
#include "bpf/templates/target.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/parse.h"
#include "bpf/templates/ranges.h"
#include "bpf/templates/sets.h"
#include "bpf/templates/payload.h"
#include "bpf/templates/account.h"
#include "bpf/templates/classify.h"

/* The rule that decides, or weir_rule_count() where none does; rules that matched before it have been noted. */
__u32 weir_decide(struct weir_packet *packet, weir_ctx *ctx);

static __always_inline void weir_trace_verdict(__u32 row, __u32 verdict)
{
    __u32 zero = 0, rules = weir_rule_count();
    struct weir_trace *trace = bpf_map_lookup_elem(&weir_trace_head, &zero);
    if (!trace)
        return;
    trace->rule = row < rules ? row : row == rules ? WEIR_RULE_DEFAULT : WEIR_RULE_MALFORMED;
    trace->verdict = verdict;
}

SEC("xdp") int weir_policy(weir_ctx *ctx)
{
    struct weir_reading reading = {};
    struct weir_packet *packet = &reading.packet;
    read_frame(ctx, &reading);
    __u32 rules = weir_rule_count();
    __u32 row = weir_decide(packet, ctx);
    if (row < rules) {
        weir_rule_matched(packet, row);
    } else {
        row = rules;
        if (packet->present & WEIR_BIT(WEIR_IS_MALFORMED))
            row = rules + 1;
        weir_count(row, packet->len);
    }
    __u32 verdict = weir_rule_rows[row].verdict;
    if (weir_settings.trace)
        weir_trace_verdict(row, verdict);
    return verdict == WEIR_PASS ? XDP_PASS : XDP_DROP;
}

char weir_license[] SEC("license") = "Dual MIT/GPL";
