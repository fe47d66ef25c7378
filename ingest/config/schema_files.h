/* schema_files.h - schemas that are named by their files, read and compiled. */
#ifndef INGEST_CONFIG_SCHEMA_FILES_H
#define INGEST_CONFIG_SCHEMA_FILES_H

#include "ingest/config/config.h"
#include "port/files.h"
#include "port/options.h"
#include "schema/rules/schema.h"

/* The first path is the schema that lines are checked against; it may refer to the others.
 * What is accepted but probably not meant, like an unknown keyword, is said. ERR_INVALID, and
 * `error` (CONFIG_ERROR_MAX bytes) says which file, where in it and why. Any thread. */
int schema_files_compile(struct files *files, const struct option_list *paths, bool formats,
                         struct schema **schema, char *error);

/* Gives each listener that names schemas its gate, with checkers for `workers` and for lines
 * of line_bytes_max; listeners that name the same share one.  Errors as above. */
int schema_files_load(struct files *files, struct config *config, uint64_t line_bytes_max,
                      uint32_t workers, char *error);

#endif
