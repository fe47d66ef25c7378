/* query_time.c - the moments that --since and --until take. */
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "schema/facts.h"
#include "tools/query.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

/* "10m", "1.5h": how long ago.  False: it is none. */
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

/* Where the local day begins in which this moment lies. */
static int64_t day_begin(int64_t now_ns) {
    const int64_t local_ns = now_ns + zone_offset_ns(now_ns);
    const int64_t day_ns = local_ns - (local_ns % DAY_NS + DAY_NS) % DAY_NS;
    const int64_t guess_ns = day_ns - zone_offset_ns(now_ns);
    /* The clocks may have been changed since midnight. */
    return day_ns - zone_offset_ns(guess_ns);
}

/* "2026-11-24": where that day begins, in UTC, as with all times that name no zone. */
static int parse_day(const char *text, int64_t *unix_ns) {
    static const char begin[] = "T00:00:00Z";
    char moment[10 + sizeof begin];
    if (strlen(text) != 10) return ERR_INVALID;
    memcpy(moment, text, 10);
    memcpy(moment + 10, begin, sizeof begin);
    return time_parse(moment, strlen(moment), unix_ns);
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
    } else if (time_parse(text, strlen(text), unix_ns) < 0) {
        return parse_day(text, unix_ns);
    }
    return 0;
}
