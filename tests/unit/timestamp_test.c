/* timestamp_test.c - formatting and parsing times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "schema/record/timestamp.h"

#define SECOND_NS 1000000000

static void formats_as(int64_t unix_ns, const char *expected) {
    char text[TIMESTAMP_TEXT_MAX];
    assert_ptr_equal(timestamp_format(unix_ns, text), text);
    assert_string_equal(text, expected);
}

static void a_moment_has_at_least_milliseconds(void **state) {
    (void)state;
    formats_as(0, "1970-01-01T00:00:00.000Z");
    formats_as(1795505400123456789, "2026-11-24T07:30:00.123456789Z");
    formats_as(1795505400123456780, "2026-11-24T07:30:00.12345678Z");
    formats_as(1795505400123400000, "2026-11-24T07:30:00.1234Z");
    formats_as(1795505400123000000, "2026-11-24T07:30:00.123Z");
    formats_as(1795505400120000000, "2026-11-24T07:30:00.120Z");
    formats_as(1795505400000000000, "2026-11-24T07:30:00.000Z");
    formats_as(1795505400000000001, "2026-11-24T07:30:00.000000001Z");
    formats_as(999999999, "1970-01-01T00:00:00.999999999Z");
    formats_as(951782400 * (int64_t)SECOND_NS, "2000-02-29T00:00:00.000Z");
}

static void every_moment_that_64_bits_hold_can_be_formatted(void **state) {
    (void)state;
    formats_as(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    formats_as(-1, "1969-12-31T23:59:59.999999999Z");
    formats_as(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
}

/* Every day, compared with a calendar that only counts. */
static void the_calendar_is_right_for_every_day_until_2262(void **state) {
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1970, month = 1, day = 1;
    for (int64_t days = 0; days <= INT64_MAX / SECOND_NS / 86400; days++) {
        char expected[64], text[TIMESTAMP_TEXT_MAX];
        const int64_t second = days * 7919 % 86400; /* some other time each day */
        const int64_t unix_ns = (days * 86400 + second) * SECOND_NS;
        snprintf(expected, sizeof expected, "%04d%02d%02dT%02d%02d%02dZ", year, month, day,
                 (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
        assert_string_equal(timestamp_format_compact(unix_ns, text), expected);
        int64_t parsed = -1;
        assert_int_equal(timestamp_parse_compact(text, &parsed), 0);
        assert_true(parsed == unix_ns);
        const int leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + leap) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
    assert_int_equal(year, 2262);
}

static void the_compact_form_cuts_off_what_is_below_a_second(void **state) {
    (void)state;
    char text[TIMESTAMP_TEXT_MAX];
    assert_string_equal(timestamp_format_compact(1795505400999999999, text), "20261124T073000Z");
}

static void what_is_no_moment_is_not_parsed(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "20261124T07300Z",
        "20261124T073000",
        "20261124t073000Z",
        "20261124T073000z",
        "20261124 073000Z",
        "2026-11-24T07:30",
        " 0261124T073000Z",
        "+0261124T073000Z",
        "20261324T073000Z", /* month 13 */
        "20260024T073000Z",
        "20261100T073000Z",
        "20261131T073000Z", /* November has 30 days */
        "20260229T073000Z", /* no leap year */
        "21000229T073000Z", /* none either */
        "20261124T240000Z",
        "20261124T076000Z",
        "20261124T073060Z",
        "19691231T235959Z", /* before 1970 */
        "22620411T234717Z", /* more than 64 bits hold */
        "99991231T235959Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t unix_ns = 42;
        if (timestamp_parse_compact(bad[i], &unix_ns) != ERR_INVALID) fail_msg("%s", bad[i]);
        assert_true(unix_ns == 42);
    }
    int64_t unix_ns;
    assert_int_equal(timestamp_parse_compact("22620411T234716Z", &unix_ns), 0);
    assert_int_equal(timestamp_parse_compact("20000229T000000Z and more", &unix_ns), 0);
    assert_int_equal(timestamp_parse_compact("19700101T000000Z", &unix_ns), 0);
    assert_true(unix_ns == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_has_at_least_milliseconds),
        cmocka_unit_test(every_moment_that_64_bits_hold_can_be_formatted),
        cmocka_unit_test(the_calendar_is_right_for_every_day_until_2262),
        cmocka_unit_test(the_compact_form_cuts_off_what_is_below_a_second),
        cmocka_unit_test(what_is_no_moment_is_not_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
