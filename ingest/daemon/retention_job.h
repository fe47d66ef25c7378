/* retention_job.h - the daemon's manifest, its archives' lanes, and its retention.
 *
 * Closed segments in the log directory are deleted on the urgent lane, those in an archive in that
 * archive's lane (archive_retention.h).  Retention looks when a segment was closed or moved, when the
 * rules change, and once a minute; with free_min it looks at the free space every second, and after
 * a part of what is left above the limit has been written.  Owner only. */
#ifndef INGEST_DAEMON_RETENTION_JOB_H
#define INGEST_DAEMON_RETENTION_JOB_H

#include <stdatomic.h>

#include "ingest/config/config.h"
#include "port/port.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/archive_retention.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention.h"

/* Since the start. */
struct retention_job_progress {
    uint64_t segments_closed, segments_moved;
    uint64_t bytes_written;
};

struct retention_job {
    struct port *port;
    const char *directory;
    struct manifest *manifest;                /* NULL: out of memory, which has been reported */
    struct archive_lanes *lanes;              /* NULL without a manifest */
    struct retention_rules rules, next_rules; /* rules: the job's, with its own streams */
    struct retention_stream streams[STREAMS_MAX], next_streams[STREAMS_MAX];
    /* In the log directory. */
    struct retention *retention;
    struct retention_reach reach;
    struct port_op op; /* the job, or the wait for the next */
    bool running, stopping;
    bool wanted;   /* there is more to look at when the job is back */
    bool looks;    /* the job's while it runs: it lists the segments, whatever the free space */
    bool unmended; /* the job's while it runs: it first records what a crash has left unrecorded */
    atomic_bool let_go; /* the job gives up soon */
    int64_t look_ns;    /* when the job lists them at the latest */
    int said;
    char failed_path[PATH_BYTES_MAX]; /* what a failed job was about */
    int64_t left_ns; /* the last pause because of undeletable segments; 0: none was left */
    struct retention_job_progress seen;
    uint64_t free;         /* bytes, as the job found them */
    uint64_t bytes_looked; /* progress.bytes_written at the last job */
    /* In the archives, by place; NULL: the directory has none there. */
    struct archive_retention *archives[RETENTION_PLACES];
    struct retention_listing *known[RETENTION_PLACES]; /* the job's, of these */
    int64_t archives_ns; /* when all of them are looked at, at the latest */
};

/* Opens the manifest, and records the deletions that a crash has kept from it.  Blocking, on the log
 * directory alone: before serving.  What fails is reported and tried again while serving; without
 * memory, or threads for archives, there is no manifest in this run.  directory: not copied. */
void retention_job_open(struct retention_job *job, struct port *port, const char *directory);
/* From the next look on, which is soon; the rules are copied, with their streams. */
void retention_job_set_rules(struct retention_job *job, const struct retention_rules *rules);
/* After each wait on the port. */
void retention_job_step(struct retention_job *job, const struct retention_job_progress *progress);
/* Begins nothing more.  What hangs is left behind after a moment. */
void retention_job_stop(struct retention_job *job);
bool retention_job_quiet(const struct retention_job *job);
/* Quiet, and so are all keepers: from now on nothing changes the log directory, whatever jobs were
 * left behind. */
void retention_job_seal(struct retention_job *job);
void retention_job_close(struct retention_job *job);

#endif
