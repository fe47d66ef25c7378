/* retention_job.h - the daemon's manifest, and its retention: closed files that have to go are looked for
 * once a minute, and when a file was closed, and deleted one by one, on the idle lane, where the keepers of the streams (which
 * write to the same manifest) work too: one job at a time.  Owner only. */
#ifndef INGEST_DAEMON_RETENTION_JOB_H
#define INGEST_DAEMON_RETENTION_JOB_H

#include <stdatomic.h>

#include "ingest/config/config.h"
#include "port/port.h"
#include "writer/keep/manifest.h"
#include "writer/keep/retention.h"

struct upkeep {
    struct port *port;
    const char *directory;
    struct manifest *manifest;                /* NULL: it cannot be written, which has been said */
    struct retention_rules rules, next_rules; /* rules: the job's, with its own streams */
    struct retention_stream streams[STREAMS_MAX], next_streams[STREAMS_MAX];
    struct retention *retention;
    struct port_op op; /* the job, or the wait for the next */
    bool running, stopping;
    bool wanted; /* there is more to look at when the job is back */
    atomic_bool let_go;
    uint64_t closed; /* as upkeep_closed said last */
    int said;
    int64_t
        left_ns; /* how long the last wait was for what could not be deleted; 0: nothing was left */
};

/* Opens what it needs, and mends what a crash has left.  Blocking: before serving.  What cannot
 * be done is said, and serving goes on without it.  directory: not copied. */
void upkeep_open(struct upkeep *upkeep, struct port *port, const char *directory);
/* From the next look on, which is soon; the rules are copied, with their streams. */
void upkeep_set_rules(struct upkeep *upkeep, const struct retention_rules *rules);
/* So many segments have been closed since the start. */
void upkeep_closed(struct upkeep *upkeep, uint64_t segments);
/* Nothing more is looked for. */
void upkeep_stop(struct upkeep *upkeep);
bool upkeep_quiet(const struct upkeep *upkeep);
void upkeep_close(struct upkeep *upkeep); /* quiet, and so are all keepers */

#endif
