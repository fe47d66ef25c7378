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

/* A job counts its steps here, which shows that its archive answers.  Any thread. */
struct lane_progress {
    atomic_uint holders;
    atomic_uint_fast64_t steps;
};
void lane_progress_made(struct lane_progress *progress); /* NULL: nothing happens */

/* directory: the log directory, for reports; not copied. */
int archive_lanes_open(struct port *port, const char *directory, struct archive_lanes **lanes);
/* How long the present job of this archive's lane has made no progress; 0: it has just made some, or
 * none runs. */
int64_t archive_lanes_silent_ns(const struct archive_lanes *lanes, const char *archive);

/* The first member of a job.  A job owns everything it touches, because it may outlive its client:
 * an archive that hangs cannot be waited for. */
struct lane_job {
    int64_t (*run)(struct lane_job *job);  /* on the lane's thread; 0 or more, or an ERR_ */
    void (*release)(struct lane_job *job); /* frees it and what it owns; any thread */
    atomic_bool stop;                      /* once set, the job ends soon, if its archive answers */
    struct lane_progress *progress;        /* of its lane; set by lane_client_begin */
};

/* Runs jobs in lanes, one at a time.  A job can be detached, and another one begun, in the same lane
 * or in another. */
struct lane_client {
    struct archive_lanes *lanes;
    /* The job has ended, and is released after this call.  job NULL, result ERR_TIMED_OUT: it was
     * abandoned, and is released when it ends.  detached: a detached one. */
    void (*done)(struct lane_client *client, struct lane_job *job, int64_t result, bool detached);
    struct lane_attempt *attempt; /* private: the job in flight that is not detached */
    uint32_t attempts;            /* private: all in flight */
};

/* Starts the job in the lane of this archive, or with "" in that of external commands.  The client
 * must have no job, or only detached ones.  Takes the job; false: no memory, it is released. */
bool lane_client_begin(struct lane_client *client, const char *archive, struct lane_job *job);
/* The job that is not detached; NULL: none. */
struct lane_job *lane_client_job(const struct lane_client *client);
/* Asks it to stop. */
void lane_client_stop(struct lane_client *client);
/* Does not wait for it: another one can begin.  stop: asks it to stop; if it has not begun, it never
 * runs (ERR_CANCELLED). */
void lane_client_detach(struct lane_client *client, bool stop);
/* No job is in flight, not even a detached one. */
bool lane_client_idle(const struct lane_client *client);

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
