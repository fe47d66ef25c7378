/* world.h - one simulated run: the whole daemon, started and ended several times, with its senders,
 * its network, its disk and what goes wrong, all decided by one seed. */
#ifndef TESTS_SIMULATE_WORLD_H
#define TESTS_SIMULATE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

/* What goes wrong; each can be left out to find out which of them a failure needs. */
#define TROUBLES_TABLE(X)                                                                          \
    X(TROUBLE_KILLS, "kills")                                                                      \
    X(TROUBLE_POWER, "power")                                                                      \
    X(TROUBLE_ERRORS, "errors")                                                                    \
    X(TROUBLE_FULL, "full")                                                                        \
    X(TROUBLE_SYNCS, "syncs")                                                                      \
    X(TROUBLE_HALF_WRITES, "half-writes")                                                          \
    X(TROUBLE_SLOW, "slow")                                                                        \
    X(TROUBLE_HANGS, "hangs")                                                                      \
    X(TROUBLE_ARCHIVE, "archive")                                                                  \
    X(TROUBLE_CLOCK, "clock")                                                                      \
    X(TROUBLE_MEMORY, "memory")                                                                    \
    X(TROUBLE_NETWORK, "network")                                                                  \
    X(TROUBLE_SIGNALS, "signals")

enum trouble {
#define X(name, text) name,
    TROUBLES_TABLE(X)
#undef X
        TROUBLES
};
const char *trouble_text(enum trouble trouble);

struct world_options {
    uint64_t seed;
    uint32_t without;     /* a bit for each trouble that is left out */
    uint32_t senders_max; /* 0: no limit of its own */
    uint32_t lives_max;
    bool aloud;
};

/* Runs it; a violation ends the program (check.h). */
void world_run(const struct world_options *options);

#endif
