/* The facts that kernel and user space share. Compiles as C (clang -target bpf, and for the host) and as C++.
 * Integers are in host byte order unless a name ends in _be. Layouts are part of the ABI: see WEIR_ABI_VERSION. */
#ifndef WEIR_BPF_ABI_H
#define WEIR_BPF_ABI_H

#include <linux/types.h>

#include "bpf/flow.h"
#include "bpf/forest.h"
#include "bpf/measure.h"
#include "bpf/print.h"
#include "bpf/settings.h"
#include "bpf/shadow.h"
#include "bpf/terms.h"

#define WEIR_ABI_VERSION 10

/* ---- one packet, parsed ---- */

/* Bits of weir_packet.present: what the packet has (language.md, "Which field is there when"), and values of bool
 * fields. What follows from each is in compiler/packet/fields.def. Word 0 has what most policies ask for; a policy
 * loads no other word unless it asks for a bit there. */
#define WEIR_PRESENT_WORDS 2u
#define WEIR_PRESENT_WORD(bit) ((bit) / 32u)
#define WEIR_BIT(bit) (1u << ((bit) % 32u)) /* within its word */
enum weir_present {
    WEIR_HAS_ALWAYS = 0, /* set for every frame */
    WEIR_HAS_ETH,        /* 14 bytes or more */
    WEIR_HAS_ETH_TYPE,   /* the tags could be read */
    WEIR_HAS_VLAN,       /* one tag at least */
    WEIR_HAS_ARP,
    WEIR_HAS_ARP_IP, /* Ethernet/IPv4 ARP */
    WEIR_HAS_IP,     /* IPv4 or IPv6 */
    WEIR_HAS_IP4,
    WEIR_HAS_IP6,
    WEIR_HAS_IP_PROTO,
    WEIR_HAS_IP_ID,
    WEIR_HAS_TCP,
    WEIR_HAS_UDP,
    WEIR_HAS_SCTP,
    WEIR_HAS_PORTS, /* TCP, UDP or SCTP */
    WEIR_HAS_ICMP,
    WEIR_HAS_ICMP_ECHO,
    WEIR_HAS_ICMP6,
    WEIR_HAS_ICMP6_ECHO,
    WEIR_HAS_TCP_MSS,
    WEIR_HAS_PAYLOAD,
    WEIR_HAS_IFACE, /* live traffic only: absent in tests and replays */
    /* Values of bool fields, kept here so that one word answers most conditions. */
    WEIR_IS_MALFORMED,
    WEIR_IS_FRAGMENT,
    WEIR_IS_MF,
    WEIR_IS_DF,
    WEIR_IS_HAS_OPTIONS,
    WEIR_HAS_TCP_REST, /* more of TCP than ports and number: an ICMP error may quote only those */
    /* word 1 */
    WEIR_IS_MULTICAST = 32,
    WEIR_HAS_VLAN_INNER, /* two tags */
    WEIR_HAS_PPPOE,
    WEIR_HAS_MPLS,
    WEIR_IS_IP6_HOP_BY_HOP, /* these four: such an extension header was met */
    WEIR_IS_IP6_ROUTING,
    WEIR_IS_IP6_FRAGMENT,
    WEIR_IS_IP6_DESTINATION,
    WEIR_IS_SOURCE_ROUTE,
    WEIR_HAS_DNS,
    WEIR_IS_DNS_RESPONSE,
    WEIR_HAS_TLS,
    WEIR_IS_CLIENT_HELLO,
    WEIR_HAS_TLS_VERSION,
    WEIR_HAS_SNI,
    WEIR_HAS_ALPN,
    WEIR_IS_TLS_CUT,
    WEIR_HAS_HTTP,
    WEIR_HAS_HTTP_REQUEST,
    WEIR_HAS_HTTP_HOST,
    WEIR_HAS_USER_AGENT,
    WEIR_HAS_HTTP_STATUS,
    WEIR_IS_HTTP_CUT,
    WEIR_HAS_VXLAN,
    WEIR_HAS_GENEVE,
    WEIR_HAS_GRE,
    WEIR_HAS_GRE_KEY,
    WEIR_HAS_IPIP,
    WEIR_HAS_ICMP_INNER, /* an ICMP error has the beginning of the packet that it is about */
    WEIR_HAS_ICMP6_INNER,
    WEIR_HAS_INNER,   /* an IP header of a packet within this one was read: weir_inside.inner */
    WEIR_PRESENT_BITS /* how many there are: word 1 is full */
};

/* Zero where absent. Addresses: the big-endian words as numbers, IPv4 in word 0 with the others zero. */
struct weir_packet {
    __u32 present[WEIR_PRESENT_WORDS]; /* enum weir_present */
    __u32 len;                         /* of the frame */
    __u32 ip_src[4];
    __u32 ip_dst[4];
    __u16 port_src; /* TCP, UDP, SCTP */
    __u16 port_dst;
    __u8 ip_proto;
    __u8 tcp_flags;
    __u8 icmp_type; /* ICMP and ICMPv6 share these four */
    __u8 icmp_code;
    __u16 icmp_id;
    __u16 icmp_seq;
    __u16 eth_type;
    __u16 vlan_id;
    __u8 vlan_pcp;
    __u8 vlan_depth;
    __u8 ip_version;
    __u8 ip_ttl;
    __u8 ip_tos;          /* DSCP << 2 | ECN */
    __u8 tcp_header_len;  /* bytes */
    __u16 ip_frag_offset; /* bytes */
    __u32 ip_len;
    __u32 ip_id;
    __u32 ip6_flow_label; /* 20 bits; the highest eight: type of the first Routing header */
    __u32 tcp_seq;
    __u32 tcp_ack_seq;
    __u16 tcp_window;
    __u16 tcp_mss;
    __u16 udp_len;
    __u16 arp_op;
    __u32 arp_sender_ip;
    __u32 arp_target_ip;
    __u32 payload_offset; /* from the frame's start */
    __u32 payload_len;
    __u32 ifindex;
    __u32 rx_queue;
    __u32 iface_matches; /* bit i: the interface satisfies iface condition i of the manifest */
    __u32 payload_scan;  /* 1 + the scan that payload_found is of; 0: none yet; no field of the language */
    __u64 eth_src;       /* 48 bits, first byte on the wire highest */
    __u64 eth_dst;
    __u64 time_ns;        /* CLOCK_MONOTONIC, once something asked for it; no field of the language */
    __u64 payload_found;  /* bit i: search i of payload_scan is found; likewise */
    __u32 changing_rules; /* rules matched so far that change a set; likewise */
    __u32 suppressed;     /* events that the alert at hand held back before this one; likewise */
};

/* ---- inside of the packet ---- */

/* Text in the frame: its offset from the frame's start << 16 | its bytes. */
#define WEIR_TEXT(offset, bytes) ((__u32)(offset) << 16 | (bytes))
#define WEIR_TEXT_OFFSET(text) ((text) >> 16)
#define WEIR_TEXT_BYTES(text) ((text) & 0xffffu)

#define WEIR_NAME_BYTES 256u  /* a name has 255 at most */
#define WEIR_NAME_LABELS 128u /* that are kept: the last ones of a name */

/* What is read behind the headers, and what few policies read of them. One a CPU: a policy that reads nothing of it
 * never touches it. A member means something only where the packet has its bit of weir_packet.present. */
struct weir_inside {
    __u64 name_print; /* these: prints of text, for keys of state; filled where WEIR_NEED_PRINTS says so */
    __u64 tls_alpn_print;
    __u64 http_method_print;
    __u64 http_target_print;
    __u64 http_path_print;
    __u64 http_user_agent_print;
    __u64 text_place; /* these: where comparisons of texts have come to, no fields */
    __u64 text_end;
    __u32 tls_alpn; /* text in the frame, as the next four */
    __u32 http_method;
    __u32 http_target;
    __u32 http_path;
    __u32 http_user_agent;
    __u32 vxlan_vni;
    __u32 geneve_vni;
    __u32 gre_key;
    __u32 mpls_label; /* the outermost */
    __u16 vlan_inner_id;
    __u16 pppoe_session;
    __u16 dns_qtype;
    __u16 dns_answers;
    __u16 tls_version;
    __u16 http_status;
    __u8 dns_rcode;
    __u8 mpls_depth;
    __u16 name_length;        /* bytes of `name` */
    __u16 name_labels;        /* of all labels; the root has none */
    __u16 is_dotted;          /* 1: its labels are what stands between dots, and label_starts says nothing */
    struct weir_packet inner; /* the headers of the packet within this one; present[0] 0: there is none */
    /* The name of the packet (dns.qname, tls.sni or http.host: a packet has one of them at most): small letters, labels
     * with a dot between them, no final dot. Eight bytes behind its end are zero. */
    __u8 name[WEIR_NAME_BYTES + 16];
    /* Where label i of it begins, unless it is dotted. A message's name has at most 127 labels. */
    __u8 label_starts[WEIR_NAME_LABELS];
};
/* What the CPU has in the place of the stack, which such a policy would fill. */
struct weir_scratch {
    struct weir_inside inside;
    struct weir_packet packet;
    struct weir_flow_view flow; /* where the policy reads flows */
};
/* Where a field, a key or a presence bit is said to be at this offset or behind it, it is in struct weir_scratch. */
#define WEIR_INSIDE_OFFSET 1024u

/* ---- verdicts ---- */

enum weir_verdict { WEIR_PASS = 0, WEIR_DROP = 1, WEIR_REJECT = 2, WEIR_REDIRECT = 3 };

/* Rule numbers that are no rule: what decided where none did. Their counters follow those of the rules. */
#define WEIR_RULE_DEFAULT 0xfffffffeu
#define WEIR_RULE_MALFORMED 0xffffffffu

/* ---- rules as the program sees them ---- */

#define WEIR_ROW_WOULD 1u     /* observed: its verdict is told, never enforced */
#define WEIR_ROW_STATE 2u     /* it has state terms */
#define WEIR_ROW_DECIDES 4u   /* where they hold, its verdict ends the evaluation */
#define WEIR_ROW_CHANGES 8u   /* it changes sets */
#define WEIR_ROW_CAPTURES 16u /* events of its alerts carry the frame */
#define WEIR_ROW_MEASURES 32u /* it has measures */

/* One a rule, in the policy's order, then one for `default` and one for `malformed` (section .data.weir_rule_rows). */
struct weir_rule_row {
    __u8 verdict; /* enum weir_verdict, or WEIR_NO_VERDICT */
    __u8 flags;   /* WEIR_ROW_* */
    __u8 action;  /* XDP's answer for the verdict */
    __u8 alert_count;
    __u32 alert_first; /* index into .data.weir_rule_alerts: alert numbers */
};
#define WEIR_NO_VERDICT 0xffu
#define WEIR_RULE_ALERTS 16u /* alert actions a rule may have */

/* What the program must read of a packet; what nobody asks for is not read. */
#define WEIR_NEED_NONE 0u
#define WEIR_NEED_MAC 1u
#define WEIR_NEED_TAGS 2u /* VLAN tags: the device must leave them in the frame */
#define WEIR_NEED_ARP 4u
#define WEIR_NEED_TCP_REST 8u /* seq, ack_seq, window */
#define WEIR_NEED_MSS 16u
#define WEIR_NEED_IP_REST 32u /* id, ttl, tos, flow label */
#define WEIR_NEED_IFACE 64u   /* ifindex, rx_queue, iface_matches */
#define WEIR_NEED_SOURCE_ROUTE 128u
#define WEIR_NEED_HEADERS 0xffffu /* all of those: events carry struct weir_packet */
/* These are read into struct weir_inside. */
#define WEIR_NEED_LINK (1u << 16) /* vlan_inner_id, PPPoE, MPLS */
#define WEIR_NEED_INNER_TAG (WEIR_NEED_LINK | WEIR_NEED_TAGS)
#define WEIR_NEED_DNS (1u << 17)
#define WEIR_NEED_TLS (1u << 18)
#define WEIR_NEED_HTTP_LINE (1u << 19)  /* the first line of a head */
#define WEIR_NEED_HTTP_HOST (1u << 20)  /* its Host line */
#define WEIR_NEED_HTTP_AGENT (1u << 21) /* its User-Agent line */
#define WEIR_NEED_HTTP_END (1u << 22)   /* where it ends */
#define WEIR_NEED_INNER (1u << 23)      /* tunnels, and what is in there */
#define WEIR_NEED_INNER_REST \
    (1u << 24)                         /* of the packet in there: id, ttl, tos, flow label, seq, ack_seq, window, mss */
#define WEIR_NEED_PRINTS (1u << 25)    /* of names and texts */
#define WEIR_NEED_TLS_WALKS (1u << 26) /* names that come in later segments */
#define WEIR_NEED_EVENT_INSIDE (1u << 27) /* events carry struct weir_inside */
#define WEIR_NEED_EVENT_TEXTS (1u << 28)  /* and the payload's beginning */
#define WEIR_NEED_ALPN (1u << 29)
#define WEIR_NEED_FLOWS (1u << 30) /* bpf/flow.h */
#define WEIR_NEED_TLS_ALPN (WEIR_NEED_TLS | WEIR_NEED_ALPN)
#define WEIR_NEED_TLS_NAMES (WEIR_NEED_TLS | WEIR_NEED_TLS_WALKS | WEIR_NEED_TCP_REST)
#define WEIR_NEED_HTTP (WEIR_NEED_HTTP_LINE | WEIR_NEED_HTTP_HOST | WEIR_NEED_HTTP_AGENT | WEIR_NEED_HTTP_END)
#define WEIR_NEED_NAMES (WEIR_NEED_DNS | WEIR_NEED_TLS | WEIR_NEED_HTTP)
#define WEIR_NEED_INSIDE (~WEIR_NEED_HEADERS)

/* ---- sets ---- */

/* Keys are 32-bit words. Word 0 is the set's number (a net set: twice it, plus 1 for IPv6; big-endian). Then the parts:
 * a number one word, a MAC address two (high 16 bits first), an address five (its version, then its words). A net's
 * address comes last and without its version. */
#define WEIR_SET_KEY_WORDS 16u
struct weir_set_key {
    __u32 words[WEIR_SET_KEY_WORDS];
};
struct weir_net_key {
    __u32 prefix_bits;
    __u32 words[WEIR_SET_KEY_WORDS];
}; /* words big-endian: bits in wire order */

/* The longest key that the program lays out: that of a net, or the widest of state with the value that it counts. */
#define WEIR_LONG_KEY_WORDS 22u

/* ---- state ---- */

/* A state term or a set that changes has a map of its own, and all throttles have one: an entry of a map of maps,
 * weir_term_tables or weir_set_tables. A key has as many words as the least of WEIR_STATE_WIDTHS that it fits into;
 * shorter keys end in zero words. A term's key: where an address of either version is in it, the version; then its
 * parts: an address four words, one of ARP one, a MAC address two (high 16 bits first), all else one. A set's key: as
 * in struct weir_set_key, without word 0; a net five words, its version | bits of its prefix << 8 first. What those
 * tables look like is in bpf/table.h. */
#define WEIR_STATE_WIDTHS 3u /* 2, 6 and 16 words */

/* What a `distinct` counts, in words: a number one, a MAC address two, low first, an address five: version, words; then
 * zeros. Up to a limit of WEIR_DISTINCT_EXACT the values of the window are listed. Else they are marked in a bitmap of
 * WEIR_SKETCH_BITS: hash = 0; for five words: hash = (hash ^ word) * 0xff51afd7ed558ccd, hash ^= hash >> 32. The value
 * is sampled where (hash >> 40 & mask) is 0, and then sets bit hash % WEIR_SKETCH_BITS. */
#define WEIR_DISTINCT_EXACT 32u
#define WEIR_SKETCH_BITS 2048u
/* Terms: bpf/terms.h. */

/* ---- throttles ---- */

/* A throttle by alert, section .data.weir_throttles; limit 0: the alert has none, or no rule raises it. The windows of
 * all of them are in one table of cells, an entry of weir_term_tables, by identity and key (bpf/table.h). */
struct weir_throttle {
    __u64 window_ns;
    __u32 identity[2]; /* a print of what it belongs to, the same in the next policy: compiler/policy/identity.h */
    __u32 limit;       /* events that pass in a window */
    __u32 key;         /* what packets are told apart by: a row of .data.weir_throttle_keys */
};
#define WEIR_MOST_HELD_BACK 0xfffffffeu /* events of a key that a throttle counts until the next one passes */

/* Word i of a key: (word `word` of struct weir_packet or, from WEIR_INSIDE_OFFSET / 4 on, of struct weir_inside >>
 * shift) & mask; of an IPv4 packet its first `ip4_bits` bits instead, where that is not 0. */
struct weir_key_word {
    __u16 word;
    __u8 shift;
    __u8 ip4_bits;
    __u32 mask;
};
struct weir_throttle_key {
    /* What a packet must have, and the packet within it, and its flow (`count`); all that lack some share one key. */
    __u32 present[2 * WEIR_PRESENT_WORDS];
    __u32 count; /* of words, and << WEIR_THROTTLE_FLOW_SHIFT */
    struct weir_key_word words[WEIR_SET_KEY_WORDS];
};

#define WEIR_CHANGE_ADDS 1u
#define WEIR_CHANGE_IS_NET 2u /* of a set of nets */
struct weir_change {          /* section .data.weir_changes */
    __u64 for_ns;             /* 0: without an end */
    __u32 index;              /* in its map of maps */
    __u32 account;
    __u32 flags; /* WEIR_CHANGE_* */
};
#define WEIR_RULE_CHANGES 16u /* that a rule may make */

/* By alert action, where a policy samples: one in `every` runs. Section .data.weir_samples. */
struct weir_sample {
    __u64 every;
    __u64 reached;
};

/* Per CPU; the terms, the throttles together where there are any, then the sets that change. */
struct weir_state_account {
    __u64 inserted; /* keys */
    __u64 refused;  /* the map was full, or the lock never free */
    __u64 evicted;  /* keys of terms that others took the place of */
};

/* ---- payload literals ---- */

#define WEIR_LITERAL_BYTES 64u
#define WEIR_SEARCH_BYTES 512u          /* `payload contains` looks no further */
#define WEIR_LITERAL_NOCASE 0x80000000u /* in `length`: its small letters stand for either letter */
struct weir_literal {
    __u32 length;
    __u8 bytes[WEIR_LITERAL_BYTES];
};
/* What `payload contains` looks for: two neighbouring bytes of a literal that payload seldom has; only where they stand
 * is the literal compared. */
struct weir_search {
    __u64 first;   /* the first of the two, eight times; | WEIR_FOLD where both letters are looked for */
    __u64 second;  /* the second, likewise */
    __u64 mask;    /* 0 where the literal is one byte, else all ones */
    __u32 literal; /* in weir_literals */
    __u32 offset;  /* of the two in the literal */
    __u32 last;    /* offset in the payload behind which they are not looked for */
    __u32 unused;
};
/* Searches WEIR_SCAN_SEARCHES * i and those behind it, which one pass over the payload answers. */
#define WEIR_SCAN_SEARCHES 64u
#define WEIR_SCAN_BUCKETS 1024u
#define WEIR_SCAN_CHAIN 8 /* searches of a bucket, at most: so many comparisons a byte of payload */
/* Makes one byte of a small and a capital letter, and of other bytes too: who looks for both letters compares bytes
 * | WEIR_FOLD, and the literal itself only where they fit. So are all pairs of a scan with a literal of that kind. */
#define WEIR_FOLD 0x2020202020202020ull
#define WEIR_SCAN_BUCKET(pair) ((__u32)((pair) * 0x9e3779b1u) >> 22)
struct weir_scan {
    __u64 pairs[1024];             /* bit i: some search begins with pair i; first byte | second << 8 */
    __u8 heads[WEIR_SCAN_BUCKETS]; /* by bucket of a pair: one of its searches, or 0xff */
    __u8 next[WEIR_SCAN_SEARCHES]; /* by search: another one of its bucket, or 0xff */
};

/* ---- names and texts ---- */

/* What a name or text is compared with. Zeros follow its bytes. */
#define WEIR_TEXT_LITERAL_BYTES 255u
struct weir_text_literal {
    __u32 length;
    __u32 unused;
    __u8 bytes[WEIR_TEXT_LITERAL_BYTES + 9];
};

/* ---- many ranges ---- */

/* A number is in one of many sorted, disjoint ranges when it is behind an odd number of their boundaries (the first of
 * each, and what follows the last of each), or an even number where the space begins inside of a range. So a static
 * B-tree of the boundaries answers. All of it is in cache lines of one table; a tree is named by the line that
 * describes it. Keys are a boundary less one: a boundary is passed where its key is below the number. What is left of a
 * node is the largest number of its width, which is below nothing.
 *   numbers of 32 bits: 16 keys a node, a line; of 63 bits: 8 keys, a line; of 126 bits: 8 keys, two lines, high 63
 * bits first. Leaves hold all keys in a row; nodes above the first keys of their children but the first. A number's
 * first bits say where to begin: at a key, where they leave no more than a node's worth of keys open; else at a node.
 * IPv6 has four trees, in lines one after another, by the two highest bits of the address; 63 bits of the rest are
 * enough for prefixes up to /65. */
struct weir_line {
    __u64 words[8];
} __attribute__((aligned(64)));
#define WEIR_TREE_LEVELS 9u /* 9 children a node: 43 M keys in the leaves */
struct weir_tree {
    __u32 inside;                   /* 1: the space begins inside of a range */
    __u32 shift;                    /* a number's entry among the starts: number >> shift */
    __u32 starts;                   /* line: 32-bit entries, level << 28 | node; in level 0 the key */
    __u32 levels[WEIR_TREE_LEVELS]; /* line of the first node; level 0 has the leaves */
    __u32 unused[4];
};
#define WEIR_START_LEVEL_SHIFT 28
/* Numbers of 16 bits: a bitmap from a line on, its first bit the lowest of its first word. */

/* ---- accounts ---- */

struct weir_counter {
    __u64 packets;
    __u64 bytes;
};
/* Per CPU: rules in order, `default`, `malformed`. Many to an entry, because the kernel takes a microsecond to allot
 * one. */
#define WEIR_BLOCK_COUNTERS 64u
struct weir_counter_block {
    struct weir_counter rows[WEIR_BLOCK_COUNTERS];
};
#define WEIR_COUNTER_BLOCKS(rows) (((rows) + WEIR_BLOCK_COUNTERS - 1) / WEIR_BLOCK_COUNTERS)

struct weir_alert_account { /* per CPU, one an alert */
    __u64 matched;
    __u64 suppressed;
    __u64 lost; /* no room in the ring */
};

/* ---- events ---- */

#define WEIR_EVENT_WOULD 1u    /* an observed rule */
#define WEIR_EVENT_INSIDE 2u   /* it is a struct weir_event_inside */
#define WEIR_EVENT_CAPTURED 4u /* behind it is a struct weir_capture (bpf/record.h) */

struct weir_event {
    __u64 time_ns; /* CLOCK_MONOTONIC */
    __u32 rule;
    __u32 alert;
    __u32 generation;
    __u32 flags;      /* WEIR_EVENT_* */
    __u64 suppressed; /* held back before this one */
    __u32 verdict;    /* the matching rule's verdict, or ~0u where it has none */
    __u32 captured;   /* bytes of weir_event_inside.payload */
    struct weir_packet packet;
};
/* Of a policy whose messages name fields that are inside (WEIR_NEED_EVENT_INSIDE). */
#define WEIR_EVENT_PAYLOAD_BYTES 1024u /* what readers of texts look at */
struct weir_event_inside {
    struct weir_event event;
    struct weir_inside inside;
    __u8 payload[WEIR_EVENT_PAYLOAD_BYTES]; /* its beginning; in words: zeros behind the payload's end */
    struct weir_flow_view flow;             /* WEIR_EVENT_FLOW; other events end before it */
};

/* ---- root ---- */

#define WEIR_SLOTS 8u /* policies that may be loaded at once */
/* Shared by the roots of all interfaces. `active`: bits 0 to 2 are the slot in force. With WEIR_UNCONFIRMED it is in
 * force until `deadline_ns` has come; the first packet after stores the slot in bits 4 to 6 in its place. */
#define WEIR_ROOT_SLOT_MASK 7u
#define WEIR_UNCONFIRMED 8u
#define WEIR_FALLBACK_SHIFT 4
/* What programs take. The kernel wants all programs of an engine to agree. */
enum weir_frames { WEIR_FRAMES_OF_ONE_BUFFER = 0, WEIR_FRAMES_OF_SEVERAL = 1 };
struct weir_root {
    __u32 active;
    __u32 abi;         /* WEIR_ABI_VERSION: where this stands never changes */
    __u64 deadline_ns; /* CLOCK_MONOTONIC */
    __u32 frames;      /* enum weir_frames */
    __u32 unused;
};

/* ---- the trace: what one packet met, for tests and replays ---- */

/* Written only where the object's rodata says so (struct weir_settings); the verifier removes it otherwise. */
struct weir_trace {
    __u32 rule; /* that decided: a number, WEIR_RULE_DEFAULT or _MALFORMED */
    __u32 verdict;
    __u32 matched_count;
    __u32 alert_count;
};
#define WEIR_TRACE_MATCHED 8192u /* rules kept a packet; counted beyond */
#define WEIR_TRACE_ALERTS 8192u
struct weir_traced_alert {
    __u32 alert;
    __u32 suppressed; /* events held back before this one; WEIR_HELD_BACK: its throttle held it back, too */
};
#define WEIR_HELD_BACK 0xffffffffu

#endif
