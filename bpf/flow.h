/* The flow table, as program and user space see it: an array map of groups of eight flows. Compiles as C and as C++.
 *
 * A flow is known by its print (bpf/print.h), which names its group, its home in it, and a tag of a byte. The tags of
 * all groups are dense, so that they stay in the CPU's caches: of a flow that is not there they nearly always say so,
 * and of one that is there they say in which cell, so that it costs one cache line of the groups. */
#ifndef WEIR_BPF_FLOW_H
#define WEIR_BPF_FLOW_H

#include <linux/types.h>

/* ---- what a packet has of its flow: bits behind those of the packet and of the packet within it (word 4) ---- */

enum weir_flow_present {
    WEIR_HAS_FLOW = 128, /* it belongs to one */
    WEIR_IS_FLOW_NEW,
    WEIR_IS_FLOW_ESTABLISHED,
    WEIR_IS_FLOW_OPENED,
    WEIR_IS_FLOW_FROM_CLIENT,
    WEIR_HAS_FLOW_RTT,
    WEIR_HAS_TCP_FLOW,
    WEIR_IS_RETRANSMIT,
    WEIR_HAS_HTTP_LATENCY,
    WEIR_FLOW_PRESENT_END
};

/* Of the packet at hand, one a CPU. Values as they are with this packet counted. */
struct weir_flow_view {
    __u64 packets; /* these five: fields */
    __u64 bytes;
    __u64 age_ns;
    __u64 rtt_ns;
    __u64 latency_ns;
    __u64 print; /* these: for entering the packet, no fields */
    __u64 now_ns;
    __u32 present; /* enum weir_flow_present, its word */
    __u32 group;   /* element of the table */
    __u32 cell;    /* WEIR_FLOW_CELLS: a new flow */
    __u32 before;  /* its state: WEIR_FLOW_* */
    __u32 state;   /* the same with this packet */
    __u32 side;
};

/* What a policy reads of flows beside their state: weir_flow_reads(). */
#define WEIR_FLOW_READS_AGE 1u
#define WEIR_FLOW_READS_RTT 2u
#define WEIR_FLOW_READS_LATENCY 4u

/* Where its members are as fields: see WEIR_INSIDE_OFFSET. */
#define WEIR_FLOW_OFFSET (WEIR_INSIDE_OFFSET + (__u32) __builtin_offsetof(struct weir_scratch, flow))
#define WEIR_EVENT_FLOW 8u         /* of weir_event.flags: with its flow */
#define WEIR_THROTTLE_FLOW_SHIFT 8 /* in weir_throttle_key.count */
#define WEIR_NEED_FLOW (WEIR_NEED_FLOWS | WEIR_NEED_TCP_REST)
#define WEIR_NEED_FLOW_HTTP (WEIR_NEED_FLOW | WEIR_NEED_HTTP_LINE)

/* ---- the table ---- */

/* Side 0 is the smaller (address, port), side 1 the other. Bits for a side: shifted by it. */
#define WEIR_FLOW_CLIENT 1u      /* the side of the first packet */
#define WEIR_FLOW_SEEN 2u        /* << side: it has sent */
#define WEIR_FLOW_ESTABLISHED 8u /* language.md, "Flows" */
#define WEIR_FLOW_FROM_SYN 0x10u /* its first packet was a SYN without ACK */
#define WEIR_FLOW_FIN 0x20u
#define WEIR_FLOW_SYN 0x40u         /* << side: a SYN without ACK of that side */
#define WEIR_FLOW_SYN_ACK 0x100u    /* << side: it was answered */
#define WEIR_FLOW_ACK 0x400u        /* << side: an ACK of that side */
#define WEIR_FLOW_NUMBER 0x1000u    /* << side: `next` is known */
#define WEIR_FLOW_ACKED 0x4000u     /* << side: `acked` is known */
#define WEIR_FLOW_HOST_SYN 0x10000u /* the last SYN was on its way out */
#define WEIR_FLOW_REQUEST 0x20000u  /* `request_ns` is known */
#define WEIR_FLOW_IP6 0x40000u
#define WEIR_FLOW_SOCKET 0x80000u /* the host's, entered before the first packet: `ports` and addresses are all */
#define WEIR_FLOW_PROTO_SHIFT 24  /* the IP protocol */

/* A flow is over after so much silence; at exactly that time it is. */
#define WEIR_FLOW_ESTABLISHED_TCP_NS 7500000000000ull /* 2 h 5 min: RFC 5382 asks for 2 h 4 min */
#define WEIR_FLOW_ONE_SIDE_NS 30000000000ull
#define WEIR_FLOW_NS 300000000000ull
#define WEIR_FLOW_WINDOW (1u << 20) /* sequence numbers move forward by at most that */

struct weir_flow {  /* a cache line */
    __u64 print;    /* 0: free */
    __u64 first_ns; /* CLOCK_MONOTONIC */
    __u64 last_ns;
    __u64 packets;
    __u64 bytes;
    __u32 next[2];  /* by side: the sequence number behind the highest that it has sent */
    __u32 acked[2]; /* by side: the number that the other side has acknowledged last */
    __u32 state;    /* WEIR_FLOW_* */
    __u32 lock;     /* of the group, in its first cell */
};
/* What few packets need of a flow: a line of its own, in another element. */
struct weir_flow_rest {
    __u32 addresses[2][4]; /* by side, as in struct weir_packet */
    __u16 ports[2];        /* an echo's number */
    __u32 unused;
    __u64 handshake_ns; /* TCP: when the last SYN came; once it was answered: of a SYN of the host the round-trip time,
                           else when the answer came; once established: the round-trip time */
    __u64 request_ns;   /* when the head of the last request came */
    __u64 unused_line;
};
#define WEIR_FLOW_CELLS 8u
#define WEIR_FLOW_TAGGED 64u /* groups that have their tags in one element */
struct weir_flow_group {
    struct weir_flow cells[WEIR_FLOW_CELLS];
};
/* The elements of the map: the groups, then the rest of each, then their tags. */
union weir_flow_element {
    struct weir_flow_group group;
    struct weir_flow_rest rest[WEIR_FLOW_CELLS];
    __u8 tags[WEIR_FLOW_TAGGED][WEIR_FLOW_CELLS]; /* of a cell: that of the last flow in it; 0: there was none */
};
#define WEIR_FLOW_BYTES 512u /* of an element */

/* With as many flows as the policy asks for a third of the cells is in use: one group in 600 is full. */
static inline __u32 weir_flow_groups_of(__u32 size) { return (__u32)((__u64)size * 3 / 8) + 1; }
static inline __u32 weir_flow_elements(__u32 groups) { return 2 * groups + (groups - 1) / WEIR_FLOW_TAGGED + 1; }
static inline __u32 weir_flow_groups_in(__u32 elements) {
    const __u32 all = 2 * WEIR_FLOW_TAGGED + 1; /* elements of groups that share one of tags */
    return (elements - (elements + all - 1) / all) / 2;
}
static inline __u32 weir_flow_rest_element(__u32 groups, __u32 group) { return groups + group; }
static inline __u32 weir_flow_tag_element(__u32 groups, __u32 group) { return 2 * groups + group / WEIR_FLOW_TAGGED; }

static inline __u32 weir_flow_group_of(__u64 print, __u32 groups) { return (__u32)((print >> 32) * groups >> 32); }
static inline __u32 weir_flow_home(__u64 print) { return (__u32)print & (WEIR_FLOW_CELLS - 1); }
static inline __u64 weir_flow_tag(__u64 print) {
    __u64 tag = print >> 8 & 0xff;
    return tag ? tag : 1;
}

static inline __u64 weir_flow_lasts_ns(__u32 state) {
    const __u32 both = WEIR_FLOW_SEEN | WEIR_FLOW_SEEN << 1;
    if ((state & WEIR_FLOW_ESTABLISHED) && state >> WEIR_FLOW_PROTO_SHIFT == 6) return WEIR_FLOW_ESTABLISHED_TCP_NS;
    return (state & both) == both ? WEIR_FLOW_NS : WEIR_FLOW_ONE_SIDE_NS;
}

#endif
