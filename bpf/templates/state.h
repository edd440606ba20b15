/* What is kept from packet to packet: the buckets and windows of state terms, and sets that change. */
#ifndef WEIR_BPF_STATE_H
#define WEIR_BPF_STATE_H

#include "bpf/abi.h"
#include "bpf/templates/account.h"
#include "bpf/templates/maps.h"
#include "bpf/templates/target.h"

struct weir_key_2 { __u32 words[2]; };
struct weir_key_6 { __u32 words[6]; };
struct weir_key_16 { __u32 words[16]; };

/* One time for all that happens to a packet. */
static __always_inline __u64 weir_packet_time(struct weir_packet *packet)
{
    if (!packet->time_ns)
        packet->time_ns = weir_now();
    return packet->time_ns;
}

static __always_inline void weir_inserted(__u32 account)
{
    struct weir_state_account *counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts)
        counts->inserted++;
}

static __always_inline void weir_refused(__u32 account)
{
    struct weir_state_account *counts = bpf_map_lookup_elem(&weir_state_accounts, &account);
    if (counts)
        counts->refused++;
}

/* ---- terms ---- */

/* A key's state, made of `fresh` where there is none. */
static __always_inline void *weir_state_of(void *terms, __u32 index, const void *key, __u32 account, const void *fresh)
{
    void *states = bpf_map_lookup_elem(terms, &index);
    if (!states)
        return 0;
    void *state = bpf_map_lookup_elem(states, key);
    if (state)
        return state;
    if (!bpf_map_update_elem(states, key, fresh, BPF_NOEXIST))
        weir_inserted(account);
    return bpf_map_lookup_elem(states, key); /* another CPU may have been first */
}

/* LRU maps have no bpf_spin_lock. Whoever holds this one is on another CPU and does little; a machine that takes that CPU away
 * from us may still make the wait long. */
#define LOCK_TRIES (1u << 20) /* milliseconds */
struct weir_wait {
    __u32 *lock;
    __u32 held;
};
static long weir_try_lock(__u32 i, struct weir_wait *wait)
{
    (void)i;
    wait->held = !__sync_val_compare_and_swap(wait->lock, 0, 1);
    return wait->held;
}
static __always_inline int weir_lock(__u32 *lock)
{
    if (!__sync_val_compare_and_swap(lock, 0, 1))
        return 1;
    struct weir_wait wait = {lock, 0};
    bpf_loop(LOCK_TRIES, weir_try_lock, &wait, 0);
    return wait.held;
}
static __always_inline void weir_unlock(__u32 *lock)
{
    __sync_lock_test_and_set(lock, 0); /* an exchange: what was stored before is seen before */
}

/* Packets of several CPUs may come with times that are not in order. */
static __always_inline __u64 weir_since(__u64 then_ns, __u64 now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* True where the bucket has too little; then nothing is taken. */
static __always_inline int weir_take(const struct weir_term *term, struct weir_bucket *bucket, __u64 price, __u64 now_ns)
{
    __u64 since = weir_since(bucket->time_ns, now_ns), taken = bucket->taken;
    if (since >= term->fill_ns) {
        taken = 0;
    } else {
        __u64 filled = since * term->limit; /* below the capacity */
        taken = taken > filled ? taken - filled : 0;
    }
    /* A bucket that an earlier policy left may lack more than it holds now. */
    if (taken > term->capacity || price > term->capacity - taken)
        return 1;
    bucket->taken = taken + price;
    if (now_ns > bucket->time_ns)
        bucket->time_ns = now_ns;
    return 0;
}

static __always_inline int weir_counts(const struct weir_term *term, struct weir_bucket *bucket, __u64 now_ns)
{
    if (!bucket->taken || weir_since(bucket->time_ns, now_ns) >= term->unit_ns) {
        bucket->time_ns = now_ns;
        bucket->taken = 0;
    }
    return ++bucket->taken > term->limit;
}

static __always_inline int weir_exceeds(struct weir_packet *packet, void *terms, const void *key, __u32 number)
{
    __u64 now_ns = weir_packet_time(packet);
    const struct weir_term *term = &weir_terms[number];
    const struct weir_bucket fresh = {};
    struct weir_bucket *bucket = weir_state_of(terms, term->index, key, number, &fresh);
    if (!bucket || !weir_lock(&bucket->lock)) {
        weir_refused(number);
        return 0;
    }
    int exceeds;
    if (term->kind == WEIR_TERM_COUNT)
        exceeds = weir_counts(term, bucket, now_ns);
    else if (term->kind == WEIR_TERM_RATE)
        exceeds = weir_take(term, bucket, term->unit_ns, now_ns);
    else /* a price beyond the capacity may not fit into 64 bits */
        exceeds = packet->len > term->capacity / term->unit_ns || weir_take(term, bucket, packet->len * term->unit_ns, now_ns);
    weir_unlock(&bucket->lock);
    return exceeds;
}

/* Counts the packet; is term `number` true for it? */
#define TERM_OF_WIDTH(width)                                                                                            \
    GLOBAL_FUNCTION int weir_term_##width(struct weir_packet *packet, struct weir_key_##width *key, __u32 number)       \
    {                                                                                                                   \
        if (!packet || !key || number >= weir_term_count())                                                             \
            return 0;                                                                                                   \
        return weir_exceeds(packet, &weir_terms_##width, key, BOUNDED(number));                                         \
    }
TERM_OF_WIDTH(2)
TERM_OF_WIDTH(6)
TERM_OF_WIDTH(16)

/* ---- throttles of alerts ---- */

/* May the event pass? Then packet->suppressed is how many of its key were held back before it. */
static __always_inline __u32 weir_passes(struct weir_packet *packet, void *terms, const void *key, __u32 number)
{
    if (number >= weir_term_count())
        return 1;
    __u64 now_ns = weir_packet_time(packet);
    const struct weir_term *term = &weir_terms[BOUNDED(number)];
    const struct weir_bucket fresh = {};
    _Static_assert(sizeof(struct weir_throttle) == sizeof(struct weir_bucket), "they are values of one kind of map");
    struct weir_throttle *throttle = weir_state_of(terms, term->index, key, number, &fresh);
    if (!throttle || !weir_lock(&throttle->lock)) {
        weir_refused(number);
        return 1;
    }
    if (!throttle->passed || weir_since(throttle->time_ns, now_ns) >= term->unit_ns) {
        throttle->time_ns = now_ns;
        throttle->passed = 0;
    }
    __u32 passes = throttle->passed < term->limit;
    if (passes) {
        throttle->passed++;
        packet->suppressed = throttle->held > ~0u ? ~0u : throttle->held;
        throttle->held = 0;
    } else {
        throttle->held++;
    }
    weir_unlock(&throttle->lock);
    return passes;
}

#define THROTTLE_OF_WIDTH(width)                                                                                        \
    __attribute__((used)) static __always_inline __u32 weir_throttled_##width(struct weir_packet *packet, const void *key, __u32 number) \
    {                                                                                                                   \
        return weir_passes(packet, &weir_terms_##width, key, number);                                                   \
    }
THROTTLE_OF_WIDTH(2)
THROTTLE_OF_WIDTH(6)
THROTTLE_OF_WIDTH(16)

/* ---- distinct values ---- */

static __always_inline int weir_opens(const struct weir_term *term, struct weir_distinct *seen, __u64 now_ns)
{
    if (seen->opened && weir_since(seen->time_ns, now_ns) < term->unit_ns)
        return 0;
    seen->opened = 1;
    seen->time_ns = now_ns;
    seen->count = 0;
    return 1;
}

/* Values of `width` words in a row, in the place of seen->words. */
static __always_inline int weir_listed(const struct weir_term *term, struct weir_distinct *seen, const __u32 *value, __u32 width, __u64 now_ns)
{
    weir_opens(term, seen, now_ns);
    __u32 *words = (__u32 *)((char *)seen + __builtin_offsetof(struct weir_distinct, words));
    __u64 count = seen->count;
    OPAQUE(count);
    if (count > term->limit || count > WEIR_DISTINCT_EXACT)
        return 1;
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_DISTINCT_EXACT; i++) {
        if (i >= count)
            break;
        const __u32 *known = words + i * width;
        __u32 other = 0;
        for (__u32 w = 0; w < width; w++) {
            other |= known[w] ^ value[w];
            OPAQUE(other); /* or each word is a branch, and the verifier's paths multiply */
        }
        if (!other)
            return 0;
    }
    for (__u32 w = 0; w < width; w++)
        words[count * width + w] = value[w];
    seen->count = count + 1;
    return count + 1 > term->limit;
}

static __always_inline int weir_sketched(const struct weir_term *term, struct weir_distinct *seen, const __u32 *value, __u64 now_ns)
{
    if (weir_opens(term, seen, now_ns))
#pragma clang loop unroll(disable)
        for (__u32 i = 0; i < WEIR_SKETCH_BITS / 32; i++)
            seen->words[i] = 0;
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
static __always_inline int weir_distinguishes(struct weir_packet *packet, void *terms, const void *key, const __u32 *value, __u32 number, __u32 width)
{
    __u64 now_ns = weir_packet_time(packet);
    const struct weir_term *term = &weir_terms[number];
    struct weir_distinct *seen = weir_state_of(terms, term->index, key, number, weir_zeros);
    if (!seen || !weir_lock(&seen->lock)) {
        weir_refused(number);
        return 0;
    }
    int exceeds = width ? weir_listed(term, seen, value, width, now_ns) : weir_sketched(term, seen, value, now_ns);
    weir_unlock(&seen->lock);
    return exceeds;
}

#define DISTINCT(name, maps, size, width)                                                                               \
    GLOBAL_FUNCTION int weir_##name##_##size(struct weir_packet *packet, struct weir_key_##size *key, __u32 number,     \
                                             struct weir_key_6 *value)                                                  \
    {                                                                                                                   \
        if (!packet || !key || !value || number >= weir_term_count())                                                   \
            return 0;                                                                                                   \
        return weir_distinguishes(packet, &weir_##maps##_##size, key, value->words, BOUNDED(number), width);            \
    }
DISTINCT(listed1, few, 6, 1)
DISTINCT(listed1, few, 16, 1)
DISTINCT(listed2, few, 6, 2)
DISTINCT(listed2, few, 16, 2)
DISTINCT(listed5, many, 6, 5)
DISTINCT(listed5, many, 16, 5)
DISTINCT(sketched, few, 6, 0)
DISTINCT(sketched, few, 16, 0)

/* ---- sets that change ---- */

static __always_inline int weir_lives(struct weir_packet *packet, void *sets, const void *key, __u32 index)
{
    void *entries = bpf_map_lookup_elem(sets, &index);
    const volatile __u64 *until = entries ? bpf_map_lookup_elem(entries, key) : 0;
    if (!until)
        return 0;
    __u64 end_ns = *until;
    return !end_ns || weir_packet_time(packet) < end_ns;
}

struct weir_sweep {
    __u64 now_ns;
    __u64 earliest_ns;
};

static long weir_sweep_one(void *entries, const void *key, __u64 *until, struct weir_sweep *sweep)
{
    __u64 end_ns = *until;
    if (!end_ns)
        return 0;
    if (end_ns <= sweep->now_ns)
        bpf_map_delete_elem(entries, key);
    else if (end_ns < sweep->earliest_ns)
        sweep->earliest_ns = end_ns;
    return 0;
}

static __always_inline void weir_ends_at(struct weir_live_set *set, __u64 end_ns)
{
#pragma clang loop unroll(disable)
    for (int i = 0; i < 8; i++) {
        __u64 earliest = *(volatile __u64 *)&set->earliest_ns;
        if (end_ns >= earliest || __sync_val_compare_and_swap(&set->earliest_ns, earliest, end_ns) == earliest)
            return;
    }
}

static __always_inline void weir_add(struct weir_packet *packet, void *entries, const void *key, const struct weir_change *change)
{
    __u64 now_ns = weir_packet_time(packet), end_ns = 0;
    if (change->for_ns) {
        end_ns = now_ns + change->for_ns;
        if (end_ns < now_ns)
            end_ns = ~0ull;
    }
    __u32 number = change->set;
    if (number >= weir_live_set_count())
        return;
    struct weir_live_set *set = &weir_live_sets[BOUNDED(number)];
    if (end_ns)
        weir_ends_at(set, end_ns);
    volatile __u64 *known = bpf_map_lookup_elem(entries, key);
    if (known) {
        *known = end_ns;
        return;
    }
    long failed = bpf_map_update_elem(entries, key, &end_ns, BPF_NOEXIST);
    if (failed && *(volatile __u64 *)&set->earliest_ns <= now_ns) {
        /* Full, and something in it has ended: that gives way. */
        struct weir_sweep sweep = {now_ns, ~0ull};
        set->earliest_ns = ~0ull;
        bpf_for_each_map_elem(entries, weir_sweep_one, &sweep, 0);
        weir_ends_at(set, sweep.earliest_ns);
        if (end_ns)
            weir_ends_at(set, end_ns);
        failed = bpf_map_update_elem(entries, key, &end_ns, BPF_NOEXIST);
    }
    if (failed)
        weir_refused(change->account);
    else
        weir_inserted(change->account);
}

static __always_inline void weir_change_set(struct weir_packet *packet, void *sets, const void *key, __u32 number)
{
    const struct weir_change *change = &weir_changes[number];
    __u32 index = change->index;
    void *entries = bpf_map_lookup_elem(sets, &index);
    if (!entries)
        return;
    if (change->flags & WEIR_CHANGE_ADDS)
        weir_add(packet, entries, key, change);
    else
        bpf_map_delete_elem(entries, key);
}

/* Is the key in the set of that index now? Carries out change `number`. */
#define SETS_OF_WIDTH(width)                                                                                            \
    GLOBAL_FUNCTION int weir_lives_##width(struct weir_packet *packet, struct weir_key_##width *key, __u32 index)       \
    {                                                                                                                   \
        return packet && key && weir_lives(packet, &weir_live_##width, key, index);                                     \
    }                                                                                                                   \
    GLOBAL_FUNCTION int weir_change_##width(struct weir_packet *packet, struct weir_key_##width *key, __u32 number)     \
    {                                                                                                                   \
        if (packet && key && number < weir_change_count())                                                              \
            weir_change_set(packet, &weir_live_##width, key, BOUNDED(number));                                          \
        return 0;                                                                                                       \
    }
SETS_OF_WIDTH(2)
SETS_OF_WIDTH(6)
SETS_OF_WIDTH(16)

/* The compiler writes it: lays out the key of change `number` and carries it out. */
int weir_make_change(struct weir_packet *packet, __u32 number);

static long weir_changes_of(__u32 at, struct weir_packet **packet)
{
    const __u32 *rule = bpf_map_lookup_elem(&weir_changing, &at);
    if (!rule)
        return 1;
    __u64 row = *rule;
    OPAQUE(row);
    if (row >= weir_change_words())
        return 1;
    __u32 first = weir_rule_changes[row] & 0xffffff, count = weir_rule_changes[row] >> 24;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < WEIR_RULE_CHANGES; i++) {
        __u64 entry = first + i;
        OPAQUE(entry);
        if (i >= count || entry >= weir_change_words())
            break;
        weir_make_change(*packet, weir_rule_changes[entry]);
    }
    return 0;
}

/* Every rule saw the sets as they were when the packet came: now they change. */
GLOBAL_FUNCTION int weir_change_sets(struct weir_packet *packet)
{
    if (packet)
        bpf_loop(packet->changing_rules, weir_changes_of, &packet, 0);
    return 0;
}

#endif
