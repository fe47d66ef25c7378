/* daemon.h - the whole daemon: receives lines and stores them until it is asked to stop.
 *
 *     error = daemon_start(&options, &daemon);
 *     while ((state = daemon_step(daemon)) == DAEMON_RUNS) {}
 *     code = daemon_finish(daemon);
 *
 * Everything that it uses of the machine comes from the port and the host, so a simulator can run
 * it.  Messages go through say() (system.h).  All calls: the port's owner. */
#ifndef INGEST_DAEMON_DAEMON_H
#define INGEST_DAEMON_DAEMON_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"
#include "port/port.h"

struct daemon;

/* All of it outlives the daemon. */
struct daemon_options {
    struct port *port;
    const struct host *host;
    const struct config *config; /* read, with its schemas loaded */
    int argc;                    /* the command line, for reloads */
    char **argv;
};

enum daemon_state {
    DAEMON_RUNS,
    DAEMON_STOPPED, /* everything is stored, closed or given up, and every op is back */
    DAEMON_LEAVES,  /* asked to stop a second time, or the disk hangs: ops are still in flight */
};

/* Opens the directory, its streams and the listeners, and prints the ready line.  An error has been
 * said; what was opened until then stays open, so the caller ends the process. */
int daemon_start(const struct daemon_options *options, struct daemon **daemon);
/* Waits on the port once and does what follows from it. */
enum daemon_state daemon_step(struct daemon *daemon);
/* Like SIGTERM and `logport stop`: begins the stop; a second call makes the daemon leave. */
void daemon_stop(struct daemon *daemon);
/* Prints the counters and returns the exit code: 0, or 1 if records were lost.  Frees everything;
 * after DAEMON_LEAVES nothing, and the caller ends the process without closing the port. */
int daemon_finish(struct daemon *daemon);

#endif
