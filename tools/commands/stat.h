/* stat.h - results of the command stat, and their output as tables (for people) or JSON (for
 * programs). */
#ifndef TOOLS_COMMANDS_STAT_H
#define TOOLS_COMMANDS_STAT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/render/histogram.h"
#include "tools/render/output.h"
#include "tools/render/top.h"
#include "writer/clock/zone.h"
#include "writer/segment/counts.h"

struct stat_file {
    const char *path; /* NULL: the total */
    uint64_t raw_bytes, file_bytes, frames;
    struct counts counts;
};

struct stat_found {
    struct stat_file *files;
    uint32_t count;
    struct stat_file all;
    const struct histogram *histogram; /* NULL: not wanted */
    const char *by;                    /* NULL: not wanted */
    const struct top *top;             /* sorted */
    uint32_t top_count;                /* how many of them to print */
    uint64_t without;                  /* lines without the field `by` */
    const struct zone *zone;           /* in which tables show times; NULL: UTC */
};

/* "none", "trace", … "fatal". */
const char *stat_level_name(uint32_t level);

/* columns: width available for bars. */
void stat_print_tables(struct output *out, const struct stat_found *found, uint32_t columns);
void stat_print_json(struct output *out, const struct stat_found *found);

#endif
