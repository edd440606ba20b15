/* A SYN that has not been sent before, out of an interface: half of them to a port that is offered, half to one that is
 * not. Of the former, one in `answered` is addressed to the host, which answers it; the rest have another MAC address,
 * so that the host's stack drops them right behind XDP, and the flood is one of the policy alone. */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP_CHECKSUM 24 /* bytes from the frame's start */
#define IP_SOURCE 26
#define TCP_PORTS 34
#define TCP_CHECKSUM 50
#define SOURCES 0xc6120000u /* 198.18.0.0/15: for tests of devices (RFC 2544) */

struct {
    __u32 ifindex;
    __u32 answered;
    __u32 ip_sum; /* of the other words of the headers, not folded */
    __u32 tcp_sum;
    __u16 offered;
    __u16 closed;
    __u8 host[ETH_ALEN];
} aim SEC(".data.aim");
struct {
    __u64 offered;
    __u64 answered; /* of those */
    __u64 closed;
} sent SEC(".data.sent");

static __attribute__((always_inline)) __u16 folded(__u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)~sum;
}

SEC("xdp") int flood(struct xdp_md* ctx) {
    __u8 *data = (__u8*)(long)ctx->data, *data_end = (__u8*)(long)ctx->data_end;
    if (data + ETH_ZLEN > data_end) return XDP_ABORTED;
    /* Each pair of address and port once in 2^32 packets: an odd factor makes a permutation. */
    __u64 number = sent.offered + sent.closed;
    __u32 mixed = (__u32)number * 0x9e3779b1u;
    __u32 source = SOURCES | (mixed >> 15), port = (mixed & 0x7fff) | 0x8000;
    int is_closed = number & 1, is_answered = 0;
    if (is_closed) {
        sent.closed++;
    } else {
        is_answered = sent.offered++ % aim.answered == 0;
        sent.answered += is_answered;
    }
    __u32 target = is_closed ? aim.closed : aim.offered;
    __builtin_memcpy(data, aim.host, ETH_ALEN);
    if (!is_closed && !is_answered) data[ETH_ALEN - 1] ^= 1;
    *(__u32*)(data + IP_SOURCE) = bpf_htonl(source);
    *(__u16*)(data + TCP_PORTS) = bpf_htons((__u16)port);
    *(__u16*)(data + TCP_PORTS + 2) = bpf_htons((__u16)target);
    __u32 sum = (source >> 16) + (source & 0xffff);
    *(__u16*)(data + IP_CHECKSUM) = bpf_htons(folded(aim.ip_sum + sum));
    *(__u16*)(data + TCP_CHECKSUM) = bpf_htons(folded(aim.tcp_sum + sum + port + target));
    return (int)bpf_redirect(aim.ifindex, 0);
}

char soak_license[] SEC("license") = "Dual MIT/GPL";
