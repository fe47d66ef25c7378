/* recorded.h - the settings of listeners that a reader of the log directory needs: how times and
 * levels of each stream's records are read. */
#ifndef INGEST_CONFIG_RECORDED_H
#define INGEST_CONFIG_RECORDED_H

#include "ingest/config/config.h"

/* The text of <dir>/state/settings.json (FORMAT.md), malloc'd; "" if every stream has the usual
 * settings.  Of listeners that feed one stream, the first one's settings are recorded.  NULL: out
 * of memory. */
char *config_recorded(const struct config *config);

#endif
