/* scan.c - one segment, frame by frame, through two buffers that grow to the largest
 * frame (frame_bytes_max(FRAME_RAW_MAX), to which frame_header holds every one).
 *
 * A segment may be in the middle of an append while we read.  Its cover says so; but
 * the eight bytes that lift it need not arrive in one piece where the system
 * does not promise that. So nothing is called damage that was not read twice. */
#include "writer/scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/archives.h"
#include "writer/frame.h"

#define BUFFER_BYTES_MIN (64u << 10)
#define READS_MAX        2

/* These return 1: go on; 0: stop, *damage says why; or an error. */
static int find_data_frame(struct scan *scan, struct frame_header *header,
                           enum scan_damage *damage);
static int read_header(struct scan *scan, struct frame_header *header, enum scan_damage *damage);
static int read_lines(struct scan *scan, const struct frame_header *header,
                      enum scan_damage *damage);
static int was_lifted(struct scan *scan, const struct frame_header *cover,
                      enum scan_damage *damage);
static int stands_whole(struct scan *scan, uint64_t size, enum scan_damage *damage);

static int grow(uint8_t **buffer, size_t *buffer_max, size_t needed);
static uint32_t count_lines(const uint8_t *raw, uint32_t size);

int scan_open(struct files *files, const char *path, struct scan *scan) {
    *scan = (struct scan){0};
    int error = file_open(files, path, FILE_READ, &scan->file);
    if (error != ERR_NOT_FOUND) return error;
    char *other = segment_path_other(path);
    if (other != NULL) error = file_open(files, other, FILE_READ, &scan->file);
    free(other);
    if (error != ERR_NOT_FOUND) return error;
    other = archives_find(files, path);
    if (other != NULL) error = file_open(files, other, FILE_READ, &scan->file);
    free(other);
    return error;
}

void scan_close(struct scan *scan) {
    file_close(&scan->file);
    free(scan->packed);
    free(scan->unpacked);
    *scan = (struct scan){0};
}

void scan_seek(struct scan *scan, uint64_t offset) {
    scan->offset = scan->next_offset = offset;
    scan->frame_number = 0;
    scan->line_number = 0;
    scan->on_frame = false;
    scan->raw = NULL;
    scan->raw_size = scan->raw_lines = 0;
}

int scan_next(struct scan *scan, enum scan_damage *damage) {
    if (scan->on_frame) {
        scan->frame_number++;
        scan->line_number += scan->raw_lines;
        scan->on_frame = false;
    }
    scan->raw = NULL;
    scan->raw_size = scan->raw_lines = 0;

    struct frame_header header;
    scan->looked_from = scan->next_offset;
    int result = find_data_frame(scan, &header, damage);
    scan->offset = scan->next_offset;
    if (result > 0) result = read_lines(scan, &header, damage);
    if (result > 0) {
        scan->raw = scan->unpacked;
        scan->raw_size = header.raw_size;
        scan->raw_lines = count_lines(scan->raw, scan->raw_size);
    } else if (result == 0 && *damage == SCAN_BAD_DATA) {
        scan->frames_lost++;
    } else {
        return result;
    }
    scan->on_frame = true;
    scan->next_offset = scan->offset + header.size;
    return result;
}

int scan_frames(struct scan *scan, struct scan_frame **frames, uint64_t *count,
                enum scan_damage *damage) {
    *frames = NULL;
    *count = 0;
    size_t room = 0;
    const uint64_t next_offset = scan->next_offset;
    scan->next_offset = 0;
    int result;
    for (;;) { /* each round goes on by a frame's bytes; the file's end ends it */
        struct frame_header header;
        result = find_data_frame(scan, &header, damage);
        if (result > 0) result = stands_whole(scan, header.size, damage);
        if (result <= 0) break;
        if (*count == room) {
            room = room == 0 ? 64 : room * 2;
            struct scan_frame *more = realloc(*frames, room * sizeof *more);
            result = ERR_NO_MEMORY;
            if (more == NULL) break;
            *frames = more;
        }
        (*frames)[(*count)++] = (struct scan_frame){
            .offset = scan->next_offset, .size = header.size, .raw_size = header.raw_size};
        scan->next_offset += header.size;
    }
    scan->next_offset = next_offset;
    return result;
}

/* True if a sound data frame begins at this offset. */
static bool frame_begins(struct scan *scan, uint64_t offset) {
    enum scan_damage damage;
    scan_seek(scan, offset);
    return scan_next(scan, &damage) > 0 && scan->offset == offset;
}

int scan_find_frame(struct scan *scan, uint64_t offset, uint64_t *found) {
    static const uint8_t magic[4] = {0x04, 0x22, 0x4D, 0x18}; /* FRAME_MAGIC_DATA */
    uint8_t window[4096];
    for (;;) { /* each round goes on by a window's bytes; the file's end ends it */
        const int64_t got = file_read_at(&scan->file, window, sizeof window, offset);
        if (got < (int64_t)sizeof magic) return got < 0 ? (int)got : 0;
        for (size_t i = 0; i + sizeof magic <= (size_t)got; i++) {
            if (memcmp(window + i, magic, sizeof magic) != 0) continue;
            if (!frame_begins(scan, offset + i)) continue;
            *found = offset + i;
            return 1;
        }
        offset += (uint64_t)got - (sizeof magic - 1);
    }
}

int scan_skip_damage(struct scan *scan) {
    const struct scan before = *scan;
    uint64_t next = before.offset;
    const int result = scan_find_frame(scan, before.looked_from + 1, &next);
    scan_seek(scan, next);
    scan->offset = next < before.offset ? before.looked_from : before.offset;
    scan->frame_number = before.frame_number + 1;
    scan->line_number = before.line_number;
    /* A frame of bad data was counted when it was met. */
    scan->frames_lost = before.frames_lost + (before.on_frame ? 0 : 1);
    return result;
}

/* From next_offset over skippable frames to a data frame. */
static int find_data_frame(struct scan *scan, struct frame_header *header,
                           enum scan_damage *damage) {
    for (;;) { /* each round goes on by 8 bytes or more; the file's end ends it */
        int result = read_header(scan, header, damage);
        if (result <= 0 || header->kind == FRAME_DATA) return result;
        if (header->magic == FRAME_MAGIC_COVER) {
            result = was_lifted(scan, header, damage);
            if (result <= 0) return result;
            continue;
        }
        result = stands_whole(scan, header->size, damage);
        if (result <= 0) return result;
        scan->next_offset += header->size;
    }
}

/* 1: the cover is no longer there.  Nothing is written behind one before it is lifted: one with
 * more behind it, twice, is damage. */
static int was_lifted(struct scan *scan, const struct frame_header *cover,
                      enum scan_damage *damage) {
    int result = stands_whole(scan, cover->size + 1, damage);
    *damage = SCAN_UNFINISHED;
    if (result <= 0) return result;
    struct frame_header again = {0};
    result = read_header(scan, &again, damage);
    if (result <= 0) return result;
    if (again.magic != FRAME_MAGIC_COVER) return 1;
    *damage = again.size == cover->size ? SCAN_BAD_HEADER : SCAN_UNFINISHED;
    return 0;
}

static int read_header(struct scan *scan, struct frame_header *header, enum scan_damage *damage) {
    for (int i = 0; i < READS_MAX; i++) {
        uint8_t bytes[FRAME_HEADER_BYTES];
        const int64_t got = file_read_at(&scan->file, bytes, sizeof bytes, scan->next_offset);
        if (got < 0) return (int)got;
        *damage = SCAN_SOUND;
        if (got == 0) return 0;
        const int error = frame_header(bytes, (size_t)got, header);
        if (error == 0) return 1;
        *damage = error == ERR_CLOSED ? SCAN_UNFINISHED : SCAN_BAD_HEADER;
        if (error == ERR_CLOSED) return 0;
    }
    return 0;
}

static int read_lines(struct scan *scan, const struct frame_header *header,
                      enum scan_damage *damage) {
    const size_t size = (size_t)header->size;
    int error = grow(&scan->packed, &scan->packed_max, size);
    if (!error) error = grow(&scan->unpacked, &scan->unpacked_max, header->raw_size);
    if (error) return error;
    for (int i = 0; i < READS_MAX; i++) {
        const int64_t got = file_read_at(&scan->file, scan->packed, size, scan->next_offset);
        if (got < 0) return (int)got;
        *damage = SCAN_UNFINISHED;
        if ((size_t)got < size) return 0;
        *damage = SCAN_BAD_DATA;
        error = frame_decode(scan->packed, header, scan->unpacked);
        if (!error && scan->unpacked[header->raw_size - 1] == '\n') {
            *damage = SCAN_SOUND;
            return 1;
        }
    }
    return 0;
}

/* Does the file go on for all of the frame at next_offset? */
static int stands_whole(struct scan *scan, uint64_t size, enum scan_damage *damage) {
    const uint64_t end = scan->next_offset + size;
    if (end <= scan->file_size) return 1;
    struct file_status status;
    const int error = file_status(&scan->file, &status);
    if (error) return error;
    scan->file_size = status.size;
    *damage = SCAN_UNFINISHED;
    return end <= status.size;
}

static int grow(uint8_t **buffer, size_t *buffer_max, size_t needed) {
    if (needed <= *buffer_max) return 0;
    assert(needed <= frame_bytes_max(FRAME_RAW_MAX));
    size_t room = BUFFER_BYTES_MIN;
    while (room < needed) {
        room *= 2;
    }
    free(*buffer); /* what it held is read anew */
    *buffer = malloc(room);
    *buffer_max = *buffer == NULL ? 0 : room;
    return *buffer == NULL ? ERR_NO_MEMORY : 0;
}

static uint32_t count_lines(const uint8_t *raw, uint32_t size) {
    uint32_t lines = 0;
    for (uint32_t i = 0; i < size; i++) {
        lines += raw[i] == '\n';
    }
    return lines;
}
