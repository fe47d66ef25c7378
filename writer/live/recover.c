/* recover.c - closes the segments that a crash has left open.
 * Frames are kept or not as a whole: one is kept if its checksum is right and its lines are whole.
 * After a crash during recovery, running it again has the same result. */
#include "writer/live/recover.h"

#include <stdio.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/live/segment.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* What was found in one open segment. */
struct recovered {
    uint64_t frames, lines, aside, end; /* end: after the last frame that is kept */
    uint64_t size;
};

static int set_aside(struct files *files, const char *path, uint64_t offset, uint64_t size) {
    struct file file;
    uint8_t header[FRAME_COVER_BYTES];
    frame_set_aside(size, header);
    int error = file_open(files, path, FILE_WRITE, &file);
    if (error) return error;
    error = file_write_at(&file, header, sizeof header, offset);
    file_close(&file);
    return error;
}

/* Damage at the reader's offset: finds the next sound frame, whatever size the damaged one claims,
 * and sets aside everything before it.  0: found; ERR_NOT_FOUND: no sound frame follows. */
static int pass_over(struct files *files, const char *path, struct segment_reader *reader,
                     struct recovered *found) {
    const int result = segment_reader_skip_damage(reader);
    if (result <= 0) return result < 0 ? result : ERR_NOT_FOUND;
    const uint64_t bad = reader->offset, size = reader->next_offset - bad;
    if (size < FRAME_COVER_BYTES) return ERR_NOT_FOUND; /* no room for a header */
    found->aside++;
    return set_aside(files, path, bad, size);
}

/* stop may be NULL. */
static int read_through(struct files *files, const char *path, const atomic_bool *stop,
                        struct recovered *found) {
    struct segment_reader reader;
    struct file_status status;
    *found = (struct recovered){0};
    int error = segment_reader_open(files, path, &reader);
    if (error) return error;
    error = file_status(&reader.file, &status);
    found->size = status.size;
    while (!error) { /* each round advances by a frame; the file's end ends it */
        enum segment_damage damage;
        if (stop != NULL && atomic_load_explicit(stop, memory_order_relaxed)) {
            error = ERR_CANCELLED;
            break;
        }
        const int more = segment_reader_next(&reader, &damage);
        if (more < 0) {
            error = more;
        } else if (more > 0) {
            found->frames++;
            found->lines += reader.raw_lines;
            found->end = reader.next_offset;
        } else if (damage == SEGMENT_BAD_DATA || damage == SEGMENT_BAD_HEADER) {
            error = pass_over(files, path, &reader, found);
            if (error == ERR_NOT_FOUND) break;
        } else {
            /* Sound to its end, padding included. */
            if (damage == SEGMENT_SOUND) found->end = found->size;
            break;
        }
    }
    segment_reader_close(&reader);
    return error == ERR_NOT_FOUND ? 0 : error;
}

static int cut(struct files *files, const char *path, uint64_t size) {
    struct file file;
    int error = file_open(files, path, FILE_WRITE, &file);
    if (error) return error;
    error = file_truncate(&file, size);
    if (!error) error = file_sync(&file);
    /* Lines compress to about a quarter.  A start does not wait for a large index. */
    if (!error && size <= SEGMENT_INDEX_AT_ONCE_BYTES / 4)
        segment_add_index(&file, path, size, NULL);
    file_close(&file);
    return error;
}

static int remove_empty(struct files *files, const char *path, uint64_t size) {
    const int error = file_remove(files, path);
    if (!error)
        say("%s: found open without a whole frame (%llu bytes): removed", path,
            (unsigned long long)size);
    return error;
}

static int recover_segment(struct files *files, const char *folder,
                           const struct segment_file *segment, const atomic_bool *stop,
                           struct recovery *recovery) {
    struct recovered found;
    int error = read_through(files, segment->path, stop, &found);
    if (error) return error;
    const uint64_t torn = found.size - found.end;
    recovery->segments++;
    recovery->bytes_cut += torn;
    recovery->frames_aside += found.aside;
    if (found.frames == 0) return remove_empty(files, segment->path, found.size);
    recovery->frames += found.frames;
    recovery->lines += found.lines;
    error = cut(files, segment->path, found.end);
    if (error) return error;
    char final[PATH_BYTES_MAX], text[SEGMENT_NAME_MAX];
    struct segment_name name = segment->name;
    name.part = false;
    if (!path_join(final, folder, segment_name_format(&name, text), NULL)) return ERR_NAME_TOO_LONG;
    error = file_rename(files, segment->path, final);
    if (error) return error;
    say("%s: recovered: kept %llu lines in %llu frames, cut off %llu torn bytes, hid %llu damaged "
        "stretches",
        final, (unsigned long long)found.lines, (unsigned long long)found.frames,
        (unsigned long long)torn, (unsigned long long)found.aside);
    return 0;
}

/* A damaged or odd file must not keep the daemon from starting; one that cannot be read for the
 * moment does, because it may hold the only record of a sequence. */
static int read_sequence(struct files *files, const char *path, struct recovery *recovery) {
    const int error = sequence_read(files, path, &recovery->stored_sequence);
    const bool odd = error == ERR_NOT_SEEKABLE || error == ERR_LINK_LOOP;
    recovery->last_sequence = recovery->stored_sequence;
    if (error == 0) return 0;
    if (error != ERR_NOT_FOUND && error != ERR_INVALID && !odd) return error;
    recovery->sequence = error == ERR_NOT_FOUND ? SEQUENCE_MISSING : SEQUENCE_DAMAGED;
    if (odd) recovery->sequence_error = error;
    return 0;
}

static void count_sequence(const char *path, uint64_t sequence, struct recovery *recovery) {
    if (sequence > SEQUENCE_CONTINUED_MAX)
        say("%s: the stream does not continue after such a high sequence; move the file to another "
            "folder",
            path);
    else if (sequence > recovery->last_sequence)
        recovery->last_sequence = sequence;
}

/* Its sequence counts as used: two names with one sequence would confuse readers. */
static void pass_odd(const struct segment_skipped *skipped, struct recovery *recovery) {
    struct segment_name name;
    say("%s: %s; left as it is", skipped->path, error_text(skipped->error));
    if (segment_name_parse(path_name(skipped->path), &name))
        count_sequence(skipped->path, name.sequence, recovery);
}

int recover_stream(struct files *files, const char *directory, const char *stream,
                   struct recovery *recovery) {
    char folder[PATH_BYTES_MAX], state[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    char file[STREAM_NAME_MAX + 16];
    *recovery = (struct recovery){0};
    snprintf(recovery->failed_path, sizeof recovery->failed_path, "%s/%s", directory, stream);
    snprintf(file, sizeof file, "%s.sequence", stream);
    if (!path_join(folder, directory, stream, NULL) ||
        !path_join(state, directory, "state", NULL) || !path_join(path, directory, "state", file))
        return ERR_NAME_TOO_LONG;
    char *const failed = recovery->failed_path;
    strcpy(failed, state);
    int error = directory_make(files, state);
    if (!error) strcpy(failed, folder);
    if (!error) error = directory_make(files, folder);
    /* A daemon that made them may have crashed before it could do this. */
    if (!error) strcpy(failed, directory);
    if (!error) error = directory_sync_above(files, folder);
    if (!error) error = directory_sync_all_above(files, directory);
    if (!error) strcpy(failed, path);
    if (!error) error = read_sequence(files, path, recovery);
    struct segment_list list = {0};
    if (!error) strcpy(failed, folder);
    if (!error) error = segment_list_add(files, folder, &list);
    for (uint32_t i = 0; i < list.skipped_count; i++)
        pass_odd(&list.skipped[i], recovery);
    for (uint32_t i = 0; i < list.count && !error; i++) {
        struct segment_file *segment = &list.files[i];
        count_sequence(segment->path, segment->name.sequence, recovery);
        if (!segment->name.part) continue;
        const int left = recover_segment(files, folder, segment, NULL, recovery);
        if (left == 0) continue;
        recovery->left++;
        say("%s: cannot be recovered: %s; left as it is, tried again while the daemon runs",
            segment->path, error_text(left));
    }
    segment_list_free(&list);
    if (!error && recovery->segments) error = directory_sync(files, folder);
    return error;
}

int recover_left(struct files *files, const char *folder, uint64_t last_sequence,
                 const atomic_bool *stop, uint32_t *left) {
    struct recovery recovery = {0};
    struct segment_list list = {0};
    uint32_t found = 0;
    int error = segment_list_add(files, folder, &list);
    *left = 0;
    for (uint32_t i = 0; i < list.count && error != ERR_CANCELLED; i++) {
        const struct segment_file *segment = &list.files[i];
        if (!segment->name.part || segment->name.sequence > last_sequence) continue;
        found++;
        const int result = recover_segment(files, folder, segment, stop, &recovery);
        if (result == ERR_CANCELLED) error = result;
        if (result) ++*left;
    }
    segment_list_free(&list);
    if (found > *left) (void)directory_sync(files, folder);
    return error;
}
