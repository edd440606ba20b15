/* What policies would need: everything but what other evaluators have to provide. */
#include "bpf/templates/maps.h"
#include "bpf/templates/read/frame.h"
#include "bpf/templates/read/tunnel.h"
#include "tests/fuzz/headers.h"

__u32 weir_needs(void) {
    return (WEIR_NEED_HEADERS & ~WEIR_NEED_IFACE) | WEIR_NEED_LINK | WEIR_NEED_INNER | WEIR_NEED_INNER_REST;
}

static struct weir_inside* place_of_inside; /* for the fields of the link */

void* bpf_map_lookup_elem(void* map, const void* key) {
    (void)key;
    return map == (void*)&weir_insides ? place_of_inside : NULL;
}

void weir_fuzz_read(const __u8* frame, size_t bytes, struct weir_packet* packet, struct weir_inside* inside) {
    struct weir_host_frame ctx = {.data = frame, .data_end = frame + bytes};
    place_of_inside = inside;
    read_frame(&ctx, packet);
    packet->present[1] |= read_tunnel(&ctx, packet, inside);
}
