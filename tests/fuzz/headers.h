/* The templates' reader of headers, compiled for this CPU. */
#ifndef WEIR_FUZZ_HEADERS_H
#define WEIR_FUZZ_HEADERS_H

#include <stddef.h>

#include "bpf/abi.h"

#ifdef __cplusplus
extern "C"
#endif
    void
    weir_fuzz_read(const __u8* frame, size_t bytes, struct weir_packet* packet, struct weir_inside* inside);

#endif
