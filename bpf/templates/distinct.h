/* Terms that count distinct values. What they keep of a key is hundreds of bytes: it is in hash maps of the kernel. */
#ifndef WEIR_BPF_DISTINCT_H
#define WEIR_BPF_DISTINCT_H

#include "bpf/templates/state.h"

/* A key's state, made of zeros where there is none. */
static __always_inline struct weir_distinct* weir_seen_of(void* terms, __u32 index, const void* key, __u32 account) {
    void* states = bpf_map_lookup_elem(terms, &index);
    if (!states) return 0;
    struct weir_distinct* state = bpf_map_lookup_elem(states, key);
    if (state) return state;
    if (!bpf_map_update_elem(states, key, weir_zeros, BPF_NOEXIST)) weir_inserted(account, 0);
    return bpf_map_lookup_elem(states, key); /* another CPU may have been first */
}

static __always_inline int weir_opens(const struct weir_term* term, struct weir_distinct* seen, __u64 now_ns) {
    if (seen->opened && weir_since(seen->time_ns, now_ns) < term->unit_ns) return 0;
    seen->opened = 1;
    seen->time_ns = now_ns;
    seen->count = 0;
    return 1;
}

/* Values of `width` words in a row, in the place of seen->words. */
static __always_inline int weir_listed(const struct weir_term* term, struct weir_distinct* seen, const __u32* value,
                                       __u32 width, __u64 now_ns) {
    weir_opens(term, seen, now_ns);
    __u32* words = (__u32*)((char*)seen + __builtin_offsetof(struct weir_distinct, words));
    __u64 count = seen->count;
    OPAQUE(count);
    if (count > term->limit || count > WEIR_DISTINCT_EXACT) return 1;
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_DISTINCT_EXACT; i++) {
        if (i >= count) break;
        const __u32* known = words + i * width;
        __u32 other = 0;
        for (__u32 w = 0; w < width; w++) {
            other |= known[w] ^ value[w];
            OPAQUE(other); /* or each word is a branch, and the verifier's paths multiply */
        }
        if (!other) return 0;
    }
    for (__u32 w = 0; w < width; w++) words[count * width + w] = value[w];
    seen->count = count + 1;
    return count + 1 > term->limit;
}

static __always_inline int weir_sketched(const struct weir_term* term, struct weir_distinct* seen, const __u32* value,
                                         __u64 now_ns) {
    if (weir_opens(term, seen, now_ns))
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < WEIR_SKETCH_BITS / 32; i++) seen->words[i] = 0;
    __u64 hash = 0;
    for (__u32 w = 0; w < 5; w++) {
        hash = (hash ^ value[w]) * 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    if (!(hash >> 40 & term->capacity)) {
        __u64 bit = hash & (WEIR_SKETCH_BITS - 1), word = bit >> 5;
        OPAQUE(word);
        __u32 mark = 1u << (bit & 31);
        if (word < WEIR_SKETCH_BITS / 32 && !(seen->words[word] & mark)) {
            seen->words[word] |= mark;
            seen->count++;
        }
    }
    return seen->count > term->limit;
}

/* `width`: of a listed value; 0: a sketch. */
static __always_inline int weir_distinguishes(struct weir_packet* packet, void* terms, const void* key,
                                              const __u32* value, __u32 number, __u32 width) {
    const struct weir_term* term = &weir_terms[number];
    __u64 now_ns = weir_time_to_within(packet, term->fill_ns);
    struct weir_distinct* seen = weir_seen_of(terms, term->index, key, number);
    if (!seen || !weir_lock(&seen->lock)) {
        weir_refused(number);
        return 0;
    }
    int exceeds = width ? weir_listed(term, seen, value, width, now_ns) : weir_sketched(term, seen, value, now_ns);
    weir_unlock(&seen->lock);
    return exceeds;
}

#define DISTINCT(name, maps, size, width)                                                                           \
    GLOBAL_FUNCTION int weir_##name##_##size(struct weir_packet* packet, struct weir_key_##size* key, __u32 number, \
                                             struct weir_key_6* value) {                                            \
        if (!packet || !key || !value || number >= weir_term_count()) return 0;                                     \
        return weir_distinguishes(packet, &weir_##maps##_##size, key, value->words, BOUNDED(number), width);        \
    }
DISTINCT(listed1, few, 6, 1)
DISTINCT(listed1, few, 16, 1)
DISTINCT(listed2, few, 6, 2)
DISTINCT(listed2, few, 16, 2)
DISTINCT(listed5, many, 6, 5)
DISTINCT(listed5, many, 16, 5)
DISTINCT(sketched, few, 6, 0)
DISTINCT(sketched, few, 16, 0)

#endif
