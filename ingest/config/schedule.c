/* schedule.c - see schedule.h. */
#include "ingest/config/schedule.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config.h"
#include "port/error.h"
#include "writer/clock/zone_find.h"

int config_zone_find(const struct host *host, const char *key, const char *name, const char *folder,
                     struct zone **zone, char *error) {
    if (folder == NULL) folder = host->zone_folder;
    const struct zone_source source = {host->files, folder, host->zone_named, host->zone_offset_s};
    char problem[ZONE_PROBLEM_MAX];
    if (zone_find(&source, name, zone, problem) == 0) return 0;
    snprintf(error, CONFIG_ERROR_MAX, "%s: %.900s%s", key, problem,
             folder ? "" : "; zone_folder names a directory of TZif files");
    return ERR_INVALID;
}

int config_schedule_resolve(const struct host *host, const struct schedule_keys *keys,
                            struct schedule *schedule, struct zone **zone, char *error) {
    const int result = schedule_parse(keys->rotate, schedule);
    assert(result == 0); /* config_value_check accepted it */
    *zone = NULL;
    if (config_zone_find(host, "rotate_zone", keys->rotate_zone, keys->zone_folder, zone, error))
        return ERR_INVALID;
    schedule->zone = *zone;
    return 0;
}

int config_schedule_check(const char *text, char *problem) {
    struct schedule schedule;
    if (schedule_parse(text, &schedule) == 0) return 0;
    snprintf(problem, CONFIG_PROBLEM_MAX,
             "\"%.64s\" is not a rotation time: " SCHEDULE_EXPECTED
             " was expected (limits: every 24h, %d times a day)",
             text, SCHEDULE_TIMES_MAX);
    return ERR_INVALID;
}

int config_zone_check(const char *text, char *problem) {
    if (zone_name_valid(text)) return 0;
    snprintf(
        problem, CONFIG_PROBLEM_MAX,
        "\"%.64s\" is not a time zone: a name such as Europe/Berlin, UTC or local was expected",
        text);
    return ERR_INVALID;
}
