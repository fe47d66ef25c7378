/* check.h - compares stored lines with those that logport-load sends.  The sent lines are not kept
 * but generated again from the options.  Lines of one connection must arrive in order; connections
 * may be interleaved. */
#ifndef TOOLS_LOAD_CHECK_H
#define TOOLS_LOAD_CHECK_H

#include "tools/load/lines.h"

struct load_checked {
    uint64_t lines;      /* received */
    uint64_t lost;       /* numbers never received */
    uint64_t doubled;    /* numbers received again */
    uint64_t disordered; /* received after a higher number of their connection */
    uint64_t altered;    /* different from what was sent, or without valid numbers */
    uint64_t cut;        /* altered lines that are the beginning of what was sent */
};

/* How many of `lines` lines a connection sends. */
uint64_t load_share(uint64_t lines, uint64_t connections, uint64_t number);

/* Reads standard input to its end.  0 or an ERR_. */
int load_check(const struct load_lines *kind, uint32_t connections, uint64_t lines,
               struct load_checked *checked);

#endif
