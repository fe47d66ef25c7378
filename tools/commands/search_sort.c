/* search_sort.c - see search_sort.h. */
#include "tools/commands/search_sort.h"

#include <stdlib.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"

static bool print_record(void *context, const struct sorted_record *record) {
    struct search_sort *const sort = context;
    const struct origin *const origin = &sort->origins[record->tag];
    render_stream(sort->render, origin->stream);
    render_facts(sort->render, origin->facts);
    render_lines(sort->render, record->text, record->size);
    return !output_failed(sort->render->out);
}

void search_sort_open(struct search_sort *sort, struct render *render, bool newest_first,
                      uint64_t max) {
    *sort = (struct search_sort){.render = render};
    sorter_open(&sort->sorter, newest_first, max, print_record, sort);
}

/* The number of the stream and rules of a selection's records. */
static uint32_t number_of_origin(struct search_sort *sort, const struct selection *selection) {
    const struct origin origin = {render_stream(sort->render, selection->segment->name.stream),
                                  selection->facts};
    uint32_t i = 0;
    while (i < sort->origin_count &&
           (sort->origins[i].stream != origin.stream || sort->origins[i].facts != origin.facts))
        i++;
    if (i < sort->origin_count) return i;
    sort->origins = reallocate(sort->origins, (sort->origin_count + 1) * sizeof *sort->origins);
    sort->origins[sort->origin_count++] = origin;
    return i;
}

bool search_sort_add(struct search_sort *sort, const struct selection *selection) {
    const uint32_t origin = number_of_origin(sort, selection);
    for (uint64_t i = 0; i < selection->count; i++) {
        const struct select_line *const line = &selection->lines[i];
        const struct sorted_record record = {.time_ns = line->time_ns,
                                             .place = selection->place,
                                             .line = (uint32_t)i,
                                             .tag = origin,
                                             .size = (uint32_t)(line->end - line->begin),
                                             .text = selection->text + line->begin};
        sorter_add(&sort->sorter, &record, selection->first_ns);
    }
    return !sorter_has_enough(&sort->sorter, selection->next_ns);
}

bool search_sort_finish(struct search_sort *sort) {
    const int status = sorter_finish(&sort->sorter);
    if (status == 0) return true;
    say("search: %s: %s while sorting; the output is not complete; set TMPDIR to a folder with "
        "more space, or narrow the search",
        sort->sorter.runs.where, error_text(status));
    return false;
}

void search_sort_close(struct search_sort *sort) {
    sorter_close(&sort->sorter);
    free(sort->origins);
    *sort = (struct search_sort){0};
}
