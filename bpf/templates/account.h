/* What a matched rule leaves behind: its counter, its alerts, and, in tests, the trace. */
#ifndef WEIR_BPF_ACCOUNT_H
#define WEIR_BPF_ACCOUNT_H

#include "bpf/abi.h"
#include "bpf/record.h"
#include "bpf/templates/clock.h"
#include "bpf/templates/egress.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"
#include "bpf/templates/text.h"

/* One more packet for row `row`; of a merged one those that the wire will have. */
static __always_inline void weir_count(__u32 row, const struct weir_packet* packet) {
    __u32 packets = weir_wire_packets(packet), bytes = weir_wire_bytes(packet);
    if (weir_settings.only_tells) return;
    __u32 number = row / WEIR_BLOCK_COUNTERS;
    struct weir_counter_block* block = bpf_map_lookup_elem(&weir_counters, &number);
    if (block) {
        struct weir_counter* counter = &block->rows[row % WEIR_BLOCK_COUNTERS];
        counter->packets += packets;
        counter->bytes += bytes;
    }
}

static __always_inline void weir_trace_rule(__u32 rule) {
    __u32 zero = 0;
    struct weir_trace* trace = bpf_map_lookup_elem(&weir_trace_head, &zero);
    if (!trace) return;
    __u32 at = trace->matched_count++;
    __u32* entry = bpf_map_lookup_elem(&weir_trace_matched, &at);
    if (entry) *entry = rule;
}

static __always_inline void weir_trace_alert(__u32 alert, __u32 suppressed) {
    __u32 zero = 0;
    struct weir_trace* trace = bpf_map_lookup_elem(&weir_trace_head, &zero);
    if (!trace) return;
    __u32 at = trace->alert_count++;
    struct weir_traced_alert* entry = bpf_map_lookup_elem(&weir_trace_alerts, &at);
    if (!entry) return;
    entry->alert = alert;
    entry->suppressed = suppressed;
}

/* May an event of this alert pass its throttle? See throttle.h. */
int weir_throttle(struct weir_packet* packet, __u32 alert);

/* The first, and then each `every`th time that this action is reached. */
static __always_inline int weir_sampled(__u32 action) {
    __u64 reached = __sync_fetch_and_add(&weir_samples[action].reached, 1);
    return reached % weir_samples[action].every == 0;
}

/* What the policy's messages say of what is inside. */
static __always_inline void weir_add_inside(weir_ctx* ctx, const struct weir_packet* packet,
                                            struct weir_event_inside* event) {
    const struct weir_inside* inside = weir_inside_place();
    if (!inside) return;
    event->inside = *inside;
    event->event.flags |= WEIR_EVENT_INSIDE;
    if (!(weir_needs() & WEIR_NEED_EVENT_TEXTS)) return;
    __u64 at = packet->payload_offset, end = at + packet->payload_len;
    event->event.captured =
        packet->payload_len < WEIR_EVENT_PAYLOAD_BYTES ? packet->payload_len : WEIR_EVENT_PAYLOAD_BYTES;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_EVENT_PAYLOAD_BYTES; i += 8, at += 8)
        *(__u64*)(event->payload + i) = weir_text_word(ctx, at, end);
}

static __always_inline void weir_add_flow(struct weir_event_inside* event) {
    const struct weir_scratch* scratch = weir_scratch_place();
    if (!scratch) return;
    event->flow = scratch->flow;
    event->event.flags |= WEIR_EVENT_FLOW;
}

/* Functions with `_with_texts` are for policies whose events carry texts of the frame or the frame itself, and so need
 * the context; kept for them in others it would be 8 bytes more of the stack of all that follows. */
#define HAS_TEXTS ((weir_needs() & WEIR_NEED_EVENT_TEXTS) != 0 || weir_captures())

/* The frame, and where it will be in the recorder: record.h. */
static __always_inline void weir_add_capture(weir_ctx* ctx, struct weir_packet* packet, struct weir_capture* capture);

static __always_inline void weir_fill_event(struct weir_packet* packet, __u32 rule, __u32 alert, weir_ctx* ctx,
                                            struct weir_event* event) {
    event->time_ns = weir_now();
    event->rule = rule;
    event->alert = alert;
    event->generation = weir_settings.generation;
    const struct weir_rule_row* row = &weir_rule_rows[rule];
    event->flags = row->flags & WEIR_ROW_WOULD ? WEIR_EVENT_WOULD : 0;
    event->suppressed = packet->suppressed;
    event->verdict = row->verdict == WEIR_NO_VERDICT ? ~0u : row->verdict;
    event->captured = 0;
    event->packet = *packet;
    if (weir_needs() & WEIR_NEED_EVENT_INSIDE) weir_add_inside(ctx, packet, (struct weir_event_inside*)event);
    if ((weir_needs() & WEIR_NEED_EVENT_INSIDE) && weir_flow_groups()) weir_add_flow((struct weir_event_inside*)event);
}

#define WEIR_EVENT_BYTES                                                         \
    (!(weir_needs() & WEIR_NEED_EVENT_INSIDE) ? sizeof(struct weir_event)        \
     : weir_flow_groups()                     ? sizeof(struct weir_event_inside) \
                                              : __builtin_offsetof(struct weir_event_inside, flow))
/* The same with the packet. False where the ring has no room. */
static __always_inline int weir_send_capture(struct weir_packet* packet, __u32 rule, __u32 alert, weir_ctx* ctx) {
    struct weir_event* event = bpf_ringbuf_reserve(&weir_events, WEIR_EVENT_BYTES + sizeof(struct weir_capture), 0);
    if (!event) return 0;
    weir_fill_event(packet, rule, alert, ctx, event);
    event->flags |= WEIR_EVENT_CAPTURED;
    weir_add_capture(ctx, packet, (struct weir_capture*)((__u8*)event + WEIR_EVENT_BYTES));
    bpf_ringbuf_submit(event, 0);
    return 1;
}

/* One event: into the ring, or counted as lost. */
static __always_inline int weir_raise(struct weir_packet* packet, __u32 rule, __u32 alert, weir_ctx* ctx) {
    if (!packet || rule >= weir_rule_count()) return 0;
    rule = BOUNDED(rule);
    packet->suppressed = 0;
    int passes = !weir_throttle_count() || weir_throttle(packet, alert);
    if (weir_settings.trace) {
        weir_trace_alert(alert, passes ? packet->suppressed : WEIR_HELD_BACK);
        return 0;
    }
    struct weir_alert_account* account = bpf_map_lookup_elem(&weir_alert_accounts, &alert);
    if (!account) return 0;
    account->matched++;
    if (!passes) {
        account->suppressed++;
        return 0;
    }
    if (weir_captures() && weir_rule_rows[rule].flags & WEIR_ROW_CAPTURES) {
        if (!weir_send_capture(packet, rule, alert, ctx)) account->lost++;
        return 0;
    }
    struct weir_event* event = bpf_ringbuf_reserve(&weir_events, WEIR_EVENT_BYTES, 0);
    if (!event) {
        account->lost++;
        return 0;
    }
    weir_fill_event(packet, rule, alert, ctx, event);
    bpf_ringbuf_submit(event, 0);
    return 0;
}

GLOBAL_FUNCTION int weir_alert(struct weir_packet* packet, __u32 rule, __u32 alert) {
    return weir_raise(packet, rule, alert, 0);
}
GLOBAL_FUNCTION int weir_alert_with_texts(struct weir_packet* packet, __u32 rule, __u32 alert, weir_ctx* ctx) {
    return weir_raise(packet, rule, alert, ctx);
}

/* The alerts of a rule, in the order written. */
static __always_inline int weir_raise_all(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    if (!packet || rule >= weir_rule_count()) return 0;
    rule = BOUNDED(rule);
    const struct weir_rule_row* row = &weir_rule_rows[rule];
    __u32 first = row->alert_first, count = row->alert_count;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_RULE_ALERTS; i++) {
        __u32 at = first + i;
        if (i >= count || at >= weir_alert_entries()) break;
        if (weir_sample_count() && !weir_sampled(BOUNDED(at))) continue;
        if (HAS_TEXTS)
            weir_alert_with_texts(packet, rule, weir_rule_alerts[BOUNDED(at)], ctx);
        else
            weir_alert(packet, rule, weir_rule_alerts[BOUNDED(at)]);
    }
    return 0;
}

GLOBAL_FUNCTION int weir_alerts(struct weir_packet* packet, __u32 rule) { return weir_raise_all(packet, rule, 0); }
GLOBAL_FUNCTION int weir_alerts_with_texts(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    return weir_raise_all(packet, rule, ctx);
}

/* Its changes of sets wait for the packet's verdict. */
static __always_inline void weir_will_change(struct weir_packet* packet, __u32 rule) {
    __u32 at = packet->changing_rules;
    __u32* entry = bpf_map_lookup_elem(&weir_changing, &at);
    if (!entry) return;
    *entry = rule;
    packet->changing_rules = at + 1;
}

/* Adds to the histograms of rule `rule`. The compiler writes it. */
int weir_measure_all(struct weir_packet* packet, __u32 rule);

/* All that happens because rule `rule` matched, short of its count and its verdict. */
static __always_inline void weir_rule_fired(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    if (weir_settings.trace) weir_trace_rule(rule);
    if (weir_alert_entries() && weir_rule_rows[rule].alert_count && !weir_settings.only_tells) {
        if (HAS_TEXTS)
            weir_alerts_with_texts(packet, rule, ctx);
        else
            weir_alerts(packet, rule);
    }
    if (weir_measure_count() && weir_rule_rows[rule].flags & WEIR_ROW_MEASURES && !weir_settings.only_tells)
        weir_measure_all(packet, rule);
    if (weir_change_count() && weir_rule_rows[rule].flags & WEIR_ROW_CHANGES) weir_will_change(packet, rule);
}

/* Counts the packet for the state terms of rule `rule`; are they true? The compiler writes one of the two. */
int weir_terms_hold(struct weir_packet* packet, __u32 rule);
int weir_terms_hold_in_frame(struct weir_packet* packet, weir_ctx* ctx, __u32 rule);
#define NOTE_NEEDS_FRAME (HAS_TEXTS || weir_terms_read_frame())

static __always_inline int weir_state_holds(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    return weir_terms_read_frame() ? weir_terms_hold_in_frame(packet, ctx, rule) : weir_terms_hold(packet, rule);
}

/* A rule matched that does not decide, or only where its state says so: then 1, and the rule has not fired yet. */
static __always_inline int weir_note_rule(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    if (!packet || rule >= weir_rule_count()) return 0;
    rule = BOUNDED(rule);
    if (weir_term_count() && weir_rule_rows[rule].flags & WEIR_ROW_STATE) {
        if (!weir_state_holds(packet, rule, ctx)) return 0;
        if (weir_rule_rows[rule].flags & WEIR_ROW_DECIDES) return 1;
    }
    weir_rule_fired(packet, rule, ctx);
    weir_count(rule, packet);
    return 0;
}

GLOBAL_FUNCTION int weir_noted(struct weir_packet* packet, __u32 rule) { return weir_note_rule(packet, rule, 0); }
GLOBAL_FUNCTION int weir_noted_with_texts(struct weir_packet* packet, __u32 rule, weir_ctx* ctx) {
    return weir_note_rule(packet, rule, ctx);
}

#endif
