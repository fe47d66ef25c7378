/* archive.h - where closed segments go: an archive directory that is usable and a command that can
 * be run, as far as that is known when the configuration is read. */
#ifndef INGEST_CONFIG_ARCHIVE_H
#define INGEST_CONFIG_ARCHIVE_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* Makes *archive_dir absolute, so that the manifest can name it; "none" becomes NULL.
 * ERR_INVALID, and `error` (CONFIG_ERROR_MAX bytes) says why it cannot be an archive. */
int config_archive_resolve(const struct host *host, struct config *config, const char **archive_dir,
                           char *error);
/* *missing: the command's program cannot be found now. */
int config_command_resolve(const struct host *host, const struct option_list *words, bool *missing,
                           char *error);

#endif
