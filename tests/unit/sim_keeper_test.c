/* sim_keeper_test.c - closed segments that another program has locked, or that the disk fails to
 * read: they wait, all other work continues, and they are handled soon after they are available
 * again.  On the virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "tests/sim/sim.h"
#include "tests/unit/probe.h"
#include "writer/index/index.h"
#include "writer/keep/keeper.h"
#include "writer/keep/manifest.h"
#include "writer/segment/frame.h"

#define FOLDER    "logs/s"
#define PACK_PATH "logs/state/s.pack"
#define LINES     2000
#define SEGMENTS  5

struct bench {
    struct sim sim;
    struct port *port;
    struct keeper *keeper;
    uint64_t seen; /* watched operations */
};

static char *path_of(int sequence, char path[PATH_BYTES_MAX]) {
    snprintf(path, PATH_BYTES_MAX, FOLDER "/s-%010d-20261124T120000Z.ndjson.lz4", sequence);
    return path;
}

static void put_segment(struct disk *disk, int sequence) {
    char path[PATH_BYTES_MAX], line[64];
    void *scratch = malloc(frame_scratch_bytes());
    uint8_t *raw = malloc(LINES * sizeof line);
    size_t size = 0;
    for (int i = 0; i < LINES; i++)
        size += (size_t)sprintf((char *)raw + size, "{\"sequence\":%d,\"n\":%d}\n", sequence, i);
    uint8_t *packed = malloc(frames_bytes_max(size));
    const size_t packed_size = frames_encode(scratch, raw, size, 1, packed);
    disk_put(disk, path_of(sequence, path), packed, packed_size);
    free(packed);
    free(raw);
    free(scratch);
}

/* Segments after `last` are new. */
static void begin(struct bench *b, uint64_t last) {
    b->seen = 0;
    sim_open(&b->sim, 1);
    assert_int_equal(directory_make(&b->sim.disk.files, "logs/state"), 0);
    for (int i = 1; i <= SEGMENTS; i++)
        put_segment(&b->sim.disk, i);
    b->port = sim_port(&b->sim);
    const struct keeper_options options = {.folder = FOLDER,
                                           .pack_path = PACK_PATH,
                                           .last_sequence = last,
                                           .rules = {.archive_after_s = 0, .archive_level = 3}};
    assert_int_equal(keeper_open(b->port, &options, &b->keeper), 0);
}

static void end(struct bench *b) {
    keeper_stop(b->keeper);
    while (keeper_busy(b->keeper))
        port_wait(b->port, SIM_S);
    keeper_free(b->keeper);
    port_close(b->port);
    assert_int_equal(b->sim.disk.files_open, 0);
    sim_close(&b->sim);
}

/* From now on operations on this file fail with `error`; 0: they succeed again. */
static void hold(struct bench *b, const char *path, uint32_t kinds, int error) {
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = error,
                                     .first = error != 0,
                                     .times = UINT64_MAX,
                                     .kinds = kinds,
                                     .path = path};
    disk_arm(&b->sim.disk, &fault);
}

static void pass(struct bench *b, int64_t ns) {
    const int64_t end_ns = b->sim.now_ns + ns;
    while (b->sim.now_ns < end_ns)
        port_wait(b->port, end_ns - b->sim.now_ns);
}

/* 0: not indexed; 1: indexed; 2: indexed and re-packed. */
static int state_of(struct bench *b, int sequence) {
    char path[PATH_BYTES_MAX];
    struct file file;
    struct segment_index index;
    assert_int_equal(file_open(&b->sim.disk.files, path_of(sequence, path), FILE_READ, &file), 0);
    const int error = index_load(&file, &index);
    file_close(&file);
    if (error) return 0;
    const int state = index.repacked ? 2 : 1;
    index_free(&index);
    return state;
}

static void assert_packed_but(struct bench *b, int sequence) {
    for (int i = 1; i <= SEGMENTS; i++)
        if (i != sequence) assert_int_equal(state_of(b, i), 2);
}

#define HELD_KINDS (DISK_BIT(DISK_OPEN) | DISK_BIT(DISK_REMOVE) | DISK_BIT(DISK_RENAME))

static void a_locked_segment_delays_no_other_and_is_handled_soon_after(void **state) {
    (void)state;
    for (int which = 1; which <= SEGMENTS; which += 2)
        for (uint64_t last = 0; last <= SEGMENTS; last += SEGMENTS) { /* all new, then all old */
            struct bench b;
            char path[PATH_BYTES_MAX];
            begin(&b, last);
            hold(&b, path_of(which, path), HELD_KINDS, ERR_BUSY);
            keeper_look(b.keeper);
            pass(&b, 10 * SIM_S);
            hold(&b, NULL, 0, 0);
            assert_packed_but(&b, which);
            assert_int_equal(state_of(&b, which), 0);
            pass(&b, 12 * SIM_S); /* at most as long as it was locked, and some */
            assert_packed_but(&b, 0);
            assert_false(keeper_busy(b.keeper)); /* no retry is due */
            end(&b);
        }
}

/* A reader's open file can be read, but not replaced. */
static void a_segment_that_cannot_be_replaced_is_repacked_later(void **state) {
    (void)state;
    struct bench b;
    begin(&b, 0);
    const struct disk_fault once = {
        .ending = DISK_FAILS, .error = ERR_BUSY, .first = 2, .kinds = DISK_BIT(DISK_RENAME)};
    disk_arm(&b.sim.disk, &once); /* the replacement of the second one */
    keeper_look(b.keeper);
    pass(&b, SIM_S / 2);
    assert_packed_but(&b, 2);
    assert_int_equal(state_of(&b, 2), 1);
    assert_false(disk_exists(&b.sim.disk, PACK_PATH));
    pass(&b, 2 * SIM_S);
    assert_packed_but(&b, 0);
    end(&b);
}

static void watch(void *context, enum disk_operation operation, const char *path, int64_t result) {
    struct bench *b = context;
    if (operation == DISK_OPEN && result == ERR_BUSY && path != NULL) b->seen++;
}

static void watch_lists(void *context, enum disk_operation operation, const char *path,
                        int64_t result) {
    struct bench *b = context;
    (void)path, (void)result;
    if (operation == DISK_LIST) b->seen++;
}

/* There can be ten thousand files: listing them at each step would take longer than the steps. */
static void files_are_listed_once_for_all_pending_work(void **state) {
    (void)state;
    struct bench b;
    begin(&b, SEGMENTS);
    b.sim.disk.performed = watch_lists;
    b.sim.disk.context = &b;
    keeper_look(b.keeper);
    pass(&b, 100 * SIM_S);
    assert_packed_but(&b, 0);
    assert_in_range(b.seen, 1, 4);
    end(&b);
}

static void a_segment_locked_for_ever_is_retried_once_a_minute(void **state) {
    (void)state;
    struct bench b;
    char path[PATH_BYTES_MAX];
    begin(&b, 0);
    b.sim.disk.performed = watch;
    b.sim.disk.context = &b;
    hold(&b, path_of(1, path), HELD_KINDS, ERR_BUSY);
    keeper_look(b.keeper);
    pass(&b, 3600 * SIM_S);
    assert_in_range(b.seen, 60, 160); /* for its index and for re-packing */
    put_segment(&b.sim.disk, SEGMENTS + 1);
    keeper_closed(b.keeper);
    pass(&b, 90 * SIM_S);
    hold(&b, NULL, 0, 0);
    assert_int_equal(state_of(&b, SEGMENTS + 1), 2);
    end(&b);
}

static void an_unreadable_segment_delays_the_others_by_at_most_a_minute(void **state) {
    (void)state;
    struct bench b;
    char path[PATH_BYTES_MAX];
    begin(&b, 0);
    hold(&b, path_of(1, path), DISK_BIT(DISK_READ), ERR_IO);
    keeper_look(b.keeper);
    pass(&b, 300 * SIM_S);
    hold(&b, NULL, 0, 0);
    assert_packed_but(&b, 1);
    assert_int_equal(state_of(&b, 1), 0);
    pass(&b, 130 * SIM_S);
    assert_packed_but(&b, 0);
    end(&b);
}

static void a_stop_tries_a_locked_segment_once_and_does_not_wait(void **state) {
    (void)state;
    struct bench b;
    char path[PATH_BYTES_MAX];
    begin(&b, 0);
    hold(&b, path_of(2, path), HELD_KINDS, ERR_BUSY);
    keeper_finish(b.keeper);
    const int64_t begun_ns = b.sim.now_ns;
    while (keeper_busy(b.keeper))
        port_wait(b.port, SIM_S);
    assert_true(b.sim.now_ns - begun_ns < SIM_S);
    hold(&b, NULL, 0, 0);
    assert_int_equal(state_of(&b, 1), 1);
    assert_int_equal(state_of(&b, 2), 0);
    assert_int_equal(state_of(&b, 3), 1);
    end(&b);
}

/* ---- what a stop records ---- */

/* More than a stop gives an index: followed by a frame that readers skip. */
static void make_large(struct disk *disk, int sequence) {
    char path[PATH_BYTES_MAX];
    size_t size, more = 9u << 20;
    const uint8_t *bytes = disk_bytes(disk, path_of(sequence, path), &size);
    uint8_t *large = calloc(1, size + more);
    assert_non_null(large);
    memcpy(large, bytes, size);
    frame_set_aside(more, large + size);
    disk_put(disk, path, large, size + more);
    free(large);
}

/* Segments 1 and 2 are of an earlier run, 4 is large, and the index of 3 cannot be written. */
static void a_stop_records_every_closed_segment_that_can_be_read(void **state) {
    (void)state;
    struct bench b;
    struct manifest *manifest;
    char path[PATH_BYTES_MAX];
    begin(&b, 2);
    keeper_free(b.keeper);
    make_large(&b.sim.disk, 4);
    assert_int_equal(manifest_open(&b.sim.disk.files, "logs", &manifest), 0);
    const struct keeper_options options = {.directory = "logs",
                                           .stream = "s",
                                           .folder = FOLDER,
                                           .pack_path = PACK_PATH,
                                           .last_sequence = 2,
                                           .manifest = manifest};
    assert_int_equal(keeper_open(b.port, &options, &b.keeper), 0);
    hold(&b, path_of(3, path), DISK_BIT(DISK_WRITE), ERR_IO); /* its index cannot be written */
    keeper_finish(b.keeper);
    while (keeper_busy(b.keeper))
        port_wait(b.port, SIM_S);
    hold(&b, NULL, 0, 0);
    for (int i = 1; i <= SEGMENTS; i++) {
        assert_int_equal(manifest_state(manifest, "s", (uint64_t)i, NULL), MANIFEST_CLOSED);
        assert_int_equal(state_of(&b, i), i == 5);
    }
    end(&b);
    manifest_close(manifest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_segment_delays_no_other_and_is_handled_soon_after),
        cmocka_unit_test(a_segment_that_cannot_be_replaced_is_repacked_later),
        cmocka_unit_test(files_are_listed_once_for_all_pending_work),
        cmocka_unit_test(a_segment_locked_for_ever_is_retried_once_a_minute),
        cmocka_unit_test(an_unreadable_segment_delays_the_others_by_at_most_a_minute),
        cmocka_unit_test(a_stop_tries_a_locked_segment_once_and_does_not_wait),
        cmocka_unit_test(a_stop_records_every_closed_segment_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
