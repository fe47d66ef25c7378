/* start_watch.h - lets a daemon that is starting stop, although its start hangs.
 *
 * A start waits for disks: for the configuration, schemas, and the log directory, on the thread that
 * would handle a request to stop.  A stop that is requested meanwhile takes place after the start.
 * If that takes longer than START_STOP_MS, a thread of the watch prints the counters, all 0, and
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
