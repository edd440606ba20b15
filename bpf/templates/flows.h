/* Flows: a packet's flow is looked up before the rules are tried, and the packet is entered once its verdict lets it
 * pass. docs/language.md, "Flows", says what a flow is. */
#ifndef WEIR_BPF_FLOWS_H
#define WEIR_BPF_FLOWS_H

#include "bpf/flow.h"
#include "bpf/templates/cells.h"
#include "bpf/templates/egress.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/lock.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1); /* weir_flow_elements() */
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, union weir_flow_element);
} weir_flows SEC(".maps");
_Static_assert(sizeof(struct weir_flow) == 64 && sizeof(struct weir_flow_rest) == 64, "cache lines");
_Static_assert(sizeof(union weir_flow_element) == WEIR_FLOW_BYTES, "of all three kinds");

enum { FLOW_TCP_FIN = 1, FLOW_TCP_SYN = 2, FLOW_TCP_RST = 4, FLOW_TCP_ACK = 16, FLOW_PROTO_TCP = 6 };
#define FLOW_BIT(bit) WEIR_BIT(WEIR_##bit)
#define FLOW_ADDRESS_BYTES 16u

static __always_inline struct weir_flow* flow_cell(struct weir_flow_group* group, __u64 cell) {
    OPAQUE(cell);
    return &group->cells[cell & (WEIR_FLOW_CELLS - 1)];
}
static __always_inline struct weir_flow_group* flow_group(__u32 number) {
    return bpf_map_lookup_elem(&weir_flows, &number);
}
/* NULL: never. */
static __always_inline struct weir_flow_rest* flow_rest(__u32 number, __u64 cell) {
    __u32 at = weir_flow_rest_element(weir_settings.flow_groups, number);
    union weir_flow_element* element = bpf_map_lookup_elem(&weir_flows, &at);
    OPAQUE(cell);
    return element ? &element->rest[cell & (WEIR_FLOW_CELLS - 1)] : 0;
}
static __always_inline __u8* flow_tags(__u32 number) {
    __u32 at = weir_flow_tag_element(weir_settings.flow_groups, number);
    union weir_flow_element* element = bpf_map_lookup_elem(&weir_flows, &at);
    __u64 in_element = number;
    OPAQUE(in_element);
    return element ? element->tags[in_element & (WEIR_FLOW_TAGGED - 1)] : 0;
}
static __always_inline __u64 flow_own_print(const struct weir_flow* flow) {
    return *(const volatile __u64*)&flow->print;
}

/* ---- which flow a packet belongs to ---- */

static __always_inline int flow_is_tcp(const struct weir_packet* p) {
    return (p->present[0] & WEIR_BIT(WEIR_HAS_TCP)) != 0;
}

/* Malformed packets, ICMP other than echo and all fragments but the first belong to none. */
static __always_inline int has_flow(const struct weir_packet* p) {
    __u32 has = p->present[0];
    if (!(has & WEIR_BIT(WEIR_HAS_PAYLOAD)) || p->ip_frag_offset) return 0;
    if (has & WEIR_BIT(WEIR_HAS_ICMP)) return (has & WEIR_BIT(WEIR_HAS_ICMP_ECHO)) != 0;
    if (has & WEIR_BIT(WEIR_HAS_ICMP6)) return (has & WEIR_BIT(WEIR_HAS_ICMP6_ECHO)) != 0;
    return 1;
}

/* Two numbers that tell a flow's ends apart beside their addresses: ports, or twice an echo's number. */
static __always_inline __u32 flow_ports(const struct weir_packet* p) {
    if (p->present[0] & WEIR_BIT(WEIR_HAS_PORTS)) return p->port_src | (__u32)p->port_dst << 16;
    if (p->present[0] & (WEIR_BIT(WEIR_HAS_ICMP) | WEIR_BIT(WEIR_HAS_ICMP6)))
        return p->icmp_id | (__u32)p->icmp_id << 16;
    return 0;
}

/* The sender's side: 0 where its (address, port) is the smaller one, or both are the same. Without branches: of many
 * flows the sides are random. */
static __always_inline __u64 flow_is_less(__u64 a, __u64 b) {
    __u64 difference = a - b; /* both are short */
    OPAQUE(difference);
    return difference >> 63;
}
static __always_inline __u64 flow_side(const struct weir_packet* p, __u64 ports) {
    __u64 from = ports & 0xffff, to = ports >> 16;
    if (p->ip_version == 4) return flow_is_less((__u64)p->ip_dst[0] << 16 | to, (__u64)p->ip_src[0] << 16 | from);
    for (int i = 0; i < 4; i++)
        if (p->ip_src[i] != p->ip_dst[i]) return flow_is_less(p->ip_dst[i], p->ip_src[i]);
    return flow_is_less(to, from);
}

/* The smaller end first. */
_Static_assert(__builtin_offsetof(struct weir_packet, ip_dst) ==
                   __builtin_offsetof(struct weir_packet, ip_src) + FLOW_ADDRESS_BYTES,
               "one from the other by a difference without branches");
static __always_inline __u64 flow_print(const struct weir_packet* p, __u32 ports, __u64 side) {
    const volatile __u64* by = weir_settings.print_by;
    OPAQUE(side);
    side &= 1;
    __u64 first = side * FLOW_ADDRESS_BYTES, turned = (__u32)(((__u64)ports << 32 | ports) >> side * 16);
    const __u32* low = (const __u32*)((const char*)p->ip_src + first);
    const __u32* high = (const __u32*)((const char*)p->ip_src + (first ^ FLOW_ADDRESS_BYTES));
    __u64 print = turned << 32 | (__u64)p->ip_proto << 8 | p->ip_version;
    print = weir_print_step(by, print, low[0] | (__u64)high[0] << 32);
    if (p->ip_version == 6)
        for (int i = 1; i < 4; i++) print = weir_print_step(by, print, low[i] | (__u64)high[i] << 32);
    return print ? print : 1;
}

/* The flow's cell in its group; WEIR_FLOW_CELLS: there is none. A cell that the tags name may have another flow: two
 * have the same tag with a chance of 1 in 255, and a flow that has ended leaves its tag. */
_Static_assert(WEIR_FLOW_CELLS == 8, "a mark for each in a word");
#define FLOW_EACH_TAG 0x0101010101010101ull
GLOBAL_FUNCTION __u32 weir_find_marked_flow(struct weir_flow_group* group, __u64 print, __u64 marks) {
    if (!group) return WEIR_FLOW_CELLS;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_FLOW_CELLS && marks; i++) {
        __u64 cell = lowest_mark(marks);
        if (flow_own_print(flow_cell(group, cell)) == print) return cell & (WEIR_FLOW_CELLS - 1);
        marks &= marks - 1;
    }
    return WEIR_FLOW_CELLS;
}
static __always_inline __u64 flow_find(struct weir_flow_group* group, __u32 number, __u64 print) {
    const __u8* tags = flow_tags(number);
    if (!tags) return WEIR_FLOW_CELLS;
    __u64 unlike = *(const volatile __u64*)tags ^ weir_flow_tag(print) * FLOW_EACH_TAG, home = weir_flow_home(print);
    if (!(unlike >> home * 8 & 0xff) && flow_own_print(flow_cell(group, home)) == print) return home;
    __u64 marks = (unlike - FLOW_EACH_TAG) & ~unlike & FLOW_EACH_TAG << 7;
    return marks ? weir_find_marked_flow(group, print, marks) : WEIR_FLOW_CELLS;
}

/* ---- what a packet makes of a flow ---- */

/* The state with this packet. Stages only go forward; a RST is no stage. 0: a flow that begins. */
static __always_inline __u32 flow_step(const struct weir_packet* p, __u32 state, __u32 side) {
    __u32 flags = p->tcp_flags, other = side ^ 1;
    __u32 is_tcp = flow_is_tcp(p), is_syn = (flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) == FLOW_TCP_SYN;
    if (!state) {
        state = (__u32)p->ip_proto << WEIR_FLOW_PROTO_SHIFT | (side ? WEIR_FLOW_CLIENT : 0);
        if (p->ip_version == 6) state |= WEIR_FLOW_IP6;
        if (is_tcp && is_syn) state |= WEIR_FLOW_FROM_SYN;
    }
    state |= WEIR_FLOW_SEEN << side;
    const __u32 both = WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1, acks = WEIR_FLOW_ACK | WEIR_FLOW_ACK << 1;
    if (!is_tcp) return (state & both) == both ? state | WEIR_FLOW_ESTABLISHED : state;
    if (flags & FLOW_TCP_RST) return state;
    state |= WEIR_FLOW_NUMBER << side;
    if (flags & FLOW_TCP_FIN) state |= WEIR_FLOW_FIN;
    if (is_syn) {
        state |= WEIR_FLOW_SYN << side;
        if (!(state & (WEIR_FLOW_SYN_ACK | WEIR_FLOW_SYN_ACK << 1)))
            state = WEIR_IS_EGRESS ? state | WEIR_FLOW_HOST_SYN : state & ~WEIR_FLOW_HOST_SYN;
    }
    if (!(flags & FLOW_TCP_ACK)) return state;
    state |= WEIR_FLOW_ACK << side;
    if (!(state & WEIR_FLOW_FROM_SYN)) return (state & acks) == acks ? state | WEIR_FLOW_ESTABLISHED : state;
    if ((flags & FLOW_TCP_SYN) && (state & WEIR_FLOW_SYN << other)) state |= WEIR_FLOW_SYN_ACK << other;
    if (state & WEIR_FLOW_SYN_ACK << side) state |= WEIR_FLOW_ESTABLISHED;
    return state;
}

/* The number behind the segment: SYN and FIN count one. */
static __always_inline __u32 flow_end_of(const struct weir_packet* p) {
    return p->tcp_seq + p->payload_len + (p->tcp_flags >> 1 & 1) + (p->tcp_flags & 1);
}

/* A SYN after a FIN begins the next flow of these two ends. */
static __always_inline int flow_begins_again(const struct weir_packet* p, __u32 state) {
    return flow_is_tcp(p) && (state & WEIR_FLOW_FIN) &&
           (p->tcp_flags & (FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_RST)) == FLOW_TCP_SYN;
}

static __always_inline int flow_is_over(const struct weir_flow* flow, __u64 now_ns) {
    __s64 silent_ns = now_ns - flow->last_ns;               /* below 0 where another CPU was later */
    if (silent_ns < (__s64)WEIR_FLOW_ONE_SIDE_NS) return 0; /* none is over as soon */
    return (__u64)silent_ns >= weir_flow_lasts_ns(flow->state);
}

/* The clock's last tick tells silences; what is measured asks the clock itself. */
static __always_inline __u64 flow_time(struct weir_packet* p) {
    if (weir_settings.virtual_clock || (weir_flow_reads() & WEIR_FLOW_READS_AGE) || p->time_ns)
        return weir_packet_time(p);
    return weir_tick_time();
}

static __always_inline __u64 flow_round_trip(struct weir_packet* p, const struct weir_flow_rest* rest, __u32 opened,
                                             __u32 state) {
    if (!opened || (state & WEIR_FLOW_HOST_SYN)) return rest->handshake_ns;
    return weir_since(rest->handshake_ns, weir_packet_time(p));
}

static __always_inline int flow_is_answer(const struct weir_packet* p) {
    return (p->present[1] & (WEIR_BIT(WEIR_HAS_HTTP) | WEIR_BIT(WEIR_HAS_HTTP_REQUEST))) == WEIR_BIT(WEIR_HAS_HTTP);
}

/* What few policies read of a flow that is known. Returns bits of presence. */
static __always_inline __u32 flow_measure(struct weir_packet* p, struct weir_flow_view* view, __u32 cell,
                                          __u32 opened) {
    const __u32 whole = WEIR_FLOW_FROM_SYN | WEIR_FLOW_ESTABLISHED;
    if (!(weir_flow_reads() & (WEIR_FLOW_READS_RTT | WEIR_FLOW_READS_LATENCY))) return 0;
    const struct weir_flow_rest* rest = flow_rest(view->group, cell);
    __u32 found = 0;
    if (!rest) return 0;
    if ((weir_flow_reads() & WEIR_FLOW_READS_RTT) && (view->state & whole) == whole) {
        view->rtt_ns = flow_round_trip(p, rest, opened, view->state);
        found |= FLOW_BIT(HAS_FLOW_RTT);
    }
    if ((weir_flow_reads() & WEIR_FLOW_READS_LATENCY) && (view->state & WEIR_FLOW_REQUEST) && flow_is_answer(p)) {
        view->latency_ns = weir_since(rest->request_ns, weir_packet_time(p));
        found |= FLOW_BIT(HAS_HTTP_LATENCY);
    }
    return found;
}

static __always_inline __u32 flow_is_retransmit(const struct weir_packet* p, const struct weir_flow* flow, __u32 side) {
    if (!p->payload_len || !(flow->state & WEIR_FLOW_NUMBER << side)) return 0;
    return (__s32)(flow_end_of(p) - *(const volatile __u32*)&flow->next[side & 1]) <= 0;
}

/* Of a flow that begins with this packet. Entering finds out what it needs beside: most of a flood is refused. */
static __always_inline int flow_begins(struct weir_flow_view* view, __u32 present) {
    view->cell = WEIR_FLOW_CELLS;
    view->present = present | FLOW_BIT(IS_FLOW_NEW) | FLOW_BIT(IS_FLOW_FROM_CLIENT);
    return 1;
}

/* The packet's flow, with this packet counted, unless it was entered already. What it carries has been read. */
GLOBAL_FUNCTION int weir_find_flow(struct weir_scratch* scratch, __u32 is_entered) {
    if (!scratch) return 0;
    struct weir_packet* p = &scratch->packet;
    struct weir_flow_view* view = &scratch->flow;
    __u32 ports = flow_ports(p);
    __u64 side = flow_side(p, ports), print = flow_print(p, ports, side);
    __u32 number = weir_flow_group_of(print, weir_settings.flow_groups);
    view->print = print;
    view->side = side;
    view->group = number;
    view->packets = is_entered ? 0 : weir_wire_packets(p);
    view->bytes = is_entered ? 0 : weir_wire_bytes(p);
    view->age_ns = 0;
    __u32 present = FLOW_BIT(HAS_FLOW), is_tcp = flow_is_tcp(p);
    if (is_tcp) present |= FLOW_BIT(HAS_TCP_FLOW);
    struct weir_flow_group* group = flow_group(number);
    if (!group) return 0;
    __u64 cell = flow_find(group, number, print);
    if (cell >= WEIR_FLOW_CELLS) return flow_begins(view, present);
    const struct weir_flow* flow = flow_cell(group, cell);
    __u32 before = *(const volatile __u32*)&flow->state;
    view->now_ns = flow_time(p);
    if (!before || flow_is_over(flow, view->now_ns) || flow_begins_again(p, before)) return flow_begins(view, present);
    view->cell = cell;
    view->before = before;
    view->state = flow_step(p, before, side);
    view->packets += *(const volatile __u64*)&flow->packets;
    view->bytes += *(const volatile __u64*)&flow->bytes;
    if (weir_flow_reads() & WEIR_FLOW_READS_AGE) view->age_ns = weir_since(flow->first_ns, view->now_ns);
    __u32 opened = view->state & ~before & WEIR_FLOW_ESTABLISHED;
    if (view->state & WEIR_FLOW_ESTABLISHED) present |= FLOW_BIT(IS_FLOW_ESTABLISHED);
    if (opened) present |= FLOW_BIT(IS_FLOW_OPENED);
    if ((before & WEIR_FLOW_CLIENT) == side) present |= FLOW_BIT(IS_FLOW_FROM_CLIENT);
    if (is_tcp && !is_entered && flow_is_retransmit(p, flow, side)) present |= FLOW_BIT(IS_RETRANSMIT);
    view->present = present | flow_measure(p, view, cell, opened);
    return 1;
}

/* Is it a packet on its way out that came in by an interface of this engine? Then it was entered there. */
static __always_inline int flow_came_in_here(weir_ctx* ctx) {
#if WEIR_HAS_SKB
    __u32 ifindex = ctx->ingress_ifindex;
    return ifindex && bpf_map_lookup_elem(&weir_ifaces, &ifindex) != 0;
#else
    (void)ctx;
    return 0;
#endif
}

/* After all that is read of the packet. */
static __always_inline void look_up_flow(weir_ctx* ctx, struct weir_scratch* scratch) {
    scratch->flow.present = 0;
    if (has_flow(&scratch->packet)) weir_find_flow(scratch, flow_came_in_here(ctx));
}

/* ---- entering ---- */

/* Ends the flow of the cell, unless it is another one's by now. */
static __always_inline void flow_end(struct weir_flow_group* group, __u64 cell, __u64 print) {
    __sync_val_compare_and_swap(&flow_cell(group, cell)->print, print, 0);
}

/* Does a RST with this number end the flow? It must be the next one of its side, or the one that the other side has
 * acknowledged last; of a side that has not sent any number does. */
static __always_inline int flow_is_reset(const struct weir_packet* p, const struct weir_flow* flow, __u32 side) {
    if (!flow_is_tcp(p) || !(p->tcp_flags & FLOW_TCP_RST)) return 0;
    if (!(flow->state & WEIR_FLOW_NUMBER << side) || p->tcp_seq == flow->next[side & 1]) return 1;
    return (flow->state & WEIR_FLOW_ACKED << side) && p->tcp_seq == flow->acked[side & 1];
}

/* The numbers of a segment that is no RST. An acknowledgement counts where the other side has sent what it is of. */
static __always_inline void flow_number(const struct weir_packet* p, struct weir_flow* flow, __u32 before, __u32 side) {
    __u32 end = flow_end_of(p), other = side ^ 1;
    __s32 ahead = end - flow->next[side & 1];
    if (!(before & WEIR_FLOW_NUMBER << side))
        flow->next[side & 1] = end;
    else if (ahead > 0)
        flow->next[side & 1] += ahead < (__s32)WEIR_FLOW_WINDOW ? (__u32)ahead : WEIR_FLOW_WINDOW;
    if (!(p->tcp_flags & FLOW_TCP_ACK) || !(before & WEIR_FLOW_NUMBER << other)) return;
    __u32 number = p->tcp_ack_seq;
    if ((__s32)(number - flow->next[other & 1]) > 0) return;
    if (!(before & WEIR_FLOW_ACKED << other))
        __sync_fetch_and_or(&flow->state, WEIR_FLOW_ACKED << other);
    else if ((__s32)(number - flow->acked[other & 1]) <= 0)
        return;
    flow->acked[other & 1] = number;
}

/* When the steps of a handshake came. Before `flow->state` has them. */
static __always_inline void flow_handshake(struct weir_packet* p, struct weir_flow_rest* rest, __u32 before,
                                           __u32 state) {
    if (!rest) return;
    const __u32 answered = WEIR_FLOW_SYN_ACK | WEIR_FLOW_SYN_ACK << 1;
    if (!(state & WEIR_FLOW_FROM_SYN) || (before & WEIR_FLOW_ESTABLISHED)) return;
    __u32 is_syn = (p->tcp_flags & (FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_RST)) == FLOW_TCP_SYN;
    if (!(state & answered)) {
        if (is_syn) rest->handshake_ns = weir_packet_time(p);
        return;
    }
    __u64 now_ns = weir_packet_time(p);
    if (!(before & answered))
        rest->handshake_ns = state & WEIR_FLOW_HOST_SYN ? weir_since(rest->handshake_ns, now_ns) : now_ns;
    if ((state & WEIR_FLOW_ESTABLISHED) && !(state & WEIR_FLOW_HOST_SYN))
        rest->handshake_ns = weir_since(rest->handshake_ns, now_ns);
}

/* Bits that are new, and those that are no longer. */
static __always_inline void flow_store_state(struct weir_flow* flow, __u32 before, __u32 state) {
    if (state & ~before) __sync_fetch_and_or(&flow->state, state & ~before);
    if (before & ~state) __sync_fetch_and_and(&flow->state, ~(before & ~state));
}

/* One more packet of the flow in the cell. */
static __always_inline void flow_enter(struct weir_scratch* scratch, struct weir_flow_group* group, __u64 cell) {
    struct weir_packet* p = &scratch->packet;
    const struct weir_flow_view* view = &scratch->flow;
    struct weir_flow* flow = flow_cell(group, cell);
    __u32 side = view->side & 1, before = view->before, state = view->state;
    OPAQUE(side);
    side &= 1;
    __sync_fetch_and_add(&flow->packets, weir_wire_packets(p));
    __sync_fetch_and_add(&flow->bytes, weir_wire_bytes(p));
    if (flow->last_ns < view->now_ns) flow->last_ns = view->now_ns;
    if (flow_is_tcp(p)) {
        if (!(p->tcp_flags & FLOW_TCP_RST)) flow_number(p, flow, before, side);
        if (!(before & WEIR_FLOW_ESTABLISHED)) flow_handshake(p, flow_rest(view->group, cell), before, state);
    }
    if ((weir_flow_reads() & WEIR_FLOW_READS_LATENCY) && (p->present[1] & WEIR_BIT(WEIR_HAS_HTTP_REQUEST))) {
        struct weir_flow_rest* rest = flow_rest(view->group, cell);
        if (rest) rest->request_ns = weir_packet_time(p);
        state |= WEIR_FLOW_REQUEST;
    }
    if (state != before) flow_store_state(flow, before, state);
}

/* How much a new flow wants the cell: most a free one, then one whose flow is over, then half-open ones, then that
 * which has been silent longest. */
#define FLOW_WISH_FREE (~0ull)
#define FLOW_WISH_OVER (1ull << 62)
#define FLOW_WISH_HALF_OPEN (1ull << 61)
GLOBAL_FUNCTION __u64 weir_flow_wish(struct weir_flow_group* group, __u64 now_ns, __u64 cell) {
    if (!group) return 0;
    const struct weir_flow* flow = flow_cell(group, cell);
    if (!flow_own_print(flow)) return FLOW_WISH_FREE;
    if (flow_is_over(flow, now_ns)) return FLOW_WISH_OVER;
    __u64 silent_ns = weir_since(flow->last_ns, now_ns);
    return flow->state & WEIR_FLOW_ESTABLISHED ? silent_ns : FLOW_WISH_HALF_OPEN | silent_ns;
}
static __always_inline __u64 flow_choose(struct weir_flow_group* group, __u64 print, __u64 now_ns) {
    __u64 best = 0, chosen = weir_flow_home(print);
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_FLOW_CELLS; i++) { /* home first */
        __u64 cell = (weir_flow_home(print) + i) & (WEIR_FLOW_CELLS - 1), wish = weir_flow_wish(group, now_ns, cell);
        if (i == 0 || wish > best) {
            best = wish;
            chosen = cell;
        }
        if (best == FLOW_WISH_FREE) break;
        OPAQUE(best);
    }
    __u32 account = weir_flow_account();
    struct weir_state_account* counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (!counts) return chosen;
    counts->inserted++;
    if (best < FLOW_WISH_OVER) counts->evicted++;
    return chosen;
}

static __always_inline void flow_tag(__u32 number, __u64 cell, __u64 print) {
    __u8* tags = flow_tags(number);
    OPAQUE(cell);
    if (tags) *(volatile __u8*)&tags[cell & (WEIR_FLOW_CELLS - 1)] = weir_flow_tag(print);
}

/* The cell, whose group is locked, as that of a flow without packets. */
static __always_inline void flow_begin(const struct weir_scratch* scratch, struct weir_flow_group* group, __u64 cell) {
    const struct weir_packet* p = &scratch->packet;
    struct weir_flow* flow = flow_cell(group, cell);
    struct weir_flow_rest* rest = flow_rest(scratch->flow.group, cell);
    __u32 ports = flow_ports(p), side = scratch->flow.side & 1;
    if (!rest) return;
    *(volatile __u64*)&flow->print = 0;
    flow->first_ns = flow->last_ns = scratch->flow.now_ns;
    flow->packets = flow->bytes = 0;
    flow->next[0] = flow->next[1] = flow->acked[0] = flow->acked[1] = 0;
    flow->state = 0;
    for (int i = 0; i < 4; i++) {
        rest->addresses[0][i] = side ? p->ip_dst[i] : p->ip_src[i];
        rest->addresses[1][i] = side ? p->ip_src[i] : p->ip_dst[i];
    }
    rest->ports[0] = side ? ports >> 16 : ports;
    rest->ports[1] = side ? ports : ports >> 16;
    rest->handshake_ns = rest->request_ns = 0;
}

/* The first packet of a flow. A RST leaves none behind. */
GLOBAL_FUNCTION int weir_enter_new_flow(struct weir_scratch* scratch) {
    if (!scratch) return 0;
    struct weir_packet* p = &scratch->packet;
    struct weir_flow_view* view = &scratch->flow;
    struct weir_flow_group* group = flow_group(view->group);
    if (!group) return 0;
    __u32* lock = &group->cells[0].lock;
    if (!weir_lock(lock)) {
        weir_refused(weir_flow_account());
        return 0;
    }
    view->now_ns = flow_time(p);
    view->before = 0;
    view->state = flow_step(p, 0, view->side & 1);
    __u64 cell = flow_find(group, view->group, view->print);
    __u32 is_reset = flow_is_tcp(p) && (p->tcp_flags & FLOW_TCP_RST);
    if (cell < WEIR_FLOW_CELLS) {
        const struct weir_flow* flow = flow_cell(group, cell);
        __u32 state = flow->state;
        if (flow_is_over(flow, view->now_ns) || flow_begins_again(p, state)) {
            flow_end(group, cell, view->print);
            cell = WEIR_FLOW_CELLS;
        } else { /* another CPU was first */
            view->before = state;
            view->state = flow_step(p, state, view->side & 1);
        }
    }
    if (cell >= WEIR_FLOW_CELLS && !is_reset) {
        cell = flow_choose(group, view->print, view->now_ns);
        flow_begin(scratch, group, cell);
        flow_enter(scratch, group, cell);
        *(volatile __u64*)&flow_cell(group, cell)->print = view->print;
        flow_tag(view->group, cell, view->print);
    } else if (cell < WEIR_FLOW_CELLS) {
        if (flow_is_reset(p, flow_cell(group, cell), view->side & 1))
            flow_end(group, cell, view->print);
        else
            flow_enter(scratch, group, cell);
    }
    weir_unlock(lock);
    return 1;
}

/* The packet passes with this verdict. */
static __always_inline void enter_flow(weir_ctx* ctx, struct weir_scratch* scratch, __u32 verdict) {
    struct weir_flow_view* view = &scratch->flow;
    if (!view->present || weir_settings.only_tells || verdict == WEIR_DROP || flow_came_in_here(ctx)) return;
    if (view->cell >= WEIR_FLOW_CELLS) {
        if (verdict != WEIR_REJECT) weir_enter_new_flow(scratch);
        return;
    }
    struct weir_flow_group* group = flow_group(view->group);
    if (!group) return;
    __u64 cell = view->cell;
    struct weir_flow* flow = flow_cell(group, cell);
    if (flow_own_print(flow) != view->print) return; /* it has ended meanwhile */
    if (verdict == WEIR_REJECT || flow_is_reset(&scratch->packet, flow, view->side & 1))
        flow_end(group, cell, view->print);
    else
        flow_enter(scratch, group, cell);
}

#endif
