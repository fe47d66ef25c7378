/* backlog.c - see backlog.h. */
#include "writer/keep/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "port/error.h"

static bool is_closed(const struct segment_file *file) {
    return !file->name.part && file->name.stream[0] != '\0';
}

static int compare(const struct backlog_entry *a, const struct backlog_entry *b) {
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    return (a->opened_ns > b->opened_ns) - (a->opened_ns < b->opened_ns);
}

static int compare_entries(const void *a, const void *b) {
    return compare(a, b);
}

/* Entries that were known keep what is left to do with them. */
static void keep_steps(struct backlog_entry *entries, uint32_t count, const struct backlog *old) {
    for (uint32_t i = 0, n = 0; i < count && n < old->count; i++) {
        const struct segment_file *file = entries[i].file;
        while (n < old->count && compare(&old->entries[n], &entries[i]) < 0)
            n++;
        if (n == old->count || compare(&old->entries[n], &entries[i]) != 0) continue;
        entries[i] = old->entries[n];
        entries[i].file = file;
    }
}

int backlog_list(struct backlog *backlog, struct files *files, const char *folder) {
    if (backlog->listed) return 0;
    struct segment_list list = {0};
    const int error = segment_list_add(files, folder, &list);
    struct backlog_entry *entries = calloc(list.count + 1, sizeof *entries);
    uint32_t count = 0;
    if (entries == NULL) {
        segment_list_free(&list);
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < list.count; i++) {
        const struct segment_file *file = &list.files[i];
        if (!is_closed(file)) continue;
        entries[count++] = (struct backlog_entry){
            .sequence = file->name.sequence, .opened_ns = file->name.opened_ns, .file = file};
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    keep_steps(entries, count, backlog);
    backlog_free(backlog);
    *backlog =
        (struct backlog){.list = list, .entries = entries, .count = count, .listed = error == 0};
    backlog_rewind(backlog);
    return error;
}

void backlog_forget_list(struct backlog *backlog) {
    segment_list_free(&backlog->list);
    backlog->listed = false;
}

void backlog_rewind(struct backlog *backlog) {
    backlog->next_new = backlog->next_pack = 0;
    backlog->next_old = backlog->count;
}

static bool waits_for(const struct backlog_entry *entry, enum backlog_step step) {
    return entry->step == step && !entry->missed;
}

struct backlog_entry *backlog_next_to_record(struct backlog *backlog, uint64_t last_sequence) {
    for (; backlog->next_new < backlog->count; backlog->next_new++) {
        struct backlog_entry *entry = &backlog->entries[backlog->next_new];
        if (entry->sequence > last_sequence && waits_for(entry, BACKLOG_RECORD)) return entry;
    }
    for (; backlog->next_old > 0; backlog->next_old--) {
        struct backlog_entry *entry = &backlog->entries[backlog->next_old - 1];
        if (entry->sequence <= last_sequence && waits_for(entry, BACKLOG_RECORD)) return entry;
    }
    return NULL;
}

struct backlog_entry *backlog_next_to_pack(struct backlog *backlog) {
    for (; backlog->next_pack < backlog->count; backlog->next_pack++) {
        struct backlog_entry *entry = &backlog->entries[backlog->next_pack];
        if (waits_for(entry, BACKLOG_PACK)) return entry;
    }
    return NULL;
}

void backlog_retry(struct backlog *backlog) {
    for (uint32_t i = 0; i < backlog->count; i++)
        backlog->entries[i].missed = backlog->entries[i].passes = false;
    backlog_rewind(backlog);
}

void backlog_repack(struct backlog *backlog) {
    for (uint32_t i = 0; i < backlog->count; i++)
        if (backlog->entries[i].step == BACKLOG_DONE) backlog->entries[i].step = BACKLOG_PACK;
    backlog_rewind(backlog);
}

bool backlog_missed(const struct backlog *backlog) {
    for (uint32_t i = 0; i < backlog->count; i++)
        if (backlog->entries[i].missed) return true;
    return false;
}

uint32_t backlog_unrecorded(const struct backlog *backlog) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < backlog->count; i++)
        count += backlog->entries[i].step == BACKLOG_RECORD;
    return count;
}

static bool is_ready(const struct backlog_entry *entry) {
    return entry->step == BACKLOG_DONE || entry->passes;
}

struct sequences *backlog_ready(const struct backlog *backlog) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < backlog->count; i++)
        count += is_ready(&backlog->entries[i]);
    struct sequences *ready = sequences_make(count);
    count = 0;
    for (uint32_t i = 0; ready != NULL && i < backlog->count; i++)
        if (is_ready(&backlog->entries[i])) ready->all[count++] = backlog->entries[i].sequence;
    return ready;
}

void backlog_free(struct backlog *backlog) {
    segment_list_free(&backlog->list);
    free(backlog->entries);
    *backlog = (struct backlog){0};
}
