/* A change of a set that user space wants, made as a packet would make it. */
#ifndef WEIR_BPF_SET_REQUEST_H
#define WEIR_BPF_SET_REQUEST_H

#include "bpf/templates/set_table.h"

static __always_inline void weir_mark_order(void* table, struct weir_table_head* head, const __u32* key) {
    __u64 first = head->net_word - 1ull;
    OPAQUE(first);
    if (first <= WEIR_KEY_WORDS - 1 - WEIR_NET_WORDS) weir_mark_net_at(table, head, key + first);
}

/* All but WEIR_SET_REQUEST_FREE_ENDED. */
static __always_inline void weir_carry_out_request(void* table, struct weir_set_request* order, __u64 now_ns) {
    if (order->kind == WEIR_SET_REQUEST_TAKE_OUT) {
        order->answer = weir_take_out(table, order->key, WEIR_KEY_WORDS);
        return;
    }
    struct weir_table_head* head = weir_element(table, 0);
    if (head) weir_mark_order(table, head, order->key);
    weir_make_space(table, now_ns);
    order->answer = weir_put(table, order->key, WEIR_KEY_WORDS, order->end_ns, now_ns);
}

#endif
