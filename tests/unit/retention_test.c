/* retention_test.c - which segments are deleted: only as many as the rules require, oldest first;
 * checked against a reference that tries every number of deletions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/chance.h"
#include "tests/unit/probe.h"
#include "writer/keep/retention.h"

#define SECOND       INT64_C(1000000000)
#define DAY          (86400 * SECOND)
#define NOW          (INT64_C(1795521600) * SECOND)
#define SEGMENTS_MAX 40
#define ENOUGH       (UINT64_MAX / 2)
#define STREAMS_MAX  3

struct bench {
    struct retention_segment segments[SEGMENTS_MAX], *order[SEGMENTS_MAX];
    struct retention_limits limits[STREAMS_MAX];
    struct retention_question question;
    struct retention_space spaces[RETENTION_PLACES]; /* place p is on volume p + 1 */
    uint32_t going;
};

static void prepare(struct bench *b) {
    memset(b, 0, sizeof *b);
    b->question.segments = b->segments;
    b->question.limits = b->limits;
    b->question.now_ns = NOW;
    b->question.spaces = b->spaces;
    b->question.space_count = RETENTION_PLACES;
    for (uint32_t place = 0; place < RETENTION_PLACES; place++)
        b->spaces[place] = (struct retention_space){.volume = place + 1, .free = ENOUGH};
}

static struct retention_segment *add(struct bench *b, uint32_t stream, uint64_t sequence,
                                     int64_t closed_ns, uint64_t bytes) {
    struct retention_segment *segment = &b->segments[b->question.count++];
    *segment = (struct retention_segment){
        .stream = stream, .sequence = sequence, .closed_ns = closed_ns, .bytes = {bytes, 0}};
    for (uint32_t place = 0; place < RETENTION_PLACES; place++)
        segment->volumes[place] = place + 1;
    return segment;
}

static void decide(struct bench *b) {
    b->going = retention_decide(&b->question, b->order);
}

static void assert_goes(const struct bench *b, uint32_t n, uint32_t stream, uint64_t sequence,
                        enum retention_reason reason) {
    assert_true(n < b->going);
    assert_int_equal(b->order[n]->stream, stream);
    assert_int_equal(b->order[n]->sequence, sequence);
    assert_int_equal(b->order[n]->reason, reason);
}

/* ---- one rule ---- */

static void without_rules_nothing_is_deleted(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    b.spaces[0].free = 0;
    add(&b, 0, 1, 0, UINT64_C(1) << 50);
    decide(&b);
    assert_int_equal(b.going, 0);
    b.question.count = 0;
    decide(&b);
    assert_int_equal(b.going, 0);
}

static void a_segment_is_deleted_when_it_reaches_the_age_limit(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    b.limits[0].age_s = 30 * 86400;
    add(&b, 0, 1, NOW - 40 * DAY, 5);
    add(&b, 0, 2, NOW - 30 * DAY, 5);
    add(&b, 0, 3, NOW - 30 * DAY + 1, 5);
    add(&b, 1, 1, NOW - 99 * DAY, 5);
    decide(&b);
    assert_int_equal(b.going, 2);
    assert_goes(&b, 0, 0, 1, RETENTION_AGE);
    assert_goes(&b, 1, 0, 2, RETENTION_AGE);
}

static void bytes_can_reach_the_limit_but_not_exceed_it(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    for (uint64_t i = 1; i <= 4; i++)
        add(&b, 0, i, NOW - DAY, 25);
    b.question.all.bytes_max = 100;
    decide(&b);
    assert_int_equal(b.going, 0);
    b.question.all.bytes_max = 99;
    decide(&b);
    assert_int_equal(b.going, 1);
    assert_goes(&b, 0, 0, 1, RETENTION_ALL_BYTES);
    b.question.all.bytes_max = 1;
    decide(&b);
    assert_int_equal(b.going, 4);
}

static void the_newest_segments_up_to_the_count_limit_stay(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    for (uint64_t i = 1; i <= 4; i++)
        add(&b, 0, i, NOW - DAY, 25);
    add(&b, 1, 1, NOW - 2 * DAY, 25);
    b.limits[0].count_max = 3;
    decide(&b);
    assert_int_equal(b.going, 1);
    assert_goes(&b, 0, 0, 1, RETENTION_STREAM_COUNT);
    b.question.all.count_max = 2; /* the other stream's segment is older */
    decide(&b);
    assert_int_equal(b.going, 3);
    assert_goes(&b, 0, 1, 1, RETENTION_ALL_COUNT);
    assert_goes(&b, 1, 0, 1, RETENTION_STREAM_COUNT);
    assert_goes(&b, 2, 0, 2, RETENTION_ALL_COUNT);
}

static void deletions_for_other_reasons_count_as_freed_space(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    for (uint64_t i = 1; i <= 4; i++)
        add(&b, 0, i, NOW - (5 - (int64_t)i) * DAY, 25);
    b.limits[0].age_s = 3 * 86400;
    b.question.free_min = 1000;
    b.spaces[0].free = 950; /* the age rule frees 50 */
    decide(&b);
    assert_int_equal(b.going, 2);
    b.spaces[0].free = 949;
    decide(&b);
    assert_int_equal(b.going, 3);
    assert_goes(&b, 2, 0, 3, RETENTION_FREE);
}

static void only_segments_on_a_volume_free_its_space(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    add(&b, 0, 1, NOW - 4 * DAY, 0)->bytes[1] = 25; /* archived on another volume */
    add(&b, 0, 2, NOW - 3 * DAY, 25);
    add(&b, 0, 3, NOW - 2 * DAY, 25);
    b.question.free_min = 1000;
    b.spaces[0].free = 990;
    b.spaces[1].free = 5000;
    decide(&b);
    assert_int_equal(b.going, 1);
    assert_goes(&b, 0, 0, 2, RETENTION_FREE);
}

/* Two streams in one place, one of them on a volume of its own. */
static void each_stream_frees_space_on_its_own_volume(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    for (uint64_t i = 1; i <= 3; i++)
        add(&b, 0, i, NOW - (9 - (int64_t)i) * DAY, 25);
    for (uint64_t i = 1; i <= 3; i++)
        add(&b, 1, i, NOW - (5 - (int64_t)i) * DAY, 25)->volumes[0] = 77;
    b.spaces[1].volume = 77;
    b.question.free_min = 1000;
    b.spaces[1].free = 960;
    decide(&b);
    assert_int_equal(b.going, 2);
    assert_goes(&b, 0, 1, 1, RETENTION_FREE);
    assert_goes(&b, 1, 1, 2, RETENTION_FREE);
    b.spaces[0].free = 999;
    decide(&b);
    assert_int_equal(b.going, 3);
    assert_goes(&b, 0, 0, 1, RETENTION_FREE);
}

static void the_live_segment_is_never_deleted_and_never_counted(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    add(&b, 0, 1, NOW - 2 * DAY, 10);
    add(&b, 0, 2, NOW - 90 * DAY, 1000)->part = true;
    b.limits[0] = (struct retention_limits){.count_max = 1, .bytes_max = 10};
    b.question.all.bytes_max = 10;
    decide(&b);
    assert_int_equal(b.going, 0);
    b.limits[0].age_s = 1;
    b.question.free_min = 100;
    b.spaces[0].free = 0;
    decide(&b);
    assert_int_equal(b.going, 1);
    assert_goes(&b, 0, 0, 1, RETENTION_AGE);
}

/* ---- clocks ---- */

static void a_clock_that_was_behind_makes_no_segment_older(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    add(&b, 0, 1, NOW - 10 * DAY, 5);
    add(&b, 0, 2, 0, 5); /* 1970: the clock was not set yet */
    add(&b, 0, 3, NOW - 9 * DAY, 5);
    b.limits[0].age_s = 20 * 86400;
    decide(&b);
    assert_int_equal(b.going, 0);
    b.limits[0].age_s = 10 * 86400;
    decide(&b);
    assert_int_equal(b.going, 2);
    assert_goes(&b, 1, 0, 2, RETENTION_AGE);
}

static void a_clock_that_was_far_ahead_keeps_no_segment_for_ever(void **state) {
    (void)state;
    struct bench b;
    prepare(&b);
    add(&b, 0, 1, NOW - 10 * DAY, 5);
    add(&b, 0, 2, NOW + 9999 * DAY, 5);
    add(&b, 0, 3, NOW - 9 * DAY, 5);
    add(&b, 1, 1, NOW + 9999 * DAY, 5); /* no later segment proves it older: it counts as new */
    b.limits[0].age_s = b.limits[1].age_s = 9 * 86400;
    decide(&b);
    assert_int_equal(b.going, 3);
    assert_goes(&b, 1, 0, 2, RETENTION_AGE);
}

/* ---- all rules, against a reference that tries ---- */

static uint64_t bytes_on(const struct retention_segment *segment) {
    return segment->bytes[0] + segment->bytes[1];
}

/* How many of the first candidates must be deleted at least so that the limits hold. */
static uint32_t fewest(struct retention_segment *const *candidates, uint32_t count,
                       const struct retention_limits *limits) {
    for (uint32_t n = 0; n < count; n++) {
        uint64_t bytes = 0;
        for (uint32_t i = n; i < count; i++)
            bytes += bytes_on(candidates[i]);
        const bool well = (limits->bytes_max == 0 || bytes <= limits->bytes_max) &&
                          (limits->count_max == 0 || count - n <= limits->count_max);
        if (well) return n;
    }
    return count;
}

static bool older(const struct retention_segment *a, const struct retention_segment *b) {
    if (a->since_ns != b->since_ns) return a->since_ns < b->since_ns;
    if (a->stream != b->stream) return a->stream < b->stream;
    return a->sequence < b->sequence;
}

/* Puts the segments that are not deleted in `left`, oldest first. */
static uint32_t left_over(struct bench *b, const bool *gone, uint32_t stream,
                          struct retention_segment **left) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->question.count; i++) {
        struct retention_segment *segment = &b->segments[i];
        if (segment->part || gone[i]) continue;
        if (stream < STREAMS_MAX && segment->stream != stream) continue;
        uint32_t at = count++;
        for (; at > 0 && older(segment, left[at - 1]); at--)
            left[at] = left[at - 1];
        left[at] = segment;
    }
    return count;
}

static void take(struct bench *b, bool *gone, struct retention_segment **left, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        gone[left[i] - b->segments] = true;
}

static void reckon(struct bench *b, bool *gone) {
    struct retention_segment *left[SEGMENTS_MAX];
    memset(gone, 0, SEGMENTS_MAX * sizeof *gone);
    for (uint32_t s = 0; s < STREAMS_MAX; s++) {
        uint32_t n = left_over(b, gone, s, left), old = 0;
        while (b->limits[s].age_s > 0 && old < n &&
               left[old]->since_ns + (int64_t)b->limits[s].age_s * SECOND <= NOW)
            old++;
        take(b, gone, left, old);
        n = left_over(b, gone, s, left);
        take(b, gone, left, fewest(left, n, &b->limits[s]));
    }
    uint32_t n = left_over(b, gone, STREAMS_MAX, left);
    take(b, gone, left, fewest(left, n, &b->question.all));
    for (int v = 0; v < RETENTION_PLACES; v++) {
        for (bool again = b->spaces[v].free != ENOUGH; again;) {
            uint64_t free_bytes = b->spaces[v].free;
            for (uint32_t i = 0; i < b->question.count; i++)
                if (gone[i]) free_bytes += b->segments[i].bytes[v];
            n = left_over(b, gone, STREAMS_MAX, left);
            uint32_t at = 0;
            while (at < n && left[at]->bytes[v] == 0)
                at++;
            again = free_bytes < b->question.free_min && at < n;
            if (again) take(b, gone, left + at, 1);
        }
    }
}

static uint64_t sometimes(struct chance *chance, uint64_t limit) {
    return chance_one_in(chance, 2) ? 0 : 1 + chance_below(chance, limit);
}

static void make_up(struct bench *b, struct chance *chance) {
    prepare(b);
    const uint32_t count = (uint32_t)chance_below(chance, SEGMENTS_MAX + 1);
    uint32_t stream = 0;
    int64_t closed_ns = NOW - 60 * DAY;
    for (uint64_t i = 1; i <= count; i++) {
        if (stream + 1 < STREAMS_MAX && chance_one_in(chance, 12)) {
            stream++;
            closed_ns = NOW - (int64_t)chance_below(chance, 60) * DAY;
        }
        closed_ns += (int64_t)chance_below(chance, 4) * DAY;
        int64_t clock_ns = closed_ns;
        if (chance_one_in(chance, 10))
            clock_ns += (int64_t)chance_below(chance, 200) * DAY - 100 * DAY;
        struct retention_segment *segment = add(b, stream, i, clock_ns, chance_below(chance, 100));
        segment->part = chance_one_in(chance, 15);
        if (chance_one_in(chance, 3)) {
            segment->bytes[1] = segment->bytes[0];
            if (!chance_one_in(chance, 8)) segment->bytes[0] = 0;
        }
    }
    for (int s = 0; s < STREAMS_MAX; s++)
        b->limits[s] = (struct retention_limits){.age_s = sometimes(chance, 60) * 86400,
                                                 .bytes_max = sometimes(chance, 1200),
                                                 .count_max = sometimes(chance, 25)};
    b->question.all = (struct retention_limits){.bytes_max = sometimes(chance, 2000),
                                                .count_max = sometimes(chance, 40)};
    b->question.free_min = sometimes(chance, 1000);
    for (int v = 0; v < RETENTION_PLACES; v++)
        if (chance_one_in(chance, 2)) b->spaces[v].free = chance_below(chance, 1500);
}

static void the_rules_delete_the_oldest_and_no_more_than_needed(void **state) {
    (void)state;
    uint32_t decided = 0, reasons = 0;
    const uint32_t rounds = scaled(200000);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct chance chance = {.state = seed};
        struct bench b;
        bool expected[SEGMENTS_MAX], goes[SEGMENTS_MAX] = {0};
        make_up(&b, &chance);
        decide(&b);
        reckon(&b, expected);
        for (uint32_t i = 0; i < b.going; i++) {
            goes[b.order[i] - b.segments] = true;
            reasons |= 1u << b.order[i]->reason;
            if (b.order[i]->part || b.order[i]->reason == RETENTION_STAYS)
                fail_msg("seed %d: one that stays goes", (int)seed);
            if (i > 0 && !older(b.order[i - 1], b.order[i]))
                fail_msg("seed %d: %d does not go in its turn", (int)seed, (int)i);
        }
        for (uint32_t i = 0; i < b.question.count; i++) {
            if (goes[i] != expected[i])
                fail_msg("seed %d: segment %d %s", (int)seed, (int)i,
                         goes[i] ? "goes without need" : "ought to go");
            if (i > 0 && b.segments[i - 1].stream == b.segments[i].stream &&
                b.segments[i - 1].since_ns > b.segments[i].since_ns)
                fail_msg("seed %d: segment %d is older than the one before", (int)seed, (int)i);
        }
        decided += b.going;
    }
    assert_true(decided > rounds);
    assert_int_equal(reasons, (1u << (RETENTION_FREE + 1)) - 1 - (1u << RETENTION_STAYS));
}

/* ---- rules and messages ---- */

static void a_streams_own_age_replaces_the_global_one(void **state) {
    (void)state;
    struct retention_stream streams[] = {{.name = "audit", .limits = {.age_s = 1000}},
                                         {.name = "debug", .limits = {.bytes_max = 5}}};
    struct retention_rules rules = {
        .all = {.age_s = 10, .bytes_max = 20}, .streams = streams, .stream_count = 2};
    assert_int_equal(retention_limits_of(&rules, "audit").age_s, 1000);
    assert_int_equal(retention_limits_of(&rules, "debug").age_s, 10);
    assert_int_equal(retention_limits_of(&rules, "debug").bytes_max, 5);
    assert_int_equal(retention_limits_of(&rules, "main").age_s, 10);
    assert_int_equal(retention_limits_of(&rules, "main").bytes_max, 0);
    assert_true(retention_wanted(&rules));
    rules.all = (struct retention_limits){0};
    assert_true(retention_wanted(&rules));
    rules.stream_count = 0;
    assert_false(retention_wanted(&rules));
    rules.free_min = 1;
    assert_true(retention_wanted(&rules));
}

static void reasons_use_the_units_of_the_configuration(void **state) {
    (void)state;
    char text[RETENTION_REASON_TEXT_MAX], number[32];
    struct retention_limits own = {
        .age_s = 30 * 86400, .bytes_max = UINT64_C(1500000000), .count_max = 24};
    struct retention_rules rules = {.all = {.bytes_max = UINT64_C(10) << 30, .count_max = 7},
                                    .free_min = UINT64_C(5) << 30};
    static const char *const expected[] = {"",
                                           "older than 30d",
                                           "more than 24 in stream main",
                                           "over 1500 MB in stream main",
                                           "more than 7 in all",
                                           "over 10 GiB in all",
                                           "less than 5 GiB free"};
    for (int reason = RETENTION_STAYS; reason <= RETENTION_FREE; reason++)
        assert_string_equal(
            retention_reason_text((enum retention_reason)reason, &own, "main", &rules, text),
            expected[reason]);
    own.age_s = 36 * 3600;
    retention_reason_text(RETENTION_AGE, &own, "main", &rules, text);
    assert_string_equal(text, "older than 36h");
    assert_string_equal(retention_bytes_text(12345, number), "12345 bytes");
    assert_string_equal(retention_bytes_text(0, number), "0 bytes");
    assert_string_equal(retention_bytes_text(64 << 20, number), "64 MiB");
}

static void the_longest_reason_fits(void **state) {
    (void)state;
    char stream[STREAM_NAME_MAX + 1], text[RETENTION_REASON_TEXT_MAX];
    memset(stream, 's', STREAM_NAME_MAX);
    stream[STREAM_NAME_MAX] = '\0';
    const struct retention_limits own = {.bytes_max = UINT64_MAX, .count_max = UINT64_MAX};
    const struct retention_rules rules = {0};
    retention_reason_text(RETENTION_STREAM_BYTES, &own, stream, &rules, text);
    assert_string_equal(text + strlen(text) - STREAM_NAME_MAX, stream);
    retention_reason_text(RETENTION_STREAM_COUNT, &own, stream, &rules, text);
    assert_string_equal(text + strlen(text) - STREAM_NAME_MAX, stream);
}

static void an_error_that_stays_is_reported_at_growing_intervals(void **state) {
    (void)state;
    struct retention_report report = {0};
    int64_t reported[64];
    int count = 0;
    for (int64_t minute = 0; minute <= 300; minute++)
        if (retention_report_due(&report, -5, minute * 60 * SECOND)) reported[count++] = minute;
    const int64_t expected[] = {0, 1, 3, 7, 15, 31, 63, 123, 183, 243};
    assert_int_equal(count, sizeof expected / sizeof *expected);
    assert_memory_equal(reported, expected, sizeof expected);
    assert_true(retention_report_due(&report, -6, 300 * 60 * SECOND)); /* another one: at once */
    assert_false(retention_report_due(&report, -6, 300 * 60 * SECOND + 59 * SECOND));
    assert_true(retention_report_due(&report, -6, 200 * 60 * SECOND)); /* the clock was set back */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_nothing_is_deleted),
        cmocka_unit_test(an_error_that_stays_is_reported_at_growing_intervals),
        cmocka_unit_test(a_segment_is_deleted_when_it_reaches_the_age_limit),
        cmocka_unit_test(bytes_can_reach_the_limit_but_not_exceed_it),
        cmocka_unit_test(the_newest_segments_up_to_the_count_limit_stay),
        cmocka_unit_test(deletions_for_other_reasons_count_as_freed_space),
        cmocka_unit_test(only_segments_on_a_volume_free_its_space),
        cmocka_unit_test(each_stream_frees_space_on_its_own_volume),
        cmocka_unit_test(the_live_segment_is_never_deleted_and_never_counted),
        cmocka_unit_test(a_clock_that_was_behind_makes_no_segment_older),
        cmocka_unit_test(a_clock_that_was_far_ahead_keeps_no_segment_for_ever),
        cmocka_unit_test(the_rules_delete_the_oldest_and_no_more_than_needed),
        cmocka_unit_test(a_streams_own_age_replaces_the_global_one),
        cmocka_unit_test(reasons_use_the_units_of_the_configuration),
        cmocka_unit_test(the_longest_reason_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
