/* manifest.c - the manifest's table in memory, and appending to its file: see manifest.h.
 * The table holds the offset of each segment's last line, and reads the line itself on request.  A
 * line enters the table after it is synced. */
#include "writer/keep/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/manifest_internal.h"
#include "writer/keep/manifest_line.h"

static int append_line(struct manifest *m, const char *line, size_t size);
static int read_if_unread(struct manifest *m);

static int prepare(struct files *files, const char *directory, struct manifest **manifest) {
    struct manifest *m = calloc(1, sizeof *m);
    if (m == NULL) return ERR_NO_MEMORY;
    m->files = files;
    monitor_init(&m->monitor);
    atomic_init(&m->holders, 1);
    m->compact_at = m->compact_min = MANIFEST_COMPACT_BYTES;
    if (!path_join(m->folder, directory, "state", NULL) ||
        !path_join(m->path, directory, "state", MANIFEST_FILE) ||
        !path_join(m->new_path, directory, "state", MANIFEST_FILE ".new")) {
        monitor_destroy(&m->monitor);
        free(m);
        return ERR_NAME_TOO_LONG;
    }
    strcpy(m->directory, directory);
    *manifest = m;
    return 0;
}

/* Creates <dir>/state and syncs its parent: otherwise a power failure could lose it with all that
 * is in it. */
static int make_folder(struct manifest *m) {
    const int error = directory_make(m->files, m->folder);
    return error ? error : directory_sync(m->files, m->directory);
}

/* Reads the file of a manifest for writing. */
static int read_whole(struct manifest *m) {
    m->unread = true;
    int error = make_folder(m);
    if (!error) error = file_remove(m->files, m->new_path); /* a crash may have left it */
    if (error == ERR_NOT_FOUND) error = 0;
    if (!error) error = manifest_load(m);
    if (!error && m->damaged > 0)
        say("%s: skipped %llu damaged lines", m->path, (unsigned long long)m->damaged);
    return error;
}

/* *unread: why the file could not be read. */
static int open_anyhow(struct files *files, const char *directory, struct manifest **manifest,
                       int *unread) {
    struct manifest *m = NULL;
    int error = prepare(files, directory, &m);
    if (error) return error;
    *manifest = m;
    *unread = read_whole(m);
    if (*unread) return 0;
    /* The process before this one may have ended after a failed sync: the lines that can be read may
     * not be on the disk.  A failure is not final: the first append tries again. */
    error = manifest_renew(m);
    if (error)
        say("%s: cannot be written again: %s; trying again at the next event", m->path,
            error_text(error));
    return 0;
}

int manifest_open(struct files *files, const char *directory, struct manifest **manifest) {
    struct manifest *m = NULL;
    int unread = 0;
    const int error = open_anyhow(files, directory, &m, &unread);
    if (error || unread)
        manifest_close(m);
    else
        *manifest = m;
    return error ? error : unread;
}

int manifest_open_lazily(struct files *files, const char *directory, struct manifest **manifest) {
    int unread = 0;
    const int error = open_anyhow(files, directory, manifest, &unread);
    if (!error && unread)
        say("%s: %s; until it can be read, no closed segment is re-packed, moved, handed over or "
            "deleted",
            (*manifest)->path, error_text(unread));
    return error;
}

int manifest_read(struct files *files, const char *directory, struct manifest **manifest) {
    struct manifest *m = NULL;
    int error = prepare(files, directory, &m);
    if (error) return error;
    m->reads_only = true;
    error = file_open(files, m->path, FILE_READ, &m->file);
    if (!error) error = manifest_load(m);
    if (error)
        manifest_close(m);
    else
        *manifest = m;
    return error;
}

void manifest_seal(struct manifest *manifest) {
    if (manifest == NULL) return;
    monitor_lock(&manifest->monitor);
    manifest->closed = true;
    monitor_unlock(&manifest->monitor);
}

void manifest_close(struct manifest *manifest) {
    manifest_seal(manifest);
    manifest_release(manifest);
}

struct manifest *manifest_hold(struct manifest *manifest) {
    if (manifest != NULL) atomic_fetch_add(&manifest->holders, 1);
    return manifest;
}

void manifest_release(struct manifest *manifest) {
    if (manifest == NULL || atomic_fetch_sub(&manifest->holders, 1) > 1) return;
    file_close(&manifest->file);
    manifest_forget(manifest);
    monitor_destroy(&manifest->monitor);
    free(manifest);
}

/* ---- the lock ---- */

/* Callers take these errors for a segment's. */
static int not_of_a_segment(int error) {
    return error == ERR_NOT_FOUND || error == ERR_INVALID ? ERR_IO : error;
}

/* With the lock held.  0: the table holds all lines. */
static int read_if_unread(struct manifest *m) {
    if (!m->unread) return 0;
    if (m->closed) return ERR_CANCELLED;
    const int error = read_whole(m);
    if (error) return not_of_a_segment(error);
    say_info("%s: can be read now", m->path);
    return 0;
}

int manifest_lock(struct manifest *manifest) {
    monitor_lock(&manifest->monitor);
    const int error = manifest->closed ? ERR_CANCELLED : read_if_unread(manifest);
    if (error) monitor_unlock(&manifest->monitor);
    return error;
}

int manifest_ready(struct manifest *manifest) {
    monitor_lock(&manifest->monitor);
    const int error = read_if_unread(manifest);
    monitor_unlock(&manifest->monitor);
    return error;
}

void manifest_unlock(struct manifest *manifest) {
    monitor_unlock(&manifest->monitor);
}

/* For calls that only read: the manifest is const, its lock is not. */
static void lock_to_read(const struct manifest *manifest) {
    monitor_lock((struct monitor *)&manifest->monitor);
}

static void unlock_after_read(const struct manifest *manifest) {
    monitor_unlock((struct monitor *)&manifest->monitor);
}

void manifest_work_begin(struct manifest *manifest, struct manifest_work *work) {
    atomic_store(&work->deleted, false);
    work->naming = false;
    monitor_lock(&manifest->monitor);
    work->next = manifest->works;
    manifest->works = work;
    monitor_unlock(&manifest->monitor);
}

void manifest_work_end(struct manifest *manifest, struct manifest_work *work) {
    monitor_lock(&manifest->monitor);
    struct manifest_work **link = &manifest->works;
    while (*link != work)
        link = &(*link)->next;
    *link = work->next;
    monitor_unlock(&manifest->monitor);
}

static bool is_work_on(const struct manifest_work *work, const struct segment_name *name) {
    return work->name.sequence == name->sequence && strcmp(work->name.stream, name->stream) == 0;
}

bool manifest_stop_work_locked(struct manifest *manifest, const struct segment_name *name) {
    bool naming = false;
    for (struct manifest_work *work = manifest->works; work != NULL; work = work->next) {
        if (!is_work_on(work, name)) continue;
        atomic_store(&work->deleted, true);
        naming = naming || work->naming;
    }
    return naming;
}

bool manifest_naming_locked(const struct manifest *manifest, const struct segment_name *name) {
    for (const struct manifest_work *work = manifest->works; work != NULL; work = work->next)
        if (is_work_on(work, name) && work->naming) return true;
    return false;
}

bool manifest_naming(struct manifest *manifest, const struct segment_name *name) {
    monitor_lock(&manifest->monitor);
    const bool naming = manifest_naming_locked(manifest, name);
    monitor_unlock(&manifest->monitor);
    return naming;
}

uint64_t manifest_bytes(const struct manifest *manifest) {
    lock_to_read(manifest);
    const uint64_t bytes = manifest->size;
    unlock_after_read(manifest);
    return bytes;
}

uint64_t manifest_lines_damaged(const struct manifest *manifest) {
    lock_to_read(manifest);
    const uint64_t damaged = manifest->damaged;
    unlock_after_read(manifest);
    return damaged;
}

/* ---- the table ---- */

void manifest_forget(struct manifest *m) {
    for (uint32_t i = 0; i < m->stream_count; i++)
        free(m->streams[i].entries);
    free(m->streams);
    free(m->foreign);
    m->streams = NULL;
    m->foreign = NULL;
    m->stream_count = m->stream_room = m->foreign_count = m->foreign_room = 0;
    m->size = m->damaged = 0;
}

static struct manifest_stream *find_stream(const struct manifest *m, const char *name) {
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (strcmp(m->streams[i].name, name) == 0) return &m->streams[i];
    return NULL;
}

/* The first entry with at least this sequence. */
static uint32_t lower_bound(const struct manifest_stream *stream, uint64_t sequence) {
    uint32_t low = 0, high = stream->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (stream->entries[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct manifest_entry *find_entry(const struct manifest *m, const char *name,
                                         uint64_t sequence) {
    struct manifest_stream *stream = find_stream(m, name);
    if (stream == NULL) return NULL;
    const uint32_t at = lower_bound(stream, sequence);
    const bool found = at < stream->count && stream->entries[at].sequence == sequence;
    return found ? &stream->entries[at] : NULL;
}

static bool make_room(void **array, uint32_t *room, uint32_t count, size_t each) {
    if (count < *room) return true;
    if (count > UINT32_MAX / 4) return false;
    const uint32_t more = *room == 0 ? 16 : *room * 2;
    void *larger = realloc(*array, more * each);
    if (larger == NULL) return false;
    *array = larger;
    *room = more;
    return true;
}

/* Created if there is none; NULL: no memory. */
static struct manifest_stream *stream_for(struct manifest *m, const char *name) {
    struct manifest_stream *stream = find_stream(m, name);
    if (stream != NULL) return stream;
    if (!make_room((void **)&m->streams, &m->stream_room, m->stream_count, sizeof *stream))
        return NULL;
    stream = &m->streams[m->stream_count++];
    *stream = (struct manifest_stream){0};
    strcpy(stream->name, name);
    return stream;
}

/* The segment's entry, created if there is none; NULL: no memory. */
static struct manifest_entry *entry_for(struct manifest *m, const struct segment_name *name) {
    struct manifest_stream *stream = stream_for(m, name->stream);
    if (stream == NULL) return NULL;
    const uint32_t at = lower_bound(stream, name->sequence);
    struct manifest_entry *entry;
    if (at < stream->count && stream->entries[at].sequence == name->sequence)
        return &stream->entries[at];
    if (!make_room((void **)&stream->entries, &stream->room, stream->count, sizeof *entry))
        return NULL;
    entry = &stream->entries[at];
    memmove(entry + 1, entry, (stream->count - at) * sizeof *entry);
    *entry = (struct manifest_entry){.sequence = name->sequence};
    stream->count++;
    return entry;
}

static int note_earlier(struct manifest *m, const struct manifest_record *record, uint64_t offset,
                        size_t size) {
    struct manifest_stream *stream = stream_for(m, record->name.stream);
    if (stream == NULL) return ERR_NO_MEMORY;
    stream->earlier = (struct manifest_span){offset, (uint32_t)size};
    stream->earlier_last = record->name.sequence;
    return 0;
}

int manifest_note_foreign(struct manifest *m, const struct segment_name *name, uint64_t offset,
                          size_t size) {
    if (!make_room((void **)&m->foreign, &m->foreign_room, m->foreign_count, sizeof *m->foreign))
        return ERR_NO_MEMORY;
    m->foreign[m->foreign_count++] = (struct manifest_span){offset, (uint32_t)size};
    if (name->stream[0] == '\0') return 0;
    struct manifest_stream *stream = stream_for(m, name->stream);
    if (stream == NULL) return ERR_NO_MEMORY;
    if (name->sequence > stream->foreign_last) stream->foreign_last = name->sequence;
    return 0;
}

int manifest_note(struct manifest *m, const struct manifest_record *record, uint64_t offset,
                  size_t size) {
    if (record->event == MANIFEST_DELETED_EARLIER) return note_earlier(m, record, offset, size);
    struct manifest_entry *entry = entry_for(m, &record->name);
    if (entry == NULL) return ERR_NO_MEMORY;
    entry->event = (uint8_t)record->event;
    entry->closed_ns = record->closed_ns;
    entry->handed_ns = record->handed_ns;
    entry->offset = offset;
    entry->size = (uint32_t)size;
    return 0;
}

enum manifest_event manifest_state_locked(const struct manifest *manifest, const char *stream,
                                          uint64_t sequence) {
    const struct manifest_entry *entry = find_entry(manifest, stream, sequence);
    return entry == NULL ? MANIFEST_NONE : (enum manifest_event)entry->event;
}

enum manifest_event manifest_state(const struct manifest *manifest, const char *stream,
                                   uint64_t sequence, int64_t *closed_ns) {
    lock_to_read(manifest);
    const struct manifest_entry *entry = find_entry(manifest, stream, sequence);
    const enum manifest_event event =
        entry == NULL ? MANIFEST_NONE : (enum manifest_event)entry->event;
    if (event != MANIFEST_NONE && closed_ns != NULL) *closed_ns = entry->closed_ns;
    unlock_after_read(manifest);
    return event;
}

bool manifest_handed(const struct manifest *manifest, const char *stream, uint64_t sequence) {
    lock_to_read(manifest);
    const struct manifest_entry *entry = find_entry(manifest, stream, sequence);
    const bool handed = entry != NULL && entry->handed_ns != 0;
    unlock_after_read(manifest);
    return handed;
}

bool manifest_maybe_copied_locked(const struct manifest *manifest, const char *stream,
                                  uint64_t sequence) {
    const struct manifest_stream *found = find_stream(manifest, stream);
    if (found == NULL || sequence <= found->last_before) return true;
    const struct manifest_entry *entry = find_entry(manifest, stream, sequence);
    return entry != NULL && entry->copied;
}

int manifest_note_copy_locked(struct manifest *manifest, const struct segment_name *name) {
    struct manifest_entry *entry = entry_for(manifest, name);
    if (entry == NULL) return ERR_NO_MEMORY;
    entry->copied = true;
    return 0;
}

uint64_t manifest_stream_last(const struct manifest_stream *stream, uint64_t max) {
    uint64_t last = 0;
    if (stream->earlier_last <= max) last = stream->earlier_last;
    if (stream->foreign_last <= max && stream->foreign_last > last) last = stream->foreign_last;
    for (uint32_t n = lower_bound(stream, max + 1); n > 0; n--) {
        const struct manifest_entry *entry = &stream->entries[n - 1];
        if (entry->sequence <= last) break;
        if (entry->event != MANIFEST_NONE) return entry->sequence;
    }
    return last;
}

uint64_t manifest_last_sequence(const struct manifest *manifest, const char *stream, uint64_t max) {
    lock_to_read(manifest);
    const struct manifest_stream *found = find_stream(manifest, stream);
    const uint64_t last = found == NULL ? 0 : manifest_stream_last(found, max);
    unlock_after_read(manifest);
    return last;
}

static bool next_entry(const struct manifest *manifest, struct manifest_cursor *cursor) {
    while (cursor->stream <
           manifest->stream_count) { /* each round advances by a segment or a stream */
        const struct manifest_stream *stream = &manifest->streams[cursor->stream];
        const uint32_t at = lower_bound(stream, cursor->sequence);
        if (at < stream->count) {
            const struct manifest_entry *entry = &stream->entries[at];
            strcpy(cursor->name, stream->name);
            cursor->at = entry->sequence;
            cursor->sequence = entry->sequence + 1;
            cursor->event = (enum manifest_event)entry->event;
            cursor->closed_ns = entry->closed_ns;
            if (entry->event == MANIFEST_NONE) continue;
            return true;
        }
        cursor->stream++;
        cursor->sequence = 0;
    }
    return false;
}

bool manifest_next(const struct manifest *manifest, struct manifest_cursor *cursor) {
    lock_to_read(manifest);
    const bool found = next_entry(manifest, cursor);
    unlock_after_read(manifest);
    return found;
}

/* ---- lines ---- */

int manifest_line_at(struct file *file, uint64_t offset, uint32_t size, char *line) {
    assert(size > 0 && size <= MANIFEST_LINE_MAX);
    const int64_t got = file_read_at(file, line, size, offset);
    if (got < 0) return (int)got;
    return got == size && line[size - 1] == '\n' ? 0 : ERR_INVALID;
}

int manifest_record_at(struct file *file, const struct manifest_entry *entry, char *line,
                       struct manifest_record *record) {
    int error = manifest_line_at(file, entry->offset, entry->size, line);
    if (!error) error = manifest_line_decode(line, entry->size, record);
    if (!error && (record->name.sequence != entry->sequence || record->event != entry->event))
        error = ERR_INVALID;
    return error == ERR_UNSUPPORTED ? ERR_INVALID : error;
}

/* A reader keeps its file open: the writer may replace it by a compacted one, with other
 * offsets. */
static int read_record(struct manifest *m, const struct manifest_entry *entry,
                       struct manifest_record *record) {
    char line[MANIFEST_LINE_MAX + JSON_PADDING];
    struct file file;
    if (m->reads_only) return manifest_record_at(&m->file, entry, line, record);
    int error = file_open(m->files, m->path, FILE_READ, &file);
    if (error) return error;
    error = manifest_record_at(&file, entry, line, record);
    file_close(&file);
    return error;
}

int manifest_find_locked(struct manifest *manifest, const char *stream, uint64_t sequence,
                         struct manifest_record *record) {
    const struct manifest_entry *entry = find_entry(manifest, stream, sequence);
    if (entry == NULL || entry->event == MANIFEST_NONE) return ERR_NOT_FOUND;
    return read_record(manifest, entry, record);
}

int manifest_find(struct manifest *manifest, const char *stream, uint64_t sequence,
                  struct manifest_record *record) {
    monitor_lock(&manifest->monitor);
    int error = read_if_unread(manifest);
    if (!error) error = manifest_find_locked(manifest, stream, sequence, record);
    monitor_unlock(&manifest->monitor);
    return error;
}

int manifest_find_earlier(struct manifest *manifest, const char *stream,
                          struct manifest_record *record) {
    monitor_lock(&manifest->monitor);
    const struct manifest_stream *found = find_stream(manifest, stream);
    int error = ERR_NOT_FOUND;
    if (found != NULL && found->earlier.size > 0) {
        const struct manifest_entry entry = {.sequence = found->earlier_last,
                                             .offset = found->earlier.offset,
                                             .size = found->earlier.size,
                                             .event = MANIFEST_DELETED_EARLIER};
        error = read_record(manifest, &entry, record);
    }
    monitor_unlock(&manifest->monitor);
    return error;
}

/* ---- appending ---- */

int manifest_make_durable(struct manifest *manifest) {
    int error = manifest_lock(manifest);
    if (error) return error;
    error = manifest_renew(manifest);
    manifest_unlock(manifest);
    return error;
}

int manifest_append(struct manifest *manifest, const struct manifest_record *record) {
    int error = manifest_lock(manifest);
    if (error) return error;
    error = manifest_append_locked(manifest, record);
    manifest_unlock(manifest);
    return error;
}

int manifest_append_locked(struct manifest *manifest, const struct manifest_record *record) {
    struct manifest *m = manifest;
    assert(!m->reads_only);
    const size_t folder_size = strlen(record->folder), reason_size = strlen(record->reason);
    if (!utf8_valid((const uint8_t *)record->folder, folder_size) ||
        !utf8_valid((const uint8_t *)record->reason, reason_size))
        return ERR_INVALID;
    int error = read_if_unread(m); /* an append under the same lock may have found it changed */
    if (!error) error = manifest_renew(m);
    if (error) return error;
    /* A failed compaction must not block the append; the next line tries again. */
    if (m->size > m->compact_at) error = manifest_compact(m);
    if (m->suspect) return error; /* the new file's name may not be durable */
    struct manifest_record written = *record;
    struct manifest_entry *entry = entry_for(m, &record->name);
    if (entry == NULL) return ERR_NO_MEMORY;
    if (entry->event != MANIFEST_NONE) written.closed_ns = entry->closed_ns;
    if (entry->handed_ns != 0) written.handed_ns = entry->handed_ns;
    char line[MANIFEST_LINE_MAX];
    const size_t size = manifest_line_encode(&written, line);
    error = append_line(m, line, size);
    if (error) return error;
    error = manifest_note(m, &written, m->size, size);
    m->size += size;
    return error;
}

/* Checks that the file has the expected size.  Cuts off the rest of a failed append; reads a file
 * that another program changed again. */
static int check_file(struct manifest *m, struct file *file) {
    struct file_status status;
    int error = file_status(file, &status);
    if (!error && (m->torn ? status.size < m->size : status.size != m->size)) {
        say("%s: was changed by another program; reading it again", m->path);
        error = manifest_load(m);
    }
    if (error || !m->torn) return error;
    error = file_truncate(file, m->size);
    if (!error) m->torn = false;
    return error;
}

static int open_for_append(struct manifest *m, struct file *file, bool *made) {
    *made = false;
    int error = file_open(m->files, m->path, FILE_WRITE, file);
    if (error == ERR_NOT_FOUND) {
        if (m->size > 0) say("%s: was deleted; starting a new one", m->path);
        manifest_forget(m);
        m->torn = false;
        error = make_folder(m);
        if (!error) error = file_open(m->files, m->path, FILE_WRITE_NEW, file);
        *made = true;
        return error;
    }
    if (error) return error;
    error = check_file(m, file);
    if (error) file_close(file);
    return error;
}

static int append_line(struct manifest *m, const char *line, size_t size) {
    struct file file;
    bool made;
    int error = open_for_append(m, &file, &made);
    if (error) return error;
    error = file_write_at(&file, line, size, m->size);
    if (error) {
        m->torn = true;
    } else {
        error = file_sync(&file);
        if (error) m->suspect = true; /* see manifest_renew; the line may be there or not */
        if (error) m->torn = true;
        if (!error && made) error = directory_sync(m->files, m->folder);
        if (error && made) m->suspect = m->unnamed = true;
    }
    file_close(&file);
    return error;
}
