/* sim_closing_test.c - segments that close in any order, because syncs are slow: every closed
 * segment is recorded in the manifest exactly once, soon after it was closed and at the latest at a
 * stop, and is re-packed and moved when it is due.  Over many seeds, with stops and kills in the
 * middle. */
#include "tests/unit/probe.h"

#include "port/error.h"
#include "tests/sim/sweep.h"
#include "writer/index/index.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/kept_stream.h"
#include "writer/keep/manifest.h"
#include "writer/live/recover.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_list.h"

#define SEEDS        200
#define SEGMENTS_MAX 200
#define AGES         3

struct life {
    struct sim *sim;
    struct port *port;
    struct kept_stream *stream;
    struct manifest *manifest;
    struct archive_lanes *lanes;
    struct keeper_rules rules;
    uint32_t number, on_its_way;
    uint64_t last_closed; /* the highest sequence that has closed */
    uint32_t late;        /* segments that closed after later ones */
    uint64_t kills;
};

struct line_append {
    struct stream_append append;
    struct life *life;
    uint8_t bytes[1024];
};

static void appended(struct stream_append *append, int result) {
    struct line_append *line = PORT_CONTAINER(struct line_append, append, append);
    (void)result;
    line->life->on_its_way--;
    free(line);
}

static void append_line(struct life *life) {
    char text[64];
    void *scratch = malloc(frame_scratch_bytes());
    struct line_append *line = calloc(1, sizeof *line);
    assert_true(scratch != NULL && line != NULL);
    const size_t size = (size_t)snprintf(text, sizeof text, "{\"n\":%u}\n", life->number++);
    line->life = life;
    line->append = (struct stream_append){
        .bytes = line->bytes, .raw_size = size, .lines = 1, .done = appended};
    line->append.size = frame_encode(scratch, (const uint8_t *)text, size, 1, line->bytes);
    free(scratch);
    life->on_its_way++;
    stream_append(kept_stream_live(life->stream), &line->append);
}

/* Counts the segments that get their final name after a later one. */
static void note_closing(void *context, enum disk_operation operation, const char *path,
                         int64_t result) {
    struct life *life = context;
    struct segment_name name;
    if (operation != DISK_RENAME || result < 0 || path == NULL) return;
    if (!segment_name_parse(path_name(path), &name) || !name.part) return;
    life->late += name.sequence < life->last_closed;
    if (name.sequence > life->last_closed) life->last_closed = name.sequence;
}

static void start(struct life *life) {
    struct files *files = &life->sim->disk.files;
    struct recovery recovery;
    assert_int_equal(recover_stream(files, "logs", "s", &recovery), 0);
    assert_int_equal(manifest_open(files, "logs", &life->manifest), 0);
    life->port = sim_port(life->sim);
    assert_int_equal(archive_lanes_open(life->port, "logs", &life->lanes), 0);
    const struct kept_stream_options options = {.directory = "logs",
                                                .name = "s",
                                                .sizes.segment_bytes_max = 1 << 20,
                                                .sizes.segment_age_ms = 3600000,
                                                .sizes.sync_ms = 50,
                                                .rules = life->rules,
                                                .last_sequence = recovery.last_sequence,
                                                .unrecovered = recovery.left,
                                                .manifest = life->manifest,
                                                .lanes = life->lanes};
    assert_int_equal(kept_stream_open(life->port, &options, &life->stream), 0);
}

static void end(struct life *life) {
    archive_lanes_stop(life->lanes);
    while (kept_stream_busy(life->stream) || !archive_lanes_quiet(life->lanes))
        port_wait(life->port, SIM_S);
    assert_int_equal(life->on_its_way, 0);
    kept_stream_free(life->stream);
    archive_lanes_free(life->lanes);
    port_close(life->port);
    manifest_close(life->manifest);
}

static void stop(struct life *life) {
    kept_stream_finish(life->stream);
    while (kept_stream_busy(life->stream))
        port_wait(life->port, SIM_S);
    end(life);
}

static void kill_it(struct life *life) {
    disk_end(&life->sim->disk);
    kept_stream_finish(life->stream);
    kept_stream_abandon(life->stream);
    end(life);
    disk_restart(&life->sim->disk, false, DISK_KEEPS_ALL);
    life->kills++;
}

/* Rotates after every few lines, several times a second. */
static void receive(struct life *life, uint32_t segments) {
    struct chance *chance = &life->sim->chance;
    for (uint32_t i = 0; i < segments; i++) {
        for (uint64_t lines = 1 + chance_below(chance, 3); lines > 0; lines--) {
            append_line(life);
            sim_pass(life->sim, (int64_t)chance_below(chance, 60) * SIM_MS);
        }
        stream_rotate(kept_stream_live(life->stream));
        sim_pass(life->sim, (int64_t)chance_below(chance, 200) * SIM_MS);
    }
}

/* ---- what must hold ---- */

/* How often the manifest records the closing of this segment. */
static uint32_t times_recorded(const char *manifest, uint64_t sequence) {
    char key[40];
    uint32_t times = 0;
    snprintf(key, sizeof key, "\"sequence\":%d,", (int)sequence);
    for (const char *line = manifest, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n') + 1;
        const char *found = strstr(line, key);
        const bool closed = strncmp(line, "{\"event\":\"closed\"", 17) == 0;
        times += closed && found != NULL && found < next;
    }
    return times;
}

static bool is_packed(struct files *files, const char *path) {
    struct file file;
    struct segment_index index;
    assert_int_equal(file_open(files, path, FILE_READ, &file), 0);
    if (index_load(&file, &index) != 0) fail_msg("%s has no index", path);
    const bool packed = index.repacked;
    index_free(&index);
    file_close(&file);
    return packed;
}

static uint32_t check_folder(struct life *life, const char *folder, const char *manifest,
                             bool packed) {
    struct files *files = &life->sim->disk.files;
    struct segment_list list = {0};
    uint32_t count = 0;
    const int error = segment_list_add(files, folder, &list);
    assert_true(error == 0 || error == ERR_NOT_FOUND);
    for (uint32_t i = 0; i < list.count; i++) {
        const struct segment_file *file = &list.files[i];
        if (file->name.part) continue;
        const uint32_t times = times_recorded(manifest, file->name.sequence);
        if (times != 1) fail_msg("%s is recorded %u times", file->path, times);
        if (packed && !is_packed(files, file->path)) fail_msg("%s is not packed", file->path);
        count++;
    }
    segment_list_free(&list);
    return count;
}

static void check(struct life *life, bool all_due) {
    size_t size;
    char *manifest;
    assert_int_equal(file_read_all(&life->sim->disk.files, "logs/state/" MANIFEST_FILE, 1 << 20,
                                   &manifest, &size),
                     0);
    const uint32_t here = check_folder(life, "logs/s", manifest, all_due);
    const uint32_t there = check_folder(life, "cold/s", manifest, true);
    assert_in_range(here + there, 1, SEGMENTS_MAX);
    if (all_due && life->rules.archive_dir != NULL) assert_int_equal(here, 0);
    if (life->rules.archive_dir == NULL) assert_int_equal(there, 0);
    free(manifest);
}

/* ---- runs ---- */

static void begin_life(struct life *life, struct sim *sim, uint64_t seed) {
    static const uint64_t ages[AGES] = {0, 2, 60};
    sim_open(sim, seed);
    sim->sync_ns_max = 60 * SIM_MS; /* and up to 6 s now and then */
    sim->disk.performed = note_closing;
    sim->disk.context = life;
    disk_add_volume(&sim->disk, "cold", ERR_OTHER_VOLUME);
    *life = (struct life){.sim = sim,
                          .rules = {.archive_after_s = ages[seed % AGES],
                                    .archive_level = 3,
                                    .archive_dir = seed % 2 ? "cold" : NULL}};
}

static uint32_t live(uint64_t seed, bool kills) {
    struct sim sim;
    struct life life;
    sweep_begin("segments that close in any order", seed);
    begin_life(&life, &sim, seed);
    for (int run = 0; run < 3; run++) {
        start(&life);
        receive(&life, 5 + (uint32_t)chance_below(&sim.chance, 25));
        if (kills && run < 2) {
            kill_it(&life);
        } else {
            stop(&life);
            check(&life, false); /* a stop leaves nothing unrecorded */
        }
    }
    start(&life);
    receive(&life, 5);
    sim_pass(&sim, 25 * SIM_S);
    check(&life, false); /* and a running daemon only for some seconds */
    sim_pass(&sim, 300 * SIM_S);
    check(&life, true);
    stop(&life);
    check(&life, true);
    sim_close(&sim);
    sweep_end();
    return life.late;
}

static void segments_that_close_late_are_recorded_and_packed(void **state) {
    (void)state;
    uint32_t late = 0, seeds = scaled(scaled(SEEDS)) + 1 + SEEDS / 20;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        late += live(seed, false);
    print_message("%u segments closed late\n", late);
    assert_true(late > seeds / 2);
}

static void after_kills_the_next_start_records_what_was_closed(void **state) {
    (void)state;
    uint32_t late = 0, seeds = scaled(scaled(SEEDS)) + 1 + SEEDS / 20;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        late += live(seed + SEEDS, true);
    print_message("%u segments closed late\n", late);
    assert_true(late > seeds / 2);
}

/* Only .part files wait for the next start: a folder that cannot be synced does not change the
 * segment's name. */
static void a_segment_whose_closing_is_given_up_is_counted_by_its_name(void **state) {
    (void)state;
    static const enum disk_operation fails[] = {DISK_RENAME, DISK_SYNC_DIRECTORY};
    for (uint32_t i = 0; i < 2; i++) {
        struct sim sim;
        struct life life;
        sweep_begin("closing is given up", i);
        begin_life(&life, &sim, 2);
        start(&life);
        append_line(&life);
        sim_pass(&sim, 30 * SIM_S);
        disk_arm(&sim.disk, &(struct disk_fault){.error = ERR_DENIED,
                                                 .first = 1,
                                                 .times = UINT64_MAX,
                                                 .kinds = DISK_BIT(fails[i]),
                                                 .path = "logs/s"});
        kept_stream_finish(life.stream);
        sim_pass(&sim, 30 * SIM_S);
        assert_true(kept_stream_busy(life.stream));
        kept_stream_abandon(life.stream);
        sim_pass(&sim, 30 * SIM_S);
        const struct stream_counts counts = kept_stream_counts(life.stream).live;
        assert_int_equal(counts.segments_suspect, fails[i] == DISK_RENAME);
        assert_int_equal(counts.segments_closed, fails[i] != DISK_RENAME);
        disk_arm(&sim.disk, &(struct disk_fault){0});
        end(&life);
        sim_close(&sim);
        sweep_end();
    }
}

/* Nothing can change any more: its lines are synced, and the next start gives it its name. */
static void a_stop_waits_some_seconds_for_a_name_and_not_longer(void **state) {
    (void)state;
    static const enum disk_operation fails[] = {DISK_RENAME, DISK_SYNC_DIRECTORY};
    for (uint32_t i = 0; i < 4; i++) {
        struct sim sim;
        struct life life;
        const bool fails_before_the_stop = i >= 2;
        sweep_begin("a stop gives up closing", i);
        begin_life(&life, &sim, 2);
        start(&life);
        struct stream *stream = kept_stream_live(life.stream);
        append_line(&life);
        sim_pass(&sim, 30 * SIM_S);
        disk_arm(&sim.disk, &(struct disk_fault){.error = ERR_DENIED,
                                                 .first = 1,
                                                 .times = UINT64_MAX,
                                                 .kinds = DISK_BIT(fails[i % 2]),
                                                 .path = "logs/s"});
        if (fails_before_the_stop) {
            stream_rotate(stream);
            sim_pass(&sim, 300 * SIM_S);
            assert_true(stream_busy(stream)); /* a running daemon tries for ever */
        }
        stream_hurry(stream);
        kept_stream_finish(life.stream);
        if (!fails_before_the_stop) {
            sim_pass(&sim, 3 * SIM_S);
            assert_true(
                kept_stream_busy(life.stream)); /* it may be another program's for a moment */
        }
        sim_pass(&sim, fails_before_the_stop ? SIM_S : 4 * SIM_S);
        assert_false(stream_busy(stream));
        const struct stream_counts counts = kept_stream_counts(life.stream).live;
        assert_int_equal(counts.segments_suspect, fails[i % 2] == DISK_RENAME);
        assert_int_equal(counts.segments_closed, fails[i % 2] != DISK_RENAME);
        disk_arm(&sim.disk, &(struct disk_fault){0});
        end(&life);
        sim_close(&sim);
        sweep_end();
    }
}

/* Another program has a crashed segment open: it may neither be opened, nor get its name. */
static void a_segment_that_is_held_at_the_start_is_recovered_when_it_is_free(void **state) {
    (void)state;
    static const enum disk_operation fails[] = {DISK_OPEN, DISK_RENAME, DISK_TRUNCATE};
    for (uint32_t i = 0; i < 6; i++) {
        struct sim sim;
        struct life life;
        const bool restarts = i >= 3;
        sweep_begin("a segment is held", i);
        begin_life(&life, &sim, 2);
        start(&life);
        append_line(&life);
        append_line(&life);
        sim_pass(&sim, 2 * SIM_S);
        kill_it(&life);
        const struct disk_fault held = {.error = ERR_BUSY,
                                        .first = 1,
                                        .times = UINT64_MAX,
                                        .kinds = DISK_BIT(fails[i % 3]),
                                        .path = "logs/s/s-0000000001"};
        disk_arm(&sim.disk, &held);
        for (int run = 0; run < 1 + restarts; run++) {
            if (run > 0) stop(&life);
            start(&life);
            assert_int_equal(kept_stream_counts(life.stream).unrecovered, 1);
            receive(&life, 3);
            sim_pass(&sim, 200 * SIM_S);
            assert_int_equal(kept_stream_counts(life.stream).unrecovered, 1);
        }
        disk_arm(&sim.disk, &(struct disk_fault){0});
        sim_pass(&sim, 61 * SIM_S);
        assert_int_equal(kept_stream_counts(life.stream).unrecovered, 0);
        sim_pass(&sim, 300 * SIM_S);
        check(&life, true); /* it is recorded and packed as all others */
        stop(&life);
        sim_close(&sim);
        sweep_end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(segments_that_close_late_are_recorded_and_packed),
        SWEEP_TEST(after_kills_the_next_start_records_what_was_closed),
        SWEEP_TEST(a_segment_whose_closing_is_given_up_is_counted_by_its_name),
        SWEEP_TEST(a_stop_waits_some_seconds_for_a_name_and_not_longer),
        SWEEP_TEST(a_segment_that_is_held_at_the_start_is_recovered_when_it_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
