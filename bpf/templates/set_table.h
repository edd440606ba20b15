/* The table of a set that changes: bpf/table.h. Look-ups take no lock; changes take that of the group. */
#ifndef WEIR_BPF_SET_TABLE_H
#define WEIR_BPF_SET_TABLE_H

#include "bpf/table.h"
#include "bpf/templates/element.h"
#include "bpf/templates/lock.h"
#include "bpf/templates/target.h"

/* Where a key would be. */
struct weir_set_place {
    struct weir_table_head* head;
    struct weir_set_group* group;
    __u64 print;
};
#define NOWHERE WEIR_GROUP_ENTRIES

/* Of group `group`, from 0. */
static __always_inline struct weir_group_tags* weir_tags_at(void* table, const struct weir_table_head* head,
                                                            __u64 group) {
    void* element = weir_element(table, weir_tag_element(head->groups, (__u32)group));
    if (!element) return 0;
    group %= WEIR_TAGS_AN_ELEMENT;
    OPAQUE(group);
    return (struct weir_group_tags*)element + (group & (WEIR_TAGS_AN_ELEMENT - 1));
}

/* Of a big table most keys that are not there are told so by its tags, which are in the CPU's caches where the groups
 * are not. */
static __always_inline int weir_excluded_by_tags(void* table, const struct weir_set_place* at) {
    if (at->head->groups < WEIR_TAGGED_GROUPS) return 0;
    const struct weir_group_tags* tags = weir_tags_at(table, at->head, weir_group_of(at->print, at->head->groups) - 1);
    __u64 home = weir_set_home(at->print);
    OPAQUE(home);
    return tags && !weir_may_be_there(*(volatile __u32*)&tags->lines[home & (WEIR_SET_LINES - 1)], at->print);
}

static __always_inline int weir_find_print(void* table, const __u32* key, __u32 width, struct weir_set_place* at) {
    at->head = weir_element(table, 0);
    if (!at->head) return 0;
    at->print = weir_print(at->head->by, key, width);
    return 1;
}
static __always_inline int weir_find_group(void* table, struct weir_set_place* at) {
    at->group = weir_element(table, weir_group_of(at->print, at->head->groups));
    return at->group != 0;
}
static __always_inline int weir_find_place(void* table, const __u32* key, __u32 width, struct weir_set_place* at) {
    return weir_find_print(table, key, width, at) && weir_find_group(table, at);
}

/* Worked out again where they are needed: BPF's stack is 512 bytes for all functions that call one another, and a
 * change of a set is the deepest. */
static __always_inline __u32 weir_home(const struct weir_set_place* at) {
    __u64 print = at->print;
    OPAQUE(print);
    return weir_set_home(print);
}
static __always_inline __u32 weir_group_element(const struct weir_set_place* at) {
    __u64 print = at->print;
    OPAQUE(print);
    return weir_group_of(print, at->head->groups);
}

static __always_inline struct weir_entry* weir_entry_at(struct weir_set_group* group, __u64 number) {
    OPAQUE(number);
    return (struct weir_entry*)group + (number & (WEIR_GROUP_ENTRIES - 1));
}
static __always_inline __u64 weir_print_at(struct weir_set_group* group, __u32 number) {
    return *(volatile __u64*)&weir_entry_at(group, number)->print & ~WEIR_STRAYS;
}
static __always_inline __u64* weir_displaced_of(struct weir_set_group* group, __u32 line) {
    return &weir_entry_at(group, line * WEIR_LINE_ENTRIES + WEIR_LINE_ENTRIES - 1)->print;
}

/* Verified by themselves: the verifier goes through each loop once, not once for each number that another one ended at.
 */

static __always_inline __u32 weir_search_group(struct weir_set_group* group, __u64 print) {
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_GROUP_ENTRIES; i++)
        if (weir_print_at(group, i) == print) return i;
    return NOWHERE;
}
GLOBAL_FUNCTION __u32 weir_find_displaced(struct weir_set_group* group, __u64 print) {
    return group ? weir_search_group(group, print) : NOWHERE;
}

/* The number of its entry in the group, or NOWHERE. A lock is no print: it is 0 or 1. */
static __always_inline __u32 weir_find_entry(const struct weir_set_place* at) {
    __u32 home = weir_set_home(at->print), first = home * WEIR_LINE_ENTRIES;
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++)
        if (weir_print_at(at->group, first + i) == at->print) return first + i;
    if (!(*(volatile __u64*)weir_displaced_of(at->group, home) & WEIR_STRAYS)) return NOWHERE;
    return weir_find_displaced(at->group, at->print);
}

/* The rest is for whoever holds the group's lock. */

static __always_inline __u32* weir_group_lock(struct weir_set_group* group) { return (__u32*)group; }

/* Has nothing of that home gone astray any more? */
GLOBAL_FUNCTION int weir_clear_displaced(struct weir_set_group* group, __u64 home) {
    if (!group) return 0;
    __u64 strays = 0;
    /* Without branches, of which the verifier would follow each way from each entry on. */
#pragma clang loop unroll(disable)
    for (__u64 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        __u64 print = weir_print_at(group, i), not_its = weir_set_home(print) ^ home,
              at_home = i / WEIR_LINE_ENTRIES ^ home;
        strays |= (print | -print) & ~(not_its | -not_its) & (at_home | -at_home);
        OPAQUE(strays);
    }
    if (!(strays >> 63)) *weir_displaced_of(group, home) &= ~WEIR_STRAYS;
    return 0;
}

/* After a change. */
GLOBAL_FUNCTION int weir_tag_lines(struct weir_set_group* group, struct weir_group_tags* tags) {
    if (!group || !tags) return 0;
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_SET_LINES; i++) {
        __u64 line = i;
        OPAQUE(line);
        line &= WEIR_SET_LINES - 1;
        *(volatile __u32*)&tags->lines[line] = weir_tags_of_line(&group->lines[line]);
    }
    return 0;
}
static __always_inline void weir_tag_group(void* table, const struct weir_table_head* head,
                                           struct weir_set_group* group, __u32 element) {
    struct weir_group_tags* tags = weir_tags_at(table, head, element - 1);
    if (tags) weir_tag_lines(group, tags);
}

static __always_inline void weir_free_entry(struct weir_set_group* group, __u32 number) {
    struct weir_entry* entry = weir_entry_at(group, number);
    __u32 home = weir_set_home(entry->print & ~WEIR_STRAYS);
    *(volatile __u64*)&entry->print = entry->print & WEIR_STRAYS;
    entry->end_ns = 0;
    if (home != number / WEIR_LINE_ENTRIES) weir_clear_displaced(group, home);
}

static __always_inline int weir_has_ended(const struct weir_entry* entry, __u64 now_ns) {
    return entry->end_ns && entry->end_ns <= now_ns;
}

/* A free entry, at home where there is one; NOWHERE where the group is full. */
GLOBAL_FUNCTION __u32 weir_find_free(struct weir_set_group* group, __u32 home) {
    if (!group) return NOWHERE;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES + WEIR_GROUP_ENTRIES; i++) {
        __u32 number = i < WEIR_LINE_ENTRIES ? home * WEIR_LINE_ENTRIES + i : i - WEIR_LINE_ENTRIES;
        if (number && !weir_print_at(group, number)) return number;
    }
    return NOWHERE;
}

/* One whose time is over is made free: its number, or NOWHERE. */
GLOBAL_FUNCTION __u32 weir_free_ended(struct weir_set_group* group, __u64 now_ns) {
    if (!group) return NOWHERE;
    __u64 number = 1;
#pragma clang loop unroll(disable)
    for (; number < WEIR_GROUP_ENTRIES; number++)
        if (weir_print_at(group, number) && weir_has_ended(weir_entry_at(group, number), now_ns)) break;
    OPAQUE(number);
    if (number >= NOWHERE) return NOWHERE;
    weir_free_entry(group, number);
    return number;
}

/* User space tells an entry's name by it. */
static __always_inline void weir_keep_key(void* table, const struct weir_set_place* at, __u32 number, const __u32* key,
                                          __u32 width) {
    __u32 key_words = at->head->key_words, per = weir_keys_an_element(key_words);
    __u32 element =
        weir_first_key_element(at->head->groups) + (weir_group_element(at) - 1) * weir_key_elements(key_words);
    element += number / per;
    number %= per;
    __u32* words = weir_element(table, element);
    if (!words) return;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < width; i++) {
        __u64 word = number * key_words + i;
        OPAQUE(word);
        if (i < key_words) words[word & (WEIR_SET_BYTES / 4 - 1)] = key[i];
    }
}

/* ---- dues: when what is in a group ends ---- */

/* Of a group that is locked. */
GLOBAL_FUNCTION __u64 weir_group_due(struct weir_set_group* group) {
    __u64 most = 0;
    if (!group) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        __u64 due = weir_print_at(group, i) ? weir_due_of(weir_entry_at(group, i)->end_ns) : 0;
        most = due > most ? due : most;
        OPAQUE(most);
    }
    return most;
}

/* Makes the due above 64 others the largest of them. Several CPUs may do so at once: who has changed it looks again, so
 * that the last one leaves it right. */
#define DUE_TRIES 8
GLOBAL_FUNCTION int weir_settle_due(struct weir_dues* below, __u64* above) {
    if (!below || !above) return 0;
#pragma clang loop unroll(disable)
    for (int try = 0; try < DUE_TRIES; try++) {
        __u64 was = *(volatile __u64*)above, most = 0;
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < WEIR_DUES; i++) {
            __u64 due = *(volatile __u64*)&below->dues[i];
            most = due > most ? due : most;
            OPAQUE(most);
        }
        if (most == was) break;
        __sync_val_compare_and_swap(above, was, most);
    }
    return 0;
}

/* The element of that level which has due `number`. */
static __always_inline struct weir_dues* weir_dues_at(void* table, const struct weir_table_head* head, __u64 level,
                                                      __u32 number) {
    OPAQUE(level);
    if (level >= WEIR_DUE_LEVELS || !head->due_first[level]) return 0;
    return weir_element(table, head->due_first[level] + number / WEIR_DUES);
}
static __always_inline __u64* weir_due_at(struct weir_dues* dues, __u64 number) {
    OPAQUE(number);
    return &dues->dues[number & (WEIR_DUES - 1)];
}

#define ANY_END ~0ull
/* An entry of group `number`, from 0, which is locked, ended at `before_ns` and ends at `after_ns` now; 0: it has no
 * end, or is not there. ANY_END: something ended before. A function of its own: its callers' stack is deep. */
static __attribute__((noinline)) int weir_end_changed(void* table, __u32 number, __u64 before_ns, __u64 after_ns) {
    struct weir_table_head* head = weir_element(table, 0);
    struct weir_dues* dues = head ? weir_dues_at(table, head, 0, number) : 0;
    if (!dues) return 0;
    __u64 *at = weir_due_at(dues, number), before = *at, after = weir_due_of(after_ns);
    if (after <= before) {
        if (before_ns != ANY_END && weir_due_of(before_ns) != before) return 0;
        struct weir_set_group* group = weir_element(table, 1 + number);
        if (!group) return 0;
        after = weir_group_due(group);
    }
    if (after == before) return 0;
    __sync_lock_test_and_set(at, after); /* seen by all before what is above it is read */
#pragma clang loop unroll(disable)
    for (__u32 level = 1; level <= WEIR_DUE_LEVELS; level++) {
        number /= WEIR_DUES;
        struct weir_dues* above = weir_dues_at(table, head, level, number);
        at = above ? weir_due_at(above, number) : &head->due;
        __u64 was = *(volatile __u64*)at;
        if (after <= was && before != was) break; /* it is another's */
        weir_settle_due(dues, at);
        before = was;
        after = *(volatile __u64*)at;
        if (!above || before == after) break;
        dues = above;
    }
    return 0;
}

/* ---- nets: the bits that say which may be there ---- */

/* Block `block`, of those from element `first` on; none: every net may be there. */
static __always_inline struct weir_net_block* weir_net_block(void* table, __u32 first, __u32 block) {
    if (!first) return 0;
    void* element = weir_element(table, first + block / WEIR_NET_BLOCKS_AN_ELEMENT);
    if (!element) return 0;
    __u64 in_element = block;
    OPAQUE(in_element);
    return (struct weir_net_block*)element + (in_element & (WEIR_NET_BLOCKS_AN_ELEMENT - 1));
}

static __always_inline int weir_net_is_marked(const struct weir_net_block* block, __u64 sum) {
    __u64 word = WEIR_NET_WORD(sum);
    OPAQUE(word);
    return (*(const volatile __u64*)&block->words[word & (WEIR_NET_BLOCK_WORDS - 1)] & WEIR_NET_BIT(sum)) != 0;
}

/* A net that is put: `net` has its five words. */
static __always_inline void weir_mark_net_at(void* table, struct weir_table_head* head, const __u32* net) {
    weir_mark_net(head, net[0]);
    struct weir_net_place at = weir_net_place_of(head, net);
    struct weir_net_block* block = weir_net_block(table, head->net_first, at.block);
    __u64 word = at.word;
    OPAQUE(word);
    if (block) __sync_fetch_and_or(&block->words[word & (WEIR_NET_BLOCK_WORDS - 1)], at.bit);
}

/* ---- a table that is full ---- */

/* How many were freed. */
GLOBAL_FUNCTION __u32 weir_free_all_ended(struct weir_set_group* group, __u64 now_ns) {
    __u32 freed = 0;
    if (!group) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        if (weir_print_at(group, i) && weir_has_ended(weir_entry_at(group, i), now_ns)) {
            weir_free_entry(group, i);
            freed++;
        }
        OPAQUE(freed);
    }
    return freed;
}

#define NO_DUE WEIR_DUES
GLOBAL_FUNCTION __u32 weir_find_due(struct weir_dues* dues, __u64 least) {
    if (!dues) return NO_DUE;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_DUES; i++)
        if (*(volatile __u64*)&dues->dues[i] >= least) return i;
    return NO_DUE;
}

/* Frees what has ended in one group. 0 where nothing has in any. */
static __attribute__((noinline)) int weir_free_some(void* table, __u64 now_ns) {
    struct weir_table_head* head = weir_element(table, 0);
    __u64 least = ~now_ns; /* the due of what ends just now */
    __u32 number = 0;
    if (!head || *(volatile __u64*)&head->due < least || !head->due) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i <= WEIR_DUE_LEVELS; i++) {
        __u64 level = WEIR_DUE_LEVELS - i;
        OPAQUE(level);
        if (level >= WEIR_DUE_LEVELS || !head->due_first[level]) continue;
        struct weir_dues* dues = weir_element(table, head->due_first[level] + number);
        __u32 found = dues ? weir_find_due(dues, least) : NO_DUE;
        if (found >= NO_DUE) return 0; /* another CPU was first */
        number = number * WEIR_DUES + found;
    }
    struct weir_set_group* group = weir_element(table, 1 + number);
    if (!group || !weir_lock(weir_group_lock(group))) return 0;
    __u64 freed = weir_free_all_ended(group, now_ns);
    if (freed) weir_tag_group(table, head, group, 1 + number);
    weir_end_changed(table, number, ANY_END, 0);
    weir_unlock(weir_group_lock(group));
    __sync_fetch_and_add(&head->entries, -freed);
    return 1;
}

/* Before an add to a set that is full: what has ended gives way. Other CPUs may take the places that were freed. */
#define SPACE_TRIES 4
static __always_inline void weir_make_space(void* table, __u64 now_ns) {
    struct weir_table_head* head = weir_element(table, 0);
#pragma clang loop unroll(disable)
    for (int try = 0; head && try < SPACE_TRIES; try++)
        if (*(volatile __u64*)&head->entries < head->size || !weir_free_some(table, now_ns)) break;
}

/* ---- changes ---- */

/* A place for one more: its number, and the set has it counted. *before_ns: as weir_end_changed() wants it. */
static __always_inline __u32 weir_make_room(const struct weir_set_place* at, __u64 now_ns, __u64* before_ns) {
    struct weir_table_head* head = at->head;
    if (__sync_fetch_and_add(&head->entries, 1) < head->size) {
        __u32 number = weir_find_free(at->group, weir_home(at));
        if (number < NOWHERE) return number;
    }
    __sync_fetch_and_add(&head->entries, -1);
    *before_ns = ANY_END;
    return weir_free_ended(at->group, now_ns); /* takes that one's place in the count, too */
}

/* Adds the key, or gives it another end. */
static __always_inline int weir_put(void* table, const __u32* key, __u32 width, __u64 end_ns, __u64 now_ns) {
    struct weir_set_place at;
    if (!weir_find_place(table, key, width, &at) || !weir_lock(weir_group_lock(at.group))) return WEIR_REFUSED;
    __u32 number = weir_find_entry(&at);
    int done = WEIR_RENEWED;
    __u64 before_ns = 0;
    if (number < NOWHERE) {
        before_ns = weir_entry_at(at.group, number)->end_ns;
        *(volatile __u64*)&weir_entry_at(at.group, number)->end_ns = end_ns;
    } else {
        number = weir_make_room(&at, now_ns, &before_ns);
        done = number < NOWHERE ? WEIR_PUT : WEIR_REFUSED;
    }
    if (done == WEIR_PUT) {
        struct weir_entry* entry = weir_entry_at(at.group, number);
        weir_keep_key(table, &at, number, key, width);
        entry->end_ns = end_ns;
        *(volatile __u64*)&entry->print = at.print | (entry->print & WEIR_STRAYS);
        __u32 home = weir_home(&at);
        if (number / WEIR_LINE_ENTRIES != home) *weir_displaced_of(at.group, home) |= WEIR_STRAYS;
        weir_mark_region(at.head, weir_group_element(&at));
        weir_tag_group(table, at.head, at.group, weir_group_element(&at));
    }
    if (done != WEIR_REFUSED) weir_end_changed(table, weir_group_element(&at) - 1, before_ns, end_ns);
    weir_unlock(weir_group_lock(at.group));
    return done;
}

/* Was it there? */
static __always_inline int weir_take_out(void* table, const __u32* key, __u32 width) {
    struct weir_set_place at;
    if (!weir_find_place(table, key, width, &at) || !weir_lock(weir_group_lock(at.group))) return 0;
    __u32 number = weir_find_entry(&at);
    if (number < NOWHERE) {
        __u64 before_ns = weir_entry_at(at.group, number)->end_ns;
        weir_free_entry(at.group, number);
        weir_tag_group(table, at.head, at.group, weir_group_element(&at));
        weir_end_changed(table, weir_group_element(&at) - 1, before_ns, 0);
        __sync_fetch_and_add(&at.head->entries, -1);
    }
    weir_unlock(weir_group_lock(at.group));
    return number < NOWHERE;
}

#endif
