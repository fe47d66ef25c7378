/* zones_registry.c - time zones from the registry, for systems without ICU.  See zones.h.
 *
 * The registry knows rules of the last decades only, and one zone of Windows is many of IANA: the present
 * is right, earlier years are those of the zone's largest city at best. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include "port/error.h"
#include "port/windows/zones.h"

#define ZONES      L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Time Zones\\"
#define KEY_UNITS  256
#define YEARS_MAX  200
#define FIRST_YEAR 1970
#define DAY_S      86400

/* ---- a year's rule, in moments ---- */

static int64_t days_before(int64_t year) { /* from 1970, of years after it */
    const int64_t y = year - 1;
    return 365 * (year - 1970) + y / 4 - y / 100 + y / 400 - 477;
}

static bool is_leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t day_of(const struct zone_point *point, int64_t year) {
    static const int32_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    const int32_t month = point->month - 1;
    const bool leap = is_leap(year);
    const int64_t first = days_before(year) + before[month] + (leap && month >= 2);
    const int64_t length = before[month + 1] - before[month] + (leap && month == 1);
    if (point->year != 0) return first + point->day - 1; /* a date of that year */
    const int64_t weekday = (first + 4) % 7;             /* 1970 began with a Thursday */
    int64_t day = (point->weekday - weekday + 7) % 7 + 7 * (point->day - 1);
    while (day >= length) /* the fifth, where there are four: the last */
        day -= 7;
    return first + day;
}

/* The last millisecond of a day is the next one's midnight. */
static int64_t seconds_of(const struct zone_point *point) {
    return point->hour * 3600 + point->minute * 60 + point->second + (point->millisecond >= 500);
}

static int32_t standard_s(const struct zone_year *year) {
    return -(year->bias + year->standard_bias) * 60;
}

static int32_t daylight_s(const struct zone_year *year) {
    return -(year->bias + year->daylight_bias) * 60;
}

static bool is_valid(const struct zone_point *point) {
    return point->month >= 1 && point->month <= 12 && point->day >= 1 && point->day <= 31 &&
           point->weekday <= 6 && (point->year != 0 || point->day <= 5);
}

static bool changes_clock(const struct zone_year *year) {
    return is_valid(&year->standard) && is_valid(&year->daylight);
}

static bool add_year(struct zone_changes *changes, const struct zone_year *rule, int64_t year) {
    const int32_t standard = standard_s(rule), daylight = daylight_s(rule);
    const int64_t begin = days_before(year) * DAY_S;
    if (!changes_clock(rule)) return zone_changes_add(changes, begin - standard, standard);
    const int64_t on =
        day_of(&rule->daylight, year) * DAY_S + seconds_of(&rule->daylight) - standard;
    const int64_t off =
        day_of(&rule->standard, year) * DAY_S + seconds_of(&rule->standard) - daylight;
    if (on < off)
        return (on <= begin - standard || zone_changes_add(changes, begin - standard, standard)) &&
               zone_changes_add(changes, on, daylight) && zone_changes_add(changes, off, standard);
    return (off <= begin - daylight || zone_changes_add(changes, begin - daylight, daylight)) &&
           zone_changes_add(changes, off, standard) && zone_changes_add(changes, on, daylight);
}

/* ---- the rule of all later years ---- */

/* [-]h:mm:ss, as POSIX counts: to the west. */
static int put_offset(char *text, int32_t offset_s) {
    const int32_t west_s = offset_s < 0 ? -offset_s : offset_s;
    return sprintf(text, "%s%d:%02d", offset_s > 0 ? "-" : "", (int)(west_s / 3600),
                   (int)(west_s / 60 % 60));
}

static int put_point(char *text, const struct zone_point *point) {
    const int64_t second = seconds_of(point);
    return sprintf(text, ",M%d.%d.%d/%d:%02d:%02d", point->month, point->day, point->weekday,
                   (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

static void write_rule(const struct zone_year *year, char *rule) {
    char *p = rule + sprintf(rule, "STD");
    p += put_offset(p, standard_s(year));
    if (!changes_clock(year) || year->standard.year != 0 || year->daylight.year != 0) return;
    p += sprintf(p, "DST");
    p += put_offset(p, daylight_s(year));
    p += put_point(p, &year->daylight);
    put_point(p, &year->standard);
}

int zone_of_years(const struct zone_year *years, uint32_t count, uint32_t first,
                  struct zone_changes *changes) {
    *changes = (struct zone_changes){.first_s = standard_s(&years[0])};
    write_rule(&years[count - 1], changes->rule);
    if (count == 1) return 0; /* the rule alone says all */
    for (uint32_t year = FIRST_YEAR; year < first + count; year++) {
        const uint32_t i = year < first ? 0 : year - first;
        if (!add_year(changes, &years[i], year)) return ERR_TOO_LARGE;
    }
    return 0;
}

/* ---- reading ---- */

static bool read_number(const wchar_t *key, const wchar_t *value, DWORD *number) {
    DWORD size = sizeof *number;
    return RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_DWORD, NULL, number, &size) == 0;
}

static bool read_year(const wchar_t *key, const wchar_t *value, struct zone_year *year) {
    _Static_assert(sizeof *year == 44, "as REG_TZI_FORMAT");
    DWORD size = sizeof *year;
    return RegGetValueW(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_BINARY, NULL, year, &size) ==
               0 &&
           size == sizeof *year;
}

/* How many years were read; 0: it has no rules of single years. */
static uint32_t read_years(const wchar_t *zone, struct zone_year *years, uint32_t *first) {
    wchar_t key[KEY_UNITS + 16], value[16];
    DWORD begin, end;
    uint32_t count = 0;
    swprintf(key, sizeof key / sizeof *key, L"%ls\\Dynamic DST", zone);
    if (!read_number(key, L"FirstEntry", &begin) || !read_number(key, L"LastEntry", &end)) return 0;
    if (begin < FIRST_YEAR || end < begin || end - begin >= YEARS_MAX) return 0;
    for (DWORD year = begin; year <= end; year++, count++) {
        swprintf(value, sizeof value / sizeof *value, L"%lu", (unsigned long)year);
        if (!read_year(key, value, &years[count])) return 0;
    }
    *first = begin;
    return count;
}

int zone_of_registry(const char *name, struct zone_changes *changes) {
    wchar_t key[KEY_UNITS];
    struct zone_year years[YEARS_MAX];
    uint32_t first = FIRST_YEAR;
    const char *const windows = zone_windows_name(name);
    if (windows == NULL) return ERR_NOT_FOUND;
    swprintf(key, KEY_UNITS, ZONES L"%hs", windows);
    uint32_t count = read_years(key, years, &first);
    if (count == 0) count = read_year(key, L"TZI", &years[0]);
    return count > 0 ? zone_of_years(years, count, first, changes) : ERR_NOT_FOUND;
}
