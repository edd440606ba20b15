/* Which way packets go. Compiles as C and C++. */
#ifndef WEIR_BPF_DIRECTION_H
#define WEIR_BPF_DIRECTION_H

/* Rows of rules and of counters are those of the whole policy in both programs: the rules, `default`, `malformed`, and,
 * where the policy judges packets on their way out, `default egress` so many behind the rules. */
#define WEIR_ROW_DEFAULT_EGRESS 2u

/* A bit of weir_packet.present that no packet has: what the other direction lacks. */
#define WEIR_HAS_NEVER 31u

/* What a program of the egress hook answers. */
#define WEIR_TCX_NEXT (-1)
#define WEIR_TCX_DROP 2

#endif
