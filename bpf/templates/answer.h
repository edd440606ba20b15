/* The verdicts that send something: `reject` and `redirect`. A policy without them has none of this. */
#ifndef WEIR_BPF_TEMPLATES_ANSWER_H
#define WEIR_BPF_TEMPLATES_ANSWER_H

#include "bpf/abi.h"
#include "bpf/answer.h"
#include "bpf/templates/clock.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

__u32 weir_answers(void); /* WEIR_ANSWERS_*; the compiler writes its body */

/* The native evaluator has no wire, and rules on the way out neither reject nor redirect. */
#if defined(WEIR_HOST) || defined(WEIR_EGRESS)

static __always_inline int weir_action(weir_ctx* ctx, const struct weir_packet* packet, __u32 row) {
    (void)ctx;
    (void)packet;
    return weir_rule_rows[row].action;
}

#else

#include "bpf/templates/answer_icmp.h"
#include "bpf/templates/answer_place.h"
#include "bpf/templates/answer_tcp.h"
#include "bpf/templates/read/icmp.h"

#define TCP_RST 4
enum { ICMP_UNREACHABLE = 3, ICMP_QUENCH = 4, ICMP_REDIRECT = 5, ICMP_EXCEEDED = 11, ICMP_PARAMETER = 12 };
enum { ICMP6_FIRST_QUERY = 128, ICMP6_REDIRECT = 137 };

/* Is this one to be answered, as far as its headers behind Ethernet say? What is not: what is no IP or malformed, later
 * fragments, resets, ICMP errors, and redirects of ICMPv6 (RFC 4443, 2.4 e.2). */
static __always_inline int may_be_answered(const struct weir_packet* packet) {
    __u32 present = packet->present[0];
    if (!(present & WEIR_BIT(WEIR_HAS_IP)) || (present & WEIR_BIT(WEIR_IS_MALFORMED)) || packet->ip_frag_offset)
        return 0;
    if (present & WEIR_BIT(WEIR_HAS_TCP)) return !(packet->tcp_flags & TCP_RST);
    __u8 type = packet->icmp_type;
    if (present & WEIR_BIT(WEIR_HAS_ICMP))
        return type != ICMP_UNREACHABLE && type != ICMP_QUENCH && type != ICMP_REDIRECT && type != ICMP_EXCEEDED &&
               type != ICMP_PARAMETER;
    if (present & WEIR_BIT(WEIR_HAS_ICMP6)) return type >= ICMP6_FIRST_QUERY && type != ICMP6_REDIRECT;
    return 1;
}

/* Takes a token of the interface's bucket. Steps of a few ms are fine enough. */
static __always_inline int takes_token(weir_ctx* ctx) {
    __u32 number = ctx->ingress_ifindex % WEIR_ANSWER_BUCKETS;
    struct weir_answer_bucket* bucket = bpf_map_lookup_elem(&weir_answer_buckets, &number);
    if (!bucket) return 0;
    if (!bucket->answer_ns) return 1;
    __u64 now = weir_tick_time();
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) { /* other CPUs take tokens, too */
        __u64 seen = *(volatile __u64*)&bucket->full_ns;
        __u64 next = (seen > now ? seen : now) + bucket->answer_ns;
        if (next - now > WEIR_ANSWER_BUCKET_NS) return 0;
        if (__sync_val_compare_and_swap(&bucket->full_ns, seen, next) == seen) return 1;
    }
    return 0;
}

/* Answers a packet of IP version 4 or 6, whose TCP header is at `tcp_at` (0: it has none) with `payload_len` bytes
 * behind it. Returns XDP's action: a packet that gets no answer is dropped. */
GLOBAL_FUNCTION int weir_reject(weir_ctx* ctx, __u32 version, __u32 tcp_at, __u32 payload_len) {
    __u64 link = answered_link(ctx), at = LINK_IP_AT(link);
    OPAQUE(at);
    if (at < ETH_BYTES || at > LINK_BYTES_MAX) return XDP_DROP;
    if (version == 4 ? !is_answered_ip4(ctx, at) : !is_answered_ip6(ctx, at)) return XDP_DROP;
    struct weir_answer_account* account = answer_account();
    if (!account) return XDP_DROP;
    if (!takes_token(ctx)) {
        account->dropped++;
        return XDP_DROP;
    }
    int action = tcp_at         ? version == 4 ? weir_reset_ip4(ctx, link, tcp_at, payload_len)
                                               : weir_reset_ip6(ctx, link, tcp_at, payload_len)
                         : version == 4 ? weir_prohibit_ip4(ctx, link)
                                : weir_prohibit_ip6(ctx, link);
    if (action == XDP_TX)
        account->sent++;
    else
        account->failed++;
    return action;
}

static __always_inline int weir_reject_packet(weir_ctx* ctx, const struct weir_packet* packet) {
    if (!may_be_answered(packet)) return XDP_DROP;
    __u32 is_tcp = packet->present[0] & WEIR_BIT(WEIR_HAS_TCP);
    __u32 version = packet->present[0] & WEIR_BIT(WEIR_HAS_IP4) ? 4 : 6;
    return weir_reject(ctx, version, is_tcp ? packet->payload_offset - packet->tcp_header_len : 0, packet->payload_len);
}

/* Out of the interface of that number in weir_devices. */
static __always_inline int weir_redirect_packet(__u32 device) {
    struct weir_answer_account* account = answer_account();
    if (!account) return XDP_DROP;
    int action = bpf_redirect_map(&weir_devices, device, XDP_DROP);
    if (action == XDP_REDIRECT)
        account->redirected++;
    else
        account->missing++;
    return action;
}

/* XDP's action for the verdict of row `row`, once it has been carried out. A candidate carries out nothing. */
static __always_inline int weir_action(weir_ctx* ctx, const struct weir_packet* packet, __u32 row) {
    const struct weir_rule_row* decided = &weir_rule_rows[row];
    if ((weir_answers() & WEIR_ANSWERS_REJECT) && decided->verdict == WEIR_REJECT)
        return weir_settings.only_tells ? XDP_DROP : weir_reject_packet(ctx, packet);
    if ((weir_answers() & WEIR_ANSWERS_REDIRECT) && decided->verdict == WEIR_REDIRECT)
        return weir_settings.only_tells ? XDP_DROP : weir_redirect_packet(decided->action);
    return decided->action;
}

#endif
#endif
