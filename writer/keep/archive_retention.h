/* archive_retention.h - retention in one archive; looks and deletions run in the archive's lane.
 *
 * A look also finishes deletions that were begun in the log directory while a move was copying the
 * segment, and produces the listing of the archive that the log directory's retention needs.  Every
 * call: the port's owner. */
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
    /* A look has ended.  due, bit p: retention should look at place p too. */
    void (*looked)(void *context, uint32_t due);
    void *context;
};

int archive_retention_open(const struct archive_retention_options *options,
                           struct archive_retention **retention);
/* Looks soon: at most once a second, and less often while a segment cannot be deleted.  Everything
 * is copied.  known: the listings of the other archives, by place; stuck: as in retention.h. */
void archive_retention_look(struct archive_retention *retention,
                            const struct retention_rules *rules,
                            const struct retention_listing *const known[RETENTION_PLACES],
                            uint32_t stuck);
bool archive_retention_idle(const struct archive_retention *retention); /* no look is waiting */
/* The archive's segments, as the last look has found them; NULL: unknown.  Valid until the next
 * look ends. */
const struct retention_listing *
archive_retention_listing(const struct archive_retention *retention);
/* At least one look has ended. */
bool archive_retention_looked(const struct archive_retention *retention);
/* Its lane has made no progress for 3 s.  A lane that is only busy moving large segments is not
 * stuck: the look runs after the moves. */
bool archive_retention_stuck(const struct archive_retention *retention);
/* Starts nothing new.  archive_lanes_stop abandons a look that hangs. */
void archive_retention_stop(struct archive_retention *retention);
bool archive_retention_quiet(const struct archive_retention *retention);
void archive_retention_free(struct archive_retention *retention); /* quiet; NULL: nothing happens */

#endif
