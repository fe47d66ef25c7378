/* held.c - see held.h. */
#include "tools/commands/held.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"

static uint64_t bytes_of(const struct held_entry *entry) {
    return sizeof *entry + entry->record.size;
}

void held_add(struct held *held, const struct sorted_record *record, int64_t now_ns) {
    if (held->count == held->room) {
        held->room = held->room > 0 ? held->room * 2 : 64;
        held->entries = reallocate(held->entries, held->room * sizeof *held->entries);
    }
    struct held_entry *const entry = &held->entries[held->count++];
    const bool late = held->any && record->time_ns < held->last_ns;
    uint8_t *const text = allocate(record->size);
    memcpy(text, record->text, record->size);
    *entry = (struct held_entry){*record, late ? now_ns : now_ns + held->delay_ns};
    entry->record.text = text;
    held->bytes += bytes_of(entry);
}

static int compare_entries(const void *a, const void *b) {
    const struct held_entry *x = a, *y = b;
    return sorted_compare(&x->record, &y->record, false);
}

/* How many of the sorted records to pass on: those up to the last one that is due, and as many as
 * are too many. */
static uint64_t count_due(const struct held *held, int64_t now_ns) {
    uint64_t due = 0, bytes = held->bytes;
    for (uint64_t i = 0; i < held->count; i++) {
        if (held->entries[i].due_ns <= now_ns || bytes > HELD_BYTES_MAX) due = i + 1;
        bytes -= bytes_of(&held->entries[i]);
    }
    return due;
}

static bool any_due(const struct held *held, int64_t now_ns) {
    for (uint64_t i = 0; i < held->count; i++)
        if (held->entries[i].due_ns <= now_ns) return true;
    return held->bytes > HELD_BYTES_MAX;
}

void held_passed(struct held *held, int64_t time_ns) {
    if (!held->any || time_ns > held->last_ns) held->last_ns = time_ns;
    held->any = true;
}

void held_pass_on(struct held *held, int64_t now_ns, sorter_take *take, void *context) {
    if (!any_due(held, now_ns)) return;
    qsort(held->entries, held->count, sizeof *held->entries, compare_entries);
    const uint64_t due = count_due(held, now_ns);
    bool more = true;
    for (uint64_t i = 0; i < due; i++) {
        const struct held_entry *const entry = &held->entries[i];
        more = more && take(context, &entry->record);
        held_passed(held, entry->record.time_ns);
        held->bytes -= bytes_of(entry);
        free((void *)(uintptr_t)entry->record.text);
    }
    held->count -= due;
    memmove(held->entries, held->entries + due, held->count * sizeof *held->entries);
}

void held_close(struct held *held) {
    for (uint64_t i = 0; i < held->count; i++)
        free((void *)(uintptr_t)held->entries[i].record.text);
    free(held->entries);
    *held = (struct held){0};
}
