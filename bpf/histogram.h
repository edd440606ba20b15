/* Tables of `measure`, as program and user space see them: array maps of elements of WEIR_HISTOGRAM_BYTES. Element 0 is
 * the head; then the index, the keys as they were met, and the histograms: `copies` times as many as keys, so that CPUs
 * seldom write into the same one. Compiles as C and as C++.
 *
 * A key is known by its print (bpf/table.h). Lines of the index have eight entries; a key is in the first free entry
 * from the first of its line on, and stays. */
#ifndef WEIR_BPF_HISTOGRAM_H
#define WEIR_BPF_HISTOGRAM_H

#include <linux/types.h>

#include "bpf/table.h"

#define WEIR_HISTOGRAM_BYTES 2048u

/* Values 0 to 3 have a bucket each, and then each power of two has four: half a bucket is an eighth of a value. */
#define WEIR_HISTOGRAM_BUCKETS 252u
struct weir_histogram {
    __u64 sum; /* modulo 2^64 */
    __u64 largest;
    __u64 unused[2];
    __u64 buckets[WEIR_HISTOGRAM_BUCKETS]; /* values in each */
};

#define WEIR_MEASURE_COPIES 8u        /* at most; a power of two */
#define WEIR_MEASURE_COPIED_KEYS 256u /* of more keys each has one histogram: memory */
#define WEIR_MEASURE_MOST_KEYS 16384u
#define WEIR_MEASURE_USUAL_KEYS 64u /* where no size is given */
struct weir_measure_head {
    __u64 by[WEIR_PRINT_WORDS]; /* odd */
    __u32 size;                 /* keys */
    __u32 key_words;            /* 2, 6 or 16; 0: there is one key without words */
    __u32 lines;                /* of the index */
    __u32 copies;               /* of each histogram */
    __u64 unused[3];
    __u32 keys;    /* that there are */
    __u32 lock;    /* 1 while a CPU adds a key */
    __u64 refused; /* values of keys that found no place */
    __u64 rest[(WEIR_HISTOGRAM_BYTES - 8 * WEIR_PRINT_WORDS - 56) / 8];
};
/* An entry of the index: the print's upper 48 bits, and the key's number from 1; 0: free. */
#define WEIR_INDEX_LINE 8u
#define WEIR_INDEX_NUMBER 0xffffull
#define WEIR_INDEX_TRIED 64u /* entries; more than half of all places are free */
#define WEIR_INDEX_ELEMENT (WEIR_HISTOGRAM_BYTES / 8)
struct weir_measure_index {
    __u64 entries[WEIR_INDEX_ELEMENT];
};
#define WEIR_KEYS_AN_ELEMENT (WEIR_HISTOGRAM_BYTES / 4 / WEIR_KEY_WORDS)
struct weir_measure_keys {
    __u32 words[WEIR_KEYS_AN_ELEMENT][WEIR_KEY_WORDS];
};

static inline __u32 weir_index_lines(__u32 size) { return size / 2 + WEIR_INDEX_TRIED / WEIR_INDEX_LINE; }
static inline __u32 weir_index_elements(__u32 lines) {
    return (lines * WEIR_INDEX_LINE + WEIR_INDEX_ELEMENT - 1) / WEIR_INDEX_ELEMENT;
}
static inline __u32 weir_first_measure_key(__u32 lines) { return 1 + weir_index_elements(lines); }
static inline __u32 weir_first_histogram(__u32 lines, __u32 size) {
    return weir_first_measure_key(lines) + (size + WEIR_KEYS_AN_ELEMENT - 1) / WEIR_KEYS_AN_ELEMENT;
}
static inline __u32 weir_measure_elements(__u32 size, __u32 copies) {
    return weir_first_histogram(weir_index_lines(size), size) + size * copies;
}
static inline __u64 weir_index_entry(__u64 print, __u32 number) { return (print & ~WEIR_INDEX_NUMBER) | number; }
static inline __u32 weir_index_home(__u64 print, __u32 lines) {
    return (__u32)((weir_mix(print) & 0xffffffff) * lines >> 32) * WEIR_INDEX_LINE;
}

/* Which power of two the value is not below; of 0: 0. Without branches. */
static inline __u32 weir_log2(__u64 value) {
    __u64 log = 0, shift;
    for (__u32 bits = 32; bits; bits /= 2) {
        shift = (__u64)(value >> bits != 0) * bits;
        value >>= shift;
        log += shift;
    }
    return (__u32)log;
}
static inline __u32 weir_bucket_of(__u64 value) {
    __u32 log = weir_log2(value | 4);
    return value < 4 ? (__u32)value : (log - 1) * 4 + (__u32)(value >> (log - 2) & 3);
}
/* The least value of a bucket, and how many values it is for. */
static inline __u64 weir_bucket_first(__u32 bucket) {
    return bucket < 4 ? bucket : (4ull + bucket % 4) << (bucket / 4 - 1);
}
static inline __u64 weir_bucket_width(__u32 bucket) { return bucket < 8 ? 1 : 1ull << (bucket / 4 - 1); }

/* ---- a table that no program uses yet, or a copy of one; `elements` is where its first begins ---- */

/* The head of an empty one; the rest must be zeros. `random` has WEIR_PRINT_WORDS numbers. */
static inline void weir_begin_measure(void* elements, const __u64* random, __u32 size, __u32 key_words, __u32 copies) {
    struct weir_measure_head* head = (struct weir_measure_head*)elements;
    for (__u32 i = 0; i < WEIR_PRINT_WORDS; i++) head->by[i] = random[i] | 1;
    head->size = size;
    head->key_words = key_words;
    head->lines = weir_index_lines(size);
    head->copies = copies;
}
/* Key `number`, from 0, and copy `copy` of its histogram. */
static inline __u32* weir_measured_key(void* elements, __u32 number) {
    const struct weir_measure_head* head = (const struct weir_measure_head*)elements;
    __u64 element = weir_first_measure_key(head->lines) + number / WEIR_KEYS_AN_ELEMENT;
    struct weir_measure_keys* keys = (struct weir_measure_keys*)((char*)elements + element * WEIR_HISTOGRAM_BYTES);
    return keys->words[number % WEIR_KEYS_AN_ELEMENT];
}
static inline struct weir_histogram* weir_measured(void* elements, __u32 number, __u32 copy) {
    const struct weir_measure_head* head = (const struct weir_measure_head*)elements;
    __u64 element = weir_first_histogram(head->lines, head->size) + (__u64)copy * head->size + number;
    return (struct weir_histogram*)((char*)elements + element * WEIR_HISTOGRAM_BYTES);
}
/* How many there are: one without words is there from the start. */
static inline __u32 weir_measured_keys(const void* elements) {
    const struct weir_measure_head* head = (const struct weir_measure_head*)elements;
    __u32 keys = head->key_words ? head->keys : 1;
    return keys < head->size ? keys : head->size;
}
/* As weir_begin_measure() left it. */
static inline void weir_clear_measure(void* elements) {
    struct weir_measure_head* head = (struct weir_measure_head*)elements;
    __u64* index = (__u64*)((char*)elements + WEIR_HISTOGRAM_BYTES);
    for (__u32 i = 0; i < weir_index_elements(head->lines) * WEIR_INDEX_ELEMENT; i++) index[i] = 0;
    for (__u32 number = 0; number < weir_measured_keys(elements); number++)
        for (__u32 copy = 0; copy < head->copies; copy++) {
            __u64* words = (__u64*)weir_measured(elements, number, copy);
            for (__u32 i = 0; i < WEIR_HISTOGRAM_BYTES / 8; i++) words[i] = 0;
        }
    head->keys = 0;
    head->refused = 0;
}

#endif
