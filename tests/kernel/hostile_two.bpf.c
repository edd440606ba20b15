/* The same with a second program. */
#define WEIR_TWO_PROGRAMS
#include "tests/kernel/hostile.bpf.c"
