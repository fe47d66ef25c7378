/* rotation_test.c - segments rotate when they should and not earlier: a stream on a simulated port
 * whose clocks the test controls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/system.h"
#include "tests/sim/sim.h"
#include "tests/unit/zone_bytes.h"
#include "writer/live/rotation.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"
#include "writer/segment/segment_list.h"

#define MINUTE    (60 * SIM_S)
#define HOUR      (60 * MINUTE)
#define NOON      (INT64_C(1795521600) * SIM_S) /* 2026-11-24T12:00:00Z */
#define UTC       "UTC0"
#define LONDON    "GMT0BST,M3.5.0/1,M10.5.0"
#define NEW_YORK  "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define KOLKATA   "IST-5:30"

/* ---- a stream on a simulated disk ---- */

struct line_append {
    struct stream_append append;
    struct bench *bench;
    uint8_t bytes[256];
};

struct bench {
    struct sim sim;
    struct port *port;
    struct stream *stream;
    struct zone *zone;
    void *scratch;
    struct stream_sizes sizes;
    uint64_t folder_bytes_max;
    uint32_t appended, stored;
    size_t frame_bytes; /* of the last append */
};

/* By default no limit closes a segment. */
static void prepare(struct bench *bench, const char *schedule, const char *zone) {
    uint64_t seed;
    system_random(&seed, sizeof seed);
    *bench = (struct bench){.scratch = malloc(frame_scratch_bytes()),
                            .sizes.segment_bytes_max = 1 << 30,
                            .sizes.sync_ms = 1000};
    print_message("seed %llu\n", (unsigned long long)seed);
    sim_open(&bench->sim, seed);
    sim_set_wall(&bench->sim, NOON);
    bench->port = sim_port(&bench->sim);
    assert_int_equal(schedule_parse(schedule, &bench->sizes.schedule), 0);
    assert_int_equal(zone_of_rule(zone, &bench->zone), 0);
    bench->sizes.schedule.zone = bench->zone;
}

static void open_stream(struct bench *bench) {
    const struct stream_options options = {.directory = "logs",
                                           .name = "s",
                                           .sizes = bench->sizes,
                                           .folder_bytes_max = bench->folder_bytes_max};
    assert_int_equal(stream_open(bench->port, &options, &bench->stream), 0);
}

static void begin(struct bench *bench, const char *schedule, const char *zone) {
    prepare(bench, schedule, zone);
    open_stream(bench);
}

static void appended(struct stream_append *append, int result) {
    struct line_append *line = PORT_CONTAINER(struct line_append, append, append);
    assert_int_equal(result, 0);
    line->bench->stored++;
    free(line);
}

static void append_later(struct bench *bench) {
    struct line_append *line = malloc(sizeof *line);
    char text[64];
    const int size = snprintf(text, sizeof text, "{\"line\":%u}\n", ++bench->appended);
    line->bench = bench;
    line->append = (struct stream_append){
        .bytes = line->bytes, .raw_size = (uint64_t)size, .lines = 1, .done = appended};
    line->append.size =
        frame_encode(bench->scratch, (const uint8_t *)text, (size_t)size, 1, line->bytes);
    bench->frame_bytes = line->append.size;
    stream_append(bench->stream, &line->append);
}

static void append(struct bench *bench) {
    append_later(bench);
    while (bench->stored < bench->appended)
        port_wait(bench->port, SIM_S);
}

static uint64_t closed(struct bench *bench) {
    while (stream_busy(bench->stream))
        port_wait(bench->port, SIM_S);
    return stream_counts(bench->stream).segments_closed;
}

static uint64_t opened(const struct bench *bench) {
    return stream_counts(bench->stream).segments_opened;
}

/* Finishes the stream and returns the number of segments, none of which is empty. */
static uint32_t end(struct bench *bench) {
    struct segment_list list = {0};
    stream_finish(bench->stream);
    closed(bench);
    assert_int_equal(bench->stored, bench->appended);
    const int error = segment_list_add(&bench->sim.disk.files, "logs/s", &list);
    assert_int_equal(error, 0);
    for (uint32_t i = 0; i < list.count; i++) {
        assert_false(list.files[i].name.part);
        assert_true(list.files[i].size > 0);
    }
    const uint32_t count = list.count;
    segment_list_free(&list);
    stream_free(bench->stream);
    port_close(bench->port);
    sim_close(&bench->sim);
    zone_free(bench->zone);
    free(bench->scratch);
    return count;
}

static void mute(void *context, const char *line, size_t size) {
    (void)context, (void)line, (void)size;
}

/* ---- size, age, idleness ---- */

static void segments_are_filled_up_to_the_packed_size_and_not_beyond(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench, "never", UTC);
    bench.sizes.segment_packed_bytes_max = 1000;
    open_stream(&bench);
    append(&bench);
    for (uint64_t begun = 0; opened(&bench) < 10;) {
        const uint64_t segments = opened(&bench),
                       before = stream_counts(bench.stream).bytes_written;
        append(&bench);
        if (opened(&bench) == segments) continue;
        assert_true(before - begun <= 1000);
        assert_true(before - begun + bench.frame_bytes + STREAM_SPARE_BYTES > 1000);
        begun = before;
    }
    assert_int_equal(end(&bench), 10);
}

static void an_append_above_the_packed_size_gets_its_own_segment(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench, "never", UTC);
    bench.sizes.segment_packed_bytes_max = 1;
    open_stream(&bench);
    for (int i = 0; i < 5; i++)
        append_later(&bench);
    closed(&bench);
    assert_int_equal(end(&bench), 5);
}

static void an_idle_segment_is_closed_and_an_active_one_is_not(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench, "never", UTC);
    bench.sizes.segment_idle_ms = 10000;
    open_stream(&bench);
    for (int i = 0; i < 100; i++) {
        append(&bench);
        sim_pass(&bench.sim, 9 * SIM_S);
    }
    assert_int_equal(closed(&bench), 0);
    sim_pass(&bench.sim, SIM_S / 2);
    assert_int_equal(closed(&bench), 0);
    sim_pass(&bench.sim, SIM_S);
    assert_int_equal(closed(&bench), 1);
    sim_pass(&bench.sim, HOUR);
    assert_int_equal(opened(&bench), 1);
    append(&bench);
    assert_int_equal(end(&bench), 2);
}

static void age_counts_from_the_opening_despite_appends(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench, "never", UTC);
    bench.sizes.segment_age_ms = 60000;
    bench.sizes.segment_idle_ms = 50000;
    open_stream(&bench);
    for (int i = 0; i < 59; i++) {
        append(&bench);
        sim_pass(&bench.sim, SIM_S);
    }
    assert_int_equal(closed(&bench), 0);
    sim_pass(&bench.sim, 2 * SIM_S);
    assert_int_equal(closed(&bench), 1);
    assert_int_equal(end(&bench), 1);
}

static void without_limits_a_segment_stays_open_for_years(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "never", UTC);
    append(&bench);
    sim_pass(&bench.sim, 3650 * SIM_DAY);
    append(&bench);
    assert_int_equal(closed(&bench), 0);
    assert_int_equal(end(&bench), 1);
}

/* The stream must not poll for the end of the segment either. */
static void a_full_disk_at_rotation_is_retried_at_the_usual_interval(void **state) {
    (void)state;
    struct bench bench;
    prepare(&bench, "hourly", UTC);
    bench.sizes.segment_age_ms = 1800000;
    bench.sizes.segment_idle_ms = 60000;
    open_stream(&bench);
    append(&bench);
    system_messages_to(mute, NULL);
    bench.sim.disk.bytes_max = 1; /* full */
    append_later(&bench);
    sim_pass(&bench.sim, SIM_S);
    const uint64_t rounds = bench.sim.rounds_left;
    sim_pass(&bench.sim, 3 * HOUR);
    assert_true(stream_counts(bench.stream).failing);
    assert_true(rounds - bench.sim.rounds_left < 100000); /* it tries every 2 s */
    bench.sim.disk.bytes_max = 0;
    append(&bench);
    assert_true(end(&bench) >= 2);
    system_messages_to(NULL, NULL);
}

/* ---- the clock ---- */

static void a_segment_is_closed_at_the_end_of_its_hour_without_input(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "hourly", UTC);
    sim_pass(&bench.sim, 20 * MINUTE);
    append(&bench);
    sim_pass(&bench.sim, 39 * MINUTE);
    assert_int_equal(closed(&bench), 0);
    sim_pass(&bench.sim, 61 * SIM_S);
    assert_int_equal(closed(&bench), 1);
    assert_int_equal(end(&bench), 1);
}

static void intervals_without_input_leave_no_segments(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "every 1m", UTC);
    append(&bench);
    sim_pass(&bench.sim, 10 * SIM_DAY);
    assert_int_equal(opened(&bench), 1);
    append(&bench);
    assert_int_equal(end(&bench), 2);
}

static void the_first_append_after_a_due_time_begins_the_next_segment(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "hourly", UTC);
    append(&bench);
    sim_step_wall(&bench.sim, HOUR); /* no timer fires */
    append(&bench);
    assert_int_equal(opened(&bench), 2);
    assert_int_equal(end(&bench), 2);
}

static void a_clock_set_forward_closes_one_segment_within_a_minute(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "hourly", UTC);
    append(&bench);
    sim_pass(&bench.sim, 10 * SIM_S);
    sim_step_wall(&bench.sim, 5 * HOUR);
    sim_pass(&bench.sim, MINUTE + SIM_S);
    assert_int_equal(closed(&bench), 1);
    append(&bench);
    sim_pass(&bench.sim, 50 * MINUTE);
    assert_int_equal(closed(&bench), 1);
    assert_int_equal(end(&bench), 2);
}

static void an_hour_repeated_by_a_clock_set_back_rotates_once(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "hourly", UTC);
    append(&bench);
    sim_pass(&bench.sim, HOUR + MINUTE);
    assert_int_equal(closed(&bench), 1); /* 13:00 */
    append(&bench);
    sim_step_wall(&bench.sim, -30 * MINUTE);
    sim_pass(&bench.sim, HOUR); /* 13:31 */
    append(&bench);
    assert_int_equal(closed(&bench), 1);
    sim_pass(&bench.sim, 30 * MINUTE);
    assert_int_equal(closed(&bench), 2); /* 14:00 */
    assert_int_equal(end(&bench), 2);
}

static void after_a_jump_by_years_the_schedule_follows_the_corrected_clock(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "hourly", UTC);
    append(&bench);
    sim_step_wall(&bench.sim, 3650 * SIM_DAY);
    sim_pass(&bench.sim, 2 * MINUTE);
    assert_int_equal(closed(&bench), 1);
    append(&bench);
    sim_step_wall(&bench.sim, -3650 * SIM_DAY);
    sim_pass(&bench.sim, 2 * MINUTE); /* 12:04: nothing is due */
    assert_int_equal(closed(&bench), 1);
    sim_pass(&bench.sim, 57 * MINUTE);
    assert_int_equal(closed(&bench), 2);
    assert_int_equal(end(&bench), 2);
}

static void new_rules_apply_at_once_to_the_live_segment(void **state) {
    (void)state;
    struct bench bench;
    struct zone *kolkata;
    begin(&bench, "never", UTC);
    append(&bench);
    sim_pass(&bench.sim, 2 * HOUR);
    assert_int_equal(closed(&bench), 0);
    assert_int_equal(zone_of_rule(KOLKATA, &kolkata), 0);
    assert_int_equal(schedule_parse("hourly", &bench.sizes.schedule), 0);
    bench.sizes.schedule.zone = kolkata;
    stream_resize(bench.stream, &bench.sizes);
    sim_pass(&bench.sim, 31 * MINUTE); /* 14:30 UTC is 20:00 there */
    assert_int_equal(closed(&bench), 1);
    append(&bench);
    assert_int_equal(schedule_parse("never", &bench.sizes.schedule), 0);
    bench.sizes.segment_idle_ms = 5000;
    stream_resize(bench.stream, &bench.sizes);
    zone_free(kolkata);
    sim_pass(&bench.sim, 6 * SIM_S);
    assert_int_equal(closed(&bench), 2);
    append(&bench);
    bench.sizes.segment_idle_ms = 0;
    bench.sizes.segment_age_ms = 1;
    stream_resize(bench.stream, &bench.sizes);
    sim_pass(&bench.sim, SIM_S);
    assert_int_equal(closed(&bench), 3);
    assert_int_equal(end(&bench), 3);
}

/* Including while a file is being opened. */
static void rules_can_change_at_any_moment(void **state) {
    (void)state;
    struct bench bench;
    begin(&bench, "every 1m", UTC);
    for (int i = 0; i < 300; i++) {
        append_later(&bench);
        port_wait(bench.port, SIM_S / 1000);
        bench.sizes.segment_idle_ms = (uint64_t)(i % 7) * 10000;
        bench.sizes.segment_age_ms = (uint64_t)(i % 5) * 10000;
        stream_resize(bench.stream, &bench.sizes);
        if (i % 3 == 0) sim_pass(&bench.sim, 11 * SIM_S);
        if (i % 11 == 0) sim_step_wall(&bench.sim, i % 2 ? MINUTE : -MINUTE);
    }
    assert_true(end(&bench) > 10);
}

/* Sanitizers and Wine make each segment far slower, and the thousandth one finds nothing new. */
static int days(void) {
    const char *scale = system_environment("LOGPORT_TEST_SCALE");
    const int percent = scale ? atoi(scale) : 100;
    return percent >= 100 ? 3650 : 1 + percent;
}

/* Appends lines at this interval for ten years: two consecutive lines are in different segments
 * exactly if a due time is between them. */
static void days_of(const char *schedule, const char *zone, int64_t apart_ns) {
    struct bench bench;
    prepare(&bench, schedule, zone);
    bench.folder_bytes_max = 3000; /* the disk is in memory */
    open_stream(&bench);
    const int64_t until_ns = NOON + days() * SIM_DAY;
    int64_t before_s = NOON / SIM_S;
    append(&bench);
    for (uint64_t segments = 1; sim_wall_ns(&bench.sim) < until_ns;) {
        sim_pass(&bench.sim, apart_ns - sim_wall_ns(&bench.sim) % apart_ns);
        const int64_t now_s = sim_wall_ns(&bench.sim) / SIM_S;
        append(&bench);
        segments += schedule_next(&bench.sizes.schedule, before_s) <= now_s;
        before_s = now_s;
        assert_int_equal(opened(&bench), segments);
    }
    end(&bench);
}

static const char *const zones[] = {LONDON, NEW_YORK, LORD_HOWE, KOLKATA};

static void ten_years_of_days_make_one_segment_each(void **state) {
    (void)state;
    system_messages_to(mute, NULL);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        days_of("daily", zones[i], 5 * HOUR + 7 * SIM_S);
    system_messages_to(NULL, NULL);
}

static void ten_years_of_hours_make_one_segment_each(void **state) {
    (void)state;
    system_messages_to(mute, NULL);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        days_of("hourly", zones[i], 25 * MINUTE + 7 * SIM_S);
    system_messages_to(NULL, NULL);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_filled_up_to_the_packed_size_and_not_beyond),
        cmocka_unit_test(an_append_above_the_packed_size_gets_its_own_segment),
        cmocka_unit_test(an_idle_segment_is_closed_and_an_active_one_is_not),
        cmocka_unit_test(age_counts_from_the_opening_despite_appends),
        cmocka_unit_test(without_limits_a_segment_stays_open_for_years),
        cmocka_unit_test(a_full_disk_at_rotation_is_retried_at_the_usual_interval),
        cmocka_unit_test(a_segment_is_closed_at_the_end_of_its_hour_without_input),
        cmocka_unit_test(intervals_without_input_leave_no_segments),
        cmocka_unit_test(the_first_append_after_a_due_time_begins_the_next_segment),
        cmocka_unit_test(a_clock_set_forward_closes_one_segment_within_a_minute),
        cmocka_unit_test(an_hour_repeated_by_a_clock_set_back_rotates_once),
        cmocka_unit_test(after_a_jump_by_years_the_schedule_follows_the_corrected_clock),
        cmocka_unit_test(new_rules_apply_at_once_to_the_live_segment),
        cmocka_unit_test(rules_can_change_at_any_moment),
        cmocka_unit_test(ten_years_of_days_make_one_segment_each),
        cmocka_unit_test(ten_years_of_hours_make_one_segment_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
