/* unix_sockets.h - the keys of Unix sockets: path, mode, owner. */
#ifndef INGEST_CONFIG_UNIX_SOCKETS_H
#define INGEST_CONFIG_UNIX_SOCKETS_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* Without the key mode: the daemon's user and group may send. */
#define UNIX_MODE_PRESET 0660

/* Is this a valid value?  ERR_INVALID, and `problem` (CONFIG_PROBLEM_MAX bytes) says what was
 * expected. */
int config_unix_path_check(const char *text, char *problem);
int config_unix_mode_check(const char *text, char *problem);
int config_unix_owner_check(const struct host *host, const char *text, char *problem);

/* Fills listener->place from its keys; of a listener of another kind, checks that it has no such
 * keys.  On an error *wrong is the text that `error` (CONFIG_ERROR_MAX bytes) is about. */
int config_unix_resolve(const struct host *host, struct listener_config *listener,
                        const char **wrong, char *error);

#endif
