/* mover.h - moves a stream's closed segments to an archive, the oldest first (move.h).
 *
 * It runs in the archive's lane (archive_lanes.h).  An archive that takes none, because it is full,
 * away or another's, is reported once for each cause and tried again after 10 s, and each time after
 * twice as long, up to 10 min.  A segment that cannot be moved for now delays no other; it is tried
 * again after a second, two, four, up to a minute.  Every call: the port's owner. */
#ifndef WRITER_KEEP_MOVER_H
#define WRITER_KEEP_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/manifest.h"

struct mover;

struct mover_options {
    struct port *port;
    struct archive_lanes *lanes;
    struct manifest *manifest;
    const char *directory; /* the log directory */
    const char *stream;
    const char *folder;           /* of the stream's segments */
    void (*moved)(void *context); /* some segments are in the archive now; may be NULL */
    void *context;
};

/* The segments that are ready. */
struct mover_ready {
    uint64_t up_to; /* their sequences */
    uint64_t but;   /* this one is not, for now; 0: all are */
};

struct mover_counts {
    uint64_t segments, failures;
};

/* The options' strings, lanes and manifest must outlive it. */
int mover_open(const struct mover_options *options, struct mover **mover);
/* Where they move from now on; copied.  NULL: nowhere.  A move to another archive that has begun is
 * told to stop, and not waited for. */
void mover_set_archive(struct mover *mover, const char *archive);
/* There may be something to move. */
void mover_look(struct mover *mover, struct mover_ready ready);
/* Begins nothing new; a move in hand gives up soon, unless the archive hangs
 * (archive_lanes_stop). */
void mover_stop(struct mover *mover);
bool mover_busy(const struct mover *mover);
struct mover_counts mover_counts(const struct mover *mover);
void mover_free(struct mover *mover); /* not busy */

#endif
