/* last_sequence_test.c - no sequence is used twice, whatever happened to the file that holds the last
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "tests/sim/sweep.h"
#include "tests/unit/kept_segments.h"
#include "writer/keep/last_sequence.h"

#define SEQUENCE_PATH "logs/state/main.sequence"

static struct sim sim;
static struct manifest *manifest;
static const char *archives[] = {"cold", "far"};
static const bool all_answer[] = {true, true};
static uint32_t archives_asked, archives_silent;
static bool stays_here;

/* A thread, but without one; the next ones may be silent. */
static bool run_here(void (*run)(void *job), void (*release)(void *job), void *job, uint32_t ms) {
    archives_asked++;
    assert_true(ms > 0);
    if (archives_silent == 0) run(job);
    if (archives_silent == 0) return true;
    archives_silent--;
    release(job);
    return false;
}

static int set_up(void **state) {
    sweep_listen(state);
    sim_open(&sim, 1);
    archives_asked = archives_silent = 0;
    stays_here = false;
    if (directory_make(&sim.disk.files, "logs")) return -1;
    return manifest_open(&sim.disk.files, "logs", &manifest);
}

static int tear_down(void **state) {
    manifest_close(manifest);
    manifest = NULL;
    assert_int_equal(sim.disk.files_open, 0);
    sim_close(&sim);
    return sweep_tell(state);
}

static void put_text(const char *path, const char *text) {
    (void)file_remove(&sim.disk.files, path);
    disk_put(&sim.disk, path, text, strlen(text));
}

static void put_closed(const char *folder, uint64_t sequence) {
    const struct segment_name name = {.stream = "main", .sequence = sequence, .opened_ns = OPENED};
    char path[PATH_BYTES_MAX], text[SEGMENT_NAME_MAX];
    assert_true(path_join(path, folder, "main", segment_name_format(&name, text)));
    put_lines(&sim.disk, path, "main", sequence, 1);
}

static void put_event(uint64_t sequence, enum manifest_event event) {
    struct manifest_record entry = {.event = event,
                                    .name = {.stream = "main", .sequence = sequence},
                                    .first_time_ns = INT64_MIN,
                                    .last_time_ns = INT64_MAX,
                                    .closed_ns = OPENED};
    assert_int_equal(manifest_append(manifest, &entry), 0);
}

static uint64_t found(void) {
    const struct last_sequence_search search = {.files = &sim.disk.files,
                                                .directory = "logs",
                                                .manifest = manifest,
                                                .stay_here = stays_here,
                                                .archives = archives,
                                                .answering = all_answer,
                                                .archive_count = 2,
                                                .run_within = run_here};
    struct last_sequence_stream stream = {.name = "main"};
    assert_int_equal(recover_stream(&sim.disk.files, "logs", "main", &stream.recovery), 0);
    last_sequence_find(&search, &stream, 1);
    return stream.last;
}

static void assert_stored(const char *text) {
    size_t size;
    const uint8_t *bytes = disk_bytes(&sim.disk, SEQUENCE_PATH, &size);
    assert_non_null(bytes);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(bytes, text, size);
}

static void a_new_stream_begins_at_the_beginning(void **state) {
    (void)state;
    assert_int_equal(found(), 0);
    assert_false(disk_exists(&sim.disk, SEQUENCE_PATH));
}

/* It may be an old copy, and the manifest may be lost. */
static void the_archives_are_asked_although_the_file_is_sound(void **state) {
    (void)state;
    put_text(SEQUENCE_PATH, "41\n");
    put_closed("cold", 40);
    assert_int_equal(found(), 41);
    assert_int_equal(archives_asked, 2);
    put_closed("cold", 77);
    assert_int_equal(found(), 77);
    assert_stored("77\n");
}

static void the_archive_of_another_directory_does_not_outdate_a_sound_file(void **state) {
    (void)state;
    put_text("logs/state/archives", "id 5d0fa27cc2ee3bd8b7b4ac5f6d0c9f11\n");
    put_text("cold/state/archive-of", "00000000000000000000000000000000\n");
    put_text(SEQUENCE_PATH, "41\n");
    put_closed("cold", 77);
    assert_int_equal(found(), 41);
    assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
    assert_int_equal(found(), 77);
}

static void a_stream_that_is_never_archived_asks_no_archive(void **state) {
    (void)state;
    stays_here = true;
    put_closed("cold", 77);
    assert_int_equal(found(), 0);
    assert_int_equal(archives_asked, 0);
}

static void blanks_after_the_number_are_ignored(void **state) {
    (void)state;
    put_text(SEQUENCE_PATH, "42 \r\n"); /* as an operator may have written it */
    assert_int_equal(found(), 42);
}

static void an_outdated_file_gives_way_to_names_and_manifest(void **state) {
    (void)state;
    put_text(SEQUENCE_PATH, "4\n");
    put_closed("logs", 5);
    assert_int_equal(found(), 5);
    assert_stored("5\n");
    put_event(8, MANIFEST_DELETED);
    assert_int_equal(found(), 8);
    assert_stored("8\n");
}

/* Each place where a sequence can be known, as the only one. */
static void without_the_file_the_highest_known_sequence_counts(void **state) {
    (void)state;
    put_closed("logs", 3);
    assert_int_equal(found(), 3);
    assert_stored("3\n");
    put_event(5, MANIFEST_DELETED);
    put_event(4, MANIFEST_CLOSED);
    assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
    assert_int_equal(found(), 5);
    for (int event = MANIFEST_CLOSED; event <= MANIFEST_DELETED; event++) {
        put_event((uint64_t)event + 5, (enum manifest_event)event);
        assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
        assert_int_equal(found(), event + 5);
    }
    put_closed("cold", 20);
    assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
    assert_int_equal(found(), 20);
    put_closed("far", 21);
    assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
    assert_int_equal(found(), 21);
    put_closed("old", 22);
    put_text("logs/state/archives", "id 5d0fa27cc2ee3bd8b7b4ac5f6d0c9f11\nfolder old\n");
    assert_int_equal(file_remove(&sim.disk.files, SEQUENCE_PATH), 0);
    assert_int_equal(found(), 22);
    assert_stored("22\n");
}

static void a_damaged_file_is_written_again(void **state) {
    (void)state;
    char long_one[100];
    memset(long_one, '1', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    const char *const damaged[] = {"",
                                   "\n",
                                   "12",
                                   "x\n",
                                   "-1\n",
                                   "+7\n",
                                   " 7\n",
                                   "12\n1x",
                                   "12 13 \n",
                                   "0x10\n",
                                   "9999999999\n",
                                   long_one,
                                   "18446744073709551617\n"};
    put_closed("logs", 3);
    put_closed("cold", 9);
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        put_text(SEQUENCE_PATH, damaged[i]);
        assert_int_equal(found(), 9);
        assert_stored("9\n");
    }
    static uint8_t zeros[DISK_PAGE_BYTES]; /* what a power failure may leave */
    (void)file_remove(&sim.disk.files, SEQUENCE_PATH);
    disk_put(&sim.disk, SEQUENCE_PATH, zeros, sizeof zeros);
    assert_int_equal(found(), 9);
    assert_stored("9\n");
}

/* It may hold the only record of the last sequence. */
static void a_file_that_cannot_be_read_for_the_moment_prevents_the_start(void **state) {
    (void)state;
    struct recovery recovery;
    put_text(SEQUENCE_PATH, "3\n");
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = ERR_IO,
                                     .first = 1,
                                     .kinds = DISK_BIT(DISK_READ),
                                     .path = SEQUENCE_PATH};
    disk_arm(&sim.disk, &fault);
    assert_int_equal(recover_stream(&sim.disk.files, "logs", "main", &recovery), ERR_IO);
    assert_int_equal(found(), 3);
}

static void an_unknown_event_counts_too(void **state) {
    (void)state;
    manifest_close(manifest);
    put_text("logs/state/" MANIFEST_FILE,
             "{\"event\":\"melted\",\"name\":\"main-0000000031-20261124T110000Z.ndjson.lz4\"}\n");
    assert_int_equal(manifest_open(&sim.disk.files, "logs", &manifest), 0);
    assert_int_equal(found(), 31);
}

/* Its manifest is read if it cannot be opened for writing. */
static void a_manifest_that_is_not_open_is_read(void **state) {
    (void)state;
    put_event(6, MANIFEST_DELETED);
    manifest_close(manifest);
    manifest = NULL;
    assert_int_equal(found(), 6);
}

static void an_archive_that_does_not_answer_is_left_out(void **state) {
    (void)state;
    put_closed("logs", 3);
    put_closed("cold", 8);
    put_closed("far", 5);
    archives_silent = 1;
    assert_int_equal(found(), 5);
    assert_int_equal(archives_asked, 2);
}

static void a_stray_file_with_a_huge_sequence_does_not_use_up_the_numbers(void **state) {
    (void)state;
    put_closed("logs", 3);
    put_closed("logs", SEGMENT_SEQUENCE_MAX);
    put_closed("cold", SEGMENT_SEQUENCE_MAX - 1);
    put_event(SEGMENT_SEQUENCE_MAX, MANIFEST_CLOSED);
    put_event(4, MANIFEST_DELETED);
    assert_int_equal(found(), 4);
    assert_stored("4\n");
    put_closed("logs", SEQUENCE_CONTINUED_MAX);
    assert_int_equal(found(), SEQUENCE_CONTINUED_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_new_stream_begins_at_the_beginning),
        TEST(the_archives_are_asked_although_the_file_is_sound),
        TEST(the_archive_of_another_directory_does_not_outdate_a_sound_file),
        TEST(a_stream_that_is_never_archived_asks_no_archive),
        TEST(blanks_after_the_number_are_ignored),
        TEST(an_outdated_file_gives_way_to_names_and_manifest),
        TEST(without_the_file_the_highest_known_sequence_counts),
        TEST(a_damaged_file_is_written_again),
        TEST(a_file_that_cannot_be_read_for_the_moment_prevents_the_start),
        TEST(an_unknown_event_counts_too),
        TEST(a_manifest_that_is_not_open_is_read),
        TEST(an_archive_that_does_not_answer_is_left_out),
        TEST(a_stray_file_with_a_huge_sequence_does_not_use_up_the_numbers),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
