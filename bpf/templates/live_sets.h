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

/* Has that entry that print, and has its time not ended? */
static __always_inline int weir_holds_now(struct weir_packet* packet, struct weir_set_group* group, __u32 number,
                                          __u64 print) {
    __u64 end_ns = *(volatile __u64*)&weir_entry_at(group, number)->end_ns;
    if (weir_print_at(group, number) != print) /* it gave way meanwhile, and the time is another's */
        return 0;
    return !end_ns || weir_is_before(packet, end_ns);
}

/* Is the key with the print `at` has in the set now? */
static __always_inline int weir_is_at(struct weir_packet* packet, void* table, struct weir_set_place* at) {
    if (weir_excluded_by_tags(table, at) || !weir_find_group(table, at)) return 0;
    __u32 number = weir_find_entry(at);
    if (number >= NOWHERE) return 0;
    return weir_holds_now(packet, at->group, number, at->print);
}

static __always_inline int weir_in_live_set(struct weir_packet* packet, void* table, const __u32* key, __u32 width) {
    struct weir_set_place at;
    return table && weir_find_print(table, key, width, &at) && weir_is_at(packet, table, &at);
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

/* ---- nets: a look-up for each length of a prefix that a net of the set ever had (bpf/table.h), longest first. Of
 * their keys only the net's first word differs and the one in which the prefix ends: so what the others add to the
 * print is added once. ---- */

/* Word `word` of a key or factor of a print; there are so many. */
static __always_inline __u64 weir_key_word_at(const __u32* words, __u64 word, const __u32 count) {
    OPAQUE(word);
    return word < count ? words[word] : 0;
}
static __always_inline __u64 weir_by_at(const struct weir_table_head* head, __u64 word) {
    OPAQUE(word);
    return word < WEIR_PRINT_WORDS ? head->by[word] : 0;
}

/* Of a net that may be in that group: is it there now? A function of its own: few lengths get so far. */
GLOBAL_FUNCTION int weir_is_in_group(struct weir_packet* packet, struct weir_set_group* group, __u64 print) {
    if (!packet || !group) return 0;
    __u32 first = weir_set_home(print) * WEIR_LINE_ENTRIES, number = NOWHERE;
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++)
        if (weir_print_at(group, first + i) == print) number = first + i;
    if (number >= NOWHERE) number = weir_search_group(group, print);
    return number < NOWHERE && weir_holds_now(packet, group, number, print);
}

/* May the key with the print `at` has be in its group? Without a branch an entry. */
static __always_inline int weir_may_be_at(void* table, struct weir_set_place* at) {
    if (weir_excluded_by_tags(table, at) || !weir_find_group(table, at)) return 0;
    __u64 home = weir_set_home(at->print), there = 0;
    OPAQUE(home);
    const struct weir_set_line* line = &at->group->lines[home & (WEIR_SET_LINES - 1)];
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++) {
        __u64 unlike = (*(const volatile __u64*)&line->entries[i].print & ~WEIR_STRAYS) ^ at->print;
        there |= ~(unlike | -unlike) >> 63;
        OPAQUE(there);
    }
    return there | (*(const volatile __u64*)&line->entries[WEIR_LINE_ENTRIES - 1].print & WEIR_STRAYS);
}

/* weir_print_of_sum() without its branch: the verifier would follow both ways for each length. */
static __always_inline __u64 weir_print_of_nets(__u64 sum) {
    __u64 print = sum & ~WEIR_STRAYS, negative = -print;
    OPAQUE(negative);
    return print | (~(print | negative) >> 63) << 1;
}

/* The lengths that end in word `word` of the address, 1 to 4; 0: the length 0. The net is at word `first` of the key,
 * and `sum` is what the words but for those two add to the print. */
static __always_inline int weir_in_nets_of_word(struct weir_packet* packet, void* table, const __u32* key,
                                                const __u32 width, __u64 first, __u64 word, __u64 sum) {
    const struct weir_table_head* head = weir_element(table, 0);
    if (!head) return 0;
    __u64 version = weir_key_word_at(key, first, width), prefixes = word + (version == 6 ? WEIR_PREFIXES / 2 : 0);
    __u64 address = word ? weir_key_word_at(key, first + word, width) : 0;
    __u64 by_length = weir_by_at(head, first), by_address = weir_by_at(head, first + word);
    OPAQUE(prefixes);
    if (prefixes >= WEIR_PREFIXES) return 0;
    __u32 left = head->prefixes[prefixes];
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < 32 && left; i++) {
        __u32 lowest = left & -left;
        __u64 bits = word * 32 - weir_popcount(lowest - 1);
        struct weir_set_place at = {(struct weir_table_head*)head, 0, 0};
        at.print =
            weir_print_of_nets(sum + by_length * (version | bits << 8) + by_address * (__u32)(address & -lowest));
        if (weir_may_be_at(table, &at) && weir_is_in_group(packet, at.group, at.print)) return 1;
        left &= left - 1;
        OPAQUE(left);
    }
    return 0;
}

/* Is a net of the set around the address whose version is word `at` of the key? */
#define NETS_OF_WIDTH(width)                                                                                     \
    GLOBAL_FUNCTION int weir_in_nets_of_word_##width(struct weir_packet* packet, struct weir_key_##width* key,   \
                                                     __u32 index, __u32 at, __u64 sum) {                         \
        void* table = bpf_map_lookup_elem(&weir_set_tables, &index);                                             \
        if (!packet || !key || !table) return 0;                                                                 \
        return weir_in_nets_of_word(packet, table, key->words, width, at & 0xff, at >> 8 & 0xff, sum);           \
    }                                                                                                            \
    GLOBAL_FUNCTION int weir_in_live_nets_##width(struct weir_packet* packet, struct weir_key_##width* key,      \
                                                  __u32 index, __u32 at) {                                       \
        void* table = bpf_map_lookup_elem(&weir_set_tables, &index);                                             \
        const struct weir_table_head* head = table ? weir_element(table, 0) : 0;                                 \
        if (!packet || !key || !head || at > width - 5) return 0;                                                \
        __u64 sum = 0, before[5] = {}, is6 = weir_key_word_at(key->words, at, width) == 6;                       \
        _Pragma("clang loop unroll(full)") for (__u32 i = 0; i < width; i++) sum += head->by[i] * key->words[i]; \
        _Pragma("clang loop unroll(full)") for (__u32 i = 4; i > 0; i--) sum -=                                  \
            weir_by_at(head, at + i) * weir_key_word_at(key->words, at + i, width);                              \
        sum -= weir_by_at(head, at) * weir_key_word_at(key->words, at, width);                                   \
        before[0] = before[1] = sum;                                                                             \
        _Pragma("clang loop unroll(full)") for (__u32 i = 2; i < 5; i++) before[i] =                             \
            before[i - 1] + weir_by_at(head, at + i - 1) * weir_key_word_at(key->words, at + i - 1, width);      \
        _Pragma("clang loop unroll(full)") for (__u32 i = 4; i < 5; i--) {                                       \
            if (i > 1 && !is6) continue;                                                                         \
            if (head->prefixes[(is6 ? WEIR_PREFIXES / 2 : 0) + i] &&                                             \
                weir_in_nets_of_word_##width(packet, key, index, at | i << 8, before[i]))                        \
                return 1;                                                                                        \
        }                                                                                                        \
        return 0;                                                                                                \
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
