/* manifest_test.c - the manifest holds the last event of each segment, even after a crash in the
 * middle of a line, and its size is bounded. */
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
#include "tests/sim/disk.h"
#include "tests/sim/sweep.h"
#include "writer/keep/manifest.h"
#include "writer/keep/manifest_internal.h"
#include "writer/keep/manifest_line.h"

#define SECOND INT64_C(1000000000)
#define NOON   (INT64_C(1795521600) * SECOND)
#define PATH   "logs/state/" MANIFEST_FILE

static struct disk disk;
static struct manifest *manifest;

static struct manifest_record record_of(const char *stream, uint64_t sequence,
                                        enum manifest_event event) {
    struct manifest_record record = {.event = event,
                                     .time_ns = NOON + 7 * SECOND,
                                     .lines = 1200 + sequence,
                                     .raw_bytes = 987654,
                                     .bytes = 123456,
                                     .xxh3 = 0x00ab54a98ceb1f0a,
                                     .first_time_ns = NOON - 3600 * SECOND + 1,
                                     .last_time_ns = NOON - SECOND,
                                     .closed_ns = NOON + (int64_t)(sequence % 1000) * SECOND};
    strcpy(record.name.stream, stream);
    record.name.sequence = sequence;
    record.name.opened_ns = NOON - 3600 * SECOND;
    if (event >= MANIFEST_DELETING) strcpy(record.reason, "older than 30d");
    return record;
}

static void append(const char *stream, uint64_t sequence, enum manifest_event event) {
    const struct manifest_record record = record_of(stream, sequence, event);
    assert_int_equal(manifest_append(manifest, &record), 0);
}

static void open_again(void) {
    manifest_close(manifest);
    manifest = NULL;
    assert_int_equal(manifest_open(&disk.files, "logs", &manifest), 0);
}

static int set_up(void **state) {
    sweep_listen(state);
    disk_open(&disk, 1);
    return manifest_open(&disk.files, "logs", &manifest);
}

static int tear_down(void **state) {
    manifest_close(manifest);
    manifest = NULL;
    disk_close(&disk);
    return sweep_tell(state);
}

static enum manifest_event state_of(const char *stream, uint64_t sequence) {
    return manifest_state(manifest, stream, sequence, NULL);
}

static void assert_same(const struct manifest_record *a, const struct manifest_record *b) {
    assert_int_equal(a->event, b->event);
    assert_true(a->time_ns == b->time_ns && a->closed_ns == b->closed_ns);
    assert_true(a->first_time_ns == b->first_time_ns && a->last_time_ns == b->last_time_ns);
    assert_true(a->lines == b->lines && a->raw_bytes == b->raw_bytes && a->bytes == b->bytes);
    assert_true(a->xxh3 == b->xxh3);
    assert_string_equal(a->name.stream, b->name.stream);
    assert_true(a->name.sequence == b->name.sequence && a->name.opened_ns == b->name.opened_ns);
    assert_string_equal(a->folder, b->folder);
    assert_string_equal(a->reason, b->reason);
}

/* ---- a line ---- */

static void a_line_has_the_format_that_scripts_rely_on(void **state) {
    (void)state;
    char line[MANIFEST_LINE_MAX];
    struct manifest_record record = record_of("main", 42, MANIFEST_DELETED);
    strcpy(record.folder, "/cold \"store\"/\xc3\xa9/main");
    const size_t size = manifest_line_encode(&record, line);
    line[size] = '\0';
    assert_string_equal(
        line,
        "{\"event\":\"deleted\",\"time\":\"2026-11-24T12:00:07.000Z\",\"stream\":\"main\","
        "\"sequence\":42,\"name\":\"main-0000000042-20261124T110000Z.ndjson.lz4\",\"lines\":1242,"
        "\"raw_bytes\":987654,\"bytes\":123456,\"first_time\":\"2026-11-24T11:00:00.000000001Z\","
        "\"last_time\":\"2026-11-24T11:59:59.000Z\",\"closed_time\":\"2026-11-24T12:00:42.000Z\","
        "\"xxh3\":\"00ab54a98ceb1f0a\",\"folder\":\"/cold \\\"store\\\"/\xc3\xa9/main\","
        "\"reason\":\"older than 30d\"}\n");
}

static void a_written_line_is_read_back_unchanged(void **state) {
    (void)state;
    static char line[MANIFEST_LINE_MAX + JSON_PADDING];
    struct manifest_record record = record_of("a.b-c", 9999999999, MANIFEST_MOVED), read;
    memset(record.folder, '\x01', sizeof record.folder - 1);
    record.folder[sizeof record.folder - 1] = '\0';
    strcpy(record.reason, "tab\there, back\\slash");
    record.first_time_ns = INT64_MIN;
    record.last_time_ns = INT64_MAX;
    record.xxh3 = UINT64_MAX;
    record.lines = record.bytes = UINT64_MAX;
    size_t size = manifest_line_encode(&record, line);
    assert_int_equal(manifest_line_decode(line, size, &read), 0);
    assert_same(&record, &read);
}

static void a_damaged_line_is_distinguished_from_one_of_a_later_version(void **state) {
    (void)state;
    static char line[MANIFEST_LINE_MAX + JSON_PADDING];
    const struct manifest_record record = record_of("s", 1, MANIFEST_CLOSED);
    struct manifest_record read;
    const size_t size = manifest_line_encode(&record, line);
    for (size_t at = 0; at + 1 < size; at++) { /* any wrong byte: an error or another valid value */
        const char was = line[at];
        line[at] = '\0';
        assert_int_equal(manifest_line_decode(line, size, &read), ERR_INVALID);
        line[at] = was;
    }
    memcpy(line + strlen("{\"event\":\""), "melted", 6);
    assert_int_equal(manifest_line_decode(line, size, &read), ERR_UNSUPPORTED);
    strcpy(line, "{\"event\":\"closed\"}\n");
    assert_int_equal(manifest_line_decode(line, strlen(line), &read), ERR_INVALID);
}

/* ---- the file ---- */

static void the_last_line_of_a_segment_counts(void **state) {
    (void)state;
    struct manifest_record read;
    append("main", 1, MANIFEST_CLOSED);
    append("main", 2, MANIFEST_CLOSED);
    append("rejects", 1, MANIFEST_CLOSED);
    append("main", 1, MANIFEST_ARCHIVED);
    append("main", 1, MANIFEST_DELETING);
    append("main", 1, MANIFEST_DELETED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(state_of("main", 1), MANIFEST_DELETED);
        assert_int_equal(state_of("main", 2), MANIFEST_CLOSED);
        assert_int_equal(state_of("rejects", 1), MANIFEST_CLOSED);
        assert_int_equal(state_of("main", 3), MANIFEST_NONE);
        assert_int_equal(state_of("other", 1), MANIFEST_NONE);
        assert_int_equal(manifest_find(manifest, "main", 1, &read), 0);
        const struct manifest_record expected = record_of("main", 1, MANIFEST_DELETED);
        assert_same(&expected, &read);
        assert_int_equal(manifest_find(manifest, "main", 3, &read), ERR_NOT_FOUND);
        open_again();
    }
}

static void the_closing_time_of_the_first_line_stays(void **state) {
    (void)state;
    struct manifest_record record = record_of("main", 1, MANIFEST_CLOSED);
    append("main", 1, MANIFEST_CLOSED);
    record.event = MANIFEST_ARCHIVED;
    record.closed_ns += 1000 * SECOND;
    assert_int_equal(manifest_append(manifest, &record), 0);
    int64_t closed_ns;
    open_again();
    assert_int_equal(manifest_state(manifest, "main", 1, &closed_ns), MANIFEST_ARCHIVED);
    assert_true(closed_ns == NOON + SECOND);
}

static void segments_are_listed_by_stream_and_sequence(void **state) {
    (void)state;
    static const uint64_t sequences[] = {5, 2, 9, 1, 7};
    struct manifest_cursor cursor = {0};
    uint64_t before = 0;
    for (int i = 0; i < 5; i++) {
        append("b", sequences[i], MANIFEST_CLOSED);
        append("a", sequences[i], MANIFEST_CLOSED);
    }
    for (int i = 0; i < 10; i++) {
        assert_true(manifest_next(manifest, &cursor));
        assert_string_equal(cursor.name, i < 5 ? "b" : "a");
        if (i == 5) before = 0;
        assert_true(cursor.at > before);
        before = cursor.at;
    }
    assert_false(manifest_next(manifest, &cursor));
}

static void a_line_torn_at_any_byte_is_cut_off(void **state) {
    (void)state;
    size_t size, whole;
    append("main", 1, MANIFEST_CLOSED);
    disk_bytes(&disk, PATH, &whole);
    append("main", 1, MANIFEST_ARCHIVED);
    uint8_t *bytes = malloc(4096);
    const uint8_t *now = disk_bytes(&disk, PATH, &size);
    memcpy(bytes, now, size);
    for (size_t end = whole; end < size; end++) {
        disk_put(&disk, PATH, bytes, end);
        open_again();
        assert_int_equal(state_of("main", 1), MANIFEST_CLOSED);
        size_t left;
        disk_bytes(&disk, PATH, &left);
        assert_int_equal(left, whole);
    }
    /* Pages that never reached the disk are zeros; the line's end may have reached it. */
    memset(bytes + whole, 0, size - whole - 10);
    disk_put(&disk, PATH, bytes, size);
    open_again();
    assert_int_equal(manifest_bytes(manifest), whole);
    append("main", 1, MANIFEST_ARCHIVED);
    open_again();
    assert_int_equal(state_of("main", 1), MANIFEST_ARCHIVED);
    assert_int_equal(manifest_lines_damaged(manifest), 0);
    free(bytes);
}

static void damage_in_the_middle_is_skipped_and_counted(void **state) {
    (void)state;
    char *bytes = calloc(1, 200000);
    size_t size, at;
    append("main", 1, MANIFEST_CLOSED);
    const uint8_t *now = disk_bytes(&disk, PATH, &at);
    memcpy(bytes, now, at);
    at += (size_t)sprintf(bytes + at, "{\"event\":\"melted\",\"name\":\"main-0000000009-"
                                      "20261124T110000Z.ndjson.lz4\"}\nwhat is this?\n\n");
    memset(bytes + at, 'x', 100000); /* longer than any valid line */
    at += 100000;
    bytes[at++] = '\n';
    append("main", 2, MANIFEST_CLOSED);
    now = disk_bytes(&disk, PATH, &size);
    memcpy(bytes + at, now + size / 2, size - size / 2);
    at += size - size / 2;
    disk_put(&disk, PATH, bytes, at);
    open_again();
    assert_int_equal(state_of("main", 1), MANIFEST_CLOSED);
    assert_int_equal(state_of("main", 2), MANIFEST_CLOSED);
    assert_int_equal(manifest_lines_damaged(manifest), 3);
    assert_int_equal(manifest_bytes(manifest), at);
    free(bytes);
}

static void nothing_but_a_torn_last_line_is_cut_off(void **state) {
    (void)state;
    char *bytes = malloc(200000);
    for (size_t i = 0; i < 200000; i++)
        bytes[i] = i % 100 == 99 ? '\n' : 'x';
    disk_put(&disk, PATH, bytes, 200000);
    open_again();
    assert_int_equal(manifest_bytes(manifest), 200000);
    append("main", 1, MANIFEST_CLOSED);
    open_again();
    assert_int_equal(state_of("main", 1), MANIFEST_CLOSED);
    assert_int_equal(manifest_lines_damaged(manifest), 2000);
    free(bytes);
}

static void a_manifest_deleted_while_open_is_started_again(void **state) {
    (void)state;
    append("main", 1, MANIFEST_CLOSED);
    assert_int_equal(file_remove(&disk.files, PATH), 0);
    append("main", 2, MANIFEST_CLOSED);
    assert_int_equal(state_of("main", 1), MANIFEST_NONE);
    open_again();
    assert_int_equal(state_of("main", 1), MANIFEST_NONE);
    assert_int_equal(state_of("main", 2), MANIFEST_CLOSED);
}

static void a_reader_sees_its_version_while_the_manifest_is_rewritten(void **state) {
    (void)state;
    struct manifest *reader;
    struct manifest_record read;
    append("main", 1, MANIFEST_CLOSED);
    append("main", 2, MANIFEST_CLOSED);
    assert_int_equal(manifest_read(&disk.files, "logs", &reader), 0);
    append("main", 1, MANIFEST_DELETED);
    manifest->suspect = true;
    append("main", 2, MANIFEST_ARCHIVED);
    assert_int_equal(manifest_find(reader, "main", 1, &read), 0);
    assert_int_equal(read.event, MANIFEST_CLOSED);
    assert_int_equal(manifest_find(reader, "main", 2, &read), 0);
    assert_int_equal(read.name.sequence, 2);
    manifest_close(reader);
    assert_int_equal(manifest_read(&disk.files, "nowhere", &reader), ERR_NOT_FOUND);
}

/* ---- growth ---- */

static void years_of_deletions_leave_a_small_file(void **state) {
    (void)state;
    enum { KEPT = 24, ALL = 6000 };
    for (uint64_t i = 1; i <= ALL; i++) {
        append("main", i, MANIFEST_CLOSED);
        append("main", i, MANIFEST_ARCHIVED);
        if (i <= KEPT) continue;
        append("main", i - KEPT, MANIFEST_DELETING);
        append("main", i - KEPT, MANIFEST_DELETED);
        assert_true(manifest_bytes(manifest) <= MANIFEST_COMPACT_BYTES + 1000);
    }
    open_again();
    for (uint64_t i = ALL - KEPT + 1; i <= ALL; i++)
        assert_int_equal(state_of("main", i), MANIFEST_ARCHIVED);
    assert_int_equal(state_of("main", 1), MANIFEST_NONE);
}

/* Compacts at the next append and keeps no more deletions than it has to. */
static void make_small(void) {
    manifest->compact_min = manifest->compact_at = 1;
}

static void deletions_before_the_oldest_kept_segment_become_one_line(void **state) {
    (void)state;
    struct manifest_record earlier;
    for (uint64_t i = 1; i <= 6; i++) {
        append("main", i, i == 3 ? MANIFEST_CLOSED : MANIFEST_DELETED);
        append("gone", i, MANIFEST_DELETED);
    }
    for (int i = 0; i < 3; i++) {
        make_small();
        for (uint64_t n = 0; n < 20; n++)
            append("main", 7, MANIFEST_CLOSED);
        for (uint64_t n = 1; n <= 2; n++)
            assert_int_equal(state_of("main", n), MANIFEST_NONE);
        assert_int_equal(state_of("main", 3), MANIFEST_CLOSED);
        for (uint64_t n = 4; n <= 6; n++)
            assert_int_equal(state_of("main", n), MANIFEST_DELETED);
        assert_int_equal(state_of("main", 7), MANIFEST_CLOSED);
        assert_int_equal(manifest_find_earlier(manifest, "main", &earlier), 0);
        assert_true(earlier.segments == 2 && earlier.lines == 1201 + 1202);
        assert_true(earlier.raw_bytes == 2 * 987654 && earlier.bytes == 2 * 123456);
        assert_int_equal(earlier.name.sequence, 2);
        assert_int_equal(state_of("gone", 5), MANIFEST_NONE);
        assert_int_equal(state_of("gone", 6), MANIFEST_DELETED);
        assert_int_equal(manifest_find_earlier(manifest, "gone", &earlier), 0);
        assert_int_equal(earlier.segments, 5);
        assert_int_equal(manifest_find_earlier(manifest, "none", &earlier), ERR_NOT_FOUND);
        open_again();
    }
    assert_int_equal(manifest_lines_damaged(manifest), 0);
    assert_int_equal(manifest_last_sequence(manifest, "gone", SEGMENT_SEQUENCE_MAX), 6);
}

static void recent_deletions_keep_their_lines(void **state) {
    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        append("main", i, MANIFEST_DELETED);
    append("main", 101, MANIFEST_CLOSED);
    manifest->compact_at = 1;
    manifest->compact_min = 20000;
    const uint64_t before = manifest_bytes(manifest);
    append("main", 102, MANIFEST_CLOSED);
    assert_true(manifest_bytes(manifest) < before / 2);
    assert_int_equal(state_of("main", 50), MANIFEST_NONE);
    assert_int_equal(state_of("main", 98), MANIFEST_DELETED);
}

static void lines_of_unknown_events_survive_compaction(void **state) {
    (void)state;
    static const char line[] = "{\"event\":\"melted\",\"name\":\"main-0000000009-20261124T110000Z."
                               "ndjson.lz4\",\"to\":[\"water\"]}\n";
    static const char other[] = "{\"event\":\"frozen\",\"name\":\"\"}\n";
    size_t size;
    for (int i = 0; i < 3; i++) {
        append("main", 1, MANIFEST_CLOSED);
        const uint8_t *now = disk_bytes(&disk, PATH, &size);
        char *bytes = malloc(size + sizeof line + sizeof other);
        memcpy(bytes, now, size);
        strcpy(bytes + size, i == 0 ? line : i == 1 ? other : "");
        disk_put(&disk, PATH, bytes, size + strlen(bytes + size));
        free(bytes);
        open_again();
    }
    for (int i = 0; i < 3; i++) {
        make_small();
        for (uint64_t n = 0; n < 20; n++)
            append("main", 2, MANIFEST_ARCHIVED);
        const char *text = (const char *)disk_bytes(&disk, PATH, &size);
        assert_true(size > strlen(line) + strlen(other));
        assert_memory_equal(text, line, strlen(line));
        assert_memory_equal(text + strlen(line), other, strlen(other));
        assert_int_equal(state_of("main", 1), MANIFEST_CLOSED);
        open_again();
    }
}

static void fail_sync(int error) {
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = error,
                                     .first = 1,
                                     .kinds = DISK_BIT(DISK_SYNC),
                                     .path = MANIFEST_FILE};
    disk_arm(&disk, &fault);
}

static void a_failed_sync_drops_no_line(void **state) {
    (void)state;
    const struct manifest_record closed = record_of("main", 7, MANIFEST_CLOSED);
    for (uint64_t i = 1; i <= 6; i++)
        append("main", i, i == 3 ? MANIFEST_CLOSED : MANIFEST_DELETED);
    fail_sync(ERR_IO);
    assert_int_equal(manifest_append(manifest, &closed), ERR_IO);
    append("main", 8, MANIFEST_CLOSED);
    for (int i = 0; i < 2; i++) {
        for (uint64_t n = 1; n <= 6; n++)
            assert_int_equal(state_of("main", n), n == 3 ? MANIFEST_CLOSED : MANIFEST_DELETED);
        assert_int_equal(state_of("main", 7), MANIFEST_NONE);
        assert_int_equal(state_of("main", 8), MANIFEST_CLOSED);
        open_again();
    }
}

/* A full disk: retention could not free space if it had to copy the manifest first. */
static void after_a_failed_sync_a_full_disk_is_no_obstacle(void **state) {
    (void)state;
    struct manifest_record long_one = record_of("main", 2, MANIFEST_MOVED);
    memset(long_one.folder, 'x', 3000);
    append("main", 1, MANIFEST_CLOSED);
    append("main", 3, MANIFEST_CLOSED);
    fail_sync(ERR_NO_SPACE);
    assert_int_equal(manifest_append(manifest, &long_one), ERR_NO_SPACE);
    disk.bytes_max = disk_used(&disk) + 1; /* no space for a copy */
    append("main", 2, MANIFEST_CLOSED);    /* shorter than the line that was lost */
    disk.bytes_max = 0;
    manifest_close(manifest);
    manifest = NULL;
    disk_restart(&disk, true, DISK_KEEPS_NONE);
    open_again();
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(state_of("main", i), MANIFEST_CLOSED);
    assert_int_equal(manifest_lines_damaged(manifest), 0);
}

/* ---- a file that cannot be read for a while ---- */

static void fail_reading(enum disk_operation operation) {
    disk_arm(&disk, &(struct disk_fault){.error = ERR_IO,
                                         .first = 1,
                                         .times = UINT64_MAX,
                                         .kinds = DISK_BIT(operation),
                                         .path = MANIFEST_FILE});
}

static void assert_reads_all(uint64_t count) {
    for (uint64_t i = 1; i <= count; i++)
        assert_int_equal(state_of("main", i), MANIFEST_CLOSED);
}

static void a_manifest_that_could_not_be_read_at_the_start_is_read_later(void **state) {
    (void)state;
    static const enum disk_operation operations[] = {DISK_OPEN, DISK_READ};
    const struct manifest_record next = record_of("main", 4, MANIFEST_CLOSED);
    struct manifest_record found;
    for (uint64_t i = 1; i <= 3; i++)
        append("main", i, MANIFEST_CLOSED);
    for (int way = 0; way < 8; way++) {
        manifest_close(manifest);
        manifest = NULL;
        fail_reading(operations[way % 2]);
        assert_int_equal(manifest_open(&disk.files, "logs", &manifest), ERR_IO);
        assert_int_equal(manifest_open_lazily(&disk.files, "logs", &manifest), 0);
        assert_int_equal(state_of("main", 1), MANIFEST_NONE);
        assert_int_equal(manifest_ready(manifest), ERR_IO);
        assert_int_equal(manifest_lock(manifest), ERR_IO);
        assert_int_equal(manifest_append(manifest, &next), ERR_IO);
        assert_int_equal(manifest_make_durable(manifest), ERR_IO);
        assert_int_equal(manifest_find(manifest, "main", 1, &found), ERR_IO);
        disk_arm(&disk, &(struct disk_fault){0});
        if (way / 2 == 0) append("main", 4, MANIFEST_CLOSED);
        if (way / 2 == 1) assert_int_equal(manifest_ready(manifest), 0);
        if (way / 2 == 2) assert_int_equal(manifest_find(manifest, "main", 1, &found), 0);
        if (way / 2 == 3) {
            assert_int_equal(manifest_lock(manifest), 0);
            manifest_unlock(manifest);
        }
        assert_reads_all(4);
        open_again();
        assert_reads_all(4);
    }
}

static void an_unread_manifest_is_not_touched_once_it_is_closed(void **state) {
    (void)state;
    struct manifest_record found;
    append("main", 1, MANIFEST_CLOSED);
    manifest_close(manifest);
    fail_reading(DISK_READ);
    assert_int_equal(manifest_open_lazily(&disk.files, "logs", &manifest), 0);
    disk_arm(&disk, &(struct disk_fault){0});
    manifest_seal(manifest);
    assert_int_equal(manifest_lock(manifest), ERR_CANCELLED);
    assert_int_equal(manifest_find(manifest, "main", 1, &found), ERR_CANCELLED);
}

/* Another program appends a line; reading the file again fails at its second piece. */
static void a_part_of_the_file_never_replaces_the_whole(void **state) {
    (void)state;
    const uint64_t lines = 400; /* more than one piece of 64 KiB */
    struct manifest_record long_one = record_of("main", lines + 1, MANIFEST_CLOSED);
    char line[MANIFEST_LINE_MAX];
    struct file file;
    struct file_status status;
    for (uint64_t i = 1; i <= lines; i++)
        append("main", i, MANIFEST_CLOSED);
    assert_int_equal(file_open(&disk.files, PATH, FILE_WRITE, &file), 0);
    assert_int_equal(file_status(&file, &status), 0);
    assert_true(status.size > 2 * (64 << 10));
    const size_t size = manifest_line_encode(&long_one, line);
    assert_int_equal(file_write_at(&file, line, size, status.size), 0);
    file_close(&file);
    long_one.name.sequence++;
    disk_arm(&disk, &(struct disk_fault){.error = ERR_IO,
                                         .first = 2,
                                         .times = 1,
                                         .kinds = DISK_BIT(DISK_READ),
                                         .path = MANIFEST_FILE});
    assert_int_equal(manifest_append(manifest, &long_one), ERR_IO);
    assert_int_equal(manifest_append(manifest, &long_one), 0);
    assert_reads_all(lines + 2);
    open_again();
    assert_reads_all(lines + 2);
}

/* ---- every failure ---- */

enum { SEGMENTS = 8, STEPS = SEGMENTS * 4 };

struct life {
    enum manifest_event known[SEGMENTS + 1]; /* the last append that succeeded */
    uint32_t tried[SEGMENTS + 1]; /* bit e: a failed append since then may have stored event e */
};

/* Each segment is closed and archived, and deleted two segments later. */
static bool step_of(int step, uint64_t *sequence, enum manifest_event *event) {
    static const enum manifest_event events[] = {MANIFEST_CLOSED, MANIFEST_ARCHIVED,
                                                 MANIFEST_DELETING, MANIFEST_DELETED};
    const int back = step % 4 < 2 ? 0 : 2;
    *event = events[step % 4];
    *sequence = (uint64_t)(step / 4 + 1 - back);
    return step / 4 + 1 > back;
}

static void make_directory(struct sim *sim, void *context) {
    (void)context;
    assert_int_equal(directory_make(&sim->disk.files, "logs"), 0);
}

static void write_some(struct sim *sim, void *context) {
    struct life *life = context;
    struct manifest *m = NULL;
    int error = 0;
    for (int tries = 0; tries < 5; tries++)
        if ((error = manifest_open(&sim->disk.files, "logs", &m)) == 0) break;
    if (error) return;
    m->compact_min = m->compact_at = 1500;
    for (int step = 0; step < STEPS && !sim->disk.ended; step++) {
        uint64_t sequence;
        enum manifest_event event;
        if (!step_of(step, &sequence, &event)) continue;
        const struct manifest_record record = record_of("main", sequence, event);
        for (int tries = 0; tries < 5; tries++) {
            life->tried[sequence] |= 1u << event;
            error = manifest_append(m, &record);
            if (sim->disk.ended) break;
            if (error) continue;
            life->known[sequence] = event;
            life->tried[sequence] = 0;
            break;
        }
    }
    manifest_close(m);
}

static void every_appended_record_is_known(struct sim *sim, void *context, enum sweep_harm harm) {
    struct life *life = context;
    struct manifest *m;
    assert_int_equal(manifest_open(&sim->disk.files, "logs", &m), 0);
    if (harm == SWEEP_NONE) assert_true(manifest_bytes(m) < 12 * 430); /* 28 lines were written */
    assert_false(disk_exists(&sim->disk, PATH ".new"));
    assert_int_equal(manifest_lines_damaged(m), 0);
    uint64_t oldest = SEGMENTS + 1;
    struct manifest_record earlier; /* segments 1 to n, if n are summed up */
    if (manifest_find_earlier(m, "main", &earlier)) earlier.segments = 0;
    assert_true(earlier.segments == 0 || earlier.name.sequence == earlier.segments);
    for (uint64_t i = SEGMENTS; i > 0; i--)
        if (life->known[i] != MANIFEST_NONE && life->known[i] != MANIFEST_DELETED) oldest = i;
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        const enum manifest_event found = manifest_state(m, "main", i, NULL);
        const bool deleted =
            life->known[i] == MANIFEST_DELETED || life->tried[i] >> MANIFEST_DELETED & 1;
        const bool dropped =
            found == MANIFEST_NONE && deleted && i < oldest && i <= earlier.segments;
        if (found != life->known[i] && !(life->tried[i] >> found & 1) && !dropped)
            fail_msg("segment %d is %s, not %s", (int)i, manifest_event_name(found),
                     manifest_event_name(life->known[i]));
    }
    const struct manifest_record record = record_of("main", SEGMENTS, MANIFEST_MOVED);
    assert_int_equal(manifest_append(m, &record), 0);
    manifest_close(m);
    assert_int_equal(manifest_open(&sim->disk.files, "logs", &m), 0);
    assert_int_equal(manifest_state(m, "main", SEGMENTS, NULL), MANIFEST_MOVED);
    manifest_close(m);
}

static const struct scenario scenario = {.name = "a manifest that is written",
                                         .context_size = sizeof(struct life),
                                         .set_up = make_directory,
                                         .run = write_some,
                                         .check = every_appended_record_is_known};

static void without_failures_all_is_known_and_the_manifest_is_compacted(void **state) {
    (void)state;
    sweep_nothing(&scenario, 1);
}

static void an_error_at_any_operation_loses_nothing(void **state) {
    (void)state;
    assert_true(sweep_errors(&scenario, 1) > 500);
}

static void a_process_end_at_any_operation_loses_nothing(void **state) {
    (void)state;
    assert_true(sweep_process_ends(&scenario, 1) > 150);
}

static void a_power_failure_at_any_operation_loses_nothing(void **state) {
    (void)state;
    assert_true(sweep_power_failures(&scenario, 1) > 600);
}

/* ---- a failed sync, and what follows ---- */

/* Ends the process some operations after the fault. */
struct ending {
    struct disk *disk;
    uint32_t left;
};

static void count_down(void *context, enum disk_operation operation, const char *path,
                       int64_t result) {
    struct ending *ending = context;
    (void)operation;
    (void)path;
    (void)result;
    if (ending->disk->last[0] == '\0' && ending->disk->fault.first > 0) return;
    if (ending->left == 0) disk_end(ending->disk);
    ending->left--;
}

static void end_after(struct sim *sim, struct ending *ending, uint32_t operations) {
    *ending = (struct ending){.disk = &sim->disk, .left = operations};
    sim->disk.performed = count_down;
    sim->disk.context = ending;
}

static void restart(struct sim *sim, bool power, enum disk_memory memory) {
    sim->disk.performed = NULL;
    disk_restart(&sim->disk, power, memory);
}

static void see(const struct manifest *m, enum manifest_event seen[SEGMENTS + 1]) {
    for (uint64_t i = 1; i <= SEGMENTS; i++)
        seen[i] = manifest_state(m, "main", i, NULL);
}

/* The sync number `nth` fails, and the process ends `after` operations later.  The next one relies
 * on what it reads, and appends a line, until power fails after `later` operations.  False: there
 * is no such sync. */
static bool a_failed_sync_and_its_consequences(uint64_t seed, uint64_t nth, uint32_t after,
                                               bool power, uint32_t later,
                                               enum disk_memory memory) {
    struct sim *sim = malloc(sizeof *sim);
    struct life life = {0};
    struct ending ending;
    enum manifest_event seen[SEGMENTS + 1], now[SEGMENTS + 1];
    struct manifest *m;
    const struct disk_fault fault = {.ending = DISK_FAILS,
                                     .error = nth % 2 ? ERR_IO : ERR_NO_SPACE,
                                     .first = nth,
                                     .kinds = DISK_BIT(DISK_SYNC),
                                     .path = MANIFEST_FILE};
    sim_open(sim, seed);
    sweep_begin("a failed sync", seed);
    sweep_watch(&sim->disk);
    sweep_note("nth %d, after %d, power %d, later %d, memory %d", (int)nth, (int)after, power,
               (int)later, (int)memory);
    make_directory(sim, NULL);
    disk_settle(&sim->disk);
    disk_arm(&sim->disk, &fault);
    end_after(sim, &ending, after);
    write_some(sim, &life);
    const bool met = sim->disk.last[0] != '\0';
    restart(sim, power, memory);

    end_after(sim, &ending, later);
    bool relied = false;
    if (manifest_open(&sim->disk.files, "logs", &m) == 0) {
        relied = manifest_make_durable(m) == 0;
        see(m, seen);
        const struct manifest_record record = record_of("main", SEGMENTS, MANIFEST_HANDED);
        if (manifest_append(m, &record) == 0) seen[SEGMENTS] = MANIFEST_HANDED;
        manifest_close(m);
    }
    restart(sim, true, memory);
    if (relied) {
        assert_int_equal(manifest_open(&sim->disk.files, "logs", &m), 0);
        see(m, now);
        if (now[SEGMENTS] == MANIFEST_HANDED) seen[SEGMENTS] = MANIFEST_HANDED;
        for (int i = 1; i <= SEGMENTS; i++)
            if (now[i] != seen[i])
                fail_msg("segment %d was %s and is %s", i, manifest_event_name(seen[i]),
                         manifest_event_name(now[i]));
        assert_int_equal(manifest_lines_damaged(m), 0);
        manifest_close(m);
    }
    life.tried[SEGMENTS] |= 1u << MANIFEST_HANDED;
    every_appended_record_is_known(sim, &life, SWEEP_ERROR);
    sweep_end();
    sim_close(sim);
    free(sim);
    return met;
}

static void a_failed_sync_loses_nothing_whatever_follows(void **state) {
    (void)state;
    static const uint32_t delays[] = {0, 1, 2, 3, 5, 8, UINT32_MAX};
    uint64_t seed = 0;
    for (uint64_t nth = 1;; nth++)
        for (size_t a = 0; a < sizeof delays / sizeof delays[0]; a++)
            for (uint32_t later = 0; later < 20; later += 1 + later / 6)
                for (int memory = 0; memory < 2 * DISK_MEMORIES; memory++)
                    if (!a_failed_sync_and_its_consequences(++seed, nth, delays[a], memory % 2,
                                                            later, memory / 2)) {
                        assert_true(nth > 20);
                        return;
                    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_line_has_the_format_that_scripts_rely_on),
        TEST(a_written_line_is_read_back_unchanged),
        TEST(a_damaged_line_is_distinguished_from_one_of_a_later_version),
        TEST(the_last_line_of_a_segment_counts),
        TEST(the_closing_time_of_the_first_line_stays),
        TEST(segments_are_listed_by_stream_and_sequence),
        TEST(a_line_torn_at_any_byte_is_cut_off),
        TEST(damage_in_the_middle_is_skipped_and_counted),
        TEST(nothing_but_a_torn_last_line_is_cut_off),
        TEST(a_manifest_deleted_while_open_is_started_again),
        TEST(a_reader_sees_its_version_while_the_manifest_is_rewritten),
        TEST(years_of_deletions_leave_a_small_file),
        TEST(deletions_before_the_oldest_kept_segment_become_one_line),
        TEST(recent_deletions_keep_their_lines),
        TEST(lines_of_unknown_events_survive_compaction),
        TEST(a_failed_sync_drops_no_line),
        TEST(after_a_failed_sync_a_full_disk_is_no_obstacle),
        TEST(a_manifest_that_could_not_be_read_at_the_start_is_read_later),
        TEST(an_unread_manifest_is_not_touched_once_it_is_closed),
        TEST(a_part_of_the_file_never_replaces_the_whole),
#undef TEST
        SWEEP_TEST(without_failures_all_is_known_and_the_manifest_is_compacted),
        SWEEP_TEST(an_error_at_any_operation_loses_nothing),
        SWEEP_TEST(a_process_end_at_any_operation_loses_nothing),
        SWEEP_TEST(a_power_failure_at_any_operation_loses_nothing),
        SWEEP_TEST(a_failed_sync_loses_nothing_whatever_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
