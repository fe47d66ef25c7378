/* keeper_test.c - the keeper indexes closed segments in a defined order, re-packs them when they
 * are old enough, and stops when told to. */
#include "tests/unit/probe.h"

#include "port/error.h"
#include "tests/unit/memory_files.h"
#include "writer/index/index.h"
#include "writer/keep/keeper.h"
#include "writer/segment/frame.h"

#define PACK_PATH "logs/state/s.pack"
#define FOLDER    "logs/s"
#define RAW_LINES 2000
#define SEQUENCES 9

struct bench {
    struct memory_files files;
    struct port *port;
    struct keeper *keeper;
    int written[SEQUENCES + 1]; /* sequences, in the order in which they were opened for writing */
    int written_count;
    atomic_int open_error; /* if not 0, opening for writing fails with it */
    int64_t modified_ns;
};
static struct bench bench;

static void segment_path(int sequence, bool part, char path[MEMORY_PATH_MAX]) {
    snprintf(path, MEMORY_PATH_MAX, FOLDER "/s-%010d-20261124T120000Z%s.ndjson.lz4", sequence,
             part ? ".part" : "");
}

static void add_segment(int sequence, bool part) {
    char path[MEMORY_PATH_MAX], line[64];
    segment_path(sequence, part, path);
    void *scratch = malloc(frame_scratch_bytes());
    uint8_t *raw = malloc(RAW_LINES * sizeof line);
    size_t size = 0;
    for (int i = 0; i < RAW_LINES; i++)
        size += (size_t)sprintf((char *)raw + size, "{\"sequence\":%d,\"n\":%d}\n", sequence, i);
    uint8_t *packed = malloc(frames_bytes_max(size));
    const size_t packed_size = frames_encode(scratch, raw, size, 1, packed);
    memory_write(memory_add(&bench.files, path, false), packed, packed_size, 0);
    free(packed);
    free(raw);
    free(scratch);
}

static int noting_open(struct files *files, const char *path, enum file_access access,
                       struct file *file) {
    if (access == FILE_WRITE) {
        const int error = bench.open_error;
        if (error) return error;
        bench.written[bench.written_count++] = atoi(path + strlen(FOLDER "/s-"));
    }
    return memory_open(files, path, access, file);
}

static int aged_status(struct file *file, struct file_status *status) {
    const int error = memory_status(file, status);
    status->modified_ns = bench.modified_ns;
    return error;
}

static int aged_status_of(struct files *files, const char *path, struct file_status *status) {
    const int error = memory_status_of(files, path, status);
    status->modified_ns = bench.modified_ns;
    return error;
}

static int set_up(void **state) {
    (void)state;
    memset(&bench, 0, sizeof bench);
    memory_files_open(&bench.files);
    bench.files.files.open = noting_open;
    bench.files.files.status = aged_status;
    bench.files.files.status_of = aged_status_of;
    memory_add(&bench.files, FOLDER, true);
    if (port_open(&(struct port_options){0}, &bench.port)) return -1;
    bench.port->files = &bench.files.files;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench.port->files = files_of_system();
    port_close(bench.port);
    memory_files_close(&bench.files);
    return 0;
}

static void begin(uint64_t last_sequence) {
    const struct keeper_options options = {.directory = "logs",
                                           .stream = "s",
                                           .folder = FOLDER,
                                           .pack_path = PACK_PATH,
                                           .last_sequence = last_sequence};
    assert_int_equal(keeper_open(bench.port, &options, &bench.keeper), 0);
}

static void await_quiet(void) {
    const int64_t end_ns = port_now_ns(bench.port) + PATIENCE_NS;
    while (keeper_busy(bench.keeper)) {
        assert_true(port_now_ns(bench.port) < end_ns);
        port_wait(bench.port, MS);
    }
}

static bool has_index(int sequence) {
    char path[MEMORY_PATH_MAX];
    struct file file;
    struct segment_index index;
    segment_path(sequence, false, path);
    assert_int_equal(file_open(&bench.files.files, path, FILE_READ, &file), 0);
    const int error = index_load(&file, &index);
    file_close(&file);
    if (error == 0) index_free(&index);
    return error == 0;
}

static void new_segments_are_indexed_first_then_old_ones_from_the_newest(void **state) {
    (void)state;
    for (int i = 1; i <= 6; i++)
        add_segment(i, false);
    begin(4);
    keeper_look(bench.keeper);
    await_quiet();
    static const int order[] = {5, 6, 4, 3, 2, 1};
    assert_int_equal(bench.written_count, 6);
    assert_memory_equal(bench.written, order, sizeof order);
    for (int i = 1; i <= 6; i++)
        assert_true(has_index(i));
    assert_int_equal(keeper_counts(bench.keeper).segments_indexed, 6);
    keeper_look(bench.keeper);
    await_quiet();
    assert_int_equal(bench.written_count, 6);
    keeper_free(bench.keeper);
}

static void the_live_segment_is_left_alone(void **state) {
    (void)state;
    add_segment(1, false);
    add_segment(2, true);
    begin(0);
    keeper_look(bench.keeper);
    await_quiet();
    assert_int_equal(bench.written_count, 1);
    assert_true(has_index(1));
    keeper_free(bench.keeper);
}

static void at_stop_only_new_segments_are_indexed(void **state) {
    (void)state;
    for (int i = 1; i <= 5; i++)
        add_segment(i, false);
    begin(3);
    keeper_finish(bench.keeper);
    await_quiet();
    assert_int_equal(bench.written_count, 2);
    assert_true(has_index(4) && has_index(5) && !has_index(3));
    keeper_free(bench.keeper);
}

static void at_stop_a_large_segment_is_left_to_the_next_start(void **state) {
    (void)state;
    char path[MEMORY_PATH_MAX];
    for (int i = 1; i <= 3; i++)
        add_segment(i, false);
    segment_path(2, false, path);
    const uint64_t size = 8u << 20;
    uint8_t cover[FRAME_COVER_BYTES];
    uint8_t *large = calloc(1, size);
    frame_set_aside(size, cover); /* a frame that readers skip */
    memcpy(large, cover, sizeof cover);
    struct memory_file *file = memory_find(&bench.files, path);
    memory_write(file, large, size, file->size);
    free(large);
    begin(1);
    keeper_finish(bench.keeper);
    await_quiet();
    assert_true(has_index(3) && !has_index(2) && !has_index(1));
    keeper_free(bench.keeper);
    bench.written_count = 0;
    begin(3);
    keeper_look(bench.keeper);
    await_quiet();
    assert_true(has_index(2) && has_index(1));
    keeper_free(bench.keeper);
}

static void a_stopped_keeper_starts_no_more_work(void **state) {
    (void)state;
    for (int i = 1; i <= 5; i++)
        add_segment(i, false);
    begin(0);
    keeper_look(bench.keeper);
    keeper_stop(bench.keeper);
    await_quiet();
    keeper_look(bench.keeper);
    assert_false(keeper_busy(bench.keeper));
    assert_true(bench.written_count <= 1);
    keeper_free(bench.keeper);
}

static void a_failing_disk_is_retried_and_does_not_block_the_stop(void **state) {
    (void)state;
    add_segment(1, false);
    begin(0);
    bench.open_error = ERR_NO_SPACE;
    keeper_look(bench.keeper);
    settle(bench.port);
    const int64_t end_ns = port_now_ns(bench.port) + PATIENCE_NS;
    /* Ends: finish cuts the wait short, and the disk works again. */
    while (keeper_counts(bench.keeper).segments_indexed == 0) {
        assert_true(port_now_ns(bench.port) < end_ns);
        bench.open_error = 0;
        keeper_finish(bench.keeper);
        port_wait(bench.port, MS);
    }
    assert_true(has_index(1));
    await_quiet();
    keeper_free(bench.keeper);

    add_segment(2, false);
    begin(1);
    bench.open_error = ERR_NO_SPACE;
    keeper_finish(bench.keeper);
    await_quiet();
    assert_false(has_index(2));
    keeper_free(bench.keeper);
}

/* ---- re-packing ---- */

static const struct keeper_rules pack_at_once = {.archive_after_s = 0, .archive_level = 3};

static struct segment_index index_of(int sequence) {
    char path[MEMORY_PATH_MAX];
    struct file file;
    struct segment_index index;
    segment_path(sequence, false, path);
    assert_int_equal(file_open(&bench.files.files, path, FILE_READ, &file), 0);
    assert_int_equal(index_load(&file, &index), 0);
    file_close(&file);
    return index;
}

static bool is_packed(int sequence) {
    struct segment_index index = index_of(sequence);
    const bool packed = index.repacked;
    assert_int_equal(index.lines, RAW_LINES);
    index_free(&index);
    return packed;
}

static void an_indexed_segment_is_repacked_once(void **state) {
    (void)state;
    for (int i = 1; i <= 3; i++)
        add_segment(i, false);
    add_segment(4, true);
    memory_add(&bench.files, PACK_PATH, false); /* left by a crash */
    begin(0);
    keeper_set_rules(bench.keeper, &pack_at_once);
    await_quiet();
    for (int i = 1; i <= 3; i++)
        assert_true(is_packed(i));
    assert_null(memory_find(&bench.files, PACK_PATH));
    assert_int_equal(keeper_counts(bench.keeper).segments_archived, 3);
    keeper_look(bench.keeper);
    await_quiet();
    assert_int_equal(keeper_counts(bench.keeper).segments_archived, 3);
    keeper_free(bench.keeper);
}

static void a_segment_just_closed_waits_even_if_the_keeper_looks_again(void **state) {
    (void)state;
    const struct keeper_rules in_a_minute = {.archive_after_s = 60, .archive_level = 3};
    add_segment(1, false);
    bench.modified_ns = port_wall_ns(bench.port);
    begin(0);
    keeper_set_rules(bench.keeper, &in_a_minute);
    const int64_t end_ns = port_now_ns(bench.port) + PATIENCE_NS;
    while (keeper_counts(bench.keeper).segments_indexed == 0) {
        assert_true(port_now_ns(bench.port) < end_ns);
        port_wait(bench.port, MS);
    }
    for (int i = 0; i < 3; i++) {
        settle(bench.port);
        keeper_look(bench.keeper);
    }
    settle(bench.port);
    assert_true(keeper_busy(bench.keeper)); /* it waits */
    assert_true(has_index(1) && !is_packed(1));
    bench.modified_ns -= 61000000000;
    keeper_look(bench.keeper);
    await_quiet();
    assert_true(is_packed(1));
    keeper_free(bench.keeper);
}

static void a_segment_below_the_size_limit_is_not_repacked(void **state) {
    (void)state;
    struct keeper_rules rules = pack_at_once;
    struct segment_index index;
    add_segment(1, false);
    begin(0);
    rules.archive_bytes_min = 1 << 20;
    keeper_set_rules(bench.keeper, &rules);
    await_quiet();
    index = index_of(1);
    assert_true(index.raw_size < rules.archive_bytes_min && !index.repacked);
    index_free(&index);
    keeper_free(bench.keeper);
}

static void a_stop_does_not_wait_for_repacking(void **state) {
    (void)state;
    add_segment(1, false);
    bench.modified_ns = port_wall_ns(bench.port);
    begin(0);
    keeper_set_rules(bench.keeper,
                     &(struct keeper_rules){.archive_after_s = 60, .archive_level = 3});
    settle(bench.port);
    keeper_finish(bench.keeper);
    await_quiet();
    assert_false(is_packed(1));
    keeper_free(bench.keeper);
}

static void a_damaged_segment_is_skipped(void **state) {
    (void)state;
    char path[MEMORY_PATH_MAX];
    add_segment(1, false);
    add_segment(2, false);
    segment_path(2, false, path);
    struct memory_file *file = memory_find(&bench.files, path);
    memory_write(file, "no frame at all", 15, file->size);
    begin(0);
    keeper_look(bench.keeper);
    await_quiet();
    assert_true(has_index(1) && !has_index(2));
    assert_int_equal(keeper_counts(bench.keeper).segments_indexed, 1);
    keeper_free(bench.keeper);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(new_segments_are_indexed_first_then_old_ones_from_the_newest),
        TEST(the_live_segment_is_left_alone),
        TEST(at_stop_only_new_segments_are_indexed),
        TEST(at_stop_a_large_segment_is_left_to_the_next_start),
        TEST(a_stopped_keeper_starts_no_more_work),
        TEST(a_failing_disk_is_retried_and_does_not_block_the_stop),
        TEST(an_indexed_segment_is_repacked_once),
        TEST(a_segment_just_closed_waits_even_if_the_keeper_looks_again),
        TEST(a_segment_below_the_size_limit_is_not_repacked),
        TEST(a_stop_does_not_wait_for_repacking),
        TEST(a_damaged_segment_is_skipped),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
