/* reload.c - the configuration is read again while the daemon serves.
 *
 * A worker reads and judges it; if anything is wrong with it, or a new listener cannot be
 * bound, the one in force stays and it is said why.  Otherwise it takes effect at one moment,
 * in the owner: what was taken before is judged by the rules before. */
#include "ingest/daemon/reload.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/schema_files.h"
#include "ingest/daemon/daemon_internal.h"
#include "port/system.h"
#include "schema/json/write.h"

struct reload {
    struct daemon *daemon;
    struct port_op op;
    int argc;
    char **argv;
    uint64_t line_bytes_max; /* that stays in force */
    uint32_t workers;        /* that judge lines: as many as there were cores at the start */
    bool again;              /* asked for while it was running: what is read now may be older */
    struct config *read;     /* the worker's until the op is back, and so are: */
    struct new_streams streams;
    struct config *owned; /* the one in force, if it comes from here */
    char error[CONFIG_ERROR_MAX];
};

static void read_run(struct port_op *op);
static void read_done(struct port_op *op);

int reload_create(struct daemon *daemon, int argc, char **argv, struct reload **reload) {
    struct reload *r = calloc(1, sizeof *r);
    if (!r) return ERR_NO_MEMORY;
    r->daemon = daemon;
    r->op.done = read_done;
    r->argc = argc;
    r->argv = argv;
    r->workers = system_cores();
    *reload = r;
    return 0;
}

static void free_config(struct config *config) {
    if (config) config_free(config);
    free(config);
}

void reload_free(struct reload *reload) {
    assert(reload_quiet(reload));
    free_config(reload->owned);
    free(reload);
}

bool reload_quiet(const struct reload *reload) {
    return port_idle(&reload->op);
}

static void answer(struct reload *reload, bool ok, const char *text) {
    char reply[CONTROL_REPLY_MAX];
    const size_t size = strlen(text);
    assert(JSON_STRING_BYTES_MAX(size) + 64 < sizeof reply);
    char *end = reply + sprintf(reply, "{\"ok\":%s", ok ? "true" : "false");
    if (size) {
        end += sprintf(end, ",\"%s\":", ok ? "note" : "error");
        end = json_write_string(end, text, size);
    }
    strcpy(end, "}");
    control_reply_later(reload->daemon->control, "reload", reply);
}

void reload_begin(struct reload *reload) {
    if (reload->daemon->phase != PHASE_SERVING)
        answer(reload, false, "the daemon is stopping");
    else if (!port_idle(&reload->op))
        reload->again = true;
    else {
        reload->line_bytes_max = reload->daemon->config->line_bytes_max;
        port_work(reload->daemon->port, &reload->op, PORT_LANE_SLOW, read_run);
    }
}

static void read_run(struct port_op *op) {
    struct reload *reload = PORT_CONTAINER(struct reload, op, op);
    struct files *files = reload->daemon->files;
    struct config *config = calloc(1, sizeof *reload->read);
    int result = ERR_NO_MEMORY;
    if (config)
        result = config_read(files, reload->argc, reload->argv, config, reload->error);
    else
        snprintf(reload->error, sizeof reload->error, "%s", error_text(ERR_NO_MEMORY));
    if (!result)
        result = schema_files_settle(files, config, reload->line_bytes_max, reload->workers,
                                     reload->error);
    if (!result) result = streams_find_new(reload->daemon, config, &reload->streams, reload->error);
    reload->read = config;
    op->result = result;
}

/* ---- putting it in force ---- */

/* What only a start can change stays as it is, and is named in the note. */
static void keep_fixed(const struct config *before, struct config *config, char *note,
                       size_t size) {
    const struct {
        const char *name;
        const uint64_t *before;
        uint64_t *now;
    } fixed[] = {
        {"connections_max", &before->connections_max, &config->connections_max},
        {"line_bytes_max", &before->line_bytes_max, &config->line_bytes_max},
        {"buffer_bytes_max", &before->buffer_bytes_max, &config->buffer_bytes_max},
    };
    size_t length = 0;
    note[0] = '\0';
    if (strcmp(before->dir, config->dir) != 0) length = (size_t)snprintf(note, size, "dir");
    config->dir = before->dir; /* it is the first configuration's, which stays */
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (*fixed[i].before != *fixed[i].now)
            length += (size_t)snprintf(note + length, size - length, "%s%s", length ? ", " : "",
                                       fixed[i].name);
        *fixed[i].now = *fixed[i].before;
    }
    if (length) snprintf(note + length, size - length, ": as before until the next start");
}

static void say_in_force(const struct daemon *daemon, const char *note) {
    char names[LISTENER_NAMES_BYTES];
    char line[sizeof names + 512]; /* longer than say() takes, with many listeners */
    listening_names(daemon, names, sizeof names);
    const int length =
        snprintf(line, sizeof line, "logportd: reload: the new configuration is in force:%s%s%s\n",
                 names, note[0] ? "; " : "", note);
    stream_write_within(STREAM_ERROR, line, (size_t)length, 0);
}

/* More listeners, or schemas, take more. */
static void say_memory(struct daemon *daemon) {
    const struct memory_plan plan = memory_plan(daemon->config, daemon->plan.batches);
    if (plan.total_bytes != daemon->plan.total_bytes) say("memory: %s", plan.text);
    daemon->plan = plan;
}

/* Who asks for it is told, too. */
static void with_warnings(const struct config *config, const char *note, char *told, size_t size) {
    char warnings[CONFIG_WARNINGS_MAX];
    size_t length = config_warnings(config, warnings, sizeof warnings);
    while (length > 0 && warnings[length - 1] == '\n')
        warnings[--length] = '\0';
    size_t told_length =
        (size_t)snprintf(told, size, "%s%s", note, note[0] && warnings[0] ? "; " : "");
    for (const char *p = warnings; *p != '\0' && told_length + 3 < size; p++) {
        told[told_length++] = *p == '\n' ? ';' : *p;
        if (*p == '\n') told[told_length++] = ' ';
    }
    told[told_length] = '\0';
}

static int put_in_force(struct reload *reload) {
    struct daemon *daemon = reload->daemon;
    struct config *config = reload->read;
    char note[256];
    keep_fixed(daemon->config, config, note, sizeof note);
    const struct memory_plan plan = memory_plan(config, daemon->plan.batches);
    int error = pipeline_more_batches(daemon->pipeline, plan.batches);
    if (error)
        snprintf(reload->error, sizeof reload->error, "%s", error_text(error));
    else
        daemon->plan.batches = plan.batches; /* they stay, whatever becomes of the rest */
    if (!error) error = streams_open_new(daemon, config, &reload->streams, reload->error);
    if (!error) error = listening_change(daemon, config, reload->error);
    if (error) return error;
    reload->read = NULL; /* it is in force now */
    daemon->config = config;
    daemon_settings_changed(daemon);
    free_config(reload->owned); /* nothing uses the one before any more */
    reload->owned = config;
    say_in_force(daemon, note);
    config_say_warnings(config);
    say_memory(daemon);
    char told[sizeof note + CONFIG_WARNINGS_MAX];
    with_warnings(config, note, told, sizeof told);
    answer(reload, true, told);
    return 0;
}

static void refused(struct reload *reload) {
    say("reload: %s; the configuration in force stays", reload->error);
    answer(reload, false, reload->error);
}

static void read_done(struct port_op *op) {
    struct reload *reload = PORT_CONTAINER(struct reload, op, op);
    const bool again = reload->again;
    reload->again = false;
    if (!again && reload->daemon->phase == PHASE_SERVING &&
        (op->result < 0 || put_in_force(reload)))
        refused(reload);
    free_config(reload->read);
    reload->read = NULL;
    if (again || reload->daemon->phase != PHASE_SERVING) reload_begin(reload);
}
