/* The flight recorder and what `capture` adds to events: bpf/record.h. */
#ifndef WEIR_BPF_RECORD_TEMPLATE_H
#define WEIR_BPF_RECORD_TEMPLATE_H

#include "bpf/record.h"
#include "bpf/templates/account.h"
#include "bpf/templates/clock.h"
#include "bpf/templates/inside.h"
#include "bpf/templates/throttle.h"

/* Sizes are of the policy: its compiler and whoever loads it put them right. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, WEIR_RECORD_SLOT_BYTES(0, WEIR_RECORD_LEAST_BYTES));
    __uint(map_flags, BPF_F_MMAPABLE);
} weir_record SEC(".maps");

extern struct weir_throttle_key weir_record_keys[]; /* those of `capture before` */
__u32 weir_record_bytes(void);                      /* of a frame; 0: the policy records nothing */
__u32 weir_record_packets(void);                    /* a power of two */
__u32 weir_record_key_count(void);

#ifdef WEIR_HOST
static __always_inline __u32 weir_cpu(void) { return 0; }
#else
static __always_inline __u32 weir_cpu(void) { return bpf_get_smp_processor_id(); }
#endif
static __always_inline struct weir_record_head* weir_record_ring(__u32 cpu) {
    __u32 element = cpu * WEIR_RECORD_ELEMENTS(weir_record_packets());
    return bpf_map_lookup_elem(&weir_record, &element);
}
static __always_inline struct weir_record_slot* weir_record_slot_at(__u32 cpu, __u64 number) {
    __u32 element = cpu * WEIR_RECORD_ELEMENTS(weir_record_packets()) + 1;
    element += (__u32)number & (weir_record_packets() - 1);
    return bpf_map_lookup_elem(&weir_record, &element);
}

/* Stores stay in this order: those of an x86 CPU do, and this keeps LLVM from moving them. */
#define STORE_IN_ORDER(place, value)         \
    do {                                     \
        asm volatile("" ::: "memory");       \
        *(volatile __u64*)(place) = (value); \
        asm volatile("" ::: "memory");       \
    } while (0)

/* ---- keys: read as those of throttles ---- */

/* Bits of the key's fields that the packet does not have. */
static __always_inline __u32 weir_key_lacks(const struct weir_throttle_key* key, const struct weir_packet* packet,
                                            const struct weir_inside* inside) {
    __u32 lacks = 0;
    for (__u32 i = 0; i < WEIR_PRESENT_WORDS; i++) lacks |= key->present[i] & ~packet->present[i];
    if (inside)
        for (__u32 i = 0; i < WEIR_PRESENT_WORDS; i++)
            lacks |= key->present[WEIR_PRESENT_WORDS + i] & ~inside->inner.present[i];
    return lacks | weir_key_lacks_flow(key, inside);
}

/* Word `i` of the key, of those that it has. */
static __always_inline __u32 weir_key_value(const struct weir_throttle_key* key, __u64 i,
                                            const struct weir_packet* packet, const struct weir_inside* inside) {
    __u32 word = key->words[i].word, mask = key->words[i].mask, bits = key->words[i].ip4_bits;
    __u8 version = inside && word >= WEIR_INSIDE_OFFSET / sizeof(__u32) ? inside->inner.ip_version : packet->ip_version;
    if (bits && version == 4) mask = ~0u << ((32 - bits) & 31);
    return weir_key_word(packet, inside, word) >> (key->words[i].shift & 31) & mask;
}

/* The packet's print of key `number`; 0 where it lacks a field of it. */
GLOBAL_FUNCTION __u64 weir_record_print(struct weir_packet* packet, __u32 number) {
    if (!packet || number >= weir_record_key_count()) return 0;
    const struct weir_throttle_key* key = &weir_record_keys[BOUNDED(number)];
    const struct weir_inside* inside = weir_needs() & WEIR_NEED_INSIDE ? weir_inside_place() : 0;
    if (weir_key_lacks(key, packet, inside)) return 0;
    __u64 print = weir_print_begin(weir_key_words(key), 0), low = 0;
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < WEIR_KEY_WORDS; i++) {
        if (i >= weir_key_words(key)) break;
        __u64 value = weir_key_value(key, i, packet, inside);
        if (i & 1)
            print = weir_print_step(weir_settings.print_by, print, low | value << 32);
        else
            low = value;
    }
    if (weir_key_words(key) & 1) print = weir_print_step(weir_settings.print_by, print, low);
    print = weir_print_step(weir_settings.print_by, print, 0);
    return print ? print : 1;
}

/* ---- the recorder ---- */

/* `bytes`, a multiple of 8 and the same number in each program, from one place to another. */
static __always_inline void weir_copy_words(__u8* to, const __u8* from, __u32 bytes) {
#pragma clang loop unroll(full)
    for (__u32 at = 0; at < WEIR_RECORD_MOST_BYTES; at += 8)
        if (at < bytes) *(__u64*)(to + at) = *(const __u64*)(from + at);
}

/* Of a frame of at least `size` bytes, less than twice as many, its first and its last `size` bytes, which overlap: few
 * branches, whatever its length. */
static __always_inline __u32 weir_copy_ends(weir_ctx* ctx, __u8* to, __u32 most, __u32 size) {
    const __u8* from = FRAME(ctx);
    const __u8* end = FRAME_END(ctx);
    __u64 length = FRAME_LEN(ctx), last = length - size;
    OPAQUE(last);
    if (last > most - size || from + last + size > end || from + size > end) return 0;
    weir_copy_words(to, from, size);
    weir_copy_words(to + last, from + last, size);
    return length;
}

/* Copies the frame's first bytes, `most` of them at most, a multiple of 8 and the same number in each program. Returns
 * how many. */
static __always_inline __u32 weir_copy_head(weir_ctx* ctx, __u8* to, __u32 most) {
    const __u8* from = FRAME(ctx);
    const __u8* end = FRAME_END(ctx);
    if (from + most <= end) {
        weir_copy_words(to, from, most);
        return most;
    }
    if (most > 128 && from + 128 <= end) return weir_copy_ends(ctx, to, most, 128);
    if (most > 64 && from + 64 <= end) return weir_copy_ends(ctx, to, most, 64);
    if (from + 32 <= end) return weir_copy_ends(ctx, to, most, 32);
    if (from + 16 <= end) return weir_copy_ends(ctx, to, most, 16);
    return from + 8 <= end ? weir_copy_ends(ctx, to, most, 8) : 0;
}

/* What is in another buffer than the first. */
#ifdef WEIR_HOST
static __always_inline long weir_load_frame(weir_ctx* ctx, void* to, __u32 bytes) {
    (void)ctx, (void)to, (void)bytes;
    return -1;
}
#elif defined(WEIR_EGRESS)
static __always_inline long weir_load_frame(weir_ctx* ctx, void* to, __u32 bytes) {
    return bpf_skb_load_bytes(ctx, 0, to, bytes);
}
#else
static __always_inline long weir_load_frame(weir_ctx* ctx, void* to, __u32 bytes) {
    return bpf_xdp_load_bytes(ctx, 0, to, bytes);
}
#endif
#define HAS_MORE_BUFFERS (WEIR_IS_EGRESS || weir_settings.frames == WEIR_FRAMES_OF_SEVERAL)

static __always_inline __u32 weir_copy_frame(weir_ctx* ctx, __u8* to, __u32 most) {
#ifdef WEIR_EGRESS
    __u32 captured = 0; /* the first buffer seldom has more than headers */
#else
    __u32 captured = weir_copy_head(ctx, to, most);
#endif
    if (!HAS_MORE_BUFFERS) return captured;
    __u64 wanted = ALL_BUFFERS_LEN(ctx);
    if (wanted > most) wanted = most;
    OPAQUE(wanted);
    if (captured >= wanted || wanted == 0 || wanted > most) return captured;
    return weir_load_frame(ctx, to, wanted) == 0 ? wanted : captured;
}

/* Begins the packet's slot with the prints of its keys; the rest is weir_record_frame()'s. */
GLOBAL_FUNCTION int weir_record_prints(struct weir_packet* packet) {
    if (!packet) return 0;
    __u32 cpu = weir_cpu();
    struct weir_record_head* ring = weir_record_ring(cpu);
    if (!ring) return 0;
    struct weir_record_slot* slot = weir_record_slot_at(cpu, ring->next);
    if (!slot) return 0;
    STORE_IN_ORDER(&slot->begun, ring->next + 1);
#pragma clang loop unroll(full)
    for (__u32 i = 0; i < WEIR_RECORD_KEYS; i++)
        if (i < weir_record_key_count()) *((__u64*)(slot + 1) + i) = weir_record_print(packet, i);
    return 0;
}

GLOBAL_FUNCTION int weir_record_frame(weir_ctx* ctx, __u32 row, __u32 verdict, __u32 len, __u64 time_ns) {
    __u32 cpu = weir_cpu();
    struct weir_record_head* ring = weir_record_ring(cpu);
    if (!ring) return 0;
    __u64 number = ring->next;
    struct weir_record_slot* slot = weir_record_slot_at(cpu, number);
    if (!slot) return 0;
    STORE_IN_ORDER(&slot->begun, number + 1);
    slot->time_ns = time_ns;
    slot->len = len;
    slot->row = row;
    slot->generation = weir_settings.generation;
    slot->ifindex = CTX_IFINDEX(ctx);
    slot->verdict = verdict;
    slot->flags = WEIR_IS_EGRESS ? WEIR_RECORD_OUT : 0;
    __u8* bytes = (__u8*)slot + WEIR_RECORD_BYTES_AT(weir_record_key_count());
    slot->captured = weir_copy_frame(ctx, bytes, weir_record_bytes());
    STORE_IN_ORDER(bytes + weir_record_bytes(), number + 1);
    ring->next = number + 1;
    return 0;
}

/* A policy that keeps the time of its packets has it. */
static __always_inline __u64 weir_record_time(const struct weir_packet* packet) {
    return packet->time_ns ? packet->time_ns : weir_tick_time();
}

/* Once the verdict is known. Tests and candidates record nothing. */
static __always_inline void weir_record_packet(weir_ctx* ctx, struct weir_packet* packet, __u32 row) {
    if (!weir_record_bytes() || weir_settings.trace || weir_settings.only_tells) return;
    __u64 time_ns = weir_record_time(packet);
    if (weir_record_key_count()) weir_record_prints(packet);
    weir_record_frame(ctx, row, weir_rule_rows[row].verdict, packet->len, time_ns);
}

/* ---- captures ---- */

static __always_inline void weir_add_capture(weir_ctx* ctx, struct weir_packet* packet, struct weir_capture* capture) {
    capture->number = 0;
    capture->cpu = weir_cpu();
    if (weir_record_bytes()) {
        const struct weir_record_head* ring = weir_record_ring(capture->cpu);
        if (ring) capture->number = ring->next;
    }
    for (__u32 i = 0; i < WEIR_RECORD_KEYS; i++)
        capture->prints[i] = i < weir_record_key_count() ? weir_record_print(packet, i) : 0;
    capture->flags = WEIR_IS_EGRESS ? WEIR_RECORD_OUT : 0;
    capture->captured = weir_copy_frame(ctx, capture->bytes, WEIR_RECORD_MOST_BYTES);
}

#endif
