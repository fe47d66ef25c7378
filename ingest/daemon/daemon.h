/* daemon.h - the daemon, whole: everything hangs from one struct. */
#ifndef INGEST_DAEMON_DAEMON_H
#define INGEST_DAEMON_DAEMON_H

#include "ingest/config/config.h"

/* Serves until it is told to stop. argc, argv: where the configuration came from, to be read again
 * by a reload.  Returns the exit code: 0, everything accepted
 * is stored; 1, it could not start, or not store all. Talks on stderr. */
int daemon_run(const struct config *config, int argc, char **argv);

#endif
