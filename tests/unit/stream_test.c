/* stream_test.c - appends reach segments in order, segments rotate, a failing disk is retried, and
 * whatever a crash leaves is recovered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/port_internal.h"
#include "port/system.h"
#include "tests/unit/probe.h"
#include "writer/live/recover.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

/* ---- files that fail on demand ---- */

struct faulty_files {
    struct files files; /* the system's calls, some of them replaced */
    int open_failures, rename_failures, error;
    atomic_bool slow_renames; /* renames wait until this is false */
};
static struct faulty_files faulty; /* calls receive its first member, the struct files */

static int faulty_open(struct files *files, const char *path, enum file_access access,
                       struct file *file) {
    (void)files;
    if (access == FILE_WRITE_NEW && strstr(path, ".part.") && faulty.open_failures > 0) {
        faulty.open_failures--;
        return faulty.error;
    }
    struct files *system = files_of_system();
    return system->open(system, path, access, file);
}

static int faulty_rename(struct files *files, const char *from, const char *to) {
    (void)files;
    while (strstr(from, ".part.") && atomic_load(&faulty.slow_renames))
        system_sleep_ms(1);
    if (strstr(from, ".part.") && faulty.rename_failures > 0) {
        faulty.rename_failures--;
        return faulty.error;
    }
    struct files *system = files_of_system();
    return system->rename(system, from, to);
}

/* ---- a port whose clock the test advances and whose writes fail on demand ---- */

static struct port_backend moved; /* the system's calls, some of them replaced */
static int64_t skipped_ns;        /* how far its clock is ahead */
static int writes_until_failure, write_failures;

static int64_t moved_now_ns(const struct port *port) {
    return port_backend_of_system.now_ns(port) + skipped_ns;
}

/* A failing write writes half of its bytes, as on a full disk. */
static void moved_start(struct port *port, struct port_op *op) {
    if (op->kind == PORT_WRITE && write_failures > 0 && writes_until_failure-- <= 0) {
        write_failures--;
        assert_int_equal(file_write_at(op->u.file.file, op->u.file.bytes, op->u.file.size / 2,
                                       op->u.file.offset),
                         0);
        port_completed(port, op, ERR_NO_SPACE);
        return;
    }
    port_backend_of_system.start(port, op);
}

static void move_port(struct port *port) {
    moved = *port->calls;
    moved.now_ns = moved_now_ns;
    moved.start = moved_start;
    port->calls = &moved;
    skipped_ns = 0;
    write_failures = writes_until_failure = 0;
}

static void skip_ms(int64_t ms) {
    skipped_ns += ms * 1000000;
}

/* ---- a stream in its own folder ---- */

static char directory[64];

static bool remove_entry(void *context, const char *name, bool is_directory) {
    char path[PATH_BYTES_MAX];
    assert_true(path_join(path, context, name, NULL));
    if (!is_directory) file_remove(files_of_system(), path);
    return true;
}

static void fresh_directory(void) {
    static int number;
    snprintf(directory, sizeof directory, "stream_test.%u.%d", system_process_id(), ++number);
}

static void empty_directory(void) {
    static const char *const folders[] = {"s", "state"};
    char path[PATH_BYTES_MAX];
    for (int i = 0; i < 2; i++) {
        assert_true(path_join(path, directory, folders[i], NULL));
        directory_list(files_of_system(), path, remove_entry, path);
        file_remove(files_of_system(), path);
    }
    file_remove(files_of_system(), directory);
}

struct line_append {
    struct stream_append append;
    uint8_t bytes[256];
    int result;
    bool back;
};

struct bench {
    struct port *port;
    struct stream *stream;
    void *scratch;
    struct line_append appends[64];
    int count;
};

static int open_bench(struct bench *bench, uint64_t segment_bytes_max, uint64_t folder_bytes_max) {
    *bench = (struct bench){.scratch = malloc(frame_scratch_bytes())};
    assert_int_equal(port_open(&(struct port_options){0}, &bench->port), 0);
    faulty = (struct faulty_files){.files = *files_of_system()};
    faulty.files.open = faulty_open;
    faulty.files.rename = faulty_rename;
    bench->port->files = &faulty.files;
    struct recovery recovery;
    assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
    const struct stream_options options = {.directory = directory,
                                           .name = "s",
                                           .sizes.segment_bytes_max = segment_bytes_max,
                                           .sizes.segment_age_ms = 3600000,
                                           .sizes.sync_ms = 5,
                                           .folder_bytes_max = folder_bytes_max,
                                           .last_sequence = recovery.last_sequence};
    return stream_open(bench->port, &options, &bench->stream);
}

static void append_done(struct stream_append *append, int result) {
    struct line_append *line = PORT_CONTAINER(struct line_append, append, append);
    assert_false(line->back);
    line->back = true;
    line->result = result;
}

static void make_append(struct bench *bench) {
    struct line_append *line = &bench->appends[bench->count];
    char text[64];
    const int size = snprintf(text, sizeof text, "{\"line\":%d}\n", bench->count++);
    line->append = (struct stream_append){
        .bytes = line->bytes, .raw_size = (uint64_t)size, .lines = 1, .done = append_done};
    line->append.size =
        frame_encode(bench->scratch, (const uint8_t *)text, (size_t)size, 1, line->bytes);
}

static void append_line(struct bench *bench) {
    struct line_append *line = &bench->appends[bench->count];
    make_append(bench);
    stream_append(bench->stream, &line->append);
}

static void wait_until_idle(struct bench *bench) {
    const int64_t limit = port_now_ns(bench->port) + 20 * 1000000000ll;
    while (stream_busy(bench->stream)) {
        port_wait(bench->port, 100000000);
        assert_true(port_now_ns(bench->port) < limit);
    }
}

static void close_bench(struct bench *bench) {
    stream_finish(bench->stream);
    wait_until_idle(bench);
    stream_free(bench->stream);
    port_close(bench->port);
    free(bench->scratch);
}

/* Checks that the lines of all segments are {"line":0}, {"line":1} ... and returns their number. */
static int count_lines_in_order(uint32_t *segments, bool expect_parts) {
    char folder[PATH_BYTES_MAX];
    struct segment_list list = {0};
    int lines = 0;
    assert_true(path_join(folder, directory, "s", NULL));
    assert_int_equal(segment_list_add(files_of_system(), folder, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_reader reader;
        enum segment_damage damage;
        assert_true(expect_parts || !list.files[i].name.part);
        assert_int_equal(segment_reader_open(files_of_system(), list.files[i].path, &reader), 0);
        int before = lines;
        while (segment_reader_next(&reader, &damage) == 1) {
            for (const uint8_t *p = reader.raw; p < reader.raw + reader.raw_size;) {
                char expected[64];
                const int size = snprintf(expected, sizeof expected, "{\"line\":%d}\n", lines++);
                assert_memory_equal(p, expected, (size_t)size);
                p += size;
            }
        }
        assert_int_equal(damage, SEGMENT_SOUND);
        assert_true(lines > before);
        segment_reader_close(&reader);
    }
    if (segments) *segments = list.count;
    segment_list_free(&list);
    return lines;
}

/* ---- */

static void appends_are_stored_in_order_and_segments_rotate_by_size(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 50, 0), 0); /* four lines of 11 or 12 bytes */
    for (int i = 0; i < 40; i++)
        append_line(&bench);
    close_bench(&bench);
    uint32_t segments;
    for (int i = 0; i < 40; i++)
        assert_int_equal(bench.appends[i].result, 0);
    assert_int_equal(count_lines_in_order(&segments, false), 40);
    assert_int_equal(segments, 10);
    empty_directory();
}

static void a_rotation_closes_exactly_what_was_appended_before_it(void **state) {
    (void)state;
    struct bench bench;
    uint32_t segments;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    stream_rotate(bench.stream); /* nothing to close: no empty segment */
    append_line(&bench);
    append_line(&bench);
    stream_rotate(bench.stream);
    append_line(&bench);
    wait_until_idle(&bench);
    stream_rotate(bench.stream);
    wait_until_idle(&bench);
    assert_int_equal(stream_counts(bench.stream).segments_indexed,
                     2); /* small segments are indexed at once */
    close_bench(&bench);
    assert_int_equal(count_lines_in_order(&segments, false), 3);
    assert_int_equal(segments, 2);
    empty_directory();
}

/* Reads the lids of the only segment: their spans and first lines. */
static int find_lids(struct span *spans, uint64_t *first_lines, int most) {
    char folder[PATH_BYTES_MAX];
    struct segment_list list = {0};
    struct file file;
    struct frame_header header;
    uint8_t bytes[LID_BYTES];
    int lids = 0;
    assert_true(path_join(folder, directory, "s", NULL));
    assert_int_equal(segment_list_add(files_of_system(), folder, &list), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(file_open(files_of_system(), list.files[0].path, FILE_READ, &file), 0);
    for (uint64_t at = 0; at < list.files[0].size; at += header.size) {
        const int64_t got = file_read_at(&file, bytes, sizeof bytes, at);
        assert_true(got > 0);
        assert_int_equal(frame_header(bytes, (size_t)got, &header), 0);
        if (header.magic != FRAME_MAGIC_LID) continue;
        assert_true(lids < most);
        assert_int_equal(lid_decode(bytes, LID_BYTES, &spans[lids], &first_lines[lids]), 0);
        lids++;
    }
    file_close(&file);
    segment_list_free(&list);
    return lids;
}

/* Appends a line that claims this raw size and time. */
static void append_large_line(struct bench *bench, uint32_t raw_size, int64_t time_ns) {
    struct line_append *line = &bench->appends[bench->count];
    const struct facts facts = {.has_time = true, .time_ns = time_ns, .level = LEVEL_INFO};
    struct span span = {0};
    span_add_line(&span, raw_size, 1, &facts);
    make_append(bench);
    line->append.raw_size = raw_size;
    line->append.span = span;
    stream_append(bench->stream, &line->append);
}

static void a_lid_follows_every_64_kib_and_covers_all_lines_since_the_last_one(void **state) {
    (void)state;
    struct bench bench;
    struct span spans[4];
    uint64_t first_lines[4];
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
    append_large_line(&bench, 30000, 100);
    append_large_line(&bench, 30000, 50);
    append_large_line(&bench, 30000, 70);    /* a lid for 90,000 bytes */
    append_large_line(&bench, 1000000, 500); /* a lid for this line alone */
    append_large_line(&bench, 65535, 600);
    close_bench(&bench);
    assert_int_equal(find_lids(spans, first_lines, 4), 2);
    assert_int_equal(first_lines[0], 0);
    assert_int_equal(spans[0].lines, 3);
    assert_int_equal(spans[0].raw_size, 90000);
    assert_true(spans[0].time_min_ns == 50 && spans[0].time_max_ns == 100);
    assert_int_equal(first_lines[1], 3);
    assert_int_equal(spans[1].lines, 1);
    assert_true(spans[1].time_min_ns == 500 && spans[1].time_max_ns == 500);
    assert_int_equal(count_lines_in_order(NULL, false), 5);
    empty_directory();
}

static void lines_without_a_span_get_an_unbounded_time(void **state) {
    (void)state;
    struct bench bench;
    struct span spans[1];
    uint64_t first_lines[1];
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
    append_line(&bench); /* has no span */
    append_large_line(&bench, 70000, 5);
    close_bench(&bench);
    assert_int_equal(find_lids(spans, first_lines, 1), 1);
    assert_int_equal(spans[0].lines, 2);
    assert_true(spans[0].time_min_ns == INT64_MIN && spans[0].time_max_ns == INT64_MAX);
    empty_directory();
}

static void appends_held_by_a_failing_disk_get_their_lids_when_written(void **state) {
    (void)state;
    struct bench bench;
    struct span spans[2];
    uint64_t first_lines[2];
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
    faulty.error = ERR_NO_SPACE;
    faulty.open_failures = 1;
    append_large_line(&bench, 70000, 5);
    append_large_line(&bench, 70000, 6);
    close_bench(&bench);
    assert_int_equal(find_lids(spans, first_lines, 2), 2);
    assert_int_equal(spans[0].lines, 1);
    assert_int_equal(first_lines[1], 1);
    empty_directory();
}

static void a_lid_is_due_when_the_last_one_is_5_s_old(void **state) {
    (void)state;
    static const int pauses_ms[] = {0, 4000, 500, 1000, 0, 4500, 1000, 6000, 6000};
    struct bench bench;
    struct span spans[4];
    uint64_t first_lines[4];
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
    move_port(bench.port);
    for (int i = 0; i < 9; i++) {
        skip_ms(pauses_ms[i]);
        append_large_line(&bench, 100, i);
        wait_until_idle(&bench);
    }
    close_bench(&bench);
    assert_int_equal(find_lids(spans, first_lines, 4), 4);
    static const int lines[] = {4, 3, 1, 1}; /* the first after 5.5 s, and so on */
    for (int i = 0, first = 0; i < 4; first += lines[i++]) {
        assert_int_equal(spans[i].lines, lines[i]);
        assert_int_equal(first_lines[i], first);
        assert_int_equal(spans[i].time_min_ns, first);
        assert_int_equal(spans[i].time_max_ns, first + lines[i] - 1);
    }
    assert_int_equal(count_lines_in_order(NULL, false), 9);
    empty_directory();
}

/* First the write of an append with a lid fails, then the write that uncovers it. */
static void a_lid_whose_write_failed_is_written_once_at_the_retry(void **state) {
    (void)state;
    for (int failing = 0; failing < 2; failing++) {
        struct bench bench;
        struct span spans[2];
        uint64_t first_lines[2];
        fresh_directory();
        assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
        move_port(bench.port);
        append_large_line(&bench, 40000, 10);
        wait_until_idle(&bench);
        writes_until_failure = failing;
        write_failures = 1;
        append_large_line(&bench, 40000, 20);
        append_large_line(&bench, 100, 30);
        wait_until_idle(&bench);
        assert_int_equal(write_failures, 0);
        assert_int_equal(stream_counts(bench.stream).write_failures, 1);
        close_bench(&bench);
        assert_int_equal(find_lids(spans, first_lines, 2), 1);
        assert_int_equal(spans[0].lines, 2);
        assert_int_equal(spans[0].raw_size, 80000);
        assert_true(spans[0].time_min_ns == 10 && spans[0].time_max_ns == 20);
        assert_int_equal(first_lines[0], 0);
        assert_int_equal(count_lines_in_order(NULL, false), 3);
        empty_directory();
    }
}

static void an_append_retried_for_5_s_gets_the_lid_that_became_due(void **state) {
    (void)state;
    struct bench bench;
    struct span spans[1];
    uint64_t first_lines[1];
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 30, 0), 0);
    move_port(bench.port);
    append_large_line(&bench, 100, 10);
    wait_until_idle(&bench);
    write_failures = 3; /* at the first try no lid is due */
    append_large_line(&bench, 100, 20);
    while (write_failures > 0) {
        port_wait(bench.port, 10000000);
        skip_ms(2000);
    }
    wait_until_idle(&bench);
    close_bench(&bench);
    assert_int_equal(find_lids(spans, first_lines, 1), 1);
    assert_int_equal(spans[0].lines, 2);
    assert_int_equal(count_lines_in_order(NULL, false), 2);
    empty_directory();
}

static void the_sequence_rises_across_restarts_even_if_segments_are_deleted(void **state) {
    (void)state;
    struct bench bench;
    struct recovery recovery;
    fresh_directory();
    for (int run = 1; run <= 3; run++) {
        assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
        append_line(&bench);
        close_bench(&bench);
        assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
        assert_int_equal(recovery.last_sequence, run);
        char folder[PATH_BYTES_MAX];
        assert_true(path_join(folder, directory, "s", NULL));
        if (run == 2) directory_list(files_of_system(), folder, remove_entry, folder);
    }
    empty_directory();
}

static void a_failing_disk_is_retried_and_nothing_is_lost(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    faulty.error = ERR_NO_SPACE;
    faulty.open_failures = 1;
    for (int i = 0; i < 5; i++)
        append_line(&bench);
    wait_until_idle(&bench);
    assert_int_equal(stream_counts(bench.stream).write_failures, 1);
    assert_false(stream_counts(bench.stream).failing);
    close_bench(&bench);
    assert_int_equal(count_lines_in_order(NULL, false), 5);
    empty_directory();
}

static void a_rename_that_a_reader_blocks_is_retried(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    faulty.error = ERR_BUSY;
    faulty.rename_failures = 1;
    append_line(&bench);
    close_bench(&bench);
    assert_int_equal(count_lines_in_order(NULL, false), 1);
    empty_directory();
}

static void at_most_a_few_segments_wait_to_be_closed(void **state) {
    (void)state;
    struct bench bench;
    uint32_t segments;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1, 0), 0); /* every line rotates */
    atomic_store(&faulty.slow_renames, true);
    for (int i = 0; i < 3 * STREAM_CLOSING_MAX; i++)
        append_line(&bench);
    while (!bench.appends[STREAM_CLOSING_MAX - 1].back)
        port_wait(bench.port, 100000000);
    for (int i = 0; i < 20; i++) /* no further append completes */
        port_wait(bench.port, 10000000);
    assert_int_equal(stream_counts(bench.stream).segments_opened, STREAM_CLOSING_MAX);
    assert_int_equal(stream_counts(bench.stream).appends_held, 2 * STREAM_CLOSING_MAX);
    atomic_store(&faulty.slow_renames, false);
    close_bench(&bench);
    assert_int_equal(count_lines_in_order(&segments, false), 3 * STREAM_CLOSING_MAX);
    assert_int_equal(segments, 3 * STREAM_CLOSING_MAX);
    empty_directory();
}

static void appends_held_at_an_abandon_are_cancelled(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    faulty.error = ERR_NO_SPACE;
    faulty.open_failures = 1 << 30;
    for (int i = 0; i < 3; i++)
        append_line(&bench);
    while (!stream_counts(bench.stream).failing)
        port_wait(bench.port, 100000000);
    stream_abandon(bench.stream);
    close_bench(&bench);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench.appends[i].result, ERR_CANCELLED);
    empty_directory();
}

static void above_the_folder_limit_the_oldest_segments_are_deleted(void **state) {
    (void)state;
    struct bench bench;
    struct recovery recovery;
    fresh_directory();
    /* One line per segment, about 400 bytes each with its index: three fit, four do not. */
    assert_int_equal(open_bench(&bench, 10, 1299), 0);
    for (int i = 0; i < 10; i++)
        append_line(&bench);
    close_bench(&bench);
    char folder[PATH_BYTES_MAX];
    struct segment_list list = {0};
    assert_true(path_join(folder, directory, "s", NULL));
    assert_int_equal(segment_list_add(files_of_system(), folder, &list), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.files[0].name.sequence, 8);
    segment_list_free(&list);
    assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
    assert_int_equal(recovery.last_sequence, 10);
    empty_directory();
}

/* ---- recovery ---- */

/* A segment as a crash leaves it: truncated at any byte, with the last append covered or not. */
static void after_a_crash_only_the_whole_frames_stay(void **state) {
    (void)state;
    /* Every byte; every seventh where files are slow (Wine). */
    const size_t step = scaled(100) < 100 ? 7 : 1;
    uint8_t file_bytes[1024];
    void *scratch = malloc(frame_scratch_bytes());
    size_t ends[4] = {0};
    for (int i = 0; i < 3; i++) {
        char text[64];
        const int size = snprintf(text, sizeof text, "{\"line\":%d}\n", i);
        ends[i + 1] = ends[i] + frame_encode(scratch, (const uint8_t *)text, (size_t)size, 1,
                                             file_bytes + ends[i]);
    }
    free(scratch);
    for (int covered = 0; covered < 2; covered++) {
        if (covered) frame_cover(ends[3] - ends[2], file_bytes + ends[2]);
        for (size_t size = 0; size <= ends[3]; size += step) {
            fresh_directory();
            char folder[PATH_BYTES_MAX], path[PATH_BYTES_MAX], name[SEGMENT_NAME_MAX];
            struct recovery recovery;
            assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
            assert_int_equal(recovery.segments, 0);
            assert_true(path_join(folder, directory, "s", NULL));
            struct segment_name parts = {.stream = "s", .sequence = 7, .part = true};
            assert_true(path_join(path, folder, segment_name_format(&parts, name), NULL));
            assert_int_equal(file_replace(files_of_system(), path, file_bytes, size, false), 0);
            assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
            int whole = 0;
            while (whole < 3 - covered && ends[whole + 1] <= size)
                whole++;
            assert_int_equal(recovery.lines, whole);
            assert_int_equal(recovery.bytes_cut, size - ends[whole]);
            assert_int_equal(recovery.last_sequence, 7);
            uint32_t segments;
            assert_int_equal(count_lines_in_order(&segments, false), whole);
            assert_int_equal(segments, whole > 0);
            empty_directory();
        }
    }
}

/* Damage in the middle must not lose later frames: neither damage in a frame's data nor in its
 * header, which hides where the next frame begins. */
static void a_damaged_frame_is_set_aside_and_later_frames_stay(void **state) {
    (void)state;
    for (size_t at = 0; at < FRAME_HEADER_BYTES + 3; at++) {
        uint8_t file_bytes[1024];
        void *scratch = malloc(frame_scratch_bytes());
        size_t end = 0, second = 0;
        for (int i = 0; i < 3; i++) {
            char text[64];
            const int size = snprintf(text, sizeof text, "{\"line\":%d}\n", i == 2 ? 1 : i);
            if (i == 1) second = end;
            end += frame_encode(scratch, (const uint8_t *)text, (size_t)size, 1, file_bytes + end);
        }
        free(scratch);
        file_bytes[second + at] ^= 0x80;
        fresh_directory();
        char folder[PATH_BYTES_MAX], path[PATH_BYTES_MAX], name[SEGMENT_NAME_MAX];
        struct recovery recovery;
        struct segment_name parts = {.stream = "s", .sequence = 7, .part = true};
        assert_true(path_join(folder, directory, "s", NULL));
        assert_true(path_join(path, folder, segment_name_format(&parts, name), NULL));
        assert_int_equal(directory_make(files_of_system(), folder), 0);
        assert_int_equal(file_replace(files_of_system(), path, file_bytes, end, false), 0);
        assert_int_equal(recover_stream(files_of_system(), directory, "s", &recovery), 0);
        assert_int_equal(recovery.frames_aside, 1);
        assert_int_equal(recovery.lines, 2);
        assert_int_equal(recovery.bytes_cut, 0);
        assert_int_equal(count_lines_in_order(NULL, false), 2);
        empty_directory();
    }
}

/* Some systems keep the name until every program that has the file open closes it. */
static bool a_deleted_file_loses_its_name_at_once(void) {
    struct file file;
    struct file_status status;
    char path[PATH_BYTES_MAX];
    assert_true(path_join(path, directory, "deleted", NULL));
    assert_int_equal(directory_make(files_of_system(), directory), 0);
    assert_int_equal(file_open(files_of_system(), path, FILE_WRITE_NEW, &file), 0);
    assert_int_equal(file_remove(files_of_system(), path), 0);
    const int error = file_status_of(files_of_system(), path, &status);
    file_close(&file);
    return error == ERR_NOT_FOUND;
}

static void a_segment_deleted_while_it_is_written_is_replaced_by_the_next(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    const bool noticed = a_deleted_file_loses_its_name_at_once();
    if (!noticed) empty_directory();
    if (!noticed) skip();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    append_line(&bench);
    while (!bench.appends[0].back)
        port_wait(bench.port, 100000000);
    char folder[PATH_BYTES_MAX];
    assert_true(path_join(folder, directory, "s", NULL));
    directory_list(files_of_system(), folder, remove_entry, folder);
    file_remove(files_of_system(), folder);
    while (stream_counts(bench.stream).segments_opened <
           2) { /* ends: the check after a sync finds it */
        bench.count = 0;
        bench.appends[0].back = false;
        append_line(&bench);
        while (!bench.appends[0].back)
            port_wait(bench.port, 100000000);
    }
    close_bench(&bench);
    assert_int_equal(count_lines_in_order(NULL, false), 1);
    empty_directory();
}

static void a_rotation_pending_on_a_failing_disk_ends_with_an_abandon(void **state) {
    (void)state;
    struct bench bench;
    fresh_directory();
    assert_int_equal(open_bench(&bench, 1 << 20, 0), 0);
    faulty.error = ERR_NO_SPACE;
    faulty.open_failures = 1 << 30;
    append_line(&bench);
    while (!stream_counts(bench.stream).failing)
        port_wait(bench.port, 100000000);
    stream_rotate(bench.stream);
    stream_abandon(bench.stream);
    while (!bench.appends[0].back)
        port_wait(bench.port, 100000000);
    assert_int_equal(stream_closed_appends(bench.stream), 1);
    close_bench(&bench);
    empty_directory();
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    system_name("stream_test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_are_stored_in_order_and_segments_rotate_by_size),
        cmocka_unit_test(a_rotation_closes_exactly_what_was_appended_before_it),
        cmocka_unit_test(a_lid_follows_every_64_kib_and_covers_all_lines_since_the_last_one),
        cmocka_unit_test(lines_without_a_span_get_an_unbounded_time),
        cmocka_unit_test(a_lid_is_due_when_the_last_one_is_5_s_old),
        cmocka_unit_test(a_lid_whose_write_failed_is_written_once_at_the_retry),
        cmocka_unit_test(an_append_retried_for_5_s_gets_the_lid_that_became_due),
        cmocka_unit_test(appends_held_by_a_failing_disk_get_their_lids_when_written),
        cmocka_unit_test(the_sequence_rises_across_restarts_even_if_segments_are_deleted),
        cmocka_unit_test(a_failing_disk_is_retried_and_nothing_is_lost),
        cmocka_unit_test(a_rename_that_a_reader_blocks_is_retried),
        cmocka_unit_test(at_most_a_few_segments_wait_to_be_closed),
        cmocka_unit_test(appends_held_at_an_abandon_are_cancelled),
        cmocka_unit_test(above_the_folder_limit_the_oldest_segments_are_deleted),
        cmocka_unit_test(after_a_crash_only_the_whole_frames_stay),
        cmocka_unit_test(a_damaged_frame_is_set_aside_and_later_frames_stay),
        cmocka_unit_test(a_segment_deleted_while_it_is_written_is_replaced_by_the_next),
        cmocka_unit_test(a_rotation_pending_on_a_failing_disk_ends_with_an_abandon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
