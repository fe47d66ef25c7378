/* schedule.c - see schedule.h. */
#include "ingest/config/schedule.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/config/config.h"
#include "port/error.h"

#define ZONE_PATH_MAX 1024

static int no_folder(const char *name, char *error) {
    snprintf(error, CONFIG_ERROR_MAX,
             "rotate_zone: \"%.128s\": this system has no time zone files; set zone_folder to a "
             "directory "
             "of TZif files, or rotate_zone to UTC or local",
             name);
    return ERR_INVALID;
}

static int read_zone(const struct host *host, const char *name, const char *folder,
                     struct zone **zone, char *error) {
    char path[ZONE_PATH_MAX], *bytes;
    size_t size;
    const char *sentence = NULL;
    if (!folder) folder = host->zone_folder;
    if (!folder) return no_folder(name, error);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        snprintf(error, CONFIG_ERROR_MAX, "zone_folder: %s", error_text(ERR_NAME_TOO_LONG));
        return ERR_INVALID;
    }
    int result = file_read_all(host->files, path, ZONE_FILE_BYTES_MAX, &bytes, &size);
    if (result == 0) {
        result = zone_read(bytes, size, zone, &sentence);
        free(bytes);
    }
    if (result == ERR_NOT_FOUND || result == ERR_IS_DIRECTORY)
        snprintf(error, CONFIG_ERROR_MAX,
                 "rotate_zone: \"%.128s\": no such time zone in %.512s; a name such as "
                 "Europe/Berlin, UTC or local was expected",
                 name, folder);
    else if (result)
        snprintf(error, CONFIG_ERROR_MAX, "rotate_zone: %.600s: %s", path,
                 sentence ? sentence : error_text(result));
    return result;
}

static int find_zone(const struct host *host, const struct schedule_keys *keys, struct zone **zone,
                     char *error) {
    const char *name = keys->rotate_zone;
    if (strcmp(name, "UTC") && strcmp(name, "local"))
        return read_zone(host, name, keys->zone_folder, zone, error);
    const int result =
        strcmp(name, "UTC") == 0 ? zone_of_utc(zone) : zone_of_system(host->zone_offset_s, zone);
    if (result) snprintf(error, CONFIG_ERROR_MAX, "rotate_zone: %s", error_text(result));
    return result;
}

int config_schedule_resolve(const struct host *host, const struct schedule_keys *keys,
                            struct schedule *schedule, struct zone **zone, char *error) {
    const int result = schedule_parse(keys->rotate, schedule);
    assert(result == 0); /* config_value_check accepted it */
    *zone = NULL;
    if (find_zone(host, keys, zone, error)) return ERR_INVALID;
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
