/* query_time_test.c - the times that --since and --until accept.  The start of a day depends on the
 * local zone: these tests hold in any zone, and CMake runs them in several. */
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
#include "tools/query/query.h"

#define SECOND INT64_C(1000000000)
#define DAY_S  INT64_C(86400)
#define NOW    (INT64_C(1795505400) * SECOND) /* 2026-11-24T07:30:00Z */

static struct zone *local;

static int64_t read_time(const char *text, int64_t now_ns) {
    int64_t unix_ns = 0;
    if (query_time(text, now_ns, local, &unix_ns) != 0) fail_msg("%s is no time", text);
    return unix_ns;
}

static void ages_are_reckoned_from_now(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ago_ns;
    } examples[] = {
        {"now", 0},
        {"0s", 0},
        {"1ms", SECOND / 1000},
        {"10s", 10 * SECOND},
        {"10m", 600 * SECOND},
        {"10min", 600 * SECOND},
        {"1h", 3600 * SECOND},
        {"1.5h", 5400 * SECOND},
        {"0.25s", SECOND / 4},
        {"2d", 2 * DAY_S * SECOND},
        {"1w", 7 * DAY_S * SECOND},
        {"007m", 420 * SECOND},
        {"104166d", 104166 * DAY_S * SECOND}, /* long before 1970 */
        {"-10m", 600 * SECOND},
        {"10 m", 600 * SECOND},
        {"1h30m", 5400 * SECOND},
        {"1h 30m", 5400 * SECOND},
        {"1d2h3m4s5ms", (DAY_S + 7200 + 180 + 4) * SECOND + SECOND / 200},
        {"10 minutes ago", 600 * SECOND},
        {"10m ago", 600 * SECOND},
        {"-1 hour 30 minutes", 5400 * SECOND},
        {"2 days 1 hour ago", (2 * DAY_S + 3600) * SECOND},
        {"3weeks", 21 * DAY_S * SECOND},
        {"Now", 0},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (read_time(examples[i].text, NOW) != NOW - examples[i].ago_ns)
            fail_msg("%s is something else", examples[i].text);
}

static void moments_with_a_zone_and_epochs_are_taken_as_they_stand(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t unix_ns;
    } examples[] = {
        {"2026-11-24T07:30:00Z", NOW},
        {"2026-11-24T08:30:00+01:00", NOW},
        {"2026-11-24T07:30:00.25Z", NOW + SECOND / 4},
        {"2026-11-24 07:30Z", NOW},
        {"2026-11-24 02:30:00-0500", NOW},
        {"1795505400", NOW},
        {"1795505400.5", NOW + SECOND / 2},
        {"1795505400000", NOW},
        {"1795505400000000", NOW},
        {"1795505400000000000", NOW},
        {"0", 0},
        {"-1795505400.25", -NOW - SECOND / 4},
        {"5", 5 * SECOND}, /* without a unit: since 1970 */
        {"2026-11-24 07:30 UTC", NOW},
        {"2026-11-24 07:30 gmt", NOW},
        {"2026-11-24 09:30 +02:00", NOW},
        {"2026-11-24 09:30+02", NOW},
        {"Nov 24 7:30 UTC", NOW},
        {"24 nov 2026 07:30:00 UTC", NOW},
        {"November 24, 2026 07:30Z", NOW},
        {"07:30Z", NOW},
        {"today 07:30 UTC", NOW},
        {"tuesday 07:30 UTC", NOW},
        {"yesterday 07:30 UTC", NOW - DAY_S * SECOND},
        {"2026-11-24 UTC", NOW - 27000 * SECOND},
        {"Nov 25 UTC", NOW - 27000 * SECOND - 364 * DAY_S * SECOND}, /* that of last year */
        {"29 feb UTC", INT64_C(1709164800) * SECOND},                /* that of 2024 */
        {"20261124 07:30 UTC", NOW},
        {"20261124T073000Z", NOW}, /* as in the names of segments */
        {"20261124073000Z", NOW},
        {"1970123", 1970123 * SECOND},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (read_time(examples[i].text, NOW) != examples[i].unix_ns)
            fail_msg("%s is something else", examples[i].text);
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "m",
        "10x",
        "10M",
        ".5h",
        "1e3s",
        "1,5h",
        "10m ",
        " 10m",
        "10mm",
        "tomorrow",
        "todayx",
        "nowish",
        "2026-11-31",
        "2026-13-01",
        "2026-1-1",
        "2026-02-29",
        "24.11.2026",
        "2026-11",
        "2026-11-24T",
        "2026-11-24T25:00:00Z",
        "24:30",
        "07:60",
        "07-30",
        "07:30:0",
        "1234-12-12",
        "999999999w",
        "9999999999999999999999999999s",
        "2026-11-24TT00:00:00Z",
        "-",
        "- 10m",
        "10 minutes agone",
        "ago",
        "10m 5",
        "1h30",
        "mond",
        "mondays",
        "nov",
        "Nov 31",
        "Nov 29 2026 15",
        "20261131",
        "20261124T0730001",
        "20261124 CET",
        "2026-11-24 07:30 +25:00",
        "2026-11-24 UTC 07:30",
        "now UTC",
        "yesterday today",
        "7:3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t unix_ns = 0;
        const int status = query_time(bad[i], NOW, local, &unix_ns);
        if (status != ERR_INVALID) fail_msg("\"%s\" is taken for %lld", bad[i], (long long)unix_ns);
    }
}

/* ---- days ---- */

/* The number of the local day since 1970. */
static int64_t local_day(int64_t unix_ns) {
    const int64_t unix_s = unix_ns / SECOND, local_s = unix_s + system_zone_offset_s(unix_s);
    return local_s / DAY_S - (local_s % DAY_S < 0);
}

/* Checks every 41 minutes of a year: every hour of the day, and the days with 23 and 25 hours.
 * LOGPORT_TEST_SCALE reduces this where zone queries are slow (Wine). */
static void check_days(int64_t year_begin_s) {
    const char *percent = system_environment("LOGPORT_TEST_SCALE");
    const int scale = percent != NULL ? atoi(percent) : 100;
    const int64_t step_s = 41 * 60 * (scale > 0 && scale < 100 ? 100 / scale : 1);
    for (int64_t at_s = year_begin_s; at_s < year_begin_s + 366 * DAY_S; at_s += step_s) {
        const int64_t now_ns = at_s * SECOND;
        const int64_t today_ns = read_time("today", now_ns);
        const int64_t yesterday_ns = read_time("yesterday", now_ns);
        const bool right = today_ns <= now_ns && local_day(today_ns) == local_day(now_ns) &&
                           local_day(today_ns - SECOND) == local_day(now_ns) - 1 &&
                           local_day(yesterday_ns) == local_day(now_ns) - 1 &&
                           local_day(yesterday_ns - SECOND) == local_day(now_ns) - 2;
        if (!right)
            fail_msg("at %lld: today %lld, yesterday %lld", (long long)at_s,
                     (long long)(today_ns / SECOND), (long long)(yesterday_ns / SECOND));
    }
}

static void today_and_yesterday_begin_with_the_local_day_however_long_it_is(void **state) {
    (void)state;
    check_days(1514764800); /* 2018: Brazil still changed its clocks, at midnight */
    check_days(1767225600); /* 2026 */
}

/* What local clocks show, given as if it were UTC. */
static int64_t local_s(int64_t unix_s) {
    return unix_s + system_zone_offset_s(unix_s);
}

static void what_names_no_zone_is_local_time(void **state) {
    (void)state;
    const int64_t midnight_s = NOW / SECOND - (7 * 3600 + 1800); /* in UTC */
    static const struct {
        const char *text;
        int64_t behind_midnight_s;
    } examples[] = {
        {"2026-11-24", 0},
        {"2026/11/24", 0},
        {"2026-11-24 15:00", 15 * 3600},
        {"2026-11-24T15:00:30", 15 * 3600 + 30},
        {"2026-11-23_07:30", -86400 + 7 * 3600 + 1800},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        assert_int_equal(local_s(read_time(examples[i].text, NOW) / SECOND),
                         midnight_s + examples[i].behind_midnight_s);
    const int64_t today_s = local_s(read_time("today", NOW) / SECOND);
    assert_int_equal(local_s(read_time("15:00", NOW) / SECOND), today_s + 15 * 3600);
    assert_int_equal(local_s(read_time("00:00:01", NOW) / SECOND), today_s + 1);
    assert_int_equal(read_time("00:00", NOW), read_time("today", NOW));
}

static void
a_weekday_is_the_latest_one_and_a_date_without_a_year_is_not_in_the_future(void **state) {
    (void)state;
    static const char *const days[] = {"monday", "tuesday", "WED",   "Thursday",
                                       "Fri",    "sat",     "sunday"};
    const int64_t today_s = local_s(read_time("today", NOW) / SECOND);
    const int64_t today = local_day(NOW); /* day 4, 1970-01-05, was a Monday */
    for (int32_t i = 0; i < 7; i++) {
        const int64_t begin_s = local_s(read_time(days[i], NOW) / SECOND);
        assert_int_equal(((begin_s / DAY_S - 4) % 7 + 7) % 7, i);
        assert_true(begin_s <= today_s && begin_s > today_s - 7 * DAY_S);
        assert_int_equal(begin_s / DAY_S <= today, true);
    }
    assert_int_equal(read_time("Nov 24", NOW), read_time("2026-11-24", NOW));
    assert_int_equal(read_time("20261124", NOW), read_time("2026-11-24", NOW));
    assert_int_equal(read_time("Nov 27 15:00", NOW), read_time("2025-11-27 15:00", NOW));
    assert_int_equal(local_s(read_time("yesterday 03:00", NOW) / SECOND),
                     today_s - DAY_S + 3 * 3600);
}

static void
a_local_time_that_comes_twice_is_the_first_and_a_skipped_one_is_when_it_is(void **state) {
    (void)state;
    const char *zone = system_environment("TZ");
    if (zone == NULL || strcmp(zone, "Europe/Berlin") != 0) skip();
    /* 02:00 to 03:00 on March 29, and 03:00 back to 02:00 on October 25; both at 01:00 UTC. */
    assert_int_equal(read_time("2026-03-29 02:30", NOW), read_time("2026-03-29T01:00:00Z", NOW));
    assert_int_equal(read_time("2026-03-29 03:00", NOW), read_time("2026-03-29T01:00:00Z", NOW));
    assert_int_equal(read_time("2026-10-25 02:30", NOW), read_time("2026-10-25T00:30:00Z", NOW));
    assert_int_equal(read_time("2026-10-25 03:00", NOW), read_time("2026-10-25T02:00:00Z", NOW));
}

static void in_the_zone_that_the_test_was_given_days_begin_when_they_should(void **state) {
    (void)state;
    const char *zone = system_environment("TZ");
    const int64_t today_s = read_time("today", NOW) / SECOND - (NOW / SECOND);
    if (zone != NULL && strcmp(zone, "Asia/Kolkata") == 0)
        assert_int_equal(today_s, -13 * 3600);
    else if (zone != NULL && strcmp(zone, "America/New_York") == 0)
        assert_int_equal(today_s, -(2 * 3600 + 1800));
    else if (zone != NULL && strcmp(zone, "UTC") == 0)
        assert_int_equal(today_s, -(7 * 3600 + 1800));
    else
        skip();
}

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    if (zone_of_system(system_zone_offset_s, &local) < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_are_reckoned_from_now),
        cmocka_unit_test(moments_with_a_zone_and_epochs_are_taken_as_they_stand),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(today_and_yesterday_begin_with_the_local_day_however_long_it_is),
        cmocka_unit_test(what_names_no_zone_is_local_time),
        cmocka_unit_test(
            a_weekday_is_the_latest_one_and_a_date_without_a_year_is_not_in_the_future),
        cmocka_unit_test(
            a_local_time_that_comes_twice_is_the_first_and_a_skipped_one_is_when_it_is),
        cmocka_unit_test(in_the_zone_that_the_test_was_given_days_begin_when_they_should),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    zone_free(local);
    return failed;
}
