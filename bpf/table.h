/* Tables of state, as program and user space see them: array maps of elements of WEIR_SET_BYTES or WEIR_TERM_BYTES.
 * Element 0 is the head, then come `groups` groups; in a set's table the tags and the keys follow. Compiles as C and
 * as C++.
 *
 * A key is known by its print, a hash of it that nobody outside can foresee: `by` is random, one a table. Of two keys
 * that differ in one word the prints differ; of any other two they are the same with a chance of about 2^-60. The print
 * says which group the key is in, and which line of the group is its home: mostly it is there, so that one cache line
 * is read. A key that found its home full is elsewhere in the group, and its home says so. There are so many groups
 * that, at the size the policy asked for, half of a term's cells are free, and two in three of a set's. */
#ifndef WEIR_BPF_TABLE_H
#define WEIR_BPF_TABLE_H

#include <linux/types.h>

#define WEIR_SET_BYTES 512u   /* of an element: a group */
#define WEIR_TERM_BYTES 1024u /* likewise */
#define WEIR_KEY_WORDS 16u
#define WEIR_REGIONS 1024u
#define WEIR_PREFIXES 10u /* 5 for IPv4, 5 for IPv6 */
#define WEIR_NET_WORDS 4u /* of an address in a net; before them, its version and length */

/* What a print is made of: the words of a key, and of a throttle's also what it belongs to (two words), and 1 where
 * the packet lacks a field of the key. */
#define WEIR_PRINT_IDENTITY WEIR_KEY_WORDS
#define WEIR_PRINT_ABSENT (WEIR_KEY_WORDS + 2)
#define WEIR_PRINT_WORDS (WEIR_KEY_WORDS + 3)

/* When the first entry of a group of a set ends: ~end_ns, 0 where none does. That is the group's due: the larger, the
 * sooner. Dues are in levels: level 0 has one a group, each other level one for 64 of the level below, the largest of
 * them; the last level is one element. So one step a level finds an entry that has ended, if there is one. */
#define WEIR_DUES 64u
#define WEIR_DUE_LEVELS 4u /* 16 million groups */
struct weir_dues {
    __u64 dues[WEIR_DUES];
};

struct weir_table_head {
    __u64 by[WEIR_PRINT_WORDS]; /* odd */
    __u32 groups;
    __u32 size;                       /* entries that a set may have */
    __u32 key_words;                  /* 2, 6 or 16: of a set's keys as they are kept */
    __u32 region_shift;               /* a group's region: its number >> region_shift */
    __u32 has_tags;                   /* 1: a set's */
    __u32 net_word;                   /* of a key of a set of nets: 1 + the first of the net; else 0 */
    __u32 prefixes[WEIR_PREFIXES];    /* of nets that were ever put: weir_mark_prefix() */
    __u64 entries;                    /* of a set, those that have ended too until they give way */
    __u64 due;                        /* above the last level of dues */
    __u32 due_first[WEIR_DUE_LEVELS]; /* of a set: the first element of each level of dues; 0: there is none */
    __u64 nodes;                      /* these: of a set of names, bpf/name_table.h */
    __u32 text_blocks, free_text, is_changing, unused;
    __u64 labels_before;              /* of a set of names that does not change: each name has more labels than that */
    __u64 regions[WEIR_REGIONS / 64]; /* bits: those where something was ever put */
    __u32 net_first;                  /* of a set of nets: the first element of its blocks; 0: there are none */
    __u32 net_blocks;
    __u64 rest[12];
};

/* Bits that say of most nets that are not in the set that they are not: one for each net that was ever put. Its first
 * bytes, without the one in which it ends, pick a block, one cache line; all of it picks the bit. So a look-up reads a
 * line for eight lengths. A bit stays when its net goes, until the table is made again. */
#define WEIR_NET_BLOCK_WORDS 8u
struct weir_net_block {
    __u64 words[WEIR_NET_BLOCK_WORDS];
};
#define WEIR_NET_BLOCKS_AN_ELEMENT (WEIR_SET_BYTES / (__u32)sizeof(struct weir_net_block))

/* The bucket of a rate lacks `taken` nanosecond-tokens at `time_ns`; a count has `taken` packets in the window that
 * opened at `time_ns`; a `distinct` has one value or mark less than `taken` in it; a throttle has let
 * `taken` & 0xffffffff events pass in it, and held back `taken` >> 32 since. Zero: a bucket that is full, a window that
 * has not opened. */
struct weir_cell {
    __u64 print; /* 0: free */
    __u64 time_ns;
    __u64 taken;
};
#define WEIR_LINE_CELLS 2u
#define WEIR_TERM_LINES 16u
struct weir_term_line {
    __u32 lock; /* 1 while a CPU works on the line; who puts a key into a group holds that of line 0, too */
    __u16 touched;
    __u16 displaced;             /* 1: a key whose home it is may be in another line */
    __u32 ends[WEIR_LINE_CELLS]; /* of a throttle's windows: ns >> WEIR_END_SHIFT, rounded up; else 0 */
    struct weir_cell cells[WEIR_LINE_CELLS];
};
#define WEIR_END_SHIFT 26 /* 67 ms: half of 2^32 of them is 4.5 years */
/* A key is in the first cell that was free when it came, from its home on and round the group. Cells are never free
 * again: in a group that is full a new key takes the place of another. So who looks for a key stops at a free cell. */
struct weir_term_group {
    struct weir_term_line lines[WEIR_TERM_LINES];
};
#define WEIR_GROUP_CELLS (WEIR_TERM_LINES * WEIR_LINE_CELLS)

/* Behind the groups of a `distinct` each cell has WEIR_CELL_VALUES words: prints of the values of its window, in the
 * order in which they came, or the bitmap (bpf/abi.h). They are what an earlier window left where the cell says less.
 */
#define WEIR_CELL_VALUES 32u
#define WEIR_VALUE_CELLS (WEIR_TERM_BYTES / 8 / WEIR_CELL_VALUES) /* cells an element */
#define WEIR_VALUE_ELEMENTS (WEIR_GROUP_CELLS / WEIR_VALUE_CELLS) /* of a group */

/* A set's cells; cell 0 of a group is its lock. Bit 0 of the last print of a line is its `strays`. */
struct weir_entry {
    __u64 print;  /* but for that bit, 0: free */
    __u64 end_ns; /* CLOCK_MONOTONIC; 0: it has no end; WEIR_INNER_NODE */
};
#define WEIR_LINE_ENTRIES 4u
#define WEIR_SET_LINES 8u
struct weir_set_line {
    struct weir_entry entries[WEIR_LINE_ENTRIES];
};
struct weir_set_group {
    struct weir_set_line lines[WEIR_SET_LINES];
};
#define WEIR_GROUP_ENTRIES (WEIR_SET_LINES * WEIR_LINE_ENTRIES)
#define WEIR_STRAYS 1ull
/* Of a set of names: names of the set end in this one, and it is not one itself. An end that is always over. */
#define WEIR_INNER_NODE 1ull

/* Of a set's lines: a byte an entry, 0 where it is free, and in the highest bit the line's strays. They are a sixteenth
 * of the groups, and say of most keys that are not there that they are not. */
struct weir_group_tags {
    __u32 lines[WEIR_SET_LINES];
};
#define WEIR_TAGS_AN_ELEMENT (WEIR_SET_BYTES / sizeof(struct weir_group_tags))
#define WEIR_TAG_STRAYS 0x80000000u
#define WEIR_TAGGED_GROUPS 4096u /* with fewer, 2 MB, look-ups go to the groups at once */

/* Cells a key that a table is made with. A term's: that a group is full before half of the keys are there has a chance
 * of about 10^-11 (33 keys where 8 are expected). */
static inline __u32 weir_term_groups(__u32 size) { return size / (WEIR_GROUP_CELLS / 2) + 1; }
/* The element that has the values of a cell; a group's element is `group`, from 1. */
static inline __u32 weir_value_element(__u32 groups, __u32 group, __u32 cell) {
    return 1 + groups + (group - 1) * WEIR_VALUE_ELEMENTS + cell / WEIR_VALUE_CELLS;
}
static inline __u32 weir_first_value(__u32 cell) { return cell % WEIR_VALUE_CELLS * WEIR_CELL_VALUES; }
static inline __u32 weir_term_elements(__u32 groups, int has_values) {
    return 1 + groups + (has_values ? groups * WEIR_VALUE_ELEMENTS : 0);
}
static inline __u32 weir_set_groups(__u32 size) { return (__u32)((__u64)size * 3 / 31) + 1; }
/* Elements that keep the keys of a group of a set: as many keys to an element as fit. */
static inline __u32 weir_keys_an_element(__u32 key_words) { return key_words == 2 ? 32 : key_words == 6 ? 21 : 8; }
static inline __u32 weir_key_elements(__u32 key_words) { return key_words == 2 ? 1 : key_words == 6 ? 2 : 4; }
static inline __u32 weir_tag_element(__u32 groups, __u32 group) {
    return 1 + groups + group / (__u32)WEIR_TAGS_AN_ELEMENT;
} /* `group` from 0 */
static inline __u32 weir_first_key_element(__u32 groups) { return weir_tag_element(groups, groups - 1) + 1; }
static inline __u32 weir_first_due_element(__u32 groups, __u32 key_words) {
    return weir_first_key_element(groups) + groups * weir_key_elements(key_words);
}
/* Elements of the level above one of so many dues. */
static inline __u32 weir_due_elements(__u32 dues) { return (dues + WEIR_DUES - 1) / WEIR_DUES; }
static inline __u32 weir_first_net_element(__u32 groups, __u32 key_words) {
    __u32 elements = weir_first_due_element(groups, key_words), dues = groups;
    do elements += dues = weir_due_elements(dues);
    while (dues > 1);
    return elements;
}
/* Two blocks a group: of a full set five of the 512 bits of a block are set. */
static inline __u32 weir_net_elements(__u32 groups) { return groups / (WEIR_NET_BLOCKS_AN_ELEMENT / 2) + 1; }
static inline __u32 weir_set_elements(__u32 groups, __u32 key_words, __u32 net_word) {
    return weir_first_net_element(groups, key_words) + (net_word ? weir_net_elements(groups) : 0);
}
static inline __u64 weir_due_of(__u64 end_ns) { return end_ns ? ~end_ns : 0; }

/* What bpf/templates/tables.bpf.c carries out for user space. */
enum weir_set_request_kind { WEIR_SET_REQUEST_PUT, WEIR_SET_REQUEST_TAKE_OUT, WEIR_SET_REQUEST_FREE_ENDED };
struct weir_set_request {
    __u32 key[WEIR_KEY_WORDS]; /* ends in zero words */
    __u64 end_ns;
    __u32 kind;   /* enum weir_set_request_kind */
    __u32 answer; /* enum weir_put; taken out: 1 where it was there */
};
#define WEIR_SET_REQUESTS 1024u
#define WEIR_FREED_GROUPS 32u /* that one request frees of what has ended */
enum weir_put { WEIR_REFUSED, WEIR_RENEWED, WEIR_PUT };

static inline __u64 weir_print_of_sum(__u64 sum) {
    sum &= ~WEIR_STRAYS;
    return sum ? sum : 2;
}
static inline __u64 weir_print(const __u64* by, const __u32* words, __u32 count) {
    __u64 sum = 0;
    for (__u32 i = 0; i < count; i++) sum += by[i] * words[i];
    return weir_print_of_sum(sum);
}
static inline __u64 weir_mix(__u64 print) {
    print ^= print >> 32;
    print *= 0xff51afd7ed558ccdull;
    return print ^ print >> 32;
}
/* Its element, and the line in it. */
static inline __u32 weir_group_of(__u64 print, __u32 groups) {
    return (__u32)(1 + ((weir_mix(print) & 0xffffffff) * groups >> 32));
}
static inline __u32 weir_set_home(__u64 print) { return (__u32)(weir_mix(print) >> 40 & (WEIR_SET_LINES - 1)); }
static inline __u32 weir_term_home(__u64 print) { return (__u32)(weir_mix(print) >> 40 & (WEIR_TERM_LINES - 1)); }

static inline __u32 weir_tag(__u64 print) {
    __u32 tag = weir_mix(print) >> 48 & 0x7f;
    return tag ? tag : 1;
}
static inline __u32 weir_tags_of_line(const struct weir_set_line* line) {
    __u32 tags = line->entries[WEIR_LINE_ENTRIES - 1].print & WEIR_STRAYS ? WEIR_TAG_STRAYS : 0;
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++) {
        __u64 print = line->entries[i].print & ~WEIR_STRAYS;
        if (print) tags |= weir_tag(print) << 8 * i;
    }
    return tags;
}
/* By the tags of its home: 0: the key is not there. */
static inline int weir_may_be_there(__u32 tags, __u64 print) {
    __u32 differ = (tags & ~0x80808080u) ^ weir_tag(print) * 0x01010101u;
    return tags & WEIR_TAG_STRAYS || ((differ + 0x7f7f7f7fu) & 0x80808080u) != 0x80808080u;
}

/* A look-up asks for each prefix of an address that a net of the set may have. Those of 32 * i - n bits, n < 32, are
 * bit n of word i; IPv6's words are behind IPv4's. */
static inline void weir_mark_net(struct weir_table_head* head, __u32 net) {
    __u32 bits = net >> 8;
    __u64 word = ((net & 0xff) == 6 ? WEIR_PREFIXES / 2 : 0) + (bits + 31) / 32;
    if (word < WEIR_PREFIXES) __sync_fetch_and_or(&head->prefixes[word], 1u << ((0u - bits) & 31));
}

/* ---- the bit of a net, whose first word is its version and length, then come four of its address ---- */

/* Of the address. Words behind the net's last one are 0. */
static inline __u64 weir_net_sum(const __u64* by, const __u32* net) {
    return by[1] * net[1] + by[2] * net[2] + by[3] * net[3] + by[4] * net[4];
}
/* `address`: word `word`, 1 to 4, in whose byte `byte`, from the right, the net ends; `before`: the sum of the words
 * before it. */
static inline __u64 weir_net_block_sum(const __u64* by, __u64 before, __u64 by_word, __u32 address, __u32 word,
                                       __u32 byte) {
    return before + by_word * (address & ~0xffu << 8 * byte) + by[0] * (word * 4 + byte);
}
static inline __u32 weir_net_block_of(__u64 sum, __u32 blocks) { return (__u32)((sum >> 32) * blocks >> 32); }
/* `lowest`: the last bit of the word that belongs to the net. The result's highest three bits are the word of the
 * block, the six next ones the bit in it. */
static inline __u64 weir_net_bit_sum(const __u64* by, __u64 before, __u64 by_word, __u32 address, __u32 lowest) {
    return before + by_word * (address & (0 - lowest)) + by[0] * lowest;
}
#define WEIR_NET_WORD(sum) ((sum) >> 61)
#define WEIR_NET_BIT(sum) (1ull << ((sum) >> 55 & 63))

/* Which block a net is in, and its bit there. Not of the net of all addresses, which a look-up always asks for. */
struct weir_net_place {
    __u32 block;
    __u32 word;
    __u64 bit;
};
static inline struct weir_net_place weir_net_place_of(const struct weir_table_head* head, const __u32* net) {
    __u32 bits = net[0] >> 8, after = (0u - bits) & 31;
    __u64 word = ((bits + 31) / 32 - 1) & (WEIR_NET_WORDS - 1);
    __u64 by_word = head->by[1 + word], before = weir_net_sum(head->by, net) - by_word * net[1 + word];
    __u64 sum = weir_net_bit_sum(head->by, before, by_word, net[1 + word], 1u << after);
    struct weir_net_place place = {
        weir_net_block_of(weir_net_block_sum(head->by, before, by_word, net[1 + word], 1 + (__u32)word, after / 8),
                          head->net_blocks),
        (__u32)WEIR_NET_WORD(sum), WEIR_NET_BIT(sum)};
    return place;
}

/* ---- a table that no program uses yet, or a copy of one; `elements` is where its first begins ---- */

static inline struct weir_entry* weir_entry_of_table(void* elements, __u32 group, __u32 number) {
    return (struct weir_entry*)((char*)elements + (__u64)(1 + group) * WEIR_SET_BYTES) + number;
}
static inline __u32* weir_key_of_entry(void* elements, __u32 group, __u32 number) {
    const struct weir_table_head* head = (const struct weir_table_head*)elements;
    __u32 per = weir_keys_an_element(head->key_words), each = weir_key_elements(head->key_words);
    __u64 element = weir_first_key_element(head->groups) + (__u64)group * each + number / per;
    return (__u32*)((char*)elements + element * WEIR_SET_BYTES) + number % per * head->key_words;
}

static inline void weir_tag_line(void* elements, __u32 group, __u32 line) {
    const struct weir_table_head* head = (const struct weir_table_head*)elements;
    char* element = (char*)elements + (__u64)weir_tag_element(head->groups, group) * WEIR_SET_BYTES;
    struct weir_group_tags* tags = (struct weir_group_tags*)element + group % WEIR_TAGS_AN_ELEMENT;
    tags->lines[line] = weir_tags_of_line((const struct weir_set_line*)weir_entry_of_table(elements, group, 0) + line);
}

static inline struct weir_net_block* weir_net_block_of_table(void* elements, __u32 block) {
    const struct weir_table_head* head = (const struct weir_table_head*)elements;
    return (struct weir_net_block*)((char*)elements + (__u64)head->net_first * WEIR_SET_BYTES) + block;
}
/* A net that is put. */
static inline void weir_mark_prefix(void* elements, const __u32* key) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    if (!head->net_word) return;
    const __u32* net = key + head->net_word - 1;
    weir_mark_net(head, net[0]);
    if (!head->net_blocks) return;
    struct weir_net_place at = weir_net_place_of(head, net);
    weir_net_block_of_table(elements, at.block)->words[at.word] |= at.bit;
}

/* The head of an empty one; the rest must be zeros. `random` has WEIR_PRINT_WORDS numbers. 0 words: a term's. */
static inline void weir_begin_table(void* elements, const __u64* random, __u32 groups, __u32 size, __u32 key_words,
                                    __u32 net_word) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    for (__u32 i = 0; i < WEIR_PRINT_WORDS; i++) head->by[i] = random[i] | 1;
    head->groups = groups;
    head->size = size;
    head->key_words = key_words ? key_words : WEIR_KEY_WORDS;
    head->has_tags = key_words != 0;
    head->net_word = net_word;
    head->region_shift = 0;
    while (groups >> head->region_shift >= WEIR_REGIONS) head->region_shift++;
    for (__u32 level = 0, dues = groups, first = weir_first_due_element(groups, key_words); level < WEIR_DUE_LEVELS;
         level++) {
        head->due_first[level] = key_words && (level == 0 || dues > 1) ? first : 0;
        dues = weir_due_elements(dues);
        first += dues;
    }
    head->net_first = net_word ? weir_first_net_element(groups, key_words) : 0;
    head->net_blocks = net_word ? weir_net_elements(groups) * WEIR_NET_BLOCKS_AN_ELEMENT : 0;
}

static inline __u64* weir_due_of_table(void* elements, __u32 level, __u32 number) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    if (level == WEIR_DUE_LEVELS || !head->due_first[level]) return &head->due;
    return (__u64*)((char*)elements + (__u64)head->due_first[level] * WEIR_SET_BYTES) + number;
}
/* One more entry of that group. */
static inline void weir_note_due(void* elements, __u32 group, __u64 due) {
    for (__u32 level = 0, number = group; level <= WEIR_DUE_LEVELS; level++, number /= WEIR_DUES) {
        __u64* at = weir_due_of_table(elements, level, number);
        if (*at < due) *at = due;
    }
}

/* 0: the key's group has no place for it, or the set is full. */
static inline int weir_put_first(void* elements, const __u32* key, __u64 end_ns) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    __u64 print = weir_print(head->by, key, head->key_words);
    __u32 group = weir_group_of(print, head->groups) - 1, home = weir_set_home(print),
          region = (1 + group) >> head->region_shift;
    __u32 place = WEIR_GROUP_ENTRIES;
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES + WEIR_GROUP_ENTRIES; i++) {
        __u32 number = i < WEIR_LINE_ENTRIES ? home * WEIR_LINE_ENTRIES + i : i - WEIR_LINE_ENTRIES;
        __u64 there = weir_entry_of_table(elements, group, number)->print & ~WEIR_STRAYS;
        if (there == print) { /* of the file, where nothing ends */
            weir_entry_of_table(elements, group, number)->end_ns = end_ns;
            weir_note_due(elements, group, weir_due_of(end_ns));
            return 1;
        }
        if (number && !there && place == WEIR_GROUP_ENTRIES) place = number;
    }
    if (place == WEIR_GROUP_ENTRIES || head->entries >= head->size) return 0;
    struct weir_entry* entry = weir_entry_of_table(elements, group, place);
    entry->print = print | (entry->print & WEIR_STRAYS);
    entry->end_ns = end_ns;
    if (place / WEIR_LINE_ENTRIES != home)
        weir_entry_of_table(elements, group, home * WEIR_LINE_ENTRIES + WEIR_LINE_ENTRIES - 1)->print |= WEIR_STRAYS;
    weir_tag_line(elements, group, place / WEIR_LINE_ENTRIES);
    weir_tag_line(elements, group, home);
    for (__u32 i = 0; i < head->key_words; i++) weir_key_of_entry(elements, group, place)[i] = key[i];
    head->entries++;
    weir_mark_prefix(elements, key);
    head->regions[region / 64] |= 1ull << region % 64;
    weir_note_due(elements, group, weir_due_of(end_ns));
    return 1;
}

/* Is there something in that group? Most tables are nearly empty: nobody reads all of one. */
static inline int weir_may_hold(const void* elements, __u32 group) {
    const struct weir_table_head* head = (const struct weir_table_head*)elements;
    __u32 region = (1 + group) >> head->region_shift;
    return (int)(head->regions[region / 64] >> region % 64 & 1);
}

/* As weir_begin_table() left it. */
static inline void weir_clear_table(void* elements) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    __u32 bytes = head->has_tags ? WEIR_SET_BYTES : WEIR_TERM_BYTES;
    for (__u32 group = 0; group < head->groups; group++)
        if (weir_may_hold(elements, group)) {
            for (__u32 i = 0; i < bytes / 8; i++) ((__u64*)((char*)elements + (__u64)(1 + group) * bytes))[i] = 0;
            for (__u32 line = 0; head->has_tags && line < WEIR_SET_LINES; line++) weir_tag_line(elements, group, line);
            for (__u32 level = 0, number = group; level <= WEIR_DUE_LEVELS; level++, number /= WEIR_DUES)
                *weir_due_of_table(elements, level, number) = 0;
        }
    for (__u32 i = 0; i < WEIR_REGIONS / 64; i++) head->regions[i] = 0;
    for (__u32 i = 0; i < WEIR_PREFIXES; i++) head->prefixes[i] = 0;
    for (__u32 i = 0; i < head->net_blocks * WEIR_NET_BLOCK_WORDS; i++)
        weir_net_block_of_table(elements, i / WEIR_NET_BLOCK_WORDS)->words[i % WEIR_NET_BLOCK_WORDS] = 0;
    head->entries = 0;
}

#endif
