/* start_watch.h - lets a daemon stop while its start hangs.
 *
 * A start waits for the disks of the configuration, the schemas and the log directory, on the thread
 * that handles requests to stop.  So a stop that is requested meanwhile begins after the start.  If
 * the start has not ended START_STOP_MS later, a thread prints the counters, which are all 0, and
 * ends the process with 0: nothing was received yet. */
#ifndef INGEST_DAEMON_START_WATCH_H
#define INGEST_DAEMON_START_WATCH_H

#include "ingest/config/host.h"

#define START_STOP_MS 2000

struct start_watch;

/* host: used until the end.  NULL: there is no thread or memory for it; the start is not watched. */
struct start_watch *start_watch_begin(const struct host *host);
/* The start is over, successful or not.  watch may be NULL. */
void start_watch_end(struct start_watch *watch);

#endif
