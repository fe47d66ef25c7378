/* time.c - dates, times and durations (RFC 3339). */
#include "port/error.h"
#include "schema/format/format_internal.h"
#include "schema/record/timestamp.h"

struct time_reader {
    const char *p, *end;
};

static bool take(struct time_reader *r, const char *these) {
    if (r->p == r->end || !format_is_among(*r->p, these)) return false;
    r->p++;
    return true;
}

static bool take_digits(struct time_reader *r, int digits, int32_t *value) {
    *value = 0;
    if (r->end - r->p < digits) return false;
    for (; digits > 0; digits--, r->p++) {
        if (!format_is_digit(*r->p)) return false;
        *value = *value * 10 + (*r->p - '0');
    }
    return true;
}

static bool take_date(struct time_reader *r) {
    int32_t year, month, day;
    int64_t second;
    return take_digits(r, 4, &year) && take(r, "-") && take_digits(r, 2, &month) && take(r, "-") &&
           take_digits(r, 2, &day) && timestamp_of_day(year, month, day, &second) == 0;
}

/* *offset: minutes east of UTC. */
static bool take_offset(struct time_reader *r, int32_t *offset) {
    int32_t hour, minute;
    *offset = 0;
    if (take(r, "Zz")) return true;
    const bool west = r->p < r->end && *r->p == '-';
    if (!take(r, "+-") || !take_digits(r, 2, &hour) || !take(r, ":") ||
        !take_digits(r, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *offset = (hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

static bool take_time(struct time_reader *r) {
    int32_t hour, minute, second, offset;
    if (!take_digits(r, 2, &hour) || !take(r, ":") || !take_digits(r, 2, &minute) ||
        !take(r, ":") || !take_digits(r, 2, &second))
        return false;
    if (take(r, ".")) {
        if (!take(r, "0123456789")) return false;
        while (take(r, "0123456789"))
            ;
    }
    if (!take_offset(r, &offset) || hour > 23 || minute > 59 || second > 60) return false;
    const int32_t day = 24 * 60;
    return second < 60 || (hour * 60 + minute - offset + day) % day == day - 1;
}

bool format_date(const char *text, size_t size) {
    struct time_reader r = {text, text + size};
    return take_date(&r) && r.p == r.end;
}

bool format_time(const char *text, size_t size) {
    struct time_reader r = {text, text + size};
    return take_time(&r) && r.p == r.end;
}

bool format_date_time(const char *text, size_t size) {
    struct time_reader r = {text, text + size};
    return take_date(&r) && take(&r, "Tt") && take_time(&r) && r.p == r.end;
}

/* Consecutive numbers with units, none left out between two of them ("YMD": months may follow
 * years, days may not).  Returns how many there are; stops before a number without one of these
 * units. */
static int take_units(struct time_reader *r, const char *units) {
    int count = 0;
    for (;;) { /* ends: r->p increases */
        const char *const begin = r->p;
        while (take(r, "0123456789"))
            ;
        const char *unit = units;
        while (*unit != '\0' && (r->p == r->end || *unit != *r->p))
            unit++;
        if (r->p == begin || *unit == '\0' || (count > 0 && unit != units)) {
            r->p = begin;
            return count;
        }
        r->p++;
        units = unit + 1;
        count++;
    }
}

bool format_duration(const char *text, size_t size) {
    struct time_reader r = {text, text + size};
    if (!take(&r, "P")) return false;
    if (take_units(&r, "W") > 0) return r.p == r.end;
    const int days = take_units(&r, "YMD");
    const bool time = take(&r, "T");
    if (time && take_units(&r, "HMS") == 0) return false;
    return r.p == r.end && (days > 0 || time);
}
