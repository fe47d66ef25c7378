/* handover.h - runs a command for each of a stream's closed segments, one at a time, the oldest of
 * those that are ready first.
 *
 * The command is a program and its arguments, run without a shell.  Exit code 0 means that it has
 * taken the segment; the manifest records that at once, and only then may the segment be deleted.
 * Anything else is a failure: it is reported and counted, and the same segment is tried again after
 * a minute, doubling up to an hour.  After a crash between the end of the command and the
 * manifest's line, the command runs again for that segment, and must allow for that.
 *
 * Looking for a segment, starting the command and recording its success run in the lane of the
 * archive, or in that of commands (archive_lanes.h).  Nothing waits while the command runs.  Every
 * call: the port's owner. */
#ifndef WRITER_KEEP_HANDOVER_H
#define WRITER_KEEP_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/keep/handover_command.h"

struct archive_lanes;
struct manifest;
struct handover;
struct sequences;

struct handover_options {
    struct port *port;
    struct archive_lanes *lanes;
    struct manifest *manifest;
    const char *stream;
    const char *directory; /* the log directory */
};

struct handover_counts {
    uint64_t segments, failures;
};

/* The options' strings must outlive it. */
int handover_open(const struct handover_options *options, struct handover **handover);
/* Applies from the next segment on; copied.  archive_dir: where the segments are, copied too; NULL:
 * in the log directory.  If it changes, running work in the previous archive is not waited for.
 * ERR_NO_MEMORY: the previous rules stay active. */
int handover_set_rules(struct handover *handover, const struct handover_rules *rules,
                       const char *archive_dir);
/* Looks for work.  ready: the segments in the log directory that may be handed over; NULL: none. */
void handover_look(struct handover *handover, struct sequences *ready);
/* Starts nothing new, and asks a running command to end; now: kills it.  May be called again. */
void handover_stop(struct handover *handover, bool now);
bool handover_busy(const struct handover *handover);
struct handover_counts handover_counts(const struct handover *handover);
void handover_free(struct handover *handover); /* not busy */

#endif
