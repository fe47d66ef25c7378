/* repack_test.c - a re-packed segment holds the same lines with the same numbers in fewer bytes,
 * and its index holds the same facts as the original's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "tests/unit/memory_files.h"
#include "writer/index/tokens.h"
#include "writer/keep/repack.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

#define SECOND  INT64_C(1000000000)
#define NOON    (INT64_C(1795521600) * SECOND)
#define APPENDS 4

static struct memory_files files;
static struct file from, to;
static char *text; /* all lines */
static size_t text_size;

/* 400 KB of lines per append, so that two appends make a group. */
static size_t make_lines(char *out, int append) {
    size_t size = 0;
    for (uint64_t i = 0; size < 400000; i++) {
        const uint64_t id = (i + 1000000 * (uint64_t)append) * 0x9E3779B97F4A7C15u;
        size += (size_t)sprintf(
            out + size,
            "{\"level\":\"info\",\"id\":\"%016llx\",\"message\":\"request %s in "
            "%u ms\",\"append\":%d}\n",
            (unsigned long long)id, id & 1 ? "served" : "refused", (unsigned)(id >> 50), append);
    }
    return size;
}

static void append_lines(uint64_t *end, uint64_t *lines, int append) {
    void *scratch = malloc(frame_scratch_bytes());
    const size_t size = make_lines(text + text_size, append);
    uint8_t *packed = malloc(frames_bytes_max(size) + LID_BYTES),
            *raw = (uint8_t *)text + text_size;
    size_t packed_size = frames_encode(scratch, raw, size, 1, packed);
    struct span span = {0};
    const struct facts facts = {
        .has_time = true, .time_ns = NOON + append * 60 * SECOND, .level = LEVEL_INFO};
    span_add_line(&span, size, NOON + append * 61 * SECOND, &facts);
    span.lines = 0;
    for (size_t i = 0; i < size; i++)
        span.lines += raw[i] == '\n';
    packed_size += lid_encode(&span, *lines, packed + packed_size);
    assert_int_equal(file_write_at(&from, packed, packed_size, *end), 0);
    *end += packed_size;
    *lines += span.lines;
    text_size += size;
    free(packed);
    free(scratch);
}

static int set_up(void **state) {
    (void)state;
    uint64_t end = 0, lines = 0;
    memory_files_open(&files);
    text = malloc(APPENDS * 401000);
    text_size = 0;
    assert_int_equal(file_open(&files.files, "from", FILE_WRITE_NEW, &from), 0);
    assert_int_equal(file_open(&files.files, "to", FILE_WRITE_NEW, &to), 0);
    for (int i = 0; i < APPENDS; i++)
        append_lines(&end, &lines, i);
    return index_append(&from, NULL);
}

static int tear_down(void **state) {
    (void)state;
    file_close(&from);
    file_close(&to);
    memory_files_close(&files);
    free(text);
    return 0;
}

static struct segment_index loaded(struct file *file) {
    struct segment_index index;
    assert_int_equal(index_load(file, &index), 0);
    return index;
}

static int repack_it(int level) {
    struct segment_index index = loaded(&from);
    const struct repack_options options = {.level = level};
    const int error = repack(&from, &index, &to, &options);
    index_free(&index);
    return error;
}

static void a_repacked_segment_is_smaller_and_keeps_lines_and_numbers(void **state) {
    (void)state;
    assert_int_equal(repack_it(0), 0);
    struct segment_reader reader;
    enum segment_damage damage = SEGMENT_SOUND;
    size_t at = 0;
    uint64_t lines = 0;
    assert_int_equal(segment_reader_open(&files.files, "to", &reader), 0);
    while (segment_reader_next(&reader, &damage) > 0) {
        assert_int_equal(reader.line_number, lines);
        assert_memory_equal(reader.raw, text + at, reader.raw_size);
        at += reader.raw_size;
        lines += reader.raw_lines;
    }
    segment_reader_close(&reader);
    assert_int_equal(damage, SEGMENT_SOUND);
    assert_int_equal(at, text_size);
    struct file_status before, after;
    file_status(&from, &before);
    file_status(&to, &after);
    assert_true(after.size < before.size);
}

static void the_new_index_holds_the_same_facts(void **state) {
    (void)state;
    assert_int_equal(repack_it(3), 0);
    struct segment_index first = loaded(&from), second = loaded(&to);
    assert_true(second.repacked && !first.repacked);
    assert_true(second.lines_digest == first.lines_digest && first.lines_digest != 0);
    assert_int_equal(second.lines, first.lines);
    assert_int_equal(second.raw_size, first.raw_size);
    assert_int_equal(second.count, first.count);
    for (uint32_t i = 0; i < first.count; i++) {
        const struct index_group *a = &first.groups[i], *b = &second.groups[i];
        assert_int_equal(a->first_line, b->first_line);
        assert_int_equal(a->span.lines, b->span.lines);
        assert_int_equal(a->span.levels, b->span.levels);
        assert_true(a->span.time_min_ns == b->span.time_min_ns &&
                    a->span.time_max_ns == b->span.time_max_ns);
        assert_true(a->span.received_min_ns == b->span.received_min_ns &&
                    a->span.received_max_ns <= b->span.received_max_ns);
        assert_true(b->frames < a->frames);
        assert_true(b->filtered);
    }
    uint64_t hashes[TOKENS_LITERAL_MAX];
    uint8_t candidates[8];
    const uint32_t count =
        tokens_of_literal((const uint8_t *)"9e3779b97f4a7c15", 16, hashes, TOKENS_LITERAL_MAX);
    assert_int_equal(index_candidates(&to, &second, hashes, count, candidates), 0);
    assert_true(index_candidate(candidates, 0));
    index_free(&first);
    index_free(&second);
}

/* Each append has a lid of its own; two make a group. */
static void check_receipts(struct file *file) {
    uint64_t at = 0, raw_size = 0;
    int append = 0;
    for (;;) { /* ends with the file */
        uint8_t bytes[RECEIPTS_BYTES(4)];
        struct frame_header header;
        const int64_t got = file_read_at(file, bytes, sizeof bytes, at);
        if (got == 0) break;
        assert_int_equal(frame_header(bytes, (size_t)got, &header), 0);
        at += header.size;
        if (header.kind == FRAME_DATA) raw_size += header.raw_size;
        if (header.magic == FRAME_MAGIC_LID) raw_size = 0;
        if (header.magic != FRAME_MAGIC_RECEIPTS) continue;
        assert_int_equal(receipts_check(bytes, (size_t)header.size, raw_size), 2);
        for (uint32_t i = 0; i < 2; i++, append++) {
            const struct receipt receipt = receipts_at(bytes, i);
            assert_true(receipt.min_ns == NOON + append * 61 * SECOND);
            assert_true(receipt.max_ns == receipt.min_ns);
        }
    }
    assert_int_equal(append, APPENDS);
}

static void receive_times_stay_as_precise_as_the_lids_were(void **state) {
    (void)state;
    struct file again;
    assert_int_equal(repack_it(0), 0);
    check_receipts(&to);
    struct segment_index index = loaded(&to);
    const struct repack_options options = {.level = 5};
    assert_int_equal(file_open(&files.files, "again", FILE_WRITE_NEW, &again), 0);
    assert_int_equal(repack(&to, &index, &again, &options), 0);
    check_receipts(&again);
    file_close(&again);
    index_free(&index);
}

static void a_damaged_segment_is_refused(void **state) {
    (void)state;
    struct memory_file *file = memory_find(&files, "from");
    struct segment_index index = loaded(&from);
    const struct repack_options options = {0};
    for (size_t at = 100; at < index.data_size; at += index.data_size / 7) {
        file->bytes[at] ^= 0x10;
        assert_int_equal(file_truncate(&to, 0), 0);
        assert_int_equal(repack(&from, &index, &to, &options), ERR_INVALID);
        file->bytes[at] ^= 0x10;
    }
    assert_int_equal(file_truncate(&to, 0), 0);
    assert_int_equal(repack(&from, &index, &to, &options), 0);
    index_free(&index);
}

static void an_index_of_other_lines_is_refused(void **state) {
    (void)state;
    struct segment_index index = loaded(&from);
    const struct repack_options options = {0};
    index.lines_digest ^= 1;
    assert_int_equal(repack(&from, &index, &to, &options), ERR_INVALID);
    index.lines_digest ^= 1;
    index.groups[1].span.lines--;
    assert_int_equal(file_truncate(&to, 0), 0);
    assert_int_equal(repack(&from, &index, &to, &options), ERR_INVALID);
    index_free(&index);
}

static void repacking_stops_when_told_to(void **state) {
    (void)state;
    struct segment_index index = loaded(&from);
    const atomic_bool stop = true;
    const struct repack_options options = {.stop = &stop};
    assert_int_equal(repack(&from, &index, &to, &options), ERR_CANCELLED);
    index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_repacked_segment_is_smaller_and_keeps_lines_and_numbers),
        TEST(the_new_index_holds_the_same_facts),
        TEST(receive_times_stay_as_precise_as_the_lids_were),
        TEST(a_damaged_segment_is_refused),
        TEST(an_index_of_other_lines_is_refused),
        TEST(repacking_stops_when_told_to),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
