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

GLOBAL_FUNCTION __u32 weir_find_displaced(struct weir_set_group* group, __u64 print) {
    if (!group) return NOWHERE;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_GROUP_ENTRIES; i++)
        if (weir_print_at(group, i) == print) return i;
    return NOWHERE;
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
GLOBAL_FUNCTION int weir_clear_displaced(struct weir_set_group* group, __u32 home) {
    if (!group) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        __u64 print = weir_print_at(group, i);
        if (print && i / WEIR_LINE_ENTRIES != home && weir_set_home(print) == home) return 0;
    }
    *weir_displaced_of(group, home) &= ~WEIR_STRAYS;
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

GLOBAL_FUNCTION int weir_ends_at(__u64* earliest_ns, __u64 end_ns) {
    if (!earliest_ns) return 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 8; i++) {
        __u64 earliest = *(volatile __u64*)earliest_ns;
        if (end_ns >= earliest || __sync_val_compare_and_swap(earliest_ns, earliest, end_ns) == earliest) break;
    }
    return 0;
}

/* ---- a table that is full ---- */

struct weir_sweep {
    void* table;
    __u64 now_ns;
    __u64 from;
};

/* How many were freed; *earliest_ns becomes the first end of the others, where that is earlier. */
GLOBAL_FUNCTION __u32 weir_free_all_ended(struct weir_set_group* group, __u64 now_ns, __u64* earliest_ns) {
    __u32 freed = 0;
    if (!group || !earliest_ns) return 0;
#pragma clang loop unroll(disable)
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        __u64 end_ns = weir_print_at(group, i) ? weir_entry_at(group, i)->end_ns : 0;
        if (!end_ns) continue;
        if (end_ns <= now_ns) {
            weir_free_entry(group, i);
            freed++;
        } else if (end_ns < *earliest_ns) {
            *earliest_ns = end_ns;
        }
        OPAQUE(freed);
    }
    return freed;
}

static long weir_sweep_group(__u32 i, struct weir_sweep* sweep) {
    struct weir_table_head* head = weir_element(sweep->table, 0);
    __u64 swept = sweep->from + i, earliest_ns = ~0ull;
    if (!head || !head->groups) return 1;
    __u32 groups = head->groups;
    struct weir_set_group* group = weir_element(sweep->table, (__u32)(1 + swept % groups));
    if (!group || !weir_lock(weir_group_lock(group))) return 0;
    __u64 freed = weir_free_all_ended(group, sweep->now_ns, &earliest_ns);
    if (freed) weir_tag_group(sweep->table, head, group, (__u32)(1 + swept % groups));
    weir_unlock(weir_group_lock(group));
    __sync_fetch_and_add(&head->entries, -freed);
    weir_ends_at(&head->next_ns, earliest_ns);
    if (swept % groups == groups - 1) { /* once round: what was seen, and what was added meanwhile */
        head->earliest_ns = head->next_ns;
        head->next_ns = ~0ull;
    }
    return 0;
}

/* Frees entries that have ended, in `groups` groups, going on where the last sweep stopped. */
static __always_inline void weir_sweep(void* table, struct weir_table_head* head, __u64 now_ns, __u32 groups) {
    struct weir_sweep sweep = {table, now_ns, __sync_fetch_and_add(&head->swept, groups)};
    bpf_loop(groups, weir_sweep_group, &sweep, 0);
}

/* Before an add: what has ended gives way where the set is full. No packet looks at more than WEIR_SWEEP_GROUPS groups
 * for it. */
static __always_inline void weir_make_space(void* table, __u64 now_ns) {
    struct weir_table_head* head = weir_element(table, 0);
    if (head && *(volatile __u64*)&head->entries >= head->size && *(volatile __u64*)&head->earliest_ns <= now_ns)
        weir_sweep(table, head, now_ns, WEIR_SWEEP_GROUPS);
}

/* ---- changes ---- */

/* A place for one more: its number, and the set has it counted. */
static __always_inline __u32 weir_make_room(const struct weir_set_place* at, __u64 now_ns) {
    struct weir_table_head* head = at->head;
    if (__sync_fetch_and_add(&head->entries, 1) < head->size) {
        __u32 number = weir_find_free(at->group, weir_home(at));
        if (number < NOWHERE) return number;
    }
    __sync_fetch_and_add(&head->entries, -1);
    return weir_free_ended(at->group, now_ns); /* takes that one's place in the count, too */
}

/* Adds the key, or gives it another end. */
static __always_inline int weir_put(void* table, const __u32* key, __u32 width, __u64 end_ns, __u64 now_ns) {
    struct weir_set_place at;
    if (!weir_find_place(table, key, width, &at) || !weir_lock(weir_group_lock(at.group))) return WEIR_REFUSED;
    if (end_ns) {
        weir_ends_at(&at.head->earliest_ns, end_ns);
        weir_ends_at(&at.head->next_ns, end_ns);
    }
    __u32 number = weir_find_entry(&at);
    int done = WEIR_RENEWED;
    if (number < NOWHERE) {
        *(volatile __u64*)&weir_entry_at(at.group, number)->end_ns = end_ns;
    } else {
        number = weir_make_room(&at, now_ns);
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
    weir_unlock(weir_group_lock(at.group));
    return done;
}

/* Was it there? */
static __always_inline int weir_take_out(void* table, const __u32* key, __u32 width) {
    struct weir_set_place at;
    if (!weir_find_place(table, key, width, &at) || !weir_lock(weir_group_lock(at.group))) return 0;
    __u32 number = weir_find_entry(&at);
    if (number < NOWHERE) {
        weir_free_entry(at.group, number);
        weir_tag_group(table, at.head, at.group, weir_group_element(&at));
        __sync_fetch_and_add(&at.head->entries, -1);
    }
    weir_unlock(weir_group_lock(at.group));
    return number < NOWHERE;
}

#endif
