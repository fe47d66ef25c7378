/* sim_archive_test.c - closed segments move to another volume, whatever goes wrong at whichever file
 * operation: no line is lost, none is there twice, and the manifest knows where they are. */
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
#include "writer/archives.h"
#include "writer/keeper.h"
#include "writer/manifest.h"
#include "writer/retention_files.h"
#include "writer/scan.h"

#define SEGMENTS 3
#define LINES    20
#define HERE     "logs/main"
#define THERE    "cold/main"
/* Another volume: names do not cross to it. */
#define CROSSING ERR_OTHER

/* ---- a keeper, and the segments it has to see to ---- */

struct life {
    struct sim *sim;
    struct port *port;
    struct manifest *manifest;
    struct keeper *keeper;
    struct keeper_counts counts; /* of the last run */
};

static void put_all(struct sim *sim, void *context) {
    struct life *life = context;
    char path[SEGMENT_PATH_MAX];
    life->sim = sim;
    disk_add_volume(&sim->disk, "cold", CROSSING);
    sim_set_wall(sim, OPENED + 100 * DAY);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of("logs", "main", i, false, path);
        put_lines(&sim->disk, path, "main", i, LINES);
    }
}

static const struct keeper_rules rules = {
    .archive_after_s = 60, .archive_level = 3, .archive_dir = "cold"};

/* 0, or what kept it from starting. */
static int start(struct life *life, const struct keeper_rules *with) {
    const struct keeper_options options = {.directory = "logs",
                                           .stream = "main",
                                           .folder = HERE,
                                           .pack_path = "logs/state/main.pack",
                                           .last_sequence = SEGMENTS,
                                           .rules = *with};
    struct files *files = &life->sim->disk.files;
    int error = manifest_open(files, "logs", &life->manifest);
    if (error) return error;
    const struct retention_folders folders = {.directory = "logs"};
    (void)retention_mend(files, &folders, life->manifest, sim_wall_ns(life->sim));
    life->port = sim_port(life->sim);
    struct keeper_options with_books = options;
    with_books.manifest = life->manifest;
    assert_int_equal(keeper_open(life->port, &with_books, &life->keeper), 0);
    keeper_look(life->keeper);
    return 0;
}

static void stop(struct life *life) {
    keeper_stop(life->keeper);
    while (keeper_busy(life->keeper))
        port_wait(life->port, SIM_S);
    life->counts = keeper_counts(life->keeper);
    keeper_free(life->keeper);
    port_close(life->port);
    manifest_close(life->manifest);
    life->keeper = NULL;
    life->port = NULL;
    life->manifest = NULL;
}

/* Until nothing is left to do, or for so long; a dead process gives up at once. */
static void keep(struct life *life, const struct keeper_rules *with, int64_t patience_ns) {
    if (start(life, with)) return;
    const int64_t limit = life->sim->now_ns + patience_ns;
    while (keeper_busy(life->keeper) && life->sim->now_ns < limit && !life->sim->disk.ended)
        port_wait(life->port, 10 * SIM_S);
    stop(life);
}

static void move_all(struct sim *sim, void *context) {
    (void)sim;
    keep(context, &rules, 500 * SIM_S);
}

static void begin_again(struct sim *sim, void *context, enum sweep_harm harm) {
    (void)sim, (void)harm;
    keep(context, &rules, 3600 * SIM_S);
}

/* ---- what must hold ---- */

static void check_lines(struct life *life, const char *path, uint64_t sequence) {
    struct scan scan;
    enum scan_damage damage = SCAN_SOUND;
    char expected[80];
    int lines = 0;
    assert_int_equal(scan_open(&life->sim->disk.files, path, &scan), 0);
    while (scan_next(&scan, &damage) > 0)
        for (uint32_t at = 0; at < scan.raw_size; lines++) {
            const int size =
                snprintf(expected, sizeof expected,
                         "{\"stream\":\"main\",\"sequence\":%d,\"n\":%d}\n", (int)sequence, lines);
            assert_memory_equal(scan.raw + at, expected, size);
            at += (uint32_t)size;
        }
    assert_int_equal(damage, SCAN_SOUND);
    assert_int_equal(lines, LINES);
    scan_close(&scan);
}

static void check_manifest(struct life *life, uint64_t sequence, const char *folder) {
    struct manifest *manifest;
    struct manifest_record told, found;
    char path[SEGMENT_PATH_MAX];
    struct files *files = &life->sim->disk.files;
    path_of("cold", "main", sequence, false, path);
    assert_int_equal(manifest_read(files, "logs", &manifest), 0);
    assert_int_equal(manifest_find(manifest, "main", sequence, &told), 0);
    assert_int_equal(manifest_describe(files, path, &found), 0);
    assert_int_equal(told.event, MANIFEST_MOVED);
    assert_string_equal(told.folder, folder);
    assert_true(told.xxh3 == found.xxh3 && told.lines == LINES && told.bytes == found.bytes);
    manifest_close(manifest);
}

static bool is_known(const char *path) {
    static const char *const known[] = {HERE "/", THERE "/", "logs/state/" MANIFEST_FILE,
                                        "logs/state/" ARCHIVES_FILE,
                                        "cold/state/" ARCHIVES_OF_FILE};
    struct segment_name name;
    for (size_t i = 0; i < 2; i++)
        if (strncmp(path, known[i], strlen(known[i])) == 0)
            return segment_name_parse(segment_file_name(path), &name) && !name.part;
    for (size_t i = 2; i < sizeof known / sizeof *known; i++)
        if (strcmp(path, known[i]) == 0) return true;
    return false;
}

static bool find_unwanted(void *context, const char *path, bool directory) {
    (void)context;
    if (!directory && !is_known(path)) fail_msg("%s was left", path);
    return true;
}

static void each_is_there_once(struct sim *sim, void *context, enum sweep_harm harm) {
    struct life *life = context;
    char here[SEGMENT_PATH_MAX], there[SEGMENT_PATH_MAX], failed[SEGMENT_PATH_MAX];
    struct segment_list list = {0};
    (void)harm;
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of("logs", "main", i, false, here);
        path_of("cold", "main", i, false, there);
        if (disk_exists(&sim->disk, here)) fail_msg("%s is still there", here);
        if (!disk_exists(&sim->disk, there)) fail_msg("%s is not there", there);
        check_lines(life, there, i);
        check_lines(life, here, i); /* who asks for it where it was finds it, too */
        check_manifest(life, i, THERE);
    }
    disk_walk(&sim->disk, "logs", find_unwanted, NULL);
    disk_walk(&sim->disk, "cold", find_unwanted, NULL);
    assert_int_equal(segment_list_add(&sim->disk.files, "logs", &list), 0);
    assert_int_equal(archives_list(&sim->disk.files, "logs", &list, failed), 0);
    assert_int_equal(list.count, SEGMENTS);
    segment_list_free(&list);
}

static const struct scenario scenario = {.name = "moving",
                                         .context_size = sizeof(struct life),
                                         .set_up = put_all,
                                         .run = move_all,
                                         .restart = begin_again,
                                         .check = each_is_there_once};

static void all_move(void **state) {
    (void)state;
    sweep_nothing(&scenario, 1);
}

static void an_error_at_any_operation_is_mended(void **state) {
    (void)state;
    const uint32_t trials = sweep_errors(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 1000);
}

static void an_end_at_any_operation_is_mended(void **state) {
    (void)state;
    const uint32_t trials = sweep_process_ends(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 200);
}

static void a_power_failure_at_any_operation_is_mended(void **state) {
    (void)state;
    const uint32_t trials = sweep_power_failures(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 800);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(all_move),
        SWEEP_TEST(an_error_at_any_operation_is_mended),
        SWEEP_TEST(an_end_at_any_operation_is_mended),
        SWEEP_TEST(a_power_failure_at_any_operation_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
