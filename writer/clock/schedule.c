/* schedule.c - reads a schedule, and finds when it is due next.
 *
 * A time is due at the first moment at which the clock shows it or a later one.  So all times up to
 * the highest reading so far have been due, and the next one is the first after it.  Therefore each
 * is due once, whatever a zone does to its clock. */
#include "writer/clock/schedule.h"

#include <assert.h>
#include <string.h>

#include "port/error.h"

#define DAY_S (24 * 3600)

/* ---- reading ---- */

/* 1 to 4 digits; `text` moves past them.  -1: there are none, or more. */
static int32_t number(const char **text) {
    int32_t value = 0;
    const size_t size = strspn(*text, "0123456789");
    if (size == 0 || size > 4) return -1;
    for (size_t i = 0; i < size; i++)
        value = value * 10 + (*(*text)++ - '0');
    return value;
}

static int parse_every(const char *text, struct schedule *schedule) {
    const int32_t count = number(&text);
    const int32_t minutes = strcmp(text, "m") == 0   ? count
                            : strcmp(text, "h") == 0 ? count * 60
                                                     : 0;
    if (minutes < 1 || minutes > DAY_S / 60) return ERR_INVALID;
    schedule->every_minutes = (uint32_t)minutes;
    return 0;
}

/* HH:MM, separated by commas. */
static int parse_times(const char *text, struct schedule *schedule) {
    for (;;) { /* ends: each turn takes five bytes */
        text += strspn(text, " ");
        if (strspn(text, "0123456789") != 2 || text[2] != ':') return ERR_INVALID;
        const int32_t hour = number(&text);
        text++;
        if (strspn(text, "0123456789") != 2) return ERR_INVALID;
        const int32_t minute = number(&text);
        if (hour > 23 || minute > 59 || schedule->count == SCHEDULE_TIMES_MAX) return ERR_INVALID;
        schedule->minutes[schedule->count++] = (uint16_t)(hour * 60 + minute);
        if (*text == '\0') return 0;
        if (*text++ != ',') return ERR_INVALID;
    }
}

int schedule_parse(const char *text, struct schedule *schedule) {
    *schedule = (struct schedule){0};
    if (strcmp(text, "never") == 0) return 0;
    if (strcmp(text, "hourly") == 0) return parse_every("60m", schedule);
    if (strcmp(text, "daily") == 0) return parse_times("00:00", schedule);
    if (strncmp(text, "every ", 6) == 0) return parse_every(text + 6, schedule);
    if (strncmp(text, "at ", 3) == 0) return parse_times(text + 3, schedule);
    return ERR_INVALID;
}

/* ---- the clock: its readings are seconds too, as if it showed UTC ---- */

/* This long ago the clock has certainly shown less than now. */
#define LOOK_BACK_S (ZONE_OFFSET_MAX_S - ZONE_OFFSET_MIN_S)

static int64_t highest_reading(const struct zone *zone, int64_t unix_s) {
    int64_t highest = INT64_MIN;
    for (int64_t at = unix_s - LOOK_BACK_S; at <= unix_s;) { /* each turn ends at a change */
        int64_t until;
        const int32_t offset_s = zone_offset_s(zone, at, &until);
        assert(until > at);
        const int64_t last = until <= unix_s ? until - 1 : unix_s;
        if (last + offset_s > highest) highest = last + offset_s;
        at = last + 1;
    }
    return highest;
}

/* The first of the schedule's times after this one. */
static int64_t time_behind(const struct schedule *schedule, int64_t reading) {
    const int64_t in_day = (reading % DAY_S + DAY_S) % DAY_S;
    const int64_t midnight = reading - in_day;
    if (schedule->every_minutes != 0) {
        const int64_t every_s = schedule->every_minutes * 60;
        const int64_t next = (in_day / every_s + 1) * every_s;
        return midnight + (next < DAY_S ? next : DAY_S);
    }
    int64_t best = INT64_MAX;
    for (uint32_t i = 0; i < schedule->count; i++) {
        const int64_t time = schedule->minutes[i] * 60;
        const int64_t next = time > in_day ? time : time + DAY_S;
        if (next < best) best = next;
    }
    return midnight + best;
}

int64_t schedule_next(const struct schedule *schedule, int64_t after_s) {
    if (schedule_never(schedule)) return INT64_MAX;
    const int64_t time = time_behind(schedule, highest_reading(schedule->zone, after_s));
    const int64_t moment = zone_moment_s(schedule->zone, time);
    assert(moment > after_s);
    return moment;
}
