/* reload.h - reads the configuration again while the daemon serves.
 *
 * A worker reads and validates it.  If it is invalid, or cannot be applied (a new listener cannot
 * be bound), the active configuration stays, and the reason is reported.  Otherwise it becomes
 * active at one moment, on the owner: lines that were received before are validated by the rules
 * before. Owner only. */
#ifndef INGEST_DAEMON_RELOAD_H
#define INGEST_DAEMON_RELOAD_H

#include <stdbool.h>

#include "ingest/config/host.h"
#include "ingest/daemon/stream_set.h"
#include "port/port.h"

struct reload;

struct reload_options {
    struct port *port;
    const struct host *host;
    int argc; /* the command line, which is read again too and overrides the file again */
    char **argv;
    const struct config *config; /* active at the start; the caller's */
    const struct stream_set *streams;
    void *context;
    /* Makes a configuration active.  0: it is, until the next call returns 0.  Else nothing has
     * changed, and `error` (CONFIG_ERROR_MAX bytes) says why. */
    int (*apply)(void *context, const struct config *config, const struct new_streams *streams,
                 char *error);
    /* It is active now.  note: what the operator should know; may be "". */
    void (*applied)(void *context, const char *note);
    /* A reload is over; the reply for clients that wait for it, one line of JSON: those whose
     * request has this number or a lower one. */
    void (*answer)(void *context, uint64_t request, const char *reply);
};

int reload_open(const struct reload_options *options, struct reload **reload);
/* Begins, or begins again when the running one is over, which is completed: so requests that come
 * faster than a reload takes delay no answer.  request: a number that rises; 0: no client waits. */
void reload_begin(struct reload *reload, uint64_t request);
/* The daemon stops: what is being read is not applied, and every reload is refused. */
void reload_stop(struct reload *reload);
bool reload_idle(const struct reload *reload); /* no op is in flight */
void reload_free(struct reload *reload); /* idle; the active configuration is not used any more */

#endif
