/* handover_job.h - the jobs of a hand-over, in the lane of the archive or of commands: a look finds
 * the next segment and starts the command for it, or deletes one that was handed over; a recording
 * appends to the manifest that the command has taken a segment. */
#ifndef WRITER_KEEP_HANDOVER_JOB_H
#define WRITER_KEEP_HANDOVER_JOB_H

#include "port/process.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/handover_command.h"
#include "writer/keep/manifest.h"
#include "writer/keep/sequences.h"

/* The result of a look that has not failed. */
enum handover_found {
    HANDOVER_FOUND_NOTHING,
    HANDOVER_FOUND_HELD, /* only segments that another program has open: they cannot be deleted */
    HANDOVER_FOUND_STARTED,
    HANDOVER_FOUND_DELETED,
};

struct handover_job {
    struct lane_job lane; /* first */
    struct files *files;
    struct processes *processes;
    struct manifest *manifest;
    struct handover_command *command;
    struct sequences *ready;
    int64_t wall_ns;
    char stream[STREAM_NAME_MAX + 1], directory[PATH_BYTES_MAX];
    /* The segment: of a recording, or found by a look. */
    struct segment_name name;
    char path[PATH_BYTES_MAX];
    /* Results of a look. */
    bool could_not_start;
    struct process process; /* if one was started */
};

/* Runs of struct lane_job. */
int64_t handover_look_run(struct lane_job *lane); /* an enum handover_found, or an ERR_ */
int64_t handover_record_run(struct lane_job *lane);

#endif
