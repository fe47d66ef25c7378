/* warnings.h - what a valid configuration probably does not mean. */
#ifndef INGEST_CONFIG_WARNINGS_H
#define INGEST_CONFIG_WARNINGS_H

#include "ingest/config/config.h"

#define CONFIG_WARNINGS_MAX 2048
/* Listeners that take records from every host; streams that have keys of their own and no lines;
 * programs that cannot be found; archives that do not answer.  Writes as many as fit to `text`, one
 * line each, and returns their length. */
size_t config_warnings(const struct config *config, char *text, size_t size);
/* Says each of them. */
void config_say_warnings(const struct config *config);

#endif
