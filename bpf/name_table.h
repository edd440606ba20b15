/* Tables of sets of names and of texts, for those who write them: the runtime, and the native engine. Programs look up
 * in them (bpf/templates/names.h) and change nothing. Compiles as C and as C++.
 *
 * A set of names is a table as in bpf/table.h. Its entries are the nodes of a tree: every suffix of every name of the
 * set, by its labels. Where a name ends, the node is a member; all others have the end WEIR_INNER_NODE. So who goes
 * through a packet's name from its last label to its first may stop at the first suffix that is not there, however many
 * labels follow. A set of texts has one entry a text.
 *
 * A node's print is a print of its suffix's text, in words of eight bytes from the right: the last one, to the left,
 * has zeros below what it lacks. After eight of them (64 bytes) what follows is behind the print of what was before.
 * Then one number more: the bytes of the suffix and how many labels it has, so that a dot within a label of a packet's
 * name is no dot of the set's. From the right, because so all suffixes of a name share their words. A text's print is
 * that of its blocks of 64 bytes, each behind two words of the print before it: of the first, the text's length.
 *
 * Behind the tags, a set that changes has for each entry the block where its name's text begins, and how many names are
 * at or under the node; and the blocks of the texts, so that user space can say what is in the set. */
#ifndef WEIR_BPF_NAME_TABLE_H
#define WEIR_BPF_NAME_TABLE_H

#include "bpf/table.h"

#define WEIR_LABEL_BYTES 63u
#define WEIR_NAME_TEXT_BYTES 253u /* of a name */
#define WEIR_MAX_LABELS 127u      /* of such a name */
#define WEIR_BLOCK_BYTES 64u
#define WEIR_SUFFIX_WORDS 8u /* of a block */

struct weir_node_note {
    __u32 text;  /* the first block of the name that ends here; 0: none does */
    __u32 names; /* of the set, that are this one or end in it */
};
#define WEIR_BLOCK_TEXT (WEIR_BLOCK_BYTES - 4)
#define WEIR_NAME_BLOCKS 5u      /* that the longest name takes */
struct weir_text_block {         /* blocks count from 1 */
    __u32 next;                  /* 0: there is none */
    __u8 bytes[WEIR_BLOCK_TEXT]; /* the first one's begin with the length of the name */
};
#define WEIR_NOTED_GROUPS (WEIR_SET_BYTES / sizeof(struct weir_node_note) / WEIR_GROUP_ENTRIES) /* an element */
#define WEIR_ELEMENT_BLOCKS (WEIR_SET_BYTES / WEIR_BLOCK_BYTES)

/* Of a set that changes, as it is made: nodes that have room, and blocks of text. Few names have more than two nodes of
 * their own, and in large sets fewer than one in twenty has more than 59 bytes. */
static inline __u32 weir_nodes_of_names(__u32 names) { return names < 0x40000000u ? 2 * names + 256 : 0x80000000u; }
static inline __u32 weir_blocks_of_names(__u32 names) { return names < 4096 ? 5 * names : names + names / 2 + 14336; }
static inline __u32 weir_blocks_of_name(__u32 bytes) { return (1 + bytes + WEIR_BLOCK_TEXT - 1) / WEIR_BLOCK_TEXT; }

static inline __u32 weir_first_note_element(__u32 groups) { return weir_tag_element(groups, groups - 1) + 1; }
static inline __u32 weir_first_text_element(__u32 groups) {
    return weir_first_note_element(groups) + (groups + (__u32)WEIR_NOTED_GROUPS - 1) / (__u32)WEIR_NOTED_GROUPS;
}
/* `blocks` 0: of a set that does not change. */
static inline __u32 weir_name_elements(__u32 groups, __u32 blocks) {
    if (!blocks) return weir_first_note_element(groups);
    return weir_first_text_element(groups) + (blocks + WEIR_ELEMENT_BLOCKS - 1) / WEIR_ELEMENT_BLOCKS;
}

/* Such a table, and where its parts are: computed from nothing that a program could have written since. */
struct weir_names {
    void* elements;
    __u32 groups, region_shift;
    __u32 text_blocks; /* 0: the set does not change */
};
static inline struct weir_table_head* weir_names_head(const struct weir_names* names) {
    return (struct weir_table_head*)names->elements;
}
static inline void* weir_names_element(const struct weir_names* names, __u32 element) {
    return (char*)names->elements + (__u64)element * WEIR_SET_BYTES;
}
static inline struct weir_node_note* weir_note_at(const struct weir_names* names, __u32 group, __u32 number) {
    return (struct weir_node_note*)weir_names_element(names, weir_first_note_element(names->groups)) +
           (__u64)group * WEIR_GROUP_ENTRIES + number;
}
/* `number`, from 1, or 0 or more than there are: 0. */
static inline struct weir_text_block* weir_block_at(const struct weir_names* names, __u32 number) {
    if (!number || number > names->text_blocks) return 0;
    return (struct weir_text_block*)weir_names_element(names, weir_first_text_element(names->groups)) + (number - 1);
}
static inline void weir_tag_node_line(const struct weir_names* names, __u32 group, __u32 line) {
    struct weir_group_tags* tags =
        (struct weir_group_tags*)weir_names_element(names, weir_tag_element(names->groups, group));
    tags[group % WEIR_TAGS_AN_ELEMENT].lines[line] =
        weir_tags_of_line((const struct weir_set_line*)weir_entry_of_table(names->elements, group, 0) + line);
}

/* All blocks of text free. */
static inline void weir_free_texts(const struct weir_names* names) {
    for (__u32 i = 1; i <= names->text_blocks; i++) weir_block_at(names, i)->next = i < names->text_blocks ? i + 1 : 0;
    weir_names_head(names)->free_text = names->text_blocks != 0;
}

/* The head of an empty one; the rest must be zeros. `random` has WEIR_PRINT_WORDS numbers; `size`: names. */
static inline struct weir_names weir_begin_names(void* elements, const __u64* random, __u32 groups, __u32 size,
                                                 __u32 blocks) {
    struct weir_table_head* head = (struct weir_table_head*)elements;
    for (__u32 i = 0; i < WEIR_PRINT_WORDS; i++) head->by[i] = random[i] | 1;
    head->groups = groups;
    head->size = size;
    head->has_tags = 1;
    while (groups >> head->region_shift >= WEIR_REGIONS) head->region_shift++;
    head->text_blocks = blocks;
    struct weir_names names = {elements, groups, head->region_shift, blocks};
    weir_free_texts(&names);
    return names;
}

/* ---- prints ---- */

static inline __u64 weir_block_sum(const __u64* by, __u64 before, const __u8* bytes, __u32 count) {
    __u64 sum = by[0] * (__u32)before + by[1] * (before >> 32);
    for (__u32 i = 0; i < count; i++) sum += by[2 + i / 4] * ((__u64)bytes[i] << 8 * (i % 4));
    return sum;
}
/* Word `number` from the right, of a name or of what a suffix has of it. */
static inline __attribute__((always_inline)) __u64 weir_suffix_word(const __u64* by, __u64 number, __u64 word) {
    number &= WEIR_SUFFIX_WORDS - 1;
    return by[2 + 2 * number] * (__u32)word + by[3 + 2 * number] * (word >> 32);
}
/* The sum goes on behind WEIR_SUFFIX_WORDS words. */
static inline __attribute__((always_inline)) __u64 weir_suffix_fold(const __u64* by, __u64 sum) {
    __u64 print = weir_print_of_sum(sum);
    return by[0] * (__u32)print + by[1] * (print >> 32);
}
/* The end: `sum` is that of all its words. */
static inline __attribute__((always_inline)) __u64 weir_suffix_print(const __u64* by, __u64 sum, __u64 bytes,
                                                                     __u64 labels) {
    return weir_print_of_sum(sum + by[WEIR_PRINT_WORDS - 1] * (bytes | labels << 8));
}
static inline __u64 weir_text_print(const __u64* by, const __u8* text, __u32 bytes) {
    __u64 print = bytes;
    __u32 at = 0;
    do {
        __u32 some = bytes - at < WEIR_BLOCK_BYTES ? bytes - at : WEIR_BLOCK_BYTES;
        print = weir_print_of_sum(weir_block_sum(by, print, text + at, some));
        at += some;
    } while (at < bytes);
    return print;
}

/* `count` bytes that end before `end`, as the highest of a word. */
static inline __u64 weir_bytes_before(const __u8* text, __u32 end, __u32 count) {
    __u64 word = 0;
    for (__u32 i = 1; i <= count; i++) word |= (__u64)text[end - i] << (64 - 8 * i);
    return word;
}

/* The prints of the suffixes of a name of small letters, the shortest first. Returns how many; 0: it is no name. */
static inline __u32 weir_name_prints(const __u64* by, const __u8* name, __u32 bytes, __u64* prints) {
    __u32 count = 0, end = bytes, words = 0; /* whole words in the sum */
    __u64 sum = 0;
    if (!bytes || bytes > WEIR_NAME_TEXT_BYTES) return 0;
    for (__u32 at = bytes;; at--) {
        if (at && name[at - 1] != '.') continue;
        if (at == end || end - at > WEIR_LABEL_BYTES || count == WEIR_MAX_LABELS) return 0;
        while ((words + 1) * 8 <= bytes - at) {
            sum += weir_suffix_word(by, words, weir_bytes_before(name, bytes - words * 8, 8));
            if (++words % WEIR_SUFFIX_WORDS == 0) sum = weir_suffix_fold(by, sum);
        }
        __u64 rest = weir_suffix_word(by, words, weir_bytes_before(name, bytes - words * 8, bytes - at - words * 8));
        count++;
        prints[count - 1] = weir_suffix_print(by, sum + rest, bytes - at, count);
        if (!at) return count;
        end = at - 1;
    }
}

/* ---- a table that no other process changes; packets may be at work on it ---- */

struct weir_node {
    __u64 print;
    __u32 group; /* from 0 */
    __u32 number;
};
static inline struct weir_node weir_node_of(const struct weir_names* names, __u64 print) {
    struct weir_node node = {print, weir_group_of(print, names->groups) - 1, WEIR_GROUP_ENTRIES};
    __u32 home = weir_set_home(print);
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES; i++)
        if ((weir_entry_of_table(names->elements, node.group, home * WEIR_LINE_ENTRIES + i)->print & ~WEIR_STRAYS) ==
            print)
            node.number = home * WEIR_LINE_ENTRIES + i;
    if (node.number < WEIR_GROUP_ENTRIES ||
        !(weir_entry_of_table(names->elements, node.group, home * WEIR_LINE_ENTRIES + WEIR_LINE_ENTRIES - 1)->print &
          WEIR_STRAYS))
        return node;
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++)
        if ((weir_entry_of_table(names->elements, node.group, i)->print & ~WEIR_STRAYS) == print) node.number = i;
    return node;
}
static inline struct weir_entry* weir_entry_of_node(const struct weir_names* names, const struct weir_node* node) {
    return weir_entry_of_table(names->elements, node->group, node->number);
}
static inline struct weir_node_note* weir_note_of_node(const struct weir_names* names, const struct weir_node* node) {
    return weir_note_at(names, node->group, node->number);
}

/* Puts the node there, with that end; 0: its group is full. A packet that finds the print finds the end. */
static inline int weir_put_node(const struct weir_names* names, struct weir_node* node, __u64 end_ns) {
    struct weir_table_head* head = weir_names_head(names);
    __u32 home = weir_set_home(node->print), region = (1 + node->group) >> names->region_shift;
    for (__u32 i = 0; i < WEIR_LINE_ENTRIES + WEIR_GROUP_ENTRIES; i++) {
        __u32 number = i < WEIR_LINE_ENTRIES ? home * WEIR_LINE_ENTRIES + i : i - WEIR_LINE_ENTRIES;
        if (!number || weir_entry_of_table(names->elements, node->group, number)->print & ~WEIR_STRAYS) continue;
        node->number = number;
        struct weir_entry* entry = weir_entry_of_node(names, node);
        __atomic_store_n(&entry->end_ns, end_ns, __ATOMIC_RELAXED);
        __atomic_store_n(&entry->print, node->print | (entry->print & WEIR_STRAYS), __ATOMIC_RELEASE);
        if (number / WEIR_LINE_ENTRIES != home)
            weir_entry_of_table(names->elements, node->group, home * WEIR_LINE_ENTRIES + WEIR_LINE_ENTRIES - 1)
                ->print |= WEIR_STRAYS;
        weir_tag_node_line(names, node->group, number / WEIR_LINE_ENTRIES);
        weir_tag_node_line(names, node->group, home);
        head->regions[region / 64] |= 1ull << region % 64;
        head->nodes++;
        return 1;
    }
    return 0;
}

static inline void weir_free_node(const struct weir_names* names, const struct weir_node* node) {
    struct weir_table_head* head = weir_names_head(names);
    struct weir_entry* entry = weir_entry_of_node(names, node);
    __u32 home = weir_set_home(node->print), strays = 0;
    __atomic_store_n(&entry->print, entry->print & WEIR_STRAYS, __ATOMIC_RELEASE);
    weir_tag_node_line(names, node->group, node->number / WEIR_LINE_ENTRIES);
    head->nodes--;
    if (node->number / WEIR_LINE_ENTRIES == home) return;
    for (__u32 i = 1; i < WEIR_GROUP_ENTRIES; i++) {
        __u64 print = weir_entry_of_table(names->elements, node->group, i)->print & ~WEIR_STRAYS;
        strays |= print && i / WEIR_LINE_ENTRIES != home && weir_set_home(print) == home;
    }
    if (strays) return;
    weir_entry_of_table(names->elements, node->group, home * WEIR_LINE_ENTRIES + WEIR_LINE_ENTRIES - 1)->print &=
        ~WEIR_STRAYS;
    weir_tag_node_line(names, node->group, home);
}

/* ---- a set that does not change, as it is filled: 0: there is no room ---- */

static inline int weir_put_fixed(const struct weir_names* names, __u64 print, __u64 end_ns) {
    struct weir_node node = weir_node_of(names, print);
    if (node.number == WEIR_GROUP_ENTRIES) return weir_put_node(names, &node, end_ns);
    if (!end_ns) weir_entry_of_node(names, &node)->end_ns = 0;
    return 1;
}
static inline int weir_put_fixed_text(const struct weir_names* names, const __u8* text, __u32 bytes) {
    struct weir_table_head* head = weir_names_head(names);
    head->entries++;
    return weir_put_fixed(names, weir_text_print(head->by, text, bytes), 0);
}
static inline int weir_put_fixed_name(const struct weir_names* names, const __u8* name, __u32 bytes) {
    struct weir_table_head* head = weir_names_head(names);
    __u64 prints[WEIR_MAX_LABELS];
    __u32 count = weir_name_prints(head->by, name, bytes, prints);
    if (!count) return 0;
    if (!head->entries || head->labels_before > count - 1) head->labels_before = count - 1;
    head->entries++;
    for (__u32 i = 0; i < count; i++)
        if (!weir_put_fixed(names, prints[i], i + 1 < count ? WEIR_INNER_NODE : 0)) return 0;
    return 1;
}

/* ---- a set that changes ---- */

/* What names have ended meanwhile is found by the head's `due` (weir_due_of()): the first of all ends. */
static inline void weir_note_name_due(const struct weir_names* names, __u64 end_ns) {
    struct weir_table_head* head = weir_names_head(names);
    if (head->due < weir_due_of(end_ns)) head->due = weir_due_of(end_ns);
}

/* The first block of the text; 0: there are too few. */
static inline __u32 weir_keep_text(const struct weir_names* names, const __u8* name, __u32 bytes) {
    struct weir_table_head* head = weir_names_head(names);
    __u32 first = head->free_text;
    struct weir_text_block *block = weir_block_at(names, first), *last = block;
    for (__u32 room = WEIR_BLOCK_TEXT; last && room < 1 + bytes; room += WEIR_BLOCK_TEXT)
        last = weir_block_at(names, last->next);
    if (!last) return 0;
    head->free_text = last->next;
    last->next = 0;
    for (__u32 i = 0; i < 1 + bytes; i++) {
        if (i && i % WEIR_BLOCK_TEXT == 0) block = weir_block_at(names, block->next);
        if (!block) return 0;
        block->bytes[i % WEIR_BLOCK_TEXT] = i ? name[i - 1] : (__u8)bytes;
    }
    return first;
}
static inline void weir_free_text(const struct weir_names* names, __u32 first) {
    struct weir_text_block* last = weir_block_at(names, first);
    for (__u32 i = 0; last && last->next && i < WEIR_NAME_BLOCKS; i++) last = weir_block_at(names, last->next);
    if (!last) return;
    last->next = weir_names_head(names)->free_text;
    weir_names_head(names)->free_text = first;
}

/* `nodes`: as many as there are of the name, found or not. */
static inline __u32 weir_find_name(const struct weir_names* names, const __u8* name, __u32 bytes,
                                   struct weir_node* nodes) {
    struct weir_table_head* head = weir_names_head(names);
    __u64 prints[WEIR_MAX_LABELS];
    __u32 count = weir_name_prints(head->by, name, bytes, prints);
    for (__u32 i = 0; i < count; i++) nodes[i] = weir_node_of(names, prints[i]);
    return count;
}
/* One name fewer at each of these; those without any go. */
static inline void weir_leave_nodes(const struct weir_names* names, const struct weir_node* nodes, __u32 count) {
    while (count-- > 0)
        if (--weir_note_of_node(names, nodes + count)->names == 0) weir_free_node(names, nodes + count);
}

/* Adds the name, or gives it another end: enum weir_put. */
static inline int weir_put_name(const struct weir_names* names, const __u8* name, __u32 bytes, __u64 end_ns) {
    struct weir_table_head* head = weir_names_head(names);
    struct weir_node nodes[WEIR_MAX_LABELS];
    __u32 count = weir_find_name(names, name, bytes, nodes), entered = 0;
    if (!count) return WEIR_REFUSED;
    struct weir_node* leaf = nodes + count - 1;
    if (leaf->number < WEIR_GROUP_ENTRIES && weir_note_of_node(names, leaf)->text) {
        weir_note_name_due(names, end_ns);
        __atomic_store_n(&weir_entry_of_node(names, leaf)->end_ns, end_ns, __ATOMIC_RELAXED);
        return WEIR_RENEWED;
    }
    if (head->entries >= head->size) return WEIR_REFUSED;
    __u32 text = weir_keep_text(names, name, bytes);
    for (; text && entered < count; entered++) {
        struct weir_node* node = nodes + entered;
        if (node->number == WEIR_GROUP_ENTRIES) {
            if (!weir_put_node(names, node, WEIR_INNER_NODE)) break;
            weir_note_of_node(names, node)->text = weir_note_of_node(names, node)->names = 0;
        }
        weir_note_of_node(names, node)->names++;
    }
    if (entered < count) {
        weir_leave_nodes(names, nodes, entered);
        if (text) weir_free_text(names, text);
        return WEIR_REFUSED;
    }
    __atomic_store_n(&weir_note_of_node(names, leaf)->text, text, __ATOMIC_RELEASE);
    weir_note_name_due(names, end_ns);
    __atomic_store_n(&weir_entry_of_node(names, leaf)->end_ns, end_ns, __ATOMIC_RELAXED);
    head->entries++;
    return WEIR_PUT;
}

/* Was it there? */
static inline int weir_take_out_name(const struct weir_names* names, const __u8* name, __u32 bytes) {
    struct weir_table_head* head = weir_names_head(names);
    struct weir_node nodes[WEIR_MAX_LABELS];
    __u32 count = weir_find_name(names, name, bytes, nodes);
    if (!count || nodes[count - 1].number == WEIR_GROUP_ENTRIES) return 0;
    struct weir_node_note* note = weir_note_of_node(names, nodes + count - 1);
    __u32 text = note->text;
    if (!text) return 0;
    __atomic_store_n(&weir_entry_of_node(names, nodes + count - 1)->end_ns, WEIR_INNER_NODE, __ATOMIC_RELAXED);
    __atomic_store_n(&note->text, 0, __ATOMIC_RELEASE);
    weir_free_text(names, text);
    weir_leave_nodes(names, nodes, count);
    head->entries--;
    return 1;
}

/* The name that ends in that entry: its length, or 0 where none does. It may be changed meanwhile, by another thread or
 * by whoever writes into the table: what is returned has the print of the entry. */
static inline __u32 weir_name_of_node(const struct weir_names* names, __u32 group, __u32 number, __u8* name) {
    __u64 prints[WEIR_MAX_LABELS], print = weir_entry_of_table(names->elements, group, number)->print & ~WEIR_STRAYS;
    const struct weir_text_block* block =
        weir_block_at(names, __atomic_load_n(&weir_note_at(names, group, number)->text, __ATOMIC_ACQUIRE));
    __u32 bytes = 0;
    if (!print) return 0;
    for (__u32 at = 0; at < 1 + bytes; at++) {
        if (at && at % WEIR_BLOCK_TEXT == 0) block = weir_block_at(names, block->next);
        if (!block) return 0;
        __u8 byte = block->bytes[at % WEIR_BLOCK_TEXT];
        if (at)
            name[at - 1] = byte;
        else
            bytes = byte < WEIR_NAME_TEXT_BYTES ? byte : WEIR_NAME_TEXT_BYTES;
    }
    __u32 count = weir_name_prints(weir_names_head(names)->by, name, bytes, prints);
    return count && prints[count - 1] == print ? bytes : 0;
}

/* As weir_begin_names() left it. */
static inline void weir_clear_names(const struct weir_names* names) {
    struct weir_table_head* head = weir_names_head(names);
    for (__u32 group = 0; group < names->groups; group++) {
        if (!weir_may_hold(names->elements, group)) continue;
        for (__u32 i = 0; i < WEIR_GROUP_ENTRIES; i++) {
            weir_entry_of_table(names->elements, group, i)->print =
                weir_entry_of_table(names->elements, group, i)->end_ns = 0;
            if (names->text_blocks) weir_note_at(names, group, i)->text = weir_note_at(names, group, i)->names = 0;
        }
        for (__u32 line = 0; line < WEIR_SET_LINES; line++) weir_tag_node_line(names, group, line);
    }
    for (__u32 i = 0; i < WEIR_REGIONS / 64; i++) head->regions[i] = 0;
    head->entries = head->nodes = head->due = 0;
    weir_free_texts(names);
}

#endif
