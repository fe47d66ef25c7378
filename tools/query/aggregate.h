/* aggregate.h - counts records and computes numbers over their fields, for each group of equal
 * values and each period of time.  For at most AGGREGATE_GROUPS_MAX groups; the records of further
 * groups are summed up in one group of their own. */
#ifndef TOOLS_QUERY_AGGREGATE_H
#define TOOLS_QUERY_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/canonical.h"
#include "tools/query/fields.h"
#include "tools/query/record.h"

#define AGGREGATE_GROUPS_MAX   131072
#define AGGREGATE_FIELDS_MAX   8 /* to group by */
#define AGGREGATE_MEASURES_MAX 32
#define AGGREGATE_VALUE_MAX    256 /* bytes of a value that is grouped by; longer ones are cut */

enum measure_kind {
    MEASURE_SUM,
    MEASURE_AVG,
    MEASURE_MIN,
    MEASURE_MAX,
    MEASURE_PART,
    MEASURE_DISTINCT
};
struct measure {
    enum measure_kind kind;
    double part; /* MEASURE_PART: 0.99 for p99 */
    const char *path;
};

struct aggregate_settings {
    const char *by[AGGREGATE_FIELDS_MAX]; /* dotted paths, or canonical names */
    uint32_t by_count;
    struct measure measures[AGGREGATE_MEASURES_MAX];
    uint32_t measure_count;
    int64_t every_ns;        /* 0: one period */
    const struct zone *zone; /* of the periods (period.h); NULL: UTC */
    bool times_given;        /* the time of each record is that which aggregate_add gets */
};

struct aggregate;

#define AGGREGATE_UNTIMED INT64_MIN

/* The settings must outlive it. */
struct aggregate *aggregate_open(const struct aggregate_settings *settings);
void aggregate_close(struct aggregate *aggregate);

/* One record.  facts: how its time and level are read; time_ns: its time if it has none of its own,
 * or with settings.times_given; AGGREGATE_UNTIMED: not known.  A record that is no object has no
 * fields. */
void aggregate_add(struct aggregate *aggregate, const struct facts_rules *facts, const char *stream,
                   struct record *record, int64_t time_ns);
/* Has it as many groups as it may have? */
bool aggregate_is_full(const struct aggregate *aggregate);
/* As if all records of `part` had been added, in their order; the part has none afterwards.  Both
 * have the same settings, and aggregate_left_out(part) is 0. */
void aggregate_join(struct aggregate *aggregate, struct aggregate *part);
void aggregate_forget(struct aggregate *aggregate); /* all records */

/* ---- results ---- */

struct aggregate_group;

/* Sorts: by period, then by the number of records, then by value.  Returns the number of groups. */
uint32_t aggregate_sort(struct aggregate *aggregate);
const struct aggregate_group *aggregate_group(const struct aggregate *aggregate, uint32_t i);
/* After aggregate_sort: the group of the same values in the period that begins at this time; NULL:
 * there is none. */
const struct aggregate_group *aggregate_find(const struct aggregate *aggregate,
                                             const struct aggregate_group *group, int64_t time_ns);
/* The start of the group's period; AGGREGATE_UNTIMED: its records have no time. */
int64_t aggregate_time_ns(const struct aggregate_group *group);
uint64_t aggregate_count(const struct aggregate_group *group);
/* The decoded text of the value at by[i]; NULL: the records do not have this field. */
const uint8_t *aggregate_value(const struct aggregate *aggregate,
                               const struct aggregate_group *group, uint32_t i, size_t *size);
/* False: no record of the group has a number (MEASURE_DISTINCT: a value) there. */
bool aggregate_number(const struct aggregate *aggregate, const struct aggregate_group *group,
                      uint32_t measure, double *number);
/* Records of groups beyond the limit. */
uint64_t aggregate_left_out(const struct aggregate *aggregate);

#endif
