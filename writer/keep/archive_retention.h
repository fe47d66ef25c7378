/* archive_retention.h - retention in one archive: looks and deletions that run in its lane.
 *
 * A look also finishes deletions that were begun in the log directory while a copy was on its way
 * here, and tells the log directory's retention what this archive holds.  Every call: the port's
 * owner. */
#ifndef WRITER_KEEP_ARCHIVE_RETENTION_H
#define WRITER_KEEP_ARCHIVE_RETENTION_H

#include "port/port.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/retention_files.h"

struct archive_retention;

struct archive_retention_options {
    struct port *port;
    struct archive_lanes *lanes;
    struct manifest *manifest;
    const char *directory; /* the log directory; not copied */
    const char *archive;   /* copied */
    uint32_t place;        /* its number, as in retention_files.h */
    /* A look is over.  changed: the log directory should be looked at, too. */
    void (*looked)(void *context, bool changed);
    void *context;
};

int archive_retention_open(const struct archive_retention_options *options,
                           struct archive_retention **retention);
/* Looks soon: at most once a second, and less often while something there cannot be deleted.  All is
 * copied.  known: of the other archives, by place. */
void archive_retention_look(struct archive_retention *retention,
                            const struct retention_rules *rules,
                            const struct retention_listing *const known[RETENTION_VOLUMES]);
bool archive_retention_idle(const struct archive_retention *retention); /* no further look waits */
/* What the archive holds, as the last look has found it; NULL: nothing is known.  Valid until the
 * next one is over. */
const struct retention_listing *
archive_retention_listing(const struct archive_retention *retention);
/* A look has been over at some time. */
bool archive_retention_looked(const struct archive_retention *retention);
/* Its lane has made no progress for some seconds.  A lane that is merely busy, with moves of large
 * segments, is not stuck: the look has its turn after them. */
bool archive_retention_stuck(const struct archive_retention *retention);
/* Begins nothing new; archive_lanes_stop brings back a look that hangs. */
void archive_retention_stop(struct archive_retention *retention);
bool archive_retention_quiet(const struct archive_retention *retention);
void archive_retention_free(struct archive_retention *retention); /* quiet; NULL: nothing happens */

#endif
