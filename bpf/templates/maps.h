/* The maps and tables of a policy. Names and shapes are known to runtime/engine/program.cpp; sizes of 1 are prototypes
 * that the compiler (tables) and the runtime (maps) put right for each policy. */
#ifndef WEIR_BPF_MAPS_H
#define WEIR_BPF_MAPS_H

#include "bpf/abi.h"
#include "bpf/templates/target.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_counter_block);
} weir_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_alert_account);
} weir_alert_accounts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} weir_events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(struct weir_set_key));
    __uint(value_size, sizeof(__u32));
} weir_sets_hash SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(struct weir_net_key));
    __uint(value_size, sizeof(__u32));
    __uint(map_flags, BPF_F_NO_PREALLOC);
} weir_sets_lpm SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u32);
} weir_ifaces SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_trace);
} weir_trace_head SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_TRACE_MATCHED);
    __type(key, __u32);
    __type(value, __u32);
} weir_trace_matched SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, WEIR_TRACE_ALERTS);
    __type(key, __u32);
    __type(value, struct weir_traced_alert);
} weir_trace_alerts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} weir_clock SEC(".maps");

/* State: maps of maps, filled by whoever loads the program; see bpf/abi.h. */
#define STATE_MAPS(name)                          \
    struct {                                      \
        __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); \
        __uint(max_entries, 1);                   \
        __uint(key_size, sizeof(__u32));          \
        __uint(value_size, sizeof(__u32));        \
    } name SEC(".maps")
STATE_MAPS(weir_term_tables);
STATE_MAPS(weir_set_tables);
STATE_MAPS(weir_measure_tables); /* bpf/histogram.h */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_state_account);
} weir_state_accounts SEC(".maps");

/* The rules that this packet matched and that change a set: numbers, in order. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} weir_changing SEC(".maps");

/* Where the CPU lays out keys that are too long for the stack: all functions of a chain together have 512 bytes. */
struct weir_long_key {
    __u32 words[WEIR_LONG_KEY_WORDS];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct weir_long_key);
} weir_long_keys SEC(".maps");

/* Set before the program is loaded. The verifier knows them, and removes what they rule out. */
const volatile struct weir_settings weir_settings SEC(".rodata");

/* Tables of the policy, reached without a helper call. The compiler defines each in section .data.NAME, with the
 * policy's number of entries; the runtime fills them before the program is loaded. */
extern struct weir_rule_row weir_rule_rows[]; /* the rules, then `default`, `malformed`, `default egress` */
extern __u32 weir_rule_alerts[];              /* alert numbers, by rule; see struct weir_rule_row */
extern struct weir_literal weir_literals[];
extern struct weir_text_literal weir_text_literals[];
extern struct weir_search weir_searches[];
extern struct weir_scan weir_scans[];
extern struct weir_forest_tree weir_forest_trees[]; /* by forest, WEIR_TREES each */
extern __u64 weir_tree_slots[];                     /* see WEIR_LEAF */
extern __u32 weir_entries[];                        /* words */
extern struct weir_term weir_terms[];
extern struct weir_throttle weir_throttles[]; /* by alert */
extern struct weir_throttle_key weir_throttle_keys[];
extern struct weir_sample weir_samples[];
extern struct weir_change weir_changes[];
extern __u32 weir_rule_changes[];     /* by rule: how many << 24, first; then change numbers */
extern struct weir_line weir_lines[]; /* trees and bitmaps of ranges and sets; in .bss, so that the ELF has no zeros */

/* Constants of the policy; the compiler writes their bodies. */
__u32 weir_needs(void); /* WEIR_NEED_* */
__u32 weir_rule_count(void);
__u32 weir_reads_payload(void); /* 1: bytes behind the headers may be looked at */
/* Entries of the tables above. */
__u32 weir_alert_entries(void); /* 0: no rule has an alert */
__u32 weir_literal_count(void);
__u32 weir_text_literal_count(void);
__u32 weir_search_count(void);
__u32 weir_scan_count(void);
__u32 weir_slot_count(void);
__u32 weir_entry_words(void);
__u32 weir_line_count(void);
__u32 weir_term_count(void);       /* 0: no rule has state */
__u32 weir_terms_read_frame(void); /* 0: no condition of a share needs more than struct weir_packet and weir_inside */
__u32 weir_throttle_count(void);   /* 0: no rule's alert has a throttle */
__u32 weir_throttle_key_count(void);
__u32 weir_throttle_table(void);   /* its entry of weir_term_tables */
__u32 weir_throttle_account(void); /* and of weir_state_accounts: behind the terms */
__u32 weir_measure_count(void);    /* 0: no rule has a measure */
__u32 weir_sample_count(void);     /* 0: no action samples; else the alert actions */
__u32 weir_change_count(void);     /* 0: no rule changes a set */
__u32 weir_change_words(void);     /* of weir_rule_changes */
__u32 weir_captures(void);         /* 0: no rule captures */
__u32 weir_flow_groups(void);      /* 0: the policy reads nothing of flows; else the groups of its table */
__u32 weir_flow_account(void);     /* its entry of weir_state_accounts: the last one */
__u32 weir_flow_reads(void);       /* WEIR_FLOW_READS_* */

#endif
