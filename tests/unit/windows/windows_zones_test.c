/* windows_zones_test.c - time zones by their IANA names: from the registry, which Wine has too, from rules
 * of single years, and from an ICU that is played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "port/windows/zones.h"
#include "writer/clock/zone.h"

#define HOUR 3600

static struct zone *zone_of(const struct zone_changes *changes) {
    void *bytes;
    size_t size;
    struct zone *zone;
    const char *sentence;
    assert_int_equal(zone_changes_write(changes, &bytes, &size), 0);
    const int error = zone_read(bytes, size, &zone, &sentence);
    if (error != 0) fail_msg("%s", sentence ? sentence : error_text(error));
    free(bytes);
    return zone;
}

static int32_t offset_at(const struct zone *zone, int64_t unix_s) {
    int64_t until;
    return zone_offset_s(zone, unix_s, &until);
}

static void expect_change(const struct zone *zone, int64_t at_s, int32_t before, int32_t after) {
    assert_int_equal(offset_at(zone, at_s - 1), before);
    assert_int_equal(offset_at(zone, at_s), after);
}

/* ---- the registry ---- */

static struct zone *system_zone_of(const char *name) {
    void *bytes;
    size_t size;
    struct zone *zone;
    const char *sentence;
    if (system_zone(name, &bytes, &size) != 0) fail_msg("%s is unknown", name);
    assert_int_equal(zone_read(bytes, size, &zone, &sentence), 0);
    free(bytes);
    return zone;
}

static void zones_are_found_by_their_usual_names(void **state) {
    (void)state;
    struct zone *zone = system_zone_of("Europe/Berlin");
    expect_change(zone, 1774746000, HOUR, 2 * HOUR); /* 2026-03-29 01:00 UTC */
    expect_change(zone, 1792890000, 2 * HOUR, HOUR); /* 2026-10-25 01:00 UTC */
    expect_change(zone, 4109878800, HOUR, 2 * HOUR); /* 2100-03-28 01:00 UTC: by the rule */
    zone_free(zone);
    zone = system_zone_of("America/New_York");
    expect_change(zone, 1772953200, -5 * HOUR, -4 * HOUR); /* 2026-03-08 07:00 UTC */
    zone_free(zone);
    zone = system_zone_of("Australia/Sydney");             /* where summer spans the new year */
    expect_change(zone, 1775318400, 11 * HOUR, 10 * HOUR); /* 2026-04-04 16:00 UTC */
    expect_change(zone, 1791043200, 10 * HOUR, 11 * HOUR); /* 2026-10-03 16:00 UTC */
    zone_free(zone);
    zone = system_zone_of("Asia/Kolkata");
    assert_int_equal(offset_at(zone, 1774746000), 5 * HOUR + HOUR / 2);
    zone_free(zone);
}

static void a_name_that_is_none_is_not_found(void **state) {
    (void)state;
    static const char *const names[] = {"Mars/Base", "Europe", "Berlin", "europe/berlin", "", " "};
    void *bytes;
    size_t size;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(system_zone(names[i], &bytes, &size), ERR_NOT_FOUND);
    assert_string_equal(zone_windows_name("Europe/Berlin"), "W. Europe Standard Time");
    assert_string_equal(zone_windows_name("Asia/Calcutta"), "India Standard Time");
    assert_null(zone_windows_name("Europe/Berli"));
}

/* ---- rules of single years ---- */

static const struct zone_year north = {.bias = -60,
                                       .daylight_bias = -60,
                                       .standard = {0, 10, 0, 5, 3, 0, 0, 0},
                                       .daylight = {0, 3, 0, 5, 2, 0, 0, 0}};

static void one_rule_is_valid_for_ever(void **state) {
    (void)state;
    struct zone_changes *changes = malloc(sizeof *changes);
    assert_int_equal(zone_of_years(&north, 1, 1970, changes), 0);
    assert_string_equal(changes->rule, "STD-1:00DST-2:00,M3.5.0/2:00:00,M10.5.0/3:00:00");
    struct zone *zone = zone_of(changes);
    expect_change(zone, 1774746000, HOUR, 2 * HOUR);
    expect_change(zone, 1792890000, 2 * HOUR, HOUR);
    zone_free(zone);
    struct zone_year constant = {.bias = 210}; /* 3.5 h to the west */
    assert_int_equal(zone_of_years(&constant, 1, 1970, changes), 0);
    zone = zone_of(changes);
    assert_int_equal(offset_at(zone, 0), -3 * HOUR - HOUR / 2);
    zone_free(zone);
    free(changes);
}

/* As in Moscow: another offset from a new year on, and no daylight saving any more. */
static void a_change_of_rules_takes_place_at_the_new_year(void **state) {
    (void)state;
    struct zone_year years[3] = {north, north, {.bias = -180}};
    struct zone_changes *changes = malloc(sizeof *changes);
    assert_int_equal(zone_of_years(years, 3, 2010, changes), 0);
    struct zone *zone = zone_of(changes);
    expect_change(zone, 1301187600, HOUR, 2 * HOUR);    /* 2011-03-27 01:00 UTC */
    expect_change(zone, 1325365200 - HOUR, HOUR, HOUR); /* 2011-12-31 20:00 UTC */
    expect_change(zone, 1325365200, HOUR, 3 * HOUR);    /* 2011-12-31 21:00 UTC: 2012 by then */
    assert_int_equal(offset_at(zone, 4109878800), 3 * HOUR);
    assert_int_equal(offset_at(zone, 7000000), HOUR); /* 1970, by the first rule */
    zone_free(zone);
    free(changes);
}

/* ---- ICU ---- */

/* A zone of ICU: one hour before UTC, and from 1,000 s on two. */
static double now_ms;
static int opened, closed;
static int never_ends;

static void *fake_open(const uint16_t *zone, int32_t length, const char *locale, int type,
                       int *status) {
    (void)zone, (void)length, (void)locale, (void)type, (void)status;
    opened++;
    return &now_ms;
}

static void fake_close(void *calendar) {
    (void)calendar;
    closed++;
}

static void fake_set(void *calendar, double millis, int *status) {
    (void)calendar, (void)status;
    now_ms = millis;
}

static int32_t fake_get(const void *calendar, int field, int *status) {
    (void)calendar, (void)status;
    if (field == 15) return HOUR * 1000;
    if (never_ends) return (int64_t)(now_ms / 1000) % 2 ? HOUR * 1000 : 0;
    return now_ms >= 1000000 ? HOUR * 1000 : 0;
}

static int8_t fake_transition(const void *calendar, int type, double *millis, int *status) {
    (void)calendar, (void)type, (void)status;
    if (never_ends) {
        *millis = now_ms + 1000;
        return 1;
    }
    if (now_ms >= 1000000) return 0;
    *millis = now_ms < -1e12 ? -1e12 : 1000000; /* the first one changes nothing */
    return 1;
}

static int32_t fake_canonical(const uint16_t *zone, int32_t length, uint16_t *result, int32_t room,
                              int8_t *is_known, int *status) {
    (void)result, (void)room;
    *is_known = length == 5 && zone[0] == 'K';
    if (length == 1) *status = 1;
    return 0;
}

static const struct icu fake = {fake_open, fake_close,      fake_set,
                                fake_get,  fake_transition, fake_canonical};

static void zones_of_icu_are_read_change_by_change(void **state) {
    (void)state;
    struct zone_changes *changes = malloc(sizeof *changes);
    assert_int_equal(zone_of_icu(&fake, "Known", changes), 0);
    assert_int_equal(changes->count, 1);
    struct zone *zone = zone_of(changes);
    expect_change(zone, 1000, HOUR, 2 * HOUR);
    assert_int_equal(offset_at(zone, 4109878800), 2 * HOUR);
    zone_free(zone);
    assert_int_equal(zone_of_icu(&fake, "Other", changes), ERR_NOT_FOUND);
    assert_int_equal(zone_of_icu(&fake, "?", changes), ERR_NOT_FOUND);
    never_ends = 1;
    assert_int_equal(zone_of_icu(&fake, "Known", changes), ERR_TOO_LARGE);
    never_ends = 0;
    assert_int_equal(opened, closed);
    free(changes);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_are_found_by_their_usual_names),
        cmocka_unit_test(a_name_that_is_none_is_not_found),
        cmocka_unit_test(one_rule_is_valid_for_ever),
        cmocka_unit_test(a_change_of_rules_takes_place_at_the_new_year),
        cmocka_unit_test(zones_of_icu_are_read_change_by_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
