/* ledger.h - the lines a test has appended, and what it knows of each: whether its append came
 * back, and whether its segment was synced since.  Held against what a stream's segments hold.
 *
 * Lines are numbered from 0 and rise in the order of their appends; each says its number. */
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
    bool stored;       /* its append came back, or a start found it */
    bool synced;       /* a power failure must leave it */
    bool gone;         /* a start did not find it: it must not come again */
};

struct ledger {
    const char *directory, *stream; /* not copied */
    struct ledger_line *lines;
    uint32_t count, room;
    uint64_t writing;   /* the sequence of the segment that was written to last */
    uint64_t *doubtful; /* sequences of segments that a sync has failed for: they promise nothing */
    uint32_t doubtful_count, doubtful_room;
};

void ledger_open(struct ledger *ledger, const char *directory, const char *stream);
void ledger_close(struct ledger *ledger);

/* Writes line number i with its newline; returns its size.  Most are short, one in 12 takes
 * pages. */
size_t ledger_text(uint32_t i, char text[LEDGER_LINE_BYTES_MAX]);
/* One more line; its number. */
uint32_t ledger_appended(struct ledger *ledger);
/* Its append came back with 0; it stands in the segment that was written to last. */
void ledger_stored(struct ledger *ledger, uint32_t i);
/* The power failed: what was not synced may be there or not. */
void ledger_power_lost(struct ledger *ledger);
/* What a disk has performed, as struct disk's hook says it: the ledger follows writes and syncs. */
void ledger_follow(struct ledger *ledger, enum disk_operation operation, const char *path,
                   int64_t result);

enum ledger_demand {
    LEDGER_STORED, /* all whose append came back, and at most one more */
    LEDGER_SYNCED, /* all that were synced; of the rest any */
};
/* Reads the stream's segments: they are sound, sequences rise, the lines demanded are there in
 * their order and none twice.  Fails the test if not.  What is found is synced from now on, and
 * what is not is gone: the caller has let a start put the folder in order. */
void ledger_check(struct ledger *ledger, struct files *files, enum ledger_demand demand);

#endif
