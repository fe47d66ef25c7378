/* ledger.h - the lines that a test has appended, and their state: whether the append completed, and
 * whether the segment was synced since.  Compared with the stream's segments.
 *
 * Lines are numbered from 0 in the order of their appends; each contains its number. */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "tests/sim/disk.h"

#define LEDGER_LINE_BYTES_MAX 10000

struct ledger_line {
    uint64_t sequence; /* of the segment it went to */
    bool stored;       /* its append completed, or a start found it */
    bool synced;       /* it must survive a power failure */
    bool gone;         /* a start did not find it: it must not reappear */
};

struct ledger {
    const char *directory, *stream; /* not copied */
    struct ledger_line *lines;
    uint32_t count, room;
    uint64_t writing;   /* the sequence of the segment that was written to last */
    uint64_t *doubtful; /* segments with a failed sync: nothing is guaranteed */
    uint32_t doubtful_count, doubtful_room;
};

void ledger_open(struct ledger *ledger, const char *directory, const char *stream);
void ledger_close(struct ledger *ledger);

/* Writes line number i with its newline; returns its size.  Most are short, one in 12 takes
 * pages. */
size_t ledger_text(uint32_t i, char text[LEDGER_LINE_BYTES_MAX]);
/* Adds a line and returns its number. */
uint32_t ledger_appended(struct ledger *ledger);
/* Its append completed with 0; it is in the segment that was written to last. */
void ledger_stored(struct ledger *ledger, uint32_t i);
/* The power failed: lines that were not synced may or may not be there. */
void ledger_power_lost(struct ledger *ledger);
/* For struct disk's `performed`: records writes and syncs. */
void ledger_follow(struct ledger *ledger, enum disk_operation operation, const char *path,
                   int64_t result);

enum ledger_demand {
    LEDGER_STORED, /* all lines whose append completed, and at most one more */
    LEDGER_SYNCED, /* all synced lines, and any of the others */
};
/* Reads the stream's segments and fails the test unless they are sound, their sequences rise,
 * and they hold the demanded lines in order and none twice.  Lines that are found count as
 * synced from now on, others as gone: the caller has let a start recover the directory. */
void ledger_check(struct ledger *ledger, struct files *files, enum ledger_demand demand);

#endif
