/* sim_retention_test.c - retention deletes the right segments, whatever fails at any file
 * operation, and the manifest stays correct. */
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
#include "writer/keep/manifest.h"
#include "writer/keep/retention_files.h"

#define NOW       (OPENED + 100 * DAY)
#define SEQUENCES 6

static const struct retention_folders folders = {.directory = "logs", .archive = "cold"};

/* ---- the scenario: two streams, one partly archived; the oldest are to be deleted ---- */

struct life {
    bool lost; /* a file disappeared and must be recorded as missing */
};

static void put_all(struct sim *sim, void *context) {
    struct life *life = context;
    struct manifest *manifest;
    struct disk *disk = &sim->disk;
    char path[PATH_BYTES_MAX];
    assert_int_equal(directory_make(&disk->files, "logs/main"), 0);
    assert_int_equal(manifest_open(&disk->files, "logs", &manifest), 0);
    for (uint64_t i = 1; i <= SEQUENCES; i++) {
        const char *folder = i <= 2 ? "cold" : "logs";
        sim_set_wall(sim, OPENED + (int64_t)i * DAY + DAY / 2);
        put_segment(disk, folder, "main", i, false);
        put_segment(disk, "logs", "audit", i, i == SEQUENCES);
        record(disk, manifest, folder, "main", i);
        /* The manifest does not know the second one yet. */
        if (i != 2 && i != SEQUENCES) record(disk, manifest, "logs", "audit", i);
    }
    put_segment(disk, "logs", "main", 2, false); /* a move interrupted by a crash */
    manifest_close(manifest);
    path_of("logs", "main", 5, false, path);
    assert_int_equal(file_remove(&disk->files, path), 0);
    life->lost = true;
    disk_put(disk, "logs/main/not a segment", "x", 1);
}

static struct retention_stream audit = {.name = "audit", .limits = {.count_max = 4}};
static const struct retention_rules rules = {
    .all = {.age_s = 96 * 86400}, .streams = &audit, .stream_count = 1};

/* A round like the daemon's; failures are retried a limited number of times. */
static void delete_some(struct sim *sim, void *context) {
    struct files *files = &sim->disk.files;
    struct manifest *manifest = NULL;
    struct retention *retention = NULL;
    int tries = 0, error = 0;
    (void)context;
    while ((error = manifest_open(files, "logs", &manifest)) != 0 && tries++ < 5)
        ;
    if (error) return;
    while (retention_mend(files, &folders, manifest, NOW) != 0 && tries++ < 10)
        ;
    assert_int_equal(retention_open(files, &folders, manifest, &rules, &retention), 0);
    for (int round = 0; round < 2; round++) {
        int64_t going;
        while ((going = retention_look(retention, NOW)) < 0 && tries++ < 15)
            ;
        if (going < 0) break;
        int step;
        while ((step = retention_step(retention, NOW)) != 0 && tries < 20)
            tries += step < 0;
    }
    retention_close(retention);
    manifest_close(manifest);
}

static void begin_again(struct sim *sim, void *context, enum sweep_harm harm) {
    (void)harm;
    delete_some(sim, context);
}

/* Segments 1, 2 and 3 of main and audit are 96 days old. */
static bool goes(const char *stream, uint64_t sequence) {
    (void)stream;
    return sequence <= 3;
}

static void check_segment(struct disk *disk, const struct manifest *manifest, const char *stream,
                          uint64_t sequence) {
    char hot[PATH_BYTES_MAX], cold[PATH_BYTES_MAX];
    const bool part = strcmp(stream, "audit") == 0 && sequence == SEQUENCES;
    const bool lost = strcmp(stream, "main") == 0 && sequence == 5;
    path_of("logs", stream, sequence, part, hot);
    path_of("cold", stream, sequence, part, cold);
    const bool there = disk_exists(disk, hot) || disk_exists(disk, cold);
    if (there == (goes(stream, sequence) || lost))
        fail_msg("%s is %s", hot, there ? "still there" : "gone");
    const enum manifest_event state = manifest_state(manifest, stream, sequence, NULL);
    const enum manifest_event expected = part                     ? MANIFEST_NONE
                                         : goes(stream, sequence) ? MANIFEST_DELETED
                                                                  : MANIFEST_CLOSED;
    if (state != expected) fail_msg("%s: the manifest says %d", hot, (int)state);
}

static void what_had_to_go_is_gone_and_told_of(struct sim *sim, void *context,
                                               enum sweep_harm harm) {
    struct manifest *manifest;
    struct disk *disk = &sim->disk;
    (void)context;
    (void)harm;
    assert_int_equal(manifest_read(&disk->files, "logs", &manifest), 0);
    for (uint64_t i = 1; i <= SEQUENCES; i++) {
        check_segment(disk, manifest, "main", i);
        check_segment(disk, manifest, "audit", i);
    }
    struct manifest_record entry;
    assert_int_equal(manifest_find(manifest, "audit", 1, &entry), 0);
    assert_string_equal(entry.reason, "older than 96d");
    assert_int_equal(entry.lines, 1);
    manifest_close(manifest);
    assert_true(disk_exists(disk, "logs/main/not a segment"));
    assert_false(disk_exists(disk, "logs/state/" MANIFEST_FILE ".new"));
}

static const struct scenario scenario = {.name = "deletions",
                                         .context_size = sizeof(struct life),
                                         .set_up = put_all,
                                         .run = delete_some,
                                         .restart = begin_again,
                                         .check = what_had_to_go_is_gone_and_told_of};

static void segments_that_the_rules_select_are_deleted(void **state) {
    (void)state;
    sweep_nothing(&scenario, 1);
}

static void an_error_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_errors(&scenario, 1) > 390);
}

static void a_process_end_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_process_ends(&scenario, 1) > 140);
}

static void a_power_failure_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_power_failures(&scenario, 1) > 560);
}

/* ---- a failed sync, and what follows ---- */

/* Ends the process some operations after the fault. */
struct ending {
    struct disk *disk;
    uint32_t left;
    bool from_start;
};

static void count_down(void *context, enum disk_operation operation, const char *path,
                       int64_t result) {
    struct ending *ending = context;
    (void)operation;
    (void)path;
    (void)result;
    if (ending->disk->last[0] == '\0' && !ending->from_start) return;
    if (ending->left == 0) disk_end(ending->disk);
    ending->left--;
}

/* Each segment exists, or the manifest holds a line about its deletion. */
static void nothing_is_missing_without_a_record(struct disk *disk) {
    struct manifest *manifest;
    assert_int_equal(manifest_read(&disk->files, "logs", &manifest), 0);
    for (uint64_t i = 1; i <= SEQUENCES; i++) {
        for (int s = 0; s < 2; s++) {
            const char *stream = s == 0 ? "main" : "audit";
            char hot[PATH_BYTES_MAX], cold[PATH_BYTES_MAX];
            path_of("logs", stream, i, s == 1 && i == SEQUENCES, hot);
            path_of("cold", stream, i, false, cold);
            if (disk_exists(disk, hot) || disk_exists(disk, cold)) continue;
            if (s == 0 && i == 5) continue; /* was missing before */
            const enum manifest_event state = manifest_state(manifest, stream, i, NULL);
            if (state != MANIFEST_DELETED && state != MANIFEST_DELETING)
                fail_msg("%s is gone, and the manifest says %d", hot, (int)state);
        }
    }
    manifest_close(manifest);
}

/* A sync fails and the process ends `after` operations later, or continues; the next one ends with
 * a power failure, `later` operations after its start.  False: there is no such sync. */
static bool a_failed_sync(uint64_t seed, uint64_t nth, uint32_t after, bool power, uint32_t later,
                          enum disk_memory memory) {
    struct sim *sim = malloc(sizeof *sim);
    struct life life = {0};
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = seed % 2 ? ERR_IO : ERR_NO_SPACE,
                                     .first = nth,
                                     .kinds = DISK_BIT(DISK_SYNC) | DISK_BIT(DISK_SYNC_DIRECTORY)};
    sim_open(sim, seed);
    sweep_begin("a failed sync", seed);
    sweep_watch(&sim->disk);
    sweep_note("nth %d, after %d, power %d, later %d, memory %d", (int)nth, (int)after, power,
               (int)later, (int)memory);
    put_all(sim, &life);
    disk_settle(&sim->disk);
    disk_arm(&sim->disk, &fault);
    struct ending ending = {.disk = &sim->disk, .left = after};
    sim->disk.context = &ending;
    sim->disk.performed = count_down;
    delete_some(sim, &life);
    const bool met = sim->disk.last[0] != '\0';
    sim->disk.performed = NULL;
    disk_restart(&sim->disk, power, memory);
    nothing_is_missing_without_a_record(&sim->disk);
    ending = (struct ending){.disk = &sim->disk, .left = later, .from_start = true};
    sim->disk.performed = count_down;
    delete_some(sim, &life);
    sim->disk.performed = NULL;
    disk_restart(&sim->disk, true, memory);
    nothing_is_missing_without_a_record(&sim->disk);
    delete_some(sim, &life);
    what_had_to_go_is_gone_and_told_of(sim, &life, SWEEP_ERROR);
    sweep_end();
    sim_close(sim);
    free(sim);
    return met;
}

static void after_a_failed_sync_each_segment_exists_or_is_recorded_as_deleted(void **state) {
    (void)state;
    static const uint32_t delays[] = {0, 1, 2, 4, 8, 16, UINT32_MAX};
    uint64_t seed = 0;
    for (uint64_t nth = 1;; nth++)
        for (size_t a = 0; a < sizeof delays / sizeof delays[0]; a++)
            for (uint32_t later = 0; later < 100; later += 1 + later / 3)
                for (int memory = 0; memory < 2 * DISK_MEMORIES; memory += 1 + (int)(seed % 3))
                    if (!a_failed_sync(++seed, nth, delays[a], memory % 2, later, memory / 2)) {
                        assert_true(nth > 15);
                        return;
                    }
}

/* ---- other programs ---- */

struct one {
    struct sim sim;
    struct manifest *manifest;
    struct retention *retention;
};

static void begin_one(struct one *one, const struct retention_rules *of) {
    sim_open(&one->sim, 1);
    struct files *files = &one->sim.disk.files;
    assert_int_equal(directory_make(files, "logs/main"), 0);
    for (uint64_t i = 1; i <= 4; i++)
        put_segment(&one->sim.disk, "logs", "main", i, false);
    assert_int_equal(manifest_open(files, "logs", &one->manifest), 0);
    for (uint64_t i = 1; i <= 4; i++)
        record(&one->sim.disk, one->manifest, "logs", "main", i);
    assert_int_equal(retention_open(files, &folders, one->manifest, of, &one->retention), 0);
}

static void end_one(struct one *one) {
    retention_close(one->retention);
    manifest_close(one->manifest);
    assert_int_equal(one->sim.disk.files_open, 0);
    sim_close(&one->sim);
}

static void a_locked_segment_does_not_stop_other_deletions(void **state) {
    (void)state;
    struct one one;
    char path[PATH_BYTES_MAX];
    const struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    path_of("logs", "main", 1, false, path);
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_BUSY,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_REMOVE),
                                    .path = path};
    disk_arm(&one.sim.disk, &held);
    assert_int_equal(retention_look(one.retention, NOW), 2);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    assert_int_equal(retention_step(one.retention, NOW), 0);
    assert_int_equal(retention_tally(one.retention).deleted, 1);
    assert_int_equal(retention_tally(one.retention).left, 1);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETING);
    assert_int_equal(manifest_state(one.manifest, "main", 2, NULL), MANIFEST_DELETED);
    const struct disk_fault none = {0};
    disk_arm(&one.sim.disk, &none);
    assert_int_equal(retention_look(one.retention, NOW), 1);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETED);
    assert_int_equal(retention_look(one.retention, NOW), 0);
    end_one(&one);
}

/* Another program has the file open without sharing. */
static void hold(struct one *one, const char *path) {
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_BUSY,
                                    .first = path != NULL,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_OPEN) | DISK_BIT(DISK_REMOVE),
                                    .path = path};
    disk_arm(&one->sim.disk, &held);
}

static void a_locked_segment_unknown_to_the_manifest_does_not_stop_other_deletions(void **state) {
    (void)state;
    struct one one;
    char path[PATH_BYTES_MAX];
    const struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    put_segment(&one.sim.disk, "logs", "main", 5, false); /* unknown to the manifest */
    put_segment(&one.sim.disk, "logs", "main", 6, false);
    for (uint64_t i = 1; i <= 4; i++) {
        path_of("logs", "main", i, false, path);
        assert_int_equal(file_remove(&one.sim.disk.files, path), 0);
    }
    const struct retention_rules one_only = {.all = {.count_max = 0, .bytes_max = 1}};
    retention_close(one.retention);
    assert_int_equal(
        retention_open(&one.sim.disk.files, &folders, one.manifest, &one_only, &one.retention), 0);
    path_of("logs", "main", 5, false, path);
    hold(&one, path);
    assert_int_equal(retention_look(one.retention, NOW), 2);
    while (retention_step(one.retention, NOW) == 1)
        ;
    assert_int_equal(retention_tally(one.retention).left, 1);
    assert_int_equal(manifest_state(one.manifest, "main", 6, NULL), MANIFEST_DELETED);
    hold(&one, NULL);
    assert_int_equal(retention_look(one.retention, NOW), 1);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    assert_int_equal(manifest_state(one.manifest, "main", 5, NULL), MANIFEST_DELETED);
    end_one(&one);
}

static void a_deletion_that_a_locked_manifest_missed_is_recorded_at_the_next_look(void **state) {
    (void)state;
    struct one one;
    const struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_BUSY,
                                    .first = 2, /* the first write announces the deletion */
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_WRITE),
                                    .path = MANIFEST_FILE};
    disk_arm(&one.sim.disk, &held);
    assert_int_equal(retention_look(one.retention, NOW), 2);
    assert_int_equal(retention_step(one.retention, NOW), ERR_BUSY);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETING);
    assert_int_equal(retention_look(one.retention, NOW), ERR_BUSY);
    hold(&one, NULL);
    assert_int_equal(retention_look(one.retention, NOW), 1);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETED);
    end_one(&one);
}

/* As the daemon looks: the log directory alone, and there are no archives. */
static void a_removal_whose_directory_sync_failed_is_recorded_by_the_next_look(void **state) {
    (void)state;
    struct one one;
    const struct retention_rules few = {.all = {.count_max = 3}};
    const struct retention_reach here = {.lists = 1, .deletes = 1};
    const struct retention_folders no_archive = {.directory = "logs"};
    begin_one(&one, &few);
    retention_close(one.retention);
    assert_int_equal(
        retention_open(&one.sim.disk.files, &no_archive, one.manifest, &few, &one.retention), 0);
    retention_set_reach(one.retention, &here);
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = ERR_IO,
                                     .first = 1,
                                     .kinds = DISK_BIT(DISK_SYNC_DIRECTORY),
                                     .path = "logs/main"};
    disk_arm(&one.sim.disk, &fault);
    assert_int_equal(retention_look(one.retention, NOW), 1);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    assert_int_equal(retention_tally(one.retention).left, 1);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETING);
    assert_int_equal(retention_look(one.retention, NOW), 0);
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETED);
    end_one(&one);
}

/* ---- free space ---- */

/* Bytes of all closed segments in a folder's stream. */
static uint64_t used_by(struct disk *disk, const char *folder, const char *stream) {
    uint64_t bytes = 0;
    for (uint64_t i = 1; i <= SEQUENCES; i++) {
        char path[PATH_BYTES_MAX];
        size_t size = 0;
        path_of(folder, stream, i, false, path);
        if (disk_bytes(disk, path, &size) != NULL) bytes += size;
    }
    return bytes;
}

static void put_four(struct one *one, const char *folder, const char *stream) {
    for (uint64_t i = 1; i <= 4; i++) {
        put_segment(&one->sim.disk, folder, stream, i, false);
        record(&one->sim.disk, one->manifest, folder, stream, i);
    }
}

static void open_here(struct one *one, const struct retention_rules *of) {
    static const struct retention_folders here = {.directory = "logs"};
    retention_close(one->retention);
    assert_int_equal(
        retention_open(&one->sim.disk.files, &here, one->manifest, of, &one->retention), 0);
}

static void delete_due(struct one *one) {
    assert_true(retention_look(one->retention, NOW) >= 0);
    while (retention_step(one->retention, NOW) == 1)
        ;
}

static void a_stream_on_its_own_volume_frees_only_that(void **state) {
    (void)state;
    for (int short_one = 0; short_one < 2; short_one++) {
        struct one one;
        uint64_t least;
        const struct retention_rules space = {.free_min = 1000};
        begin_one(&one, &space);
        struct disk *disk = &one.sim.disk;
        disk_add_volume(disk, "logs/audit", ERR_OTHER_VOLUME);
        put_four(&one, "logs", "audit");
        open_here(&one, &space);
        const uint64_t each = used_by(disk, "logs", "audit") / 4;
        /* Room for three and a half of four segments. */
        const uint64_t all = disk_used(disk) - 4 * each;
        disk->bytes_max = (short_one == 0 ? all - each / 2 : 2 * all) + 1000;
        disk->volume_bytes_max = (short_one == 1 ? 4 * each - each / 2 : 8 * each) + 1000;
        assert_int_equal(retention_least_free(one.retention, &least), 0);
        assert_true(least < 1000);
        delete_due(&one);
        assert_int_equal(retention_tally(one.retention).deleted, 1);
        assert_int_equal(manifest_state(one.manifest, "main", 1, NULL),
                         short_one == 0 ? MANIFEST_DELETED : MANIFEST_CLOSED);
        assert_int_equal(manifest_state(one.manifest, "audit", 1, NULL),
                         short_one == 1 ? MANIFEST_DELETED : MANIFEST_CLOSED);
        end_one(&one);
    }
}

/* Each archive's retention knows what the other one holds: together they delete no more than they
 * have to. */
static void two_archives_on_one_volume_free_its_space_together(void **state) {
    (void)state;
    struct one one;
    const struct retention_rules space = {.free_min = 1000};
    begin_one(&one, &space);
    struct disk *disk = &one.sim.disk;
    disk_add_volume(disk, "cold", ERR_OTHER_VOLUME);
    put_four(&one, "cold/a", "audit");
    put_four(&one, "cold/b", "other");
    const char *id = "5d0fa27cc2ee3bd8b7b4ac5f6d0c9f11\n";
    disk_put(disk, "cold/a/state/archive-of", id, strlen(id));
    disk_put(disk, "cold/b/state/archive-of", id, strlen(id));
    const char *list = "id 5d0fa27cc2ee3bd8b7b4ac5f6d0c9f11\nfolder cold/a\nfolder cold/b\n";
    disk_put(disk, "logs/state/archives", list, strlen(list));
    open_here(&one, &space);
    const uint64_t each = used_by(disk, "cold/a", "audit") / 4;
    disk->volume_bytes_max = 8 * each + 2 * strlen(id) + 1000 - 3 * each;
    struct retention_listing *known[RETENTION_PLACES] = {0};
    uint64_t deleted = 0;
    uint32_t elsewhere = 0;
    for (int round = 0; round < 4; round++) {
        const uint32_t place = 1 + (uint32_t)round % 2;
        struct retention_reach reach = {.lists = 1u | 1u << place, .deletes = 1u << place};
        for (int other = 0; other < RETENTION_PLACES; other++)
            if (other != (int)place) reach.known[other] = known[other];
        const uint64_t before = retention_tally(one.retention).deleted;
        retention_set_reach(one.retention, &reach);
        delete_due(&one);
        free(known[place]);
        known[place] = retention_listing_of(one.retention, place);
        deleted = retention_tally(one.retention).deleted;
        elsewhere = retention_tally(one.retention).elsewhere;
        /* The first one did not know the second one's yet. */
        if (round == 0) assert_int_equal(deleted - before, 3);
        if (round > 0) assert_int_equal(deleted - before, 0);
    }
    assert_int_equal(deleted, 3);
    assert_int_equal(elsewhere, 0);
    /* Three more: the oldest of both, in turns. */
    disk->volume_bytes_max -= 3 * each;
    for (int round = 0; round < 2; round++) {
        const uint32_t place = 1 + (uint32_t)round % 2;
        struct retention_reach reach = {.lists = 1u | 1u << place, .deletes = 1u << place};
        reach.known[3 - place] = known[3 - place];
        retention_set_reach(one.retention, &reach);
        delete_due(&one);
        elsewhere = retention_tally(one.retention).elsewhere;
        if (round == 0) assert_true(elsewhere >> 2 & 1);
        if (round == 0) assert_int_equal(retention_tally(one.retention).deleted, 3);
    }
    assert_int_equal(retention_tally(one.retention).deleted, 6);
    for (uint64_t i = 1; i <= 4; i++) {
        assert_int_equal(manifest_state(one.manifest, "audit", i, NULL),
                         i < 4 ? MANIFEST_DELETED : MANIFEST_CLOSED);
        assert_int_equal(manifest_state(one.manifest, "other", i, NULL),
                         i < 4 ? MANIFEST_DELETED : MANIFEST_CLOSED);
    }
    for (int place = 0; place < RETENTION_PLACES; place++)
        free(known[place]);
    end_one(&one);
}

/* For example because its own volume was removed. */
static void a_stream_that_cannot_be_listed_does_not_stop_other_deletions(void **state) {
    (void)state;
    struct one one;
    const struct retention_rules few = {.all = {.age_s = 1}};
    begin_one(&one, &few);
    put_four(&one, "logs", "audit");
    open_here(&one, &few);
    const struct disk_fault gone = {.ending = DISK_FAILS,
                                    .error = ERR_VOLUME_GONE,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_LIST) | DISK_BIT(DISK_STATUS),
                                    .path = "logs/audit"};
    disk_arm(&one.sim.disk, &gone);
    delete_due(&one);
    assert_int_equal(retention_tally(one.retention).deleted, 4);
    assert_int_equal(retention_tally(one.retention).left, 1);
    assert_int_equal(manifest_state(one.manifest, "audit", 1, NULL), MANIFEST_CLOSED);
    hold(&one, NULL);
    delete_due(&one);
    assert_int_equal(retention_tally(one.retention).deleted, 8);
    end_one(&one);
}

static void relaxed_rules_spare_a_segment_whose_deletion_was_announced(void **state) {
    (void)state;
    struct one one;
    char path[PATH_BYTES_MAX];
    struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    path_of("logs", "main", 1, false, path);
    const struct disk_fault held = {
        .ending = DISK_FAILS, .error = ERR_BUSY, .first = 1, .kinds = DISK_BIT(DISK_REMOVE)};
    disk_arm(&one.sim.disk, &held);
    assert_int_equal(retention_look(one.retention, NOW), 2);
    assert_int_equal(retention_step(one.retention, NOW), 1);
    few.all.count_max = 4;
    assert_int_equal(retention_look(one.retention, NOW), 0);
    assert_int_equal(retention_mend(&one.sim.disk.files, &folders, one.manifest, NOW), 0);
    assert_true(disk_exists(&one.sim.disk, path));
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETING);
    end_one(&one);
}

static void a_segment_deleted_by_another_program_is_recorded_as_deleted(void **state) {
    (void)state;
    struct one one;
    char path[PATH_BYTES_MAX];
    const struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    assert_int_equal(retention_look(one.retention, NOW), 2);
    path_of("logs", "main", 1, false, path);
    assert_int_equal(file_remove(&one.sim.disk.files, path), 0);
    while (retention_step(one.retention, NOW) == 1)
        ;
    assert_int_equal(manifest_state(one.manifest, "main", 1, NULL), MANIFEST_DELETED);
    assert_int_equal(manifest_state(one.manifest, "main", 2, NULL), MANIFEST_DELETED);
    end_one(&one);
}

static void retention_can_be_previewed_without_a_manifest(void **state) {
    (void)state;
    struct one one;
    struct retention *looking;
    struct retention_going going;
    char name[SEGMENT_NAME_MAX];
    const struct retention_rules few = {.all = {.count_max = 2}};
    begin_one(&one, &few);
    assert_int_equal(retention_open(&one.sim.disk.files, &folders, NULL, &few, &looking), 0);
    assert_int_equal(retention_look(looking, NOW), 2);
    retention_describe(looking, 1, &going);
    assert_string_equal(segment_name_format(&going.name, name),
                        "main-0000000002-20261126T120000Z.ndjson.lz4");
    assert_string_equal(going.reason, "more than 2 in all");
    assert_int_equal(retention_tally(looking).segments, 4);
    retention_close(looking);
    end_one(&one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(segments_that_the_rules_select_are_deleted),
        SWEEP_TEST(an_error_at_any_operation_is_repaired),
        SWEEP_TEST(a_process_end_at_any_operation_is_repaired),
        SWEEP_TEST(a_power_failure_at_any_operation_is_repaired),
        SWEEP_TEST(after_a_failed_sync_each_segment_exists_or_is_recorded_as_deleted),
        SWEEP_TEST(a_locked_segment_does_not_stop_other_deletions),
        SWEEP_TEST(a_locked_segment_unknown_to_the_manifest_does_not_stop_other_deletions),
        SWEEP_TEST(a_deletion_that_a_locked_manifest_missed_is_recorded_at_the_next_look),
        SWEEP_TEST(a_removal_whose_directory_sync_failed_is_recorded_by_the_next_look),
        SWEEP_TEST(a_stream_on_its_own_volume_frees_only_that),
        SWEEP_TEST(two_archives_on_one_volume_free_its_space_together),
        SWEEP_TEST(a_stream_that_cannot_be_listed_does_not_stop_other_deletions),
        SWEEP_TEST(relaxed_rules_spare_a_segment_whose_deletion_was_announced),
        SWEEP_TEST(a_segment_deleted_by_another_program_is_recorded_as_deleted),
        SWEEP_TEST(retention_can_be_previewed_without_a_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
