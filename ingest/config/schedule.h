/* schedule.h - rotation by the clock: the keys' values, and the schedule and zone that they
 * mean. */
#ifndef INGEST_CONFIG_SCHEDULE_H
#define INGEST_CONFIG_SCHEDULE_H

#include "ingest/config/host.h"
#include "writer/clock/schedule.h"

struct schedule_keys {
    const char *rotate, *rotate_zone; /* valid values */
    const char *zone_folder;          /* NULL: the machine's own */
};
/* Reads the zone's file.  The schedule uses the zone, which the caller frees with zone_free.  On an
 * error there is no zone, and `error` (CONFIG_ERROR_MAX bytes) says why. */
int config_schedule_resolve(const struct host *host, const struct schedule_keys *keys,
                            struct schedule *schedule, struct zone **zone, char *error);

/* Finds the zone with this name.  `key`: the configuration key that has it, for the error. */
int config_zone_find(const struct host *host, const char *key, const char *name, const char *folder,
                     struct zone **zone, char *error);

/* Checks a value of rotate, and of rotate_zone or zone, as config_value_check (values.h). */
int config_schedule_check(const char *text, char *problem);
int config_zone_check(const char *text, char *problem);

#endif
