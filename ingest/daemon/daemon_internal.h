/* daemon_internal.h - between the files of the daemon: daemon.c (starts, serves, answers),
 * stream_set.c (where lines go), listener_set.c (where it listens), reload.c (reads its configuration again) and shutdown.c (how
 * it stops).  Owner only. */
#ifndef INGEST_DAEMON_DAEMON_INTERNAL_H
#define INGEST_DAEMON_DAEMON_INTERNAL_H

#include "ingest/daemon/control.h"
#include "ingest/daemon/daemon.h"
#include "ingest/daemon/memory_plan.h"
#include "ingest/daemon/reload.h"
#include "ingest/daemon/retention_job.h"
#include "ingest/network/intake.h"
#include "ingest/pipeline/counters.h"
#include "ingest/pipeline/rules.h"

enum phase {
    PHASE_SERVING,
    PHASE_DRAINING, /* no new connections; reading what is there */
    PHASE_ENDING,   /* connections end; their last records go into batches */
    PHASE_FLUSHING, /* batches are packed and written */
    PHASE_CLOSING,  /* segments are closed and get their index */
    PHASE_STOPPED,
};

struct daemon_stream {
    char name[STREAM_NAME_MAX + 1];
    struct kept_stream *stream;
};

struct daemon {
    const struct config *config; /* in force */
    struct memory_plan plan;
    struct port *port;
    struct files *files;
    struct file lock;
    struct daemon_stream streams[STREAMS_MAX]; /* by the pipeline's numbers; STREAM_MAIN first */
    uint32_t stream_count;
    struct kept_stream *rejects;
    struct line_memory line_memory;
    struct pipeline *pipeline;
    struct intake intake;
    uint32_t numbers[LISTENER_NUMBERS]; /* of the listeners, in the order of config->listeners */
    struct control *control;
    struct counters counters;
    struct reload *reload;
    struct upkeep upkeep;
    struct port_op signal, stats, drain, stop, leave, index_stop;
    enum phase phase;
    bool rotating;          /* asked for, not over */
    uint64_t rotate_behind; /* batches */
    int64_t started_ns;
};

/* Says what could not be done, and returns the error. */
int daemon_fail(const char *what, int error);
void daemon_print_counters(struct daemon *daemon);
uint64_t daemon_records_lost(const struct daemon *daemon);

/* daemon->config is another one: what can be changed while it serves is changed to that. */
void daemon_settings_changed(struct daemon *daemon);

/* Opens all streams: those of daemon->config, those that are in the directory, and rejects; what is
 * wrong is said.  Blocking: before serving. */
int streams_open(struct daemon *daemon);
/* Those of another configuration that are not open yet. */
struct new_streams {
    char names[STREAMS_MAX][STREAM_NAME_MAX + 1];
    uint64_t last_sequences[STREAMS_MAX];
    uint32_t count;
};
/* Finds them, and puts their folders in order: blocking, on a worker, while no stream is opened.
 * What is wrong is in `error` (CONFIG_ERROR_MAX bytes). */
int streams_find_new(const struct daemon *daemon, const struct config *config,
                     struct new_streams *new, char *error);
/* Opens what was found, by the settings of `config`. */
int streams_open_new(struct daemon *daemon, const struct config *config,
                     const struct new_streams *new, char *error);
/* The pipeline's number of one that is open; else stream_count. */
uint32_t streams_number(const struct daemon *daemon, const char *name);
/* All of them, rejects too: kept_stream.h's calls. */
void streams_resize(struct daemon *daemon); /* to what daemon->config says */
void streams_rotate(struct daemon *daemon);
bool streams_closing(const struct daemon *daemon);
void streams_finish(struct daemon *daemon);
bool streams_busy(const struct daemon *daemon);
bool streams_stop_indexing(struct daemon *daemon);
void streams_abandon(struct daemon *daemon);
void streams_free(struct daemon *daemon);
uint64_t streams_segments_closed(const struct daemon *daemon); /* rejects left out */
void streams_count(const struct daemon *daemon, struct counters_beside *beside);

/* Opens all listeners of daemon->config; what is wrong is said. */
int listening_open(struct daemon *daemon);
/* Those of another configuration in place of those of daemon->config: what is in both stays as
 * it is, with its connections, and is judged as the new one says from now on.  If one cannot be
 * opened all stays as it is, and `error` (CONFIG_ERROR_MAX bytes) says why. */
int listening_change(struct daemon *daemon, const struct config *config, char *error);
/* " tcp=127.0.0.1:5170 udp=…", a listener each, in order; returns the length. */
#define LISTENER_NAMES_BYTES (LISTENER_NUMBERS * (LISTENER_NAME_MAX + 1))
size_t listening_names(const struct daemon *daemon, char *text, size_t size);

void stopping_prepare(struct daemon *daemon);
void stopping_begin(struct daemon *daemon);
/* After each wait on the port; collected: how many ops came back. */
void stopping_go_on(struct daemon *daemon, uint32_t collected);
/* Everything is stored and closed, and every op is back. */
bool stopping_over(const struct daemon *daemon);

#endif
