/* check.h - compares lines that were stored with those that logport-load sends.
 * Nothing of what was sent is kept: the lines are made again from the options.  Lines of one
 * connection are expected in the order of their numbers; the connections may be mixed. */
#ifndef TOOLS_LOAD_CHECK_H
#define TOOLS_LOAD_CHECK_H

#include "tools/load/lines.h"

struct load_checked {
    uint64_t lines;      /* that came */
    uint64_t lost;       /* numbers that did not come */
    uint64_t doubled;    /* numbers that came before */
    uint64_t disordered; /* behind a higher number of their connection */
    uint64_t altered;    /* not as they were sent; with them those that say no number of ours */
    uint64_t cut;        /* of the altered ones: a beginning of what was sent */
};

/* How many of `lines` lines a connection sends. */
uint64_t load_share(uint64_t lines, uint64_t connections, uint64_t number);

/* Reads standard input to its end.  0 or an ERR_. */
int load_check(const struct load_lines *kind, uint32_t connections, uint64_t lines,
               struct load_checked *checked);

#endif
