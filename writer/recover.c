/* recover.c - closes the segments that a crash has left open.
 * A frame is whole if its checksum is right and its lines are; a frame is the
 * unit that is kept or not. Running it again after a crash in the middle of it
 * does the same once more. */
#include "writer/recover.h"

#include <stdio.h>
#include <string.h>

#include "port/error.h"
#include "port/system.h"
#include "writer/frame.h"
#include "writer/scan.h"
#include "writer/segment.h"

/* What was found in one open segment. */
struct findings {
    uint64_t frames, lines, aside, end; /* end: behind the last frame that stays */
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

static int read_through(struct files *files, const char *path, struct findings *found) {
    struct scan scan;
    struct file_status status;
    *found = (struct findings){0};
    int error = scan_open(files, path, &scan);
    if (error) return error;
    error = file_status(&scan.file, &status);
    found->size = status.size;
    while (!error) {
        enum scan_damage damage;
        const int more = scan_next(&scan, &damage);
        if (more < 0) {
            error = more;
        } else if (more > 0) {
            found->frames++;
            found->lines += scan.raw_lines;
            found->end = scan.next_offset;
        } else if (damage == SCAN_BAD_DATA) {
            error = set_aside(files, path, scan.offset, scan.next_offset - scan.offset);
            found->aside++;
        } else {
            break;
        }
    }
    scan_close(&scan);
    return error;
}

static int cut(struct files *files, const char *path, uint64_t size) {
    struct file file;
    int error = file_open(files, path, FILE_WRITE, &file);
    if (error) return error;
    error = file_truncate(&file, size);
    if (!error) error = file_sync(&file);
    file_close(&file);
    return error;
}

static int recover_segment(struct files *files, const char *folder, struct segment_file *segment,
                           struct recovery *recovery) {
    struct findings found;
    int error = read_through(files, segment->path, &found);
    if (error) return error;
    const uint64_t torn = found.size - found.end;
    recovery->segments++;
    recovery->bytes_cut += torn;
    recovery->frames_aside += found.aside;
    if (found.frames == 0) {
        say("%s: found open without a whole block, %llu bytes; removed", segment->path,
            (unsigned long long)found.size);
        return file_remove(files, segment->path);
    }
    recovery->frames += found.frames;
    recovery->lines += found.lines;
    error = cut(files, segment->path, found.end);
    if (error) return error;
    char final[SEGMENT_PATH_MAX], text[SEGMENT_NAME_MAX];
    struct segment_name name = segment->name;
    name.part = false;
    if (!path_join(final, folder, segment_name_format(&name, text), NULL)) return ERR_NAME_TOO_LONG;
    error = file_rename(files, segment->path, final);
    if (error) return error;
    say("%s: found open; kept %llu lines in %llu blocks, cut %llu torn bytes, set %llu damaged "
        "blocks aside",
        final, (unsigned long long)found.lines, (unsigned long long)found.frames,
        (unsigned long long)torn, (unsigned long long)found.aside);
    return 0;
}

int recover_stream(struct files *files, const char *directory, const char *stream,
                   struct recovery *recovery) {
    char folder[SEGMENT_PATH_MAX], state[SEGMENT_PATH_MAX], path[SEGMENT_PATH_MAX];
    char file[STREAM_NAME_MAX + 16];
    *recovery = (struct recovery){0};
    snprintf(file, sizeof file, "%s.sequence", stream);
    if (!path_join(folder, directory, stream, NULL) ||
        !path_join(state, directory, "state", NULL) || !path_join(path, directory, "state", file))
        return ERR_NAME_TOO_LONG;
    int error = directory_make(files, state);
    if (!error) error = directory_make(files, folder);
    if (!error) error = sequence_read(files, path, &recovery->last_sequence);
    if (error == ERR_INVALID) {
        say("%s: not a number; going on from the segments' names", path);
        error = 0;
    }
    struct segment_list list = {0};
    if (!error) error = segment_list_add(files, folder, &list);
    for (uint32_t i = 0; i < list.count && !error; i++) {
        struct segment_file *segment = &list.files[i];
        if (segment->name.sequence > recovery->last_sequence)
            recovery->last_sequence = segment->name.sequence;
        if (!segment->name.part) continue;
        error = recover_segment(files, folder, segment, recovery);
        if (error) say("%s: cannot be recovered: %s", segment->path, error_text(error));
    }
    segment_list_free(&list);
    if (!error && recovery->segments) error = directory_sync(files, folder);
    return error;
}
