/* search_sort.h - prints what a search finds in the order of time, perhaps with the records before
 * and after it in time: what search --sort does.  Memory is bounded (tools/query/sorter.h). */
#ifndef TOOLS_COMMANDS_SEARCH_SORT_H
#define TOOLS_COMMANDS_SEARCH_SORT_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/query/selection.h"
#include "tools/query/sorter.h"
#include "tools/render/render.h"

/* Where a record comes from: its stream, and how its times and levels are read. */
struct origin {
    const char *stream;
    const struct facts_rules *facts;
};

/* A record before the next match. */
struct sort_kept {
    uint8_t *text;
    uint32_t size, room;
    uint32_t tag;
};

struct search_sort_settings {
    bool newest_first;
    uint64_t max; /* limit of the matching records that are printed */
    bool context; /* take all records, and print those around each match: */
    uint64_t before, after;
};

struct search_sort {
    const struct search_sort_settings *settings;
    struct render *render;
    uint64_t found; /* matching records that were taken; with context, those that were printed */
    uint64_t after_left;
    struct sort_kept *kept; /* a ring of settings->before */
    uint64_t kept_count, kept_next;
    bool gap;   /* records before the kept ones were not printed */
    bool group; /* a match was printed */
    struct sorter sorter;
    struct origin *origins; /* of the records: tag / 2 is its number, tag % 2 that it matches */
    uint32_t origin_count;
};

/* The settings must outlive it. */
void search_sort_open(struct search_sort *sort, struct render *render,
                      const struct search_sort_settings *settings);
/* Takes a selection of a search by time (select_settings.by_time; context as the settings say).
 * False: it is enough. */
bool search_sort_add(struct search_sort *sort, const struct selection *selection);
/* Prints what is left.  False: not everything could be sorted; a message was printed. */
bool search_sort_finish(struct search_sort *sort);
void search_sort_close(struct search_sort *sort);

#endif
