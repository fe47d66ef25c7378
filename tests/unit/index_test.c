/* index_test.c - the index of a segment describes it correctly or is ignored: a torn, damaged or
 * missing index never hides a line.  tests/golden/indexed.lz4 pins the bytes, indexed-1.lz4 those
 * of version 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"
#include "tests/sim/chance.h"
#include "writer/index/filter.h"
#include "writer/index/format.h"
#include "writer/index/index.h"
#include "writer/index/tokens.h"
#include "writer/segment/digest.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

#define SECOND INT64_C(1000000000)
#define NOON   (INT64_C(1795521600) * SECOND)

/* ---- a segment, alone in its file ---- */

struct segment {
    char path[64];
    struct file file;
    uint64_t size;
    uint64_t lines;
    void *scratch;
    uint8_t *packed;
    struct span span; /* since the last lid */
    uint64_t span_first_line;
};

static int segment_begin(void **state) {
    static int number;
    struct segment *s = calloc(1, sizeof *s);
    snprintf(s->path, sizeof s->path, "index_test.%u.%d", system_process_id(), ++number);
    s->scratch = malloc(frame_scratch_bytes());
    s->packed = malloc(frames_bytes_max(FRAME_RAW_MAX));
    if (file_open(files_of_system(), s->path, FILE_WRITE_NEW, &s->file)) return -1;
    *state = s;
    return 0;
}

static int segment_end(void **state) {
    struct segment *s = *state;
    file_close(&s->file);
    file_remove(files_of_system(), s->path);
    free(s->scratch);
    free(s->packed);
    free(s);
    return 0;
}

static void put(struct segment *s, const void *bytes, size_t size) {
    assert_int_equal(file_write_at(&s->file, bytes, size, s->size), 0);
    s->size += size;
}

static void put_lines(struct segment *s, const char *text, size_t size) {
    put(s, s->packed, frames_encode(s->scratch, (const uint8_t *)text, size, 1, s->packed));
    for (size_t i = 0; i < size; i++)
        s->lines += text[i] == '\n';
}

static void put_lid(struct segment *s, int64_t time_ns, uint8_t level, uint64_t lines,
                    uint64_t raw_size) {
    uint8_t lid[LID_BYTES];
    const struct facts facts = {.time_ns = time_ns, .has_time = true, .level = level};
    struct span span = {0};
    span_add_line(&span, (size_t)raw_size, time_ns + SECOND, &facts);
    span.lines = lines;
    put(s, lid, lid_encode(&span, s->lines - lines, lid));
}

/* Makes about `bytes` of lines, each with a unique id. */
static size_t make_lines(char *text, size_t bytes, uint64_t first) {
    static const char *const words[] = {"connection", "timeout", "user",  "order",
                                        "cache",      "miss",    "retry", "failed"};
    size_t size = 0;
    for (uint64_t i = first; size < bytes; i++) {
        const uint64_t id = i * 0x9E3779B97F4A7C15u;
        size += (size_t)sprintf(text + size,
                                "{\"time\":\"2026-11-24T12:00:00Z\",\"level\":\"info\",\"id\":"
                                "\"%016llx\",\"message\":\"",
                                (unsigned long long)id);
        for (int k = 0; k < 20; k++)
            size += (size_t)sprintf(text + size, "%s ", words[id >> 3 * k & 7]);
        size += (size_t)sprintf(text + size, "\",\"n\":%llu}\n", (unsigned long long)i);
    }
    return size;
}

/* `count` appends of about `bytes`, each with a lid; append k has the time noon + k minutes. */
static void put_appends(struct segment *s, int count, size_t bytes) {
    char *text = malloc(bytes + 512);
    for (int k = 0; k < count; k++) {
        const uint64_t before = s->lines;
        const size_t size = make_lines(text, bytes, s->lines);
        put_lines(s, text, size);
        put_lid(s, NOON + k * 60 * SECOND, (uint8_t)(LEVEL_TRACE + k % 20), s->lines - before,
                size);
    }
    free(text);
}

static struct segment_index indexed(struct segment *s) {
    struct segment_index index;
    assert_int_equal(index_append(&s->file, NULL), 0);
    assert_int_equal(index_load(&s->file, &index), 0);
    return index;
}

static uint64_t size_of(struct segment *s) {
    struct file_status status;
    assert_int_equal(file_status(&s->file, &status), 0);
    return status.size;
}

/* Counts the lines, which are read whatever state the index is in. */
static uint64_t lines_read(struct segment *s, enum segment_damage *damage) {
    struct segment_reader reader;
    uint64_t lines = 0;
    assert_int_equal(segment_reader_open(files_of_system(), s->path, &reader), 0);
    while (segment_reader_next(&reader, damage) > 0)
        lines += reader.raw_lines;
    segment_reader_close(&reader);
    return lines;
}

static uint32_t ask(struct segment *s, const struct segment_index *index, const char *literal,
                    uint8_t *candidates) {
    uint64_t hashes[TOKENS_LITERAL_MAX];
    const uint32_t count =
        tokens_of_literal((const uint8_t *)literal, strlen(literal), hashes, TOKENS_LITERAL_MAX);
    uint32_t found = 0;
    assert_int_equal(index_candidates(&s->file, index, hashes, count, candidates), 0);
    for (uint32_t i = 0; i < index->count; i++)
        found += index_candidate(candidates, i);
    return found;
}

static uint32_t group_of_line(const struct segment_index *index, uint64_t line) {
    uint32_t group = 0;
    while (group + 1 < index->count && index->groups[group + 1].first_line <= line)
        group++;
    return group;
}

/* ---- contents ---- */

static void groups_hold_all_frames_in_order(void **state) {
    struct segment *s = *state;
    put_appends(s, 7, 300000);
    put_appends(s, 3, 1000000);
    put_appends(s, 1, 2000);
    struct segment_index index = indexed(s);
    struct segment_reader reader;
    enum segment_damage damage;
    assert_int_equal(index.lines, s->lines);
    assert_int_equal(index.data_size, s->size);
    assert_int_equal(index.data_size + index.index_bytes, size_of(s));
    assert_in_range(index.count, 5, 8);
    assert_int_equal(segment_reader_open(files_of_system(), s->path, &reader), 0);
    for (uint32_t g = 0; g < index.count; g++) {
        const struct index_group *group = &index.groups[g];
        uint64_t raw_size = 0, lines = 0;
        for (uint32_t i = 0; i < group->frames; i++) {
            assert_int_equal(segment_reader_next(&reader, &damage), 1);
            if (i == 0) {
                assert_int_equal(reader.offset, group->offset);
                assert_int_equal(reader.frame_number, group->first_frame);
                assert_int_equal(reader.line_number, group->first_line);
            }
            raw_size += reader.raw_size;
            lines += reader.raw_lines;
        }
        assert_int_equal(reader.next_offset, group->offset + group->size);
        assert_int_equal(raw_size, group->raw_size);
        assert_int_equal(lines, group->span.lines);
        assert_in_range(raw_size, 1, (1 << 20) + (64 << 10));
        assert_false(group->damaged);
        assert_true(group->filtered);
    }
    assert_int_equal(segment_reader_next(&reader, &damage), 0);
    assert_int_equal(damage, SEGMENT_SOUND);
    segment_reader_close(&reader);
    index_free(&index);
}

static void a_group_that_contains_a_literal_is_a_candidate_and_few_others_are(void **state) {
    struct segment *s = *state;
    put_appends(s, 12, 700000);
    struct segment_index index = indexed(s);
    uint8_t *candidates = malloc(INDEX_CANDIDATES_BYTES(index.count));
    uint64_t opened = 0, queries = 0;
    for (uint64_t line = 0; line < s->lines; line += 97) {
        char literal[64];
        sprintf(literal, "%016llx", (unsigned long long)(line * 0x9E3779B97F4A7C15u));
        opened += ask(s, &index, literal, candidates);
        queries++;
        assert_true(index_candidate(candidates, group_of_line(&index, line)));
        sprintf(literal, "\"n\":%llu}", (unsigned long long)line);
        ask(s, &index, literal, candidates);
        assert_true(index_candidate(candidates, group_of_line(&index, line)));
    }
    assert_true(opened - queries < queries * index.count / 10);
    assert_int_equal(ask(s, &index, "", candidates), index.count);
    assert_int_equal(ask(s, &index, "\"level\":\"info\"", candidates), index.count);
    free(candidates);
    index_free(&index);
}

/* A filter knows the words that strings have after decoding, and their ASCII letters in any case. */
static void a_group_is_a_candidate_for_text_that_its_lines_write_with_escapes(void **state) {
    static const char *const written[] = {
        "{\"m\":\"M\\u00fcller came\"}\n",      "{\"m\":\"one\\nfoo two\"}\n",
        "{\"a\":[{\"\\/foo\\/b\":1}]}\n",       "{\"m\":\"\\u0066o\\u006f bar\"}\n",
        "{\"m\":\"a ta\xc5\xbfk is\"}\n",       "{\"m\":\"300 \\u212aelvin.\"}\n",
        "{\"m\":\"\\ud83d\\ude00-x\"}\n",       "{\"m\":\"\\\\foo\\\\ bar\"}\n",
        "not JSON \"\\u00 \"and\\ \\ud800\\\n", "{\"m\":\"plain foo text\"}\n",
    };
    static const struct {
        const char *literal;
        uint32_t groups; /* bit k: of written[k] */
    } asked[] = {
        {" M\xc3\xbcller ", 0}, {"\"M\xc3\xbcller ", 1u << 0},
        {"\nfoo ", 1u << 1},    {"/foo/", 1u << 2},
        {"\"foo\"", 1u << 3},   {" task ", 1u << 4},
        {" kelvin.", 1u << 5},  {"\xf0\x9f\x98\x80-x\"", 0},
        {" foo ", 1u << 9},     {"\"\xf0\x9f\x98\x80-x\"", 1u << 6},
        {"\\foo\\", 1u << 7},
    };
    struct segment *s = *state;
    uint8_t candidates[INDEX_CANDIDATES_BYTES(10)];
    char *text = malloc(900001);
    for (uint32_t k = 0; k < 10; k++) { /* a group each */
        size_t size = (size_t)sprintf(text, "%s", written[k]);
        for (; size < 800000; size += 200)
            sprintf(text + size, "%199s\n", "");
        put_lines(s, text, size);
        put_lid(s, NOON, LEVEL_TRACE, s->lines, size);
    }
    free(text);
    struct segment_index index = indexed(s);
    assert_int_equal(index.count, 10);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        ask(s, &index, asked[i].literal, candidates);
        for (uint32_t k = 0; k < 10; k++)
            if ((asked[i].groups >> k & 1) != 0 && !index_candidate(candidates, k))
                fail_msg("%s: not in %s", asked[i].literal, written[k]);
    }
    index_free(&index);
}

static void times_and_levels_come_from_the_lids(void **state) {
    struct segment *s = *state;
    put_appends(s, 10, 1000000);
    struct segment_index index = indexed(s);
    assert_int_equal(index.count, 10);
    for (uint32_t i = 0; i < index.count; i++) {
        const struct span *span = &index.groups[i].span;
        assert_int_equal(span->time_min_ns, NOON + i * 60 * SECOND);
        assert_int_equal(span->time_max_ns, NOON + i * 60 * SECOND);
        assert_int_equal(span->received_min_ns, NOON + (i * 60 + 1) * SECOND);
        assert_int_equal(span->levels, 1u << (LEVEL_TRACE + i));
    }
    assert_int_equal(index.span.time_min_ns, NOON);
    assert_int_equal(index.span.time_max_ns, NOON + 9 * 60 * SECOND);
    index_free(&index);
}

static void counts_come_from_the_lines_not_from_the_lids(void **state) {
    struct segment *s = *state;
    static const char others[] = "{\"level\":\"fatal\",\"time\":\"2026-11-24T11:00:00Z\"}\n"
                                 "{\"n\":1}\nno JSON\n{\"level\":40}\n";
    put_appends(s, 3, 1000000);
    const uint64_t before = s->lines;
    put_lines(s, others, sizeof others - 1);
    struct segment_index index = indexed(s);
    struct counts all = {0};
    for (uint32_t i = 0; i < index.count; i++) {
        assert_int_equal(index.groups[i].counts.lines, index.groups[i].span.lines);
        counts_add(&all, &index.groups[i].counts);
    }
    static const uint64_t levels[COUNTS_LEVELS] = {2, 0, 0, 0, 1, 0, 1};
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        assert_int_equal(all.levels[i], levels[i] + (i == 3 ? before : 0)); /* info */
    assert_int_equal(all.lines, before + 4);
    assert_int_equal(all.timed, before + 1);
    assert_int_equal(all.time_min_ns, NOON - 3600 * SECOND);
    assert_int_equal(all.time_max_ns, NOON);
    index_free(&index);
}

static void a_lid_covers_all_groups_since_the_previous_lid(void **state) {
    struct segment *s = *state;
    char *text = malloc(1000512);
    size_t all = 0;
    for (int i = 0; i < 3; i++) {
        const size_t size = make_lines(text, 1000000, s->lines);
        put_lines(s, text, size);
        all += size;
    }
    free(text);
    put_lid(s, NOON + 7 * SECOND, LEVEL_WARN, s->lines, all);
    struct segment_index index = indexed(s);
    assert_in_range(index.count, 3, 4);
    for (uint32_t i = 0; i < index.count; i++) {
        assert_int_equal(index.groups[i].span.time_max_ns, NOON + 7 * SECOND);
        assert_int_equal(index.groups[i].span.levels, 1u << LEVEL_WARN);
    }
    index_free(&index);
}

static void without_a_lid_times_come_from_the_lines(void **state) {
    struct segment *s = *state;
    char text[4096];
    put_lines(s, text, make_lines(text, 2000, 0));
    struct segment_index index = indexed(s);
    assert_int_equal(index.count, 1);
    assert_int_equal(index.groups[0].span.time_min_ns, NOON);
    assert_int_equal(index.groups[0].span.time_max_ns, NOON);
    assert_int_equal(index.groups[0].span.levels, 1u << LEVEL_INFO);
    assert_true(index.groups[0].span.received_min_ns == INT64_MIN);
    assert_true(index.groups[0].span.received_max_ns == INT64_MAX);
    index_free(&index);
}

static void a_line_without_time_and_lid_makes_the_group_unbounded(void **state) {
    struct segment *s = *state;
    char text[4096];
    const size_t size = make_lines(text, 2000, 0);
    put_lines(s, text, size);
    put_lines(s, "{\"msg\":\"timeless\"}\n", 19);
    struct segment_index index = indexed(s);
    assert_true(index.groups[0].span.time_min_ns == INT64_MIN);
    assert_true(index.groups[0].span.time_max_ns == INT64_MAX);
    assert_int_equal(index.groups[0].span.levels, 1u << LEVEL_INFO | 1u << LEVEL_NONE);
    index_free(&index);
}

static void the_callers_span_of_the_last_lines_is_used_if_its_size_matches(void **state) {
    struct segment *s = *state;
    const struct facts facts = {.time_ns = NOON + SECOND, .has_time = true, .level = LEVEL_ERROR};
    struct span rest = {0};
    put_appends(s, 1, 1000000);
    put_lines(s, "{\"msg\":\"timeless\"}\n", 19);
    span_add_line(&rest, 19, NOON, &facts);
    assert_int_equal(index_append(&s->file, &(struct index_options){.rest = &rest}), 0);
    struct segment_index index;
    assert_int_equal(index_load(&s->file, &index), 0);
    assert_int_equal(index.count, 2);
    assert_int_equal(index.groups[1].span.time_min_ns, NOON + SECOND);
    assert_int_equal(index.groups[1].span.received_max_ns, NOON);
    assert_int_equal(index.groups[1].span.levels, 1u << LEVEL_ERROR);
    index_free(&index);
}

static void a_lid_whose_size_does_not_match_is_ignored(void **state) {
    struct segment *s = *state;
    char text[4096];
    const size_t size = make_lines(text, 2000, 0);
    put_lines(s, text, size);
    put_lid(s, NOON + 99 * SECOND, LEVEL_FATAL, s->lines, size - 1);
    struct segment_index index = indexed(s);
    assert_int_equal(index.groups[0].span.time_max_ns, NOON);
    assert_int_equal(index.groups[0].span.levels, 1u << LEVEL_INFO);
    index_free(&index);
}

static void a_group_with_a_damaged_frame_is_always_a_candidate(void **state) {
    struct segment *s = *state;
    uint8_t candidates[8], byte;
    put_appends(s, 3, 1000000);
    const uint64_t in_the_second = s->size / 2;
    assert_int_equal(file_read_at(&s->file, &byte, 1, in_the_second), 1);
    byte ^= 1;
    assert_int_equal(file_write_at(&s->file, &byte, 1, in_the_second), 0);
    struct segment_index index = indexed(s);
    assert_int_equal(index.count, 3);
    assert_true(index.groups[1].damaged);
    assert_false(index.groups[0].damaged || index.groups[2].damaged);
    assert_int_equal(ask(s, &index, "\"nowhere-to-be-found-at-all\"", candidates), 1);
    assert_true(index_candidate(candidates, 1));
    index_free(&index);
}

/* ---- position in the file ---- */

static void an_indexed_segment_is_left_unchanged(void **state) {
    struct segment *s = *state;
    put_appends(s, 1, 5000);
    struct segment_index index = indexed(s);
    const uint64_t size = size_of(s);
    assert_int_equal(index_append(&s->file, NULL), 0);
    assert_int_equal(size_of(s), size);
    index_free(&index);
}

static void a_segment_without_lines_gets_an_empty_index(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed(s);
    uint64_t offset;
    assert_int_equal(index.count, 0);
    assert_int_equal(index_check(&s->file, &offset), 0);
    index_free(&index);
}

static void an_unfinished_segment_or_another_file_gets_no_index(void **state) {
    struct segment *s = *state;
    uint8_t cover[FRAME_COVER_BYTES];
    put_appends(s, 1, 5000);
    const uint64_t size = s->size;
    frame_cover(500, cover);
    put(s, cover, sizeof cover);
    assert_int_equal(index_append(&s->file, NULL), ERR_INVALID);
    assert_int_equal(size_of(s), s->size);
    assert_int_equal(file_truncate(&s->file, size), 0);
    s->size = size;
    put(s, "no frame at all, and no end of it", 33);
    assert_int_equal(index_append(&s->file, NULL), ERR_INVALID);
    assert_int_equal(size_of(s), s->size);
}

static void an_index_torn_at_any_byte_is_ignored_and_the_next_try_completes_it(void **state) {
    struct segment *s = *state;
    put_appends(s, 2, 3000);
    struct segment_index index = indexed(s);
    const uint64_t whole = size_of(s);
    uint8_t *bytes = malloc((size_t)whole);
    assert_int_equal(file_read_at(&s->file, bytes, (size_t)whole, 0), whole);
    for (uint64_t size = index.data_size; size < whole; size++) {
        struct segment_index torn;
        enum segment_damage damage;
        uint64_t offset;
        assert_int_equal(file_truncate(&s->file, size), 0);
        assert_int_equal(index_load(&s->file, &torn), ERR_NOT_FOUND);
        assert_int_equal(lines_read(s, &damage), s->lines);
        const int checked = index_check(&s->file, &offset);
        assert_true(checked == ERR_INVALID || size - index.data_size < 8);
        if (size % 7 != 0 && size + 40 < whole) {
            assert_int_equal(file_write_at(&s->file, bytes, (size_t)whole, 0), 0);
            continue;
        }
        uint8_t *again = malloc((size_t)whole);
        assert_int_equal(index_append(&s->file, NULL), 0);
        assert_int_equal(size_of(s), whole);
        assert_int_equal(file_read_at(&s->file, again, (size_t)whole, 0), whole);
        assert_memory_equal(again, bytes, whole);
        free(again);
        assert_int_equal(file_write_at(&s->file, bytes, (size_t)whole, 0), 0);
    }
    free(bytes);
    index_free(&index);
}

static void a_stopped_build_leaves_the_segment_unchanged(void **state) {
    struct segment *s = *state;
    atomic_bool stop = true;
    put_appends(s, 3, 100000);
    assert_int_equal(index_append(&s->file, &(struct index_options){.stop = &stop}), ERR_CANCELLED);
    assert_int_equal(size_of(s), s->size);
    stop = false;
    assert_int_equal(index_append(&s->file, &(struct index_options){.stop = &stop}), 0);
}

static void zeros_after_the_lines_from_a_power_failure_are_cut_off(void **state) {
    struct segment *s = *state;
    uint8_t zeros[5000] = {0};
    put_appends(s, 2, 3000);
    struct segment_index index = indexed(s);
    const uint64_t whole = size_of(s);
    assert_int_equal(file_truncate(&s->file, index.data_size), 0);
    assert_int_equal(file_write_at(&s->file, zeros, sizeof zeros, index.data_size), 0);
    assert_int_equal(index_append(&s->file, NULL), 0);
    assert_int_equal(size_of(s), whole);
    assert_int_equal(file_truncate(&s->file, index.data_size), 0);
    zeros[4999] = 1;
    assert_int_equal(file_write_at(&s->file, zeros, sizeof zeros, index.data_size), 0);
    assert_int_equal(index_append(&s->file, NULL), ERR_INVALID);
    index_free(&index);
}

/* Any flipped bit in filters, index or footer is found by the check, and a reader gets either no
 * index or the right groups. */
static void a_changed_byte_is_found_and_hides_no_line(void **state) {
    struct segment *s = *state;
    uint8_t candidates[8];
    put_appends(s, 3, 3000);
    struct segment_index index = indexed(s);
    const uint64_t whole = size_of(s);
    char literals[8][64];
    for (uint64_t i = 0; i < 8; i++)
        sprintf(literals[i], "%016llx", (unsigned long long)(i * 5 * 0x9E3779B97F4A7C15u));
    for (uint64_t offset = index.data_size; offset < whole; offset++) {
        struct segment_index changed;
        uint8_t byte, other;
        uint64_t where;
        assert_int_equal(file_read_at(&s->file, &byte, 1, offset), 1);
        other = byte ^ (uint8_t)(1u << offset % 8);
        assert_int_equal(file_write_at(&s->file, &other, 1, offset), 0);
        assert_int_equal(index_check(&s->file, &where), ERR_INVALID);
        const int loaded = index_load(&s->file, &changed);
        assert_true(loaded == 0 || loaded == ERR_NOT_FOUND);
        for (uint64_t i = 0; i < 8 && loaded == 0; i++) {
            ask(s, &changed, literals[i], candidates);
            assert_true(index_candidate(candidates, group_of_line(&changed, i * 5)));
        }
        if (loaded == 0) index_free(&changed);
        assert_int_equal(file_write_at(&s->file, &byte, 1, offset), 0);
    }
    index_free(&index);
}

static void an_inconsistent_index_with_valid_checksums_is_ignored(void **state) {
    struct segment *s = *state;
    put_appends(s, 3, 400000);
    struct segment_index index = indexed(s), loaded;
    assert_true(index.section_count == 1);
    const uint64_t size = size_of(s);
    uint8_t footer_bytes[FOOTER_BYTES];
    struct index_footer footer;
    uint64_t where;
    file_read_at(&s->file, footer_bytes, FOOTER_BYTES, size - FOOTER_BYTES);
    assert_int_equal(footer_decode(footer_bytes, &footer), 0);
    uint8_t *bytes = malloc(footer.index_size);
    const struct index_section good = index.sections[0];
    for (int i = 0; i < 4; i++) {
        struct index_section *section = &index.sections[0];
        *section = good;
        if (i == 1) section->rows = UINT32_MAX;
        if (i == 2) section->rows += 1;
        if (i == 3) section->offset += 1u << 20;
        index_encode(&index, bytes);
        assert_int_equal(file_write_at(&s->file, bytes, footer.index_size, footer.index_offset), 0);
        assert_int_equal(index_load(&s->file, &loaded), i == 0 ? 0 : ERR_NOT_FOUND);
        if (i == 0) index_free(&loaded);
        assert_int_equal(index_check(&s->file, &where), i == 0 ? 0 : ERR_INVALID);
    }
    free(bytes);
    index_free(&index);
}

/* Writes this index over the file's, which has the same size. */
static void put_index(struct segment *s, const struct segment_index *index) {
    uint8_t footer_bytes[FOOTER_BYTES];
    struct index_footer footer;
    assert_int_equal(file_read_at(&s->file, footer_bytes, FOOTER_BYTES, size_of(s) - FOOTER_BYTES),
                     FOOTER_BYTES);
    assert_int_equal(footer_decode(footer_bytes, &footer), 0);
    assert_int_equal(index_frame_bytes(index), footer.index_size);
    uint8_t *bytes = malloc(footer.index_size);
    index_encode(index, bytes);
    assert_int_equal(file_write_at(&s->file, bytes, footer.index_size, footer.index_offset), 0);
    free(bytes);
}

enum { GROUP_LIES = 18 };

/* False: there is no such lie. */
static bool lie_of_group(struct index_group *g, int lie) {
    switch (lie) {
    case 0: g->raw_size = 5u << 20; return true;
    case 1: g->raw_size = 0; return true;
    case 2: g->raw_size = UINT32_MAX; return true;
    case 3: g->frames = 0; return true;
    case 4: g->frames = UINT32_MAX; return true;
    case 5: g->span.lines = 0; return true;
    case 6: g->span.lines++; return true;
    case 7: g->span.levels = 0; return true;
    case 8: g->span.levels = UINT32_MAX; return true;
    case 9: g->span.time_max_ns = g->span.time_min_ns - 1; return true;
    case 10: g->span.received_min_ns = 1, g->span.received_max_ns = 0; return true;
    case 11: g->counts.timed = UINT32_MAX; return true;
    case 12: g->counts.timed = 0; return true;
    case 13: g->counts.levels[3]++; return true;
    case 14: g->counts.time_min_ns = INT64_MAX; return true;
    case 15: g->offset++; return true;
    case 16: g->offset = UINT64_MAX; return true;
    case 17: g->size = UINT64_MAX; return true;
    }
    return false;
}

/* 12 groups' worth of lines that say a time, without lids. */
static struct segment_index indexed_without_lids(struct segment *s) {
    char *text = malloc(400512);
    for (int i = 0; i < 12; i++)
        put_lines(s, text, make_lines(text, 400000, s->lines));
    free(text);
    return indexed(s);
}

static void a_group_that_claims_what_is_impossible_is_not_believed(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed_without_lids(s), loaded;
    assert_true(index.count > 3);
    uint64_t where;
    for (int lie = 0; lie < GROUP_LIES; lie++) {
        const struct index_group good = index.groups[2];
        assert_true(lie_of_group(&index.groups[2], lie));
        put_index(s, &index);
        index.groups[2] = good;
        assert_int_equal(index_load(&s->file, &loaded), ERR_NOT_FOUND);
        assert_int_equal(index_check(&s->file, &where), ERR_INVALID);
    }
    put_index(s, &index);
    assert_int_equal(index_load(&s->file, &loaded), 0);
    index_free(&loaded);
    index_free(&index);
}

static void lines_that_no_group_holds_make_an_index_invalid(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed_without_lids(s), loaded;
    const struct index_group second = index.groups[1];
    index.groups[1].offset += index.groups[1].size - 100; /* lines before it, in a gap */
    index.groups[1].size = 100;
    index.groups[1].frames = 1;
    index.groups[1].raw_size = 100;
    put_index(s, &index);
    assert_int_equal(index_load(&s->file, &loaded), ERR_NOT_FOUND);
    index.groups[1] = second;
    index.groups[index.count - 1].size /= 2; /* and after the last one */
    put_index(s, &index);
    assert_int_equal(index_load(&s->file, &loaded), ERR_NOT_FOUND);
    index_free(&index);
}

static void an_index_of_other_lines_is_found_by_reading_them(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed_without_lids(s);
    uint64_t where = 0;
    assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), 0);
    for (int lie = 0; lie < 6; lie++) {
        const struct index_group good = index.groups[1];
        const uint64_t digest = index.lines_digest;
        struct index_group *g = &index.groups[1];
        if (lie == 0) g->raw_size--;
        if (lie == 1) g->frames++;
        if (lie == 2) g->counts.levels[4]--, g->counts.levels[5]++;
        if (lie == 3) g->span.time_max_ns = g->span.time_min_ns = 1;
        if (lie == 4) g->span.levels = 1;
        if (lie == 5) index.lines_digest ^= 1;
        assert_int_equal(index_compare(&s->file, &index, false, NULL, &where), ERR_INVALID);
        assert_int_equal(where, lie == 5 ? index.data_size : good.offset);
        index.groups[1] = good;
        index.lines_digest = digest;
    }
    index_free(&index);
}

/* As after a crash: the first append has its lid, the second has none. */
static void a_group_read_from_its_lines_may_know_more_than_a_lid_of_it(void **state) {
    struct segment *s = *state;
    static const char timeless[] = "{\"msg\":\"timeless\"}\n";
    for (int kind = 0; kind < 8; kind++) {
        char text[4096];
        uint8_t lid[LID_BYTES];
        const size_t size = make_lines(text, 2000, 0);
        s->size = s->lines = 0;
        assert_int_equal(file_truncate(&s->file, 0), 0);
        put_lines(s, text, size);
        struct span span = span_unknown(s->lines, size);
        if (kind & 1) { /* levels and times of keys that the daemon was given */
            span.received_min_ns = span.received_max_ns = NOON + SECOND;
            span.time_min_ns = NOON - SECOND, span.time_max_ns = NOON + SECOND;
            span.levels = 1u << LEVEL_INFO | 1u << LEVEL_FATAL;
            span.rules = 77;
        }
        put(s, lid, lid_encode(&span, 0, lid));
        if (kind & 2) put_lines(s, timeless, sizeof timeless - 1);
        put_lines(s, text, size);
        if (kind & 4) put_lid(s, NOON, LEVEL_INFO, s->lines, 1); /* the bytes do not add up */
        struct segment_index index = indexed(s);
        uint64_t where;
        assert_int_equal(index.count, 1);
        assert_int_equal(index.groups[0].span.levels, 1u << LEVEL_INFO | !!(kind & 2));
        assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), 0);
        index.groups[0].span.levels = 1u << LEVEL_ERROR;
        assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), ERR_INVALID);
        index_free(&index);
    }
}

static void an_index_that_excludes_what_a_lid_says_is_not_of_these_lines(void **state) {
    struct segment *s = *state;
    put_appends(s, 1, 2000);
    put_lines(s, "{\"msg\":\"timeless\"}\n", 19);
    put_lid(s, NOON - 60 * SECOND, LEVEL_NONE, 1, 19);
    struct segment_index index = indexed(s);
    uint64_t where;
    assert_int_equal(index.count, 1);
    struct span *span = &index.groups[0].span;
    span->levels |= 1u << LEVEL_INFO; /* put_appends' lid has another */
    const struct span good = *span;
    assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), 0);
    for (int lie = 0; lie < 4; lie++) {
        if (lie == 0) span->time_min_ns = NOON - 59 * SECOND;
        if (lie == 1) span->received_min_ns = NOON - 58 * SECOND;
        if (lie == 2) span->received_max_ns = NOON - 59 * SECOND;
        if (lie == 3) /* as if read from the lines, of which one has no time */
            span->time_min_ns = NOON, span->received_min_ns = INT64_MIN,
            span->received_max_ns = INT64_MAX;
        assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), ERR_INVALID);
        *span = good;
    }
    index_free(&index);
}

static void a_filter_that_lacks_a_token_is_found_by_reading_the_lines(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed_without_lids(s);
    uint8_t row[FILTER_ROW_BYTES(FILTER_GROUPS_MAX)];
    const struct index_section *section = &index.sections[0];
    const size_t size = FILTER_ROW_BYTES(section->groups);
    uint64_t where;
    assert_int_equal(file_read_at(&s->file, row, size, section->offset), (int64_t)size);
    memset(row + 2 * FILTER_LINE_BYTES, 0, FILTER_LINE_BYTES); /* of group 2 */
    filters_row_seal(row, section->groups);
    assert_int_equal(file_write_at(&s->file, row, size, section->offset), 0);
    assert_int_equal(index_check(&s->file, &where), 0);
    assert_int_equal(index_compare(&s->file, &index, false, NULL, &where), 0);
    assert_int_equal(index_compare(&s->file, &index, true, NULL, &where), ERR_INVALID);
    assert_int_equal(where, index.groups[2].offset);
    index_free(&index);
}

static void replacing_an_index_takes_no_line_with_it(void **state) {
    struct segment *s = *state;
    struct segment_index index = indexed_without_lids(s), again;
    const struct index_options replace = {.replace = true};
    enum segment_damage damage;
    const uint64_t lines = index.lines;
    for (int lie = 0; lie < 2; lie++) { /* where the lines end; what a group holds */
        const struct segment_index good = index;
        if (lie == 0) index.data_size = index.groups[1].offset;
        if (lie == 1) index.groups[0].raw_size--;
        put_index(s, &index);
        index.data_size = good.data_size;
        assert_int_equal(index_append(&s->file, &replace), 0);
        assert_int_equal(lines_read(s, &damage), lines);
        assert_int_equal(index_load(&s->file, &again), 0);
        uint64_t where;
        assert_int_equal(index_compare(&s->file, &again, true, NULL, &where), 0);
        index_free(&again);
    }
    index_free(&index);
}

static void a_header_that_hides_lines_is_not_cut_off_as_a_torn_index(void **state) {
    struct segment *s = *state;
    put_appends(s, 4, 3000);
    struct segment_reader reader = {.file = s->file};
    struct segment_reader_frame *frames;
    uint64_t count, size = size_of(s);
    enum segment_damage damage;
    assert_int_equal(segment_reader_frames(&reader, &frames, &count, &damage), 0);
    uint8_t header[8] = {0x51, 0x2A, 0x4D, 0x18, 0, 0, 0, 1}; /* filters, beyond the end */
    assert_int_equal(file_write_at(&s->file, header, sizeof header, frames[1].offset), 0);
    free(frames);
    assert_int_equal(index_append(&s->file, NULL), ERR_INVALID);
    assert_int_equal(size_of(s), size);
}

static void lz4_frames_of_others_after_an_index_are_not_cut_off_with_it(void **state) {
    struct segment *s = *state;
    static const uint8_t frames[][32] = {
        /* {"n":1} and a newline, by lz4 1.9.4: as it is, with --content-size, and with -l */
        {0x04, 0x22, 0x4D, 0x18, 0x64, 0x40, 0xA7, 8, 0, 0, 0x80, '{', '"', 'n', '"', ':', '1', '}',
         '\n'},
        {0x04, 0x22, 0x4D, 0x18, 0x6C, 0x40, 8, 0, 0, 0, 0, 0, 0, 0, 0x5A, 8, 0, 0, 0x80},
        {0x02, 0x21, 0x4C, 0x18, 9, 0, 0, 0, 0x80, '{', '"', 'n', '"', ':', '1', '}', '\n'},
    };
    put_appends(s, 2, 3000);
    struct segment_index index = indexed(s);
    index_free(&index);
    s->size = size_of(s); /* the index included */
    const uint64_t whole = s->size;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        put(s, frames[i], sizeof frames[i]);
        assert_int_equal(index_append(&s->file, NULL), ERR_INVALID);
        assert_int_equal(size_of(s), whole + sizeof frames[i]);
        assert_int_equal(file_truncate(&s->file, whole), 0);
        s->size = whole;
    }
    struct segment_index again = indexed(s);
    index_free(&again);
}

static void lids_padding_and_unknown_frames_between_lines_are_skipped(void **state) {
    struct segment *s = *state;
    static const uint8_t later[] = {0x5F, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3};
    static const uint8_t padding[] = {0x5E, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
    put(s, later, sizeof later);
    put_appends(s, 1, 3000);
    put(s, padding, sizeof padding);
    put(s, later, sizeof later);
    put_appends(s, 1, 3000);
    put(s, padding, sizeof padding);
    put(s, later, sizeof later);
    struct segment_index index = indexed(s);
    uint64_t offset;
    assert_int_equal(index_check(&s->file, &offset), 0);
    assert_int_equal(index.data_size, s->size);
    assert_int_equal(index.lines, s->lines);
    index_free(&index);
}

static void an_index_of_a_later_version_is_ignored_and_is_no_damage(void **state) {
    struct segment *s = *state;
    put_appends(s, 1, 3000);
    struct segment_index index = indexed(s);
    uint8_t footer[28];
    uint64_t offset;
    const uint64_t at = size_of(s) - sizeof footer;
    assert_int_equal(file_read_at(&s->file, footer, sizeof footer, at), sizeof footer);
    footer[8]++;
    const uint32_t checksum = digest_32(footer, sizeof footer - 4);
    for (int i = 0; i < 4; i++)
        footer[24 + i] = (uint8_t)(checksum >> 8 * i);
    assert_int_equal(file_write_at(&s->file, footer, sizeof footer, at), 0);
    index_free(&index);
    assert_int_equal(index_load(&s->file, &index), ERR_NOT_FOUND);
    assert_int_equal(index_check(&s->file, &offset), ERR_NOT_FOUND);
}

/* ---- many groups ---- */

static void more_groups_than_fit_one_section_start_another(void **state) {
    struct segment *s = *state;
    const int groups = FILTER_GROUPS_MAX + 3;
    char *text = malloc(1100000);
    for (int i = 0; i < groups; i++) { /* compresses well, which keeps the test fast */
        size_t size = (size_t)sprintf(text, "{\"id\":\"%016llx\"}\n",
                                      (unsigned long long)(i + 1) * 0x9E3779B97F4A7C15u);
        memset(text + size, ' ', 800000);
        size += 800000;
        text[size++] = '\n';
        put_lines(s, text, size);
        put_lid(s, NOON, LEVEL_INFO, 2, size);
    }
    free(text);
    struct segment_index index = indexed(s);
    uint8_t *candidates = malloc(INDEX_CANDIDATES_BYTES(index.count));
    uint64_t offset;
    assert_int_equal(index.count, groups);
    assert_int_equal(index.section_count, 2);
    assert_int_equal(index.sections[1].first_group, FILTER_GROUPS_MAX);
    assert_int_equal(index_check(&s->file, &offset), 0);
    for (int i = 0; i < groups; i += 10) {
        char literal[64];
        sprintf(literal, "%016llx", (unsigned long long)(i + 1) * 0x9E3779B97F4A7C15u);
        assert_in_range(ask(s, &index, literal, candidates), 1, 40);
        assert_true(index_candidate(candidates, (uint32_t)i));
    }
    free(candidates);
    index_free(&index);
}

#define ALIKE_GROUPS 64
#define ALIKE_TOKENS 5000

static void equal_groups_give_a_missing_token_few_false_positives(void **state) {
    (void)state;
    struct filters filters = {0};
    uint64_t *hashes = malloc(ALIKE_TOKENS * sizeof *hashes);
    struct chance chance = {1};
    for (int i = 0; i < ALIKE_TOKENS; i++)
        hashes[i] = chance_next(&chance) & ~UINT64_C(0xFFF);
    for (int i = 0; i < ALIKE_GROUPS; i++)
        assert_int_equal(filters_add(&filters, hashes, ALIKE_TOKENS, 190000), 0);
    assert_int_equal(filters_finish(&filters), 0);
    assert_in_range(filters.shape.rows * 512, 10 * ALIKE_TOKENS, 12 * ALIKE_TOKENS + 512);
    uint8_t row[ALIKE_GROUPS * FILTER_LINE_BYTES];
    int in_vain = 0, most = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t hash = chance_next(&chance) & ~UINT64_C(0xFFF);
        struct filter_probe probe;
        int found = 0;
        for (uint32_t group = 0; group < ALIKE_GROUPS; group++) {
            filter_probe(filters.shape, hash, group, &probe);
            if (group == 0) filters_row(&filters, probe.row, row);
            found += filter_holds(&probe, row + group * FILTER_LINE_BYTES);
        }
        in_vain += found;
        if (found > most) most = found;
    }
    assert_in_range(in_vain, 1, 10000 * ALIKE_GROUPS / 100);
    assert_in_range(most, 1, ALIKE_GROUPS / 6);
    filters_free(&filters);
    free(hashes);
}

static void the_bits_of_a_token_are_pinned(void **state) {
    (void)state;
    const struct filter_shape shape = {1000, 7, 7};
    static const struct {
        uint32_t group, bits[7];
    } pinned[] = {{0, {401, 258, 135, 255, 416, 104, 74}},
                  {1, {401, 31, 258, 467, 67, 383, 78}},
                  {255, {56, 435, 34, 48, 183, 423, 339}}};
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
        struct filter_probe probe;
        uint8_t expected[FILTER_LINE_BYTES] = {0};
        filter_probe(shape, UINT64_C(0x123456789ABCD000), pinned[i].group, &probe);
        for (int k = 0; k < 7; k++)
            expected[pinned[i].bits[k] / 8] |= (uint8_t)(1u << pinned[i].bits[k] % 8);
        assert_int_equal(probe.row, 71);
        assert_memory_equal(probe.bits, expected, sizeof expected);
    }
}

/* The golden index stays readable for ever, and the current version is rebuilt byte for byte: a
 * change of tokens, filters or layout needs a new version. */
static void read_golden(struct segment *s, const char *file, struct segment_index *index) {
    static const uint32_t levels = 1u << LEVEL_TRACE | 1u << (LEVEL_TRACE + 1);
    char *golden;
    size_t size;
    uint8_t candidates[8];
    uint64_t offset;
    char name[512] = __FILE__;
    strcpy(strrchr(name, '/'), "/../golden/");
    strcat(name, file);
    assert_int_equal(file_read_all(files_of_system(), name, 1 << 20, &golden, &size), 0);
    put(s, golden, size);
    free(golden);
    assert_int_equal(index_load(&s->file, index), 0);
    assert_int_equal(index_check(&s->file, &offset), 0);
    assert_int_equal(index->count, 1);
    assert_int_equal(index->lines, index->decoded ? 30 : 28);
    /* Older versions have found less by their rules: their times and levels exclude nothing. */
    const struct span *span = &index->groups[0].span;
    assert_int_equal(span->time_max_ns, index->counted ? NOON + 60 * SECOND : INT64_MAX);
    assert_int_equal(span->levels & levels, levels);
    assert_int_equal(span->levels == levels, index->counted);
    assert_int_equal(ask(s, index, "9e3779b97f4a7c15", candidates), 1);
    assert_int_equal(ask(s, index, " CACHE ", candidates), 1);
    assert_int_equal(ask(s, index, "9e3779b97f4a7c150123456789", candidates), 0);
}

static void the_golden_index_is_read_and_rebuilt_identically(void **state) {
    struct segment *s = *state;
    struct segment_index index;
    uint8_t candidates[8];
    read_golden(s, "indexed.lz4", &index);
    assert_true(index.sections[0].by_group && index.counted && index.decoded);
    assert_int_equal(ask(s, &index, " M\xc3\xbcller ", candidates), 1);
    assert_int_equal(ask(s, &index, "\nworld\"", candidates), 1);
    assert_int_equal(ask(s, &index, " task kelvin ", candidates), 1);
    assert_int_equal(ask(s, &index, " tasks kelvins ", candidates), 0);
    const uint64_t size = size_of(s);
    char *golden = malloc(size), *again = malloc(size);
    assert_int_equal(file_read_at(&s->file, golden, size, 0), size);
    assert_int_equal(file_truncate(&s->file, index.data_size), 0);
    assert_int_equal(index_append(&s->file, NULL), 0);
    assert_int_equal(size_of(s), size);
    assert_int_equal(file_read_at(&s->file, again, size, 0), size);
    assert_memory_equal(again, golden, size);
    free(again);
    free(golden);
    index_free(&index);
}

static void an_index_of_version_1_is_read(void **state) {
    struct segment_index index;
    read_golden(*state, "indexed-1.lz4", &index);
    assert_false(index.sections[0].by_group || index.counted || index.decoded);
    index_free(&index);
}

static void an_index_of_version_2_is_read(void **state) {
    struct segment_index index;
    read_golden(*state, "indexed-2.lz4", &index);
    assert_true(index.sections[0].by_group && !index.counted && !index.decoded);
    index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, segment_begin, segment_end)
        TEST(groups_hold_all_frames_in_order),
        TEST(a_group_that_contains_a_literal_is_a_candidate_and_few_others_are),
        TEST(a_group_is_a_candidate_for_text_that_its_lines_write_with_escapes),
        TEST(times_and_levels_come_from_the_lids),
        TEST(counts_come_from_the_lines_not_from_the_lids),
        TEST(a_lid_covers_all_groups_since_the_previous_lid),
        TEST(without_a_lid_times_come_from_the_lines),
        TEST(a_line_without_time_and_lid_makes_the_group_unbounded),
        TEST(the_callers_span_of_the_last_lines_is_used_if_its_size_matches),
        TEST(a_lid_whose_size_does_not_match_is_ignored),
        TEST(a_group_with_a_damaged_frame_is_always_a_candidate),
        TEST(an_indexed_segment_is_left_unchanged),
        TEST(a_segment_without_lines_gets_an_empty_index),
        TEST(an_unfinished_segment_or_another_file_gets_no_index),
        TEST(an_index_torn_at_any_byte_is_ignored_and_the_next_try_completes_it),
        TEST(a_stopped_build_leaves_the_segment_unchanged),
        TEST(zeros_after_the_lines_from_a_power_failure_are_cut_off),
        TEST(a_changed_byte_is_found_and_hides_no_line),
        TEST(an_inconsistent_index_with_valid_checksums_is_ignored),
        TEST(a_group_that_claims_what_is_impossible_is_not_believed),
        TEST(lines_that_no_group_holds_make_an_index_invalid),
        TEST(an_index_of_other_lines_is_found_by_reading_them),
        TEST(a_group_read_from_its_lines_may_know_more_than_a_lid_of_it),
        TEST(an_index_that_excludes_what_a_lid_says_is_not_of_these_lines),
        TEST(a_filter_that_lacks_a_token_is_found_by_reading_the_lines),
        TEST(replacing_an_index_takes_no_line_with_it),
        TEST(a_header_that_hides_lines_is_not_cut_off_as_a_torn_index),
        TEST(lz4_frames_of_others_after_an_index_are_not_cut_off_with_it),
        TEST(lids_padding_and_unknown_frames_between_lines_are_skipped),
        TEST(an_index_of_a_later_version_is_ignored_and_is_no_damage),
        TEST(more_groups_than_fit_one_section_start_another),
        TEST(the_golden_index_is_read_and_rebuilt_identically),
        TEST(an_index_of_version_1_is_read),
        TEST(an_index_of_version_2_is_read),
        TEST(equal_groups_give_a_missing_token_few_false_positives),
        TEST(the_bits_of_a_token_are_pinned),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
