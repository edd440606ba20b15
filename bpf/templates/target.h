/* The targets of a template: BPF at XDP, BPF at the egress hook (WEIR_EGRESS), and the host's CPU (WEIR_HOST: the
 * native evaluator, both directions). WEIR_IS_EGRESS is a constant: 1 in the program that judges packets on their way
 * out. */
#ifndef WEIR_BPF_TARGET_H
#define WEIR_BPF_TARGET_H

#include <linux/bpf.h>
#include <linux/types.h>

#ifdef WEIR_HOST

#define WEIR_HOOK "xdp"
#define SEC(name) __attribute__((used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value)* name
#undef __always_inline /* linux/stddef.h defines it as a hint only */
#define __always_inline inline __attribute__((always_inline))
#define bpf_ntohs __builtin_bswap16
#define bpf_ntohl __builtin_bswap32
#define bpf_htonl __builtin_bswap32

/* What the native evaluator provides instead of the kernel; defined by compiler/codegen/native.cpp. */
void* bpf_map_lookup_elem(void* map, const void* key);
long bpf_map_update_elem(void* map, const void* key, const void* value, __u64 flags);
__u64 bpf_ktime_get_ns(void);
void* bpf_ringbuf_reserve(void* ring, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void* record, __u64 flags);
static __always_inline __u32 bpf_get_smp_processor_id(void) { return 0; }
#define bpf_loop(count, step, state, flags) \
    for (__u32 bpf_i = 0, bpf_n = (count); bpf_i < bpf_n && !(step)(bpf_i, state); bpf_i++)

struct weir_host_frame {
    const __u8* data;
    const __u8* data_end;
    __u32 ingress_ifindex;
    __u32 rx_queue_index;
};
typedef struct weir_host_frame weir_ctx;
#define FRAME(ctx) ((ctx)->data)
#define FRAME_END(ctx) ((ctx)->data_end)
#define FRAME_LEN(ctx) ((__u32)((ctx)->data_end - (ctx)->data))
#define ALL_BUFFERS_LEN(ctx) FRAME_LEN(ctx)
#define CTX_IFINDEX(ctx) ((ctx)->ingress_ifindex)
#define CTX_RX_QUEUE(ctx) ((ctx)->rx_queue_index)
__u32 weir_is_egress(void); /* a constant, which the compiler writes */
#define WEIR_IS_EGRESS weir_is_egress()
#define BOUNDED(value) (value)

#else

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifdef WEIR_EGRESS
typedef struct __sk_buff weir_ctx;
#define WEIR_IS_EGRESS 1
#define WEIR_HOOK "tc"
#define ALL_BUFFERS_LEN(ctx) ((ctx)->len)
#define CTX_IFINDEX(ctx) ((ctx)->ifindex)
#define CTX_RX_QUEUE(ctx) 0
#else
typedef struct xdp_md weir_ctx;
#define WEIR_IS_EGRESS 0
#define WEIR_HOOK "xdp"
#define ALL_BUFFERS_LEN(ctx) ((__u32)bpf_xdp_get_buff_len(ctx))
#define CTX_IFINDEX(ctx) ((ctx)->ingress_ifindex)
#define CTX_RX_QUEUE(ctx) ((ctx)->rx_queue_index)
#endif
#define FRAME(ctx) ((const __u8*)(long)(ctx)->data)
#define FRAME_END(ctx) ((const __u8*)(long)(ctx)->data_end)
#define FRAME_LEN(ctx) frame_len(ctx) /* of the first buffer */

/* bpf_xdp_get_buff_len without the call (6 ns). In assembly, because LLVM would make the difference a 32-bit one, and
 * the verifier allows subtraction of pointers in 64 bits only. */
static __always_inline __u32 frame_len(weir_ctx* ctx) {
    __u64 length = (__u64)(long)ctx->data_end, begin = (__u64)(long)ctx->data;
    asm volatile("%0 -= %1" : "+r"(length) : "r"(begin));
    return length;
}

/* A value whose bounds were just checked. LLVM may put an argument on the stack before the check and read it again
 * after it; then the verifier does not know the bounds of the value that was read. This makes the checked value a new
 * value. */
#define BOUNDED(value)                     \
    ({                                     \
        __u64 bounded_ = (value);          \
        asm volatile("" : "+r"(bounded_)); \
        (__u32) bounded_;                  \
    })

#endif

/* Hides a value from LLVM's optimiser. Otherwise LLVM would turn differences into branches, which random numbers
 * mispredict and which multiply the verifier's paths, and a checked index into an unchecked pointer. */
#ifdef WEIR_HOST
#define OPAQUE(number)
#else
#define OPAQUE(number) asm volatile("" : "+r"(number))
#endif

/* 0, made of a number of which the verifier knows nothing, so that it does not know that it is 0. Ways that differ in
 * a number become one for the verifier where the number is hidden by it. */
static __always_inline __u64 hidden_zero(__u64 number) {
    __u64 same = number;
    OPAQUE(same);
    return number & ~same;
}
static __always_inline __u64 hidden(__u64 number, __u64 zero) {
    number ^= zero;
    OPAQUE(number);
    return number;
}

/* The verifier checks a global function once, by itself: its paths do not multiply with its callers' paths. Weak, so
 * that LLVM assumes nothing about its body, as the verifier does. Its pointers must be tested for NULL. */
#define GLOBAL_FUNCTION __attribute__((noinline, weak))

#endif
