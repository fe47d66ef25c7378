/* segment_reader.c - one segment, frame by frame, through two buffers that grow to the largest
 * frame (frame_header accepts none above frame_bytes_max(FRAME_RAW_MAX)).
 *
 * A segment may be in the middle of an append while we read.  Its cover shows that; but a system
 * need not write the eight bytes that lift it in one piece.  So only what two reads find is called
 * damage. */
#include "writer/segment/segment_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/archives.h"
#include "writer/segment/frame.h"

#define BUFFER_BYTES_MIN (64u << 10)
#define READS_MAX        2

/* These return 1: continue; 0: stop, *damage says why; or an error. */
static int find_data_frame(struct segment_reader *reader, struct frame_header *header,
                           enum segment_damage *damage);
static int read_header(struct segment_reader *reader, struct frame_header *header,
                       enum segment_damage *damage);
static int read_lines(struct segment_reader *reader, const struct frame_header *header,
                      enum segment_damage *damage);
static int was_lifted(struct segment_reader *reader, const struct frame_header *cover,
                      enum segment_damage *damage);
static int stands_whole(struct segment_reader *reader, uint64_t size, enum segment_damage *damage);

static int grow(uint8_t **buffer, size_t *buffer_max, size_t needed);
static uint32_t count_lines(const uint8_t *raw, uint32_t size);

int segment_reader_open(struct files *files, const char *path, struct segment_reader *reader) {
    *reader = (struct segment_reader){0};
    int error = file_open(files, path, FILE_READ, &reader->file);
    if (error != ERR_NOT_FOUND) return error;
    char *other = segment_path_other(path);
    if (other != NULL) error = file_open(files, other, FILE_READ, &reader->file);
    free(other);
    if (error != ERR_NOT_FOUND) return error;
    other = archives_find(files, path);
    if (other != NULL) error = file_open(files, other, FILE_READ, &reader->file);
    free(other);
    return error;
}

void segment_reader_close(struct segment_reader *reader) {
    file_close(&reader->file);
    free(reader->packed);
    free(reader->unpacked);
    *reader = (struct segment_reader){0};
}

void segment_reader_seek(struct segment_reader *reader, uint64_t offset) {
    reader->offset = reader->next_offset = offset;
    reader->frame_number = 0;
    reader->line_number = 0;
    reader->on_frame = false;
    reader->raw = NULL;
    reader->raw_size = reader->raw_lines = 0;
}

int segment_reader_next(struct segment_reader *reader, enum segment_damage *damage) {
    if (reader->on_frame) {
        reader->frame_number++;
        reader->line_number += reader->raw_lines;
        reader->on_frame = false;
    }
    reader->raw = NULL;
    reader->raw_size = reader->raw_lines = 0;

    struct frame_header header;
    reader->looked_from = reader->next_offset;
    int result = find_data_frame(reader, &header, damage);
    reader->offset = reader->next_offset;
    if (result > 0) result = read_lines(reader, &header, damage);
    if (result > 0) {
        reader->raw = reader->unpacked;
        reader->raw_size = header.raw_size;
        reader->raw_lines = count_lines(reader->raw, reader->raw_size);
    } else if (result == 0 && *damage == SEGMENT_BAD_DATA) {
        reader->frames_lost++;
    } else {
        return result;
    }
    reader->on_frame = true;
    reader->next_offset = reader->offset + header.size;
    return result;
}

int segment_reader_frames(struct segment_reader *reader, struct segment_reader_frame **frames,
                          uint64_t *count, enum segment_damage *damage) {
    *frames = NULL;
    *count = 0;
    size_t room = 0;
    const uint64_t next_offset = reader->next_offset;
    reader->next_offset = 0;
    int result;
    for (;;) { /* each round advances by a frame's bytes; the file's end ends it */
        struct frame_header header;
        result = find_data_frame(reader, &header, damage);
        if (result > 0) result = stands_whole(reader, header.size, damage);
        if (result <= 0) break;
        if (*count == room) {
            room = room == 0 ? 64 : room * 2;
            struct segment_reader_frame *more = realloc(*frames, room * sizeof *more);
            result = ERR_NO_MEMORY;
            if (more == NULL) break;
            *frames = more;
        }
        (*frames)[(*count)++] = (struct segment_reader_frame){
            .offset = reader->next_offset, .size = header.size, .raw_size = header.raw_size};
        reader->next_offset += header.size;
    }
    reader->next_offset = next_offset;
    return result;
}

/* True if a sound data frame begins at this offset. */
static bool frame_begins(struct segment_reader *reader, uint64_t offset) {
    enum segment_damage damage;
    segment_reader_seek(reader, offset);
    return segment_reader_next(reader, &damage) > 0 && reader->offset == offset;
}

int segment_reader_find_frame(struct segment_reader *reader, uint64_t offset, uint64_t *found) {
    static const uint8_t magic[4] = {0x04, 0x22, 0x4D, 0x18}; /* FRAME_MAGIC_DATA */
    uint8_t window[4096];
    for (;;) { /* each round advances by a window's bytes; the file's end ends it */
        const int64_t got = file_read_at(&reader->file, window, sizeof window, offset);
        if (got < (int64_t)sizeof magic) return got < 0 ? (int)got : 0;
        for (size_t i = 0; i + sizeof magic <= (size_t)got; i++) {
            if (memcmp(window + i, magic, sizeof magic) != 0) continue;
            if (!frame_begins(reader, offset + i)) continue;
            *found = offset + i;
            return 1;
        }
        offset += (uint64_t)got - (sizeof magic - 1);
    }
}

int segment_reader_skip_damage(struct segment_reader *reader) {
    const struct segment_reader before = *reader;
    uint64_t next = before.offset;
    const int result = segment_reader_find_frame(reader, before.looked_from + 1, &next);
    segment_reader_seek(reader, next);
    reader->offset = next < before.offset ? before.looked_from : before.offset;
    reader->frame_number = before.frame_number + 1;
    reader->line_number = before.line_number;
    /* A frame of bad data was counted when it was read. */
    reader->frames_lost = before.frames_lost + (before.on_frame ? 0 : 1);
    return result;
}

/* From next_offset over skippable frames to a data frame. */
static int find_data_frame(struct segment_reader *reader, struct frame_header *header,
                           enum segment_damage *damage) {
    for (;;) { /* each round advances by 8 bytes or more; the file's end ends it */
        int result = read_header(reader, header, damage);
        if (result <= 0 || header->kind == FRAME_DATA) return result;
        if (header->magic == FRAME_MAGIC_COVER) {
            result = was_lifted(reader, header, damage);
            if (result <= 0) return result;
            continue;
        }
        result = stands_whole(reader, header->size, damage);
        if (result <= 0) return result;
        reader->next_offset += header->size;
    }
}

/* 1: the cover is no longer there.  Nothing is written after a cover before it is lifted: if bytes
 * follow it at two reads, it is damage. */
static int was_lifted(struct segment_reader *reader, const struct frame_header *cover,
                      enum segment_damage *damage) {
    int result = stands_whole(reader, cover->size + 1, damage);
    *damage = SEGMENT_UNFINISHED;
    if (result <= 0) return result;
    struct frame_header again = {0};
    result = read_header(reader, &again, damage);
    if (result <= 0) return result;
    if (again.magic != FRAME_MAGIC_COVER) return 1;
    *damage = again.size == cover->size ? SEGMENT_BAD_HEADER : SEGMENT_UNFINISHED;
    return 0;
}

static int read_header(struct segment_reader *reader, struct frame_header *header,
                       enum segment_damage *damage) {
    for (int i = 0; i < READS_MAX; i++) {
        uint8_t bytes[FRAME_HEADER_BYTES];
        const int64_t got = file_read_at(&reader->file, bytes, sizeof bytes, reader->next_offset);
        if (got < 0) return (int)got;
        *damage = SEGMENT_SOUND;
        if (got == 0) return 0;
        const int error = frame_header(bytes, (size_t)got, header);
        if (error == 0) return 1;
        *damage = error == ERR_CLOSED ? SEGMENT_UNFINISHED : SEGMENT_BAD_HEADER;
        if (error == ERR_CLOSED) return 0;
    }
    return 0;
}

static int read_lines(struct segment_reader *reader, const struct frame_header *header,
                      enum segment_damage *damage) {
    const size_t size = (size_t)header->size;
    int error = grow(&reader->packed, &reader->packed_max, size);
    if (!error) error = grow(&reader->unpacked, &reader->unpacked_max, header->raw_size);
    if (error) return error;
    for (int i = 0; i < READS_MAX; i++) {
        const int64_t got = file_read_at(&reader->file, reader->packed, size, reader->next_offset);
        if (got < 0) return (int)got;
        *damage = SEGMENT_UNFINISHED;
        if ((size_t)got < size) return 0;
        *damage = SEGMENT_BAD_DATA;
        error = frame_decode(reader->packed, header, reader->unpacked);
        if (!error && reader->unpacked[header->raw_size - 1] == '\n') {
            *damage = SEGMENT_SOUND;
            return 1;
        }
    }
    return 0;
}

/* Does the file hold all `size` bytes from next_offset on? */
static int stands_whole(struct segment_reader *reader, uint64_t size, enum segment_damage *damage) {
    const uint64_t end = reader->next_offset + size;
    if (end <= reader->file_size) return 1;
    struct file_status status;
    const int error = file_status(&reader->file, &status);
    if (error) return error;
    reader->file_size = status.size;
    *damage = SEGMENT_UNFINISHED;
    return end <= status.size;
}

static int grow(uint8_t **buffer, size_t *buffer_max, size_t needed) {
    if (needed <= *buffer_max) return 0;
    assert(needed <= frame_bytes_max(FRAME_RAW_MAX));
    size_t room = BUFFER_BYTES_MIN;
    while (room < needed) {
        room *= 2;
    }
    free(*buffer); /* its content is read again */
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
