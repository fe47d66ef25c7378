/* stat.h - what logport stat finds in files, and how it is shown: as tables for
 * people, as one JSON object for programs. */
#ifndef TOOLS_COMMANDS_STAT_H
#define TOOLS_COMMANDS_STAT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/render/histogram.h"
#include "tools/render/output.h"
#include "tools/render/top.h"
#include "writer/segment/counts.h"

struct stat_file {
    const char *path; /* NULL: all */
    uint64_t raw_bytes, file_bytes, frames;
    struct counts counts;
};

struct stat_found {
    struct stat_file *files;
    uint32_t count;
    struct stat_file all;
    const struct histogram *histogram; /* NULL: not asked for */
    const char *by;                    /* NULL: not asked for */
    const struct top *top;             /* sorted */
    uint32_t top_count;                /* how many of them to show */
    uint64_t without;                  /* lines that do not have the field `by` */
};

/* "none", "trace", … "fatal". */
const char *stat_level_name(uint32_t level);

/* columns: how wide the bars may reach. */
void stat_print_tables(struct output *out, const struct stat_found *found, uint32_t columns);
void stat_print_json(struct output *out, const struct stat_found *found);

#endif
