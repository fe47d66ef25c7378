/* mover.h - moves a stream's closed segments to an archive, the oldest first (move.h).
 *
 * Moves run in the archive's lane (archive_lanes.h).  An archive that takes no segments, because it
 * is full, unavailable or belongs to another log directory, is reported once for each cause and
 * retried after 10 s, doubling up to 10 min.  A segment that cannot be moved for now delays no
 * other; it is retried after 1 s, 2 s, 4 s, ... up to a minute.  Every call: the port's owner. */
#ifndef WRITER_KEEP_MOVER_H
#define WRITER_KEEP_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/manifest.h"
#include "writer/keep/sequences.h"

struct mover;

struct mover_options {
    struct port *port;
    struct archive_lanes *lanes;
    struct manifest *manifest;
    const char *directory; /* the log directory */
    const char *stream;
    const char *folder;           /* of the stream's segments */
    void (*moved)(void *context); /* segments were moved; may be NULL */
    void *context;
};

struct mover_counts {
    uint64_t segments, failures;
};

/* The options' strings, lanes and manifest must outlive it. */
int mover_open(const struct mover_options *options, struct mover **mover);
/* Where segments move from now on; copied.  NULL: nowhere.  A running move to another archive is
 * stopped, but not waited for. */
void mover_set_archive(struct mover *mover, const char *archive);
/* Looks for segments to move.  ready: those that may be moved; NULL: none. */
void mover_look(struct mover *mover, struct sequences *ready);
/* Starts no more moves.  A running move stops soon, unless the archive hangs (then
 * archive_lanes_stop abandons it). */
void mover_stop(struct mover *mover);
bool mover_busy(const struct mover *mover);
struct mover_counts mover_counts(const struct mover *mover);
void mover_free(struct mover *mover); /* not busy */

#endif
