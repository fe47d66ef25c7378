/* zones.h - time zones by their IANA names, such as Europe/Berlin, on a system without zone files. */
#ifndef PORT_WINDOWS_ZONES_H
#define PORT_WINDOWS_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two a year until ICU_YEAR_MAX, and the history of any zone. */
#define ZONE_CHANGES_MAX 2048

/* A zone: what its clock is before UTC. */
struct zone_changes {
    int32_t first_s; /* before the first change */
    uint32_t count;
    struct {
        int64_t at_s; /* since 1970 UTC; rising */
        int32_t offset_s;
    } list[ZONE_CHANGES_MAX];
    char rule[64]; /* after the last change, as POSIX writes it in TZ; "": none */
};

/* Adds a change, unless nothing changes; those that are not earlier are dropped.  False: there is no
 * room. */
bool zone_changes_add(struct zone_changes *changes, int64_t at_s, int32_t offset_s);
/* As a TZif file; free() it. */
int zone_changes_write(const struct zone_changes *changes, void **bytes, size_t *size);

/* ---- ICU, which Windows 10 contains since version 1903 ---- */

/* Its functions, see unicode/ucal.h; `status` above 0 is an error. */
struct icu {
    void *(*open)(const uint16_t *zone, int32_t length, const char *locale, int type, int *status);
    void (*close)(void *calendar);
    void (*set_millis)(void *calendar, double millis, int *status);
    int32_t (*get)(const void *calendar, int field, int *status);
    int8_t (*transition)(const void *calendar, int type, double *millis, int *status);
    int32_t (*canonical)(const uint16_t *zone, int32_t length, uint16_t *result, int32_t room,
                         int8_t *is_known, int *status);
};
/* Changes from the year 1800 to ICU_YEAR_MAX.  ERR_NOT_FOUND: ICU does not know it. */
#define ICU_YEAR_MAX 2500
int zone_of_icu(const struct icu *icu, const char *name, struct zone_changes *changes);

/* ---- the registry, where each zone has a name of Windows' own ---- */

/* A point of a year, as the registry has it in a SYSTEMTIME. */
struct zone_point {
    uint16_t year, month, weekday, day, hour, minute, second, millisecond;
};
/* The clock in one year, in minutes after UTC (the registry's signs). */
struct zone_year {
    int32_t bias, standard_bias, daylight_bias;
    struct zone_point standard, daylight; /* month 0: the clock is not changed */
};
/* years[i]: of the year first + i; the first one is valid before them, the last one after them. */
int zone_of_years(const struct zone_year *years, uint32_t count, uint32_t first,
                  struct zone_changes *changes);
/* Windows' name for a zone; NULL: it has none. */
const char *zone_windows_name(const char *name);
/* ERR_NOT_FOUND: Windows does not know it. */
int zone_of_registry(const char *name, struct zone_changes *changes);

#endif
