/* manifest_file.c - loads the manifest, writes it again, and compacts it.
 *
 * After a failed sync the kernel marks the pages clean: they can be read, but may never reach the
 * disk, and the next sync succeeds.  The same holds for a file that another process left.  So the
 * file is then written again, unchanged, before anything relies on it (manifest_renew).
 *
 * Both write manifest.ndjson.new, sync it and rename it, so that a crash leaves the old file or the
 * new one.  manifest_open removes a .new file that was left over. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/keep/manifest.h"
#include "writer/keep/manifest_internal.h"
#include "writer/keep/manifest_line.h"

#define CHUNK_BYTES (64u << 10)

/* ---- reading ---- */

struct reading {
    struct manifest *m;
    char *bytes; /* CHUNK_BYTES + MANIFEST_LINE_MAX, and JSON_PADDING */
    size_t used;
    uint64_t offset;    /* of bytes[0] in the file */
    uint64_t valid_end; /* after the last valid line */
    uint64_t lines_end; /* after the last newline */
    uint64_t invalid;   /* lines after valid_end */
    bool in_long;       /* inside a line that is too long to be valid */
};

static int read_line(struct reading *r, const char *line, size_t size) {
    struct manifest_record record;
    const uint64_t offset = r->offset + (uint64_t)(line - r->bytes);
    int error = r->in_long || size > MANIFEST_LINE_MAX ? ERR_INVALID
                                                       : manifest_line_decode(line, size, &record);
    r->in_long = false;
    r->lines_end = offset + size;
    if (error == ERR_INVALID) {
        r->invalid++;
        return 0;
    }
    if (!error) error = manifest_note(r->m, &record, offset, size);
    if (error == ERR_UNSUPPORTED) error = manifest_note_foreign(r->m, &record.name, offset, size);
    if (error) return error;
    r->valid_end = offset + size;
    r->m->damaged += r->invalid;
    r->invalid = 0;
    return 0;
}

/* Takes all whole lines in memory, and moves the rest to the front. */
static int read_lines(struct reading *r) {
    char *line = r->bytes, *end = r->bytes + r->used;
    for (char *newline; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL;) {
        const int error = read_line(r, line, (size_t)(newline + 1 - line));
        if (error) return error;
        line = newline + 1;
    }
    if ((size_t)(end - line) > MANIFEST_LINE_MAX) {
        r->in_long = true;
        line = end;
    }
    r->offset += (uint64_t)(line - r->bytes);
    r->used = (size_t)(end - line);
    memmove(r->bytes, line, r->used);
    return 0;
}

static int read_file(struct reading *r, struct file *file) {
    for (;;) { /* ends: the file does */
        const int64_t got =
            file_read_at(file, r->bytes + r->used, CHUNK_BYTES, r->offset + r->used);
        if (got <= 0) return (int)got;
        r->used += (size_t)got;
        const int error = read_lines(r);
        if (error) return error;
    }
}

/* Leaves out a torn end.  A crash tears one line; more than that has another cause, and is kept as
 * evidence. */
static void leave_out_torn_end(struct reading *r) {
    struct manifest *m = r->m;
    const uint64_t end = r->offset + r->used;
    m->size = r->valid_end;
    if (end - r->valid_end > MANIFEST_LINE_MAX) {
        m->size = r->lines_end;
        m->damaged += r->invalid;
    }
    m->torn = m->size < end;
    if (m->torn && !m->reads_only)
        say("%s: the last line was torn: cut off %llu bytes", m->path,
            (unsigned long long)(end - m->size));
}

int manifest_load(struct manifest *m) {
    struct file opened = {0};
    manifest_forget(m);
    m->torn = m->unnamed = false;
    m->suspect = !m->reads_only;
    int error = m->reads_only ? 0 : file_open(m->files, m->path, FILE_READ, &opened);
    m->unread = error && error != ERR_NOT_FOUND;
    if (error) return m->unread ? error : 0;
    struct reading reading = {.m = m};
    reading.bytes = calloc(1, CHUNK_BYTES + MANIFEST_LINE_MAX + JSON_PADDING);
    error = reading.bytes == NULL ? ERR_NO_MEMORY : 0;
    if (!error) error = read_file(&reading, m->reads_only ? &m->file : &opened);
    file_close(&opened);
    free(reading.bytes);
    m->unread = error != 0;
    /* What was read of it must not be taken for all of it. */
    if (error) manifest_forget(m);
    if (error) return error;
    leave_out_torn_end(&reading);
    for (uint32_t i = 0; i < m->stream_count; i++) {
        struct manifest_stream *stream = &m->streams[i];
        stream->last_before = manifest_stream_last(stream, SEGMENT_SEQUENCE_MAX);
    }
    return 0;
}

/* ---- writing it again ---- */

static int open_both(struct manifest *m, struct file *from, struct file *to) {
    int error = file_remove(m->files, m->new_path);
    if (error == ERR_NOT_FOUND) error = 0;
    if (!error) error = file_open(m->files, m->path, FILE_READ, from);
    if (!error) error = file_open(m->files, m->new_path, FILE_WRITE_NEW, to);
    return error;
}

/* The new file takes the name; *taken: it has it.  An I/O error leaves open which file does. */
static int take_name(struct manifest *m, bool *taken) {
    int error = file_rename(m->files, m->new_path, m->path);
    if (error == ERR_IO) m->suspect = m->unnamed = true;
    if (error) (void)file_remove(m->files, m->new_path);
    *taken = error == 0;
    if (error) return error;
    m->torn = false;
    error = directory_sync(m->files, m->folder);
    /* A power failure may bring back the old file. */
    m->suspect = m->unnamed = error != 0;
    return error;
}

/* Copies the bytes of the whole lines; to the same place if both files are the same. */
static int copy_lines(const struct manifest *m, struct file *from, struct file *to) {
    char *bytes = malloc(CHUNK_BYTES);
    int error = bytes == NULL ? ERR_NO_MEMORY : 0;
    for (uint64_t at = 0; at < m->size && !error;) { /* ends: each round copies something */
        const uint64_t left = m->size - at;
        const int64_t got =
            file_read_at(from, bytes, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, at);
        if (got == 0) error = ERR_INVALID; /* another program has cut it */
        if (got < 0) error = (int)got;
        if (!error) error = file_write_at(to, bytes, (size_t)got, at);
        if (!error) at += (uint64_t)got;
    }
    free(bytes);
    return error ? error : file_sync(to);
}

static int write_new_copy(struct manifest *m) {
    struct file from = {0}, to = {0};
    int error = open_both(m, &from, &to);
    if (!error) error = copy_lines(m, &from, &to);
    file_close(&from);
    file_close(&to);
    bool taken;
    if (!error) return take_name(m, &taken);
    (void)file_remove(m->files, m->new_path);
    return error;
}

/* Where there is no space for a copy: writing the same bytes again marks all pages dirty, so that
 * the next sync writes them.  A crash meanwhile leaves each page as it was or as it should be. */
static int write_in_place(struct manifest *m) {
    struct file file;
    struct file_status status;
    int error = file_open(m->files, m->path, FILE_WRITE, &file);
    if (error) return error;
    error = file_status(&file, &status);
    if (!error && m->torn && status.size > m->size) error = file_truncate(&file, m->size);
    if (!error) error = copy_lines(m, &file, &file);
    file_close(&file);
    if (!error) m->suspect = m->torn = false;
    return error;
}

int manifest_renew(struct manifest *m) {
    if (!m->suspect) return 0;
    int error = write_new_copy(m);
    if (error == ERR_NOT_FOUND) { /* the file was deleted: the next append makes a new one */
        m->suspect = m->unnamed = false;
        return 0;
    }
    if (error && !m->unnamed) error = write_in_place(m);
    /* Another program has cut or removed the file: load what is there now. */
    if (error == ERR_INVALID || error == ERR_NOT_FOUND) (void)manifest_load(m);
    return error;
}

/* ---- compacting ---- */

/* Bytes of deletions that compacting keeps for each stream. */
static uint64_t deletions_max(const struct manifest *m) {
    return m->compact_min / 4 / (m->stream_count + 1);
}

static bool is_deleted(const struct manifest_entry *entry) {
    return entry->event == MANIFEST_DELETED || (entry->event == MANIFEST_NONE && !entry->copied);
}

/* The first entry to keep.  Before the oldest segment that exists there are only deletions; the
 * newest of them are kept, one at least if there is nothing else. */
static uint32_t first_kept(const struct manifest *m, const struct manifest_stream *stream) {
    uint64_t room = deletions_max(m);
    uint32_t at = 0;
    while (at < stream->count && is_deleted(&stream->entries[at]))
        at++;
    if (at > 0 && at == stream->count) at--;
    for (; at > 0 && stream->entries[at - 1].size <= room; at--)
        room -= stream->entries[at - 1].size;
    return at;
}

static uint64_t bytes_kept(const struct manifest *m) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->foreign_count; i++)
        bytes += m->foreign[i].size;
    for (uint32_t i = 0; i < m->stream_count; i++) {
        const struct manifest_stream *stream = &m->streams[i];
        bytes += stream->earlier.size;
        for (uint32_t n = first_kept(m, stream); n < stream->count; n++)
            bytes += stream->entries[n].size;
    }
    return bytes;
}

struct writing {
    struct file from, to;
    char *bytes; /* CHUNK_BYTES + MANIFEST_LINE_MAX, and JSON_PADDING */
    size_t used;
    uint64_t offset;
    struct manifest_span *foreign; /* their new places */
    struct manifest_span *earlier; /* of each stream: its new line */
};

static int write_out(struct writing *w) {
    const int error = file_write_at(&w->to, w->bytes, w->used, w->offset);
    w->offset += w->used;
    w->used = 0;
    return error;
}

/* The line of `size` bytes after the used ones. */
static int take_line(struct writing *w, uint32_t size, struct manifest_span *place) {
    if (place != NULL) *place = (struct manifest_span){w->offset + w->used, size};
    w->used += size;
    return w->used > CHUNK_BYTES ? write_out(w) : 0;
}

static int write_foreign(struct manifest *m, struct writing *w) {
    int error = 0;
    for (uint32_t i = 0; i < m->foreign_count && !error; i++) {
        const struct manifest_span *line = &m->foreign[i];
        error = manifest_line_at(&w->from, line->offset, line->size, w->bytes + w->used);
        if (!error) error = take_line(w, line->size, &w->foreign[i]);
    }
    return error;
}

static void add_up(struct manifest_record *sum, const struct manifest_record *one) {
    sum->name = one->name;
    sum->time_ns = one->time_ns;
    sum->closed_ns = one->closed_ns;
    sum->segments += one->event == MANIFEST_DELETED_EARLIER ? one->segments : 1;
    sum->lines += one->lines;
    sum->raw_bytes += one->raw_bytes;
    sum->bytes += one->bytes;
}

/* One line for the deletions that are left out, now and before. */
static int write_earlier(struct writing *w, const struct manifest *m,
                         const struct manifest_stream *stream, struct manifest_span *place) {
    const uint32_t end = first_kept(m, stream);
    char *line = w->bytes + w->used;
    struct manifest_record one, sum = {.event = MANIFEST_DELETED_EARLIER,
                                       .first_time_ns = INT64_MIN,
                                       .last_time_ns = INT64_MAX};
    const struct manifest_entry earlier = {.sequence = stream->earlier_last,
                                           .offset = stream->earlier.offset,
                                           .size = stream->earlier.size,
                                           .event = MANIFEST_DELETED_EARLIER};
    int error = earlier.size > 0 ? manifest_record_at(&w->from, &earlier, line, &one) : 0;
    if (!error && earlier.size > 0) add_up(&sum, &one);
    for (uint32_t n = 0; n < end && !error; n++) {
        if (stream->entries[n].event == MANIFEST_NONE) continue;
        error = manifest_record_at(&w->from, &stream->entries[n], line, &one);
        if (!error) add_up(&sum, &one);
    }
    if (error || sum.segments == 0) return error;
    return take_line(w, (uint32_t)manifest_line_encode(&sum, line), place);
}

static int write_stream(struct writing *w, const struct manifest *m,
                        const struct manifest_stream *stream, struct manifest_span *earlier) {
    struct manifest_record record;
    int error = write_earlier(w, m, stream, earlier);
    for (uint32_t n = first_kept(m, stream); n < stream->count && !error; n++) {
        const struct manifest_entry *entry = &stream->entries[n];
        if (entry->event == MANIFEST_NONE) continue;
        error = manifest_record_at(&w->from, entry, w->bytes + w->used, &record);
        if (!error) error = take_line(w, entry->size, NULL);
    }
    return error;
}

static int write_new_file(struct manifest *m, struct writing *w) {
    int error = open_both(m, &w->from, &w->to);
    if (!error) error = write_foreign(m, w);
    for (uint32_t i = 0; i < m->stream_count && !error; i++)
        error = write_stream(w, m, &m->streams[i], &w->earlier[i]);
    if (!error && w->used > 0) error = write_out(w);
    if (!error) error = file_sync(&w->to);
    file_close(&w->from);
    file_close(&w->to);
    return error;
}

/* Updates the table to the lines that were written, in the same order. */
static void move_entries(struct manifest *m, const struct writing *w) {
    m->size = 0;
    for (uint32_t i = 0; i < m->foreign_count; i++) {
        m->foreign[i] = w->foreign[i];
        m->size += m->foreign[i].size;
    }
    for (uint32_t i = 0; i < m->stream_count; i++) {
        struct manifest_stream *stream = &m->streams[i];
        const uint32_t first = first_kept(m, stream);
        uint32_t kept = 0;
        for (uint32_t n = 0; n < first; n++) /* sorted: the last one counts */
            if (stream->entries[n].event != MANIFEST_NONE)
                stream->earlier_last = stream->entries[n].sequence;
        stream->earlier = w->earlier[i];
        m->size += stream->earlier.size;
        for (uint32_t n = first; n < stream->count; n++) {
            struct manifest_entry entry = stream->entries[n];
            if (entry.event == MANIFEST_NONE && !entry.copied) continue;
            entry.offset = m->size;
            m->size += entry.size;
            stream->entries[kept++] = entry;
        }
        stream->count = kept;
    }
}

static int compact_with(struct manifest *m, struct writing *w) {
    int error = w->bytes == NULL || w->foreign == NULL || w->earlier == NULL ? ERR_NO_MEMORY
                                                                             : write_new_file(m, w);
    if (error) {
        (void)file_remove(m->files, m->new_path);
        /* Another program has changed or removed the file: load what is there now. */
        if (error == ERR_INVALID || error == ERR_NOT_FOUND) (void)manifest_load(m);
        return error;
    }
    bool taken;
    error = take_name(m, &taken);
    if (taken) move_entries(m, w);
    return error;
}

int manifest_compact(struct manifest *m) {
    const uint64_t kept = bytes_kept(m);
    m->compact_at = 2 * kept > m->compact_min ? 2 * kept : m->compact_min;
    if (m->size <= m->compact_at) return 0;
    struct writing w = {.bytes = malloc(CHUNK_BYTES + MANIFEST_LINE_MAX + JSON_PADDING),
                        .foreign = calloc(m->foreign_count + 1, sizeof *w.foreign),
                        .earlier = calloc(m->stream_count + 1, sizeof *w.earlier)};
    const int error = compact_with(m, &w);
    free(w.bytes);
    free(w.foreign);
    free(w.earlier);
    return error;
}
