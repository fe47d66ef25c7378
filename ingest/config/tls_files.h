/* tls_files.h - the certificates and keys that a configuration names. */
#ifndef INGEST_CONFIG_TLS_FILES_H
#define INGEST_CONFIG_TLS_FILES_H

#include "ingest/config/config.h"

/* Reads them, for each listener with the key tls.  Waits for the disk: at the start, or on a worker.
 * On an error `error` (CONFIG_ERROR_MAX bytes) says why. */
int tls_files_load(struct files *files, struct config *config, char *error);

#endif
