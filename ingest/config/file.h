/* file.h - reads the configuration file. */
#ifndef INGEST_CONFIG_FILE_H
#define INGEST_CONFIG_FILE_H

#include "ingest/config/config.h"
#include "ingest/config/host.h"

/* Reads config->file into the table's fields, config->objects and stream_objects.  ERR_INVALID:
 * `error` (CONFIG_ERROR_MAX bytes) says where and what was expected. */
int config_file_read(const struct host *host, struct config *config, char *error);

#endif
