/* check.h - what the directory of a simulated run holds, compared with what was sent and with what it
 * held before. */
#ifndef TESTS_SIMULATE_CHECK_H
#define TESTS_SIMULATE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "tests/simulate/senders.h"

/* A stored line: its position, and what it is. */
struct stored_line {
    uint64_t sequence, number;
    uint32_t sender, line;
};

/* The stream main, in order; and the lines in quarantine. */
struct directory_lines {
    struct stored_line *all;
    uint32_t count, room;
    uint64_t rejects;
    uint32_t segments, live, archived; /* live: ".part" */
};

enum damage_allowed {
    DAMAGE_NONE,
    DAMAGE_UNFINISHED, /* of live segments: an append is being written */
    DAMAGE_INDEX,      /* of closed ones too: the index was not written completely, nor cut off */
    DAMAGE_ANY,        /* the power has failed: reads each segment up to its damage */
};

/* Reads all segments.  Every line must be one that was sent, unchanged, and the lines of each
 * connection in their order. */
void directory_read(struct directory_lines *lines, struct files *files, const char *directory,
                    const struct senders *senders, enum damage_allowed allowed);
/* Reads a segment that was just closed into `noted`: it may be deleted before the next reading. */
void directory_note_closed(struct directory_lines *noted, struct files *files, const char *path,
                           const struct senders *senders);
/* Adds the noted lines of segments that are not there any more; `deleted` receives them. */
void directory_add_deleted(struct directory_lines *lines, const struct directory_lines *noted,
                           struct directory_lines *deleted);
/* The power has failed: what was noted of segments holds only as far as `lines` has it, too. */
void directory_renote(struct directory_lines *noted, const struct directory_lines *lines);
void directory_free(struct directory_lines *lines);

/* Every line of `before` is in `after`, at the same position. */
void directory_continues(const struct directory_lines *before, const struct directory_lines *after,
                         const char *when);
/* No line is stored more often than it was sent, and of no connection is one missing before a stored
 * one, unless power was lost.  Notes in each sender's lines how often it is stored. */
void directory_agrees(const struct directory_lines *lines, struct senders *senders);

#endif
