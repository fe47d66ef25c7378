/* keep_commands_test.c - output and effects of logport verify --manifest and logport retention, on
 * a disk in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/error.h"
#include "tests/sim/sweep.h"
#include "tests/unit/kept_segments.h"
#include "tools/commands/command.h"

#define MAIN_1 "main-0000000001-20261125T120000Z.ndjson.lz4"
#define MAIN_2 "main-0000000002-20261126T120000Z.ndjson.lz4"

static struct sim sim;
static struct manifest *manifest; /* open, as in the daemon */
static struct output out;

static int set_up(void **state) {
    sweep_listen(state);
    sim_open(&sim, 1);
    sim_set_wall(&sim, OPENED);
    output_open_memory(&out);
    assert_int_equal(directory_make(&sim.disk.files, "logs/main"), 0);
    assert_int_equal(manifest_open(&sim.disk.files, "logs", &manifest), 0);
    for (uint64_t i = 1; i <= 4; i++) {
        put_segment(&sim.disk, "logs", "main", i, false);
        record(&sim.disk, manifest, "logs", "main", i);
    }
    put_segment(&sim.disk, "logs", "main", 5, true);
    put_segment(&sim.disk, "logs", "rejects", 1, false);
    record(&sim.disk, manifest, "logs", "rejects", 1);
    return 0;
}

static int tear_down(void **state) {
    manifest_close(manifest);
    assert_int_equal(sim.disk.files_open, 0);
    sim_close(&sim);
    output_close(&out);
    return sweep_tell(state);
}

/* Returns the exit code; printed() is the output. */
#define LOGPORT(...) run((char *[]){"logport", __VA_ARGS__, NULL})
static int run(char **words) {
    int count = 0;
    char *copies[16], texts[16][64];
    for (; words[count] != NULL; count++)
        copies[count] = strcpy(texts[count], words[count]);
    copies[count] = NULL;
    out.used = 0;
    return command_line_run(&sim.disk.files, &out, count, copies);
}

static const char *printed(void) {
    static char text[8192];
    assert_true(out.used < sizeof text);
    memcpy(text, out.bytes, out.used);
    text[out.used] = '\0';
    return text;
}

static void remove_file(const char *path) {
    assert_int_equal(file_remove(&sim.disk.files, path), 0);
}

static void tell(uint64_t sequence, enum manifest_event event) {
    struct manifest_record told;
    assert_int_equal(manifest_find(manifest, "main", sequence, &told), 0);
    told.event = event;
    if (event == MANIFEST_MOVED) strcpy(told.folder, "cold/main");
    if (event >= MANIFEST_DELETING) strcpy(told.reason, "older than 1d");
    assert_int_equal(manifest_append(manifest, &told), 0);
}

/* ---- verify --manifest ---- */

static void all_as_recorded(void **state) {
    (void)state;
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    assert_string_equal(printed(), "5 recorded, 5 unchanged, 0 missing, 0 changed, 0 added\n");
    assert_int_equal(LOGPORT("verify", "-v", "--manifest", "logs"), EXIT_OK);
    assert_non_null(strstr(printed(), "logs/main/" MAIN_1 ": unchanged, 1 lines\n"));
}

static void one_that_is_missing_is_named(void **state) {
    (void)state;
    remove_file("logs/main/" MAIN_2);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_string_equal(printed(),
                        MAIN_2 ": missing: it was closed at 2026-11-27T00:00:00.000Z with 1 "
                               "lines, and no deletion is recorded\n"
                               "5 recorded, 4 unchanged, 1 missing, 0 changed, 0 added\n");
}

static void one_that_was_changed_is_named(void **state) {
    (void)state;
    put_lines(&sim.disk, "logs/main/" MAIN_2, "main", 2, 2);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), "logs/main/" MAIN_2 ": changed: 2 lines of "));
    assert_non_null(strstr(printed(), "4 unchanged, 0 missing, 1 changed, 0 added\n"));
    put_lines(&sim.disk, "logs/main/" MAIN_2, "main", 3,
              1); /* the same number of lines and bytes */
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), "logs/main/" MAIN_2 ": changed: 1 lines of "));
}

static void any_byte_of_a_line_that_is_wrong_is_found(void **state) {
    (void)state;
    size_t size;
    uint8_t bytes[8192];
    const uint8_t *now = disk_bytes(&sim.disk, "logs/main/" MAIN_2, &size);
    memcpy(bytes, now, size);
    for (size_t i = 19; i + 4 < size; i++) { /* between the frame's header and its end mark */
        bytes[i] ^= 1;
        disk_put(&sim.disk, "logs/main/" MAIN_2, bytes, size);
        assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
        assert_non_null(strstr(printed(), "it is damaged\n"));
        bytes[i] ^= 1;
    }
}

static void one_that_was_added_is_named(void **state) {
    (void)state;
    put_lines(&sim.disk, "logs/main/main-0000000002-20261126T120001Z.ndjson.lz4", "main", 2, 1);
    put_segment(&sim.disk, "logs", "main", 9, false);
    put_segment(&sim.disk, "logs", "other", 1, false);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), "T120001Z.ndjson.lz4: added: not in the manifest"));
    assert_non_null(strstr(printed(), "/other-0000000001"));
    assert_non_null(strstr(printed(), "/main-0000000009"));
    assert_non_null(strstr(printed(), "5 unchanged, 0 missing, 0 changed, 3 added\n"));
}

static void one_that_the_daemon_has_just_closed_is_no_finding(void **state) {
    (void)state;
    put_segment(&sim.disk, "logs", "main", 6, false);
    disk_put(&sim.disk, "logs/state/main.sequence", "6\n", 2);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    assert_string_equal(printed(), "5 recorded, 5 unchanged, 1 not recorded yet, 0 missing, "
                                   "0 changed, 0 added\n");
    put_segment(&sim.disk, "logs", "main", 7, false); /* this sequence was never assigned */
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
}

static void what_retention_deleted_is_not_missing_and_must_not_come_back(void **state) {
    (void)state;
    tell(1, MANIFEST_DELETED);
    tell(2, MANIFEST_DELETING);
    remove_file("logs/main/" MAIN_1);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    remove_file("logs/main/" MAIN_2);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    assert_non_null(strstr(printed(), "3 unchanged, 2 deleted, 0 missing"));
    put_segment(&sim.disk, "logs", "main", 1, false);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), MAIN_1 ": added: it was deleted at "));
}

static void one_that_was_moved_is_looked_for_where_it_went(void **state) {
    (void)state;
    tell(1, MANIFEST_MOVED);
    put_segment(&sim.disk, "cold", "main", 1, false);
    remove_file("logs/main/" MAIN_1);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    put_segment(&sim.disk, "cold", "main", 8, false);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), "cold/main/main-0000000008"));
    remove_file("cold/main/" MAIN_1);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_NEGATIVE);
    assert_non_null(strstr(printed(), MAIN_1 ": missing"));
}

/* The daemon deletes a segment after verify has read the manifest. */
static void delete_meanwhile(void *context, enum disk_operation operation, const char *path,
                             int64_t result) {
    (void)context;
    (void)result;
    if (operation != DISK_READ || strstr(path, "main-0000000001") == NULL) return;
    sim.disk.performed = NULL;
    tell(2, MANIFEST_DELETING);
    remove_file("logs/main/" MAIN_2);
    tell(2, MANIFEST_DELETED);
    tell(3, MANIFEST_ARCHIVED);
}

static void what_a_daemon_deletes_meanwhile_is_not_missing(void **state) {
    (void)state;
    sim.disk.performed = delete_meanwhile;
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    assert_null(sim.disk.performed);
    assert_non_null(strstr(printed(), "4 unchanged, 1 deleted, 0 missing"));
}

static void what_cannot_be_checked_is_exit_2(void **state) {
    (void)state;
    assert_int_equal(LOGPORT("verify", "--manifest", "nowhere"), EXIT_ERROR);
    assert_int_equal(directory_make(&sim.disk.files, "empty"), 0);
    assert_int_equal(LOGPORT("verify", "--manifest", "empty"), EXIT_ERROR);
    const struct disk_fault unreadable = {.ending = DISK_FAILS,
                                          .error = ERR_IO,
                                          .first = 1,
                                          .times = UINT64_MAX,
                                          .kinds = DISK_BIT(DISK_READ),
                                          .path = MAIN_1};
    disk_arm(&sim.disk, &unreadable);
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_ERROR);
    assert_non_null(strstr(printed(), "1 could not be read\n"));
}

/* ---- retention ---- */

static void a_dry_run_shows_what_would_go_and_deletes_nothing(void **state) {
    (void)state;
    const uint64_t before = disk_used(&sim.disk);
    assert_int_equal(
        LOGPORT("retention", "-n", "--dir", "logs", "--stream", "main", "--count-max", "3"),
        EXIT_OK);
    static const char first[] = "logs/main/" MAIN_1 ": ";
    assert_int_equal(strncmp(printed(), first, sizeof first - 1), 0);
    assert_non_null(
        strstr(printed(), ": more than 3 in stream main\n1 of 5 segments would be deleted, "));
    assert_true(disk_used(&sim.disk) == before);
    assert_int_equal(manifest_state(manifest, "main", 1, NULL), MANIFEST_CLOSED);
}

static void where_no_daemon_is_at_work_it_deletes(void **state) {
    (void)state;
    assert_int_equal(LOGPORT("retention", "--dir", "logs", "--stream", "main", "--count-max", "3"),
                     EXIT_OK);
    assert_non_null(strstr(printed(), "1 of 5 segments deleted, "));
    assert_false(disk_exists(&sim.disk, "logs/main/" MAIN_1));
    assert_int_equal(LOGPORT("verify", "--manifest", "logs"), EXIT_OK);
    assert_int_equal(LOGPORT("retention", "-n", "--dir", "logs", "--count-max", "1"), EXIT_OK);
    assert_non_null(strstr(printed(), "\n3 of 4 segments would be deleted, "));
}

static void where_a_daemon_is_at_work_it_refuses(void **state) {
    (void)state;
    struct file lock;
    assert_int_equal(file_lock(&sim.disk.files, "logs/state/lock", &lock), 0);
    assert_int_equal(LOGPORT("retention", "--dir", "logs", "--count-max", "1"), EXIT_ERROR);
    assert_true(disk_exists(&sim.disk, "logs/main/" MAIN_1));
    assert_int_equal(LOGPORT("retention", "-n", "--dir", "logs", "--count-max", "1"), EXIT_OK);
    file_close(&lock);
}

static void the_daemons_configuration_says_the_rules(void **state) {
    (void)state;
    static const char text[] = "{\"dir\": \"logs\", \"retention_count_max\": 2}";
    disk_put(&sim.disk, "conf.json", text, sizeof text - 1);
    assert_int_equal(LOGPORT("retention", "-n", "--config", "conf.json"), EXIT_OK);
    assert_non_null(strstr(printed(), "more than 2 in all\n3 of 5 segments would be deleted, "));
    assert_int_equal(LOGPORT("retention", "-n", "--config", "conf.json", "--count-max", "4"),
                     EXIT_OK);
    assert_non_null(strstr(printed(), "more than 4 in all\n1 of 5 segments would be deleted, "));
    disk_put(&sim.disk, "none.json", "{}", 2);
    assert_int_equal(LOGPORT("retention", "-n", "--config", "none.json"), EXIT_ERROR);
    disk_put(&sim.disk, "bad.json", "{\"retention_age_s\": 5, \"x\": 1}", 31);
    assert_int_equal(LOGPORT("retention", "-n", "--config", "bad.json"), EXIT_ERROR);
}

static void without_rules_or_with_a_slip_nothing_is_done(void **state) {
    (void)state;
    assert_int_equal(LOGPORT("retention", "--dir", "logs"), EXIT_ERROR);
    assert_int_equal(LOGPORT("retention", "logs", "--count-max", "1"), EXIT_ERROR);
    assert_int_equal(LOGPORT("retention", "--dir", "logz", "--count-max", "1"), EXIT_ERROR);
    assert_false(disk_exists(&sim.disk, "logz"));
    assert_int_equal(LOGPORT("retention", "--dir", "logs", "--stream", "../x", "--age", "1s"),
                     EXIT_ERROR);
    assert_true(disk_exists(&sim.disk, "logs/main/" MAIN_1));
}

static void a_file_that_cannot_be_deleted_is_exit_2_and_the_others_go(void **state) {
    (void)state;
    const struct disk_fault held = {.ending = DISK_FAILS,
                                    .error = ERR_DENIED,
                                    .first = 1,
                                    .times = UINT64_MAX,
                                    .kinds = DISK_BIT(DISK_REMOVE),
                                    .path = MAIN_1};
    disk_arm(&sim.disk, &held);
    assert_int_equal(LOGPORT("retention", "--dir", "logs", "--stream", "main", "--count-max", "2"),
                     EXIT_ERROR);
    assert_true(disk_exists(&sim.disk, "logs/main/" MAIN_1));
    assert_false(disk_exists(&sim.disk, "logs/main/" MAIN_2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(all_as_recorded),
        TEST(one_that_is_missing_is_named),
        TEST(one_that_was_changed_is_named),
        TEST(any_byte_of_a_line_that_is_wrong_is_found),
        TEST(one_that_was_added_is_named),
        TEST(one_that_the_daemon_has_just_closed_is_no_finding),
        TEST(what_retention_deleted_is_not_missing_and_must_not_come_back),
        TEST(one_that_was_moved_is_looked_for_where_it_went),
        TEST(what_a_daemon_deletes_meanwhile_is_not_missing),
        TEST(what_cannot_be_checked_is_exit_2),
        TEST(a_dry_run_shows_what_would_go_and_deletes_nothing),
        TEST(where_no_daemon_is_at_work_it_deletes),
        TEST(where_a_daemon_is_at_work_it_refuses),
        TEST(the_daemons_configuration_says_the_rules),
        TEST(without_rules_or_with_a_slip_nothing_is_done),
        TEST(a_file_that_cannot_be_deleted_is_exit_2_and_the_others_go),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
