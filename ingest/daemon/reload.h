/* reload.h - reads the configuration again and puts it in force.  Owner only. */
#ifndef INGEST_DAEMON_RELOAD_H
#define INGEST_DAEMON_RELOAD_H

#include <stdbool.h>

struct daemon;
struct reload;

/* argc, argv: the command line, which is read again too, and wins again. */
int reload_create(struct daemon *daemon, int argc, char **argv, struct reload **reload);
/* Once it is quiet. */
void reload_free(struct reload *reload);
/* Those who wait for the command "reload" are answered when it is over. */
void reload_begin(struct reload *reload);
/* No op is in flight. */
bool reload_quiet(const struct reload *reload);

#endif
