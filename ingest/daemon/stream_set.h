/* stream_set.h - the daemon's streams: those that its configuration names, those found in its
 * directory, and rejects.  A stream that is open stays open until the stop, fed or not.
 *
 * Owner only, except stream_set_find_new. */
#ifndef INGEST_DAEMON_STREAM_SET_H
#define INGEST_DAEMON_STREAM_SET_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"
#include "ingest/pipeline/counters.h"
#include "ingest/pipeline/pipeline.h"
#include "port/port.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/manifest.h"

struct stream_set;

/* Opens all streams: blocking, before serving.  host, directory and config->dir are not copied.
 * manifest and lanes may be NULL.  On an error `error` (CONFIG_ERROR_MAX bytes) says why. */
int stream_set_open(struct port *port, const struct host *host, const char *directory,
                    struct manifest *manifest, struct archive_lanes *lanes,
                    const struct config *config, struct stream_set **set, char *error);
void stream_set_free(struct stream_set *set); /* not busy */

/* Gives all streams to the pipeline, and from now on those that are opened later. */
void stream_set_feed(struct stream_set *set, struct pipeline *pipeline);
/* The pipeline's number of an open stream; STREAMS_MAX: there is none of this name. */
uint32_t stream_set_number(const struct stream_set *set, const char *name);
uint32_t stream_set_count_open(const struct stream_set *set); /* rejects not counted */
/* By the pipeline's numbers, without rejects; valid as long as the set.  Returns how many. */
uint32_t stream_set_names(const struct stream_set *set, const char *names[STREAMS_MAX]);
struct stream *stream_set_rejects(const struct stream_set *set);

/* ---- another configuration ---- */

/* Its streams that are not open yet. */
struct new_streams {
    char names[STREAMS_MAX][STREAM_NAME_MAX + 1];
    uint64_t last_sequences[STREAMS_MAX];
    uint32_t unrecovered[STREAMS_MAX]; /* segments, as in kept_stream.h */
    uint32_t count;
};
/* Finds them and recovers their folders: blocking, on a worker, while no stream is being opened. */
int stream_set_find_new(const struct stream_set *set, const struct config *config,
                        struct new_streams *new, char *error);
/* Opens what was found. */
int stream_set_open_new(struct stream_set *set, const struct config *config,
                        const struct new_streams *new, char *error);
/* Applies its sizes and rules to all streams. */
void stream_set_change(struct stream_set *set, const struct config *config);

/* ---- all streams, rejects too (kept_stream.h) ---- */

/* What a rotation of all streams waits for. */
struct stream_positions {
    uint64_t appends[STREAMS_MAX + 1];
    uint64_t suspect; /* segments left as .part when it began */
    uint32_t count;
};
void stream_set_rotate(struct stream_set *set, struct stream_positions *positions);
/* The name of a stream whose appends up to these positions are not all in closed segments, and the
 * error that it waits for (0: none); NULL: there is none. */
const char *stream_set_unclosed(const struct stream_set *set,
                                const struct stream_positions *positions, int *error);
/* Segments left as .part after a failure, since the start. */
uint64_t stream_set_segments_suspect(const struct stream_set *set);
void stream_set_hurry(struct stream_set *set); /* a stop has begun */
void stream_set_finish(struct stream_set *set);
bool stream_set_busy(const struct stream_set *set);
bool stream_set_stop_indexing(struct stream_set *set);
void stream_set_abandon(struct stream_set *set);

/* Since the start, those of rejects not counted. */
uint64_t stream_set_segments_closed(const struct stream_set *set);
uint64_t stream_set_segments_moved(const struct stream_set *set);
/* Since the start, by all streams. */
uint64_t stream_set_bytes_written(const struct stream_set *set);
/* Fills in the streams' counts. */
void stream_set_count(const struct stream_set *set, struct counters_context *context);

#endif
