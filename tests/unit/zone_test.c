/* zone_test.c - the bytes of a zone give the right offsets, and no bytes do harm.
 * tests/e2e/test_zones.py compares the system's own files with another implementation. */
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
#include "schema/record/timestamp.h"
#include "tests/unit/zone_bytes.h"

#define HOUR_S 3600
#define DAY_S  86400

static const struct zone_bytes_change some_changes[] = {{-1000000, 1}, {0, 2}, {1000000, 1}};
static const int32_t some_offsets_s[] = {-1172, 3600, 7200};

static int64_t at(int32_t year, int32_t month, int32_t day, int32_t second) {
    int64_t begin;
    assert_int_equal(timestamp_of_day(year, month, day, &begin), 0);
    return begin + second;
}

static int32_t offset(const struct zone *zone, int64_t unix_s) {
    int64_t until;
    const int32_t offset_s = zone_offset_s(zone, unix_s, &until);
    assert_true(until > unix_s);
    return offset_s;
}

/* The offset changes at exactly that second. */
static void changes_at(const struct zone *zone, int64_t unix_s, int32_t before_s, int32_t then_s) {
    int64_t until;
    assert_int_equal(zone_offset_s(zone, unix_s - 1, &until), before_s);
    assert_true(until == unix_s);
    assert_int_equal(offset(zone, unix_s), then_s);
}

static void offsets_change_at_their_second_and_the_last_one_stays_without_a_rule(void **s) {
    (void)s;
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence;
    int64_t until;
    zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "");
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), 0);
    assert_int_equal(offset(zone, at(1, 1, 1, 0)), -1172);
    changes_at(zone, -1000000, -1172, 3600);
    changes_at(zone, 0, 3600, 7200);
    changes_at(zone, 1000000, 7200, 3600);
    assert_int_equal(zone_offset_s(zone, at(2400, 7, 1, 0), &until), 3600);
    assert_true(until == INT64_MAX);
    zone_free(zone);
}

static void a_file_of_version_1_is_read_with_32_bit_times(void **s) {
    (void)s;
    struct zone_bytes made = {.size = 0};
    struct zone *zone;
    const char *sentence;
    zone_bytes_block(&made, '\0', 4, some_changes, 3, some_offsets_s, 3);
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), 0);
    changes_at(zone, -1000000, -1172, 3600);
    changes_at(zone, 1000000, 7200, 3600);
    zone_free(zone);
}

static void a_rule_continues_after_the_last_change_for_centuries(void **s) {
    (void)s;
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence;
    zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), 0);
    changes_at(zone, 0, 3600, 7200);
    changes_at(zone, at(2026, 3, 29, HOUR_S), 3600, 7200);
    changes_at(zone, at(2026, 10, 25, HOUR_S), 7200, 3600);
    changes_at(zone, at(2400, 3, 26, HOUR_S), 3600, 7200);
    changes_at(zone, at(2400, 10, 29, HOUR_S), 7200, 3600);
    assert_int_equal(offset(zone, at(9998, 7, 1, 0)), 7200);
    assert_int_equal(offset(zone, at(9998, 12, 1, 0)), 3600);
    zone_free(zone);
}

/* Each rule changes from offset before_s to then_s at that moment. */
static void rules_of_every_form_follow_posix(void **s) {
    (void)s;
    static const struct {
        const char *rule;
        int32_t year, month, day, second, before_s, then_s;
    } examples[] = {
        {"EST5EDT,M3.2.0,M11.1.0", 2026, 3, 8, 7 * HOUR_S, -5 * HOUR_S, -4 * HOUR_S},
        {"EST5EDT,M3.2.0,M11.1.0", 2026, 11, 1, 6 * HOUR_S, -4 * HOUR_S, -5 * HOUR_S},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2026, 4, 4, 15 * HOUR_S, 39600, 37800},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2026, 10, 3, 15 * HOUR_S + 1800, 37800, 39600},
        /* Winter time is the exception, as in Ireland. */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 2026, 10, 25, HOUR_S, HOUR_S, 0},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 2026, 3, 29, HOUR_S, 0, HOUR_S},
        /* Negative hours (the evening before a Sunday) and hours above 24. */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2026, 3, 29, HOUR_S, -7200, -3600},
        {"IST-2IDT,M3.4.4/26,M10.5.0", 2026, 3, 27, 0, 7200, 10800},
        /* J never counts 29 February, a bare number does. */
        {"A0AAA", 0, 0, 0, 0, 0, 0},
        {"AAA0BBB,J60/0,J300/0", 2024, 3, 1, 0, 0, 3600},
        {"AAA0BBB,J60/0,J300/0", 2023, 3, 1, 0, 0, 3600},
        {"AAA0BBB,59/0,300/0", 2024, 2, 29, 0, 0, 3600},
        {"AAA0BBB,59/0,300/0", 2023, 3, 1, 0, 0, 3600},
        /* Hours of up to a week move a change into the previous or next year. */
        {"AAA0BBB,0/-167,J100/0", 2025, 12, 25, HOUR_S, 0, 3600},
        {"AAA0BBB,J50/0,J365/167", 2026, 1, 6, 22 * HOUR_S, 3600, 0},
        {"AAA12:34:56", 0, 0, 0, 0, -45296, 0},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct zone *zone;
        const int error = zone_of_rule(examples[i].rule, &zone);
        if (strcmp(examples[i].rule, "A0AAA") == 0) {
            assert_int_equal(error, ERR_INVALID);
            continue;
        }
        if (error) fail_msg("%s is refused", examples[i].rule);
        if (examples[i].year == 0) {
            assert_int_equal(offset(zone, 0), examples[i].before_s);
        } else {
            const int64_t moment =
                at(examples[i].year, examples[i].month, examples[i].day, examples[i].second);
            if (offset(zone, moment - 1) != examples[i].before_s ||
                offset(zone, moment) != examples[i].then_s)
                fail_msg("%s: %d before, %d then", examples[i].rule, offset(zone, moment - 1),
                         offset(zone, moment));
            changes_at(zone, moment, examples[i].before_s, examples[i].then_s);
        }
        zone_free(zone);
    }
}

static void daylight_saving_all_year_never_ends(void **s) {
    (void)s;
    struct zone *zone;
    assert_int_equal(zone_of_rule("XXX3EDT4,0/0,J365/23", &zone), 0);
    for (int64_t moment = at(2023, 12, 1, 0); moment < at(2025, 2, 1, 0); moment += HOUR_S)
        assert_int_equal(offset(zone, moment), -4 * HOUR_S);
    zone_free(zone);
}

static void an_invalid_rule_is_refused(void **s) {
    (void)s;
    static const char *const rules[] = {
        "CE-1",
        "CET",
        "CET-25",
        "CET-1:60",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M3.5.0,M10.5.0/3 ",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J100",
        "CET-1CEST,J366,J100",
        "CET-1CEST,366,100",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "<CET-1",
        "CET-99999999999999999999",
        "-1",
        "M3.5.0",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct zone *zone;
        if (zone_of_rule(rules[i], &zone) != ERR_INVALID) fail_msg("%s is taken", rules[i]);
    }
}

/* Overwrites bytes of a valid file and expects that error. */
static void damaged(size_t where, const char *bytes, size_t size, const char *expected) {
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence = NULL;
    zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "CET-1");
    memcpy(made.bytes + where, bytes, size);
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), ERR_INVALID);
    assert_non_null(sentence);
    if (strstr(sentence, expected) == NULL) fail_msg("it said: %s", sentence);
}

static void a_damaged_file_is_refused_with_the_reason(void **s) {
    (void)s;
    /* The first block: header, one local time type, four letters.  Then the second block. */
    const size_t second = 44 + 6 + 4, times = second + 44, types = times + 3 * 9;
    damaged(0, "TZIF", 4, "no TZif file");
    damaged(second, "tzif", 4, "no TZif file");
    damaged(second + 32, "\xff\xff\xff\xff", 4, "cut off");
    damaged(second + 36, "\xff\xff\xff\xff", 4, "cut off");
    damaged(second + 36, "\0\0\0\0", 4, "counts are wrong");
    damaged(second + 31, "\1", 1, "cut off"); /* leap second count */
    damaged(times, "\x7f", 1, "out of order");
    damaged(times + 24, "\3", 1, "leads to nothing");
    damaged(types, "\x7f", 1, "kind of local time");
    damaged(types + 4, "\2", 1, "kind of local time");
    damaged(types + 5, "\4", 1, "kind of local time");
    damaged(types + 3 * 6 + 4, "x", 1, "last line is missing");
    damaged(types + 3 * 6 + 5, "1", 1, "rule in its last line");
    damaged(types + 3 * 6 + 10, "x", 1, "last line is cut off");
}

static void leap_seconds_are_refused_with_the_reason(void **s) {
    (void)s;
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence;
    zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "CET-1CET,M3.5.0,M10.5.0");
    made.bytes[44 + 6 + 4 + 31] = 1;
    assert_int_equal(zone_read(made.bytes, made.size, &zone, &sentence), ERR_INVALID);
    assert_non_null(strstr(sentence, "leap seconds"));
}

static void a_file_truncated_anywhere_is_refused(void **s) {
    (void)s;
    struct zone_bytes made;
    struct zone *zone;
    const char *sentence;
    zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "CET-1CEST,M3.5.0,M10.5.0/3");
    for (size_t size = 0; size < made.size; size++) {
        uint8_t *exact = malloc(size + 1); /* a sanitizer finds reads beyond it */
        memcpy(exact, made.bytes, size);
        exact = realloc(exact, size ? size : 1);
        assert_int_equal(zone_read(exact, size, &zone, &sentence), ERR_INVALID);
        free(exact);
    }
}

/* A zone that was accepted answers for every year, whatever its bytes. */
static void no_bytes_do_harm(void **s) {
    (void)s;
    uint64_t seed;
    uint32_t taken = 0;
    system_random(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int turn = 0; turn < 20000; turn++) {
        struct zone_bytes made;
        struct zone *zone;
        const char *sentence;
        zone_bytes_make(&made, some_changes, 3, some_offsets_s, 3, "CET-1CEST,M3.5.0,M10.5.0/3");
        for (int i = 0; i <= turn % 3; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            made.bytes[(seed >> 33) % made.size] = (uint8_t)(seed >> 24);
        }
        const int error = zone_read(made.bytes, made.size, &zone, &sentence);
        if (error) {
            assert_int_equal(error, ERR_INVALID);
            assert_non_null(sentence);
            continue;
        }
        taken++;
        for (int32_t year = 1; year < 9999; year += 713) {
            const int32_t offset_s = offset(zone, at(year, 5, 5, 5));
            assert_true(offset_s >= ZONE_OFFSET_MIN_S && offset_s <= ZONE_OFFSET_MAX_S);
        }
        zone_free(zone);
    }
    assert_true(taken > 100);
}

static int32_t leaping_offset_s(int64_t unix_s) {
    return unix_s < 123456789 ? -1800 : 5400;
}

static void changes_of_a_clock_with_only_offsets_are_found_to_the_second(void **s) {
    (void)s;
    struct zone *zone;
    assert_int_equal(zone_of_system(leaping_offset_s, &zone), 0);
    changes_at(zone, 123456789, -1800, 5400);
    zone_free(zone);
    int64_t until;
    assert_int_equal(zone_of_utc(&zone), 0);
    assert_int_equal(zone_offset_s(zone, 123456789, &until), 0);
    assert_true(until == INT64_MAX);
    zone_free(zone);
}

static void zone_names_cannot_leave_their_folder(void **s) {
    (void)s;
    static const char *const good[] = {
        "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Etc/GMT-14", "x.y"};
    static const char *const bad[] = {"",     "/etc/passwd", "../x", "Europe/../x", "Europe//x",
                                      "a\\b", "Europe/",     "c:",   ".x",          "Europe/.x",
                                      "a b",  "a\nb",        "x.",   "\xc3\xa4"};
    char longest[130];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!zone_name_valid(good[i])) fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (zone_name_valid(bad[i])) fail_msg("%s is taken", bad[i]);
    memset(longest, 'a', 129);
    longest[129] = '\0';
    assert_false(zone_name_valid(longest));
    assert_true(zone_name_valid(longest + 1));
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_change_at_their_second_and_the_last_one_stays_without_a_rule),
        cmocka_unit_test(a_file_of_version_1_is_read_with_32_bit_times),
        cmocka_unit_test(a_rule_continues_after_the_last_change_for_centuries),
        cmocka_unit_test(rules_of_every_form_follow_posix),
        cmocka_unit_test(daylight_saving_all_year_never_ends),
        cmocka_unit_test(an_invalid_rule_is_refused),
        cmocka_unit_test(a_damaged_file_is_refused_with_the_reason),
        cmocka_unit_test(leap_seconds_are_refused_with_the_reason),
        cmocka_unit_test(a_file_truncated_anywhere_is_refused),
        cmocka_unit_test(no_bytes_do_harm),
        cmocka_unit_test(changes_of_a_clock_with_only_offsets_are_found_to_the_second),
        cmocka_unit_test(zone_names_cannot_leave_their_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
