/* Sets that change: look-ups, and the changes that rules make. */
#ifndef WEIR_BPF_LIVE_SETS_H
#define WEIR_BPF_LIVE_SETS_H

#include "bpf/templates/set_table.h"
#include "bpf/templates/state.h"

#define SURELY_NS 1000000000ull

/* Nearly always the coarse clock tells: it is behind by a tick, some milliseconds. The other one costs as much as the
 * rest. */
static __always_inline int weir_is_before(struct weir_packet* packet, __u64 end_ns) {
    if (!packet->time_ns && !weir_settings.virtual_clock && end_ns > bpf_ktime_get_coarse_ns() + SURELY_NS) return 1;
    return weir_packet_time(packet) < end_ns;
}

static __always_inline int weir_in_live_set(struct weir_packet* packet, void* table, const __u32* key, __u32 width) {
    struct weir_set_place at;
    if (!table || !weir_find_print(table, key, width, &at) || weir_excluded_by_tags(table, &at) ||
        !weir_find_group(table, &at))
        return 0;
    __u32 number = weir_find_entry(&at);
    if (number >= NOWHERE) return 0;
    __u64 end_ns = *(volatile __u64*)&weir_entry_at(at.group, number)->end_ns;
    if (weir_print_at(at.group, number) != at.print) /* it gave way meanwhile, and the time is another's */
        return 0;
    return !end_ns || weir_is_before(packet, end_ns);
}

/* Without branches: the verifier would follow each way they go. */
static __always_inline __u32 weir_popcount(__u32 bits) {
    OPAQUE(bits); /* or LLVM makes another thing of it, for CPUs that have an instruction */
    bits -= bits >> 1 & 0x55555555;
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    return ((bits + (bits >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

static __always_inline void weir_add(struct weir_packet* packet, void* table, const __u32* key, __u32 width,
                                     const struct weir_change* change) {
    __u64 now_ns = weir_packet_time(packet), end_ns = 0;
    if (change->for_ns) {
        end_ns = now_ns + change->for_ns;
        if (end_ns < now_ns) end_ns = ~0ull;
    }
    int done = weir_put(table, key, width, end_ns, now_ns);
    if (done == WEIR_REFUSED)
        weir_refused(change->account);
    else if (done == WEIR_PUT)
        weir_inserted(change->account, 0);
}

static __always_inline void weir_change_set(struct weir_packet* packet, const __u32* key, __u32 width, __u32 number) {
    const struct weir_change* change = &weir_changes[number];
    __u32 index = change->index;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    if (!table) return;
    if (change->flags & WEIR_CHANGE_ADDS)
        weir_add(packet, table, key, width, change);
    else
        weir_take_out(table, key, width);
}

/* Look-ups ask for the lengths that are marked: that of a net is before the net is there. */
static __always_inline void weir_mark_length(const __u32* key, __u32 width, __u32 index) {
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_table_head* head = table ? weir_element(table, 0) : 0;
    if (!head) return;
    __u64 first = head->net_word - 1ull;
    OPAQUE(first);
    if (first < width) weir_mark_net(head, key[first]);
}

/* Is the key in the set of that index now? Carries out change `number`. */
#define SETS_OF_WIDTH(width)                                                                                          \
    GLOBAL_FUNCTION int weir_mark_length_##width(struct weir_key_##width* key, __u32 index) {                         \
        if (key) weir_mark_length(key->words, width, index);                                                          \
        return 0;                                                                                                     \
    }                                                                                                                 \
    GLOBAL_FUNCTION int weir_in_live_set_##width(struct weir_packet* packet, struct weir_key_##width* key,            \
                                                 __u32 index) {                                                       \
        return packet && key &&                                                                                       \
               weir_in_live_set(packet, bpf_map_lookup_elem(&weir_set_tables, &index), key->words, width);            \
    }                                                                                                                 \
    GLOBAL_FUNCTION int weir_change_##width(struct weir_packet* packet, struct weir_key_##width* key, __u32 number) { \
        if (!packet || !key || number >= weir_change_count()) return 0;                                               \
        const struct weir_change* change = &weir_changes[BOUNDED(number)];                                            \
        if (change->flags == (WEIR_CHANGE_ADDS | WEIR_CHANGE_IS_NET)) weir_mark_length_##width(key, change->index);   \
        weir_change_set(packet, key->words, width, BOUNDED(number));                                                  \
        return 0;                                                                                                     \
    }
SETS_OF_WIDTH(2)
SETS_OF_WIDTH(6)
SETS_OF_WIDTH(16)

/* Cuts a net to the next shorter prefix that any net of the set ever had (bpf/table.h); false where there is none. The
 * net itself has what was tried last, as in weir_mark_prefix(): the stack is nearly at its end here. */
static __always_inline int weir_cut_net(const struct weir_table_head* head, __u32* net) {
    __u32 bits = net[0] >> 8;
    __u64 word = (bits + 31) / 32;
    OPAQUE(word);
    const __u32* prefixes = head->prefixes + ((net[0] & 0xff) == 6 ? WEIR_PREFIXES / 2 : 0);
    __u32 left = word > 4 ? 0 : prefixes[word] & ~1u << ((0u - bits) & 31);
#pragma clang loop unroll(disable)
    for (int i = 0; i < 5 && !left; i++) {
        if (!word) return 0;
        if (word <= 4) net[word] = 0;
        word--;
        OPAQUE(word);
        if (word > 4) return 0;
        left = prefixes[word];
    }
    if (!left || word > 4) return 0;
    __u32 cut = weir_popcount((left & -left) - 1);
    net[word] &= ~0u << cut;
    net[0] = (net[0] & 0xff) | (__u32)(word * 32 - cut) << 8;
    return 1;
}

/* Is a net of the set around the address whose version is word `at` of the key? It is tried whole, then shorter and
 * shorter. */
#define NETS_OF_WIDTH(width)                                                                                        \
    GLOBAL_FUNCTION int weir_cut_##width(struct weir_key_##width* key, __u32 index, __u32 at) {                     \
        void* table = bpf_map_lookup_elem(&weir_set_tables, &index);                                                \
        const struct weir_table_head* head = table ? weir_element(table, 0) : 0;                                    \
        __u64 first = at;                                                                                           \
        OPAQUE(first);                                                                                              \
        return key && head && first <= width - 5 && weir_cut_net(head, key->words + first);                         \
    }                                                                                                               \
    GLOBAL_FUNCTION int weir_in_live_nets_##width(struct weir_packet* packet, struct weir_key_##width* key,         \
                                                  __u32 index, __u32 at) {                                          \
        __u64 first = at;                                                                                           \
        OPAQUE(first);                                                                                              \
        if (!packet || !key || first > width - 5) return 0;                                                         \
        key->words[first] |= ((key->words[first] == 6 ? 128 : 32) + 1) << 8; /* longer than any */                  \
        _Pragma("clang loop unroll(disable)") for (__u32 i = 0; i < 129 && weir_cut_##width(key, index, at);        \
                                                   i++) if (weir_in_live_set_##width(packet, key, index)) return 1; \
        return 0;                                                                                                   \
    }
NETS_OF_WIDTH(6)
NETS_OF_WIDTH(16)

/* Here, and not where the entry is added: there the stack is deepest. */
GLOBAL_FUNCTION int weir_make_space_for(struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_change_count()) return 0;
    const struct weir_change* change = &weir_changes[BOUNDED(number)];
    __u32 index = change->index;
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    if (table && change->flags & WEIR_CHANGE_ADDS) weir_make_space(table, weir_packet_time(packet));
    return 0;
}

/* The compiler writes it: lays out the key of change `number` and carries it out. */
int weir_make_change(struct weir_packet* packet, __u32 number);

static long weir_changes_of(__u32 at, struct weir_packet** packet) {
    const __u32* rule = bpf_map_lookup_elem(&weir_changing, &at);
    if (!rule) return 1;
    __u64 row = *rule;
    OPAQUE(row);
    if (row >= weir_change_words()) return 1;
    __u32 first = weir_rule_changes[row] & 0xffffff, count = weir_rule_changes[row] >> 24;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_RULE_CHANGES; i++) {
        __u64 entry = first + i;
        OPAQUE(entry);
        if (i >= count || entry >= weir_change_words()) break;
        weir_make_space_for(*packet, weir_rule_changes[entry]);
        weir_make_change(*packet, weir_rule_changes[entry]);
    }
    return 0;
}

/* Every rule saw the sets as they were when the packet came: now they change. */
GLOBAL_FUNCTION int weir_change_sets(struct weir_packet* packet) {
    if (packet) bpf_loop(packet->changing_rules, weir_changes_of, &packet, 0);
    return 0;
}

#endif
