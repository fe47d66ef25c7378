/* pipeline_test.c - lines of several streams pass the pipeline on the simulated port: each line
 * reaches its stream, in order and in time, and no stream waits for another. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/pipeline/pipeline.h"
#include "ingest/pipeline/rules.h"
#include "tests/sim/sim.h"
#include "writer/live/recover.h"
#include "writer/live/stamp.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

#define DIRECTORY   "logs"
#define LINE_BYTES  64u /* {"from":1,"n":"000000042","fill":"…"}, and a newline */
#define LINE_MAX    4096u
#define FLUSH_MS    200
#define SOURCES     8
#define BATCH_LINES (BATCH_BYTES_MIN / LINE_BYTES)
#define LINES_MANY  (10 * BATCH_LINES) /* more than all batches hold */

struct bench;

/* A source of numbered lines. */
struct feeder {
    struct source source;
    struct bench *bench;
    uint64_t sent, wanted;
    bool blank; /* adds no lines */
    bool bad;   /* its lines are no JSON */
};

struct bench {
    struct sim sim;
    struct port *port;
    struct pipeline *pipeline;
    struct counters counters;
    struct stream *streams[SOURCES], *rejects;
    uint32_t stream_count;
    struct rules *rules;
    struct feeder feeders[SOURCES]; /* feeder i is listener i */
};

/* ---- lines ---- */

static bool add_lines(void *context, struct batch *batch) {
    struct feeder *feeder = context;
    const struct batch_origin origin = {.listener = feeder->source.listener};
    char line[2 * LINE_BYTES];
    if (feeder->blank) return true;
    for (; feeder->sent < feeder->wanted; feeder->sent++) {
        if (batch_room(batch) < LINE_BYTES) return false;
        snprintf(line, sizeof line,
                 "{\"from\":%" PRIu32 ",\"n\":\"%09" PRIu64 "\",\"fill\":\"%27s\"}\n",
                 feeder->source.listener, feeder->sent, "");
        assert_int_equal(strlen(line), LINE_BYTES);
        if (feeder->bad) line[0] = ' ';
        memcpy(batch_add(batch, &origin, LINE_BYTES), line, LINE_BYTES);
    }
    return true;
}

static bool feed(struct source *source) {
    struct feeder *feeder = PORT_CONTAINER(struct feeder, source, source);
    struct pipeline *pipeline = feeder->bench->pipeline;
    const bool all = pipeline_fill(pipeline, source, add_lines, feeder);
    if (!all) pipeline_park(pipeline, source);
    return all;
}

static void bring(struct bench *bench, uint32_t feeder, uint64_t lines) {
    struct feeder *f = &bench->feeders[feeder];
    f->wanted += lines;
    if (!f->source.parked) feed(&f->source);
}

/* Calls `look` with the lines of each frame of a stream, in order. */
static void look_at_frames(struct bench *bench, const char *name,
                           void (*look)(void *context, const char *lines, size_t size),
                           void *context) {
    char path[64];
    struct segment_list list = {0};
    snprintf(path, sizeof path, DIRECTORY "/%s", name);
    assert_int_equal(segment_list_add(&bench->sim.disk.files, path, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_reader reader;
        enum segment_damage damage;
        assert_int_equal(segment_reader_open(&bench->sim.disk.files, list.files[i].path, &reader),
                         0);
        while (segment_reader_next(&reader, &damage) > 0)
            look(context, (const char *)reader.raw, reader.raw_size);
        segment_reader_close(&reader);
    }
    segment_list_free(&list);
}

struct line_count {
    uint64_t lines;
    uint64_t *next; /* number of each feeder's next line */
};

static void count_lines(void *context, const char *lines, size_t size) {
    struct line_count *count = context;
    assert_int_equal(size % LINE_BYTES, 0);
    for (const char *line = lines; line < lines + size; line += LINE_BYTES, count->lines++) {
        uint32_t from;
        uint64_t n;
        assert_int_equal(sscanf(line, "{\"from\":%" SCNu32 ",\"n\":\"%" SCNu64, &from, &n), 2);
        assert_true(from < SOURCES && n == count->next[from]++);
    }
}

/* Counts the lines of a stream and checks that those of each feeder are in order. */
static uint64_t lines_of(struct bench *bench, const char *name, uint64_t next[SOURCES]) {
    struct line_count count = {.next = next};
    look_at_frames(bench, name, count_lines, &count);
    return count.lines;
}

static void expect_lines(struct bench *bench, const char *name, uint32_t feeder) {
    uint64_t next[SOURCES] = {0};
    assert_int_equal(lines_of(bench, name, next), bench->feeders[feeder].sent);
    assert_int_equal(next[feeder], bench->feeders[feeder].sent);
}

/* ---- the bench ---- */

static struct stream *open_stream(struct bench *bench, const char *name) {
    struct recovery recovery;
    struct stream *stream;
    const struct stream_options options = {.directory = DIRECTORY,
                                           .name = name,
                                           .sizes.segment_bytes_max = UINT64_MAX,
                                           .sizes.sync_ms = 1000};
    assert_int_equal(recover_stream(&bench->sim.disk.files, DIRECTORY, name, &recovery), 0);
    assert_int_equal(stream_open(bench->port, &options, &stream), 0);
    return stream;
}

static void validate_by(struct bench *bench, const uint32_t *streams, uint32_t listeners) {
    struct rules *rules = rules_create(LINE_MAX);
    const struct listener_config usual = {.facts = &facts_rules_usual};
    for (uint32_t i = 0; i < listeners; i++)
        rules_set(rules, i, "tcp=127.0.0.1:5170", &usual, streams[i]);
    pipeline_validate_by(bench->pipeline, rules);
    rules_release(rules);
}

static const char *const names[SOURCES] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
static const uint32_t own_stream[SOURCES] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Opens `streams` streams; listener i feeds stream i. */
static struct bench *open_bench(uint32_t streams, uint32_t batches) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    sim_open(&bench->sim, 3);
    bench->port = sim_port(&bench->sim);
    bench->rejects = open_stream(bench, STREAM_REJECTS);
    const struct pipeline_options options = {.line_bytes_max = LINE_MAX,
                                             .batches = batches,
                                             .flush_ms = FLUSH_MS,
                                             .rejects = bench->rejects,
                                             .counters = &bench->counters};
    assert_int_equal(pipeline_create(bench->port, &options, &bench->pipeline), 0);
    for (uint32_t i = 0; i < streams; i++) {
        bench->streams[i] = open_stream(bench, names[i]);
        pipeline_add_stream(bench->pipeline, bench->streams[i]);
        bench->feeders[i] =
            (struct feeder){.source = {.listener = i, .resume = feed}, .bench = bench};
    }
    bench->stream_count = streams;
    validate_by(bench, own_stream, streams);
    return bench;
}

static void wait_for_all(struct bench *bench) {
    while (pipeline_busy(bench->pipeline) || pipeline_anyone_parked(bench->pipeline))
        sim_pass(&bench->sim, 10 * SIM_MS);
}

static void close_bench(struct bench *bench) {
    wait_for_all(bench);
    pipeline_finish(bench->pipeline);
    wait_for_all(bench);
    assert_int_equal(bench->counters.in_flight, 0);
    pipeline_free(bench->pipeline);
    for (uint32_t i = 0; i <= bench->stream_count; i++)
        stream_finish(i < bench->stream_count ? bench->streams[i] : bench->rejects);
    for (uint32_t i = 0; i <= bench->stream_count; i++) {
        struct stream *stream = i < bench->stream_count ? bench->streams[i] : bench->rejects;
        while (stream_busy(stream))
            sim_pass(&bench->sim, 10 * SIM_MS);
        stream_free(stream);
    }
    port_close(bench->port);
    sim_close(&bench->sim);
    free(bench);
}

/* ---- */

static void each_line_reaches_its_stream_in_order(void **state) {
    (void)state;
    struct bench *bench = open_bench(3, pipeline_batches_min(3));
    for (uint32_t turn = 0; turn < 50; turn++) {
        for (uint32_t i = 0; i < 3; i++)
            bring(bench, i, (turn * 7919 + i * 104729) % 9000);
        sim_pass(&bench->sim, (turn % 5) * 40 * SIM_MS);
    }
    wait_for_all(bench);
    uint64_t stored = 0;
    for (uint32_t i = 0; i < 3; i++) {
        expect_lines(bench, names[i], i);
        assert_int_equal(bench->counters.streams[i].stored, bench->feeders[i].sent);
        assert_int_equal(bench->counters.streams[i].bytes_stored,
                         bench->feeders[i].sent * LINE_BYTES);
        stored += bench->feeders[i].sent;
    }
    assert_int_equal(bench->counters.stored, stored);
    close_bench(bench);
}

static void sources_of_one_stream_share_its_batch(void **state) {
    (void)state;
    struct bench *bench = open_bench(4, PIPELINE_BATCHES_MIN);
    validate_by(bench, (const uint32_t[]){0, 0, 0, 0}, 4);
    for (uint32_t i = 0; i < 4; i++)
        bring(bench, i, 10);
    wait_for_all(bench);
    uint64_t next[SOURCES] = {0};
    assert_int_equal(lines_of(bench, "s0", next), 40);
    assert_int_equal(bench->counters.batches, 1);
    close_bench(bench);
}

static void each_batch_waits_for_its_own_flush_ms_and_no_longer(void **state) {
    (void)state;
    struct bench *bench = open_bench(3, pipeline_batches_min(3));
    bring(bench, 0, 1);
    sim_pass(&bench->sim, 150 * SIM_MS);
    bring(bench, 1, 1); /* due 150 ms after the first */
    sim_pass(&bench->sim, 49 * SIM_MS);
    assert_int_equal(pipeline_sealed(bench->pipeline), 0);
    bring(bench, 2, 1);
    sim_pass(&bench->sim, 2 * SIM_MS);
    assert_int_equal(pipeline_sealed(bench->pipeline), 1);
    sim_pass(&bench->sim, 148 * SIM_MS);
    assert_int_equal(pipeline_sealed(bench->pipeline), 1);
    sim_pass(&bench->sim, 2 * SIM_MS);
    assert_int_equal(pipeline_sealed(bench->pipeline), 2);
    sim_pass(&bench->sim, 50 * SIM_MS);
    assert_int_equal(pipeline_sealed(bench->pipeline), 3);
    close_bench(bench);
}

static void a_slow_stream_is_stored_in_time_despite_a_saturating_stream(void **state) {
    (void)state;
    struct bench *bench = open_bench(2, pipeline_batches_min(2));
    bench->sim.work_ns_max = 20 * SIM_MS; /* slow workers: the busy source is always parked */
    bring(bench, 0, LINES_MANY);
    for (uint64_t n = 1; n <= 10; n++) {
        assert_true(bench->feeders[0].source.parked);
        bring(bench, 1, 1);
        assert_int_equal(bench->feeders[1].sent, n); /* it got a batch at once */
        const int64_t begin_ns = port_now_ns(bench->port);
        while (bench->counters.streams[1].stored < n)
            sim_pass(&bench->sim, SIM_MS);
        /* In the simulation one operation in 64 takes a hundred times as long. */
        assert_true(port_now_ns(bench->port) - begin_ns <= (FLUSH_MS + 6000) * SIM_MS);
        bring(bench, 0, LINES_MANY);
    }
    wait_for_all(bench);
    expect_lines(bench, "s0", 0);
    expect_lines(bench, "s1", 1);
    close_bench(bench);
}

static void a_stream_with_a_failing_disk_does_not_stop_the_others(void **state) {
    (void)state;
    struct bench *bench = open_bench(3, pipeline_batches_min(3));
    disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = UINT64_MAX,
                                                    .kinds = DISK_BIT(DISK_WRITE),
                                                    .path = DIRECTORY "/s1/"});
    bring(bench, 1, LINES_MANY);
    sim_pass(&bench->sim, 10 * SIM_S);
    assert_true(bench->feeders[1].source.parked && stream_counts(bench->streams[1]).failing);
    for (uint32_t turn = 0; turn < 5; turn++) {
        bring(bench, 0, LINES_MANY);
        bring(bench, 2, 10);
        sim_pass(&bench->sim, 60 * SIM_S);
        assert_false(bench->feeders[0].source.parked || bench->feeders[2].source.parked);
        assert_int_equal(bench->counters.streams[0].stored, bench->feeders[0].wanted);
        assert_int_equal(bench->counters.streams[2].stored, bench->feeders[2].wanted);
    }
    assert_int_equal(bench->counters.streams[1].stored, 0);
    disk_arm(&bench->sim.disk, &(struct disk_fault){0});
    wait_for_all(bench);
    for (uint32_t i = 0; i < 3; i++)
        expect_lines(bench, names[i], i);
    close_bench(bench);
}

/* ---- quarantine ---- */

static void assert_identity(const struct counters *c) {
    assert_int_equal(c->received, c->stored + c->rejected + c->dropped[DROP_QUARANTINE_FULL] +
                                      c->dropped[DROP_STOPPED] + c->in_flight);
}

/* Feeders 2 and 3 bring bad lines for streams 0 and 1 all the time; the good lines of 0 and 1 are
 * stored within limit_ns all the same. */
static void good_lines_pass(struct bench *bench, uint32_t turns, int64_t limit_ns) {
    for (uint32_t turn = 0; turn < turns; turn++) {
        for (uint32_t i = 2; i < 4; i++) {
            bench->feeders[i].bad = true;
            bring(bench, i, BATCH_LINES / 2);
        }
        for (uint32_t i = 0; i < 2; i++)
            bring(bench, i, 1 + (turn * 7919) % BATCH_LINES);
        for (int64_t passed = 0;; passed += 10 * SIM_MS) { /* ends: asserted */
            bool all = true;
            for (uint32_t i = 0; i < 2; i++)
                all = all && bench->counters.streams[i].stored == bench->feeders[i].wanted;
            if (all) break;
            assert_true(passed < limit_ns);
            sim_pass(&bench->sim, 10 * SIM_MS);
        }
        assert_identity(&bench->counters);
    }
}

static struct bench *open_bench_with_bad_lines(void) {
    struct bench *bench = open_bench(4, pipeline_batches_min(4));
    validate_by(bench, (const uint32_t[]){0, 1, 0, 1}, 4);
    return bench;
}

static void check_good_lines(struct bench *bench) {
    expect_lines(bench, "s0", 0);
    expect_lines(bench, "s1", 1);
}

static void a_quarantine_that_cannot_be_written_holds_no_valid_line(void **state) {
    (void)state;
    static const uint32_t kinds[] = {DISK_BIT(DISK_WRITE), DISK_BIT(DISK_OPEN),
                                     DISK_BIT(DISK_WRITE) | DISK_BIT(DISK_TRUNCATE), DISK_ALL};
    static const int errors[] = {ERR_NO_SPACE, ERR_IO, ERR_READ_ONLY, ERR_NOT_DIRECTORY};
    for (uint32_t i = 0; i < 4; i++) {
        struct bench *bench = open_bench_with_bad_lines();
        const struct counters *counters = &bench->counters;
        disk_arm(&bench->sim.disk, &(struct disk_fault){.error = errors[i],
                                                        .first = 1,
                                                        .times = UINT64_MAX,
                                                        .kinds = kinds[i],
                                                        .path = DIRECTORY "/rejects"});
        good_lines_pass(bench, 60, 10 * SIM_S);
        assert_int_equal(counters->rejected, 0);
        assert_true(counters->in_flight > 0 && counters->dropped[DROP_QUARANTINE_FULL] > 0);
        const uint64_t held = counters->in_flight;
        disk_arm(&bench->sim.disk, &(struct disk_fault){0});
        sim_pass(&bench->sim, 5 * SIM_S); /* it continues: what was held first */
        assert_int_equal(counters->rejected, held);
        good_lines_pass(bench, 1, 10 * SIM_S);
        sim_pass(&bench->sim, 5 * SIM_S);
        assert_int_equal(counters->in_flight, 0);
        assert_int_equal(counters->rejected, held + BATCH_LINES);
        check_good_lines(bench);
        close_bench(bench);
    }
}

static void a_slow_quarantine_holds_no_valid_line(void **state) {
    (void)state;
    struct bench *bench = open_bench_with_bad_lines();
    bench->sim.slow_path = DIRECTORY "/rejects/";
    bench->sim.slow_ns = 3 * SIM_S;
    /* In the simulation one operation in 64 takes a hundred times as long. */
    good_lines_pass(bench, 60, 2 * SIM_S);
    assert_int_equal(bench->counters.dropped[DROP_STOPPED], 0);
    sim_pass(&bench->sim, 30 * SIM_S); /* what was held is written in few appends */
    assert_int_equal(bench->counters.in_flight, 0);
    check_good_lines(bench);
    close_bench(bench);
}

static void a_broken_quarantine_is_given_up_at_a_stop(void **state) {
    (void)state;
    struct bench *bench = open_bench_with_bad_lines();
    disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = UINT64_MAX,
                                                    .kinds = DISK_BIT(DISK_WRITE),
                                                    .path = DIRECTORY "/rejects/"});
    good_lines_pass(bench, 10, 10 * SIM_S);
    const uint64_t held = bench->counters.in_flight;
    const uint64_t full = bench->counters.dropped[DROP_QUARANTINE_FULL];
    assert_true(held > 0 && pipeline_busy(bench->pipeline));
    stream_abandon(bench->rejects);
    wait_for_all(bench);
    assert_int_equal(bench->counters.dropped[DROP_QUARANTINE_FULL], full + held);
    assert_int_equal(bench->counters.dropped[DROP_STOPPED], 0);
    assert_identity(&bench->counters);
    check_good_lines(bench);
    close_bench(bench);
}

static void check_numbers(void *context, const char *lines, size_t size) {
    uint64_t *count = context;
    for (const char *line = lines, *const end = lines + size; line < end;) {
        const char *const newline = memchr(line, '\n', (size_t)(end - line));
        const char *number = newline;
        while (*number != ':')
            number--;
        assert_memory_equal(number - 6, "\"_seq\"", 6);
        assert_int_equal(strtoull(number + 1, NULL, 10), ++*count);
        line = newline + 1;
    }
}

/* Checks that the numbers of the records of a stream are 1, 2, 3 ..., and returns how many there are. */
static uint64_t numbered_lines_of(struct bench *bench, const char *name) {
    uint64_t count = 0;
    look_at_frames(bench, name, check_numbers, &count);
    return count;
}

static void numbers_follow_each_other_in_each_stream_however_workers_finish(void **state) {
    (void)state;
    static const uint32_t two[] = {0, 0, 1, 1};
    struct bench *bench = open_bench(4, pipeline_batches_min(4) + 4);
    struct rules *rules = rules_create(LINE_MAX);
    const struct listener_config stamped = {.facts = &facts_rules_usual, .stamps = STAMP_SEQ};
    for (uint32_t i = 0; i < 4; i++)
        rules_set(rules, i, "tcp=127.0.0.1:5170", &stamped, two[i]);
    pipeline_validate_by(bench->pipeline, rules);
    rules_release(rules);
    bench->sim.work_ns_max = 300 * SIM_MS;
    bench->feeders[3].bad = true; /* rejected records have no number */
    for (uint32_t turn = 0; turn < 20; turn++) {
        for (uint32_t i = 0; i < 4; i++)
            bring(bench, i, (turn * 7919 + i * 104729) % 9000);
        sim_pass(&bench->sim, (turn % 5) * 40 * SIM_MS);
    }
    wait_for_all(bench);
    assert_int_equal(numbered_lines_of(bench, "s0"),
                     bench->feeders[0].sent + bench->feeders[1].sent);
    assert_int_equal(numbered_lines_of(bench, "s1"), bench->feeders[2].sent);
    close_bench(bench);
}

/* As after a reload that adds streams, before more batches are allocated. */
static void with_fewer_batches_than_streams_the_oldest_batch_is_sealed_early(void **state) {
    (void)state;
    struct bench *bench = open_bench(6, PIPELINE_BATCHES_MIN);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(pipeline_sealed(bench->pipeline), i < PIPELINE_BATCHES_MIN ? 0 : i - 4);
        bring(bench, i, 5);
        sim_pass(&bench->sim, SIM_US / 10);
    }
    assert_true(pipeline_sealed(bench->pipeline) >= 1); /* before its flush_ms */
    wait_for_all(bench);
    for (uint32_t i = 0; i < 6; i++)
        expect_lines(bench, names[i], i);
    assert_int_equal(pipeline_more_batches(bench->pipeline, pipeline_batches_min(6)), 0);
    for (uint32_t i = 0; i < 6; i++)
        bring(bench, i, 5);
    assert_int_equal(pipeline_sealed(bench->pipeline), 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_false(bench->feeders[i].source.parked);
    close_bench(bench);
}

static void a_source_without_lines_keeps_no_batch(void **state) {
    (void)state;
    struct bench *bench = open_bench(2, pipeline_batches_min(2));
    bench->feeders[0].blank = true;
    bring(bench, 0, 1);
    assert_false(pipeline_busy(bench->pipeline));
    bring(bench, 1, 1);
    assert_true(pipeline_busy(bench->pipeline));
    wait_for_all(bench);
    assert_int_equal(bench->counters.batches, 1);
    expect_lines(bench, "s1", 1);
    close_bench(bench);
}

static void new_rules_send_later_lines_to_another_stream(void **state) {
    (void)state;
    struct bench *bench = open_bench(3, pipeline_batches_min(3));
    bring(bench, 0, 7);
    validate_by(bench, (const uint32_t[]){2}, 1);
    bring(bench, 0, 5);
    wait_for_all(bench);
    uint64_t next[SOURCES] = {0};
    assert_int_equal(lines_of(bench, "s0", next), 7);
    assert_int_equal(lines_of(bench, "s2", next), 5);
    assert_int_equal(next[0], 12);
    close_bench(bench);
}

static void a_parked_source_continues_at_once_in_its_new_stream(void **state) {
    (void)state;
    struct bench *bench = open_bench(2, pipeline_batches_min(2) + 1);
    disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = UINT64_MAX,
                                                    .kinds = DISK_BIT(DISK_WRITE),
                                                    .path = DIRECTORY "/s0/"});
    bring(bench, 0, LINES_MANY);
    sim_pass(&bench->sim, 10 * SIM_S);
    assert_true(bench->feeders[0].source.parked);
    const uint64_t before = bench->feeders[0].sent;
    validate_by(bench, (const uint32_t[]){1}, 1); /* the only event that can wake it */
    sim_pass(&bench->sim, 60 * SIM_S);
    assert_false(bench->feeders[0].source.parked);
    assert_int_equal(bench->feeders[0].sent, LINES_MANY);
    assert_int_equal(bench->counters.streams[1].stored, LINES_MANY - before);
    disk_arm(&bench->sim.disk, &(struct disk_fault){0});
    wait_for_all(bench);
    uint64_t next[SOURCES] = {0};
    assert_int_equal(lines_of(bench, "s0", next), before);
    assert_int_equal(lines_of(bench, "s1", next), LINES_MANY - before);
    close_bench(bench);
}

static void a_parked_source_continues_at_once_when_batches_are_added(void **state) {
    (void)state;
    struct bench *bench = open_bench(1, PIPELINE_BATCHES_MIN);
    disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = UINT64_MAX,
                                                    .kinds = DISK_BIT(DISK_WRITE),
                                                    .path = DIRECTORY "/s0/"});
    bring(bench, 0, LINES_MANY);
    sim_pass(&bench->sim, 10 * SIM_S);
    assert_true(bench->feeders[0].source.parked);
    const uint64_t before = bench->feeders[0].sent;
    assert_int_equal(pipeline_more_batches(bench->pipeline, PIPELINE_BATCHES_MIN + 2), 0);
    assert_in_range(bench->feeders[0].sent, before + BATCH_LINES, LINES_MANY);
    disk_arm(&bench->sim.disk, &(struct disk_fault){0});
    wait_for_all(bench);
    expect_lines(bench, "s0", 0);
    close_bench(bench);
}

static void no_batch_is_reserved_for_a_stream_without_listener(void **state) {
    (void)state;
    struct bench *bench = open_bench(SOURCES, pipeline_batches_min(SOURCES));
    disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_NO_SPACE,
                                                    .first = 1,
                                                    .times = UINT64_MAX,
                                                    .kinds = DISK_BIT(DISK_WRITE),
                                                    .path = DIRECTORY "/s0/"});
    bring(bench, 0, 2 * LINES_MANY);
    sim_pass(&bench->sim, 10 * SIM_S);
    assert_true(bench->feeders[0].source.parked);
    assert_int_equal(pipeline_sealed(bench->pipeline), PIPELINE_BATCHES_MIN);
    for (uint32_t i = 1; i < SOURCES - 1; i++) /* stream 0 can now use the batches of these */
        pipeline_left(bench->pipeline, i);
    assert_int_equal(pipeline_sealed(bench->pipeline), PIPELINE_BATCHES_MIN + SOURCES - 2);
    bring(bench, SOURCES - 1, 1); /* but not the batch of the last stream, which is still fed */
    assert_false(bench->feeders[SOURCES - 1].source.parked);
    disk_arm(&bench->sim.disk, &(struct disk_fault){0});
    close_bench(bench);
}

/* The bytes that stream 0 writes for LINES_MANY lines while all other streams are silent;
 * `pressed`: with slow workers. */
static uint64_t bytes_of_a_busy_stream(uint32_t streams, bool pressed) {
    struct bench *bench = open_bench(streams, pipeline_batches_min(streams));
    if (pressed) bench->sim.work_ns_max = 20 * SIM_MS;
    for (uint32_t n = 0; n < LINES_MANY / BATCH_LINES; n++) {
        bring(bench, 0, BATCH_LINES);
        if (!pressed) wait_for_all(bench);
    }
    wait_for_all(bench);
    const uint64_t bytes = stream_counts(bench->streams[0]).bytes_written;
    close_bench(bench);
    return bytes;
}

static void a_stream_under_pressure_compresses_faster_though_others_are_idle(void **state) {
    (void)state;
    const uint64_t calm = bytes_of_a_busy_stream(1, false), alone = bytes_of_a_busy_stream(1, true);
    assert_true(alone > calm);
    assert_true(bytes_of_a_busy_stream(SOURCES, true) > calm + (alone - calm) / 2);
    assert_int_equal(bytes_of_a_busy_stream(SOURCES, false), calm);
}

static void many_small_batches_at_once_are_not_pressure(void **state) {
    (void)state;
    struct bench *bench = open_bench(SOURCES, pipeline_batches_min(SOURCES));
    for (uint32_t i = 0; i < SOURCES; i++)
        bring(bench, i, BATCH_LINES / 2);
    pipeline_seal(bench->pipeline);
    wait_for_all(bench);
    for (uint32_t i = 1; i < SOURCES; i++)
        assert_int_equal(stream_counts(bench->streams[i]).bytes_written,
                         stream_counts(bench->streams[0]).bytes_written);
    close_bench(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_reaches_its_stream_in_order),
        cmocka_unit_test(sources_of_one_stream_share_its_batch),
        cmocka_unit_test(each_batch_waits_for_its_own_flush_ms_and_no_longer),
        cmocka_unit_test(a_slow_stream_is_stored_in_time_despite_a_saturating_stream),
        cmocka_unit_test(a_stream_with_a_failing_disk_does_not_stop_the_others),
        cmocka_unit_test(a_quarantine_that_cannot_be_written_holds_no_valid_line),
        cmocka_unit_test(a_slow_quarantine_holds_no_valid_line),
        cmocka_unit_test(a_broken_quarantine_is_given_up_at_a_stop),
        cmocka_unit_test(numbers_follow_each_other_in_each_stream_however_workers_finish),
        cmocka_unit_test(with_fewer_batches_than_streams_the_oldest_batch_is_sealed_early),
        cmocka_unit_test(a_source_without_lines_keeps_no_batch),
        cmocka_unit_test(new_rules_send_later_lines_to_another_stream),
        cmocka_unit_test(a_parked_source_continues_at_once_in_its_new_stream),
        cmocka_unit_test(a_parked_source_continues_at_once_when_batches_are_added),
        cmocka_unit_test(no_batch_is_reserved_for_a_stream_without_listener),
        cmocka_unit_test(a_stream_under_pressure_compresses_faster_though_others_are_idle),
        cmocka_unit_test(many_small_batches_at_once_are_not_pressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
