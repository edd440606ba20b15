/* Sets that change: look-ups, and the changes that rules make. */
#ifndef WEIR_BPF_LIVE_SETS_H
#define WEIR_BPF_LIVE_SETS_H

#include "bpf/templates/set_table.h"
#include "bpf/templates/state.h"

#define SURELY_NS 1000000000ull

/* Nearly always the coarse clock tells: it is behind by a tick, some milliseconds. The other one costs as much as the
 * rest. */
static __always_inline int weir_is_before(struct weir_packet* packet, __u64 end_ns) {
    if (!packet->time_ns && !weir_settings.virtual_clock && end_ns > weir_tick_time() + SURELY_NS) return 1;
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

/* Look-ups ask for the lengths and bits that are marked: those of a net are before the net is there. */
static __always_inline void weir_mark_net_of_key(const __u32* key, __u32 width, __u32 index) {
    void* table = bpf_map_lookup_elem(&weir_set_tables, &index);
    struct weir_table_head* head = table ? weir_element(table, 0) : 0;
    if (!head) return;
    __u64 first = head->net_word - 1ull;
    OPAQUE(first);
    if (width > WEIR_NET_WORDS && first <= width - 1 - WEIR_NET_WORDS) weir_mark_net_at(table, head, key + first);
}

/* Is the key in the set of that index now? Carries out change `number`. */
#define SETS_OF_WIDTH(width)                                                                                          \
    GLOBAL_FUNCTION int weir_mark_net_##width(struct weir_key_##width* key, __u32 index) {                            \
        if (key) weir_mark_net_of_key(key->words, width, index);                                                      \
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
        if (change->flags == (WEIR_CHANGE_ADDS | WEIR_CHANGE_IS_NET)) weir_mark_net_##width(key, change->index);      \
        weir_change_set(packet, key->words, width, BOUNDED(number));                                                  \
        return 0;                                                                                                     \
    }
SETS_OF_WIDTH(2)
SETS_OF_WIDTH(6)
SETS_OF_WIDTH(16)

/* Of the prefixes that end in word `word`, 1 to 4, those that are marked and shorter than the net: a bit each, as in
 * the head. Without branches, and so is what follows as far as can be: the verifier would go on from each. */
static __always_inline __u32 weir_shorter_nets(const struct weir_table_head* head, __u32 net, __u64 word) {
    __u64 version6 = net >> 1 & 1;
    __s64 longer = (__s64)(word * 32 + 1) - (net >> 8); /* so many bits are those of longer ones, if any are */
    OPAQUE(longer);
    longer &= ~(longer >> 63);
    __s64 shorter = 32 - longer;
    OPAQUE(shorter);
    shorter &= ~(shorter >> 63);
    longer = (32 - shorter) & 63;
    OPAQUE(longer);
    return head->prefixes[version6 * (WEIR_PREFIXES / 2) + word] & (__u32)(~0ull << longer);
}

/* The last bit of the longest net that may be there: of those in `some`, which end in byte `byte` of word `word`; 0:
 * none. `before`: bpf/table.h. Of the head and the address all is read where it is used: the stack is nearly at its end
 * here. */
static __always_inline __u32 weir_longest_net(void* table, const struct weir_table_head* head, const __u32* address,
                                              __u64 before, __u32 word, __u32 byte, __u32 some) {
    __u64 by_word = *(const volatile __u64*)&head->by[word];
    __u32 first = *(const volatile __u32*)&head->net_first, blocks = *(const volatile __u32*)&head->net_blocks;
    __u64 sum = weir_net_block_sum(head->by, before, by_word, *(const volatile __u32*)address, word, byte);
    const struct weir_net_block* block = weir_net_block(table, first, weir_net_block_of(sum, blocks));
    if (!block) return some & -some;
    by_word = *(const volatile __u64*)&head->by[word];
    __u32 whole = *(const volatile __u32*)address;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 8 && some; i++) {
        __u32 lowest = some & -some;
        if (weir_net_is_marked(block, weir_net_bit_sum(head->by, before, by_word, whole, lowest))) return lowest;
        some ^= lowest;
    }
    return 0;
}

/* Cuts a net to the next shorter one that may be in the set, by the lengths and bits that were ever marked
 * (bpf/table.h); false where there is none. The net itself has what was tried last. */
static __always_inline int weir_cut_net(void* table, const struct weir_table_head* head, __u32* net) {
    __u64 before = weir_net_sum(head->by, net);
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_NET_WORDS; i++) {
        __u64 word = WEIR_NET_WORDS - i;
        OPAQUE(word);
        if (word > WEIR_NET_WORDS || !word) return 0;
        __u32 left = weir_shorter_nets(head, *(volatile __u32*)net, word);
        before -= head->by[word] * *(volatile __u32*)&net[word];
#pragma clang loop unroll(disable)
        for (__u32 byte = 0; byte < 4 && left; byte++) {
            __u32 some = left & 0xffu << 8 * byte;
            left ^= some;
            __u32 lowest = some ? weir_longest_net(table, head, &net[word], before, word, byte, some) : 0;
            if (!lowest) continue;
            net[word] &= -lowest;
            net[0] = (net[0] & 0xff) | (__u32)(word * 32 - weir_popcount(lowest - 1)) << 8;
            return 1;
        }
        net[word] = 0;
    }
    __u32 was = *(volatile __u32*)net;
    net[0] = was & 0xff;
    return weir_shorter_nets(head, was, 0) != 0;
}

/* Is a net of the set around the address whose version is word `at` of the key? It is tried whole, then shorter and
 * shorter. */
#define NETS_OF_WIDTH(width)                                                                                        \
    GLOBAL_FUNCTION int weir_cut_##width(struct weir_key_##width* key, __u32 index, __u32 at) {                     \
        void* table = bpf_map_lookup_elem(&weir_set_tables, &index);                                                \
        const struct weir_table_head* head = table ? weir_element(table, 0) : 0;                                    \
        __u64 first = at;                                                                                           \
        OPAQUE(first);                                                                                              \
        return key && head && first <= width - 5 && weir_cut_net(table, head, key->words + first);                  \
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
