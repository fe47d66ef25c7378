/* schedule_test.c - when a schedule is due on a clock that changes its offset.
 * tests/e2e/test_zones.py compares ten years of it in all zones with another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "schema/record/timestamp.h"
#include "tests/unit/zone_bytes.h"
#include "writer/clock/schedule.h"

#define LONDON    "GMT0BST,M3.5.0/1,M10.5.0"
#define NEW_YORK  "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define KOLKATA   "IST-5:30"
/* Changes at midnight, as Brazil did: one midnight a year does not exist. */
#define MIDNIGHT  "<-03>3<-02>,M10.3.0/0,M2.3.0/0"
/* Changes a minute after midnight, as until 2011: one midnight a year occurs twice. */
#define ST_JOHNS  "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01"

static struct zone *zone_made(const char *rule) {
    struct zone *zone;
    assert_int_equal(zone_of_rule(rule, &zone), 0);
    return zone;
}

/* After `from`, the schedule is due at exactly these consecutive moments ("YYYYMMDDTHHMMSSZ"). */
static void due(const char *rule, const char *text, const char *from, const char *const *moments) {
    struct zone *zone = zone_made(rule);
    struct schedule schedule;
    int64_t after_ns, moment_ns;
    assert_int_equal(schedule_parse(text, &schedule), 0);
    schedule.zone = zone;
    assert_int_equal(timestamp_parse_compact(from, &after_ns), 0);
    int64_t after = after_ns / 1000000000;
    for (; *moments; moments++) {
        assert_int_equal(timestamp_parse_compact(*moments, &moment_ns), 0);
        const int64_t next = schedule_next(&schedule, after);
        if (next * 1000000000 != moment_ns) {
            char shown[TIMESTAMP_TEXT_MAX];
            fail_msg("%s in %s: %s, not %s", text, rule,
                     timestamp_format_compact(next * 1000000000, shown), *moments);
        }
        /* Any second in between gives the same moment. */
        assert_true(schedule_next(&schedule, next - 1) == next);
        assert_true(schedule_next(&schedule, after + (next - after) / 2) == next);
        after = next;
    }
    zone_free(zone);
}
#define DUE(rule, text, from, ...) due(rule, text, from, (const char *const[]){__VA_ARGS__, NULL})

static void schedule_texts_are_read_or_refused(void **state) {
    (void)state;
    static const char *const good[] = {"never",
                                       "hourly",
                                       "daily",
                                       "every 1m",
                                       "every 15m",
                                       "every 6h",
                                       "every 1440m",
                                       "every 24h",
                                       "at 00:00",
                                       "at 23:59",
                                       "at 12:30,00:00, 06:00"};
    static const char *const bad[] = {
        "",
        "Hourly",
        "hourly ",
        "every",
        "every ",
        "every 0m",
        "every 5",
        "every 5s",
        "every -5m",
        "every 1d",
        "every 1441m",
        "every 25h",
        "every 5 m",
        "at",
        "at ",
        "at 24:00",
        "at 12:60",
        "at 1:00",
        "at 01:0",
        "at 01:000",
        "at 00:00,",
        "at 00:00;",
        "at 00:00 01:00",
        "at 00:00:00",
        "weekly",
        "every 99999999999999m",
    };
    struct schedule schedule;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (schedule_parse(good[i], &schedule) != 0) fail_msg("\"%s\" is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (schedule_parse(bad[i], &schedule) != ERR_INVALID) fail_msg("\"%s\" is taken", bad[i]);
}

static void up_to_48_times_a_day_are_accepted(void **state) {
    (void)state;
    char text[8 * SCHEDULE_TIMES_MAX + 64] = "at 00:00";
    struct schedule schedule;
    for (int i = 1; i < SCHEDULE_TIMES_MAX; i++)
        snprintf(text + strlen(text), 32, ",%02d:%02d", i / 2, i % 2 * 30);
    assert_int_equal(schedule_parse(text, &schedule), 0);
    strcat(text, ",23:59");
    assert_int_equal(schedule_parse(text, &schedule), ERR_INVALID);
}

static void never_is_never_due(void **state) {
    (void)state;
    struct schedule schedule;
    assert_int_equal(schedule_parse("never", &schedule), 0);
    assert_true(schedule_never(&schedule));
    assert_true(schedule_next(&schedule, 0) == INT64_MAX);
}

static void days_begin_at_local_midnight(void **state) {
    (void)state;
    DUE(LONDON, "daily", "20260328T120000Z", "20260329T000000Z", "20260329T230000Z",
        "20260330T230000Z");
    DUE(LONDON, "daily", "20261024T120000Z", "20261024T230000Z", "20261026T000000Z");
    DUE(NEW_YORK, "daily", "20260307T120000Z", "20260308T050000Z", "20260309T040000Z");
    DUE(KOLKATA, "daily", "20260101T000000Z", "20260101T183000Z", "20260102T183000Z");
}

static void
a_skipped_midnight_is_the_first_moment_and_a_repeated_one_the_first_occurrence(void **state) {
    (void)state;
    DUE(MIDNIGHT, "daily", "20261017T120000Z", "20261018T030000Z", "20261019T020000Z");
    DUE(MIDNIGHT, "daily", "20260214T120000Z", "20260215T030000Z", "20260216T030000Z");
    DUE(ST_JOHNS, "daily", "20261031T120000Z", "20261101T023000Z", "20261102T033000Z");
}

static void each_hour_begins_once_when_the_clock_repeats_or_skips_one(void **state) {
    (void)state;
    /* 01:00 jumps to 02:00. */
    DUE(LONDON, "hourly", "20260328T233000Z", "20260329T000000Z", "20260329T010000Z",
        "20260329T020000Z");
    /* The hour from 01:00 occurs twice and counts as one hour that lasts two. */
    DUE(LONDON, "hourly", "20261024T233000Z", "20261025T000000Z", "20261025T020000Z",
        "20261025T030000Z");
    DUE(NEW_YORK, "hourly", "20261101T043000Z", "20261101T050000Z", "20261101T070000Z");
    DUE(KOLKATA, "hourly", "20260101T000000Z", "20260101T003000Z", "20260101T013000Z");
}

static void the_half_hour_change_of_lord_howe_skips_and_repeats_no_hour(void **state) {
    (void)state;
    /* 02:00 jumps to 02:30, at 15:30 UTC: the hour of 02:00 begins there, and 03:00 half an hour
     * later. */
    DUE(LORD_HOWE, "hourly", "20261003T140000Z", "20261003T143000Z", "20261003T153000Z",
        "20261003T160000Z");
    /* 02:00 goes back to 01:30, at 15:00 UTC: the hour of 01:00 lasts an hour and a half. */
    DUE(LORD_HOWE, "hourly", "20260404T130000Z", "20260404T140000Z", "20260404T153000Z");
}

static void intervals_count_from_local_midnight_and_restart_each_day(void **state) {
    (void)state;
    DUE(KOLKATA, "every 15m", "20260101T000100Z", "20260101T001500Z", "20260101T003000Z");
    DUE(LONDON, "every 7h", "20260101T000000Z", "20260101T070000Z", "20260101T140000Z",
        "20260101T210000Z", "20260102T000000Z", "20260102T070000Z");
    /* The quarters of the skipped hour do not exist; they are due together, at the jump. */
    DUE(LONDON, "every 15m", "20260329T003100Z", "20260329T004500Z", "20260329T010000Z",
        "20260329T011500Z");
    /* 01:15 to 01:45 occur twice and count once. */
    DUE(LONDON, "every 15m", "20261025T003100Z", "20261025T004500Z", "20261025T020000Z");
}

static void times_of_the_day_are_due_in_order_however_they_are_listed(void **state) {
    (void)state;
    DUE(NEW_YORK, "at 12:30,00:00,12:30", "20260601T120000Z", "20260601T163000Z",
        "20260602T040000Z", "20260602T163000Z");
    /* On that day the hour from 02:00 to 03:00 is skipped. */
    DUE(NEW_YORK, "at 02:30", "20260308T000000Z", "20260308T070000Z", "20260309T063000Z");
    DUE(NEW_YORK, "at 01:30", "20261101T000000Z", "20261101T053000Z", "20261102T063000Z");
}

/* Samoa skipped 30 December 2011; Kwajalein once had a day twice. */
static void a_skipped_day_is_due_at_the_jump(void **state) {
    (void)state;
    static const struct zone_bytes_change changes[] = {{1325239200, 1}, {1400000400, 0}};
    static const int32_t offsets_s[] = {-36000, 50400};
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence;
    struct schedule schedule;
    zone_bytes_make(&made, changes, 2, offsets_s, 2, "");
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), 0);
    assert_int_equal(schedule_parse("daily", &schedule), 0);
    schedule.zone = zone;
    assert_int_equal(schedule_next(&schedule, 1325239200 - 86400), 1325239200);
    assert_int_equal(schedule_next(&schedule, 1325239200), 1325239200 + 86400);
    /* Back by a day at 07:00 local time: the last two midnights occur again, and count once. */
    const int64_t back = 1400000400;
    const int64_t before = schedule_next(&schedule, back - 86400);
    assert_int_equal(before, back - 7 * 3600);
    assert_int_equal(schedule_next(&schedule, before), before + 2 * 86400);
    zone_free(zone);
}

static void moments_before_1970_and_in_2400_work(void **state) {
    (void)state;
    struct zone *zone = zone_made(NEW_YORK);
    struct schedule schedule;
    int64_t day;
    assert_int_equal(schedule_parse("daily", &schedule), 0);
    schedule.zone = zone;
    assert_int_equal(timestamp_of_day(2400, 7, 4, &day), 0);
    assert_true(schedule_next(&schedule, day) == day + 4 * 3600);
    assert_int_equal(timestamp_of_day(1901, 12, 25, &day), 0);
    assert_true(schedule_next(&schedule, day) == day + 5 * 3600);
    zone_free(zone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_texts_are_read_or_refused),
        cmocka_unit_test(up_to_48_times_a_day_are_accepted),
        cmocka_unit_test(never_is_never_due),
        cmocka_unit_test(days_begin_at_local_midnight),
        cmocka_unit_test(
            a_skipped_midnight_is_the_first_moment_and_a_repeated_one_the_first_occurrence),
        cmocka_unit_test(each_hour_begins_once_when_the_clock_repeats_or_skips_one),
        cmocka_unit_test(the_half_hour_change_of_lord_howe_skips_and_repeats_no_hour),
        cmocka_unit_test(intervals_count_from_local_midnight_and_restart_each_day),
        cmocka_unit_test(times_of_the_day_are_due_in_order_however_they_are_listed),
        cmocka_unit_test(a_skipped_day_is_due_at_the_jump),
        cmocka_unit_test(moments_before_1970_and_in_2400_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
