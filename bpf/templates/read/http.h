/* HTTP/1: a head at the payload's first byte, as far as the first HTTP_BYTES of payload go. Offsets are from the
 * frame's start; `end` is where what is looked at ends. */
#ifndef WEIR_BPF_READ_HTTP_H
#define WEIR_BPF_READ_HTTP_H

#include "bpf/templates/read/http_line.h"

#define HTTP_TARGET_BYTES 512u
#define NEEDS_HTTP(part) (weir_needs() & WEIR_NEED_HTTP_##part)

/* Adds to the sum a number whose highest bit is set where the word is that method. */
#define IS_METHOD(...) ((word ^ WORD_OF(__VA_ARGS__)) - 1)

/* The bytes of the method that `word` begins with, without the space behind it; 0: it begins with no method. The space
 * is compared, too: a NUL before it is no method's. */
static __always_inline __u32 method_bytes(__u64 word) {
    __u64 space = first_zero(word ^ EIGHT_TIMES(' '));
    if (!space) return 0;
    __u32 bytes = lowest_mark(space);
    word &= ~0ull >> (WORD_BYTES - 1 - bytes) * 8;
    /* Not one branch each: requests take them at random. */
    OPAQUE(word);
    __u64 is_method = IS_METHOD('G', 'E', 'T', ' ', 0, 0, 0, 0) | IS_METHOD('P', 'U', 'T', ' ', 0, 0, 0, 0) |
                      IS_METHOD('H', 'E', 'A', 'D', ' ', 0, 0, 0) | IS_METHOD('P', 'O', 'S', 'T', ' ', 0, 0, 0) |
                      IS_METHOD('T', 'R', 'A', 'C', 'E', ' ', 0, 0) | IS_METHOD('P', 'A', 'T', 'C', 'H', ' ', 0, 0) |
                      IS_METHOD('D', 'E', 'L', 'E', 'T', 'E', ' ', 0) |
                      IS_METHOD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ') |
                      IS_METHOD('O', 'P', 'T', 'I', 'O', 'N', 'S', ' ');
    return is_method >> 63 ? bytes : 0;
}

/* Marks the first space, CR, LF or `also`. */
static __always_inline __u64 target_marks(__u64 word, __u64 also) {
    __u64 marks = first_zero(word ^ also);
    if ((word - EIGHT_TIMES('!')) & ~word & HIGH_BITS) /* few words have a byte up to the space */
        marks |= first_zero(word ^ EIGHT_TIMES(' ')) | first_zero(word ^ EIGHT_TIMES('\r')) | first_zero(word ^ LF8);
    return marks;
}

/* The first place from `at` on, before `stop`, of one of those bytes; `stop`: there is none. */
GLOBAL_FUNCTION __u32 weir_target_end(weir_ctx* ctx, __u32 at, __u32 stop, __u64 also) {
    __u64 place = at, marks, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_TARGET_BYTES / WORD_BYTES + 1; i++) {
        if (place + WORD_BYTES > stop || !read_word(ctx, place, &word)) break;
        marks = target_marks(word, also);
        if (marks) return place + lowest_mark(marks);
        place += WORD_BYTES;
    }
    marks = target_marks(weir_text_word(ctx, place, stop), also);
    return marks ? place + lowest_mark(marks) : stop;
}

/* Stores the target that begins at `at`, and its path. Returns where it ends, and TARGET_IS_CUT where neither a space
 * nor a line's end is there. */
#define TARGET_IS_CUT (1u << 16)
static __always_inline __u32 http_target(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 end) {
    __u64 place = at, marks = 0, word = 0;
    __u32 kept = at + HTTP_TARGET_BYTES, stop = kept + 1 < end ? kept + 1 : end;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < QUICK_WORDS; i++) {
        if (place + WORD_BYTES > stop || !read_word(ctx, place, &word)) break;
        marks = target_marks(word, EIGHT_TIMES('?'));
        if (marks) break;
        place += WORD_BYTES;
        OPAQUE(place);
    }
    if (marks) {
        __u32 mark = lowest_mark(marks);
        place += mark;
        word = word >> mark * 8;
    } else {
        place = weir_target_end(ctx, place, stop, EIGHT_TIMES('?'));
        word = weir_text_word(ctx, place, stop);
    }
    place = forgotten(inside, place);
    __u32 last = place, path_end = last;
    if ((word & 0xff) == '?')
        last = weir_target_end(ctx, last, stop, EIGHT_TIMES(' '));
    else if (path_end > kept)
        path_end = kept;
    if (kept > last) kept = last;
    inside->http_target = WEIR_TEXT(at, kept - at);
    inside->http_path = WEIR_TEXT(at, path_end - at);
    return forgotten(inside, last | (last == stop ? TARGET_IS_CUT : 0));
}

/* Of a request whose target ends at `at`: the place of a Host line behind " HTTP/1.1\r\n", where most clients have it;
 * 0: something else is there. */
#define VERSION_BYTES 11u
static __always_inline __u32 first_host(weir_ctx* ctx, __u32 at, __u32 end) {
    __u64 version, line;
    if (at + VERSION_BYTES + WORD_BYTES > end || !read_word(ctx, at, &version) ||
        version != WORD_OF(' ', 'H', 'T', 'T', 'P', '/', '1', '.') || !read_word(ctx, at + (__u64)WORD_BYTES, &line))
        return 0;
    int is_host = lower_word(line) >> 8 == WORD_OF('\r', '\n', 'h', 'o', 's', 't', ':', 0);
    return is_host && (line & 0xff) != '\n' ? at + VERSION_BYTES : 0;
}

/* The lines behind the first LF from `at` on. Returns bits of word 1 of weir_packet.present, and HEAD_ENDS. */
#define HEAD_ENDS 1u
static __always_inline __u32 read_lines(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 end, __u32 wanted) {
    __u32 found = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 3 && (wanted || NEEDS_HTTP(END)); i++) {
        __u32 line = i ? 0 : first_host(ctx, at, end) * (wanted & LINE_HOST);
        if (line)
            line |= LINE_HOST << LINE_SHIFT;
        else
            line = weir_likely_line(ctx, at, end);
        if (line && !(line >> LINE_SHIFT & (wanted | LINE_EMPTY))) line = weir_next_line(ctx, at, end, wanted);
        __u32 kind = line >> LINE_SHIFT;
        at = line & LINE_PLACE;
        if (kind == LINE_EMPTY) return found | HEAD_ENDS;
        if (NEEDS_HTTP(HOST) && kind == LINE_HOST)
            found |= weir_read_host(ctx, inside, at + HOST_BYTES, end);
        else if (NEEDS_HTTP(AGENT) && kind == LINE_AGENT)
            found |= weir_read_agent(ctx, inside, at + AGENT_BYTES, end);
        else
            break;
        wanted &= ~kind;
    }
    return found;
}

static __always_inline __u32 is_digit(__u64 byte) { return (byte & 0xff) - '0' < 10; }

/* `word`: what is behind the version. `is_end`: the payload ends where what follows the digits would be. */
static __always_inline __u32 read_status(struct weir_inside* inside, __u64 word, __u32 is_end) {
    __u32 behind = word >> 32 & 0xff;
    if ((word & 0xff) != ' ' || !is_digit(word >> 8) || !is_digit(word >> 16) || !is_digit(word >> 24)) return 0;
    if (!is_end && behind != ' ' && behind != '\r' && behind != '\n') return 0;
    inside->http_status = (word >> 8 & 0xf) * 100 + (word >> 16 & 0xf) * 10 + (word >> 24 & 0xf);
    return WEIR_BIT(WEIR_HAS_HTTP_STATUS);
}

/* May a head begin at `at`? Most other payloads are spared the call by their first byte. Without a branch on what it is
 * but for the answer: those of other payloads are at random. */
#define LETTER(letter) (1ull << ((letter) & 63))
static __always_inline int http_may_begin(weir_ctx* ctx, __u64 at) {
    const __u64 firsts =
        LETTER('C') | LETTER('D') | LETTER('G') | LETTER('H') | LETTER('O') | LETTER('P') | LETTER('T');
    OPAQUE(at);
    if (at > TEXT_OFFSET_MAX) return 0;
    const __u8* byte = FRAME(ctx) + at;
    if (byte + 1 > FRAME_END(ctx)) return 0;
    __u64 first = *byte;
    /* Of 64 to 127, and one of those. */
    return (firsts >> (first & 63) & first >> 6 & ~first >> 7 & 1) != 0;
}

/* The TCP payload of `bytes` bytes at `at` of the frame. Returns bits of word 1 of weir_packet.present. */
GLOBAL_FUNCTION __u32 weir_read_http(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 bytes) {
    if (!inside || at > TEXT_OFFSET_MAX) return 0;
    __u32 end = at + (bytes < HTTP_BYTES ? bytes : HTTP_BYTES), lines, cut = 0;
    __u64 word;
    if (bytes < WORD_BYTES || !read_word(ctx, at, &word)) word = weir_text_word(ctx, at, end);
    __u32 method = method_bytes(word), found = WEIR_BIT(WEIR_HAS_HTTP);
    if (method) {
        found |= WEIR_BIT(WEIR_HAS_HTTP_REQUEST);
        inside->http_method = WEIR_TEXT(at, method);
        lines = at + method + 1;
        if (NEEDS_HTTP(LINE) || NEEDS_HTTP(END)) {
            lines = http_target(ctx, inside, lines, end);
            cut = lines & TARGET_IS_CUT;
            lines &= ~TARGET_IS_CUT;
        }
    } else {
        if ((word & ~0ull >> 8) != WORD_OF('H', 'T', 'T', 'P', '/', '1', '.', 0) || !is_digit(word >> 56)) return 0;
        lines = at + WORD_BYTES;
        if (NEEDS_HTTP(LINE)) found |= read_status(inside, weir_text_word(ctx, lines, end), lines + 4 == end);
    }
    __u32 wanted = (NEEDS_HTTP(HOST) ? LINE_HOST : 0) | (NEEDS_HTTP(AGENT) ? LINE_AGENT : 0);
    __u32 head = read_lines(ctx, inside, lines, end, method ? wanted : 0);
    if (NEEDS_HTTP(END) && (cut || !(head & HEAD_ENDS))) found |= WEIR_BIT(WEIR_IS_HTTP_CUT);
    return found | (head & ~HEAD_ENDS);
}

#endif
