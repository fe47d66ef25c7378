/* listener_set.h - the addresses that the daemon listens on, as its configuration says, and the
 * rules that their lines are validated by.  Owner only. */
#ifndef INGEST_DAEMON_LISTENER_SET_H
#define INGEST_DAEMON_LISTENER_SET_H

#include "ingest/config/host.h"
#include "ingest/daemon/stream_set.h"
#include "ingest/network/intake.h"

struct listener_set;

/* Opens all listeners of the configuration; nothing is accepted before intake_start.  config is
 * used until the next listener_set_change.  On an error `error` (CONFIG_ERROR_MAX bytes) says
 * why. */
int listener_set_open(struct intake *intake, const struct stream_set *streams,
                      const struct host *host, const struct config *config,
                      struct listener_set **set, char *error);
/* Closes and frees it before intake_start. */
void listener_set_give_up(struct listener_set *set);
void listener_set_free(struct listener_set *set);

/* Changes to the listeners of another configuration.  A listener that is in both stays open with
 * its connections; from now on its lines are validated by the new rules.  If a new one cannot be
 * opened everything stays as it is, and `error` says why. */
int listener_set_change(struct listener_set *set, const struct config *config, char *error);

/* " tcp=127.0.0.1:5170 udp=...", one for each listener, in order; returns the length. */
#define LISTENER_NAMES_BYTES (LISTENER_NUMBERS * (LISTENER_NAME_MAX + 1))
size_t listener_set_names(const struct listener_set *set, char *text, size_t size);

#endif
