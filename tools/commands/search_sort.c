/* search_sort.c - see search_sort.h. */
#include "tools/commands/search_sort.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "tools/query/allocate.h"

static void print(struct search_sort *sort, uint32_t tag, const uint8_t *text, uint32_t size) {
    const struct origin *const origin = &sort->origins[tag / 2];
    render_stream(sort->render, origin->stream);
    render_facts(sort->render, origin->facts);
    render_lines(sort->render, text, size);
}

static bool print_record(void *context, const struct sorted_record *record) {
    struct search_sort *const sort = context;
    print(sort, record->tag, record->text, record->size);
    return !output_failed(sort->render->out);
}

/* ---- context ---- */

/* Keeps a record that may come before a match. */
static void keep(struct search_sort *sort, const struct sorted_record *record) {
    const uint64_t before = sort->settings->before;
    if (sort->kept_count == before) sort->gap = true;
    if (before == 0) return;
    struct sort_kept *const kept = &sort->kept[sort->kept_next++ % before];
    if (sort->kept_count < before) sort->kept_count++;
    if (kept->room < record->size) {
        kept->room = record->size;
        kept->text = reallocate(kept->text, kept->room);
    }
    memcpy(kept->text, record->text, record->size);
    kept->size = record->size;
    kept->tag = record->tag;
}

static void print_kept(struct search_sort *sort) {
    if (sort->group && sort->gap) render_separator(sort->render);
    for (; sort->kept_count > 0; sort->kept_count--) {
        const struct sort_kept *const kept =
            &sort->kept[(sort->kept_next - sort->kept_count) % sort->settings->before];
        print(sort, kept->tag, kept->text, kept->size);
    }
    sort->gap = false;
    sort->group = true;
}

static bool print_with_context(void *context, const struct sorted_record *record) {
    struct search_sort *const sort = context;
    const bool more = sort->found < sort->settings->max;
    sort->render->kind = RENDER_CONTEXT;
    if (more && record->tag % 2 == 1) {
        print_kept(sort);
        sort->render->kind = RENDER_MATCH;
        print(sort, record->tag, record->text, record->size);
        sort->after_left = sort->settings->after;
        sort->found++;
    } else if (sort->after_left > 0) {
        print(sort, record->tag, record->text, record->size);
        sort->after_left--;
    } else {
        keep(sort, record);
    }
    const bool enough = sort->found == sort->settings->max && sort->after_left == 0;
    return !enough && !output_failed(sort->render->out);
}

/* ---- selections ---- */

void search_sort_open(struct search_sort *sort, struct render *render,
                      const struct search_sort_settings *settings) {
    *sort = (struct search_sort){.render = render, .settings = settings};
    const size_t kept = settings->context ? settings->before * sizeof *sort->kept : 0;
    sort->kept = allocate(kept);
    memset(sort->kept, 0, kept);
    /* With context, the number of records that are printed is not known before. */
    sorter_open(&sort->sorter, settings->newest_first,
                settings->context && settings->max > 0 ? UINT64_MAX : settings->max,
                settings->context ? print_with_context : print_record, sort);
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
    if (!sort->settings->context) sort->found += selection->count;
    for (uint64_t i = 0; i < selection->count; i++) {
        const struct select_line *const line = &selection->lines[i];
        const struct sorted_record record = {.time_ns = line->time_ns,
                                             .place = selection->place,
                                             .line = (uint32_t)i,
                                             .tag = 2 * origin + !line->other,
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
    for (uint64_t i = 0; sort->settings->context && i < sort->settings->before; i++)
        free(sort->kept[i].text);
    free(sort->kept);
    free(sort->origins);
    *sort = (struct search_sort){0};
}
