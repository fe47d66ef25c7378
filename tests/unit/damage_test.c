/* damage_test.c - a small segment with each byte changed to every other value, truncated at every
 * length, and torn apart at random.  An intact frame is always read and repaired, a line that was
 * never written is never printed, and every loss is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "tests/unit/memory_files.h"
#include "tools/commands/command.h"
#include "writer/index/index.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_reader.h"

#define FRAMES      6
#define FRAME_LINES 3
#define BYTES_MAX   16384
#define CLOSED      "logs/main/main-0000000001-20261124T073000Z.ndjson.lz4"
#define PART        "logs/main/main-0000000001-20261124T073000Z.part.ndjson.lz4"
#define REPAIRED    "saved/main-0000000001-20261124T073000Z.ndjson.lz4"

/* A frame of the segment, from byte `begin` to `end`. */
struct piece {
    size_t begin, end;
    char lines[512];
    bool data;
};

static struct memory_files files;
static struct output out;
static uint8_t sound[BYTES_MAX];
static size_t sound_size, data_size; /* data_size excludes the index */
static struct piece pieces[2 * FRAMES];
static size_t piece_count;

/* ---- the segment ---- */

static void add_frame(void *scratch, unsigned number) {
    struct piece *piece = &pieces[piece_count++];
    int size = 0;
    for (unsigned line = 0; line < FRAME_LINES; line++) /* odd frames are compressible */
        size += snprintf(piece->lines + size, sizeof piece->lines - (size_t)size,
                         "{\"ts\":%u,\"level\":\"%s\",\"frame\":%u,\"line\":%u%s}\n",
                         1795505400 + number, number == 3 ? "error" : "info", number, line,
                         number % 2 ? ",\"message\":\"again and again and again and again\"" : "");
    piece->data = true;
    piece->begin = sound_size;
    sound_size +=
        frame_encode(scratch, (const uint8_t *)piece->lines, (size_t)size, 1, sound + sound_size);
    piece->end = sound_size;
}

static void add_skippable(const uint8_t *bytes, size_t size) {
    struct piece *piece = &pieces[piece_count++];
    *piece = (struct piece){.begin = sound_size, .end = sound_size + size};
    memcpy(sound + sound_size, bytes, size);
    sound_size += size;
}

/* The span of all lines in pieces from `first_piece` on. */
static struct span span_of(size_t first_piece) {
    struct span span = {0};
    for (size_t i = first_piece; i < piece_count; i++)
        for (const char *p = pieces[i].lines; *p != '\0';) {
            struct facts facts;
            const size_t size = strcspn(p, "\n") + 1;
            facts_of_record((const uint8_t *)p, size - 1, &facts_rules_usual, &facts);
            span_add_line(&span, size, 1795505400000000000, &facts);
            p += size;
        }
    return span;
}

static void add_lid(size_t first_piece, uint64_t first_line) {
    uint8_t lid[LID_BYTES];
    const struct span span = span_of(first_piece);
    assert_int_equal(lid_encode(&span, first_line, lid), LID_BYTES);
    add_skippable(lid, LID_BYTES);
}

static void add_index(const struct span *rest) {
    struct file file;
    memory_write(memory_add(&files, CLOSED, false), sound, sound_size, 0);
    assert_int_equal(file_open(&files.files, CLOSED, FILE_WRITE, &file), 0);
    assert_int_equal(index_append(&file, &(struct index_options){.rest = rest}), 0);
    file_close(&file);
    const struct memory_file *indexed = memory_find(&files, CLOSED);
    assert_true(indexed->size > sound_size && indexed->size <= sizeof sound);
    data_size = sound_size;
    add_skippable(indexed->bytes + sound_size, indexed->size - sound_size);
}

static int begin(void **state) {
    (void)state;
    static const uint8_t padding[FRAME_COVER_BYTES] = {0x5E, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
    void *scratch = malloc(frame_scratch_bytes());
    sound_size = piece_count = 0;
    memory_files_open(&files);
    output_open_memory(&out);
    for (unsigned i = 0; i < FRAMES; i++) {
        add_frame(scratch, i);
        if (i == 1) add_lid(0, 0);
        if (i == 2) add_skippable(padding, sizeof padding);
        if (i == 4) add_lid(3, 2 * FRAME_LINES); /* pieces 0 and 1 are frames, piece 2 is the lid */
    }
    const struct span rest = span_of(piece_count - 1);
    add_index(&rest);
    free(scratch);
    return 0;
}

static int end(void **state) {
    (void)state;
    memory_files_close(&files);
    output_close(&out);
    return 0;
}

/* Makes `path` the only file. */
static void put(const char *path, const uint8_t *bytes, size_t size) {
    memory_files_close(&files);
    memory_add(&files, "logs", true);
    memory_add(&files, "logs/main", true);
    memory_write(memory_add(&files, path, false), bytes, size, 0);
}

/* ---- reading like the commands, without their messages ---- */

struct reading_result {
    char lines[BYTES_MAX];
    size_t size;
    unsigned damage; /* reported places */
};

static void read_all(const char *path, struct reading_result *result) {
    struct segment_reader reader;
    result->size = result->damage = 0;
    assert_int_equal(segment_reader_open(&files.files, path, &reader), 0);
    for (size_t turn = 0;; turn++) {
        enum segment_damage damage;
        assert_true(turn < BYTES_MAX);
        const int status = segment_reader_next(&reader, &damage);
        assert_true(status >= 0);
        if (status > 0) {
            assert_true(result->size + reader.raw_size < sizeof result->lines);
            memcpy(result->lines + result->size, reader.raw, reader.raw_size);
            result->size += reader.raw_size;
            continue;
        }
        if (damage == SEGMENT_SOUND) break;
        result->damage++;
        if (segment_reader_skip_damage(&reader) == 0) break;
    }
    segment_reader_close(&reader);
    result->lines[result->size] = '\0';
}

/* The lines of all frames that do not contain byte `touched` and end at or before `cut`. */
static const char *lines_without(size_t touched, size_t cut) {
    static char lines[BYTES_MAX];
    lines[0] = '\0';
    for (size_t i = 0; i < piece_count; i++) {
        const struct piece *piece = &pieces[i];
        if (!piece->data || piece->end > cut) continue;
        if (touched >= piece->begin && touched < piece->end) continue;
        strcat(lines, piece->lines);
    }
    return lines;
}

#define NOWHERE BYTES_MAX

static const struct piece *piece_at(size_t offset) {
    for (size_t i = 0; i < piece_count; i++)
        if (offset >= pieces[i].begin && offset < pieces[i].end) return &pieces[i];
    fail();
    return NULL;
}

static bool piece_ends_at(size_t offset) {
    if (offset == 0) return true;
    for (size_t i = 0; i < piece_count; i++)
        if (pieces[i].end == offset) return true;
    return false;
}

/* Runs a command line whose arguments are separated by '|'. */
static int run(const char *arguments) {
    char text[512];
    char *argv[16] = {(char *)"logport"};
    int argc = 1;
    snprintf(text, sizeof text, "%s", arguments);
    for (char *p = text; p != NULL;) {
        char *const bar = strchr(p, '|');
        argv[argc++] = p;
        if (bar != NULL) *bar = '\0';
        p = bar != NULL ? bar + 1 : NULL;
    }
    out.used = 0;
    const int code = command_line_run(&files.files, &out, argc, argv);
    output_bytes(&out, "", 1);
    out.used--;
    return code;
}

static void assert_prints(int code, const char *arguments, const char *text) {
    assert_int_equal(run(arguments), code);
    assert_string_equal(out.bytes, text);
}

/* ---- every byte and every length ---- */

static void the_unchanged_segment_is_sound(void **state) {
    (void)state;
    struct reading_result result;
    put(CLOSED, sound, sound_size);
    read_all(CLOSED, &result);
    assert_string_equal(result.lines, lines_without(NOWHERE, sound_size));
    assert_int_equal(result.damage, 0);
    assert_int_equal(run("verify|logs"), 0);
    assert_int_equal(run("repair|-o|saved|logs"), 0);
    assert_non_null(strstr((const char *)out.bytes, ": sound, 6 frames; skipped\n"));
    assert_null(memory_find(&files, "saved"));
}

static void any_changed_byte_loses_only_its_frame_and_is_reported(void **state) {
    (void)state;
    struct reading_result result;
    put(CLOSED, sound, sound_size);
    uint8_t *const bytes = memory_find(&files, CLOSED)->bytes;
    for (size_t at = 0; at < sound_size; at++) {
        const struct piece *piece = piece_at(at);
        for (unsigned value = 0; value < 256; value++) {
            if (value == sound[at]) continue;
            bytes[at] = (uint8_t)value;
            read_all(CLOSED, &result);
            if (strcmp(result.lines, lines_without(at, sound_size)) != 0)
                fail_msg("byte %zu as %u: other lines:\n%s", at, value, result.lines);
            if (piece->data && result.damage == 0) fail_msg("byte %zu as %u: not told", at, value);
        }
        bytes[at] = sound[at];
    }
}

static void any_changed_byte_in_a_live_segment_yields_no_wrong_line(void **state) {
    (void)state;
    struct reading_result result;
    put(PART, sound, sound_size);
    uint8_t *const bytes = memory_find(&files, PART)->bytes;
    for (size_t at = 0; at < sound_size; at++) {
        bytes[at] ^= 0xFF;
        read_all(PART, &result);
        assert_string_equal(result.lines, lines_without(at, sound_size));
        bytes[at] = sound[at];
    }
}

static void a_file_truncated_anywhere_keeps_its_whole_frames(void **state) {
    (void)state;
    struct reading_result result;
    for (size_t size = 0; size <= sound_size; size++) {
        put(CLOSED, sound, size);
        read_all(CLOSED, &result);
        assert_string_equal(result.lines, lines_without(NOWHERE, size));
        /* A cut between the frames of the index loses no line, only the index. */
        if (size <= data_size) assert_int_equal(result.damage, piece_ends_at(size) ? 0 : 1);
        assert_prints(result.damage ? 2 : 0, "cat|" CLOSED, lines_without(NOWHERE, size));
        assert_int_equal(run("verify|" CLOSED), piece_ends_at(size) ? 0 : 1);
        put(PART, sound, size);
        assert_prints(0, "cat|" PART, lines_without(NOWHERE, size));
        assert_int_equal(run("verify|" PART), 0);
    }
}

static void the_commands_report_the_damaged_frame_and_continue(void **state) {
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xFF};
    for (size_t at = 0; at < sound_size; at++) {
        const bool data = piece_at(at)->data;
        char place[64];
        snprintf(place, sizeof place, "at byte %zu: ", piece_at(at)->begin);
        put(CLOSED, sound, sound_size);
        memory_find(&files, CLOSED)->bytes[at] ^= changes[at % sizeof changes];
        const int code = run("search||logs");
        assert_string_equal(out.bytes, lines_without(at, sound_size));
        if (data) assert_int_equal(code, 2);
        const int verified = run("verify|logs");
        /* An unknown skippable frame is valid: a later version may have written it. */
        const bool other_kind = !data && at == piece_at(at)->begin && at < data_size &&
                                changes[at % sizeof changes] < 0x10;
        if (!other_kind) assert_int_equal(verified, 1);
        if (data) assert_non_null(strstr((const char *)out.bytes, place));
    }
}

/* Lids and the index are used only if their checksums match. */
static void a_changed_byte_never_makes_search_skip_a_match(void **state) {
    (void)state;
    put(CLOSED, sound, sound_size);
    uint8_t *const bytes = memory_find(&files, CLOSED)->bytes;
    const struct piece *wanted = &pieces[5]; /* frame 3, the only one with level error */
    assert_prints(0, "search|--level|error||logs", wanted->lines);
    for (size_t at = 0; at < sound_size; at++) {
        const bool lost = at >= wanted->begin && at < wanted->end;
        bytes[at] ^= (uint8_t)(1u << at % 8);
        assert_int_not_equal(run("search|--level|error||logs"), 1);
        assert_string_equal(out.bytes, lost ? "" : wanted->lines);
        run("search|--since|1795505403|--until|1795505404||logs");
        assert_string_equal(out.bytes, lost ? "" : wanted->lines);
        run("search|again and again and again and again|logs");
        for (size_t i = 0; i < piece_count; i++) {
            const bool touched = at >= pieces[i].begin && at < pieces[i].end;
            if (strstr(pieces[i].lines, "again") != NULL && !touched)
                assert_non_null(strstr((const char *)out.bytes, pieces[i].lines));
        }
        bytes[at] = sound[at];
    }
}

static void
repair_saves_all_frames_but_the_damaged_one_and_leaves_the_file_unchanged(void **state) {
    (void)state;
    uint8_t bytes[BYTES_MAX];
    for (size_t at = 0; at < sound_size; at++) {
        if (!piece_at(at)->data) continue;
        memcpy(bytes, sound, sound_size);
        bytes[at] ^= 0x10;
        put(CLOSED, bytes, sound_size);
        assert_int_equal(run("repair|-o|saved|logs"), 0);
        assert_prints(0, "cat|" REPAIRED, lines_without(at, sound_size));
        assert_int_equal(run("verify|" REPAIRED), 0);
        assert_memory_equal(memory_find(&files, CLOSED)->bytes, bytes, sound_size);
        /* A second repair does not overwrite the saved file. */
        assert_int_equal(run("repair|-o|saved|logs"), 2);
    }
}

static void repair_saves_nothing_from_a_file_without_a_sound_frame(void **state) {
    (void)state;
    uint8_t bytes[200];
    memset(bytes, 'x', sizeof bytes);
    put(CLOSED, bytes, sizeof bytes);
    assert_prints(1, "repair|-o|saved|logs",
                  CLOSED ": no sound frame in 200 bytes; nothing saved\n");
    assert_null(memory_find(&files, REPAIRED));
    assert_int_equal(run("repair|-o|saved|nowhere"), 2);
}

static void repair_ignores_the_unfinished_end_of_a_live_segment(void **state) {
    (void)state;
    put(PART, sound, data_size - 5);
    assert_int_equal(run("repair|-o|saved|logs"), 0);
    assert_non_null(strstr((const char *)out.bytes, ": sound, 5 frames; skipped\n"));
    /* If an earlier frame is damaged, the saved file gets the name of a closed segment. */
    memory_find(&files, PART)->bytes[pieces[1].begin + 30] ^= 1;
    assert_int_equal(run("repair|-o|saved|logs"), 0);
    assert_prints(0, "cat|" REPAIRED, lines_without(pieces[1].begin, data_size - 5));
}

/* ---- at random ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Writes frames and garbage in random order, as a failing disk may leave a file. */
static size_t shuffle(uint64_t *seed, uint8_t *bytes, char *lines) {
    size_t size = 0;
    lines[0] = '\0';
    for (unsigned i = 0; i < 12; i++) {
        const struct piece *piece = &pieces[next_random(seed) % (piece_count - 1)];
        size_t part = piece->end - piece->begin;
        const bool whole = next_random(seed) % 2 == 0;
        if (!whole) part = next_random(seed) % part;
        memcpy(bytes + size, sound + piece->begin, part);
        if (whole) strcat(lines, piece->lines);
        size += part;
        for (unsigned n = (unsigned)(next_random(seed) % 20); n > 0 && !whole; n--)
            bytes[size++] =
                (uint8_t)(1 + next_random(seed) % 127); /* never an end mark or a magic number */
    }
    return size;
}

static void every_whole_frame_between_garbage_is_found(void **state) {
    (void)state;
    const char *scale = system_environment("LOGPORT_TEST_SCALE");
    const unsigned rounds = scale != NULL ? (unsigned)atoi(scale) * 100 : 10000;
    uint8_t bytes[BYTES_MAX];
    char lines[BYTES_MAX];
    struct reading_result result;
    uint64_t seed;
    system_random(&seed, sizeof seed);
    const uint64_t first = seed |= 1;
    for (unsigned round = 0; round < rounds; round++) {
        const size_t size = shuffle(&seed, bytes, lines);
        put(CLOSED, bytes, size);
        read_all(CLOSED, &result);
        if (strcmp(result.lines, lines) != 0)
            fail_msg("seed %llu, round %u: expected\n%sgot\n%s", (unsigned long long)first, round,
                     lines, result.lines);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        TEST(the_unchanged_segment_is_sound),
        TEST(any_changed_byte_loses_only_its_frame_and_is_reported),
        TEST(any_changed_byte_in_a_live_segment_yields_no_wrong_line),
        TEST(a_file_truncated_anywhere_keeps_its_whole_frames),
        TEST(the_commands_report_the_damaged_frame_and_continue),
        TEST(a_changed_byte_never_makes_search_skip_a_match),
        TEST(repair_saves_all_frames_but_the_damaged_one_and_leaves_the_file_unchanged),
        TEST(repair_saves_nothing_from_a_file_without_a_sound_frame),
        TEST(repair_ignores_the_unfinished_end_of_a_live_segment),
        TEST(every_whole_frame_between_garbage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
