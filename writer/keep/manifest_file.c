/* manifest_file.c - loads the manifest, and compacts it.
 * Compacting writes manifest.ndjson.new, syncs it and renames it, so that a crash leaves the old
 * file or the new one.  manifest_open removes a .new file that was left over. */
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
    if (error && error != ERR_UNSUPPORTED) return error; /* of a later version: skipped */
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

/* Cuts off a torn end.  A crash tears one line; more than that has another cause, and is kept as
 * evidence. */
static int cut_torn_end(struct reading *r, struct file *file) {
    struct manifest *m = r->m;
    const uint64_t end = r->offset + r->used;
    m->size = r->valid_end;
    if (end - r->valid_end > MANIFEST_LINE_MAX) {
        m->size = r->lines_end;
        m->damaged += r->invalid;
    }
    if (m->reads_only || m->size == end) return 0;
    int error = file_open(m->files, m->path, FILE_WRITE, file);
    if (!error) error = file_truncate(file, m->size);
    if (!error) error = file_sync(file);
    file_close(file);
    if (!error)
        say("%s: the last line was torn: cut off %llu bytes", m->path,
            (unsigned long long)(end - m->size));
    return error;
}

int manifest_load(struct manifest *m) {
    struct file opened = {0};
    manifest_forget(m);
    m->torn = m->suspect = false;
    int error = m->reads_only ? 0 : file_open(m->files, m->path, FILE_READ, &opened);
    if (error) return error == ERR_NOT_FOUND ? 0 : error;
    struct reading reading = {.m = m};
    reading.bytes = calloc(1, CHUNK_BYTES + MANIFEST_LINE_MAX + JSON_PADDING);
    error = reading.bytes == NULL ? ERR_NO_MEMORY : 0;
    if (!error) error = read_file(&reading, m->reads_only ? &m->file : &opened);
    file_close(&opened);
    if (!error) error = cut_torn_end(&reading, &opened);
    free(reading.bytes);
    for (uint32_t i = 0; i < m->stream_count; i++) {
        struct manifest_stream *stream = &m->streams[i];
        stream->last_before = stream->entries[stream->count - 1].sequence;
    }
    return error;
}

/* ---- compacting ---- */

/* The first entry to keep: segments deleted before it are left out.  If all were deleted the last
 * line stays, because it holds the highest sequence. */
static uint32_t first_kept(const struct manifest_stream *stream) {
    uint32_t at = 0;
    while (at < stream->count && (stream->entries[at].event == MANIFEST_DELETED ||
                                  stream->entries[at].event == MANIFEST_NONE))
        at++;
    return at < stream->count || at == 0 ? at : at - 1;
}

static uint64_t bytes_kept(const struct manifest *m) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->stream_count; i++) {
        const struct manifest_stream *stream = &m->streams[i];
        for (uint32_t n = first_kept(stream); n < stream->count; n++)
            bytes += stream->entries[n].size;
    }
    return bytes;
}

struct writing {
    struct file from, to;
    char *bytes; /* CHUNK_BYTES + MANIFEST_LINE_MAX */
    size_t used;
    uint64_t offset;
};

static int write_out(struct writing *w) {
    const int error = file_write_at(&w->to, w->bytes, w->used, w->offset);
    w->offset += w->used;
    w->used = 0;
    return error;
}

static int write_kept(struct manifest *m, struct writing *w) {
    int error = 0;
    for (uint32_t i = 0; i < m->stream_count; i++) {
        const struct manifest_stream *stream = &m->streams[i];
        for (uint32_t n = first_kept(stream); n < stream->count && !error; n++) {
            const struct manifest_entry *entry = &stream->entries[n];
            if (entry->event == MANIFEST_NONE) continue;
            error = manifest_line_at(&w->from, entry, w->bytes + w->used);
            w->used += entry->size;
            if (!error && w->used > CHUNK_BYTES) error = write_out(w);
        }
    }
    return error || w->used == 0 ? error : write_out(w);
}

/* Updates the table to the lines that were written, in the same order. */
static void move_entries(struct manifest *m) {
    m->size = 0;
    for (uint32_t i = 0; i < m->stream_count; i++) {
        struct manifest_stream *stream = &m->streams[i];
        uint32_t kept = 0;
        for (uint32_t n = first_kept(stream); n < stream->count; n++) {
            struct manifest_entry entry = stream->entries[n];
            if (entry.event == MANIFEST_NONE) continue;
            entry.offset = m->size;
            m->size += entry.size;
            stream->entries[kept++] = entry;
        }
        stream->count = kept;
    }
}

static int write_new_file(struct manifest *m) {
    struct writing w = {.bytes = malloc(CHUNK_BYTES + MANIFEST_LINE_MAX)};
    int error = w.bytes == NULL ? ERR_NO_MEMORY : file_remove(m->files, m->new_path);
    if (error == ERR_NOT_FOUND) error = 0;
    if (!error) error = file_open(m->files, m->path, FILE_READ, &w.from);
    if (!error) error = file_open(m->files, m->new_path, FILE_WRITE_NEW, &w.to);
    if (!error) error = write_kept(m, &w);
    if (!error) error = file_sync(&w.to);
    file_close(&w.from);
    file_close(&w.to);
    free(w.bytes);
    return error;
}

int manifest_compact(struct manifest *m) {
    const uint64_t kept = bytes_kept(m);
    m->compact_at = 2 * kept > m->compact_min ? 2 * kept : m->compact_min;
    if (!m->suspect && m->size <= m->compact_at) return 0;
    int error = write_new_file(m);
    if (!error) error = file_rename(m->files, m->new_path, m->path);
    if (error) {
        (void)file_remove(m->files, m->new_path);
        /* Another program has changed or removed the file: load what is there now. */
        if (error == ERR_INVALID || error == ERR_NOT_FOUND) (void)manifest_load(m);
        return error;
    }
    move_entries(m);
    m->torn = false;
    error = directory_sync(m->files, m->folder);
    m->suspect = error != 0; /* a power failure may bring back the old file, without later lines */
    return error;
}
