/* daemon.c - the story of the program: starts its parts, waits on the port, does what it is asked
 * for, stops.  The only file that knows all parts. */
#include "ingest/daemon/daemon.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/recorded.h"
#include "ingest/config/warnings.h"
#include "ingest/daemon/control.h"
#include "ingest/daemon/listener_set.h"
#include "ingest/daemon/log_directory.h"
#include "ingest/daemon/memory_plan.h"
#include "ingest/daemon/reload.h"
#include "ingest/daemon/retention_job.h"
#include "ingest/daemon/rotations.h"
#include "ingest/daemon/shutdown.h"
#include "ingest/daemon/stream_set.h"
#include "ingest/daemon/volumes.h"
#include "ingest/network/intake.h"
#include "ingest/pipeline/counters.h"
#include "port/service.h"
#include "port/system.h"

/* Open files for folders, the control port and the system itself; and for each stream: the live
 * segment, those that are being closed, and what its keeper reads and writes. */
#define FILES_RESERVED 56
#define FILES_A_STREAM (STREAM_CLOSING_MAX + 3)
/* How long the last line waits for the reader of a pipe. */
#define LAST_LINE_MS   2000
#define READY_MS       10000
/* A stop signal this soon after the first is the same request: timeout(1), a terminal and service
 * managers signal a process and then its group. */
#define STOP_AGAIN_NS  (1000 * 1000000ll)

struct daemon {
    struct port *port;
    const struct host *host;
    const struct config *config; /* active */
    struct memory_plan plan;
    int64_t started_ns;
    struct counters counters;

    struct log_directory *directory;
    struct retention_job retention;
    struct volumes *volumes;
    struct stream_set *streams;
    struct pipeline *pipeline;
    struct line_memory line_memory;
    struct intake intake;
    struct listener_set *listeners;
    struct control *control;
    struct reload *reload;
    struct shutdown *shutdown;

    struct port_op signal, stats;
    int signal_error;
    unsigned early_signals; /* a bit for each that was taken before serving */
    bool serving;
    bool leaves;            /* asked to stop a second time */
    int64_t stop_ns;        /* when the stop began */
    bool released, replied; /* the directory: at the end of a stop; the clients that asked for it */
    struct rotations rotations;
};

static void signalled(struct port_op *op);
static void stats_due(struct port_op *op);
static int open_directory(struct daemon *daemon);
static int open_streams(struct daemon *daemon);
static int open_intake(struct daemon *daemon);
static int open_reload(struct daemon *daemon, int argc, char **argv);
static int open_shutdown(struct daemon *daemon);
static int open_control(struct daemon *daemon);
static int catch_signals(struct daemon *daemon);
static void serve(struct daemon *daemon);
static void rotate(struct daemon *daemon, uint64_t request);
static void rotated(void *context, uint64_t request, const char *error);
static void step_goodbye(struct daemon *daemon);
static bool stopped(const struct daemon *daemon);
static uint64_t records_lost(const struct daemon *daemon);
static void print_counters(struct daemon *daemon, uint32_t timeout_ms);

int daemon_start(const struct daemon_options *options, struct daemon **daemon) {
    struct daemon *d = calloc(1, sizeof *d);
    if (!d) {
        say_error("%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    d->port = options->port;
    d->host = options->host;
    d->config = options->config;
    d->signal.done = signalled;
    d->stats.done = stats_due;
    d->started_ns = port_now_ns(d->port);
    d->plan = memory_plan(d->config, 0, (uint32_t)d->config->connections_max);
    int error = catch_signals(d);
    if (error) {
        free(d);
        return error;
    }
    error = open_directory(d);
    if (!error) error = open_streams(d);
    if (!error) error = open_intake(d);
    if (!error) error = open_reload(d, options->argc, options->argv);
    if (!error) error = open_shutdown(d);
    if (!error) error = open_control(d);
    if (error && d->listeners) listener_set_give_up(d->listeners);
    if (error) return error;
    serve(d);
    *daemon = d;
    return 0;
}

/* How long nothing needs to be looked at; -1: for ever. */
static int64_t wait_ns(const struct daemon *daemon) {
    const int64_t shutdown_ns = shutdown_wait_ns(daemon->shutdown);
    return shutdown_ns >= 0 ? shutdown_ns : rotations_wait_ns(&daemon->rotations);
}

enum daemon_state daemon_step(struct daemon *daemon) {
    const uint32_t collected = port_wait(daemon->port, wait_ns(daemon));
    rotations_step(&daemon->rotations);
    const struct retention_job_progress progress = {
        .segments_closed = stream_set_segments_closed(daemon->streams),
        .segments_moved = stream_set_segments_moved(daemon->streams),
        .bytes_written = stream_set_bytes_written(daemon->streams)};
    retention_job_step(&daemon->retention, &progress);
    shutdown_step(daemon->shutdown, collected);
    step_goodbye(daemon);
    if (shutdown_phase(daemon->shutdown) == SHUTDOWN_HANGS) daemon->leaves = true;
    if (daemon->leaves) return DAEMON_LEAVES;
    return stopped(daemon) ? DAEMON_STOPPED : DAEMON_RUNS;
}

int daemon_finish(struct daemon *daemon) {
    const uint64_t lost = records_lost(daemon);
    const bool all_stored = lost == 0 && shutdown_all_stored(daemon->shutdown);
    if (lost) say_error("%llu records could not be stored", (unsigned long long)lost);
    print_counters(daemon, daemon->leaves ? 0 : LAST_LINE_MS);
    if (daemon->leaves) return all_stored ? 0 : 1;
    shutdown_free(daemon->shutdown);
    reload_free(daemon->reload);
    control_free(daemon->control);
    listener_set_free(daemon->listeners);
    intake_free(&daemon->intake);
    line_memory_free(&daemon->line_memory);
    pipeline_free(daemon->pipeline);
    stream_set_free(daemon->streams);
    volumes_free(daemon->volumes);
    retention_job_close(&daemon->retention);
    log_directory_free(daemon->directory);
    free(daemon);
    return all_stored ? 0 : 1;
}

/* ---- starting ---- */

static int fail(const char *what, int error) {
    say_error("%s: %s", what, error_text(error));
    return error;
}

/* A handler that cannot be installed shows in the first wait; the op is the only one in flight. */
static int catch_signals(struct daemon *daemon) {
    port_signal(daemon->port, &daemon->signal);
    port_wait(daemon->port, 0);
    if (!daemon->signal_error) return 0;
    say_error("cannot handle signals: %s; not starting, because SIGTERM would lose records",
              error_text(daemon->signal_error));
    return daemon->signal_error;
}

static int open_directory(struct daemon *daemon) {
    const char *dir = daemon->config->dir;
    int error = log_directory_open(daemon->port, dir, &daemon->directory);
    if (error) return error;
    retention_job_open(&daemon->retention, daemon->port, dir);
    error = volumes_open(daemon->port, dir, daemon->retention.lanes, &daemon->volumes);
    return error ? fail("memory", error) : 0;
}

static int open_streams(struct daemon *daemon) {
    char text[CONFIG_ERROR_MAX];
    const int error =
        stream_set_open(daemon->port, daemon->host, daemon->config->dir, daemon->retention.manifest,
                        daemon->retention.lanes, daemon->config, &daemon->streams, text);
    if (error) say_error("%s", text);
    return error;
}

/* Clients must never take the handles that storing needs. */
static uint32_t connections_max(const struct daemon *daemon) {
    const struct config *config = daemon->config;
    const uint64_t files_max = daemon->host->open_files_max;
    const uint64_t streams = stream_set_count_open(daemon->streams) + 1; /* and rejects */
    const uint64_t reserved = FILES_RESERVED + FILES_A_STREAM * streams + config->listener_count;
    if (files_max == 0 || config->connections_max + reserved <= files_max)
        return (uint32_t)config->connections_max;
    const uint64_t left = files_max > reserved ? files_max - reserved : 1;
    say("connections_max is %llu, not %llu: the system allows this process %llu open files",
        (unsigned long long)left, (unsigned long long)config->connections_max,
        (unsigned long long)files_max);
    return (uint32_t)left;
}

static int open_pipeline(struct daemon *daemon) {
    const struct pipeline_options options = {
        .line_bytes_max = (uint32_t)daemon->config->line_bytes_max,
        .batches = daemon->plan.batches,
        .flush_ms = daemon->config->flush_ms,
        .rejects = stream_set_rejects(daemon->streams),
        .counters = &daemon->counters,
    };
    const int error = pipeline_create(daemon->port, &options, &daemon->pipeline);
    if (!error) stream_set_feed(daemon->streams, daemon->pipeline);
    daemon->rotations = (struct rotations){.port = daemon->port,
                                           .pipeline = daemon->pipeline,
                                           .streams = daemon->streams,
                                           .answer = rotated,
                                           .context = daemon};
    return error;
}

static void set_limits(struct daemon *daemon) {
    const struct config *config = daemon->config;
    const struct peer_limits limits = {.bytes_per_s = config->peer_bytes_per_s,
                                       .records_per_s = config->peer_records_per_s};
    intake_set_limits(&daemon->intake, (uint32_t)config->peer_connections_max, &limits);
    intake_set_times(&daemon->intake, (int64_t)config->idle_s * 1000000000,
                     (int64_t)config->partial_s * 1000000000);
}

static int open_intake(struct daemon *daemon) {
    const struct memory_plan *plan = &daemon->plan;
    struct intake *intake = &daemon->intake;
    char text[CONFIG_ERROR_MAX];
    int error = open_pipeline(daemon);
    intake->port = daemon->port;
    intake->pipeline = daemon->pipeline;
    intake->counters = &daemon->counters;
    if (!error) error = line_memory_create(plan->line_memory_bytes, &daemon->line_memory);
    const uint32_t connections = connections_max(daemon);
    daemon->plan = memory_plan(daemon->config, plan->batches, connections);
    if (!error) error = intake_create(intake, connections);
    if (error) return fail("memory", error);
    set_limits(daemon);
    intake->line_memory = &daemon->line_memory;
    intake->line_bytes_max = (uint32_t)daemon->config->line_bytes_max;
    intake->tcp_buffers = plan->tcp_buffers;
    intake->tcp_buffer_bytes = plan->tcp_buffer_bytes;
    intake->udp_buffer_bytes = plan->udp_buffer_bytes;
    intake->udp_datagram_bytes = plan->udp_datagram_bytes;
    intake->unix_buffer_bytes = plan->unix_buffer_bytes;
    intake->unix_datagram_bytes = plan->unix_datagram_bytes;
    error = listener_set_open(intake, daemon->streams, daemon->host, daemon->config,
                              &daemon->listeners, text);
    if (error) say_error("%s", text);
    return error;
}

static int apply_config(void *context, const struct config *config,
                        const struct new_streams *streams, char *error);
static void config_applied(void *context, const char *note);
static void reload_answer(void *context, uint64_t request, const char *reply);

static int open_reload(struct daemon *daemon, int argc, char **argv) {
    const struct reload_options options = {.port = daemon->port,
                                           .host = daemon->host,
                                           .argc = argc,
                                           .argv = argv,
                                           .config = daemon->config,
                                           .streams = daemon->streams,
                                           .context = daemon,
                                           .apply = apply_config,
                                           .applied = config_applied,
                                           .answer = reload_answer};
    const int error = reload_open(&options, &daemon->reload);
    return error ? fail("memory", error) : 0;
}

static int open_shutdown(struct daemon *daemon) {
    const struct shutdown_parts parts = {.port = daemon->port,
                                         .intake = &daemon->intake,
                                         .pipeline = daemon->pipeline,
                                         .streams = daemon->streams,
                                         .retention = &daemon->retention,
                                         .volumes = daemon->volumes};
    const int error = shutdown_open(&parts, &daemon->shutdown);
    return error ? fail("memory", error) : 0;
}

static enum control_answer command(void *context, const char *text, uint64_t request, char *reply,
                                   size_t size);

/* Readers of the directory need the settings; without memory they keep the older ones. */
static void record_settings(struct daemon *daemon) {
    char *const text = config_recorded(daemon->config);
    if (text != NULL) log_directory_record(daemon->directory, text);
}

static int open_control(struct daemon *daemon) {
    int error = control_open(daemon->port, daemon->directory, command, daemon, &daemon->control);
    if (error) return fail("control port", error);
    record_settings(daemon);
    return log_directory_publish(daemon->directory, daemon->host->process_id,
                                 control_address(daemon->control));
}

static void print_ready(const struct daemon *daemon) {
    char names[LISTENER_NAMES_BYTES];
    char line[sizeof names + PATH_BYTES_MAX + 64]; /* longer than say() takes */
    listener_set_names(daemon->listeners, names, sizeof names);
    const int length = snprintf(line, sizeof line, "logportd: ready%s dir=%s port=%s\n", names,
                                daemon->config->dir, port_name(daemon->port));
    daemon->host->print(line, (size_t)length, READY_MS);
}

static void start_stats(struct daemon *daemon) {
    if (daemon->config->stats_s)
        port_timer(daemon->port, &daemon->stats,
                   port_now_ns(daemon->port) + (int64_t)daemon->config->stats_s * 1000000000);
}

static void handle_signal(struct daemon *daemon, enum port_signal signal);

static void measure_volumes(struct daemon *daemon) {
    const char *names[STREAMS_MAX];
    volumes_set(daemon->volumes, names, stream_set_names(daemon->streams, names), daemon->config);
}

static void serve(struct daemon *daemon) {
    config_say_warnings(daemon->config);
    say_info("memory: %s", daemon->plan.text);
    start_stats(daemon);
    retention_job_set_rules(&daemon->retention, &daemon->config->retention);
    measure_volumes(daemon);
    intake_start(&daemon->intake);
    /* A stop that was requested meanwhile begins at once. */
    if (!(daemon->early_signals & 1u << PORT_SIGNAL_STOP) && !daemon->host->stop_requested())
        print_ready(daemon);
    daemon->serving = true;
    for (int signal = PORT_SIGNAL_STOP; signal <= PORT_SIGNAL_ROTATE; signal++)
        if (daemon->early_signals & 1u << signal) handle_signal(daemon, (enum port_signal)signal);
}

/* ---- counters ---- */

static void write_counters(struct daemon *daemon, char *text, size_t size) {
    struct counters_context context = {
        .udp_kernel_drops = intake_kernel_drops(&daemon->intake),
        .connections = daemon->intake.connections_open,
        .uptime_ns = port_now_ns(daemon->port) - daemon->started_ns,
        .memory_bytes = daemon->host->memory_bytes(),
    };
    if (daemon->retention.lanes != NULL) {
        context.archives_hung = archive_lanes_hung_count(daemon->retention.lanes);
        context.archive_hangs = archive_lanes_hangs(daemon->retention.lanes);
    }
    stream_set_count(daemon->streams, &context);
    counters_write(&daemon->counters, &context, text, size);
}

static void print_counters(struct daemon *daemon, uint32_t timeout_ms) {
    char text[COUNTERS_TEXT_MAX];
    write_counters(daemon, text, sizeof text - 1);
    strcat(text, "\n");
    daemon->host->print(text, strlen(text), timeout_ms);
}

static void stats_due(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, stats, op);
    if (shutdown_phase(daemon->shutdown) != SHUTDOWN_NONE) return;
    if (op->result >= 0) print_counters(daemon, 0);
    start_stats(daemon);
}

static uint64_t records_lost(const struct daemon *daemon) {
    const struct counters *counters = &daemon->counters;
    return counters->dropped[DROP_STOPPED] + counters->rejects_given_up + counters->in_flight;
}

/* ---- requests ---- */

static void rotate(struct daemon *daemon, uint64_t request) {
    rotations_add(&daemon->rotations, request);
}

static void rotated(void *context, uint64_t request, const char *error) {
    struct daemon *daemon = context;
    char reply[ROTATION_ERROR_MAX + 32];
    if (error)
        snprintf(reply, sizeof reply, "{\"ok\":false,\"error\":\"%s\"}", error);
    else
        snprintf(reply, sizeof reply, "{\"ok\":true}");
    control_reply_later(daemon->control, "rotate", request, reply);
}

static void begin_stop(struct daemon *daemon) {
    if (shutdown_phase(daemon->shutdown) == SHUTDOWN_NONE)
        daemon->stop_ns = port_now_ns(daemon->port);
    service_report(SERVICE_PHASE_STOP, NULL);
    reload_stop(daemon->reload);
    port_cancel(&daemon->stats);
    shutdown_begin(daemon->shutdown, daemon->config->drain_ms, daemon->config->stop_ms);
}

void daemon_stop(struct daemon *daemon) {
    if (shutdown_phase(daemon->shutdown) == SHUTDOWN_NONE) {
        begin_stop(daemon);
    } else {
        say("asked to stop a second time: exiting at once");
        daemon->leaves = true;
    }
}

static void stop_signalled(struct daemon *daemon) {
    const bool stopping = shutdown_phase(daemon->shutdown) != SHUTDOWN_NONE;
    if (!stopping || port_now_ns(daemon->port) - daemon->stop_ns >= STOP_AGAIN_NS)
        daemon_stop(daemon);
}

static void handle_signal(struct daemon *daemon, enum port_signal signal) {
    switch (signal) {
    case PORT_SIGNAL_STOP: stop_signalled(daemon); break;
    case PORT_SIGNAL_RELOAD: reload_begin(daemon->reload, 0); break;
    case PORT_SIGNAL_ROTATE: rotate(daemon, 0); break;
    }
}

static void signalled(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, signal, op);
    if (op->result < 0) {
        daemon->signal_error = (int)op->result;
        return;
    }
    if (daemon->serving)
        handle_signal(daemon, (enum port_signal)op->result);
    else
        daemon->early_signals |= 1u << op->result;
    if (!daemon->released) port_signal(daemon->port, &daemon->signal);
}

_Static_assert(COUNTERS_TEXT_MAX + VOLUMES_TEXT_MAX + 64 <= CONTROL_REPLY_MAX,
               "status is an answer");

/* The counters, and the volumes as one more member. */
static void write_status(struct daemon *daemon, char *reply, size_t size) {
    static const char head[] = "{\"ok\":true,"; /* replaces the counters' own brace */
    write_counters(daemon, reply + sizeof head - 2, size - sizeof head);
    memcpy(reply, head, sizeof head - 1);
    char *end = reply + strlen(reply) - 1; /* the closing brace */
    *end++ = ',';
    end += volumes_write(daemon->volumes, end, VOLUMES_TEXT_MAX);
    strcpy(end, "}");
}

static enum control_answer command(void *context, const char *text, uint64_t request, char *reply,
                                   size_t size) {
    struct daemon *daemon = context;
    if (strcmp(text, "status") == 0) {
        write_status(daemon, reply, size);
        return CONTROL_NOW;
    }
    if (strcmp(text, "listeners") == 0) { /* for logport replay */
        char names[LISTENER_NAMES_BYTES];
        listener_set_names(daemon->listeners, names, sizeof names);
        snprintf(reply, size, "{\"ok\":true,\"listeners\":\"%s\"}", names);
        return CONTROL_NOW;
    }
    if (strcmp(text, "rotate") == 0)
        rotate(daemon, request);
    else if (strcmp(text, "stop") == 0)
        begin_stop(daemon);
    else if (strcmp(text, "reload") == 0)
        reload_begin(daemon->reload, request);
    else {
        snprintf(reply, size,
                 "{\"ok\":false,\"error\":\"unknown command; try status, rotate, reload or "
                 "stop\"}");
        return CONTROL_NOW;
    }
    return CONTROL_LATER;
}

/* ---- reload ---- */

static int apply_config(void *context, const struct config *config,
                        const struct new_streams *streams, char *error) {
    struct daemon *daemon = context;
    const struct memory_plan plan =
        memory_plan(config, daemon->plan.batches, daemon->intake.connections_max);
    int result = pipeline_more_batches(daemon->pipeline, plan.batches);
    if (result)
        snprintf(error, CONFIG_ERROR_MAX, "%s", error_text(result));
    else
        daemon->plan.batches = plan.batches; /* they stay, even if the rest fails */
    if (!result) result = stream_set_open_new(daemon->streams, config, streams, error);
    if (!result) result = listener_set_change(daemon->listeners, config, error);
    if (result) return result;
    daemon->config = config;
    set_limits(daemon);
    pipeline_flush_ms(daemon->pipeline, config->flush_ms);
    stream_set_change(daemon->streams, config);
    retention_job_set_rules(&daemon->retention, &config->retention);
    if (port_idle(&daemon->stats))
        start_stats(daemon);
    else
        port_cancel(&daemon->stats); /* it comes back and starts with the new interval */
    return 0;
}

static void config_applied(void *context, const char *note) {
    struct daemon *daemon = context;
    char names[LISTENER_NAMES_BYTES];
    char line[sizeof names + 512]; /* longer than say() takes, with many listeners */
    listener_set_names(daemon->listeners, names, sizeof names);
    const int length =
        snprintf(line, sizeof line, "logportd: reload: the new configuration is active:%s%s%s\n",
                 names, note[0] ? "; " : "", note);
    daemon->host->print(line, (size_t)length, 0);
    config_say_warnings(daemon->config);
    record_settings(daemon);
    measure_volumes(daemon);
    const struct memory_plan plan =
        memory_plan(daemon->config, daemon->plan.batches, daemon->intake.connections_max);
    if (plan.total_bytes != daemon->plan.total_bytes) say_info("memory: %s", plan.text);
    daemon->plan = plan;
}

static void reload_answer(void *context, uint64_t request, const char *reply) {
    const struct daemon *daemon = context;
    control_reply_later(daemon->control, "reload", request, reply);
}

/* ---- the end of a stop ---- */

/* Clients that asked for the stop get their answer when another daemon can take the directory. */
static void step_goodbye(struct daemon *daemon) {
    if (shutdown_phase(daemon->shutdown) != SHUTDOWN_STORED || daemon->replied) return;
    if (!daemon->released) {
        daemon->released = true;
        control_close(daemon->control);
        log_directory_close(daemon->directory);
    }
    if (!log_directory_idle(daemon->directory)) return;
    daemon->replied = true;
    shutdown_cancel(daemon->shutdown);
    port_cancel(&daemon->signal);
    control_reply_later(daemon->control, "stop", CONTROL_ALL,
                        records_lost(daemon)
                            ? "{\"ok\":false,\"error\":\"not all records could be stored\"}"
                            : "{\"ok\":true}");
    rotations_end(&daemon->rotations, records_lost(daemon) > 0);
}

static bool stopped(const struct daemon *daemon) {
    return daemon->replied && port_idle(&daemon->signal) && port_idle(&daemon->stats) &&
           shutdown_idle(daemon->shutdown) && reload_idle(daemon->reload) &&
           control_idle(daemon->control);
}
