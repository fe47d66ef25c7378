/* time.c - see time.h. */
#include "tools/query/time.h"

#include <ctype.h>
#include <string.h>

#include "port/error.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

/* ---- words and numbers ---- */

/* All of these move *p only if they return true. */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A whole word in any case. */
static bool take_word(const char **p, const char *word) {
    const char *text = *p;
    for (; *word != '\0'; word++, text++)
        if (tolower((unsigned char)*text) != *word) return false;
    if (is_letter(*text)) return false;
    *p = text;
    return true;
}

/* Between least and most digits, and no further digit. */
static bool take_number(const char **p, int least, int most, int32_t *number) {
    const char *text = *p;
    int digits = 0;
    *number = 0;
    for (; is_digit(*text) && digits <= most; text++, digits++)
        *number = *number * 10 + (*text - '0');
    if (digits < least || digits > most) return false;
    *p = text;
    return true;
}

static bool take_space(const char **p) {
    if (**p != ' ') return false;
    while (**p == ' ')
        ++*p;
    return true;
}

/* ---- ages: "10m", "1h30m", "10 minutes ago" ---- */

static bool take_unit(const char **p, int64_t *unit_ns) {
    static const struct {
        const char *names; /* separated by spaces */
        int64_t ns;
    } units[] = {
        {"ms msec millisecond milliseconds", SECOND_NS / 1000},
        {"s sec secs second seconds", SECOND_NS},
        {"m min mins minute minutes", 60 * SECOND_NS},
        {"h hr hrs hour hours", 3600 * SECOND_NS},
        {"d day days", DAY_NS},
        {"w week weeks", 7 * DAY_NS},
    };
    size_t size = 0;
    while (is_letter((*p)[size]))
        size++;
    for (size_t i = 0; size > 0 && i < sizeof units / sizeof *units; i++)
        for (const char *name = units[i].names; *name != '\0';) {
            const size_t length = strcspn(name, " ");
            /* Units are in lower case: M is often used for months. */
            if (length == size && memcmp(name, *p, size) == 0) {
                *unit_ns = units[i].ns;
                *p += size;
                return true;
            }
            name += length + (name[length] == ' ');
        }
    return false;
}

/* "90", "1.5" */
static bool take_amount(const char **p, double *amount) {
    const char *text = *p;
    double part = 1;
    for (*amount = 0; is_digit(*text); text++)
        *amount = *amount * 10 + (*text - '0');
    if (text == *p) return false;
    if (*text == '.')
        for (text++; is_digit(*text); text++)
            *amount += (part /= 10) * (*text - '0');
    *p = text;
    return true;
}

/* How long ago.  False: not in this form. */
static bool parse_age(const char *text, int64_t *age_ns) {
    double sum = 0;
    if (*text == '-') text++;
    do {
        double amount;
        int64_t unit_ns;
        if (!take_amount(&text, &amount)) return false;
        take_space(&text);
        if (!take_unit(&text, &unit_ns)) return false;
        sum += amount * (double)unit_ns;
        if (take_space(&text) && !is_digit(*text) && !(take_word(&text, "ago") && *text == '\0'))
            return false;
    } while (*text != '\0');
    if (sum > 9e18) return false;
    *age_ns = (int64_t)sum;
    return true;
}

/* ---- days ---- */

struct day {
    enum { DAY_TODAY, DAY_YESTERDAY, DAY_OF_WEEK, DAY_OF_YEAR, DAY_DATE } kind;
    int32_t weekday; /* DAY_OF_WEEK: 0 is Monday */
    int32_t year;    /* DAY_DATE */
    int32_t month, day;
};

/* "monday" or "mon": the index in a list of names whose first three letters are unique. */
static bool take_name(const char **p, const char *const *names, int32_t count, int32_t *index) {
    for (int32_t i = 0; i < count; i++) {
        const char short_name[] = {names[i][0], names[i][1], names[i][2], '\0'};
        if (take_word(p, names[i]) || take_word(p, short_name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool take_weekday(const char **p, int32_t *weekday) {
    static const char *const names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday"};
    return take_name(p, names, 7, weekday);
}

static bool take_month(const char **p, int32_t *month) {
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    if (take_word(p, "sept")) {
        *month = 9;
        return true;
    }
    if (!take_name(p, names, 12, month)) return false;
    ++*month;
    return true;
}

/* "Nov 29", "29 Nov", each with the year or without. */
static bool take_written_date(const char **p, struct day *day) {
    const char *text = *p;
    const bool month_first = take_month(&text, &day->month);
    if (month_first && !take_space(&text)) return false;
    if (!take_number(&text, 1, 2, &day->day)) return false;
    if (!month_first && !(take_space(&text) && take_month(&text, &day->month))) return false;
    day->kind = DAY_OF_YEAR;
    *p = text;
    if (*text == ',') text++;
    if (take_space(&text) && take_number(&text, 4, 4, &day->year) && *text != ':') {
        day->kind = DAY_DATE;
        *p = text;
    }
    return true;
}

/* "20261129", alone or before a time of day of 6 digits */
static bool take_compact_date(const char **p, struct day *day) {
    const size_t size = strspn(*p, "0123456789");
    if (size != 8 && size != 14) return false;
    int32_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number * 10 + ((*p)[i] - '0');
    *day = (struct day){
        .kind = DAY_DATE, .year = number / 10000, .month = number / 100 % 100, .day = number % 100};
    *p += 8;
    return true;
}

/* "2026-11-29", "2026/11/29" */
static bool take_date(const char **p, struct day *day) {
    const char *text = *p;
    if (!take_number(&text, 4, 4, &day->year) || (*text != '-' && *text != '/')) return false;
    const char separator = *text++;
    if (!take_number(&text, 2, 2, &day->month) || *text++ != separator) return false;
    if (!take_number(&text, 2, 2, &day->day)) return false;
    day->kind = DAY_DATE;
    *p = text;
    return true;
}

static bool take_day(const char **p, struct day *day) {
    if (take_word(p, "today"))
        day->kind = DAY_TODAY;
    else if (take_word(p, "yesterday"))
        day->kind = DAY_YESTERDAY;
    else if (take_weekday(p, &day->weekday))
        day->kind = DAY_OF_WEEK;
    else
        return take_compact_date(p, day) || take_date(p, day) || take_written_date(p, day);
    return true;
}

/* ---- time of day and zone ---- */

/* "15:00", "7:30:10.25" */
static bool take_clock(const char **p, int64_t *clock_ns) {
    static const char day[] = "1970-01-01T";
    char moment[sizeof day + 24];
    const char *text = *p;
    int32_t hour;
    if (!take_number(&text, 1, 2, &hour) || *text != ':') return false;
    while (is_digit(*text) || (*text != '\0' && strchr(":.,", *text) != NULL))
        text++;
    const size_t size = (size_t)(text - *p), zeros = (*p)[1] == ':';
    if (zeros + size > 24) return false;
    memcpy(moment, day, sizeof day - 1);
    moment[sizeof day - 1] = '0';
    memcpy(moment + sizeof day - 1 + zeros, *p, size);
    if (time_parse(moment, sizeof day - 1 + zeros + size, clock_ns) < 0) return false;
    *p = text;
    return true;
}

/* "150000", "1500" */
static bool take_compact_clock(const char **p, int64_t *clock_ns) {
    const size_t size = strspn(*p, "0123456789");
    char clock[] = "00:00:00";
    if (size != 4 && size != 6) return false;
    for (size_t i = 0; i < size; i++)
        clock[i + i / 2] = (*p)[i];
    const char *text = clock;
    if (!take_clock(&text, clock_ns)) return false;
    *p += size;
    return true;
}

/* The zone in which a time is meant. */
struct time_zone {
    const struct zone *zone; /* NULL: fixed */
    int64_t fixed_ns;        /* ahead of UTC */
};

/* "Z", "UTC", "GMT", "+02:00", "-0500", "+02" */
static bool take_zone(const char **p, struct time_zone *zone) {
    static const char midnight[] = "1970-01-01T00:00";
    char moment[sizeof midnight + 6];
    if (take_word(p, "z") || take_word(p, "utc") || take_word(p, "gmt")) {
        *zone = (struct time_zone){NULL, 0};
        return true;
    }
    const size_t size = strlen(*p);
    int64_t ns;
    if ((**p != '+' && **p != '-') || size > 6) return false;
    memcpy(moment, midnight, sizeof midnight - 1);
    memcpy(moment + sizeof midnight - 1, *p, size);
    if (time_parse(moment, sizeof midnight - 1 + size, &ns) < 0) return false;
    *zone = (struct time_zone){NULL, -ns};
    *p += size;
    return true;
}

/* ---- local time ---- */

/* When clocks show local_ns, which is given as if it were UTC. */
static int64_t moment_of_local(const struct time_zone *zone, int64_t local_ns) {
    if (zone->zone == NULL) return local_ns - zone->fixed_ns;
    const int64_t local_s = divide_down(local_ns, SECOND_NS);
    return zone_moment_s(zone->zone, local_s) * SECOND_NS + (local_ns - local_s * SECOND_NS);
}

/* The start of the local day that contains now_ns, as local clocks show it. */
static int64_t local_midnight(const struct time_zone *zone, int64_t now_ns) {
    int64_t until_s;
    const int64_t ahead_ns =
        zone->zone == NULL
            ? zone->fixed_ns
            : zone_offset_s(zone->zone, divide_down(now_ns, SECOND_NS), &until_s) * SECOND_NS;
    return divide_down(now_ns + ahead_ns, DAY_NS) * DAY_NS;
}

/* A day of this year, or of the last year in which it is not in the future. */
static int latest_day_of_year(const struct day *day, int64_t today_ns, int64_t *local_ns) {
    char text[TIMESTAMP_TEXT_MAX];
    int32_t year;
    const char *p = timestamp_format(today_ns, text);
    if (!take_number(&p, 4, 4, &year)) return ERR_INVALID;
    for (int32_t back = 0; back <= 8; back++) { /* 29 February: at most eight years */
        int64_t second;
        if (timestamp_of_day(year - back, day->month, day->day, &second) < 0) continue;
        *local_ns = second * SECOND_NS;
        if (*local_ns <= today_ns) return 0;
    }
    return ERR_INVALID;
}

/* The start of the day, as local clocks show it. */
static int day_begin(const struct day *day, const struct time_zone *zone, int64_t now_ns,
                     int64_t *local_ns) {
    const int64_t today_ns = local_midnight(zone, now_ns);
    int64_t number = today_ns / DAY_NS, second;
    switch (day->kind) {
    case DAY_TODAY: break;
    case DAY_YESTERDAY: number--; break;
    case DAY_OF_WEEK: /* 1970-01-01 was a Thursday, 3 days after a Monday */
        number -= (((number + 3) % 7 + 7) % 7 - day->weekday + 7) % 7;
        break;
    case DAY_OF_YEAR: return latest_day_of_year(day, today_ns, local_ns);
    case DAY_DATE:
        if (timestamp_of_day(day->year, day->month, day->day, &second) < 0) return ERR_INVALID;
        if (second > INT64_MAX / SECOND_NS - 86400 || second < INT64_MIN / SECOND_NS + 86400)
            return ERR_INVALID;
        *local_ns = second * SECOND_NS;
        return 0;
    }
    *local_ns = number * DAY_NS;
    return 0;
}

/* What the text names; all zero: today at midnight. */
struct moment {
    struct day day;
    int64_t clock_ns;
};

/* DAY, DAY CLOCK or CLOCK */
static bool take_moment(const char **p, struct moment *moment) {
    struct day day;
    if (!take_day(p, &day)) return take_clock(p, &moment->clock_ns);
    moment->day = day;
    if (day.kind == DAY_DATE && **p != '\0' && strchr("Tt_", **p) != NULL) {
        ++*p;
        return take_clock(p, &moment->clock_ns) || take_compact_clock(p, &moment->clock_ns);
    }
    if (is_digit(**p)) return take_compact_clock(p, &moment->clock_ns);
    const char *rest = *p;
    if (take_space(&rest) && take_clock(&rest, &moment->clock_ns)) *p = rest;
    return true;
}

static int parse_moment(const char *text, int64_t now_ns, const struct zone *zone,
                        int64_t *unix_ns) {
    struct moment moment = {0};
    struct time_zone meant = {.zone = zone};
    int64_t local_ns;
    if (!take_moment(&text, &moment)) return ERR_INVALID;
    if (*text != '\0') {
        take_space(&text);
        if (!take_zone(&text, &meant) || *text != '\0') return ERR_INVALID;
    }
    if (day_begin(&moment.day, &meant, now_ns, &local_ns) < 0) return ERR_INVALID;
    *unix_ns = moment_of_local(&meant, local_ns + moment.clock_ns);
    return 0;
}

/* Numbers that begin with a date of 8 digits, alone or with a time of day of 6, are not meant as
 * seconds of 1970 or milliseconds of the year 2600. */
static bool is_unix_time(const char *text) {
    const bool negative = *text == '-';
    const size_t digits = strspn(text + negative, "0123456789");
    const char *rest = text + negative + digits;
    if (*rest == '.') return digits > 0 && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
    return digits > 0 && *rest == '\0' && (negative || (digits != 8 && digits != 14));
}

int query_time(const char *text, int64_t now_ns, const struct zone *zone, int64_t *unix_ns) {
    int64_t age_ns;
    const char *p = text;
    if (take_word(&p, "now") && *p == '\0') {
        *unix_ns = now_ns;
    } else if (parse_age(text, &age_ns)) {
        *unix_ns = now_ns - age_ns;
    } else if (is_unix_time(text)) {
        return time_parse(text, strlen(text), unix_ns);
    } else {
        return parse_moment(text, now_ns, zone, unix_ns);
    }
    return 0;
}

int query_age(const char *text, int64_t *age_ns) {
    return parse_age(text, age_ns) ? 0 : ERR_INVALID;
}

const char *query_time_text(const struct zone *zone, int64_t time_ns, char *text) {
    const int64_t second_s = divide_down(time_ns, SECOND_NS);
    int64_t until_s;
    if (zone != NULL)
        timestamp_format_offset(second_s * SECOND_NS, zone_offset_s(zone, second_s, &until_s),
                                text);
    else
        timestamp_format(second_s * SECOND_NS, text);
    static const char whole[] = "2026-11-24T07:30:00", fraction[] = ".000";
    char *const rest = text + sizeof whole - 1;
    memmove(rest, rest + sizeof fraction - 1, strlen(rest + sizeof fraction - 1) + 1);
    return text;
}
