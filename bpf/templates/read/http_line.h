/* HTTP/1: the lines of a head. Offsets are from the frame's start; `end` is where what is looked at ends. */
#ifndef WEIR_BPF_READ_HTTP_LINE_H
#define WEIR_BPF_READ_HTTP_LINE_H

#include "bpf/templates/maps.h"
#include "bpf/templates/read/name.h"

#define HTTP_BYTES 1024u
#define HTTP_WORDS (HTTP_BYTES / WORD_BYTES)
#define WORD_OF(a, b, c, d, e, f, g, h)                                                                         \
    ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 | (__u64)(f) << 40 | \
     (__u64)(g) << 48 | (__u64)(h) << 56)

#define QUICK_WORDS \
    16u /* most targets and hosts end within them: a function that finds the end in its own loop makes no call */
#define LF8 EIGHT_TIMES('\n')

/* The first place from `at` on of one of the bytes that the patterns have eight times; `end` or behind it: there is
 * none. Makes no call: conditions are deep. */
GLOBAL_FUNCTION __u32 weir_find_either(weir_ctx* ctx, __u32 at, __u32 end, __u64 one, __u64 other) {
    __u64 place = at, marks, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_WORDS; i++) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        marks = first_zero(word ^ one) | first_zero(word ^ other);
        if (marks) return place + lowest_mark(marks);
        place += WORD_BYTES;
    }
    /* Less than a word is left. For the verifier `end` is what each word of the loop has shown of it. */
    __u64 last = hidden(end, hidden_zero(one)) - WORD_BYTES;
    if (!read_word(ctx, last, &word) || place <= last || place >= last + WORD_BYTES) return end;
    word >>= (place - last) * 8;
    marks = first_zero(word ^ one) | first_zero(word ^ other);
    return marks ? place + lowest_mark(marks) : end;
}

/* ---- lines ---- */

enum { LINE_HOST = 1, LINE_AGENT = 2, LINE_EMPTY = 4 };
#define LINE_SHIFT 16   /* a line: its place, and above what it is */
#define HOST_BYTES 5u   /* "host:" */
#define AGENT_BYTES 11u /* "user-agent:" */
#define LINE_PLACE ((1u << LINE_SHIFT) - 1)
#define HTTP_LINES (HTTP_BYTES / 2 + 1) /* lines that are not empty have two bytes or more */

/* Marks LF, in the first seven bytes, where a line may follow that is looked for: one that begins with H (and with what
 * shares the bits of H and h, CR and LF: I to O), LF or CR; or, with `agents`, U. A line of another kind costs nothing:
 * a branch that lines take at random costs as much as six words. */
static __always_inline __u64 line_marks(__u64 word, const __u32 agents) {
    __u64 ends = word ^ EIGHT_TIMES('\n'), next = word >> 8;
    __u64 marks = first_zero(ends | ((next & EIGHT_TIMES(0x98)) ^ EIGHT_TIMES(0x08)));
    if (agents) marks |= first_zero(ends | ((next | EIGHT_TIMES(0x20)) ^ EIGHT_TIMES('u')));
    return marks;
}

/* What the line at `place` is; 0: none of those. */
static __always_inline __u32 line_kind(weir_ctx* ctx, __u32 place, __u32 end) {
    __u64 word = text_word(ctx, place, end);
    if ((word & 0xff) == '\n' || (word & 0xffff) == WORD_OF('\r', '\n', 0, 0, 0, 0, 0, 0)) return LINE_EMPTY;
    word = lower_word(word);
    if ((word & ~0ull >> 24) == WORD_OF('h', 'o', 's', 't', ':', 0, 0, 0)) return LINE_HOST;
    if (!(weir_needs() & WEIR_NEED_HTTP_AGENT) || word != WORD_OF('u', 's', 'e', 'r', '-', 'a', 'g', 'e')) return 0;
    word = lower_word(weir_text_word(ctx, place + WORD_BYTES, end));
    return (word & ~0ull >> 40) == WORD_OF('n', 't', ':', 0, 0, 0, 0, 0) ? LINE_AGENT : 0;
}

/* The next line behind an LF from `at` on that may be one of those looked for: its place, and from LINE_SHIFT on what
 * it is, which may be 0. Where no more come, 0 or an empty line. */
GLOBAL_FUNCTION __u32 weir_likely_line(weir_ctx* ctx, __u32 at, __u32 end) {
    __u64 place = at, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_BYTES / (WORD_BYTES - 1) + 1; i++) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        __u64 marks = line_marks(word, (weir_needs() & WEIR_NEED_HTTP_AGENT) != 0);
        if (marks) {
            place += lowest_mark(marks) + 1;
            return line_kind(ctx, place, end) << LINE_SHIFT | place;
        }
        place += WORD_BYTES - 1;
    }
    /* In the last few bytes there is room for an empty line, or for a Host line without a value. */
    word = weir_text_word(ctx, place, end);
    if (lower_word(word) == WORD_OF('\n', 'h', 'o', 's', 't', ':', '\n', 0))
        return LINE_HOST << LINE_SHIFT | (__u32)(place + 1);
    __u64 lf = all_zeros(word ^ EIGHT_TIMES('\n')), cr = all_zeros(word ^ EIGHT_TIMES('\r'));
    return (lf & (lf >> 8 | (cr >> 8 & lf >> 16))) ? LINE_EMPTY << LINE_SHIFT : 0;
}

/* The first line behind an LF from `at` on that is empty or of those `wanted` (LINE_): its place, and from LINE_SHIFT
 * on what it is. 0: there is none. */
GLOBAL_FUNCTION __u32 weir_next_line(weir_ctx* ctx, __u32 at, __u32 end, __u32 wanted) {
    wanted |= LINE_EMPTY;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_LINES; i++) {
        __u32 line = weir_likely_line(ctx, at, end);
        if (!line || (line >> LINE_SHIFT & wanted)) return line;
        at = line & LINE_PLACE;
    }
    return 0;
}

/* Marks bytes that are neither space nor tab. */
static __always_inline __u64 inked(__u64 word) {
    return ~(all_zeros(word ^ EIGHT_TIMES(' ')) | all_zeros(word ^ EIGHT_TIMES('\t'))) & HIGH_BITS;
}

/* The first place from `at` on that is neither space nor tab; `end`: there is none. */
GLOBAL_FUNCTION __u32 weir_skip_blanks(weir_ctx* ctx, __u32 at, __u32 end) {
    __u64 place = at, marks, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_WORDS; i++) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        marks = inked(word);
        if (marks) return place + lowest_mark(marks);
        place += WORD_BYTES;
    }
    /* The zeros behind the end are no blanks. */
    marks = inked(weir_text_word(ctx, place, end));
    return marks ? place + lowest_mark(marks) : end;
}

/* Where what ends before `stop` ends without the blanks there. A byte that is none stands before. */
GLOBAL_FUNCTION __u32 weir_strip_blanks(weir_ctx* ctx, __u32 stop) {
    __u64 place = stop, marks, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_WORDS; i++) {
        if (!read_word(ctx, place - WORD_BYTES, &word)) break;
        marks = inked(__builtin_bswap64(word));
        if (marks) return place - lowest_mark(marks);
        place -= WORD_BYTES;
    }
    return place;
}

/* Where the value ends whose line's LF is at `lf`: without the CR and the blanks there. Most have no blanks. */
static __always_inline __u32 value_end(weir_ctx* ctx, __u32 lf) {
    __u64 word, cr;
    if (!read_word(ctx, lf - (__u64)WORD_BYTES, &word)) return lf;
    cr = word >> 56 == '\r';
    __u32 last = word >> (cr ? 48 : 56) & 0xff;
    if (last == ' ' || last == '\t') return weir_strip_blanks(ctx, lf - cr);
    return lf - cr;
}

/* The value of the User-Agent line, which begins at `at`, right behind the colon. */
GLOBAL_FUNCTION __u32 weir_read_agent(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 end) {
    if (!inside) return 0;
    __u32 begin = weir_skip_blanks(ctx, at, end), lf = weir_find_either(ctx, begin, end, LF8, LF8);
    if (lf >= end) return 0;
    __u32 stop = value_end(ctx, lf);
    if (begin > stop) begin = stop; /* that was the CR */
    inside->http_user_agent = WEIR_TEXT(begin, stop - begin);
    return WEIR_BIT(WEIR_HAS_USER_AGENT);
}

/* Marks bytes that are no digits. */
static __always_inline __u64 no_digits(__u64 word) {
    word ^= EIGHT_TIMES('0');
    return (word | ((word & ~HIGH_BITS) + EIGHT_TIMES(0x80 - 10))) & HIGH_BITS;
}

/* Are all bytes from `at` to `end` digits? */
GLOBAL_FUNCTION int weir_all_digits(weir_ctx* ctx, __u32 at, __u32 end) {
    __u64 place = at, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < HTTP_WORDS; i++) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        if (no_digits(word)) return 0;
        place += WORD_BYTES;
    }
    if (place >= end) return 1;
    return !(no_digits(weir_text_word(ctx, place, end)) & ~(~0ull << (end - place) * 8 % 64));
}

/* The end of the host whose line's first colon is at `colon`; 0: it is no host, or its line does not end. */
GLOBAL_FUNCTION __u32 weir_end_before_port(weir_ctx* ctx, __u32 colon, __u32 end) {
    __u32 lf = weir_find_either(ctx, colon, end, LF8, LF8);
    if (lf >= end) return 0;
    return weir_all_digits(ctx, colon + 1, value_end(ctx, lf)) ? colon : 0;
}

/* The same of a host that begins with a bracket, at `at`. */
GLOBAL_FUNCTION __u32 weir_end_in_brackets(weir_ctx* ctx, __u32 at, __u32 end) {
    __u32 bracket = weir_find_either(ctx, at, end, EIGHT_TIMES(']'), LF8);
    if ((weir_text_word(ctx, bracket, end) & 0xff) != ']') return 0;
    __u32 colon = weir_find_either(ctx, bracket, end, EIGHT_TIMES(':'), LF8);
    if (colon >= end) return 0;
    if ((weir_text_word(ctx, colon, end) & 0xff) == ':') return weir_end_before_port(ctx, colon, end);
    return value_end(ctx, colon);
}

/* The end of the host that begins at `at`; 0: it is none, or its line does not end. */
GLOBAL_FUNCTION __u32 weir_host_end(weir_ctx* ctx, __u32 at, __u32 end) {
    __u64 place = at, word;
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < QUICK_WORDS; i++) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        __u64 marks = first_zero(word ^ LF8) | first_zero(word ^ EIGHT_TIMES(':'));
        if (marks) {
            __u32 mark = lowest_mark(marks);
            place += mark;
            if ((word >> mark * 8 & 0xff) == ':') return weir_end_before_port(ctx, place, end);
            return value_end(ctx, place);
        }
        place += WORD_BYTES;
    }
    place = weir_find_either(ctx, place, end, EIGHT_TIMES(':'), LF8);
    if (place >= end) return 0;
    if ((weir_text_word(ctx, place, end) & 0xff) == ':') return weir_end_before_port(ctx, place, end);
    return value_end(ctx, place);
}

/* The same, wherever its value ends; its first byte that is no blank is `first`, at `begin`. */
GLOBAL_FUNCTION __u32 weir_read_odd_host(weir_ctx* ctx, struct weir_inside* inside, __u32 begin, __u32 end,
                                         __u32 first) {
    __u64 word;
    __u32 stop = first == '[' ? weir_end_in_brackets(ctx, begin, end) : weir_host_end(ctx, begin, end);
    if (!inside || !stop) return 0;
    if (begin > stop) begin = stop; /* that was the CR */
    if (begin < stop && read_word(ctx, stop - (__u64)WORD_BYTES, &word) && word >> 56 == '.') stop--;
    return weir_copy_name(ctx, inside, begin, stop - begin) ? WEIR_BIT(WEIR_HAS_HTTP_HOST) : 0;
}

/* Marks the first byte up to the space, or colon. */
static __always_inline __u64 host_marks(__u64 word) {
    return ((word - EIGHT_TIMES('!')) & ~word & HIGH_BITS) | first_zero(word ^ EIGHT_TIMES(':'));
}

/* The value of the Host line, which begins at `at`, right behind the colon: without its port and one final dot, as the
 * packet's name. Most have neither, one blank before them and CR LF behind them: they are stored while their end is
 * looked for. */
GLOBAL_FUNCTION __u32 weir_read_host(weir_ctx* ctx, struct weir_inside* inside, __u32 at, __u32 end) {
    if (!inside) return 0;
    __u64 word, marks, begin = at, place, dots = 0, i = 0;
    if (at + WORD_BYTES > end || !read_word(ctx, at, &word)) word = weir_text_word(ctx, at, end);
    marks = inked(word);
    __u32 first;
    if (marks & 0x8080) {
        first = lowest_mark(marks);
        begin += first;
        first = word >> first * 8 & 0xff;
    } else {
        begin = weir_skip_blanks(ctx, at, end);
        first = weir_text_word(ctx, begin, end) & 0xff;
    }
    place = begin = forgotten(inside, begin);
    marks = 0;
#pragma clang loop unroll(disable)
    for (; i < NAME_LENGTH_MAX / WORD_BYTES * WORD_BYTES; i += WORD_BYTES) {
        if (place + WORD_BYTES > end || !read_word(ctx, place, &word)) break;
        marks = host_marks(word);
        if (marks) break;
        dots += store_dotted(inside, i, word);
        place += WORD_BYTES;
        OPAQUE(place);
        OPAQUE(dots);
    }
    if (!marks || first == '[') return weir_read_odd_host(ctx, inside, begin, end, first);
    __u64 bytes = lowest_mark(marks), ends;
    place += bytes;
    if (place + 2 > end || !read_word(ctx, place + 2 - WORD_BYTES, &ends) || ends >> 48 != ('\n' << 8 | '\r'))
        return weir_read_odd_host(ctx, inside, begin, end, first);
    dots += store_dotted(inside, i, word & ~(~0ull << bytes * 8));
    *(__u64*)(inside->name + i + WORD_BYTES) = 0;
    __u64 length = place - begin, last = length - 1;
    OPAQUE(last);
    if (last < WEIR_NAME_BYTES && inside->name[last] == '.') {
        inside->name[last] = 0;
        length = last;
        dots--;
    }
    inside->is_dotted = 1;
    inside->name_length = length;
    inside->name_labels = length ? dots + 1 : 0;
    return WEIR_BIT(WEIR_HAS_HTTP_HOST);
}

#endif
