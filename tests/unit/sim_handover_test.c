/* sim_handover_test.c - archive_command receives every segment, whatever fails: the command, a file
 * operation, or the process between any two steps. */
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
#include "writer/keep/retention_files.h"
#include "writer/segment/archives.h"
#include "writer/segment/segment_list.h"

#define SEGMENTS 3
#define LINES    20

/* ---- the program that copies segments elsewhere ---- */

struct life {
    struct sim *sim;
    struct port *port;
    struct manifest *manifest;
    struct archive_lanes *lanes;
    struct keeper *keeper;
    struct keeper_counts counts; /* of the last run */
    int runs[SEGMENTS + 1];      /* runs of the program, by sequence */
    bool has[SEGMENTS + 1];
    int failures_left, failure; /* this many next runs end with `failure` */
    int64_t first_failed_ns, last_run_ns;
};

/* The program: copy SEQUENCE NAME PATH STREAM */
static int copy_program(void *context, const char *const *words) {
    struct life *life = context;
    const int sequence = atoi(words[1]);
    char name[PATH_BYTES_MAX], text[SEGMENT_NAME_MAX];
    assert_string_equal(words[0], "copy");
    assert_in_range(sequence, 1, SEGMENTS);
    path_of("logs", "main", (uint64_t)sequence, false, name);
    snprintf(text, sizeof text, "name=%s", path_name(name));
    assert_string_equal(words[2], text);
    assert_string_equal(path_name(words[3]), path_name(name));
    assert_string_equal(words[4], "to {main}");
    assert_null(words[5]);
    /* Oldest first, unless an injected fault delays one. */
    for (int i = 1; i < sequence && life->sim->disk.fault.first == 0; i++)
        assert_true(life->has[i]);
    life->runs[sequence]++;
    life->last_run_ns = life->sim->now_ns;
    if (life->failures_left > 0) {
        if (life->first_failed_ns == 0) life->first_failed_ns = life->sim->now_ns;
        life->failures_left--;
        return life->failure;
    }
    life->has[sequence] = true;
    return 0;
}

static const char *const words[] = {"copy", "{sequence}", "name={name}", "{path}", "to {{stream}}"};
static const struct keeper_rules keeping = {
    .archive_after_s = 60,
    .archive_level = 3,
    .command = {.words = words, .count = 5, .limit_s = 600}};

static struct keeper_rules rules_of(bool deletes, bool moves) {
    struct keeper_rules rules = keeping;
    rules.command.deletes = deletes;
    if (moves) rules.archive_dir = "cold";
    return rules;
}

/* ---- a keeper at work ---- */

static void begin(struct life *life, struct sim *sim) {
    char path[PATH_BYTES_MAX];
    life->sim = sim;
    sim->run_program = copy_program;
    sim->program_context = life;
    disk_add_volume(&sim->disk, "cold", ERR_OTHER_VOLUME);
    sim_set_wall(sim, OPENED + 100 * DAY);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of("logs", "main", i, false, path);
        put_lines(&sim->disk, path, "main", i, LINES);
    }
}

/* Returns 0 or the error that prevented the start. */
static int start(struct life *life, const struct keeper_rules *rules) {
    struct files *files = &life->sim->disk.files;
    const struct retention_folders folders = {.directory = "logs"};
    const int error = manifest_open(files, "logs", &life->manifest);
    if (error) return error;
    (void)retention_mend(files, &folders, life->manifest, sim_wall_ns(life->sim));
    life->port = sim_port(life->sim);
    assert_int_equal(archive_lanes_open(life->port, "logs", &life->lanes), 0);
    const struct keeper_options options = {.directory = "logs",
                                           .stream = "main",
                                           .folder = "logs/main",
                                           .pack_path = "logs/state/main.pack",
                                           .last_sequence = SEGMENTS,
                                           .rules = *rules,
                                           .manifest = life->manifest,
                                           .lanes = life->lanes};
    assert_int_equal(keeper_open(life->port, &options, &life->keeper), 0);
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
}

/* Runs a keeper until it is idle, for at most `patience_ns`; a dead process returns at once. */
static void keep(struct life *life, const struct keeper_rules *rules, int64_t patience_ns) {
    if (start(life, rules)) return;
    const int64_t limit = life->sim->now_ns + patience_ns;
    while (keeper_busy(life->keeper) && life->sim->now_ns < limit && !life->sim->disk.ended)
        port_wait(life->port, 10 * SIM_S);
    stop(life);
}

/* ---- sweeps ---- */

static void set_up(struct sim *sim, void *context) {
    begin(context, sim);
}

/* Each sweep runs all variants. */
static const struct variant {
    const char *name;
    bool deletes;
    const char *folder; /* the directory of the segments at the hand-over */
} variants[] = {{"handing over, keeping", false, "logs"},
                {"handing over, deleting", true, "logs"},
                {"handing over from an archive, keeping", false, "cold"},
                {"handing over from an archive, deleting", true, "cold"}};
enum { VARIANTS = sizeof variants / sizeof *variants };
static const struct variant *variant;

static void run(struct sim *sim, void *context) {
    const struct keeper_rules rules =
        rules_of(variant->deletes, strcmp(variant->folder, "cold") == 0);
    (void)sim;
    keep(context, &rules, 500 * SIM_S);
}

static void begin_again(struct sim *sim, void *context, enum sweep_harm harm) {
    const struct keeper_rules rules =
        rules_of(variant->deletes, strcmp(variant->folder, "cold") == 0);
    (void)sim, (void)harm;
    keep(context, &rules, 3600 * SIM_S);
}

static bool is_left(void *context, const char *path, bool directory) {
    static const char *const known[] = {"logs/state/" MANIFEST_FILE, "logs/state/" ARCHIVES_FILE,
                                        "cold/state/" ARCHIVES_OF_FILE};
    struct segment_name name;
    (void)context;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(path, known[i]) == 0) return true;
    if (directory || segment_name_parse(path_name(path), &name)) return true;
    fail_msg("%s was left", path);
    return false;
}

/* Every segment was handed over and is kept or deleted as configured.  Without a failure the
 * command ran once for each, otherwise at most twice. */
static void each_was_handed_over(struct sim *sim, void *context, enum sweep_harm harm) {
    struct life *life = context;
    const bool deletes = variant->deletes;
    const char *folder = variant->folder;
    (void)sim;
    struct disk *disk = &life->sim->disk;
    struct manifest *manifest;
    char path[PATH_BYTES_MAX], away[PATH_BYTES_MAX];
    assert_int_equal(manifest_read(&disk->files, "logs", &manifest), 0);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        path_of(folder, "main", i, false, path);
        path_of(strcmp(folder, "logs") == 0 ? "cold" : "logs", "main", i, false, away);
        assert_true(life->has[i]);
        if (harm == SWEEP_NONE) assert_int_equal(life->runs[i], 1);
        assert_in_range(life->runs[i], 1, 2);
        if (!manifest_handed(manifest, "main", i) && !deletes)
            fail_msg("%s: the manifest does not know", path);
        assert_int_equal(disk_exists(disk, path), !deletes);
        assert_false(disk_exists(disk, away));
        const enum manifest_event event = manifest_state(manifest, "main", i, NULL);
        /* A failed sync makes the manifest suspect: it is rewritten without the oldest segments. */
        if (event == MANIFEST_NONE && deletes && harm == SWEEP_ERROR) continue;
        assert_int_equal(event, deletes ? MANIFEST_DELETED : MANIFEST_HANDED);
    }
    manifest_close(manifest);
    disk_walk(disk, "logs", is_left, NULL);
    disk_walk(disk, "cold", is_left, NULL);
}

typedef uint32_t sweep(const struct scenario *scenario, uint64_t seed);

static uint32_t sweep_all(sweep *how) {
    uint32_t trials = 0;
    for (variant = variants; variant < variants + VARIANTS; variant++) {
        const struct scenario scenario = {.name = variant->name,
                                          .context_size = sizeof(struct life),
                                          .set_up = set_up,
                                          .run = run,
                                          .restart = begin_again,
                                          .check = each_was_handed_over};
        trials += how(&scenario, 1);
    }
    print_message("%u trials\n", trials);
    return trials;
}

static void each_segment_is_handed_over_once(void **state) {
    (void)state;
    sweep_all(sweep_nothing);
}

static void an_error_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_all(sweep_errors) > 4000);
}

static void a_process_end_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_all(sweep_process_ends) > 800);
}

static void a_power_failure_at_any_operation_is_repaired(void **state) {
    (void)state;
    assert_true(sweep_all(sweep_power_failures) > 3000);
}

/* ---- commands that fail ---- */

struct one {
    struct sim sim;
    struct life life;
};

static struct one *begin_one(void) {
    struct one *one = calloc(1, sizeof *one);
    assert_non_null(one);
    sim_open(&one->sim, 1);
    begin(&one->life, &one->sim);
    return one;
}

static void end_one(struct one *one) {
    sim_close(&one->sim);
    free(one);
}

static void a_failing_command_is_retried_with_growing_delays_and_others_wait(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct life *life = &one->life;
    life->failures_left = 9;
    life->failure = 3;
    keep(life, &keeping, DAY);
    assert_int_equal(life->runs[1], 10);
    assert_int_equal(life->runs[2], 1);
    assert_int_equal(life->runs[3], 1);
    assert_int_equal(life->counts.handed.failures, 9);
    assert_int_equal(life->counts.handed.segments, 3);
    /* Delays: 1 + 2 + 4 + … + 32 min, then an hour each. */
    const int64_t waited_ns = life->last_run_ns - life->first_failed_ns;
    assert_in_range(waited_ns / SIM_S, (63 + 3 * 60) * 60, (63 + 3 * 60) * 60 + 30);
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

static void a_command_that_works_again_is_reported_once(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct heard heard = {.words = " works again"};
    one->life.failures_left = 2;
    one->life.failure = 7;
    system_messages_to(hear, &heard);
    keep(&one->life, &keeping, DAY);
    assert_int_equal(one->life.counts.handed.failures, 2);
    assert_int_equal(one->life.counts.handed.segments, 3);
    assert_int_equal(heard.lines, 1);
    end_one(one);
}

static void a_command_that_cannot_start_counts_as_a_failure(void **state) {
    (void)state;
    struct one *one = begin_one();
    one->life.failures_left = 2;
    one->life.failure = ERR_NOT_FOUND;
    keep(&one->life, &keeping, DAY);
    assert_int_equal(one->life.counts.handed.failures, 2);
    assert_int_equal(one->life.counts.handed.segments, 3);
    end_one(one);
}

static void a_command_that_takes_too_long_is_ended_and_retried(void **state) {
    (void)state;
    struct one *one = begin_one();
    one->sim.program_ns = 601 * SIM_S;
    keep(&one->life, &keeping, 800 * SIM_S);
    assert_int_equal(one->life.counts.handed.segments, 0);
    assert_int_equal(one->life.counts.handed.failures, 1);
    one->sim.program_ns = 590 * SIM_S;
    keep(&one->life, &keeping, DAY);
    assert_int_equal(one->life.counts.handed.segments, 3);
    end_one(one);
}

static void a_segment_that_cannot_be_deleted_does_not_delay_others(void **state) {
    (void)state;
    struct one *one = begin_one();
    const struct keeper_rules deleting = rules_of(true, false);
    char path[PATH_BYTES_MAX], first[PATH_BYTES_MAX];
    path_of("logs", "main", 1, false, first);
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_BUSY,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_REMOVE),
                                    .path = first};
    disk_arm(&one->sim.disk, &held);
    assert_int_equal(start(&one->life, &deleting), 0);
    sim_pass(&one->sim, 110 * SIM_S);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        assert_int_equal(one->life.runs[i], 1);
        path_of("logs", "main", i, false, path);
        assert_int_equal(disk_exists(&one->sim.disk, path), i == 1);
    }
    disk_arm(&one->sim.disk, &(struct disk_fault){0});
    sim_pass(&one->sim, 100 * SIM_S);
    assert_false(disk_exists(&one->sim.disk, first));
    stop(&one->life);
    end_one(one);
}

static void new_rules_are_tried_at_once(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct life *life = &one->life;
    life->failures_left = 20;
    life->failure = 1;
    assert_int_equal(start(life, &keeping), 0);
    sim_pass(&one->sim, DAY / 2);
    life->failures_left = 0;
    keeper_set_rules(life->keeper, &keeping);
    sim_pass(&one->sim, 60 * SIM_S);
    stop(life);
    assert_int_equal(life->counts.handed.segments, 3);
    end_one(one);
}

static void a_stop_waits_for_no_command_and_the_next_start_repeats_it(void **state) {
    (void)state;
    struct one *one = begin_one();
    struct life *life = &one->life;
    one->sim.program_ns = 500 * SIM_S;
    assert_int_equal(start(life, &keeping), 0);
    sim_pass(&one->sim, 100 * SIM_S);
    assert_int_equal(life->runs[1], 1);
    assert_true(keeper_busy(life->keeper));
    assert_false(keeper_at_work(life->keeper));
    const int64_t now_ns = one->sim.now_ns;
    keeper_finish(life->keeper);
    while (keeper_busy(life->keeper))
        port_wait(life->port, SIM_S);
    assert_true(one->sim.now_ns - now_ns < SIM_S);
    stop(life);
    assert_int_equal(life->counts.handed.segments, 0);
    keep(life, &keeping, DAY);
    assert_int_equal(life->runs[1], 2);
    assert_int_equal(life->counts.handed.segments, 3);
    end_one(one);
}

static void unknown_placeholders_in_a_command_are_refused(void **state) {
    (void)state;
    static const char *const good[] = {"",   "{path}",    "a{name}b{sequence}", "{}",
                                       "{x", "{\"a\":1}", "{{stream}}",         "{Path}"};
    static const char *const bad[] = {"{file}", "a{sequence_}b", "{path}{paths}", "{{streams}}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(handover_word_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(handover_word_valid(bad[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(each_segment_is_handed_over_once),
        SWEEP_TEST(an_error_at_any_operation_is_repaired),
        SWEEP_TEST(a_process_end_at_any_operation_is_repaired),
        SWEEP_TEST(a_power_failure_at_any_operation_is_repaired),
        SWEEP_TEST(a_failing_command_is_retried_with_growing_delays_and_others_wait),
        SWEEP_TEST(a_command_that_works_again_is_reported_once),
        SWEEP_TEST(a_command_that_cannot_start_counts_as_a_failure),
        SWEEP_TEST(a_command_that_takes_too_long_is_ended_and_retried),
        SWEEP_TEST(a_segment_that_cannot_be_deleted_does_not_delay_others),
        SWEEP_TEST(new_rules_are_tried_at_once),
        SWEEP_TEST(a_stop_waits_for_no_command_and_the_next_start_repeats_it),
        SWEEP_TEST(unknown_placeholders_in_a_command_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
