/* segment_reader_test.c - segments are read frame by frame, whether sound, live, torn or damaged;
 * and lists of segments.  The files are in memory, so that a test decides what happens between two
 * reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* ---- files in memory ---- */

#define MEMORY_FILES_MAX 32

struct memory_file {
    char path[200];
    uint8_t *bytes;
    size_t size;
    uint64_t id;
    bool used;
};

struct memory {
    struct files files; /* first: a struct files * points to the struct memory too */
    struct memory_file all[MEMORY_FILES_MAX];
    void (*event)(struct memory *); /* runs once, after `calls_before` calls */
    int calls_before;
    uint8_t held_back[8]; /* bytes that bytes_arrive writes */
    size_t held_back_offset;
    char denied[200]; /* a folder that cannot be listed */
    int read_error;   /* the next read fails with it; 0: succeeds */
    void *scratch;
};

static void happen(struct memory *memory) {
    if (memory->event == NULL || memory->calls_before-- > 0) return;
    void (*event)(struct memory *) = memory->event;
    memory->event = NULL;
    memory->calls_before = 0;
    event(memory);
}

static struct memory_file *find(struct memory *memory, const char *path) {
    for (int i = 0; i < MEMORY_FILES_MAX; i++) {
        struct memory_file *file = &memory->all[i];
        if (file->used && strcmp(file->path, path) == 0) return file;
    }
    return NULL;
}

static struct memory_file *put(struct memory *memory, const char *path) {
    for (int i = 0; i < MEMORY_FILES_MAX; i++) {
        struct memory_file *file = &memory->all[i];
        if (file->used) continue;
        *file = (struct memory_file){.id = (uint64_t)i + 100, .used = true};
        snprintf(file->path, sizeof file->path, "%s", path);
        return file;
    }
    fail_msg("no room for %s", path);
    return NULL;
}

static int memory_open(struct files *files, const char *path, enum file_access access,
                       struct file *file) {
    struct memory *memory = (struct memory *)files;
    assert_int_equal(access, FILE_READ);
    happen(memory);
    struct memory_file *found = find(memory, path);
    if (found == NULL) return ERR_NOT_FOUND;
    file->handle = (intptr_t)found;
    return 0;
}

static void memory_close(struct file *file) {
    file->handle = 0;
}

static int64_t memory_read_at(struct file *file, void *bytes, size_t size, uint64_t offset) {
    struct memory *memory = (struct memory *)file->files;
    const struct memory_file *found = (const struct memory_file *)file->handle;
    if (memory->read_error) {
        const int error = memory->read_error;
        memory->read_error = 0;
        return error;
    }
    size_t got = 0;
    if (offset < found->size) got = found->size - (size_t)offset;
    if (got > size) got = size;
    if (got > 0) memcpy(bytes, found->bytes + offset, got);
    happen(memory); /* this read has not seen the change */
    return (int64_t)got;
}

static int memory_status(struct file *file, struct file_status *status) {
    const struct memory_file *found = (const struct memory_file *)file->handle;
    *status = (struct file_status){.size = found->size, .id = found->id};
    return 0;
}

static int memory_status_of(struct files *files, const char *path, struct file_status *status) {
    struct memory *memory = (struct memory *)files;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    *status = (struct file_status){0};
    const struct memory_file *found = find(memory, path);
    if (found != NULL) {
        *status = (struct file_status){.size = found->size, .id = found->id};
        happen(memory);
        return 0;
    }
    for (int i = 0; i < MEMORY_FILES_MAX; i++) {
        const struct memory_file *file = &memory->all[i];
        if (file->used && strncmp(file->path, path, length) == 0 && file->path[length] == '/') {
            status->directory = true;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

static int memory_list(struct files *files, const char *path, file_visit *visit, void *context) {
    struct memory *memory = (struct memory *)files;
    if (strcmp(path, memory->denied) == 0) return ERR_DENIED;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    char last[200] = "";
    for (int i = 0; i < MEMORY_FILES_MAX; i++) {
        const struct memory_file *file = &memory->all[i];
        if (!file->used || strncmp(file->path, path, length) != 0 || file->path[length] != '/')
            continue;
        char name[200];
        snprintf(name, sizeof name, "%s", file->path + length + 1);
        char *slash = strchr(name, '/');
        if (slash != NULL) *slash = '\0';
        if (slash != NULL && strcmp(name, last) == 0) continue; /* list each folder once */
        if (slash != NULL) strcpy(last, name);
        if (!visit(context, name, slash != NULL)) break;
    }
    return 0;
}

static int memory_make(void **state) {
    struct memory *memory = calloc(1, sizeof *memory);
    assert_non_null(memory);
    memory->files = (struct files){.open = memory_open,
                                   .close = memory_close,
                                   .read_at = memory_read_at,
                                   .status = memory_status,
                                   .status_of = memory_status_of,
                                   .list = memory_list};
    memory->scratch = malloc(frame_scratch_bytes());
    *state = memory;
    return 0;
}

static int memory_free(void **state) {
    struct memory *memory = *state;
    for (int i = 0; i < MEMORY_FILES_MAX; i++) {
        free(memory->all[i].bytes);
    }
    free(memory->scratch);
    free(memory);
    return 0;
}

/* ---- segments ---- */

#define SEGMENT_PATH "logs/main/main-0000000001-20261124T073000Z.part.ndjson.lz4"
#define CLOSED_PATH  "logs/main/main-0000000001-20261124T073000Z.ndjson.lz4"

static void append(struct memory_file *file, const void *bytes, size_t size) {
    file->bytes = realloc(file->bytes, file->size + size);
    assert_non_null(file->bytes);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void append_raw(struct memory *memory, struct memory_file *file, const void *raw,
                       size_t size) {
    uint8_t *packed = malloc(frame_bytes_max(size));
    assert_non_null(packed);
    append(file, packed, frame_encode(memory->scratch, raw, size, 1, packed));
    free(packed);
}

/* Appends a frame of `lines` lines, numbered from `first`. */
static void append_lines(struct memory *memory, struct memory_file *file, int first, int lines) {
    char raw[8192];
    size_t size = 0;
    for (int i = first; i < first + lines; i++) {
        size += (size_t)snprintf(raw + size, sizeof raw - size, "{\"line\":%d}\n", i);
    }
    append_raw(memory, file, raw, size);
}

static void append_skippable(struct memory_file *file, uint32_t magic, uint32_t size) {
    uint8_t bytes[8 + 256] = {(uint8_t)magic,
                              (uint8_t)(magic >> 8),
                              (uint8_t)(magic >> 16),
                              (uint8_t)(magic >> 24),
                              (uint8_t)size,
                              0,
                              0,
                              0};
    assert_true(size < 256);
    append(file, bytes, 8 + size);
}

/* The next frame holds exactly these lines. */
static void reads_lines(struct segment_reader *reader, int first, int lines) {
    enum segment_damage damage;
    assert_int_equal(segment_reader_next(reader, &damage), 1);
    assert_int_equal(damage, SEGMENT_SOUND);
    assert_int_equal(reader->raw_lines, lines);
    const char *p = (const char *)reader->raw;
    for (int i = first; i < first + lines; i++) {
        char line[64];
        const size_t length = (size_t)snprintf(line, sizeof line, "{\"line\":%d}\n", i);
        assert_memory_equal(p, line, length);
        p += length;
    }
    assert_ptr_equal(p, reader->raw + reader->raw_size);
}

static void reads_nothing(struct segment_reader *reader, enum segment_damage expected) {
    enum segment_damage damage;
    assert_int_equal(segment_reader_next(reader, &damage), 0);
    assert_int_equal(damage, expected);
    assert_null(reader->raw);
}

static struct memory_file *open_new(struct memory *memory, struct segment_reader *reader) {
    struct memory_file *file = put(memory, SEGMENT_PATH);
    assert_int_equal(segment_reader_open(&memory->files, SEGMENT_PATH, reader), 0);
    return file;
}

/* ---- sound ---- */

static void lines_come_in_order_with_their_numbers(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 3);
    const size_t second = file->size;
    append_lines(memory, file, 3, 200);
    append_lines(memory, file, 203, 1);
    reads_lines(&reader, 0, 3);
    assert_int_equal(reader.offset, 0);
    assert_int_equal(reader.next_offset, second);
    reads_lines(&reader, 3, 200);
    assert_int_equal(reader.offset, second);
    assert_int_equal(reader.line_number, 3);
    reads_lines(&reader, 203, 1);
    assert_int_equal(reader.frame_number, 2);
    assert_int_equal(reader.line_number, 203);
    for (int i = 0; i < 3; i++) {
        reads_nothing(&reader, SEGMENT_SOUND);
        assert_int_equal(reader.frame_number, 3); /* the number of the next frame */
        assert_int_equal(reader.line_number, 204);
        assert_int_equal(reader.offset, file->size);
    }
    segment_reader_close(&reader);
}

static void an_empty_file_is_sound_and_has_no_lines(void **state) {
    struct segment_reader reader;
    open_new(*state, &reader);
    reads_nothing(&reader, SEGMENT_SOUND);
    segment_reader_close(&reader);
}

/* A cover hides what follows, and receipts confirm their size (span_test). */
static bool is_special(uint32_t magic) {
    return magic == FRAME_MAGIC_COVER || magic == FRAME_MAGIC_RECEIPTS;
}

static void skippable_frames_of_any_kind_are_skipped(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    for (uint32_t i = 0; i < 16; i++) {
        if (is_special(FRAME_MAGIC_LID + i)) continue;
        /* Padding is empty and a lid is short: a larger size is damage (frame_test). */
        const bool empty = i == 0 || FRAME_MAGIC_LID + i == FRAME_MAGIC_PADDING;
        append_skippable(file, FRAME_MAGIC_LID + i, empty ? 0 : i * 15);
        append_lines(memory, file, (int)i, 1);
    }
    append_skippable(file, FRAME_MAGIC_FOOTER, 16);
    for (uint32_t i = 0; i < 16; i++) {
        if (is_special(FRAME_MAGIC_LID + i)) continue;
        reads_lines(&reader, (int)i, 1);
    }
    reads_nothing(&reader, SEGMENT_SOUND);
    assert_int_equal(reader.line_number, 14);
    segment_reader_close(&reader);
}

static void the_largest_frame_is_read_with_bounded_buffers(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    uint8_t *raw = malloc(FRAME_RAW_MAX);
    assert_non_null(raw);
    uint64_t chance = 1; /* incompressible, so that it is stored at full size */
    for (size_t i = 0; i < FRAME_RAW_MAX; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        raw[i] = (uint8_t)(chance >> 56);
    }
    raw[FRAME_RAW_MAX - 1] = '\n';
    append_lines(memory, file, 0, 1);
    append_raw(memory, file, raw, FRAME_RAW_MAX);
    append_lines(memory, file, 1, 1);
    reads_lines(&reader, 0, 1);
    enum segment_damage damage;
    assert_int_equal(segment_reader_next(&reader, &damage), 1);
    assert_int_equal(reader.raw_size, FRAME_RAW_MAX);
    assert_memory_equal(reader.raw, raw, FRAME_RAW_MAX);
    uint32_t lines = 0;
    for (size_t i = 0; i < FRAME_RAW_MAX; i++) {
        lines += raw[i] == '\n';
    }
    assert_int_equal(reader.raw_lines, lines);
    reads_lines(&reader, 1, 1);
    assert_in_range(reader.packed_max, FRAME_RAW_MAX, 2 * FRAME_RAW_MAX);
    assert_in_range(reader.unpacked_max, FRAME_RAW_MAX, FRAME_RAW_MAX);
    free(raw);
    segment_reader_close(&reader);
}

/* ---- live ---- */

static void an_append_is_read_once_it_is_uncovered(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    const size_t append_at = file->size;
    append_lines(memory, file, 2, 5);
    uint8_t truth[FRAME_COVER_BYTES];
    memcpy(truth, file->bytes + append_at, sizeof truth);
    frame_cover(file->size - append_at, file->bytes + append_at);
    reads_lines(&reader, 0, 2);
    for (int i = 0; i < 3; i++) {
        reads_nothing(&reader, SEGMENT_UNFINISHED);
        assert_int_equal(reader.offset, append_at);
        assert_int_equal(reader.next_offset, append_at);
    }
    memcpy(file->bytes + append_at, truth, sizeof truth);
    reads_lines(&reader, 2, 5);
    assert_int_equal(reader.line_number, 2);
    reads_nothing(&reader, SEGMENT_SOUND);
    append_lines(memory, file, 7, 1);
    reads_lines(&reader, 7, 1);
    assert_int_equal(reader.line_number, 7);
    assert_int_equal(reader.frame_number, 2);
    segment_reader_close(&reader);
}

static void bytes_arrive(struct memory *memory) {
    uint8_t *bytes = find(memory, SEGMENT_PATH)->bytes;
    memcpy(bytes + memory->held_back_offset, memory->held_back, sizeof memory->held_back);
}

/* Whichever eight bytes were missing when the frame was read. */
static void a_read_that_races_with_the_writer_is_repeated(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    const size_t append_at = file->size;
    append_lines(memory, file, 2, 5);
    for (size_t at = append_at; at + sizeof memory->held_back <= file->size; at++) {
        memory->held_back_offset = at;
        memcpy(memory->held_back, file->bytes + at, sizeof memory->held_back);
        memset(file->bytes + at, 0xEE, sizeof memory->held_back);
        /* The first read gets the header, the second one the whole frame. */
        memory->calls_before = at < append_at + FRAME_HEADER_BYTES ? 0 : 1;
        memory->event = bytes_arrive;
        segment_reader_seek(&reader, append_at);
        reads_lines(&reader, 2, 5);
        assert_true(memory->event == NULL);
    }
    segment_reader_close(&reader);
}

static void a_read_error_is_returned_and_the_frame_can_be_read_again(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    append_lines(memory, file, 2, 2);
    reads_lines(&reader, 0, 2);
    enum segment_damage damage;
    memory->read_error = ERR_IO;
    assert_int_equal(segment_reader_next(&reader, &damage), ERR_IO);
    reads_lines(&reader, 2, 2);
    assert_int_equal(reader.line_number, 2);
    assert_int_equal(reader.frame_number, 1);
    segment_reader_close(&reader);
}

/* ---- torn and damaged ---- */

static void a_file_torn_anywhere_yields_its_whole_frames(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    const size_t first = file->size;
    append_skippable(file, FRAME_MAGIC_LID, 40);
    const size_t lid = file->size;
    append_lines(memory, file, 2, 20);
    const size_t whole = file->size;
    for (size_t size = 1; size <= whole; size++) {
        file->size = size;
        segment_reader_close(&reader); /* it caches the size of the file */
        assert_int_equal(segment_reader_open(&memory->files, SEGMENT_PATH, &reader), 0);
        if (size >= first) reads_lines(&reader, 0, 2);
        if (size == whole) reads_lines(&reader, 2, 20);
        const bool sound = size == first || size == lid || size == whole;
        reads_nothing(&reader, sound ? SEGMENT_SOUND : SEGMENT_UNFINISHED);
        struct segment_reader_frame *frames;
        uint64_t count;
        enum segment_damage damage;
        assert_int_equal(segment_reader_frames(&reader, &frames, &count, &damage), 0);
        assert_int_equal(damage, sound ? SEGMENT_SOUND : SEGMENT_UNFINISHED);
        assert_int_equal(count, (size >= first) + (size == whole));
        free(frames);
    }
    segment_reader_close(&reader);
}

static void a_damaged_frame_loses_only_its_own_lines(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    const size_t begin = file->size;
    append_lines(memory, file, 2, 100);
    const size_t end = file->size;
    append_lines(memory, file, 102, 3);
    for (size_t at = begin + FRAME_HEADER_BYTES; at < end; at++) {
        file->bytes[at] ^= 0x10;
        segment_reader_seek(&reader, 0);
        const uint64_t lost = reader.frames_lost;
        reads_lines(&reader, 0, 2);
        reads_nothing(&reader, SEGMENT_BAD_DATA);
        assert_int_equal(reader.offset, begin);
        assert_int_equal(reader.next_offset, end);
        assert_int_equal(reader.frame_number, 1);
        assert_int_equal(reader.frames_lost, lost + 1);
        reads_lines(&reader, 102, 3);
        assert_int_equal(reader.frame_number, 2);
        assert_int_equal(reader.line_number, 2); /* lost lines are not counted */
        reads_nothing(&reader, SEGMENT_SOUND);
        file->bytes[at] ^= 0x10;
    }
    frame_set_aside(end - begin, file->bytes + begin);
    segment_reader_seek(&reader, 0);
    reads_lines(&reader, 0, 2);
    reads_lines(&reader, 102, 3);
    reads_nothing(&reader, SEGMENT_SOUND);
    segment_reader_close(&reader);
}

static void a_frame_whose_last_line_lacks_its_newline_is_damaged(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_raw(memory, file, "{\"a\":1}\n{\"b\":", 13);
    append_lines(memory, file, 0, 1);
    reads_nothing(&reader, SEGMENT_BAD_DATA);
    reads_lines(&reader, 0, 1);
    segment_reader_close(&reader);
}

static void bytes_that_are_no_frame_stop_the_reader(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    append_lines(memory, file, 0, 2);
    const size_t end = file->size;
    const uint8_t zeros[4096] = {0}; /* what a power failure leaves of a preallocated tail */
    append(file, zeros, sizeof zeros);
    append_lines(memory, file, 2, 2);
    reads_lines(&reader, 0, 2);
    for (int i = 0; i < 3; i++) {
        reads_nothing(&reader, SEGMENT_BAD_HEADER);
        assert_int_equal(reader.offset, end);
    }
    assert_int_equal(reader.frames_lost, 0);
    struct segment_reader_frame *frames;
    uint64_t count;
    enum segment_damage damage;
    assert_int_equal(segment_reader_frames(&reader, &frames, &count, &damage), 0);
    assert_int_equal(damage, SEGMENT_BAD_HEADER);
    assert_int_equal(count, 1);
    free(frames);
    segment_reader_seek(
        &reader, end + sizeof zeros); /* a caller that knows the next frame can continue there */
    reads_lines(&reader, 2, 2);
    segment_reader_close(&reader);
}

static void no_damage_yields_a_wrong_line_or_an_endless_read(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    for (int i = 0; i < 6; i++) {
        append_lines(memory, file, i * 5, 5);
        append_skippable(file, FRAME_MAGIC_LID, 30);
    }
    uint8_t *sound = malloc(file->size);
    assert_non_null(sound);
    memcpy(sound, file->bytes, file->size);
    uint64_t chance = 7;
    for (int round = 0; round < 3000; round++) {
        memcpy(file->bytes, sound, file->size);
        for (int edits = 1 + round % 5; edits > 0; edits--) {
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            file->bytes[(chance >> 20) % file->size] = (uint8_t)(chance >> 56);
        }
        segment_reader_seek(&reader, 0);
        enum segment_damage damage = SEGMENT_BAD_DATA;
        for (int steps = 0;; steps++) {
            assert_in_range(steps, 0, 12);
            const int result = segment_reader_next(&reader, &damage);
            if (result == 0 && damage != SEGMENT_BAD_DATA) break;
            if (result == 0) continue;
            assert_int_equal(reader.raw_lines, 5);
            int first = -1;
            assert_int_equal(sscanf((const char *)reader.raw, "{\"line\":%d}", &first), 1);
            assert_int_equal(first % 5, 0);
        }
    }
    free(sound);
    segment_reader_close(&reader);
}

/* ---- seeking ---- */

static void frames_can_be_located_without_reading_and_read_backwards(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    struct memory_file *file = open_new(memory, &reader);
    for (int i = 0; i < 200; i++) {
        append_lines(memory, file, i * 3, 3);
        if (i % 10 == 0) append_skippable(file, FRAME_MAGIC_LID, 20);
    }
    reads_lines(&reader, 0, 3);
    struct segment_reader_frame *frames;
    uint64_t count;
    enum segment_damage damage;
    assert_int_equal(segment_reader_frames(&reader, &frames, &count, &damage), 0);
    assert_int_equal(damage, SEGMENT_SOUND);
    assert_int_equal(count, 200);
    reads_lines(&reader, 3, 3); /* the reader's position is unchanged */
    assert_int_equal(reader.line_number, 3);
    for (uint64_t i = count; i-- > 0;) {
        segment_reader_seek(&reader, frames[i].offset);
        reads_lines(&reader, (int)i * 3, 3);
        assert_int_equal(reader.offset, frames[i].offset);
        assert_true(reader.next_offset == frames[i].offset + frames[i].size);
        assert_int_equal(reader.raw_size, frames[i].raw_size);
        assert_int_equal(reader.line_number, 0); /* the caller has not set it */
    }
    segment_reader_seek(&reader, frames[100].offset);
    reader.frame_number = 100;
    reader.line_number = 300;
    reads_lines(&reader, 300, 3);
    assert_int_equal(reader.line_number, 300);
    reads_lines(&reader, 303, 3);
    assert_int_equal(reader.line_number, 303);
    assert_int_equal(reader.frame_number, 101);
    free(frames);
    segment_reader_close(&reader);
}

/* ---- names that change ---- */

static void segment_is_closed(struct memory *memory) {
    strcpy(find(memory, SEGMENT_PATH)->path, CLOSED_PATH);
}

static void a_segment_renamed_since_it_was_listed_is_still_opened(void **state) {
    struct memory *memory = *state;
    struct segment_reader reader;
    append_lines(memory, put(memory, SEGMENT_PATH), 0, 2);
    memory->event = segment_is_closed;
    assert_int_equal(segment_reader_open(&memory->files, SEGMENT_PATH, &reader), 0);
    reads_lines(&reader, 0, 2);
    segment_reader_close(&reader);
    segment_reader_close(&reader); /* a second close does nothing */
    assert_int_equal(segment_reader_open(&memory->files, CLOSED_PATH, &reader), 0);
    segment_reader_close(&reader);
    assert_int_equal(segment_reader_open(&memory->files, "logs/main/other.lz4", &reader),
                     ERR_NOT_FOUND);
    segment_reader_close(&reader);
}

static void the_other_path_adds_or_removes_part(void **state) {
    (void)state;
    char *other = segment_path_other(SEGMENT_PATH);
    assert_string_equal(other, CLOSED_PATH);
    free(other);
    other = segment_path_other(CLOSED_PATH);
    assert_string_equal(other, SEGMENT_PATH);
    free(other);
    other = segment_path_other("main-0000000001-20261124T073000Z.ndjson.lz4");
    assert_string_equal(other, "main-0000000001-20261124T073000Z.part.ndjson.lz4");
    free(other);
    assert_null(segment_path_other("logs/main/x.lz4"));
    assert_null(segment_path_other(""));
}

/* ---- lists ---- */

#define NAME(stream, sequence) stream "-" sequence "-20261124T073000Z.ndjson.lz4"
#define PART(stream, sequence) stream "-" sequence "-20261124T073000Z.part.ndjson.lz4"

static void lists(struct memory *memory, const char *path, const char *const *expected,
                  size_t count) {
    struct segment_list list = {0};
    assert_int_equal(segment_list_add(&memory->files, path, &list), 0);
    for (size_t i = 0; i < count && i < list.count; i++) {
        assert_string_equal(list.files[i].path, expected[i]);
    }
    assert_int_equal(list.count, count);
    segment_list_free(&list);
}

static void fill_logs(struct memory *memory) {
    static const char *const paths[] = {
        "logs/main/" PART("main", "0000000003"),
        "logs/main/" NAME("main", "0000000010"),
        "logs/main/" NAME("main", "0000000003"),
        "logs/main/" NAME("main", "0000000002"),
        "logs/main/notes.txt",
        "logs/main/x.ndjson.lz4",
        "logs/audit/" NAME("audit", "0000000001"),
        "logs/rejects/" NAME("rejects", "0000000001"),
        "logs/state/main.sequence",
        "logs/state/" NAME("main", "0000000099"),
        "logs/logportd.run",
        "logs/main/deep/" NAME("main", "0000000098"),
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        put(memory, paths[i]);
    }
}

static void a_directory_selects_all_its_streams_but_rejects(void **state) {
    struct memory *memory = *state;
    fill_logs(memory);
    static const char *const expected[] = {
        "logs/audit/" NAME("audit", "0000000001"), "logs/main/" NAME("main", "0000000002"),
        "logs/main/" NAME("main", "0000000003"),   "logs/main/" PART("main", "0000000003"),
        "logs/main/" NAME("main", "0000000010"),
    };
    lists(memory, "logs", expected, 5);
}

static void a_folder_selects_its_segments(void **state) {
    struct memory *memory = *state;
    fill_logs(memory);
    static const char *const rejects[] = {"logs/rejects/" NAME("rejects", "0000000001")};
    lists(memory, "logs/rejects", rejects, 1);
    static const char *const audit[] = {"logs/audit/" NAME("audit", "0000000001")};
    lists(memory, "logs/audit", audit, 1);
    lists(memory, "logs/audit/", audit, 1);
}

static void a_file_is_accepted_under_any_name(void **state) {
    struct memory *memory = *state;
    fill_logs(memory);
    struct segment_list list = {0};
    assert_int_equal(segment_list_add(&memory->files, "logs/main/x.ndjson.lz4", &list), 0);
    assert_int_equal(
        segment_list_add(&memory->files, "logs/main/" NAME("main", "0000000010"), &list), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.files[0].name.stream, "");
    assert_string_equal(list.files[1].name.stream, "main");
    assert_true(list.files[1].name.sequence == 10);
    segment_list_free(&list);
    assert_int_equal(segment_list_add(&memory->files, "logs/nothing", &list), ERR_NOT_FOUND);
    assert_int_equal(list.count, 0);
    segment_list_free(&list);
}

static void a_segment_named_twice_is_listed_once(void **state) {
    struct memory *memory = *state;
    fill_logs(memory);
    struct segment_list list = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(segment_list_add(&memory->files, "logs", &list), 0);
        assert_int_equal(segment_list_add(&memory->files, "logs/audit", &list), 0);
        assert_int_equal(list.count, 5);
    }
    segment_list_free(&list);
}

static void first_segment_vanishes(struct memory *memory) {
    memory->all[1].used = false;
}

static void a_segment_renamed_meanwhile_is_listed_once_and_a_deleted_one_never(void **state) {
    struct memory *memory = *state;
    struct memory_file *file = put(memory, SEGMENT_PATH);
    file->size = 0;
    put(memory, "logs/main/" NAME("main", "0000000002"));
    struct segment_list list = {0};
    memory->event = segment_is_closed; /* after the first status_of */
    assert_int_equal(segment_list_add(&memory->files, SEGMENT_PATH, &list), 0);
    assert_int_equal(segment_list_add(&memory->files, "logs/main", &list), 0);
    assert_int_equal(list.count, 2); /* once, under one of its names */
    segment_list_free(&list);

    memory->event = first_segment_vanishes; /* while the other one is examined */
    assert_int_equal(segment_list_add(&memory->files, "logs/main", &list), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.files[0].path, CLOSED_PATH);
    segment_list_free(&list);
    assert_int_equal(segment_list_add(&memory->files, SEGMENT_PATH, &list), 0);
    assert_string_equal(list.files[0].path, CLOSED_PATH); /* the given name no longer exists */
    segment_list_free(&list);
}

static void an_unreadable_folder_is_an_error_and_the_rest_is_listed(void **state) {
    struct memory *memory = *state;
    fill_logs(memory);
    strcpy(memory->denied, "logs/audit");
    struct segment_list list = {0};
    assert_int_equal(segment_list_add(&memory->files, "logs", &list), ERR_DENIED);
    assert_int_equal(list.count, 4);
    segment_list_free(&list);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, memory_make, memory_free)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FILES(lines_come_in_order_with_their_numbers),
        WITH_FILES(an_empty_file_is_sound_and_has_no_lines),
        WITH_FILES(skippable_frames_of_any_kind_are_skipped),
        WITH_FILES(the_largest_frame_is_read_with_bounded_buffers),
        WITH_FILES(an_append_is_read_once_it_is_uncovered),
        WITH_FILES(a_read_that_races_with_the_writer_is_repeated),
        WITH_FILES(a_read_error_is_returned_and_the_frame_can_be_read_again),
        WITH_FILES(a_file_torn_anywhere_yields_its_whole_frames),
        WITH_FILES(a_damaged_frame_loses_only_its_own_lines),
        WITH_FILES(a_frame_whose_last_line_lacks_its_newline_is_damaged),
        WITH_FILES(bytes_that_are_no_frame_stop_the_reader),
        WITH_FILES(no_damage_yields_a_wrong_line_or_an_endless_read),
        WITH_FILES(frames_can_be_located_without_reading_and_read_backwards),
        WITH_FILES(a_segment_renamed_since_it_was_listed_is_still_opened),
        WITH_FILES(the_other_path_adds_or_removes_part),
        WITH_FILES(a_directory_selects_all_its_streams_but_rejects),
        WITH_FILES(a_folder_selects_its_segments),
        WITH_FILES(a_file_is_accepted_under_any_name),
        WITH_FILES(a_segment_named_twice_is_listed_once),
        WITH_FILES(a_segment_renamed_meanwhile_is_listed_once_and_a_deleted_one_never),
        WITH_FILES(an_unreadable_folder_is_an_error_and_the_rest_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
