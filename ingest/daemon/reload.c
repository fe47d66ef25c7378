/* reload.c - see reload.h. */
#include "ingest/daemon/reload.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/forward_files.h"
#include "ingest/config/http_files.h"
#include "ingest/config/read.h"
#include "ingest/config/schema_files.h"
#include "ingest/config/tls_files.h"
#include "ingest/config/warnings.h"
#include "port/service.h"
#include "port/system.h"
#include "schema/json/write.h"

#define REPLY_MAX 16384

struct reload {
    struct reload_options options;
    struct port_op op;
    const struct config *active;
    struct config *owned; /* the active one, if it was read here */
    uint64_t request;     /* the last one that the running reload answers; 0: a signal's */
    /* Requested while one was running, which may have read an older file; the last such request. */
    bool again;
    uint64_t again_request;
    bool stopping;
    uint64_t line_bytes_max; /* as active */
    /* The worker's until the op is back: */
    struct config *read;
    struct new_streams streams;
    char error[CONFIG_ERROR_MAX];
};

static void read_run(struct port_op *op);
static void read_done(struct port_op *op);

int reload_open(const struct reload_options *options, struct reload **reload) {
    struct reload *r = calloc(1, sizeof *r);
    if (!r) return ERR_NO_MEMORY;
    r->options = *options;
    r->active = options->config;
    r->op.done = read_done;
    *reload = r;
    return 0;
}

static void free_config(struct config *config) {
    if (config) config_free(config);
    free(config);
}

void reload_free(struct reload *reload) {
    assert(reload_idle(reload));
    free_config(reload->owned);
    free(reload);
}

bool reload_idle(const struct reload *reload) {
    return port_idle(&reload->op);
}

static void answer(struct reload *reload, uint64_t request, bool ok, const char *text) {
    char reply[REPLY_MAX];
    const size_t size = strlen(text);
    assert(JSON_STRING_BYTES_MAX(size) + 64 < sizeof reply);
    char *end = reply + sprintf(reply, "{\"ok\":%s", ok ? "true" : "false");
    if (size) {
        end += sprintf(end, ",\"%s\":", ok ? "note" : "error");
        end = json_write_string(end, text, size);
    }
    strcpy(end, "}");
    reload->options.answer(reload->options.context, request, reply);
}

void reload_begin(struct reload *reload, uint64_t request) {
    if (reload->stopping) {
        answer(reload, request, false, "the daemon is stopping");
    } else if (!port_idle(&reload->op)) {
        reload->again = true;
        if (request) reload->again_request = request;
    } else {
        if (request) reload->request = request;
        reload->line_bytes_max = reload->active->line_bytes_max;
        service_report(SERVICE_PHASE_RELOAD, NULL);
        port_work(reload->options.port, &reload->op, PORT_LANE_SLOW, read_run);
    }
}

void reload_stop(struct reload *reload) {
    reload->stopping = true;
}

static int read_new(struct reload *reload, struct config *config) {
    const struct reload_options *o = &reload->options;
    int result = config_read(o->host, o->argc, o->argv, config, reload->error);
    if (!result)
        result = schema_files_load(o->host->files, config, reload->line_bytes_max, o->host->cores,
                                   reload->error);
    if (!result) result = tls_files_load(o->host->files, config, reload->error);
    if (!result) result = http_files_load(o->host->files, config, reload->error);
    if (!result) result = forward_files_load(o->host->files, config, reload->error);
    if (!result) result = stream_set_find_new(o->streams, config, &reload->streams, reload->error);
    return result;
}

static void read_run(struct port_op *op) {
    struct reload *reload = PORT_CONTAINER(struct reload, op, op);
    reload->read = calloc(1, sizeof *reload->read);
    if (reload->read) {
        op->result = read_new(reload, reload->read);
    } else {
        op->result = ERR_NO_MEMORY;
        snprintf(reload->error, sizeof reload->error, "%s", error_text(ERR_NO_MEMORY));
    }
}

/* ---- becoming active ---- */

/* Keeps what only a start can change, and names it in the note. */
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
    config->dir = before->dir; /* a text of the first configuration, which stays */
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (*fixed[i].before != *fixed[i].now)
            length += (size_t)snprintf(note + length, size - length, "%s%s", length ? ", " : "",
                                       fixed[i].name);
        *fixed[i].now = *fixed[i].before;
    }
    if (length) snprintf(note + length, size - length, ": unchanged until the next start");
}

/* The reply contains the warnings too, in one line. */
static void with_warnings(const struct config *config, const char *note, char *text, size_t size) {
    char warnings[CONFIG_WARNINGS_MAX];
    size_t length = config_warnings(config, warnings, sizeof warnings);
    while (length > 0 && warnings[length - 1] == '\n')
        warnings[--length] = '\0';
    size_t used = (size_t)snprintf(text, size, "%s%s", note, note[0] && warnings[0] ? "; " : "");
    for (const char *p = warnings; *p != '\0' && used + 3 < size; p++) {
        text[used++] = *p == '\n' ? ';' : *p;
        if (*p == '\n') text[used++] = ' ';
    }
    text[used] = '\0';
}

static int apply(struct reload *reload, char *text, size_t size) {
    const struct reload_options *o = &reload->options;
    struct config *config = reload->read;
    char note[256];
    keep_fixed(reload->active, config, note, sizeof note);
    const int error = o->apply(o->context, config, &reload->streams, reload->error);
    if (error) return error;
    reload->read = NULL;
    free_config(reload->owned); /* nothing uses the one before any more */
    reload->active = reload->owned = config;
    o->applied(o->context, note);
    with_warnings(config, note, text, size);
    return 0;
}

/* Clients that asked after it had begun wait for the next one.  It is applied and answered
 * nevertheless: requests that follow each other closely must delay neither. */
static void read_done(struct port_op *op) {
    struct reload *reload = PORT_CONTAINER(struct reload, op, op);
    char text[256 + CONFIG_WARNINGS_MAX] = "";
    const bool again = reload->again;
    reload->again = false;
    int error = (int)op->result;
    if (!error && !reload->stopping) error = apply(reload, text, sizeof text);
    if (error && !reload->stopping)
        say_error("reload: %s; the active configuration stays", reload->error);
    if (reload->stopping)
        answer(reload, reload->request, false, "the daemon is stopping");
    else
        answer(reload, reload->request, error == 0, error ? reload->error : text);
    free_config(reload->read);
    reload->read = NULL;
    if (!reload->stopping) service_report(SERVICE_PHASE_READY, NULL);
    if (again) reload_begin(reload, reload->again_request);
}
