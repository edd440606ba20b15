/* Prints of names and texts: what keys of state have in their place (weir_settings.print_by). */
#ifndef WEIR_BPF_PRINTS_H
#define WEIR_BPF_PRINTS_H

#include "bpf/print.h"
#include "bpf/templates/text.h"

static __always_inline __u64 print_step(__u64 print, __u64 bytes) {
    return weir_print_step(weir_settings.print_by, print, bytes);
}

GLOBAL_FUNCTION __u64 weir_print_of_name(struct weir_inside* inside) {
    if (!inside) return 0;
    __u64 print = weir_print_begin(inside->name_length, inside->name_labels);
#pragma clang loop unroll(disable)
    for (__u32 at = 0; at < WEIR_NAME_BYTES; at += 8) {
        if (at >= inside->name_length) break;
        print = print_step(print, *(const __u64*)(inside->name + at));
    }
    return print_step(print, 0);
}

GLOBAL_FUNCTION __u64 weir_print_of_text(weir_ctx* ctx, __u32 text) {
    __u64 print = weir_print_begin(WEIR_TEXT_BYTES(text), 0);
#pragma clang loop unroll(disable)
    for (__u32 at = 0; at < TEXT_BYTES; at += 8) {
        if (at >= WEIR_TEXT_BYTES(text)) break;
        print = print_step(print, weir_text_word(ctx, WEIR_TEXT_OFFSET(text) + (__u64)at, text_end(text)));
    }
    return print_step(print, 0);
}

/* Of all names and texts that the packet has: `found` are its bits of word 1. */
GLOBAL_FUNCTION int weir_make_prints(weir_ctx* ctx, struct weir_inside* inside, __u32 found) {
    if (!inside) return 0;
    if (found & (WEIR_BIT(WEIR_HAS_DNS) | WEIR_BIT(WEIR_HAS_SNI) | WEIR_BIT(WEIR_HAS_HTTP_HOST)))
        inside->name_print = weir_print_of_name(inside);
    if (found & WEIR_BIT(WEIR_HAS_ALPN)) inside->tls_alpn_print = weir_print_of_text(ctx, inside->tls_alpn);
    if ((weir_needs() & WEIR_NEED_HTTP_LINE) && (found & WEIR_BIT(WEIR_HAS_HTTP_REQUEST))) {
        inside->http_method_print = weir_print_of_text(ctx, inside->http_method);
        inside->http_target_print = weir_print_of_text(ctx, inside->http_target);
        inside->http_path_print = weir_print_of_text(ctx, inside->http_path);
    }
    if (found & WEIR_BIT(WEIR_HAS_USER_AGENT))
        inside->http_user_agent_print = weir_print_of_text(ctx, inside->http_user_agent);
    return 0;
}

#endif
