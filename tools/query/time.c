/* time.c - parses the times of --since and --until. */
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/record/facts.h"
#include "tools/query/query.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

/* "10m", "1.5h": how long ago.  False: not in this form. */
static bool parse_ago(const char *text, int64_t *ago_ns) {
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ms", SECOND_NS / 1000}, {"s", SECOND_NS},        {"m", 60 * SECOND_NS},
                 {"min", 60 * SECOND_NS},  {"h", 3600 * SECOND_NS}, {"d", DAY_NS},
                 {"w", 7 * DAY_NS}};
    double number = 0, part = 1;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        number = number * 10 + (*p - '0');
    if (p == text) return false;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++)
            number += (part /= 10) * (*p - '0');
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(p, units[i].name) != 0) continue;
        const double ns = number * (double)units[i].ns;
        if (ns > 9e18) return false;
        *ago_ns = (int64_t)ns;
        return true;
    }
    return false;
}

static int64_t zone_offset_ns(int64_t unix_ns) {
    return system_zone_offset_s(unix_ns / SECOND_NS) * SECOND_NS;
}

/* The moment between these two at which clocks went forward. */
static int64_t change_between(int64_t before_ns, int64_t after_ns) {
    const int64_t offset_ns = zone_offset_ns(after_ns);
    int64_t before_s = before_ns / SECOND_NS, after_s = after_ns / SECOND_NS;
    while (after_s - before_s > 1) { /* ends: the interval is halved */
        const int64_t middle_s = before_s + (after_s - before_s) / 2;
        if (zone_offset_ns(middle_s * SECOND_NS) == offset_ns)
            after_s = middle_s;
        else
            before_s = middle_s;
    }
    return after_s * SECOND_NS;
}

/* When local clocks show local_ns, which is given as if it were UTC.  If that occurs twice, the
 * first time; if it is skipped, the moment of the change. */
static int64_t moment_of_local(int64_t local_ns) {
    if (local_ns < INT64_MIN + 2 * DAY_NS || local_ns > INT64_MAX - 2 * DAY_NS) return local_ns;
    const int64_t before_ns = zone_offset_ns(local_ns - DAY_NS);
    const int64_t after_ns = zone_offset_ns(local_ns + DAY_NS);
    const int64_t first_ns = local_ns - before_ns, second_ns = local_ns - after_ns;
    if (zone_offset_ns(first_ns) == before_ns) return first_ns;
    if (zone_offset_ns(second_ns) == after_ns) return second_ns;
    return second_ns < first_ns ? change_between(second_ns, first_ns) : first_ns;
}

/* The start of the local day that contains now_ns, as local clocks show it. */
static int64_t local_midnight(int64_t now_ns) {
    const int64_t local_ns = now_ns + zone_offset_ns(now_ns);
    return local_ns - (local_ns % DAY_NS + DAY_NS) % DAY_NS;
}

static int64_t day_begin(int64_t now_ns) {
    return moment_of_local(local_midnight(now_ns));
}

/* "2026-11-24": the start of that day. */
static int parse_day(const char *text, int64_t *local_ns) {
    static const char begin[] = "T00:00:00Z";
    char moment[10 + sizeof begin];
    if (strlen(text) != 10) return ERR_INVALID;
    memcpy(moment, text, 10);
    memcpy(moment + 10, begin, sizeof begin);
    return time_parse(moment, strlen(moment), local_ns);
}

/* "15:00" or "15:00:30": today, even if in the future. */
static int parse_clock(const char *text, int64_t now_ns, int64_t *local_ns) {
    static const char day[] = "1970-01-01T";
    char moment[sizeof day + 8];
    const size_t size = strlen(text);
    if ((size != 5 && size != 8) || text[2] != ':') return ERR_INVALID;
    memcpy(moment, day, sizeof day - 1);
    memcpy(moment + sizeof day - 1, text, size);
    if (time_parse(moment, sizeof day - 1 + size, local_ns) < 0) return ERR_INVALID;
    *local_ns += local_midnight(now_ns);
    return 0;
}

/* Does a zone follow the date and time?  After the T, these characters occur in nothing else. */
static bool names_zone(const char *text) {
    const size_t size = strlen(text);
    return size > 11 && strpbrk(text + 11, "Zz+-") != NULL;
}

static int parse_moment(const char *text, int64_t now_ns, int64_t *unix_ns) {
    const size_t size = strlen(text);
    const bool dated = size >= 10 && (text[4] == '-' || text[4] == '/');
    const bool clock = size >= 5 && text[2] == ':';
    if ((!dated && !clock) || names_zone(text)) return time_parse(text, size, unix_ns);
    int64_t local_ns;
    if (parse_day(text, &local_ns) < 0 && parse_clock(text, now_ns, &local_ns) < 0 &&
        time_parse(text, size, &local_ns) < 0)
        return ERR_INVALID;
    *unix_ns = moment_of_local(local_ns);
    return 0;
}

int query_time(const char *text, int64_t now_ns, int64_t *unix_ns) {
    int64_t ago_ns;
    if (strcmp(text, "now") == 0) {
        *unix_ns = now_ns;
    } else if (strcmp(text, "today") == 0) {
        *unix_ns = day_begin(now_ns);
    } else if (strcmp(text, "yesterday") == 0) {
        *unix_ns = day_begin(day_begin(now_ns) - DAY_NS / 2);
    } else if (parse_ago(text, &ago_ns)) {
        *unix_ns = now_ns - ago_ns;
    } else {
        return parse_moment(text, now_ns, unix_ns);
    }
    return 0;
}
