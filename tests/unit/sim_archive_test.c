/* sim_archive_test.c - closed segments move to another volume, whatever fails at any file
 * operation: no line is lost or stored twice, and the manifest names the place of each segment. */
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
#include "tests/sim/sweep.h"
#include "tests/unit/kept_segments.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/keeper.h"
#include "writer/keep/manifest.h"
#include "writer/keep/move.h"
#include "writer/keep/retention_files.h"
#include "writer/segment/archives.h"
#include "writer/segment/leftovers.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

#define SEGMENTS 3
#define LINES    20
#define HERE     "logs/main"
#define THERE    "cold/main"
/* The archive is another volume: a rename to it fails. */
#define CROSSING ERR_OTHER_VOLUME

/* ---- a keeper and its segments ---- */

struct life {
    struct sim *sim;
    struct port *port;
    struct manifest *manifest;
    struct archive_lanes *lanes;
    struct keeper *keeper;
    struct keeper_counts counts; /* of the last run */
};

static void put_with_volume(struct sim *sim, struct life *life, const char *volume) {
    char path[PATH_BYTES_MAX];
    life->sim = sim;
    disk_add_volume(&sim->disk, volume, CROSSING);
    sim_set_wall(sim, OPENED + 100 * DAY);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of("logs", "main", i, false, path);
        put_lines(&sim->disk, path, "main", i, LINES);
    }
}

static void put_all(struct sim *sim, void *context) {
    put_with_volume(sim, context, "cold");
}

/* The stream's folder is a link to another volume, in the log directory or in the archive. */
static void put_stream_on_its_volume(struct sim *sim, void *context) {
    put_with_volume(sim, context, HERE);
}

static void put_archived_stream_on_its_volume(struct sim *sim, void *context) {
    put_with_volume(sim, context, THERE);
}

static const struct keeper_rules rules = {
    .archive_after_s = 60, .archive_level = 3, .archive_dir = "cold"};

/* Returns 0 or the error that prevented the start. */
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
    assert_int_equal(archive_lanes_open(life->port, "logs", &life->lanes), 0);
    struct keeper_options with_manifest = options;
    with_manifest.manifest = life->manifest;
    with_manifest.lanes = life->lanes;
    assert_int_equal(keeper_open(life->port, &with_manifest, &life->keeper), 0);
    keeper_look(life->keeper);
    return 0;
}

static void stop(struct life *life) {
    keeper_stop(life->keeper);
    archive_lanes_stop(life->lanes);
    while (keeper_busy(life->keeper) || !archive_lanes_quiet(life->lanes))
        port_wait(life->port, SIM_S);
    life->counts = keeper_counts(life->keeper);
    keeper_free(life->keeper);
    archive_lanes_free(life->lanes);
    port_close(life->port);
    manifest_close(life->manifest);
    life->keeper = NULL;
    life->port = NULL;
    life->manifest = NULL;
}

/* Runs a keeper until it is idle, for at most `patience_ns`; a dead process returns at once. */
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
    (void)harm;
    (void)leftovers_clear_streams(&sim->disk.files, "logs");
    (void)leftovers_clear_archive(&sim->disk.files, "cold");
    keep(context, &rules, 3600 * SIM_S);
}

/* ---- invariants ---- */

static void check_lines(struct life *life, const char *path, uint64_t sequence) {
    struct segment_reader reader;
    enum segment_damage damage = SEGMENT_SOUND;
    char expected[80];
    int lines = 0;
    assert_int_equal(segment_reader_open(&life->sim->disk.files, path, &reader), 0);
    while (segment_reader_next(&reader, &damage) > 0)
        for (uint32_t at = 0; at < reader.raw_size; lines++) {
            const int size =
                snprintf(expected, sizeof expected,
                         "{\"stream\":\"main\",\"sequence\":%d,\"n\":%d}\n", (int)sequence, lines);
            assert_memory_equal(reader.raw + at, expected, size);
            at += (uint32_t)size;
        }
    assert_int_equal(damage, SEGMENT_SOUND);
    assert_int_equal(lines, LINES);
    segment_reader_close(&reader);
}

static void check_manifest(struct life *life, uint64_t sequence, const char *folder) {
    struct manifest *manifest;
    struct manifest_record entry, found;
    char path[PATH_BYTES_MAX];
    struct files *files = &life->sim->disk.files;
    path_of("cold", "main", sequence, false, path);
    assert_int_equal(manifest_read(files, "logs", &manifest), 0);
    assert_int_equal(manifest_find(manifest, "main", sequence, &entry), 0);
    assert_int_equal(manifest_describe(files, path, &found), 0);
    assert_int_equal(entry.event, MANIFEST_MOVED);
    assert_string_equal(entry.folder, folder);
    assert_true(entry.xxh3 == found.xxh3 && entry.lines == LINES && entry.bytes == found.bytes);
    manifest_close(manifest);
}

static bool is_known(const char *path) {
    static const char *const known[] = {HERE "/", THERE "/", "logs/state/" MANIFEST_FILE,
                                        "logs/state/" ARCHIVES_FILE,
                                        "cold/state/" ARCHIVES_OF_FILE};
    struct segment_name name;
    for (size_t i = 0; i < 2; i++)
        if (strncmp(path, known[i], strlen(known[i])) == 0)
            return segment_name_parse(path_name(path), &name) && !name.part;
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
    char here[PATH_BYTES_MAX], there[PATH_BYTES_MAX], failed[PATH_BYTES_MAX];
    struct segment_list list = {0};
    (void)harm;
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of("logs", "main", i, false, here);
        path_of("cold", "main", i, false, there);
        if (disk_exists(&sim->disk, here)) fail_msg("%s is still there", here);
        if (!disk_exists(&sim->disk, there)) fail_msg("%s is not there", there);
        check_lines(life, there, i);
        check_lines(life, here, i); /* a reader that opens the old path finds it too */
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

static void all_segments_move(void **state) {
    (void)state;
    sweep_nothing(&scenario, 1);
}

static void an_error_at_any_operation_is_repaired(void **state) {
    (void)state;
    const uint32_t trials = sweep_errors(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 1000);
}

static void a_process_end_at_any_operation_is_repaired(void **state) {
    (void)state;
    const uint32_t trials = sweep_process_ends(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 200);
}

static void a_power_failure_at_any_operation_is_repaired(void **state) {
    (void)state;
    const uint32_t trials = sweep_power_failures(&scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 800);
}

/* ---- streams on volumes of their own ---- */

static void a_stream_on_its_own_volume_is_packed_and_moved(void **state) {
    (void)state;
    struct scenario own = scenario;
    own.name = "a stream on its own volume";
    own.set_up = put_stream_on_its_volume;
    sweep_nothing(&own, 1);
    assert_true(sweep_errors(&own, 1) > 1000);
    assert_true(sweep_process_ends(&own, 1) > 200);
    assert_true(sweep_power_failures(&own, 1) > 800);
}

static void a_stream_on_its_own_volume_in_the_archive_is_moved(void **state) {
    (void)state;
    struct scenario own = scenario;
    own.name = "an archived stream on its own volume";
    own.set_up = put_archived_stream_on_its_volume;
    sweep_nothing(&own, 1);
    assert_true(sweep_errors(&own, 1) > 1000);
    assert_true(sweep_process_ends(&own, 1) > 200);
    assert_true(sweep_power_failures(&own, 1) > 800);
}

/* ---- archives that refuse segments ---- */

struct one {
    struct sim sim;
    struct life life;
};

static struct one *begin_one(void) {
    struct one *one = calloc(1, sizeof *one);
    assert_non_null(one);
    sim_open(&one->sim, 1);
    put_all(&one->sim, &one->life);
    return one;
}

static void end_one(struct one *one) {
    sim_close(&one->sim);
    free(one);
}

static bool count_files(void *context, const char *path, bool directory) {
    (void)path;
    *(int *)context += !directory;
    return true;
}

static int files_below(struct one *one, const char *path) {
    int count = 0;
    disk_walk(&one->sim.disk, path, count_files, &count);
    return count;
}

static void a_full_archive_does_not_stop_other_work(void **state) {
    (void)state;
    struct one *one = begin_one();
    const struct disk_fault full = {.ending = DISK_FAILS_HALFWAY,
                                    .error = ERR_NO_SPACE,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_WRITE),
                                    .path = "cold/state/main"};
    disk_arm(&one->sim.disk, &full);
    assert_int_equal(start(&one->life, &rules), 0);
    sim_pass(&one->sim, 1000 * SIM_S);
    const struct keeper_counts counts = keeper_counts(one->life.keeper);
    assert_int_equal(counts.segments_indexed, SEGMENTS);
    assert_int_equal(counts.segments_archived, SEGMENTS);
    assert_int_equal(counts.segments_moved, 0);
    assert_in_range(counts.move_failures, 6, 8); /* 10 + 20 + … + 320, then 600 s */
    assert_int_equal(files_below(one, HERE), SEGMENTS);
    assert_int_equal(files_below(one, "cold"), 1); /* the marker of its owner */
    disk_arm(&one->sim.disk, &(struct disk_fault){0});
    sim_pass(&one->sim, 700 * SIM_S);
    stop(&one->life);
    assert_int_equal(one->life.counts.segments_moved, SEGMENTS);
    each_is_there_once(&one->sim, &one->life, SWEEP_NONE);
    end_one(one);
}

static void an_archive_without_our_marker_is_left_untouched(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct files *files = &one->sim.disk.files;
    char path[PATH_BYTES_MAX], marker[64];
    size_t size;
    keep(&one->life, &rules, 3600 * SIM_S);
    const uint8_t *bytes = disk_bytes(&one->sim.disk, "cold/state/" ARCHIVES_OF_FILE, &size);
    assert_in_range(size, 33, 33);
    memcpy(marker, bytes, size);
    assert_int_equal(file_remove(files, "cold/state/" ARCHIVES_OF_FILE), 0);
    for (int turn = 0; turn < 2;
         turn++) { /* first the volume is missing, then another one is mounted */
        if (turn == 1) disk_put(&one->sim.disk, "cold/state/" ARCHIVES_OF_FILE, "another\n", 8);
        path_of("logs", "main", SEGMENTS + 1, false, path);
        if (turn == 0) put_lines(&one->sim.disk, path, "main", SEGMENTS + 1, LINES);
        keep(&one->life, &rules, 300 * SIM_S);
        assert_int_equal(one->life.counts.segments_moved, 0);
        assert_true(one->life.counts.move_failures > 0);
        assert_true(disk_exists(&one->sim.disk, path));
        assert_int_equal(files_below(one, "cold"), SEGMENTS + turn);
    }
    assert_int_equal(file_remove(files, "cold/state/" ARCHIVES_OF_FILE), 0);
    disk_put(&one->sim.disk, "cold/state/" ARCHIVES_OF_FILE, marker, size);
    keep(&one->life, &rules, 300 * SIM_S);
    assert_int_equal(one->life.counts.segments_moved, 1);
    assert_int_equal(files_below(one, HERE), 0);
    assert_int_equal(files_below(one, THERE), SEGMENTS + 1);
    check_lines(&one->life, path, SEGMENTS + 1);
    end_one(one);
}

/* A log directory was copied, and the daemons of both copies use the same archive. */
static void a_file_with_the_same_name_and_other_lines_stays(void **state) {
    (void)state;
    struct one *one = begin_one();
    char here[PATH_BYTES_MAX], there[PATH_BYTES_MAX];
    path_of("logs", "main", 1, false, here);
    path_of("cold", "main", 1, false, there);
    put_lines(&one->sim.disk, there, "main", 1, LINES + 1);
    keep(&one->life, &rules, 300 * SIM_S);
    assert_int_equal(one->life.counts.segments_moved, SEGMENTS - 1);
    assert_true(one->life.counts.move_failures > 0);
    check_lines(&one->life, here, 1);
    assert_true(disk_exists(&one->sim.disk, here));
    size_t size;
    const uint8_t *theirs = disk_bytes(&one->sim.disk, there, &size);
    put_lines(&one->sim.disk, "x", "main", 1, LINES + 1);
    size_t expected_size;
    const uint8_t *expected = disk_bytes(&one->sim.disk, "x", &expected_size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(theirs, expected, size);
    end_one(one);
}

/* Another program overwrites the copy unnoticed. */
static void spoil_copy(void *context, enum disk_operation operation, const char *path,
                       int64_t result) {
    struct disk *disk = context;
    if (operation != DISK_RENAME || result < 0 || strstr(path, ".copy") == NULL) return;
    char there[PATH_BYTES_MAX];
    path_of("cold", "main", 1, false, there);
    disk->performed = NULL;
    if (disk_exists(disk, there)) disk_put(disk, there, "half", 4);
}

static void the_copy_is_compared_before_the_original_is_deleted(void **state) {
    (void)state;
    struct one *one = begin_one();
    char here[PATH_BYTES_MAX];
    path_of("logs", "main", 1, false, here);
    one->sim.disk.performed = spoil_copy;
    one->sim.disk.context = &one->sim.disk;
    keep(&one->life, &rules, 300 * SIM_S);
    assert_null(one->sim.disk.performed);
    assert_int_equal(one->life.counts.segments_moved, SEGMENTS - 1);
    assert_true(disk_exists(&one->sim.disk, here));
    check_lines(&one->life, here, 1);
    end_one(one);
}

/* `logport archive` removes what killed processes have left, also while a move writes next to the
 * segment's name. */
static void clear_while_writing(void *context, enum disk_operation operation, const char *path,
                                int64_t result) {
    struct disk *disk = context;
    if (operation != DISK_WRITE || result < 0 || strstr(path, LEFTOVERS_COPY) == NULL) return;
    disk->performed = NULL;
    assert_int_equal(leftovers_clear_folder(&disk->files, THERE), 0);
}

static void a_copy_next_to_its_name_is_not_taken_for_a_leftover(void **state) {
    (void)state;
    struct one *one = calloc(1, sizeof *one);
    assert_non_null(one);
    sim_open(&one->sim, 1);
    put_archived_stream_on_its_volume(&one->sim, &one->life);
    one->sim.disk.performed = clear_while_writing;
    one->sim.disk.context = &one->sim.disk;
    keep(&one->life, &rules, 300 * SIM_S);
    assert_null(one->sim.disk.performed);
    assert_int_equal(one->life.counts.segments_moved, SEGMENTS);
    assert_int_equal(one->life.counts.move_failures, 0);
    end_one(one);
}

/* ---- messages ---- */

struct heard {
    const char *words;
    int lines; /* that contain the words */
};

static void hear(void *context, const char *line, size_t size) {
    struct heard *heard = context;
    char text[2048];
    snprintf(text, sizeof text, "%.*s", (int)size, line);
    heard->lines += strstr(text, heard->words) != NULL;
}

static void a_segment_that_failed_to_move_is_reported_when_it_moves(void **state) {
    (void)state;
    struct one *one = begin_one();
    char here[PATH_BYTES_MAX];
    struct heard failed = {.words = ": moving: "}, moved = {.words = ": moved now, to cold"};
    path_of("logs", "main", 2, false, here);
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_BUSY,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_REMOVE),
                                    .path = here};
    disk_arm(&one->sim.disk, &held);
    system_messages_to(hear, &failed);
    assert_int_equal(start(&one->life, &rules), 0);
    sim_pass(&one->sim, 300 * SIM_S);
    assert_in_range(failed.lines, 1, 2);
    system_messages_to(hear, &moved);
    disk_arm(&one->sim.disk, &(struct disk_fault){0});
    sim_pass(&one->sim, 300 * SIM_S);
    stop(&one->life);
    assert_int_equal(moved.lines, 1);
    end_one(one);
}

static void an_archive_that_cannot_be_created_is_not_reported_as_missing(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct heard heard = {
        .words = "archive cold: cannot be created: its drive or parent directory does not exist"};
    const struct disk_fault nowhere = {.ending = DISK_FAILS,
                                       .error = ERR_NOT_FOUND,
                                       .first = 1,
                                       .times = UINT64_MAX,
                                       .kinds = DISK_BIT(DISK_MAKE_DIRECTORY),
                                       .path = "cold"};
    disk_arm(&one->sim.disk, &nowhere);
    system_messages_to(hear, &heard);
    keep(&one->life, &rules, 100 * SIM_S);
    assert_int_equal(heard.lines, 1);
    end_one(one);
}

static void another_daemons_log_directory_is_refused_as_archive(void **state) {
    (void)state;
    struct one *one = begin_one();
    disk_put(&one->sim.disk, "cold/state/lock", "", 0);
    keep(&one->life, &rules, 300 * SIM_S);
    assert_int_equal(one->life.counts.segments_moved, 0);
    assert_int_equal(files_below(one, HERE), SEGMENTS);
    assert_int_equal(files_below(one, "cold"), 1);
    end_one(one);
}

static void a_name_that_the_list_of_archives_cannot_hold_is_refused(void **state) {
    (void)state;
    struct one *one = begin_one();
    const uint8_t chance[ARCHIVES_ID_BYTES] = {0};
    struct archives archives;
    struct files *files = &one->sim.disk.files;
    assert_int_equal(directory_make(files, "logs/state"), 0);
    assert_int_equal(archives_claim(files, "logs", "cold\nfolder logs", chance), ERR_UNSUPPORTED);
    assert_int_equal(archives_claim(files, "logs", "cold\xff", chance), ERR_UNSUPPORTED);
    assert_int_equal(archives_claim(files, "logs", "cold \"\xc3\xa4\"", chance), 0);
    assert_int_equal(archives_read(files, "logs", &archives), 0);
    assert_int_equal(archives.count, 1);
    assert_string_equal(archives.folders[0], "cold \"\xc3\xa4\"");
    end_one(one);
}

static void a_missing_archive_neither_hides_nor_causes_deletions(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct files *files = &one->sim.disk.files;
    const struct retention_folders folders = {.directory = "logs"};
    const struct retention_rules few = {.all = {.count_max = 1}};
    struct manifest *manifest;
    struct retention *retention;
    keep(&one->life, &rules, 3600 * SIM_S);
    assert_int_equal(manifest_open(files, "logs", &manifest), 0);
    assert_int_equal(retention_open(files, &folders, manifest, &few, &retention), 0);
    assert_int_equal(retention_look(retention, OPENED + 200 * DAY), SEGMENTS - 1);
    /* The first deletion is announced, then the volume disappears. */
    const struct disk_fault held = {
        .ending = DISK_FAILS, .error = ERR_BUSY, .first = 1, .kinds = DISK_BIT(DISK_REMOVE)};
    disk_arm(&one->sim.disk, &held);
    assert_int_equal(retention_step(retention, OPENED + 200 * DAY), 1);
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_DELETING);
    assert_int_equal(file_rename(files, "cold/state/" ARCHIVES_OF_FILE, "cold/state/x"), 0);
    assert_int_equal(retention_look(retention, OPENED + 200 * DAY), 0);
    assert_int_equal(retention_mend(files, &folders, manifest, OPENED + 200 * DAY), 0);
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_DELETING);
    assert_int_equal(file_rename(files, "cold/state/x", "cold/state/" ARCHIVES_OF_FILE), 0);
    assert_int_equal(retention_look(retention, OPENED + 200 * DAY), SEGMENTS - 1);
    while (retention_step(retention, OPENED + 200 * DAY) == 1)
        ;
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_DELETED);
    assert_int_equal(files_below(one, THERE), 1);
    retention_close(retention);
    manifest_close(manifest);
    end_one(one);
}

/* Retention lists the log directory; then a segment moves to the first archive, which that listing
 * does not know; then retention would delete it. */
static void a_segment_that_moves_after_retention_listed_it_stays_recorded_as_moved(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct files *files = &one->sim.disk.files;
    const struct retention_folders folders = {.directory = "logs"};
    const struct retention_rules few = {.all = {.count_max = 1}};
    const struct retention_reach here = {.lists = 1, .deletes = 1};
    const struct segment_name name = {.stream = "main", .sequence = 1, .opened_ns = OPENED + DAY};
    const int64_t now_ns = OPENED + 200 * DAY;
    const uint8_t chance[ARCHIVES_ID_BYTES] = {0};
    struct manifest *manifest;
    struct retention *retention;
    char there[PATH_BYTES_MAX];
    assert_int_equal(manifest_open(files, "logs", &manifest), 0);
    assert_int_equal(retention_open(files, &folders, manifest, &few, &retention), 0);
    retention_set_reach(retention, &here);
    assert_int_equal(retention_look(retention, now_ns), SEGMENTS - 1);
    struct move move = {.files = files,
                        .manifest = manifest,
                        .directory = "logs",
                        .archive = "cold",
                        .chance = chance,
                        .now_ns = now_ns};
    assert_int_equal(move_segment(&move, &name), 0);
    while (retention_step(retention, now_ns) == 1)
        ;
    path_of("cold", "main", 1, false, there);
    assert_true(disk_exists(&one->sim.disk, there));
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_MOVED);
    assert_int_equal(manifest_state(manifest, "main", 2, NULL), MANIFEST_DELETED);
    retention_close(retention);
    manifest_close(manifest);
    end_one(one);
}

static void stop_after_naming(void *context, enum disk_operation operation, const char *path,
                              int64_t result) {
    atomic_bool *stop = context;
    if (operation == DISK_RENAME && result >= 0 && strstr(path, ".copy") != NULL)
        atomic_store(stop, true);
}

/* A copy that a stopped move left under its name would not be known to a move to another archive. */
static void a_move_that_is_stopped_after_its_copy_has_a_name_is_finished(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct files *files = &one->sim.disk.files;
    const struct segment_name name = {.stream = "main", .sequence = 1, .opened_ns = OPENED + DAY};
    const uint8_t chance[ARCHIVES_ID_BYTES] = {0};
    struct manifest *manifest;
    atomic_bool stop = false;
    char here[PATH_BYTES_MAX];
    assert_int_equal(manifest_open(files, "logs", &manifest), 0);
    struct move move = {.files = files,
                        .manifest = manifest,
                        .directory = "logs",
                        .archive = "cold",
                        .chance = chance,
                        .stop = &stop,
                        .now_ns = OPENED + 200 * DAY};
    one->sim.disk.performed = stop_after_naming;
    one->sim.disk.context = &stop;
    assert_int_equal(move_segment(&move, &name), 0);
    assert_true(atomic_load(&stop));
    path_of("logs", "main", 1, false, here);
    assert_false(disk_exists(&one->sim.disk, here));
    assert_int_equal(files_below(one, THERE), 1);
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_MOVED);
    manifest_close(manifest);
    end_one(one);
}

/* ---- an archive that hangs ---- */

static void a_hung_archive_is_reported_once_and_delays_nothing_else(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct heard heard = {.words = "archive cold: no answer for 1"};
    struct sim *sim = &one->sim;
    sim_hang(sim, THERE);
    system_messages_to(hear, &heard);
    assert_int_equal(start(&one->life, &rules), 0);
    sim_pass(sim, 200 * SIM_S);
    const struct keeper_counts counts = keeper_counts(one->life.keeper);
    assert_int_equal(counts.segments_indexed, SEGMENTS);
    assert_int_equal(counts.segments_archived, SEGMENTS);
    assert_int_equal(counts.segments_moved, 0);
    assert_int_equal(archive_lanes_hung_count(one->life.lanes), 1);
    assert_int_equal(heard.lines, 1);
    const int64_t asked_ns = sim->now_ns;
    stop(&one->life);
    assert_true(sim->now_ns - asked_ns < SIM_S);
    sim_end_hangs(sim);
    keep(&one->life, &rules, 3600 * SIM_S);
    each_is_there_once(sim, &one->life, SWEEP_NONE);
    end_one(one);
}

static void an_archive_that_answers_again_receives_the_waiting_segments(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct heard heard = {.words = "archive cold: answers again after"};
    sim_hang(&one->sim, THERE);
    system_messages_to(hear, &heard);
    assert_int_equal(start(&one->life, &rules), 0);
    sim_pass(&one->sim, 200 * SIM_S);
    sim_end_hangs(&one->sim);
    sim_pass(&one->sim, 200 * SIM_S);
    assert_int_equal(archive_lanes_hung_count(one->life.lanes), 0);
    assert_int_equal(archive_lanes_hangs(one->life.lanes), 1);
    assert_int_equal(heard.lines, 1);
    stop(&one->life);
    each_is_there_once(&one->sim, &one->life, SWEEP_NONE);
    end_one(one);
}

static int64_t do_nothing(struct lane_job *job) {
    (void)job;
    return 0;
}

static void free_job(struct lane_job *job) {
    free(job);
}

static void ignore_job(struct lane_client *client, struct lane_job *job, int64_t result,
                       bool detached) {
    (void)client, (void)job, (void)detached;
    assert_int_equal(result, 0);
}

static void a_busy_archive_that_makes_progress_is_not_silent(void **state) {
    (void)state;
    struct one *one = begin_one();
    sim_hang(&one->sim, THERE);
    assert_int_equal(start(&one->life, &rules), 0);
    sim_pass(&one->sim, 200 * SIM_S);
    struct archive_lanes *lanes = one->life.lanes;
    assert_true(archive_lanes_silent_ns(lanes, "cold") > 10 * SIM_S);
    struct lane_client client = {.lanes = lanes, .done = ignore_job};
    struct lane_job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    job->run = do_nothing;
    job->release = free_job;
    assert_true(lane_client_begin(&client, "cold", job)); /* waits for the one that hangs */
    for (int i = 0; i < 10; i++) {
        lane_progress_made(job->progress);
        assert_int_equal(archive_lanes_silent_ns(lanes, "cold"), 0);
        sim_pass(&one->sim, 2 * SIM_S);
        assert_in_range(archive_lanes_silent_ns(lanes, "cold"), SIM_S, 2 * SIM_S);
    }
    sim_end_hangs(&one->sim);
    sim_pass(&one->sim, 200 * SIM_S);
    assert_int_equal(archive_lanes_silent_ns(lanes, "cold"), 0);
    assert_true(lane_client_idle(&client));
    stop(&one->life);
    end_one(one);
}

/* ---- a segment that retention deletes while another thread works on it ---- */

/* The other thread runs between two file operations that are never made with the manifest's lock
 * held. */
struct intruder {
    struct life *life;
    uint32_t kinds;       /* counts operations of these kinds ... */
    const char *paths[2]; /* ... on paths that begin with one of these */
    uint64_t at, count;   /* deletes after operation `at` */
    uint64_t ends_after;  /* the process ends this many operations later; 0: never */
    bool deleted;         /* the first segment was deleted */
};

static void delete_the_first(struct intruder *intruder) {
    struct files *files = &intruder->life->sim->disk.files;
    const struct retention_folders folders = {.directory = "logs"};
    const struct retention_rules two = {.all = {.count_max = SEGMENTS - 1}};
    const struct retention_reach here = {.lists = 1, .deletes = 1};
    struct retention *retention;
    const int64_t now_ns = sim_wall_ns(intruder->life->sim);
    assert_int_equal(retention_open(files, &folders, intruder->life->manifest, &two, &retention),
                     0);
    retention_set_reach(retention, &here);
    assert_true(retention_look(retention, now_ns) >= 0);
    while (retention_step(retention, now_ns) == 1)
        ;
    intruder->deleted = retention_tally(retention).deleted == 1;
    retention_close(retention);
}

static void intrude(void *context, enum disk_operation operation, const char *path,
                    int64_t result) {
    struct intruder *intruder = context;
    bool counts = false;
    (void)result;
    for (int i = 0; i < 2; i++)
        if (intruder->paths[i] != NULL &&
            strncmp(path, intruder->paths[i], strlen(intruder->paths[i])) == 0)
            counts = true;
    if (!counts || !(intruder->kinds & DISK_BIT(operation)) || intruder->life->manifest == NULL)
        return;
    intruder->count++;
    if (intruder->count == intruder->at) delete_the_first(intruder);
    if (intruder->ends_after && intruder->count == intruder->at + intruder->ends_after)
        disk_end(&intruder->life->sim->disk);
}

/* Completes unfinished deletions in the archive, as the daemon does after its start. */
static void look_in_the_archive(struct life *life) {
    struct files *files = &life->sim->disk.files;
    const struct retention_folders folders = {.directory = "logs"};
    const struct retention_rules none = {0};
    const struct retention_reach there = {.lists = 3, .deletes = 2};
    struct manifest *manifest;
    struct retention *retention;
    assert_int_equal(manifest_open(files, "logs", &manifest), 0);
    assert_int_equal(retention_open(files, &folders, manifest, &none, &retention), 0);
    retention_set_reach(retention, &there);
    assert_int_equal(retention_look(retention, sim_wall_ns(life->sim)), 0);
    retention_close(retention);
    manifest_close(manifest);
}

/* The first segment is in exactly one place, or deleted and nowhere; the others are in `folder`. */
static void check_after(struct intruder *intruder, const char *folder) {
    struct life *life = intruder->life;
    struct disk *disk = &life->sim->disk;
    struct manifest *manifest;
    char here[PATH_BYTES_MAX], there[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
    path_of("logs", "main", 1, false, here);
    path_of("cold", "main", 1, false, there);
    assert_int_equal(manifest_read(&disk->files, "logs", &manifest), 0);
    const enum manifest_event event = manifest_state(manifest, "main", 1, NULL);
    if (intruder->deleted) {
        if (disk_exists(disk, here)) fail_msg("deleted at %d, and here again", (int)intruder->at);
        if (disk_exists(disk, there)) fail_msg("deleted at %d, and there", (int)intruder->at);
        if (event != MANIFEST_DELETED) fail_msg("%d: %d", (int)intruder->at, (int)event);
    } else {
        assert_true(disk_exists(disk, here) != disk_exists(disk, there));
        assert_int_not_equal(event, MANIFEST_DELETED);
    }
    for (uint64_t i = 2; i <= SEGMENTS; i++) {
        path_of(folder, "main", i, false, path);
        if (!disk_exists(disk, path)) fail_msg("%s is not there", path);
        check_lines(life, path, i);
    }
    manifest_close(manifest);
    disk_walk(disk, "logs", find_unwanted, NULL);
    disk_walk(disk, "cold", find_unwanted, NULL);
}

/* Returns false if fewer operations than `at` were made. */
static bool intrude_at(const struct intruder *like, const struct keeper_rules *with,
                       const char *folder) {
    struct one *one = begin_one();
    struct intruder intruder = *like;
    intruder.life = &one->life;
    one->sim.disk.performed = intrude;
    one->sim.disk.context = &intruder;
    keep(&one->life, with, 500 * SIM_S);
    one->sim.disk.performed = NULL;
    if (one->sim.disk.ended) disk_restart(&one->sim.disk, false, DISK_KEEPS_ALL);
    keep(&one->life, with, 3600 * SIM_S);
    look_in_the_archive(&one->life);
    const bool reached = intruder.count >= intruder.at;
    check_after(&intruder, folder);
    end_one(one);
    return reached;
}

static void a_segment_deleted_while_it_moves_does_not_reappear(void **state) {
    (void)state;
    uint64_t at = 1;
    for (; intrude_at(&(struct intruder){.kinds = DISK_ALL, .paths = {"cold"}, .at = at}, &rules,
                      "cold");
         at++)
        ;
    assert_true(at > 40);
}

static void a_segment_deleted_while_it_moves_does_not_reappear_after_a_crash(void **state) {
    (void)state;
    uint32_t trials = 0;
    for (uint64_t at = 1; at <= 60; at++)
        for (uint64_t ends_after = 1; ends_after <= 12; ends_after++, trials++)
            intrude_at(
                &(struct intruder){
                    .kinds = DISK_ALL, .paths = {"cold"}, .at = at, .ends_after = ends_after},
                &rules, "cold");
    print_message("%u trials\n", trials);
}

static void a_segment_deleted_while_indexed_or_repacked_does_not_reappear(void **state) {
    (void)state;
    const struct keeper_rules stay = {.archive_after_s = 60, .archive_level = 3};
    uint64_t at = 1;
    for (; intrude_at(&(struct intruder){.kinds = DISK_BIT(DISK_READ) | DISK_BIT(DISK_WRITE),
                               .paths = {HERE, "logs/state/main.pack"},
                               .at = at},
                      &stay, "logs");
         at++)
        ;
    assert_true(at > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(all_segments_move),
        SWEEP_TEST(an_error_at_any_operation_is_repaired),
        SWEEP_TEST(a_process_end_at_any_operation_is_repaired),
        SWEEP_TEST(a_power_failure_at_any_operation_is_repaired),
        SWEEP_TEST(a_stream_on_its_own_volume_is_packed_and_moved),
        SWEEP_TEST(a_stream_on_its_own_volume_in_the_archive_is_moved),
        SWEEP_TEST(a_full_archive_does_not_stop_other_work),
        SWEEP_TEST(an_archive_without_our_marker_is_left_untouched),
        SWEEP_TEST(a_file_with_the_same_name_and_other_lines_stays),
        SWEEP_TEST(the_copy_is_compared_before_the_original_is_deleted),
        SWEEP_TEST(a_copy_next_to_its_name_is_not_taken_for_a_leftover),
        SWEEP_TEST(a_segment_that_moves_after_retention_listed_it_stays_recorded_as_moved),
        SWEEP_TEST(a_move_that_is_stopped_after_its_copy_has_a_name_is_finished),
        SWEEP_TEST(a_segment_that_failed_to_move_is_reported_when_it_moves),
        SWEEP_TEST(an_archive_that_cannot_be_created_is_not_reported_as_missing),
        SWEEP_TEST(another_daemons_log_directory_is_refused_as_archive),
        SWEEP_TEST(a_name_that_the_list_of_archives_cannot_hold_is_refused),
        SWEEP_TEST(a_missing_archive_neither_hides_nor_causes_deletions),
        SWEEP_TEST(a_hung_archive_is_reported_once_and_delays_nothing_else),
        SWEEP_TEST(a_busy_archive_that_makes_progress_is_not_silent),
        SWEEP_TEST(an_archive_that_answers_again_receives_the_waiting_segments),
        SWEEP_TEST(a_segment_deleted_while_it_moves_does_not_reappear),
        SWEEP_TEST(a_segment_deleted_while_it_moves_does_not_reappear_after_a_crash),
        SWEEP_TEST(a_segment_deleted_while_indexed_or_repacked_does_not_reappear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
