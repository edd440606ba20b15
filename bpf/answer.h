/* What leaves at the hook in a packet's place: answers to rejected packets, and packets that are redirected. Compiles
 * as C and C++. */
#ifndef WEIR_BPF_ANSWER_H
#define WEIR_BPF_ANSWER_H

#include <linux/types.h>

/* Constant weir_answers(): which of these verdicts a policy enforces. */
#define WEIR_ANSWERS_REJECT 1u
#define WEIR_ANSWERS_REDIRECT 2u

/* Per CPU, map weir_answer_accounts, one entry. */
struct weir_answer_account {
    __u64 sent;       /* answers; the driver may still lose them */
    __u64 dropped;    /* beyond the limit */
    __u64 failed;     /* the frame has no room for the answer */
    __u64 redirected; /* packets */
    __u64 missing;    /* the interface to redirect to is not there */
};

/* At most N answers a second and interface: a bucket of N tokens that fills in a second, as the time at which it is
 * full again. Map weir_answer_buckets, by the interface's number modulo WEIR_ANSWER_BUCKETS: interfaces that share a
 * bucket share the limit. A cache line each. */
#define WEIR_ANSWER_BUCKETS 256u
#define WEIR_ANSWER_BUCKET_NS 1000000000ull
struct weir_answer_bucket {
    __u64 full_ns;
    __u64 answer_ns; /* what an answer takes of the second; 0: no limit (tests) */
    __u64 unused[6];
};

/* Interfaces that packets are redirected to: map weir_devices, number in the order of the policy's rules to the
 * kernel's number. The rule's row has it as its `action`. */
#define WEIR_DEVICES 255u

/* An answer, its link header left out, has at most so many bytes: RFC 1812 and RFC 4443. */
#define WEIR_ANSWER_IP4_BYTES 576u
#define WEIR_ANSWER_IP6_BYTES 1280u

#endif
