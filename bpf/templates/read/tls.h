/* TLS: the record at the payload's first byte, and its ClientHello. docs/language.md, "How weir reads TLS", says what
 * counts; names in later segments are in tls_walk.h.
 *
 * Offsets are from the frame's start, in 64 bits: the verifier forgets the bounds of numbers that LLVM moves from one
 * width to the other. */
#ifndef WEIR_BPF_READ_TLS_H
#define WEIR_BPF_READ_TLS_H

#include "bpf/templates/read/name.h"
#include "bpf/templates/read/place.h"

#define TLS_RECORD_BYTES 5u
#define TLS_HANDSHAKE_BYTES 4u
/* In the payload: the hello's version, 32 random bytes, then lists. */
#define TLS_HELLO_AT (TLS_RECORD_BYTES + TLS_HANDSHAKE_BYTES)
#define TLS_HELLO_LEAST 35u /* up to the length of the session id */
/* Looked at, over all segments: bytes of the hello, extensions; entries of a server_name extension. */
#define TLS_BYTES 2048u
#define TLS_EXTENSIONS 64u
#define TLS_NAMES 8u
enum { TLS_HANDSHAKE = 22, TLS_CLIENT_HELLO = 1, TLS_HOST_NAME = 0 };
#define TLS_SERVER_NAME 0ull /* extensions; they differ in one bit */
#define TLS_ALPN 16ull

/* `count` bytes at `at` of the frame, or NULL. */
static __always_inline const __u8* tls_bytes(weir_ctx* ctx, __u64 at, __u64 count) {
    OPAQUE(at);
    if (at > TEXT_OFFSET_MAX) return 0;
    const __u8* bytes = FRAME(ctx) + at;
    return bytes + count > FRAME_END(ctx) ? 0 : bytes;
}

/* The place of a walk through extensions: where the next one is, bytes of extensions left, how many there were. In one
 * number, since global functions answer with one. */
#define TLS_PLACE(at, left, seen) ((__u64)(at) << 32 | (__u64)(left) << 8 | (seen))
#define TLS_PLACE_AT(place) ((place) >> 32)
#define TLS_PLACE_LEFT(place) ((place) >> 8 & 0xffff)
#define TLS_PLACE_SEEN(place) ((place) & 0xff)
/* Instead of a place. */
#define TLS_NO_PLACE 0ull            /* what comes next is not here */
#define TLS_CONTRADICTS (1ull << 63) /* lengths contradict one another */

/* Where the extensions of the hello at `at` begin, of which bytes before `end` may be read and which ends at `last`. */
static __always_inline __u64 tls_find_extensions(weir_ctx* ctx, __u64 at, __u64 end, __u64 last) {
    at += TLS_HELLO_LEAST - 1;
    if (at + 1 > end) return TLS_NO_PLACE;
    const __u8* bytes = tls_bytes(ctx, at, 1);
    if (!bytes) return TLS_NO_PLACE;
    at += 1u + bytes[0]; /* the session id */
    if (at + 2 > last) return TLS_CONTRADICTS;
    if (at + 2 > end) return TLS_NO_PLACE;
    bytes = tls_bytes(ctx, at, 2);
    if (!bytes) return TLS_NO_PLACE;
    at += 2u + load16(bytes); /* the cipher suites */
    if (at + 1 > last) return TLS_CONTRADICTS;
    if (at + 1 > end) return TLS_NO_PLACE;
    bytes = tls_bytes(ctx, at, 1);
    if (!bytes) return TLS_NO_PLACE;
    at += 1u + bytes[0]; /* the compression methods */
    if (at == last) return TLS_NO_PLACE;
    if (at + 2 > last) return TLS_CONTRADICTS;
    if (at + 2 > end) return TLS_NO_PLACE;
    bytes = tls_bytes(ctx, at, 2);
    if (!bytes) return TLS_NO_PLACE;
    __u64 left = load16(bytes);
    at += 2;
    return at + left > last ? TLS_CONTRADICTS : TLS_PLACE(at, left, 0);
}

/* The extensions that tls_walk finds: where their data is, in WEIR_TEXT's form. They are kept where prints go
 * later, for the sake of the verifier: of memory it does not ask which way led there. */
#define TLS_FOUND(inside, type) (((volatile __u64*)&(inside)->name_print)[(type) / TLS_ALPN])
#define TLS_FOUND_NAME(inside) TLS_FOUND(inside, TLS_SERVER_NAME)
#define TLS_FOUND_ALPN(inside) TLS_FOUND(inside, TLS_ALPN)
_Static_assert(__builtin_offsetof(struct weir_inside, tls_alpn_print) ==
                   __builtin_offsetof(struct weir_inside, name_print) + sizeof(__u64),
               "one behind the other");

/* Walks on from `place` to the first server_name and the first ALPN, of whose headers bytes before `end` may be read.
 * Returns the place of the first header that is not there, TLS_NO_PLACE behind the last one that counts. */
static __always_inline __u64 tls_walk(weir_ctx* ctx, struct weir_inside* inside, __u64 place, __u64 end) {
    TLS_FOUND_NAME(inside) = TLS_FOUND_ALPN(inside) = 0;
    __u64 at = TLS_PLACE_AT(place), left = TLS_PLACE_LEFT(place), seen = TLS_PLACE_SEEN(place);
#pragma clang loop unroll(disable)
    for (; seen < TLS_EXTENSIONS; seen++) {
        if (left < 4) return left ? TLS_CONTRADICTS : TLS_NO_PLACE;
        if (at + 4 > end) return TLS_PLACE(at, left, seen);
        const __u8* header = tls_bytes(ctx, at, 4);
        if (!header) return TLS_NO_PLACE;
        __u64 type = load16(header), bytes = load16(header + 2) + 4ull;
        if (bytes > left) return TLS_CONTRADICTS;
        if ((type & ~TLS_ALPN) == TLS_SERVER_NAME) {
            OPAQUE(type);
            type &= TLS_ALPN;
            if (!TLS_FOUND(inside, type)) TLS_FOUND(inside, type) = WEIR_TEXT(at + 4, bytes - 4);
            /* What lengths say behind the name does not take it back. */
            if (TLS_FOUND_NAME(inside) && (!(weir_needs() & WEIR_NEED_ALPN) || TLS_FOUND_ALPN(inside)))
                return TLS_NO_PLACE;
        }
        at += bytes;
        left -= bytes;
        OPAQUE(at);
        OPAQUE(left);
        OPAQUE(seen);
    }
    return TLS_NO_PLACE;
}

/* The list that is all but the first two bytes of an extension's data. */
static __always_inline __u64 tls_list(weir_ctx* ctx, __u64 data, __u64 end) {
    __u64 at = WEIR_TEXT_OFFSET(data), bytes = WEIR_TEXT_BYTES(data);
    if (bytes < 2) return TLS_CONTRADICTS;
    if (at + 2 > end) return TLS_NO_PLACE;
    const __u8* length = tls_bytes(ctx, at, 2);
    if (!length) return TLS_NO_PLACE;
    __u64 left = load16(length);
    return left + 2 > bytes ? TLS_CONTRADICTS : TLS_PLACE(at + 2, left, 0);
}

/* The name that the ALPN extension with this data offers first, in WEIR_TEXT's form. */
static __always_inline __u64 tls_read_alpn(weir_ctx* ctx, __u64 data, __u64 end) {
    __u64 list = tls_list(ctx, data, end);
    if (list & TLS_CONTRADICTS) return list;
    __u64 at = TLS_PLACE_AT(list), left = TLS_PLACE_LEFT(list);
    if (!left || at + 1 > end) return TLS_NO_PLACE;
    const __u8* length = tls_bytes(ctx, at, 1);
    if (!length) return TLS_NO_PLACE;
    __u64 bytes = *length;
    if (bytes + 1 > left) return TLS_CONTRADICTS;
    return bytes && at + 1 + bytes <= end ? WEIR_TEXT(at + 1, bytes) : TLS_NO_PLACE;
}

/* Stores the name of the server_name extension with this data. Returns WEIR_HAS_SNI's bit, 0 or TLS_CONTRADICTS. */
static __always_inline __u64 tls_read_name(weir_ctx* ctx, struct weir_inside* inside, __u64 data, __u64 end) {
    __u64 list = tls_list(ctx, data, end);
    if (list & TLS_CONTRADICTS) return list;
    __u64 at = TLS_PLACE_AT(list), left = TLS_PLACE_LEFT(list), bytes = 0;
    __u32 i = 0;
#pragma clang loop unroll(disable)
    for (; i < TLS_NAMES; i++) {
        if (!left) return TLS_NO_PLACE;
        if (left < 3) return TLS_CONTRADICTS;
        if (at + 3 > end) return TLS_NO_PLACE;
        const __u8* entry = tls_bytes(ctx, at, 3);
        if (!entry) return TLS_NO_PLACE;
        bytes = load16(entry + 1);
        at += 3;
        left -= 3;
        if (bytes > left) return TLS_CONTRADICTS;
        if (entry[0] == TLS_HOST_NAME) break;
        at += bytes;
        left -= bytes;
        OPAQUE(at);
        OPAQUE(left);
    }
    if (i == TLS_NAMES || !bytes || at + bytes > end) return TLS_NO_PLACE;
    const __u8* last = tls_bytes(ctx, at + bytes - 1, 1);
    if (!last) return TLS_NO_PLACE;
    if (*last == '.') bytes--;
    if (!bytes || bytes > NAME_LENGTH_MAX) return TLS_NO_PLACE;
    at = forgotten(inside, at);
    bytes = forgotten(inside, bytes);
    if (!copy_name(ctx, inside, at, bytes)) return TLS_NO_PLACE;
    return WEIR_BIT(WEIR_HAS_SNI);
}

/* The list of extensions from `place` on: bits of word 1 that they give, or TLS_CONTRADICTS. inside->name_print is then
 * the place where a walk may go on. */
static __always_inline __u64 tls_read_extensions(weir_ctx* ctx, struct weir_inside* inside, __u64 place, __u64 end) {
    place = forgotten(inside, place);
    end = forgotten(inside, end);
    __u64 next = forgotten(inside, tls_walk(ctx, inside, place, end)), name = TLS_FOUND_NAME(inside),
          alpn = TLS_FOUND_ALPN(inside);
    TLS_FOUND_NAME(inside) = TLS_NO_PLACE;
    if (!name && next & TLS_CONTRADICTS) return TLS_CONTRADICTS;
    __u64 offered = alpn ? tls_read_alpn(ctx, alpn, end) : 0, found = 0;
    /* Contradictions in what comes before the name count, and those in the name's extension. */
    if (offered & TLS_CONTRADICTS && (!name || WEIR_TEXT_OFFSET(alpn) < WEIR_TEXT_OFFSET(name))) return offered;
    if (name)
        found = tls_read_name(ctx, inside, name, end);
    else
        TLS_FOUND_NAME(inside) = next;
    if (found & TLS_CONTRADICTS) return found;
    if (!offered || offered & TLS_CONTRADICTS) return found;
    inside->tls_alpn = offered;
    return found | WEIR_BIT(WEIR_HAS_ALPN);
}

/* The TCP payload of `bytes` bytes at `at` of the frame. Returns bits of word 1 of weir_packet.present. inside->
 * name_print is the place where a walk begins, if there is one. */
GLOBAL_FUNCTION __u32 weir_read_tls(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 bytes) {
    if (!inside || at > TEXT_OFFSET_MAX - TLS_BYTES) return 0;
    inside->name_print = TLS_NO_PLACE;
    if (bytes < TLS_RECORD_BYTES) return 0;
    const __u8* record = tls_bytes(ctx, at, TLS_RECORD_BYTES);
    if (!record || record[0] != TLS_HANDSHAKE || record[1] != 3) return 0;
    __u64 end = FRAME_LEN(ctx), payload_end = (__u64)at + bytes, hello = at + TLS_HELLO_AT;
    end = lesser(end, payload_end); /* of a frame of several parts the program sees the first */
    __u64 record_bytes = load16(record + 3), version = load16(record + 1);
    const __u8* type = tls_bytes(ctx, at + TLS_RECORD_BYTES, 1);
    if (!type || at + TLS_RECORD_BYTES >= end || !record_bytes || *type != TLS_CLIENT_HELLO) {
        inside->tls_version = version;
        return WEIR_BIT(WEIR_HAS_TLS) | WEIR_BIT(WEIR_HAS_TLS_VERSION);
    }
    __u64 found = WEIR_BIT(WEIR_HAS_TLS) | WEIR_BIT(WEIR_IS_CLIENT_HELLO), rest = WEIR_BIT(WEIR_IS_TLS_CUT);
    end = lesser(end, at + TLS_RECORD_BYTES + record_bytes);
    const __u8* handshake = tls_bytes(ctx, at + TLS_RECORD_BYTES, TLS_HANDSHAKE_BYTES);
    if (!handshake || hello > end) return found | rest;
    __u64 last = hello + (load32(handshake) & 0xffffff);
    if (last < hello + TLS_HELLO_LEAST) return found;
    rest &= (__s64)(end - last) >> 63; /* not where all of it is here */
    const __u8* own = tls_bytes(ctx, hello, 2);
    if (!own || hello + 2 > end) return found | rest;
    inside->tls_version = load16(own);
    rest |= WEIR_BIT(WEIR_HAS_TLS_VERSION);
    end = lesser(lesser(end, last), (__u64)at + TLS_BYTES);
    __u64 place = tls_find_extensions(ctx, hello, end, last);
    if (place & TLS_CONTRADICTS) return found;
    if (!place) return found | rest;
    __u64 extensions = tls_read_extensions(ctx, inside, place, end), next = inside->name_print;
    if (extensions & TLS_CONTRADICTS) return found;
    /* A hello that goes on in another record has no walk. */
    if (TLS_PLACE_AT(next) < payload_end || last > at + TLS_RECORD_BYTES + record_bytes)
        inside->name_print = TLS_NO_PLACE;
    return found | rest | extensions;
}

#endif
