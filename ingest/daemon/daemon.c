/* daemon.c - starts everything, waits on the port, and does what it is asked for. */
#include "ingest/daemon/daemon.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/daemon/daemon_internal.h"
#include "port/system.h"

/* For folders, the control port and the system itself; and a stream's segments: the present one,
 * those that are to be closed, and what its keeper reads and writes. */
#define FILES_RESERVED 56
#define FILES_A_STREAM (STREAM_CLOSING_MAX + 3)
/* The last line is worth waiting for whoever reads it, but not for ever. */
#define LAST_WORDS_MS  2000
/* While draining waits for a batch: look again so often. */
#define DRAIN_LOOK_NS  (10 * 1000000ll)

static void signalled(struct port_op *op);
static void stats_due(struct port_op *op);
static int start(struct daemon *daemon);
static void serve(struct daemon *daemon);
static int finish(struct daemon *daemon);

int daemon_run(const struct config *config, int argc, char **argv) {
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon) {
        say("%s", error_text(ERR_NO_MEMORY));
        return 1;
    }
    daemon->config = config;
    daemon->signal.done = signalled;
    daemon->stats.done = stats_due;
    stopping_prepare(daemon);
    if (reload_create(daemon, argc, argv, &daemon->reload)) system_exit_now(1);
    if (start(daemon)) system_exit_now(1); /* said; the system takes back what was opened */
    serve(daemon);
    const int code = finish(daemon);
    free(daemon);
    return code;
}

/* ---- starting ---- */

int daemon_fail(const char *what, int error) {
    say("%s: %s", what, error_text(error));
    return error;
}

static int open_directory(struct daemon *daemon) {
    const char *dir = daemon->config->dir;
    char state[PATH_BYTES_MAX], lock[PATH_BYTES_MAX];
    if (!path_join(state, dir, "state", NULL) || !path_join(lock, dir, "state", "lock"))
        return daemon_fail(dir, ERR_NAME_TOO_LONG);
    int error = directory_make(daemon->files, state);
    if (error) return daemon_fail(dir, error);
    error = file_lock(daemon->files, lock, &daemon->lock);
    if (error == ERR_BUSY) {
        say("%s: another logportd writes here; stop it, or give this one another --dir", dir);
        return error;
    }
    return error ? daemon_fail(lock, error) : 0;
}

/* Clients must never take the handles that storing needs. */
static uint32_t connections_max(const struct daemon *daemon) {
    const struct config *config = daemon->config;
    const uint64_t files_max = system_open_files_max();
    const uint64_t streams = daemon->stream_count + 1;
    const uint64_t reserved =
        FILES_RESERVED + FILES_A_STREAM * streams + config->tcp.count + config->udp.count;
    if (files_max == 0 || config->connections_max + reserved <= files_max)
        return (uint32_t)config->connections_max;
    const uint64_t left = files_max > reserved ? files_max - reserved : 1;
    say("connections_max is %llu, not %llu: the system allows this process %llu open files",
        (unsigned long long)left, (unsigned long long)config->connections_max,
        (unsigned long long)files_max);
    return (uint32_t)left;
}

static int open_pools(struct daemon *daemon) {
    struct intake *intake = &daemon->intake;
    const struct memory_plan *plan = &daemon->plan;
    int error = line_memory_create(plan->line_memory_bytes, &daemon->line_memory);
    if (!error) error = intake_create(intake, connections_max(daemon));
    intake->tcp_buffers = plan->tcp_buffers;
    intake->tcp_buffer_bytes = plan->tcp_buffer_bytes;
    intake->udp_buffer_bytes = plan->udp_buffer_bytes;
    intake->udp_datagram_bytes = plan->udp_datagram_bytes;
    return error ? daemon_fail("memory", error) : 0;
}

static int open_pipeline(struct daemon *daemon) {
    const struct config *config = daemon->config;
    const struct pipeline_options options = {
        .line_bytes_max = (uint32_t)config->line_bytes_max,
        .batches = daemon->plan.batches,
        .flush_ms = config->flush_ms,
        .rejects = kept_stream_live(daemon->rejects),
        .counters = &daemon->counters,
    };
    const int error = pipeline_create(daemon->port, &options, &daemon->pipeline);
    if (error) return daemon_fail("memory", error);
    for (uint32_t i = 0; i < daemon->stream_count; i++)
        pipeline_add_stream(daemon->pipeline, kept_stream_live(daemon->streams[i].stream));
    struct intake *intake = &daemon->intake;
    intake->port = daemon->port;
    intake->pipeline = daemon->pipeline;
    intake->counters = &daemon->counters;
    intake->framing = (struct framing_rules){.memory = &daemon->line_memory,
                                             .line_bytes_max = (uint32_t)config->line_bytes_max};
    return 0;
}

static enum control_answer command(void *context, const char *text, char *reply, size_t size);

static void say_ready(const struct daemon *daemon) {
    char names[LISTENER_NAMES_BYTES];
    char line[sizeof names + PATH_BYTES_MAX + 64]; /* longer than say() takes */
    listening_names(daemon, names, sizeof names);
    const int length = snprintf(line, sizeof line, "logportd: ready%s dir=%s port=%s\n", names,
                                daemon->config->dir, port_name(daemon->port));
    stream_write(STREAM_ERROR, line, (size_t)length);
}

static void start_stats(struct daemon *daemon) {
    if (daemon->config->stats_s)
        port_timer(daemon->port, &daemon->stats,
                   port_now_ns(daemon->port) + (int64_t)daemon->config->stats_s * 1000000000);
}

static int start(struct daemon *daemon) {
    const struct config *config = daemon->config;
    int error = port_open(&(struct port_options){0}, &daemon->port);
    if (error) return daemon_fail("starting", error);
    daemon->files = port_files(daemon->port);
    daemon->started_ns = port_now_ns(daemon->port);
    daemon->plan = memory_plan(config, 0);
    error = open_directory(daemon);
    if (!error) upkeep_open(&daemon->upkeep, daemon->port, config->dir);
    if (!error) error = streams_open(daemon);
    if (!error) error = open_pools(daemon);
    if (!error) error = open_pipeline(daemon);
    if (!error) error = listening_open(daemon);
    if (error) return error;
    error = control_open(daemon->port, config->dir, command, daemon, &daemon->control);
    if (error) return daemon_fail(config->dir, error);
    config_say_warnings(config);
    say("memory: %s", daemon->plan.text);
    port_signal(daemon->port, &daemon->signal);
    start_stats(daemon);
    upkeep_set_rules(&daemon->upkeep, &config->retention);
    intake_start(&daemon->intake);
    say_ready(daemon);
    system_messages_never_wait();
    return 0;
}

/* ---- counters ---- */

static void write_counters(struct daemon *daemon, char *text, size_t size) {
    uint64_t peak;
    struct counters_beside beside = {
        .udp_kernel_drops = intake_kernel_drops(&daemon->intake),
        .connections = daemon->intake.connections_open,
        .uptime_ns = port_now_ns(daemon->port) - daemon->started_ns,
    };
    streams_count(daemon, &beside);
    system_memory(&beside.memory_bytes, &peak);
    counters_write(&daemon->counters, &beside, text, size);
}

void daemon_print_counters(struct daemon *daemon) {
    char text[COUNTERS_TEXT_MAX];
    write_counters(daemon, text, sizeof text - 1);
    strcat(text, "\n");
    stream_write_within(STREAM_ERROR, text, strlen(text), 0);
}

static void stats_due(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, stats, op);
    if (daemon->phase != PHASE_SERVING) return;
    if (op->result >= 0) daemon_print_counters(daemon);
    start_stats(daemon);
}

void daemon_settings_changed(struct daemon *daemon) {
    const struct config *config = daemon->config;
    pipeline_flush_ms(daemon->pipeline, config->flush_ms);
    streams_resize(daemon);
    upkeep_set_rules(&daemon->upkeep, &config->retention);
    if (port_idle(&daemon->stats))
        start_stats(daemon);
    else
        port_cancel(&daemon->stats); /* comes back, and starts again */
}

/* ---- what it is asked for ---- */

static void rotate(struct daemon *daemon) {
    pipeline_seal(daemon->pipeline);
    daemon->rotating = true;
    daemon->rotate_behind = pipeline_sealed(daemon->pipeline);
}

static void rotate_go_on(struct daemon *daemon) {
    if (!daemon->rotating) return;
    if (daemon->rotate_behind) {
        if (pipeline_appended(daemon->pipeline) < daemon->rotate_behind) return;
        daemon->rotate_behind = 0;
        streams_rotate(daemon);
    }
    if (streams_closing(daemon)) return;
    daemon->rotating = false;
    control_reply_later(daemon->control, "rotate", "{\"ok\":true}");
}

static void signalled(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, signal, op);
    if (op->result < 0) return;
    switch ((enum port_signal)op->result) {
    case PORT_SIGNAL_STOP:
        if (daemon->phase != PHASE_SERVING) {
            say("asked to stop once more: leaving at once");
            daemon_print_counters(daemon);
            system_exit_now(1);
        }
        stopping_begin(daemon);
        break;
    case PORT_SIGNAL_RELOAD: reload_begin(daemon->reload); break;
    case PORT_SIGNAL_ROTATE: rotate(daemon); break;
    }
    if (daemon->phase != PHASE_STOPPED) port_signal(daemon->port, &daemon->signal);
}

_Static_assert(COUNTERS_TEXT_MAX + 64 <= CONTROL_REPLY_MAX, "status is an answer");

static enum control_answer command(void *context, const char *text, char *reply, size_t size) {
    struct daemon *daemon = context;
    if (strcmp(text, "status") == 0) {
        static const char head[] = "{\"ok\":true,"; /* in place of the counters' own brace */
        write_counters(daemon, reply + sizeof head - 2, size - sizeof head);
        memcpy(reply, head, sizeof head - 1);
        return CONTROL_NOW;
    }
    if (strcmp(text, "listeners") == 0) { /* asked by logport replay */
        char names[LISTENER_NAMES_BYTES];
        listening_names(daemon, names, sizeof names);
        snprintf(reply, size, "{\"ok\":true,\"listeners\":\"%s\"}", names);
        return CONTROL_NOW;
    }
    if (strcmp(text, "rotate") == 0) {
        rotate(daemon);
        return CONTROL_LATER;
    }
    if (strcmp(text, "stop") == 0) {
        stopping_begin(daemon);
        return CONTROL_LATER;
    }
    if (strcmp(text, "reload") == 0) {
        reload_begin(daemon->reload);
        return CONTROL_LATER;
    }
    snprintf(reply, size,
             "{\"ok\":false,\"error\":\"no such command; try status, rotate, reload or stop\"}");
    return CONTROL_NOW;
}

static void serve(struct daemon *daemon) {
    int64_t timeout_ns = -1;
    while (!stopping_over(daemon)) {
        const uint32_t collected = port_wait(daemon->port, timeout_ns);
        rotate_go_on(daemon);
        upkeep_closed(&daemon->upkeep, streams_segments_closed(daemon));
        stopping_go_on(daemon, collected);
        timeout_ns = -1;
        if (daemon->phase == PHASE_DRAINING)
            timeout_ns = pipeline_anyone_parked(daemon->pipeline) ? DRAIN_LOOK_NS : 0;
        else if (daemon->phase != PHASE_SERVING)
            timeout_ns = DRAIN_LOOK_NS;
    }
}

uint64_t daemon_records_lost(const struct daemon *daemon) {
    return daemon->counters.dropped[DROP_STOPPED] + daemon->counters.in_flight;
}

static int finish(struct daemon *daemon) {
    const uint64_t lost = daemon_records_lost(daemon);
    if (lost) say("%llu records could not be stored", (unsigned long long)lost);
    char text[COUNTERS_TEXT_MAX];
    write_counters(daemon, text, sizeof text - 1);
    strcat(text, "\n");
    pipeline_free(daemon->pipeline);
    streams_free(daemon);
    upkeep_close(&daemon->upkeep);
    intake_free(&daemon->intake);
    line_memory_free(&daemon->line_memory);
    stream_write_within(STREAM_ERROR, text, strlen(text), LAST_WORDS_MS);
    control_free(daemon->control);
    reload_free(daemon->reload);
    port_close(daemon->port);
    return lost ? 1 : 0;
}
