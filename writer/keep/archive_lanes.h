/* archive_lanes.h - one remote lane per archive, and one for external commands.
 *
 * An archive may be a volume that stops answering.  Everything that touches an archive runs in its
 * lane, so that a hung archive delays nothing else.  A lane whose job makes no progress for
 * ARCHIVE_HUNG_NS is reported as hung once, and again when it answers.
 *
 * Every call: the port's owner, unless stated. */
#ifndef WRITER_KEEP_ARCHIVE_LANES_H
#define WRITER_KEEP_ARCHIVE_LANES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "port/remote.h"

#define ARCHIVE_HUNG_NS (10 * INT64_C(1000000000))

struct archive_lanes;
struct archive_lane;

/* A job counts its steps here, which shows that its archive answers.  Any thread. */
struct lane_progress {
    atomic_uint holders;
    atomic_uint_fast64_t steps;
};
void lane_progress_made(struct lane_progress *progress); /* NULL: nothing happens */
void lane_progress_release(struct lane_progress *progress);

/* directory: the log directory, for reports; not copied. */
int archive_lanes_open(struct port *port, const char *directory, struct archive_lanes **lanes);
/* The lane of this archive, or with "" that of external commands; opened at its first use.  NULL:
 * no memory. */
struct archive_lane *archive_lanes_find(struct archive_lanes *lanes, const char *archive);
/* How long the present job of this archive's lane has made no progress; 0: it has just made some, or
 * none runs. */
int64_t archive_lanes_silent_ns(const struct archive_lanes *lanes, const char *archive);

/* For a job of this lane; the job calls lane_progress_release. */
struct lane_progress *archive_lane_progress(struct archive_lane *lane);
/* Like port_remote_work. */
void archive_lane_work(struct archive_lane *lane, struct port_op *op, port_remote_run *run,
                       port_remote_release *release, void *job);
/* How long the lane's present job has been running; 0: none. */
int64_t archive_lane_busy_ns(const struct archive_lane *lane);

/* Lanes that are hung now, and the number of hangs since the start. */
uint32_t archive_lanes_hung_count(const struct archive_lanes *lanes);
uint64_t archive_lanes_hangs(const struct archive_lanes *lanes);
/* Gives running jobs, which the caller has asked to stop, ARCHIVE_STOP_NS to end.  Then abandons
 * them: their ops complete with ERR_TIMED_OUT. */
#define ARCHIVE_STOP_NS (200 * INT64_C(1000000))
void archive_lanes_stop(struct archive_lanes *lanes);
/* True when no op is in flight. */
bool archive_lanes_quiet(const struct archive_lanes *lanes);
void archive_lanes_free(struct archive_lanes *lanes); /* quiet; NULL: nothing happens */

#endif
