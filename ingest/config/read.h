/* read.h - reads a whole configuration: the command line, and the file that it names. */
#ifndef INGEST_CONFIG_READ_H
#define INGEST_CONFIG_READ_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* The command line overrides the file.  ERR_INVALID, and `error` (CONFIG_ERROR_MAX bytes) says what
 * is wrong, where, and what was expected.  Texts of the command line are not copied.  Call
 * config_free in any case.  Any thread. */
int config_read(const struct host *host, int argc, char **argv, struct config *config, char *error);
void config_free(struct config *config);

/* True: this command line asks for --help, --version or --check, not for a daemon.  Reads no file. */
bool config_is_question(int argc, char **argv);

#endif
