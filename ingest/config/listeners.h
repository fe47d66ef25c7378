/* listeners.h - what each listener's keys come to: its own, and where it has none those of all. */
#ifndef INGEST_CONFIG_LISTENERS_H
#define INGEST_CONFIG_LISTENERS_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* A listener that the file writes as an object.  It is identified by its address, the pointer
 * itself: a list that the command line replaces has other pointers. */
struct listener_object {
    struct listener_object *next;
    struct listener_keys keys;
};

/* Fills config->listeners from the lists of listeners and their objects.  On an error `error`
 * (CONFIG_ERROR_MAX bytes) says why. */
int config_listeners_resolve(const struct host *host, struct config *config, char *error);

#endif
