/* manifest_measure.c - the manifest's record of a segment, made from the segment itself. */
#include <string.h>

#include "port/error.h"
#include "writer/index/index.h"
#include "writer/keep/manifest.h"
#include "writer/keep/manifest_internal.h"
#include "writer/segment/digest.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* Reads all that can be read; skips damage as index_append does. */
static int measure(struct segment_reader *reader, struct lines_digest *digest, uint64_t *lines,
                   uint64_t *raw_bytes) {
    bool damaged = false;
    for (;;) { /* each round advances by a frame or damage; ends at the end of the file */
        enum segment_damage damage = SEGMENT_SOUND;
        const int more = segment_reader_next(reader, &damage);
        if (more < 0) return more;
        if (more > 0) {
            lines_digest_add(digest, reader->raw, reader->raw_size);
            *lines += reader->raw_lines;
            *raw_bytes += reader->raw_size;
            continue;
        }
        if (damage == SEGMENT_SOUND) break;
        damaged = true;
        const int found = segment_reader_skip_damage(reader);
        if (found < 0) return found;
        if (found == 0) break;
    }
    return damaged ? ERR_INVALID : 0;
}

int manifest_measure(struct files *files, const char *path, uint64_t *lines, uint64_t *raw_bytes,
                     uint64_t *xxh3) {
    struct segment_reader reader;
    struct lines_digest digest;
    *lines = *raw_bytes = *xxh3 = 0;
    int error = segment_reader_open(files, path, &reader);
    if (error) return error;
    error = lines_digest_open(&digest);
    if (!error) {
        error = measure(&reader, &digest, lines, raw_bytes);
        *xxh3 = lines_digest_value(&digest);
        lines_digest_close(&digest);
    }
    segment_reader_close(&reader);
    return error;
}

static int describe_by_index(struct file *file, struct manifest_record *record) {
    struct segment_index index;
    const int error = index_load(file, &index);
    if (error) return error;
    record->lines = index.lines;
    record->raw_bytes = index.raw_size;
    record->xxh3 = index.lines_digest;
    record->first_time_ns = index.span.time_min_ns;
    record->last_time_ns = index.span.time_max_ns;
    record->closed_ns = index.span.received_max_ns;
    index_free(&index);
    return 0;
}

int manifest_describe(struct files *files, const char *path, struct manifest_record *record) {
    struct file file;
    struct file_status status;
    memset(record, 0, sizeof *record);
    record->first_time_ns = INT64_MIN;
    record->last_time_ns = record->closed_ns = INT64_MAX;
    if (!segment_name_parse(path_name(path), &record->name) || record->name.part)
        return ERR_INVALID;
    int error = file_open(files, path, FILE_READ, &file);
    if (error) return error;
    error = file_status(&file, &status);
    if (!error) error = describe_by_index(&file, record);
    file_close(&file);
    if (error == ERR_NOT_FOUND) {
        error = manifest_measure(files, path, &record->lines, &record->raw_bytes, &record->xxh3);
        if (error == ERR_INVALID) error = 0;
    }
    if (error) return error;
    record->bytes = status.size;
    /* Without the receive times of its lines, use the file's modification time: the last write to
     * a closed segment is its index, soon after closing. */
    if (record->closed_ns == INT64_MAX || record->closed_ns == INT64_MIN)
        record->closed_ns = status.modified_ns > record->name.opened_ns ? status.modified_ns
                                                                        : record->name.opened_ns;
    return 0;
}

int manifest_ensure(struct manifest *manifest, const char *path, enum manifest_event event,
                    int64_t now_ns) {
    struct files *files = manifest->files;
    struct segment_name name;
    struct manifest_record record;
    struct file_status status;
    if (!segment_name_parse(path_name(path), &name) || name.part) return ERR_INVALID;
    if (manifest_state(manifest, name.stream, name.sequence, NULL) >= event) return 0;
    int error = manifest_describe(files, path, &record); /* may read all lines: not with the lock */
    record.event = event;
    record.time_ns = now_ns;
    if (!error) error = manifest_lock(manifest);
    if (error) return error == ERR_NOT_FOUND ? 0 : error;
    error = file_status_of(files, path, &status);
    if (!error && manifest_state_locked(manifest, name.stream, name.sequence) < event)
        error = manifest_append_locked(manifest, &record);
    manifest_unlock(manifest);
    return error == ERR_NOT_FOUND ? 0 : error;
}
