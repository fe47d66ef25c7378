/* archive_lanes.h - one remote lane per archive, and one for external commands.
 *
 * An archive may be a volume that stops answering.  Everything that touches one runs in its lane, so
 * that it delays nothing else.  A lane whose job makes no progress for ARCHIVE_HUNG_NS is reported
 * once, and once more when it answers again.
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

/* What a job counts up while its archive answers.  Any thread. */
struct lane_progress {
    atomic_uint holders;
    atomic_uint_fast64_t steps;
};
void lane_progress_made(struct lane_progress *progress); /* NULL: nothing happens */
void lane_progress_release(struct lane_progress *progress);

/* Reports concern the archives of this log directory; it is not copied. */
int archive_lanes_open(struct port *port, const char *directory, struct archive_lanes **lanes);
/* The lane of this archive, opened with its first use; "": that of external commands.  NULL: no
 * memory. */
struct archive_lane *archive_lanes_find(struct archive_lanes *lanes, const char *archive);
/* Does a lane of this name exist, and does it hang? */
bool archive_lanes_hung(const struct archive_lanes *lanes, const char *archive);

/* For a job of this lane, which owns it: lane_progress_release. */
struct lane_progress *archive_lane_progress(struct archive_lane *lane);
/* As port_remote_work. */
void archive_lane_work(struct archive_lane *lane, struct port_op *op, port_remote_run *run,
                       port_remote_release *release, void *job);
/* A job has been running in the lane for so long; 0: none is. */
int64_t archive_lane_busy_ns(const struct archive_lane *lane);

/* Lanes that hang now, and how often one has begun to. */
uint32_t archive_lanes_hung_count(const struct archive_lanes *lanes);
uint64_t archive_lanes_hangs(const struct archive_lanes *lanes);
/* Jobs that have been told to stop may end within ARCHIVE_STOP_NS; the others are abandoned then,
 * and their ops come back with ERR_TIMED_OUT. */
#define ARCHIVE_STOP_NS (200 * INT64_C(1000000))
void archive_lanes_stop(struct archive_lanes *lanes);
/* No op is in flight. */
bool archive_lanes_quiet(const struct archive_lanes *lanes);
void archive_lanes_free(struct archive_lanes *lanes); /* quiet; NULL: nothing happens */

#endif
