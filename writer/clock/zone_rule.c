/* zone_rule.c - reads a POSIX rule, and says what it comes to.  See zone_rule.h. */
#include "writer/clock/zone_rule.h"

#include <string.h>

#include "port/error.h"

#define DAY_S 86400

/* ---- reading ---- */

struct text {
    const char *at, *end;
    bool bad;
};

static bool take(struct text *text, char c) {
    if (text->at == text->end || *text->at != c) return false;
    text->at++;
    return true;
}

/* Digits that make at most `max`. */
static int32_t number(struct text *text, int32_t max) {
    int32_t value = 0;
    const char *const begin = text->at;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && value <= max)
        value = value * 10 + (*text->at++ - '0');
    if (text->at == begin || value > max) text->bad = true;
    return value;
}

/* Three letters or more, or anything of letters, digits and signs in <>. */
static void name(struct text *text) {
    const bool quoted = take(text, '<');
    const char *const begin = text->at;
    for (; text->at < text->end; text->at++) {
        const char c = *text->at;
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool more = (c >= '0' && c <= '9') || c == '+' || c == '-';
        if (!letter && !(quoted && more)) break;
    }
    if (text->at - begin < 3) text->bad = true;
    if (quoted && !take(text, '>')) text->bad = true;
}

/* [+-]hh[:mm[:ss]] */
static int32_t time_of(struct text *text, int32_t hours_max) {
    const bool negative = take(text, '-');
    if (!negative) take(text, '+');
    int32_t seconds = number(text, hours_max) * 3600;
    if (take(text, ':')) {
        seconds += number(text, 59) * 60;
        if (take(text, ':')) seconds += number(text, 59);
    }
    return negative ? -seconds : seconds;
}

static struct zone_rule_day day_of(struct text *text) {
    struct zone_rule_day day = {.kind = ZONE_DAY_COUNTED, .time_s = 2 * 3600};
    if (take(text, 'M')) {
        day.kind = ZONE_DAY_OF_WEEK;
        day.month = number(text, 12);
        if (!take(text, '.')) text->bad = true;
        day.week = number(text, 5);
        if (!take(text, '.')) text->bad = true;
        day.day = number(text, 6);
        if (day.month == 0 || day.week == 0) text->bad = true;
    } else if (take(text, 'J')) {
        day.kind = ZONE_DAY_JULIAN;
        day.day = number(text, 365);
        if (day.day == 0) text->bad = true;
    } else {
        day.day = number(text, 365);
    }
    if (take(text, '/')) day.time_s = time_of(text, 167);
    return day;
}

int zone_rule_parse(const char *text, size_t size, struct zone_rule *rule) {
    struct text rest = {.at = text, .end = text + size};
    *rule = (struct zone_rule){0};
    name(&rest);
    rule->standard_s = -time_of(&rest, 24); /* POSIX counts to the west */
    if (!rest.bad && rest.at < rest.end) {
        rule->changes = true;
        rule->daylight_s = rule->standard_s + 3600;
        name(&rest);
        if (rest.at < rest.end && *rest.at != ',') rule->daylight_s = -time_of(&rest, 24);
        if (!take(&rest, ',')) rest.bad = true; /* when, each system would guess otherwise */
        rule->start = day_of(&rest);
        if (!take(&rest, ',')) rest.bad = true;
        rule->end = day_of(&rest);
    }
    return rest.bad || rest.at < rest.end ? ERR_INVALID : 0;
}

/* ---- what it comes to ---- */

static bool leap(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t divide_down(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* From 1970 on; before it: negative. */
static int64_t days_before_year(int64_t year) {
    const int64_t y = year - 1;
    return 365 * (year - 1970) + divide_down(y, 4) - divide_down(y, 100) + divide_down(y, 400) -
           477;
}

static int64_t year_of_day(int64_t day) {
    int64_t year = 1970 + divide_down(day, 366); /* too early by some, or right */
    if (day < 0) year = 1970 + divide_down(day, 365) - 1;
    year += divide_down(day - days_before_year(year), 366);
    while (days_before_year(year + 1) <= day) /* ends: two turns at most are left */
        year++;
    return year;
}

/* That day's midnight in that year, in seconds of its own clock. */
static int64_t midnight_of(const struct zone_rule_day *rule, int64_t year) {
    static const int32_t days_before[] = {0,   31,  59,  90,  120, 151, 181,
                                          212, 243, 273, 304, 334, 365};
    const int64_t begin = days_before_year(year);
    if (rule->kind == ZONE_DAY_COUNTED) return (begin + rule->day) * DAY_S;
    if (rule->kind == ZONE_DAY_JULIAN)
        return (begin + rule->day - 1 + (leap(year) && rule->day >= 60)) * DAY_S;
    const int32_t month = rule->month - 1;
    const int64_t first = begin + days_before[month] + (leap(year) && month >= 2);
    const int64_t length = days_before[month + 1] - days_before[month] + (leap(year) && month == 1);
    const int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970 began with a Thursday */
    int64_t day = (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
    while (day >= length) /* the fifth, where there are four: the last */
        day -= 7;
    return (first + day) * DAY_S;
}

struct change {
    int64_t at_s;
    bool daylight; /* from then on */
};

/* Where two changes meet, daylight saving wins: a rule expresses "all the year" like this. */
static void put(struct change *changes, int32_t count, struct change change) {
    int32_t i = count;
    for (; i > 0; i--) {
        const struct change *before = &changes[i - 1];
        if (before->at_s < change.at_s) break;
        if (before->at_s == change.at_s && change.daylight) break;
        changes[i] = *before;
    }
    changes[i] = change;
}

/* The time may be up to a week before or after its day, so a change may be in another year. */
#define YEARS   5
#define CHANGES (2 * YEARS)

int32_t zone_rule_offset_s(const struct zone_rule *rule, int64_t unix_s, int64_t *until_s) {
    struct change changes[CHANGES];
    int32_t count = 0;
    *until_s = INT64_MAX;
    if (!rule->changes) return rule->standard_s;
    const int64_t year = year_of_day(divide_down(unix_s, DAY_S));
    for (int64_t y = year - YEARS / 2; y <= year + YEARS / 2; y++) {
        const int64_t start = midnight_of(&rule->start, y) + rule->start.time_s - rule->standard_s;
        const int64_t end = midnight_of(&rule->end, y) + rule->end.time_s - rule->daylight_s;
        put(changes, count++, (struct change){start, true});
        put(changes, count++, (struct change){end, false});
    }
    bool daylight = false;
    for (int32_t i = 0; i < count && *until_s == INT64_MAX; i++) {
        if (changes[i].at_s <= unix_s)
            daylight = changes[i].daylight;
        else
            *until_s = changes[i].at_s;
    }
    return daylight ? rule->daylight_s : rule->standard_s;
}
