/* acks_test.c - acknowledged means stored: on the simulated port, with a disk that fails at random,
 * processes that end and power that is lost. */
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
#include "ingest/protocol/acks.h"
#include "tests/sim/sim.h"
#include "writer/live/recover.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

#define DIRECTORY "logs"
#define LINE_MAX  1024u
#define SENDERS   5
#define STREAMS   2
#define LINES_MAX 20000

/* A connection of numbered lines: line n has the token n + 1. */
struct sender {
    struct source source;
    struct acks acks;
    struct bench *bench;
    uint32_t sent, wanted, committed;
    bool stalled, bad;
    uint8_t acknowledged[LINES_MAX];
};

struct bench {
    struct sim sim;
    struct port *port;
    struct pipeline *pipeline;
    struct counters counters;
    struct stream *streams[STREAMS], *rejects;
    struct sender senders[SENDERS];
    uint32_t readies;
};

static bool is_bad(const struct sender *sender, uint32_t n) {
    return sender->bad || n % 7 == 6;
}

static size_t line_of(const struct sender *sender, uint32_t n, char *line) {
    return (size_t)snprintf(line, 64, "{\"from\":%" PRIu32 ",\"n\":%" PRIu32 "%s\n",
                            sender->source.listener, n, is_bad(sender, n) ? "" : "}");
}

static bool add_lines(void *context, struct batch *batch) {
    struct sender *sender = context;
    const struct batch_origin origin = {.listener = sender->source.listener};
    char line[64];
    for (; sender->sent < sender->wanted; sender->sent++) {
        const size_t size = line_of(sender, sender->sent, line);
        if (batch_room(batch) < size) return false;
        sender->stalled = !acks_room(&sender->acks, batch);
        if (sender->stalled) return true;
        memcpy(batch_add(batch, &origin, (uint32_t)size), line, size);
        acks_add(&sender->acks, batch, sender->sent + 1, true);
    }
    return true;
}

static bool feed(struct source *source) {
    struct sender *sender = PORT_CONTAINER(struct sender, source, source);
    struct pipeline *pipeline = sender->bench->pipeline;
    const bool all = pipeline_fill(pipeline, source, add_lines, sender);
    if (!all) pipeline_park(pipeline, source);
    return all;
}

static void send_more(struct sender *sender, uint32_t lines) {
    sender->wanted += lines;
    assert_true(sender->wanted <= LINES_MAX);
    if (!sender->source.parked) feed(&sender->source);
}

static void ready(struct acks *acks) {
    PORT_CONTAINER(struct sender, acks, acks)->bench->readies++;
}

static void connect(struct sender *sender) {
    const bool synced = sender->acks.synced;
    acks_end(&sender->acks);
    acks_begin(&sender->acks, synced, ready);
    sender->sent = sender->committed = sender->wanted; /* what was not taken is not sent again */
}

/* Returns false after an error. */
static bool take_commits(struct sender *sender) {
    struct commit commit;
    int result;
    while ((result = acks_next(&sender->acks, &commit)) > 0) {
        assert_true(commit.token > sender->committed && commit.token <= sender->sent);
        while (sender->committed < commit.token)
            sender->acknowledged[sender->committed++] = 1;
        if (sender->stalled && !sender->source.parked) feed(&sender->source);
    }
    return result == 0;
}

/* ---- */

static void open_process(struct bench *bench) {
    static const char *const names[] = {"s0", "s1", STREAM_REJECTS};
    struct stream **const streams[] = {&bench->streams[0], &bench->streams[1], &bench->rejects};
    struct recovery recovery;
    bench->port = sim_port(&bench->sim);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recover_stream(&bench->sim.disk.files, DIRECTORY, names[i], &recovery), 0);
        const struct stream_options options = {.directory = DIRECTORY,
                                               .name = names[i],
                                               .sizes.segment_bytes_max = 8192,
                                               .sizes.sync_ms = 1000,
                                               .last_sequence = recovery.last_sequence};
        assert_int_equal(stream_open(bench->port, &options, streams[i]), 0);
    }
    const struct pipeline_options options = {.line_bytes_max = LINE_MAX,
                                             .batches = pipeline_batches_min(STREAMS),
                                             .flush_ms = 10000,
                                             .rejects = bench->rejects,
                                             .counters = &bench->counters};
    assert_int_equal(pipeline_create(bench->port, &options, &bench->pipeline), 0);
    for (int i = 0; i < STREAMS; i++)
        pipeline_add_stream(bench->pipeline, bench->streams[i]);
    struct rules *rules = rules_create(LINE_MAX);
    const struct listener_config usual = {.facts = &facts_rules_usual};
    for (uint32_t i = 0; i < SENDERS; i++)
        rules_set(rules, i, "tcp=127.0.0.1:5170", &usual, i % STREAMS);
    pipeline_validate_by(bench->pipeline, rules);
    rules_release(rules);
}

static struct bench *open_bench(uint64_t seed, bool synced) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    sim_open(&bench->sim, seed);
    open_process(bench);
    for (uint32_t i = 0; i < SENDERS; i++) {
        struct sender *sender = &bench->senders[i];
        sender->source = (struct source){.listener = i, .resume = feed};
        sender->bench = bench;
        acks_begin(&sender->acks, synced, ready);
    }
    return bench;
}

static bool anyone_parked(const struct bench *bench) {
    return pipeline_anyone_parked(bench->pipeline);
}

static void close_process(struct bench *bench) {
    struct stream *const streams[] = {bench->streams[0], bench->streams[1], bench->rejects};
    if (bench->sim.disk.ended)
        for (int i = 0; i < 3; i++)
            stream_abandon(streams[i]);
    while (pipeline_busy(bench->pipeline) || anyone_parked(bench))
        sim_pass(&bench->sim, 10 * SIM_MS);
    pipeline_finish(bench->pipeline);
    while (pipeline_busy(bench->pipeline))
        sim_pass(&bench->sim, 10 * SIM_MS);
    pipeline_free(bench->pipeline);
    for (int i = 0; i < 3; i++)
        stream_finish(streams[i]);
    for (int i = 0; i < 3; i++) {
        while (stream_busy(streams[i]))
            sim_pass(&bench->sim, 10 * SIM_MS);
        stream_free(streams[i]);
    }
    port_close(bench->port);
}

static void close_bench(struct bench *bench) {
    close_process(bench);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_true(acks_empty(&bench->senders[i].acks));
    sim_close(&bench->sim);
    free(bench);
}

/* ---- what is stored ---- */

struct found {
    uint8_t times[SENDERS][LINES_MAX];
};

static void find_lines(struct bench *bench, const char *name, struct found *found) {
    char path[64];
    struct segment_list list = {0};
    snprintf(path, sizeof path, DIRECTORY "/%s", name);
    assert_int_equal(segment_list_add(&bench->sim.disk.files, path, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_reader reader;
        enum segment_damage damage;
        assert_int_equal(segment_reader_open(&bench->sim.disk.files, list.files[i].path, &reader),
                         0);
        while (segment_reader_next(&reader, &damage) > 0) {
            char *text = malloc(reader.raw_size + 1);
            memcpy(text, reader.raw, reader.raw_size);
            text[reader.raw_size] = '\0';
            for (char *at = text; (at = strstr(at, "from")) != NULL; at++) {
                uint32_t from, n;
                const char *number = strstr(at, "n\\\":") ? strstr(at, "n\\\":") + 4 : NULL;
                if (sscanf(at, "from\":%" SCNu32 ",\"n\":%" SCNu32, &from, &n) != 2)
                    assert_true(sscanf(at, "from\\\":%" SCNu32, &from) == 1 && number &&
                                sscanf(number, "%" SCNu32, &n) == 1);
                assert_true(from < SENDERS && n < LINES_MAX);
                found->times[from][n]++;
            }
            free(text);
        }
        segment_reader_close(&reader);
    }
    segment_list_free(&list);
}

static void acknowledged_lines_are_stored(struct bench *bench) {
    struct found *found = calloc(1, sizeof *found);
    static const char *const names[] = {"s0", "s1", STREAM_REJECTS};
    for (int i = 0; i < 3; i++)
        find_lines(bench, names[i], found);
    for (uint32_t i = 0; i < SENDERS; i++)
        for (uint32_t n = 0; n < LINES_MAX; n++)
            if (bench->senders[i].acknowledged[n] && found->times[i][n] == 0)
                fail_msg("line %u of sender %u was acknowledged and is not stored", n, i);
    free(found);
}

/* ---- */

static void wait_for_commit(struct bench *bench, struct sender *sender, uint32_t lines) {
    while (sender->committed < lines) {
        sim_pass(&bench->sim, SIM_MS);
        assert_true(take_commits(sender));
    }
}

static void lines_are_acknowledged_once_written_without_waiting_for_flush_ms(void **state) {
    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        struct bench *bench = open_bench(7, synced);
        const int64_t begin_ns = port_now_ns(bench->port);
        send_more(&bench->senders[0], 5);
        assert_false(acks_empty(&bench->senders[0].acks));
        wait_for_commit(bench, &bench->senders[0], 5);
        assert_true(port_now_ns(bench->port) - begin_ns < 5 * SIM_S);
        acknowledged_lines_are_stored(bench);
        close_bench(bench);
    }
}

static void what_arrives_meanwhile_is_the_next_batch(void **state) {
    (void)state;
    struct bench *bench = open_bench(7, false);
    for (uint32_t turn = 0; turn < 300; turn++) {
        send_more(&bench->senders[0], 1);
        sim_pass(&bench->sim, SIM_US);
        assert_true(take_commits(&bench->senders[0]));
    }
    wait_for_commit(bench, &bench->senders[0], 300);
    assert_in_range(bench->counters.batches, 2, 100);
    close_bench(bench);
}

static void a_failing_disk_acknowledges_nothing(void **state) {
    (void)state;
    static const uint32_t kinds[] = {DISK_BIT(DISK_WRITE), DISK_BIT(DISK_SYNC),
                                     DISK_BIT(DISK_SYNC_DIRECTORY)};
    for (int i = 0; i < 3; i++)
        for (int rejected = 0; rejected < 2; rejected++) {
            struct bench *bench = open_bench(9, true);
            struct sender *sender = &bench->senders[0];
            sender->bad = rejected;
            disk_arm(&bench->sim.disk, &(struct disk_fault){.error = ERR_IO,
                                                            .first = 1,
                                                            .times = UINT64_MAX,
                                                            .kinds = kinds[i],
                                                            .path = rejected ? DIRECTORY "/rejects"
                                                                             : DIRECTORY "/s0"});
            send_more(sender, 5);
            sim_pass(&bench->sim, 20 * SIM_S);
            const bool sound = take_commits(sender);
            assert_int_equal(sender->committed, 0);
            disk_arm(&bench->sim.disk, &(struct disk_fault){0});
            if (sound) { /* writes are tried again, syncs are not */
                assert_int_equal(i, 0);
                wait_for_commit(bench, sender, 5);
            }
            connect(sender);
            send_more(sender, 5);
            wait_for_commit(bench, sender, 10);
            close_bench(bench);
        }
}

static void a_connection_that_ends_before_its_batch_is_written_is_forgotten(void **state) {
    (void)state;
    struct bench *bench = open_bench(11, true);
    for (uint32_t turn = 0; turn < 50; turn++) {
        for (uint32_t i = 0; i < SENDERS; i++)
            send_more(&bench->senders[i], 1 + turn % 9);
        sim_pass(&bench->sim, turn % 7 * SIM_US * 50);
        struct sender *gone = &bench->senders[turn % SENDERS];
        connect(gone);
        memset(gone->acks.ring, 0xA5, sizeof gone->acks.ring); /* nothing points there */
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        connect(&bench->senders[i]);
    const uint32_t readies = bench->readies;
    sim_pass(&bench->sim, 20 * SIM_S);
    assert_int_equal(bench->readies, readies);
    close_bench(bench);
}

static void the_batches_that_wait_for_a_connection_are_bounded(void **state) {
    (void)state;
    struct bench *bench = open_bench(13, true);
    struct sender *sender = &bench->senders[0];
    bench->sim.sync_ns_max = 3600 * SIM_S; /* written at once, synced late */
    for (uint32_t turn = 0; turn < 100; turn++) {
        if (!sender->stalled) send_more(sender, 3);
        sim_pass(&bench->sim, SIM_MS);
        assert_true(sender->acks.count <= ACKS_MAX);
    }
    assert_true(sender->stalled && sender->sent < sender->wanted);
    send_more(&bench->senders[2], 3); /* others are not stopped */
    assert_int_equal(bench->senders[2].sent, 3);
    wait_for_commit(bench, sender, sender->wanted);
    assert_true(take_commits(&bench->senders[2]));
    wait_for_commit(bench, &bench->senders[2], 3);
    close_bench(bench);
}

/* A process after the other, with a disk that fails at random; each ends in the midst of it. */
static void whatever_fails_acknowledged_lines_are_stored(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const bool synced = seed % 2;
        struct bench *bench = open_bench(seed, synced);
        uint64_t acknowledged = 0;
        for (uint32_t life = 0; life < 4; life++) {
            if (life > 0) open_process(bench);
            bench->sim.disk.errors_one_in = seed % 3 ? 30 + seed : 0;
            for (uint32_t turn = 0; turn < 150; turn++) {
                const uint64_t dice = chance_below(&bench->sim.chance, 1000);
                struct sender *sender = &bench->senders[dice % SENDERS];
                send_more(sender, (uint32_t)(dice % 13));
                sim_pass(&bench->sim, (int64_t)(dice % 50) * 100 * SIM_US);
                for (uint32_t i = 0; i < SENDERS; i++)
                    if (!take_commits(&bench->senders[i])) connect(&bench->senders[i]);
                if (dice > 990) connect(sender);
            }
            disk_end(&bench->sim.disk); /* in whatever it does */
            for (uint32_t i = 0; i < SENDERS; i++) {
                acknowledged += bench->senders[i].committed;
                connect(&bench->senders[i]);
            }
            close_process(bench);
            bench->sim.disk.errors_one_in = 0;
            disk_restart(&bench->sim.disk, synced,
                         (enum disk_memory)chance_below(&bench->sim.chance, DISK_MEMORIES));
            acknowledged_lines_are_stored(bench);
        }
        assert_true(acknowledged > 0);
        open_process(bench);
        acknowledged_lines_are_stored(bench); /* also after recovery */
        close_bench(bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_acknowledged_once_written_without_waiting_for_flush_ms),
        cmocka_unit_test(what_arrives_meanwhile_is_the_next_batch),
        cmocka_unit_test(a_failing_disk_acknowledges_nothing),
        cmocka_unit_test(a_connection_that_ends_before_its_batch_is_written_is_forgotten),
        cmocka_unit_test(the_batches_that_wait_for_a_connection_are_bounded),
        cmocka_unit_test(whatever_fails_acknowledged_lines_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
