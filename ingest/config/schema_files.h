/* schema_files.h - reads and compiles schemas from files. */
#ifndef INGEST_CONFIG_SCHEMA_FILES_H
#define INGEST_CONFIG_SCHEMA_FILES_H

#include "ingest/config/config.h"
#include "port/files.h"
#include "port/options.h"
#include "schema/rules/schema.h"

/* The first path is the schema that lines are validated against; it may refer to the others.
 * Prints warnings about what is accepted but probably not meant, such as an unknown keyword.
 * ERR_INVALID, and `error` (CONFIG_ERROR_MAX bytes) says which file, where in it and why.  Any
 * thread. */
int schema_files_compile(struct files *files, const struct option_list *paths, bool formats,
                         struct schema **schema, char *error);

/* Makes the gate of each listener that names schemas, for this number of workers and lines up to
 * line_bytes_max; listeners with the same schemas share one.  Errors as above. */
int schema_files_load(struct files *files, struct config *config, uint64_t line_bytes_max,
                      uint32_t workers, char *error);

#endif
