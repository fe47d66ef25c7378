/* sorter.c - see sorter.h.  Records collect in memory.  When there are enough of them, the first
 * ones are passed on, merged with those of the runs, up to the time of what may still be added.  If
 * most of the memory stays in use, its records become a run. */
#include "tools/query/sorter.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

/* The first output comes early, and small sorts use little memory. */
#define DRAIN_BYTES_MIN (1u << 20)
/* With few wanted records, the others are dropped when there are this many more. */
#define DROP_RECORDS    4096

void sorter_open(struct sorter *sorter, bool newest_first, uint64_t max, sorter_take *take,
                 void *context) {
    *sorter = (struct sorter){.newest_first = newest_first,
                              .left = max,
                              .take = take,
                              .context = context,
                              .ended = max == 0,
                              .limit = {.newest_first = newest_first},
                              .drain_bytes = DRAIN_BYTES_MIN,
                              .runs = {.newest_first = newest_first}};
}

void sorter_close(struct sorter *sorter) {
    free(sorter->text);
    free(sorter->entries);
    runs_close(&sorter->runs);
    sorter->text = NULL;
    sorter->entries = NULL;
    sorter->count = 0;
}

static uint64_t bytes_of(const struct sorter *sorter) {
    return sorter->text_size + sorter->count * sizeof *sorter->entries;
}

/* ---- order ---- */

static int compare_oldest(const void *a, const void *b) {
    const struct sorter_entry *x = a, *y = b;
    return sorted_compare(&x->record, &y->record, false);
}

static int compare_newest(const void *a, const void *b) {
    const struct sorter_entry *x = a, *y = b;
    return sorted_compare(&x->record, &y->record, true);
}

static bool is_sorted(const struct sorter *sorter) {
    for (uint64_t i = 1; i < sorter->count; i++)
        if (sorted_compare(&sorter->entries[i - 1].record, &sorter->entries[i].record,
                           sorter->newest_first) > 0)
            return false;
    return true;
}

static void sort(struct sorter *sorter) {
    if (!is_sorted(sorter))
        qsort(sorter->entries, sorter->count, sizeof *sorter->entries,
              sorter->newest_first ? compare_newest : compare_oldest);
    for (uint64_t i = 0; i < sorter->count; i++)
        sorter->entries[i].record.text = sorter->text + sorter->entries[i].begin;
}

/* Drops what cannot be among the wanted records any more, and learns the limit. */
static void drop(struct sorter *sorter) {
    if (sorter->count < sorter->left) return;
    sorter->count = sorter->left;
    if (sorter->count == 0) return;
    sorter->limit.known = true;
    sorter->limit.ns = sorter->entries[sorter->count - 1].record.time_ns;
}

/* ---- passing on ---- */

/* Records of next_ns itself may still be added and come before one with this time. */
static bool is_final(const struct sorter *sorter, const struct sorted_record *record,
                     const int64_t *next_ns) {
    if (next_ns == NULL) return true;
    return sorter->newest_first ? record->time_ns > *next_ns : record->time_ns < *next_ns;
}

/* Passes on all records that nothing can precede; returns how many of the memory's. */
static uint64_t pass_on(struct sorter *sorter, const int64_t *next_ns) {
    uint64_t i = 0;
    while (sorter->left > 0) { /* ends: every turn takes a record */
        const struct sorted_record *const run = runs_first(&sorter->runs);
        const struct sorted_record *const own =
            i < sorter->count ? &sorter->entries[i].record : NULL;
        if (sorter->runs.status < 0) break;
        const bool from_run =
            run != NULL && (own == NULL || sorted_compare(run, own, sorter->newest_first) < 0);
        const struct sorted_record *const first = from_run ? run : own;
        if (first == NULL || !is_final(sorter, first, next_ns)) return i;
        if (sorter->left != UINT64_MAX) sorter->left--;
        const bool more = sorter->take(sorter->context, first);
        if (from_run)
            runs_next(&sorter->runs);
        else
            i++;
        if (!more) break;
    }
    sorter->ended = true;
    return i;
}

/* Writes the records in memory to a file. */
static void write_run(struct sorter *sorter) {
    if (runs_begin(&sorter->runs) == 0)
        for (uint64_t i = 0; i < sorter->count; i++)
            if (runs_add(&sorter->runs, &sorter->entries[i].record) < 0) break;
    if (runs_end(&sorter->runs) < 0) sorter->ended = true;
    sorter->count = 0;
    sorter->text_size = 0;
}

/* Removes the first records of the memory, and the text of all that are not there any more. */
static void compact(struct sorter *sorter, uint64_t first) {
    size_t size = 0;
    for (uint64_t i = first; i < sorter->count; i++)
        size += sorter->entries[i].record.size;
    uint8_t *const text = allocate(size), *to = text;
    for (uint64_t i = first; i < sorter->count; i++) {
        struct sorter_entry *const entry = &sorter->entries[i - first];
        *entry = sorter->entries[i];
        memcpy(to, entry->record.text, entry->record.size);
        entry->begin = (size_t)(to - text);
        to += entry->record.size;
    }
    free(sorter->text);
    sorter->text = text;
    sorter->text_size = sorter->text_room = size;
    sorter->count -= first;
}

static void drain(struct sorter *sorter, const int64_t *next_ns) {
    sort(sorter);
    drop(sorter);
    const uint64_t passed = pass_on(sorter, next_ns);
    if (sorter->ended) return;
    compact(sorter, passed);
    drop(sorter);
    if (bytes_of(sorter) > SORTER_BYTES / 2) {
        sort(sorter); /* sets the records' texts */
        write_run(sorter);
    }
    sorter->drain_bytes = 2 * bytes_of(sorter) + DRAIN_BYTES_MIN;
    if (sorter->drain_bytes > SORTER_BYTES) sorter->drain_bytes = SORTER_BYTES;
}

/* ---- records ---- */

static void make_room(struct sorter *sorter, size_t size) {
    if (sorter->text_room - sorter->text_size < size) {
        sorter->text_room = sorter->text_size + size + sorter->text_size / 2 + 4096;
        sorter->text = reallocate(sorter->text, sorter->text_room);
    }
    if (sorter->room == sorter->count) {
        sorter->room = sorter->room / 2 * 3 + 64;
        sorter->entries = reallocate(sorter->entries, sorter->room * sizeof *sorter->entries);
    }
}

void sorter_add(struct sorter *sorter, const struct sorted_record *record, int64_t next_ns) {
    if (sorter->ended || sorter_is_beyond(&sorter->limit, record->time_ns)) return;
    make_room(sorter, record->size);
    struct sorter_entry *const entry = &sorter->entries[sorter->count++];
    *entry = (struct sorter_entry){*record, sorter->text_size};
    memcpy(sorter->text + sorter->text_size, record->text, record->size);
    sorter->text_size += record->size;
    const bool few = sorter->left < UINT64_MAX / 2;
    const bool any_limit = few && !sorter->limit.known && sorter->count >= sorter->left;
    if (bytes_of(sorter) >= sorter->drain_bytes || any_limit ||
        (few && sorter->count >= 2 * sorter->left + DROP_RECORDS))
        drain(sorter, &next_ns);
}

bool sorter_has_enough(const struct sorter *sorter, int64_t next_ns) {
    return sorter->ended || sorter_is_beyond(&sorter->limit, next_ns);
}

int sorter_finish(struct sorter *sorter) {
    if (!sorter->ended) {
        sort(sorter);
        drop(sorter);
        (void)pass_on(sorter, NULL);
    }
    return sorter->runs.status;
}
