/* keeper_job.h - the part of a keeper that touches files: a piece of work on closed segments at a
 * time, by a worker.  keeper.c decides when. */
#ifndef WRITER_KEEP_KEEPER_JOB_H
#define WRITER_KEEP_KEEPER_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/backlog.h"
#include "writer/keep/manifest.h"

/* The result of a job that has not failed. */
enum keeper_outcome {
    KEEPER_NOTHING_LEFT,
    KEEPER_LATER, /* more work at wake_ns */
    KEEPER_LOOKED,
    KEEPER_INDEXED,
    KEEPER_REPACKED,
};

struct keeper_job {
    struct files *files;
    const char *folder, *pack_path;
    uint64_t last_sequence;    /* segments with a higher sequence were closed in this run */
    struct manifest *manifest; /* NULL: none */
    /* The owner sets these fields while no job runs. */
    uint64_t archive_after_s, archive_bytes_min;
    uint32_t archive_level;
    bool moves, hands_over;
    bool finishing; /* the last jobs before a stop: they only record, and index new small ones */
    int64_t now_ns; /* wall clock */
    /* Any thread sets these at any time; the job checks them between frames. */
    atomic_bool stop_all;      /* all work stops soon */
    atomic_bool stop_indexing; /* and so does indexing; recording continues without an index */
    atomic_bool stop_old;      /* and all but indexing and recording new segments */
    /* The job owns these fields while it runs. */
    struct backlog backlog;
    struct manifest_work work; /* on the present segment */
    bool pack_left;            /* a temporary file may be left in the state folder */
    bool pack_here;            /* the stream's folder is on another volume than the state folder */
    int64_t wake_ns;    /* wall clock; when the next segment is old enough; INT64_MAX: never */
    int reported_error; /* the last one */
    /* After an ERR_: what could not be done, and with which file or folder. */
    const char *failed_work;
    char failed_path[PATH_BYTES_MAX];
};

/* Returns a keeper_outcome or an ERR_. */
int keeper_job_run(struct keeper_job *job);

#endif
