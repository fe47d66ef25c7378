/* service_command.h - `logportd service ...`: installs and controls logportd as a service. */
#ifndef INGEST_DAEMON_SERVICE_COMMAND_H
#define INGEST_DAEMON_SERVICE_COMMAND_H

#include "port/service.h"

/* argv: "logportd", "service", and the rest.  daemon: what the service runs, with a command line of
 * its own.  Returns the exit code: 0, or 1 if the system refused it, or 2 for bad options. */
int service_command(int argc, char **argv, service_main *daemon);

#endif
