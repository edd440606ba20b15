/* Walks through ClientHellos that go on in later segments: the table that the program keeps of them, an array map of
 * groups. Element 0 is the head. Compiles as C and as C++. */
#ifndef WEIR_BPF_TLS_WALKS_H
#define WEIR_BPF_TLS_WALKS_H

#include <linux/types.h>

#define WEIR_TLS_WALK_NS 10000000000ull /* a walk is over so long after its first segment */
/* Once it has its name: so long after the last one. Whoever sends a segment again that was dropped waits up to two
 * minutes in between. */
#define WEIR_TLS_NAMED_WALK_NS 300000000000ull

struct weir_tls_walk {
    /* The sequence number with which it goes on << 32 | WEIR_TLS_NAMED | bytes to skip there << 8 | extensions seen.
     * One word: whoever reads it while another CPU gives the cell to another flow finds a sequence number that is not
     * its own. */
    __u64 place;
    __u64 started_ns; /* CLOCK_MONOTONIC, of the first segment; of the last one that brought the name */
    __u32 used;       /* ns >> WEIR_TLS_USED_SHIFT when the last segment came */
    __u16 left;       /* bytes of extensions, from the next one on */
    __u16 read;       /* bytes of the hello in the segments before */
};
#define WEIR_TLS_NAMED (1ull << 24) /* the name came in the segment with that number, which may come again */
#define WEIR_TLS_USED_SHIFT 20      /* 1 ms */

#define WEIR_TLS_GROUP_WALKS 8u
struct weir_tls_walks {
    __u64
        prints[WEIR_TLS_GROUP_WALKS]; /* of flows: bpf/print.h; 0: free. The only cache line that most look-ups read */
    struct weir_tls_walk walks[WEIR_TLS_GROUP_WALKS];
};
struct weir_tls_walks_head {
    __u64 evicted; /* walks that were not over, and that others took the place of */
    __u64 unused[31];
};
#define WEIR_TLS_WALK_GROUPS 2048u
#define WEIR_TLS_WALK_ELEMENTS (1 + WEIR_TLS_WALK_GROUPS)

#endif
