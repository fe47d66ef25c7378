/* zone_rule.h - the rule after a time zone's last change, as POSIX writes it in TZ and RFC 8536
 * in a file's last line: "CET-1CEST,M3.5.0,M10.5.0/3".  Pure; struct zone alone uses it. */
#ifndef WRITER_CLOCK_ZONE_RULE_H
#define WRITER_CLOCK_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The day of a year and the time of day at which the clock is changed. */
struct zone_rule_day {
    enum { ZONE_DAY_JULIAN, ZONE_DAY_COUNTED, ZONE_DAY_OF_WEEK } kind;
    int32_t day;         /* JULIAN 1 to 365, never 29 February; COUNTED 0 to 365; else 0: Sunday */
    int32_t month, week; /* OF_WEEK: 1 to 12; 1 to 5, which is the last */
    int32_t time_s;      /* from that day's midnight, in the time before the change; may be < 0 */
};

struct zone_rule {
    int32_t standard_s, daylight_s; /* before UTC */
    bool changes;                   /* else it is standard_s for ever */
    struct zone_rule_day start, end;
};

/* ERR_INVALID: it is no such rule, all of it. */
int zone_rule_parse(const char *text, size_t size, struct zone_rule *rule);
/* As zone_offset_s. */
int32_t zone_rule_offset_s(const struct zone_rule *rule, int64_t unix_s, int64_t *until_s);

#endif
