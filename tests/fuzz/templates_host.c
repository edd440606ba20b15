/* The kernel's readers of messages, as they are compiled for the native evaluator: with every part of them needed. */
#include "tests/fuzz/templates_host.h"

#include "bpf/templates/read/dns.h"
#include "bpf/templates/read/http.h"
#include "bpf/templates/read/tls.h"

__u32 weir_needs(void) { return ~0u; }

static struct weir_host_frame frame_of(const unsigned char* bytes, unsigned long size) {
    return (struct weir_host_frame){.data = bytes, .data_end = bytes + size};
}

__u32 host_read_dns(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes, struct weir_inside* inside) {
    struct weir_host_frame host = frame_of(frame, size);
    return weir_read_dns(&host, inside, at, bytes);
}
__u32 host_read_http(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes,
                     struct weir_inside* inside) {
    struct weir_host_frame host = frame_of(frame, size);
    return weir_read_http(&host, inside, at, bytes);
}
__u32 host_read_tls(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes, struct weir_inside* inside) {
    struct weir_host_frame host = frame_of(frame, size);
    return weir_read_tls(&host, inside, at, bytes);
}
