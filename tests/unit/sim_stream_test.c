/* sim_stream_test.c - the whole life of a stream on a simulated disk: whatever fails at any file
 * operation, the next start finds all promised lines, in order and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/system.h"
#include "tests/sim/ledger.h"
#include "tests/sim/sweep.h"
#include "tests/unit/probe.h"
#include "writer/index/index.h"
#include "writer/keep/kept_stream.h"
#include "writer/keep/manifest.h"
#include "writer/live/recover.h"
#include "writer/live/segment.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"
#include "writer/segment/leftovers.h"
#include "writer/segment/segment_list.h"
#include "writer/segment/segment_reader.h"

#define DIRECTORY     "logs"
#define STREAM        "s"
#define SEQUENCE_PATH DIRECTORY "/state/" STREAM ".sequence"

/* ---- a stream that appends the lines of a ledger ---- */

struct line_append {
    struct stream_append append;
    struct life *life;
    uint32_t number;
    uint8_t bytes[];
};

struct life {
    struct ledger ledger;
    struct sim *sim;
    struct port *port;
    struct kept_stream *stream;
    struct manifest *manifest;
    uint32_t on_its_way; /* appends */
    uint32_t recovered;  /* lines recovered at the last start */
};

static void follow(void *context, enum disk_operation operation, const char *path, int64_t result) {
    ledger_follow(context, operation, path, result);
}

static void begin_life(struct life *life, struct sim *sim) {
    life->sim = sim;
    ledger_open(&life->ledger, DIRECTORY, STREAM);
    sim->disk.performed = follow;
    sim->disk.context = &life->ledger;
}

static void end_life(struct life *life) {
    ledger_close(&life->ledger);
}

static void appended(struct stream_append *append, int result) {
    struct line_append *line = PORT_CONTAINER(struct line_append, append, append);
    struct life *life = line->life;
    life->on_its_way--;
    if (result == 0 && !life->sim->disk.ended) ledger_stored(&life->ledger, line->number);
    free(line);
}

static void append_line(struct life *life) {
    char text[LEDGER_LINE_BYTES_MAX];
    const uint32_t number = ledger_appended(&life->ledger);
    const size_t size = ledger_text(number, text);
    void *scratch = malloc(frame_scratch_bytes());
    struct line_append *line = malloc(sizeof *line + frame_bytes_max(size) + STREAM_SPARE_BYTES);
    assert_true(scratch != NULL && line != NULL);
    *line = (struct line_append){.life = life, .number = number};
    line->append = (struct stream_append){
        .bytes = line->bytes, .raw_size = size, .lines = 1, .done = appended};
    line->append.size = frame_encode(scratch, (const uint8_t *)text, size, 1, line->bytes);
    free(scratch);
    life->on_its_way++;
    stream_append(kept_stream_live(life->stream), &line->append);
}

static void end_port(struct life *life) {
    port_close(life->port);
    manifest_close(life->manifest);
    life->port = NULL;
    life->manifest = NULL;
}

/* Returns 0 or the error that prevented the start. */
static int start(struct life *life, uint64_t segment_bytes_max) {
    struct recovery recovery;
    (void)leftovers_clear_state(&life->sim->disk.files, DIRECTORY);
    int error = recover_stream(&life->sim->disk.files, DIRECTORY, STREAM, &recovery);
    if (error) return error;
    error = manifest_open(&life->sim->disk.files, DIRECTORY, &life->manifest);
    if (error) return error;
    life->port = sim_port(life->sim);
    const struct kept_stream_options options = {
        .directory = DIRECTORY,
        .name = STREAM,
        .sizes.segment_bytes_max = segment_bytes_max,
        .sizes.segment_age_ms = 3600000,
        .sizes.sync_ms = 50,
        .rules = {.archive_after_s = 60, .archive_level = 3},
        .last_sequence = recovery.last_sequence,
        .manifest = life->manifest};
    error = kept_stream_open(life->port, &options, &life->stream);
    if (!error) return 0;
    end_port(life);
    return error;
}

/* Runs until all is done, for at most `patience_ns`; a dead process returns at once. */
static void wait_while_busy(struct life *life, int64_t patience_ns) {
    const int64_t limit = life->sim->now_ns + patience_ns;
    while (kept_stream_busy(life->stream) && life->sim->now_ns < limit && !life->sim->disk.ended)
        port_wait(life->port, SIM_S);
}

static void stop(struct life *life) {
    kept_stream_finish(life->stream);
    wait_while_busy(life, 600 * SIM_S);
    if (kept_stream_busy(life->stream)) kept_stream_abandon(life->stream);
    while (kept_stream_busy(life->stream))
        port_wait(life->port, SIM_S);
    assert_int_equal(life->on_its_way, 0);
    kept_stream_free(life->stream);
    life->stream = NULL;
    end_port(life);
}

static void append_lines(struct life *life, uint32_t count, int64_t pause_ns) {
    for (uint32_t i = 0; i < count; i++) {
        if (!life->sim->disk.ended) append_line(life);
        if (pause_ns > 0) sim_pass(life->sim, pause_ns);
    }
}

/* ---- the scenario ---- */

/* Puts a closed segment without index, or (`part`) one that a crash has left open.  The ledger
 * records its lines as stored and synced, since they bypass the stream. */
static void put_segment(struct life *life, uint64_t sequence, bool part, uint32_t lines) {
    uint8_t *bytes = malloc(lines * frame_bytes_max(LEDGER_LINE_BYTES_MAX));
    void *scratch = malloc(frame_scratch_bytes());
    assert_true(bytes != NULL && scratch != NULL);
    size_t size = 0;
    for (uint32_t i = 0; i < lines; i++) {
        char text[LEDGER_LINE_BYTES_MAX];
        const uint32_t number = ledger_appended(&life->ledger);
        const size_t length = ledger_text(number, text);
        size += frame_encode(scratch, (const uint8_t *)text, length, 1, bytes + size);
        life->ledger.lines[number] =
            (struct ledger_line){.sequence = sequence, .stored = true, .synced = true};
    }
    if (part) { /* followed by a torn append */
        memset(bytes + size, 0, 16);
        frame_cover(100, bytes + size);
        size += 16;
    }
    struct segment_name name = {.stream = STREAM, .sequence = sequence, .part = part};
    char path[PATH_BYTES_MAX], text[SEGMENT_NAME_MAX];
    assert_true(path_join(path, DIRECTORY, STREAM, segment_name_format(&name, text)));
    disk_put(&life->sim->disk, path, bytes, size);
    free(scratch);
    free(bytes);
}

static void leftovers(struct sim *sim, void *context) {
    struct life *life = context;
    begin_life(life, sim);
    disk_put(&sim->disk, SEQUENCE_PATH, "5\n", 2);
    put_segment(life, 3, false, 40);
    put_segment(life, 4, false, 3);
    put_segment(life, 5, true, 4);
}

/* Starts with the existing segments, appends, rotates by size and on request, and stops. */
static void live(struct sim *sim, void *context) {
    struct life *life = context;
    if (start(life, 500)) return;
    append_lines(life, 12, 0);
    wait_while_busy(life, 300 * SIM_S);
    append_lines(life, 4, 30 * SIM_MS);
    stream_rotate(kept_stream_live(life->stream));
    append_lines(life, 6, 20 * SIM_MS);
    sim_pass(sim, 200 * SIM_S); /* time to re-pack closed segments */
    append_lines(life, 2, 0);
    stop(life);
}

/* Recovers what was left, with enough time for all later work. */
static void start_again(struct sim *sim, void *context, enum sweep_harm harm) {
    struct life *life = context;
    if (harm == SWEEP_POWER_LOST) ledger_power_lost(&life->ledger);
    assert_int_equal(start(life, 1 << 20), 0);
    sim_pass(sim, 1000 * SIM_S);
    stop(life);
}

struct found {
    char unwanted[DISK_TEXT_MAX];
    uint32_t segments;
};

/* Only closed segments with their index and the state files are expected. */
static bool find_unwanted(void *context, const char *path, bool directory) {
    struct found *found = context;
    struct segment_name name;
    if (directory || strcmp(path, SEQUENCE_PATH) == 0 ||
        strcmp(path, DIRECTORY "/state/" MANIFEST_FILE) == 0)
        return true;
    if (strncmp(path, DIRECTORY "/" STREAM "/", 7) == 0 &&
        segment_name_parse(path_name(path), &name) && !name.part)
        found->segments++;
    else
        snprintf(found->unwanted, sizeof found->unwanted, "%s", path);
    return true;
}

/* A closed segment is whole, re-packed, and matches its record in the manifest. */
static bool check_closed(void *context, const char *path, bool directory) {
    struct life *life = context;
    struct files *files = &life->sim->disk.files;
    struct file file;
    struct segment_index index;
    struct segment_name name;
    struct manifest_record entry, found = {0};
    uint64_t offset;
    if (directory || strncmp(path, DIRECTORY "/" STREAM "/", 7) != 0) return true;
    assert_int_equal(file_open(files, path, FILE_READ, &file), 0);
    if (index_check(&file, &offset) != 0) fail_msg("%s has no sound index", path);
    assert_int_equal(index_load(&file, &index), 0);
    if (!index.repacked) fail_msg("%s was not archived", path);
    index_free(&index);
    file_close(&file);
    assert_true(segment_name_parse(path_name(path), &name));
    if (manifest_find(life->manifest, STREAM, name.sequence, &entry) != 0)
        fail_msg("%s: the manifest does not know it", path);
    assert_int_equal(manifest_describe(files, path, &found), 0);
    if (entry.event != MANIFEST_ARCHIVED || entry.xxh3 != found.xxh3 ||
        entry.lines != found.lines || entry.bytes != found.bytes)
        fail_msg("%s: the manifest says otherwise", path);
    return true;
}

/* The manifest lists no missing segment. */
static void check_manifest(struct life *life, uint32_t segments) {
    struct manifest_cursor cursor = {0};
    uint32_t entries = 0;
    while (manifest_next(life->manifest, &cursor))
        entries++;
    assert_int_equal(entries, segments);
}

/* The stored sequence is not lower than that of any segment. */
static void check_sequence(struct life *life) {
    uint64_t sequence, highest = 0;
    for (uint32_t i = 0; i < life->ledger.count; i++) {
        const struct ledger_line *line = &life->ledger.lines[i];
        if (line->stored && line->sequence > highest) highest = line->sequence;
    }
    const int error = sequence_read(&life->sim->disk.files, SEQUENCE_PATH, &sequence);
    assert_true(error == 0 || (error == ERR_NOT_FOUND && highest == 0));
    assert_true(sequence >= highest);
}

static void check_all(struct life *life, enum ledger_demand demand, bool append_one_more) {
    struct found found = {0};
    ledger_check(&life->ledger, &life->sim->disk.files, demand);
    check_sequence(life);
    disk_walk(&life->sim->disk, DIRECTORY, find_unwanted, &found);
    if (found.unwanted[0]) fail_msg("%s was left", found.unwanted);
    assert_int_equal(manifest_open(&life->sim->disk.files, DIRECTORY, &life->manifest), 0);
    disk_walk(&life->sim->disk, DIRECTORY, check_closed, life);
    check_manifest(life, found.segments);
    manifest_close(life->manifest);
    life->manifest = NULL;
    if (!append_one_more) return;
    assert_int_equal(start(life, 1 << 20), 0); /* the stream still works */
    append_lines(life, 1, 0);
    stop(life);
    ledger_check(&life->ledger, &life->sim->disk.files, LEDGER_STORED);
}

static void holds_what_was_promised(struct sim *sim, void *context, enum sweep_harm harm) {
    (void)sim;
    check_all(context, harm == SWEEP_POWER_LOST ? LEDGER_SYNCED : LEDGER_STORED, true);
}

static void forget(struct sim *sim, void *context) {
    (void)sim;
    end_life(context);
}

static const struct scenario life_scenario = {.name = "a stream's life",
                                              .context_size = sizeof(struct life),
                                              .set_up = leftovers,
                                              .run = live,
                                              .restart = start_again,
                                              .check = holds_what_was_promised,
                                              .tear_down = forget};

/* ---- the very first start: not even the folder exists ---- */

static void nothing(struct sim *sim, void *context) {
    begin_life(context, sim);
}

static void live_for_the_first_time(struct sim *sim, void *context) {
    struct life *life = context;
    (void)sim;
    if (start(life, 500)) return;
    append_lines(life, 3, 30 * SIM_MS);
    stop(life);
}

static const struct scenario first_scenario = {.name = "a first start",
                                               .context_size = sizeof(struct life),
                                               .set_up = nothing,
                                               .run = live_for_the_first_time,
                                               .restart = start_again,
                                               .check = holds_what_was_promised,
                                               .tear_down = forget};

static void a_first_start_loses_nothing_whatever_fails(void **state) {
    (void)state;
    sweep_nothing(&first_scenario, 4);
    assert_true(sweep_errors(&first_scenario, 4) > 200);
    assert_true(sweep_process_ends(&first_scenario, 4) > 50);
    assert_true(sweep_power_failures(&first_scenario, 4) > 200);
}

/* ---- at full speed ---- */

#define FULL_SEGMENTS 20

struct full_speed {
    struct life life;
    unsigned opened, synced; /* sequences */
};

/* A stream that waited for the sync before it opens the next segment would delay all senders. */
static void follow_full_speed(void *context, enum disk_operation operation, const char *path,
                              int64_t result) {
    struct full_speed *full = context;
    unsigned sequence;
    follow(&full->life.ledger, operation, path, result);
    if (path == NULL || sscanf(path, DIRECTORY "/" STREAM "/" STREAM "-%u", &sequence) != 1) return;
    if (operation == DISK_OPEN && sequence > full->opened) full->opened = sequence;
    if (operation != DISK_SYNC) return;
    assert_true(full->opened > sequence || sequence == FULL_SEGMENTS);
    full->synced = sequence;
}

static void the_next_segment_is_opened_before_the_last_one_is_synced(void **state) {
    struct full_speed full = {0};
    struct sim sim;
    (void)state;
    sim_open(&sim, 11);
    begin_life(&full.life, &sim);
    sim.disk.performed = follow_full_speed;
    sim.disk.context = &full;
    assert_int_equal(start(&full.life, 1), 0); /* every line rotates */
    append_lines(&full.life, FULL_SEGMENTS, 0);
    wait_while_busy(&full.life, 600 * SIM_S);
    stop(&full.life);
    assert_int_equal(full.synced, FULL_SEGMENTS);
    end_life(&full.life);
    sim_close(&sim);
}

/* ---- files that an ended process leaves, for other readers ---- */

/* Any LZ4 reader finds whole frames, and at the end at most a skippable one, which may be torn. */
static bool check_readable(void *context, const char *path, bool directory) {
    struct life *life = context;
    size_t size;
    if (directory || strncmp(path, DIRECTORY "/" STREAM "/", 7) != 0) return true;
    const uint8_t *bytes = disk_bytes(&life->sim->disk, path, &size);
    for (size_t at = 0; at < size;) {
        struct frame_header header;
        const int error = frame_header(bytes + at, size - at, &header);
        if (error) fail_msg("%s: no frame at %zu of %zu bytes", path, at, size);
        if (header.kind == FRAME_DATA) {
            uint8_t *raw = malloc(header.raw_size);
            if (header.size > size - at || frame_decode(bytes + at, &header, raw) != 0)
                fail_msg("%s: the frame at %zu of %zu bytes is not whole", path, at, size);
            free(raw);
        }
        at = header.size < size - at ? at + (size_t)header.size : size;
    }
    return true;
}

static void leftovers_of_pages(struct sim *sim, void *context) {
    leftovers(sim, context);
    sim->disk.whole_pages = true;
}

static void look_and_start_again(struct sim *sim, void *context, enum sweep_harm harm) {
    disk_walk(&sim->disk, DIRECTORY, check_readable, context);
    start_again(sim, context, harm);
}

static void however_the_process_ends_lz4_can_read_every_file(void **state) {
    (void)state;
    static const struct scenario scenario = {.name = "a life that others look at",
                                             .context_size = sizeof(struct life),
                                             .set_up = leftovers_of_pages,
                                             .run = live,
                                             .restart = look_and_start_again,
                                             .check = holds_what_was_promised,
                                             .tear_down = forget};
    for (uint64_t seed = 1; seed <= scaled(5); seed++)
        assert_true(sweep_process_ends(&scenario, seed) > 300);
}

static void without_failures_every_line_is_kept(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        sweep_nothing(&life_scenario, seed);
}

static void an_error_at_any_operation_loses_nothing(void **state) {
    (void)state;
    const uint32_t trials = sweep_errors(&life_scenario, 1);
    print_message("%u trials\n", trials);
    assert_true(trials > 500);
}

static void a_process_end_at_any_operation_loses_nothing_acknowledged(void **state) {
    (void)state;
    const uint32_t trials = sweep_process_ends(&life_scenario, 2);
    print_message("%u trials\n", trials);
    assert_true(trials > 300);
}

static void a_power_failure_at_any_operation_loses_nothing_synced(void **state) {
    (void)state;
    const uint32_t trials = sweep_power_failures(&life_scenario, 3);
    print_message("%u trials\n", trials);
    assert_true(trials > 1000);
}

/* ---- random lives ---- */

/* One random request to the stream, or one event. */
static void do_something(struct life *life, struct chance *chance) {
    struct sim *sim = life->sim;
    switch (chance_below(chance, 10)) {
    case 0: stream_rotate(kept_stream_live(life->stream)); break;
    case 1:
        kept_stream_change(
            life->stream,
            &(struct stream_sizes){.segment_bytes_max = 1 + chance_below(chance, 50000),
                                   .segment_age_ms = 1 + chance_below(chance, 100000),
                                   .sync_ms = chance_below(chance, 2000)},
            &(struct keeper_rules){0});
        break;
    case 2: sim_step_wall(sim, (int64_t)chance_below(chance, 7200 * SIM_S) - 3600 * SIM_S); break;
    case 3: sim_pass(sim, (int64_t)chance_below(chance, 3600 * SIM_S)); break;
    case 4: wait_while_busy(life, 60 * SIM_S); break;
    case 5:
    case 6: sim_pass(sim, (int64_t)chance_below(chance, 10 * SIM_MS)); break;
    default: append_lines(life, 1 + (uint32_t)chance_below(chance, 8), 0);
    }
}

static void arm_by_chance(struct disk *disk, struct chance *chance) {
    static const enum disk_ending endings[] = {DISK_ENDS_BEFORE, DISK_ENDS_HALFWAY,
                                               DISK_ENDS_AFTER};
    const struct disk_fault fault = {.ending = endings[chance_below(chance, 3)],
                                     .first = 1 + chance_below(chance, 300)};
    disk_arm(disk, chance_one_in(chance, 3) ? &(struct disk_fault){0} : &fault);
    disk->errors_one_in = chance_one_in(chance, 2) ? 0 : 5 + chance_below(chance, 200);
}

/* A random life, the failure that ends it, the next start, and a check of what it finds. */
static void live_by_chance(struct life *life, struct chance *chance) {
    struct sim *sim = life->sim;
    arm_by_chance(&sim->disk, chance);
    sim->write_ns_max = 1 + (int64_t)chance_below(chance, 20 * SIM_MS);
    sim->sync_ns_max = 1 + (int64_t)chance_below(chance, 100 * SIM_MS);
    if (start(life, 1 + chance_below(chance, 20000)) == 0) {
        for (uint64_t left = chance_below(chance, 40); left > 0 && !sim->disk.ended; left--)
            do_something(life, chance);
        stop(life);
    }
    const bool power = chance_one_in(chance, 2);
    sweep_note("%s, %u lines", power ? "the power failed" : "no power failure", life->ledger.count);
    sim->disk.errors_one_in = 0;
    disk_restart(&sim->disk, power, (enum disk_memory)chance_below(chance, DISK_MEMORIES));
    start_again(sim, life, power ? SWEEP_POWER_LOST : SWEEP_NONE);
    check_all(life, power ? LEDGER_SYNCED : LEDGER_STORED, false);
}

static void random_lives_lose_nothing_promised(void **state) {
    (void)state;
    const char *only = system_environment("LOGPORT_TEST_SEED");
    const uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    /* Scaled three times: see the stride in sweep.c. */
    const uint64_t last = only != NULL ? first : scaled(scaled(scaled(3000)));
    for (uint64_t seed = first; seed <= last; seed++) {
        struct sim *sim = malloc(sizeof *sim);
        struct life *life = calloc(1, sizeof *life);
        assert_true(sim != NULL && life != NULL);
        sim_open(sim, seed);
        sweep_begin("lives of chance", seed);
        sweep_watch(&sim->disk);
        begin_life(life, sim);
        struct chance chance = {.state = seed ^ 0x5EED};
        for (uint64_t lives = 1 + chance_below(&chance, 4); lives > 0; lives--)
            live_by_chance(life, &chance);
        end_life(life);
        sweep_end();
        sim_close(sim);
        free(life);
        free(sim);
    }
}

/* ---- files that cannot be written ---- */

/* What readers find now: each line once and in order, whatever failed. */
static void check_no_line_twice(struct life *life) {
    struct segment_list list = {0};
    uint32_t next = 0;
    const int error = life->sim->disk.sickness.error;
    life->sim->disk.sickness.error = 0;
    assert_int_equal(segment_list_add(&life->sim->disk.files, DIRECTORY "/" STREAM, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_reader reader;
        enum segment_damage damage;
        if (segment_reader_open(&life->sim->disk.files, list.files[i].path, &reader)) continue;
        while (segment_reader_next(&reader, &damage) == 1) {
            unsigned number;
            char beginning[32] = {0};
            memcpy(beginning, reader.raw, reader.raw_size < 31 ? reader.raw_size : 31);
            assert_int_equal(sscanf(beginning, "{\"line\":%u,", &number), 1);
            if (number < next) fail_msg("line %u occurs twice", number);
            next = number + 1;
        }
        segment_reader_close(&reader);
    }
    segment_list_free(&list);
    life->sim->disk.sickness.error = error;
}

static bool count_file(void *context, const char *path, bool directory) {
    *(uint32_t *)context += !directory && strstr(path, "/" STREAM "/") != NULL;
    return true;
}

static uint32_t files_of_stream(struct life *life) {
    uint32_t files = 0;
    disk_walk(&life->sim->disk, DIRECTORY, count_file, &files);
    return files;
}

static void begin_sick(struct life *life, struct sim *sim, uint64_t seed, const char *name) {
    sim_open(sim, seed);
    sweep_begin(name, seed);
    sweep_watch(&sim->disk);
    memset(life, 0, sizeof *life);
    begin_life(life, sim);
    sim->disk.whole_pages = true;
    assert_int_equal(start(life, 20000), 0);
}

static void end_sick(struct life *life, struct sim *sim) {
    sim->disk.sickness = (struct disk_sickness){0};
    disk_restart(&sim->disk, false, DISK_KEEPS_ALL);
    start_again(sim, life, SWEEP_NONE);
    check_all(life, LEDGER_STORED, true);
    for (uint32_t i = 0; i < life->ledger.count; i++)
        if (!life->ledger.lines[i].stored) fail_msg("line %u is missing", i);
    end_life(life);
    sweep_end();
    sim_close(sim);
}

/* The waits of a failing stream are a minute at most, and one file in two works. */
static void files_that_fail_one_by_one_hold_no_stream_and_lose_nothing(void **state) {
    (void)state;
    static const int errors[] = {ERR_IO, ERR_OTHER, ERR_TOO_LARGE, ERR_INVALID, ERR_DENIED};
    for (uint64_t seed = 1; seed <= scaled(400); seed++) {
        struct sim sim;
        struct life life;
        begin_sick(&life, &sim, seed, "sick files");
        struct chance chance = {.state = seed ^ 0x51C};
        sim.disk.sickness = (struct disk_sickness){.one_in = 2,
                                                   .healthy = 1 + chance_below(&chance, 30),
                                                   .kinds = DISK_ALL & ~DISK_BIT(DISK_READ),
                                                   .kinds_vary = !chance_one_in(&chance, 4),
                                                   .may_act = chance_one_in(&chance, 2),
                                                   .error = errors[chance_below(&chance, 5)],
                                                   .path = "/" STREAM "/"};
        for (uint32_t i = 0; i < 60; i++)
            do_something(&life, &chance);
        sim_pass(&sim, 900 * SIM_S);
        check_no_line_twice(&life);
        sweep_note("%u appends held", life.on_its_way);
        assert_int_equal(life.on_its_way, 0);
        stop(&life);
        end_sick(&life, &sim);
    }
}

/* The only thing that a full volume gets is one empty file. */
static void a_full_volume_holds_a_stream_and_gets_no_more_files(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim sim;
        struct life life;
        begin_sick(&life, &sim, seed, "a full volume");
        append_lines(&life, 20, 10 * SIM_MS);
        sim_pass(&sim, SIM_S);
        const uint64_t opened = stream_counts(kept_stream_live(life.stream)).segments_opened;
        sim.disk.bytes_max = 1 + disk_used(&sim.disk);
        append_lines(&life, 20, 0);
        for (int minutes = 0; minutes < 120; minutes++) {
            sim_pass(&sim, 60 * SIM_S);
            if (minutes % 10 == 0) stream_rotate(kept_stream_live(life.stream));
        }
        assert_true(life.on_its_way > 0);
        assert_true(stream_counts(kept_stream_live(life.stream)).segments_opened <= opened + 2);
        sim.disk.bytes_max = 0;
        sim_pass(&sim, 5 * SIM_S);
        assert_int_equal(life.on_its_way, 0);
        stop(&life);
        end_sick(&life, &sim);
    }
}

static void a_broken_volume_gets_about_one_new_file_a_minute(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim sim;
        struct life life;
        begin_sick(&life, &sim, seed, "a broken volume");
        append_lines(&life, 20, 10 * SIM_MS);
        sim_pass(&sim, SIM_S);
        const uint64_t opened = stream_counts(kept_stream_live(life.stream)).segments_opened;
        disk_arm(&sim.disk, &(struct disk_fault){.error = ERR_IO,
                                                 .first = 1,
                                                 .times = UINT64_MAX,
                                                 .kinds = DISK_BIT(DISK_WRITE),
                                                 .path = ".part."});
        append_lines(&life, 20, 0);
        const uint32_t files = files_of_stream(&life);
        sim_pass(&sim, 3600 * SIM_S);
        const struct stream_counts counts = stream_counts(kept_stream_live(life.stream));
        assert_in_range(counts.segments_opened - opened, 10, 70);
        assert_true(files_of_stream(&life) <= files + 2);
        disk_arm(&sim.disk, &(struct disk_fault){0});
        sim_pass(&sim, 5 * SIM_S);
        assert_int_equal(life.on_its_way, 0);
        stop(&life);
        end_sick(&life, &sim);
    }
}

/* Neither a rotation nor a stop waits for the tries that a failing file gets. */
static void a_rotation_and_a_stop_leave_a_failing_file_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sim sim;
        struct life life;
        begin_sick(&life, &sim, seed, "a failing file is left");
        struct stream *stream = kept_stream_live(life.stream);
        append_lines(&life, 2, 10 * SIM_MS);
        sim_pass(&sim, 10 * SIM_S);
        disk_arm(&sim.disk,
                 &(struct disk_fault){.error = ERR_IO,
                                      .first = 1,
                                      .times = UINT64_MAX,
                                      .kinds = DISK_BIT(DISK_WRITE) | DISK_BIT(DISK_TRUNCATE),
                                      .path = "0000001-"});
        append_lines(&life, 3, 0);
        sim_pass(&sim, SIM_S / 2);
        assert_true(stream_failure(stream) == ERR_IO && life.on_its_way == 3);
        uint64_t position = 5;
        if (seed % 2)
            position = stream_rotate(stream);
        else
            stream_hurry(stream);
        sim_pass(&sim, SIM_S);
        assert_int_equal(life.on_its_way, 0);
        assert_int_equal(position, 5);
        sim_pass(&sim, 10 * SIM_S);
        if (seed % 2) assert_int_equal(stream_closed_appends(stream), position);
        assert_int_equal(stream_counts(stream).segments_suspect, 1); /* it could not be cut */
        check_no_line_twice(&life);
        disk_arm(&sim.disk, &(struct disk_fault){0});
        stop(&life);
        end_sick(&life, &sim);
    }
}

/* There is no moment at which no segment is being closed: a rotation waits for its own. */
static void a_rotation_ends_while_other_segments_are_closed_all_the_time(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim sim;
        struct life life;
        uint64_t waits[3], answered = 0;
        begin_sick(&life, &sim, seed, "rotations under load");
        struct stream *stream = kept_stream_live(life.stream);
        const struct stream_sizes sizes = {.segment_bytes_max = 1}; /* every line rotates */
        kept_stream_change(life.stream, &sizes, &(struct keeper_rules){0});
        append_lines(&life, 100, 0);
        for (uint32_t i = 0; i < 3; i++)
            waits[i] = stream_rotate(stream);
        while (answered < 3) {
            while (life.on_its_way < 50)
                append_lines(&life, 10, 0);
            port_wait(life.port, SIM_S);
            assert_true(stream_busy(stream));
            while (answered < 3 && stream_closed_appends(stream) >= waits[answered])
                answered++;
            assert_true(life.ledger.count < 400);
        }
        stop(&life);
        end_sick(&life, &sim);
    }
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    system_name("sim_stream_test");
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(without_failures_every_line_is_kept),
        SWEEP_TEST(a_first_start_loses_nothing_whatever_fails),
        SWEEP_TEST(the_next_segment_is_opened_before_the_last_one_is_synced),
        SWEEP_TEST(a_process_end_at_any_operation_loses_nothing_acknowledged),
        SWEEP_TEST(however_the_process_ends_lz4_can_read_every_file),
        SWEEP_TEST(an_error_at_any_operation_loses_nothing),
        SWEEP_TEST(a_power_failure_at_any_operation_loses_nothing_synced),
        SWEEP_TEST(files_that_fail_one_by_one_hold_no_stream_and_lose_nothing),
        SWEEP_TEST(a_full_volume_holds_a_stream_and_gets_no_more_files),
        SWEEP_TEST(a_broken_volume_gets_about_one_new_file_a_minute),
        SWEEP_TEST(a_rotation_and_a_stop_leave_a_failing_file_at_once),
        SWEEP_TEST(a_rotation_ends_while_other_segments_are_closed_all_the_time),
        SWEEP_TEST(random_lives_lose_nothing_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
