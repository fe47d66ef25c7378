/* select_by_time.c - the order of pieces by time (select_settings.by_time): files and their groups
 * wait in a heap until what can come before them has been taken. */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "tools/query/allocate.h"
#include "tools/query/nearby.h"
#include "tools/query/read.h"
#include "tools/query/select_internal.h"
#include "writer/index/index.h"

/* The times of the lines of a group or file; if they are not known, all times. */
struct times {
    int64_t min_ns, max_ns;
};

static int64_t first_of(const struct select *s, const struct times *times) {
    return s->settings->newest_first ? times->max_ns : times->min_ns;
}

static bool is_left_out(const struct select *s, const struct times *times) {
    return s->settings->near && (times->max_ns < s->from_ns || times->min_ns > s->to_ns);
}

static struct times times_of_group(const struct facts_rules *facts,
                                   const struct index_group *group) {
    struct times times = {INT64_MIN, INT64_MAX};
    if (!group->damaged) query_span_times(facts, &group->span, &times.min_ns, &times.max_ns);
    return times;
}

static struct times times_of_index(const struct facts_rules *facts,
                                   const struct segment_index *index, struct nearby *nearby) {
    struct times all = {INT64_MAX, INT64_MIN};
    for (uint32_t i = 0; i < index->count; i++) {
        const struct times times = times_of_group(facts, &index->groups[i]);
        const struct nearby_group group = {times.min_ns, times.max_ns, index->groups[i].span.lines};
        if (times.min_ns != INT64_MIN && times.max_ns != INT64_MAX) nearby_add(nearby, &group);
        if (times.min_ns < all.min_ns) all.min_ns = times.min_ns;
        if (times.max_ns > all.max_ns) all.max_ns = times.max_ns;
    }
    return all;
}

static struct times times_of_file(const struct select *s, const struct segment_file *segment,
                                  struct nearby *nearby) {
    struct times times = {INT64_MIN, INT64_MAX};
    struct file file;
    struct segment_index index;
    const bool none =
        s->settings->all_frames || segment->name.part || segment->name.stream[0] == '\0';
    if (none || file_open(s->request->files, segment->path, FILE_READ, &file) < 0) return times;
    if (index_load(&file, &index) == 0) {
        times = times_of_index(record_rules_of(s->query->rules, segment), &index, nearby);
        index_free(&index);
    }
    file_close(&file);
    return times;
}

struct ranked_file {
    const struct segment_file *file;
    uint32_t number;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked_file *x = a, *y = b;
    const struct segment_name *const p = &x->file->name, *const q = &y->file->name;
    const int order = strcmp(p->stream, q->stream);
    if (order != 0) return order;
    if (p->sequence != q->sequence) return p->sequence < q->sequence ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void rank_files(struct select *s) {
    const uint32_t count = s->list->count;
    struct ranked_file *const ranked = allocate(count * sizeof *ranked);
    s->ranks = allocate(count * sizeof *s->ranks);
    for (uint32_t i = 0; i < count; i++)
        ranked[i] = (struct ranked_file){&s->list->files[i], i};
    if (count > 0) qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (uint32_t i = 0; i < count; i++)
        s->ranks[ranked[i].number] = i;
    free(ranked);
}

/* A file that need not be opened. */
static void skip_file(struct select *s, uint32_t number) {
    s->report->files++;
    s->report->files_skipped++;
    s->report->bytes += s->list->files[number].size;
}

/* A piece that need not be read. */
static void skip_cut(struct select *s, const struct cut *cut) {
    s->report->groups_by_time++;
    s->report->bytes_read -= cut->end - cut->offset;
}

void select_begin_by_time(struct select *s) {
    const struct select_settings *const settings = s->settings;
    (void)system_open_files_max(); /* files whose times overlap are open together */
    rank_files(s);
    s->waiting.newest_first = s->settings->newest_first;
    struct nearby nearby = {0};
    struct times *const times = allocate(s->list->count * sizeof *times);
    for (uint32_t i = 0; i < s->list->count; i++)
        if (query_wants_file(s->query, s->list->files[i].name.stream))
            times[i] = times_of_file(s, &s->list->files[i], &nearby);
    if (settings->near)
        nearby_find(&nearby, settings->near_first_ns, settings->near_last_ns, settings->before,
                    settings->after, &s->from_ns, &s->to_ns);
    for (uint32_t i = 0; i < s->list->count; i++) {
        if (!query_wants_file(s->query, s->list->files[i].name.stream)) continue;
        const struct waiting_item item = {
            .time_ns = first_of(s, &times[i]), .place = (uint64_t)s->ranks[i] << 32, .file = i};
        if (is_left_out(s, &times[i]))
            skip_file(s, i);
        else
            waiting_add(&s->waiting, &item);
    }
    nearby_free(&nearby);
    free(times);
}

/* Adds the pieces of a file, or, if they come in their order only, the file as a whole. */
static void open_waiting(struct select *s, const struct waiting_item *file, struct buffer *packed) {
    const struct segment_file *const segment = &s->list->files[file->file];
    const bool seen = file->time_ns != WAITING_FIRST(s->settings->newest_first);
    struct open_segment *const open = select_open_file(s, segment, seen ? segment : s->shown);
    struct waiting_item item = *file;
    if (open == NULL) return;
    const struct groups *const groups = &open->cutter.groups;
    open->place = file->place;
    item.open = open;
    item.rest = open->cutter.foreign != NULL || !groups->known;
    if (item.rest) {
        waiting_add(&s->waiting, &item);
        return;
    }
    while (cutter_next(&open->cutter, &item.cut, packed)) {
        item.cut.unread = !item.cut.careful;
        const struct times times =
            times_of_group(open->cutter.facts, &groups->index.groups[groups->next]);
        item.time_ns = first_of(s, &times);
        item.place = open->place++;
        if (is_left_out(s, &times)) {
            skip_cut(s, &item.cut);
            continue;
        }
        open->uses++;
        waiting_add(&s->waiting, &item);
    }
    select_release(s, open);
}

/* The next piece, whose file remains in use for it.  NULL: there are no more that are wanted. */
struct open_segment *select_take_waiting(struct select *s, struct search_job *job) {
    const struct waiting_item *first;
    while ((first = waiting_first(&s->waiting)) != NULL) { /* ends: files and their pieces do */
        const struct sorter_limit *const limit = s->settings->limit;
        if (limit != NULL && sorter_is_beyond(limit, first->time_ns)) return NULL;
        const struct waiting_item item = waiting_take(&s->waiting);
        struct open_segment *const open = item.open;
        if (open == NULL) {
            open_waiting(s, &item, &job->piece.packed);
            continue;
        }
        job->first_ns = item.time_ns;
        job->piece.cut = item.cut;
        job->place = item.place;
        if (!item.rest) return open;
        if (cutter_next(&open->cutter, &job->piece.cut, &job->piece.packed)) {
            job->place = open->place++;
            open->uses++;
            waiting_add(&s->waiting, &item);
            return open;
        }
        select_release(s, open);
    }
    return NULL;
}

/* The first time of what follows the oldest piece. */
int64_t select_next_time(const struct select *s) {
    const struct waiting_item *const first = waiting_first(&s->waiting);
    if (s->used > 1) return s->jobs[(s->first + 1) % s->job_count].first_ns;
    return first != NULL ? first->time_ns : WAITING_LAST(s->settings->newest_first);
}

/* What was not needed counts as skipped by time. */
void select_end_by_time(struct select *s) {
    while (waiting_first(&s->waiting) != NULL) {
        const struct waiting_item item = waiting_take(&s->waiting);
        if (item.open != NULL) {
            if (!item.rest) skip_cut(s, &item.cut);
            select_release(s, item.open);
            continue;
        }
        skip_file(s, item.file);
    }
    waiting_free(&s->waiting);
    free(s->ranks);
}
