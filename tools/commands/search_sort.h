/* search_sort.h - prints what a search finds in the order of time: what search --sort does.  Memory
 * is bounded (tools/query/sorter.h). */
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

struct search_sort {
    struct render *render;
    struct sorter sorter;
    struct origin *origins; /* of the records, by their tags */
    uint32_t origin_count;
};

/* max: print at most so many records. */
void search_sort_open(struct search_sort *sort, struct render *render, bool newest_first,
                      uint64_t max);
/* Takes a selection of a search by time (select_settings.by_time).  False: it is enough. */
bool search_sort_add(struct search_sort *sort, const struct selection *selection);
/* Prints what is left.  False: not everything could be sorted; a message was printed. */
bool search_sort_finish(struct search_sort *sort);
void search_sort_close(struct search_sort *sort);

#endif
