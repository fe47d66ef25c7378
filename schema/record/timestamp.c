/* timestamp.c - see timestamp.h.  Arithmetic on days: no time zone, no call of the C library's time
 * functions, no allocation.  Formats every int64_t of nanoseconds (1677 to 2262); parses from 1970
 * on. */
#include "schema/record/timestamp.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "port/error.h"

#define SECOND_NS 1000000000
#define DAY_S     86400

struct civil {
    int32_t year, month, day, hour, minute, second;
    int32_t nanosecond;
};

static struct civil civil_of(int64_t unix_ns);
static int64_t days_of(int32_t year, int32_t month, int32_t day);
static int32_t days_in(int32_t year, int32_t month);
static bool read_digits(const char *text, int32_t digits, int32_t *value);

const char *timestamp_format(int64_t unix_ns, char *text) {
    const struct civil c = civil_of(unix_ns);
    int length = snprintf(text, TIMESTAMP_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%09d", c.year,
                          c.month, c.day, c.hour, c.minute, c.second, c.nanosecond);
    assert(length == 29);
    while (length > 23 && text[length - 1] == '0') {
        length--;
    }
    text[length] = 'Z';
    text[length + 1] = '\0';
    return text;
}

const char *timestamp_format_offset(int64_t unix_ns, int32_t offset_s, char *text) {
    const int32_t minutes = offset_s / 60; /* before about 1900, offsets also had seconds */
    const int64_t shift_ns = (int64_t)minutes * 60 * SECOND_NS;
    const bool fits =
        shift_ns < 0 ? unix_ns >= INT64_MIN - shift_ns : unix_ns <= INT64_MAX - shift_ns;
    if (!fits) return timestamp_format(unix_ns, text);
    timestamp_format(unix_ns + shift_ns, text);
    const uint32_t distance = (uint32_t)(minutes < 0 ? -minutes : minutes);
    snprintf(text + strlen(text) - 1, 8, "%c%02u:%02u", minutes < 0 ? '-' : '+',
             distance / 60 % 100, distance % 60);
    return text;
}

const char *timestamp_format_compact(int64_t unix_ns, char *text) {
    const struct civil c = civil_of(unix_ns);
    const int length = snprintf(text, TIMESTAMP_TEXT_MAX, "%04d%02d%02dT%02d%02d%02dZ", c.year,
                                c.month, c.day, c.hour, c.minute, c.second);
    assert(length == TIMESTAMP_COMPACT_LENGTH);
    return text;
}

int timestamp_parse_compact(const char *text, int64_t *unix_ns) {
    struct civil c = {0};
    if (!read_digits(text, 4, &c.year) || !read_digits(text + 4, 2, &c.month) ||
        !read_digits(text + 6, 2, &c.day) || text[8] != 'T' || !read_digits(text + 9, 2, &c.hour) ||
        !read_digits(text + 11, 2, &c.minute) || !read_digits(text + 13, 2, &c.second) ||
        text[15] != 'Z') {
        return ERR_INVALID;
    }
    if (c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > days_in(c.year, c.month) || c.hour > 23 || c.minute > 59 || c.second > 59) {
        return ERR_INVALID;
    }
    const int64_t seconds =
        days_of(c.year, c.month, c.day) * DAY_S + c.hour * 3600 + c.minute * 60 + c.second;
    if (seconds > INT64_MAX / SECOND_NS) return ERR_INVALID; /* 64 bits end on 2262-04-11 */
    *unix_ns = seconds * SECOND_NS;
    return 0;
}

int timestamp_of_day(int32_t year, int32_t month, int32_t day, int64_t *second) {
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return ERR_INVALID;
    *second = days_of(year, month, day) * DAY_S;
    return 0;
}

/* Days are counted from 0000-03-01, so that the leap day is the last of a year and the lengths of
 * the months before it follow a fixed pattern.  An era is the 400 years after which the calendar
 * repeats: 146,097 days.  1970-01-01 is day 719,468. */
static struct civil civil_of(int64_t unix_ns) {
    int64_t seconds = unix_ns / SECOND_NS;
    int64_t nanosecond = unix_ns % SECOND_NS;
    if (nanosecond < 0) {
        nanosecond += SECOND_NS;
        seconds--;
    }
    int64_t days = seconds / DAY_S;
    int64_t second_of_day = seconds % DAY_S;
    if (second_of_day < 0) {
        second_of_day += DAY_S;
        days--;
    }
    days += 719468; /* positive from here on: 64 bits of nanoseconds begin in 1677 */
    const int64_t era = days / 146097;
    const int64_t day_of_era = days % 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    struct civil c;
    c.day = (int32_t)(day_of_year - (153 * march_month + 2) / 5 + 1);
    c.month = (int32_t)(march_month < 10 ? march_month + 3 : march_month - 9);
    c.year = (int32_t)(era * 400 + year_of_era + (c.month <= 2));
    c.hour = (int32_t)(second_of_day / 3600);
    c.minute = (int32_t)(second_of_day / 60 % 60);
    c.second = (int32_t)(second_of_day % 60);
    c.nanosecond = (int32_t)nanosecond;
    return c;
}

/* The inverse: days since 1970-01-01. */
static int64_t days_of(int32_t year, int32_t month, int32_t day) {
    const int32_t march_year = year - (month <= 2);
    const int32_t march_month = month > 2 ? month - 3 : month + 9;
    const int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    const int64_t leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    return march_year * (int64_t)365 + leap_days + day_of_year - 719468;
}

static int32_t days_in(int32_t year, int32_t month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Stops at the first byte that is not a digit, so it never reads past a terminating zero. */
static bool read_digits(const char *text, int32_t digits, int32_t *value) {
    int32_t sum = 0;
    for (int32_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        sum = sum * 10 + (text[i] - '0');
    }
    *value = sum;
    return true;
}
