/* Readers of bpf/templates/read/ on this CPU. `at`, `bytes`: the payload in the frame, which reaches that far. */
#ifndef WEIR_TESTS_TEMPLATES_HOST_H
#define WEIR_TESTS_TEMPLATES_HOST_H

#include "bpf/abi.h"

#ifdef __cplusplus
extern "C" {
#endif
/* They return bits of word 1 of weir_packet.present. */
__u32 host_read_dns(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes, struct weir_inside* inside);
__u32 host_read_http(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes, struct weir_inside* inside);
__u32 host_read_tls(const unsigned char* frame, unsigned long size, __u32 at, __u32 bytes, struct weir_inside* inside);
#ifdef __cplusplus
}
#endif

#endif
