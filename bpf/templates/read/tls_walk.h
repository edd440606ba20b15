/* Names of ClientHellos that go on in later segments: by flow, the place where the extensions go on. docs/language.md,
 * "How weir reads TLS", says what a walk is. */
#ifndef WEIR_BPF_READ_TLS_WALK_H
#define WEIR_BPF_READ_TLS_WALK_H

#include "bpf/print.h"
#include "bpf/templates/account.h"
#include "bpf/templates/clock.h"
#include "bpf/templates/read/tls.h"
#include "bpf/tls_walks.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1); /* WEIR_TLS_WALK_ELEMENTS where the policy needs it */
    __type(key, __u32);
    __type(value, struct weir_tls_walks);
} weir_tls_walks SEC(".maps");

#define TLS_FLAG_SYN 2u
/* A segment: its sequence number, whether SYN is set, and the number of the flow's walk in its group. */
#define TLS_SEGMENT(seq, syn, cell) ((__u64)(seq) << 32 | (__u64)(syn) << 8 | (cell))
#define TLS_SEGMENT_SYN(segment) ((segment) >> 8 & 1)
#define TLS_SEGMENT_CELL(segment) ((segment) & 0xff)
/* A payload: where it begins in the frame, and its bytes. */
#define TLS_PAYLOAD(at, bytes) ((__u64)(at) << 32 | (bytes))

/* The last tick of the clock is near enough for ten seconds, and cheap. */
static __always_inline __u64 tls_now(void) { return weir_tick_time(); }

static __always_inline __u64 tls_flow(const struct weir_packet* p) {
    const volatile __u64* by = weir_settings.print_by;
    __u64 print = p->ip_version | (__u64)p->port_src << 32 | (__u64)p->port_dst << 48;
    print = weir_print_step(by, print, p->ip_src[0] | (__u64)p->ip_dst[0] << 32);
    if (p->ip_version == 6)
        for (int i = 1; i < 4; i++) print = weir_print_step(by, print, p->ip_src[i] | (__u64)p->ip_dst[i] << 32);
    return print ? print : 1;
}

static __always_inline struct weir_tls_walk* tls_walk_at(struct weir_tls_walks* group, __u64 cell) {
    OPAQUE(cell);
    return &group->walks[cell & (WEIR_TLS_GROUP_WALKS - 1)];
}
static __always_inline volatile __u64* tls_print_at(struct weir_tls_walks* group, __u64 cell) {
    OPAQUE(cell);
    return &group->prints[cell & (WEIR_TLS_GROUP_WALKS - 1)];
}

/* The first cell of the group with this print, which is 0 for a free one; WEIR_TLS_GROUP_WALKS: there is none. Most
 * packets have no walk: branches that are never taken cost less than a mark for each cell. */
static __always_inline __u64 tls_find_walk(const struct weir_tls_walks* group, __u64 flow) {
#pragma clang loop unroll(full)
    for (__u32 cell = 0; cell < WEIR_TLS_GROUP_WALKS; cell++)
        if (*(const volatile __u64*)&group->prints[cell] == flow) return cell;
    return WEIR_TLS_GROUP_WALKS;
}

/* May the payload begin with a record? Saves others the call. */
static __always_inline int tls_may_begin(weir_ctx* ctx, __u64 at) {
    const __u8* record = tls_bytes(ctx, at, 2);
    return record && *(const __u16*)record == (TLS_HANDSHAKE | 3 << 8);
}

/* The walk goes on at `next`, in the segment that follows this one. Returns whether it does: not behind TLS_BYTES. */
static __always_inline int tls_keep_walk(struct weir_tls_walk* walk, __u64 next, __u64 segment, __u64 payload,
                                         __u64 now_ns) {
    __u32 bytes = payload, sequence = (segment >> 32) + bytes + TLS_SEGMENT_SYN(segment);
    __u64 skip = TLS_PLACE_AT(next) - ((payload >> 32) + bytes), read = (__u64)walk->read + bytes;
    if (read >= TLS_BYTES) return 0;
    walk->left = TLS_PLACE_LEFT(next);
    walk->read = read;
    walk->used = now_ns >> WEIR_TLS_USED_SHIFT;
    *(volatile __u64*)&walk->place = (__u64)sequence << 32 | (skip & 0xffff) << 8 | TLS_PLACE_SEEN(next);
    return 1;
}

static __always_inline int tls_is_over(const struct weir_tls_walk* walk, __u64 place, __u64 now_ns) {
    __u64 started_ns = walk->started_ns, lasts_ns = place & WEIR_TLS_NAMED ? WEIR_TLS_NAMED_WALK_NS : WEIR_TLS_WALK_NS;
    return now_ns > started_ns && now_ns - started_ns >= lasts_ns;
}

/* How much a new walk wants this cell of a group that is full: most one whose walk is over or has its name, then that
 * of the walk which has been idle longest. */
#define TLS_EVICTS (1ull << 32) /* less than that: its walk still looks for a name */
GLOBAL_FUNCTION __u64 weir_tls_wish(struct weir_tls_walks* group, __u64 now_ns, __u64 cell) {
    if (!group) return 0;
    const struct weir_tls_walk* walk = tls_walk_at(group, cell);
    if (walk->place & WEIR_TLS_NAMED || tls_is_over(walk, walk->place, now_ns)) return TLS_EVICTS;
    return (__u32)((__u32)(now_ns >> WEIR_TLS_USED_SHIFT) - walk->used);
}
static __always_inline __u32 tls_choose_cell(struct weir_tls_walks* group, __u64 now_ns) {
    __u64 best = 0;
#pragma clang loop unroll(disable)
    for (__u64 cell = 0; cell < WEIR_TLS_GROUP_WALKS; cell++) {
        __u64 wish = weir_tls_wish(group, now_ns, cell) << 3 | cell;
        OPAQUE(wish);
        if (wish > best) best = wish;
        OPAQUE(best);
    }
    if (best >> 3 < TLS_EVICTS) {
        __u32 zero = 0;
        struct weir_tls_walks_head* head = bpf_map_lookup_elem(&weir_tls_walks, &zero);
        if (head) __sync_fetch_and_add(&head->evicted, 1);
    }
    return best & (WEIR_TLS_GROUP_WALKS - 1);
}

/* A walk of the flow from inside->name_print on, in the place of one that it has, which the segment names; else mostly
 * a place is free. */
GLOBAL_FUNCTION int weir_begin_tls_walk(struct weir_tls_walks* group, struct weir_inside* inside, __u64 flow,
                                        __u64 segment, __u64 payload) {
    if (!group || !inside) return 0;
    __u64 now_ns = tls_now();
    __u64 cell = TLS_SEGMENT_CELL(segment);
    if (cell >= WEIR_TLS_GROUP_WALKS) cell = tls_find_walk(group, 0);
    if (cell >= WEIR_TLS_GROUP_WALKS) cell = tls_choose_cell(group, now_ns);
    struct weir_tls_walk* walk = tls_walk_at(group, cell);
    walk->started_ns = now_ns;
    walk->read = 0;
    int goes_on = tls_keep_walk(walk, inside->name_print, segment, payload, now_ns);
    *tls_print_at(group, cell) = goes_on ? flow : 0;
    return 0;
}

#define TLS_IS_OF_WALK (1ull << 32) /* the segment goes on with a walk: it is nothing else */

/* The segment of a flow that has a walk. Returns bits of word 1, and TLS_IS_OF_WALK where the walk goes on with it. */
GLOBAL_FUNCTION __u64 weir_go_on_with_tls(weir_ctx* ctx, struct weir_inside* inside, struct weir_tls_walks* group,
                                          __u64 segment, __u64 payload) {
    if (!inside || !group) return 0;
    struct weir_tls_walk* walk = tls_walk_at(group, TLS_SEGMENT_CELL(segment));
    __u64 place = *(volatile __u64*)&walk->place, at = payload >> 32, end = FRAME_LEN(ctx);
    if (place >> 32 != segment >> 32) return 0;
    __u64 now_ns = tls_now(), payload_end = at + (__u32)payload, read = walk->read, here = place;
    if (read >= TLS_BYTES) return 0; /* never */
    place = TLS_PLACE(at + (place >> 8 & 0xffff), walk->left, place & 0xff);
    if (tls_is_over(walk, here, now_ns)) {
        *tls_print_at(group, TLS_SEGMENT_CELL(segment)) = 0;
        return 0;
    }
    end = lesser(lesser(end, payload_end), at + TLS_BYTES - read);
    TLS_FOUND_NAME(inside) = 0;
    if (TLS_PLACE_AT(place) < payload_end) place = forgotten(inside, tls_walk(ctx, inside, place, end));
    __u64 name = TLS_FOUND_NAME(inside);
    if (!name && !((here & WEIR_TLS_NAMED) | (place & TLS_CONTRADICTS)) && TLS_PLACE_AT(place) >= payload_end &&
        tls_keep_walk(walk, place, segment, payload, now_ns))
        return TLS_IS_OF_WALK;
    if (!name || tls_read_name(ctx, inside, name, end) != WEIR_BIT(WEIR_HAS_SNI)) {
        *tls_print_at(group, TLS_SEGMENT_CELL(segment)) = 0;
        return TLS_IS_OF_WALK;
    }
    walk->started_ns = now_ns;
    walk->used = now_ns >> WEIR_TLS_USED_SHIFT;
    *(volatile __u64*)&walk->place = here | WEIR_TLS_NAMED;
    return TLS_IS_OF_WALK | WEIR_BIT(WEIR_HAS_TLS) | WEIR_BIT(WEIR_IS_CLIENT_HELLO) | WEIR_BIT(WEIR_HAS_SNI) |
           WEIR_BIT(WEIR_IS_TLS_CUT);
}

/* Of a TCP packet with payload: bits of word 1. */
static __always_inline __u32 read_tls(weir_ctx* ctx, const struct weir_packet* p, struct weir_inside* inside) {
    __u32 at = p->payload_offset, bytes = p->payload_len;
    if (!bytes) return 0;
    int may_begin = tls_may_begin(ctx, at);
    if (!(weir_needs() & WEIR_NEED_TLS_WALKS)) return may_begin ? weir_read_tls(ctx, inside, at, bytes) : 0;
    __u64 flow = tls_flow(p), payload = TLS_PAYLOAD(at, bytes);
    __u32 number = 1 + (flow >> 32) % WEIR_TLS_WALK_GROUPS, syn = (p->tcp_flags & TLS_FLAG_SYN) != 0;
    struct weir_tls_walks* group = bpf_map_lookup_elem(&weir_tls_walks, &number);
    if (!group) return 0;
    __u64 cell = tls_find_walk(group, flow);
    if (cell < WEIR_TLS_GROUP_WALKS) {
        __u64 found = weir_go_on_with_tls(ctx, inside, group, TLS_SEGMENT(p->tcp_seq, syn, cell), payload);
        if (found & TLS_IS_OF_WALK) return found;
    }
    if (!may_begin) return 0;
    __u32 found = weir_read_tls(ctx, inside, at, bytes);
    if (!(found & WEIR_BIT(WEIR_IS_CLIENT_HELLO))) return found;
    if (inside->name_print)
        weir_begin_tls_walk(group, inside, flow, TLS_SEGMENT(p->tcp_seq, syn, cell), payload);
    else if (cell < WEIR_TLS_GROUP_WALKS)
        *tls_print_at(group, cell) = 0; /* another hello of the flow, which needs none */
    return found;
}

#endif
