/* sorter_test.c - records leave the sorter in order of time, place and line, as early as the bounds
 * allow; runs are merged in levels; records of tail -f --sort are held for their delay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/chance.h"
#include "tools/commands/held.h"
#include "tools/query/sorter.h"

struct taken {
    struct sorted_record *records;
    uint64_t count, room;
    uint64_t stop_at; /* 0: never */
    bool newest_first;
};

/* Checks the text and the order. */
static bool take(void *context, const struct sorted_record *record) {
    struct taken *const taken = context;
    char text[32];
    const int size =
        snprintf(text, sizeof text, "%llu.%u ", (unsigned long long)record->place, record->line);
    assert_true(record->size >= (uint32_t)size);
    assert_memory_equal(record->text, text, (size_t)size);
    if (taken->count > 0)
        assert_true(sorted_compare(&taken->records[taken->count - 1], record, taken->newest_first) <
                    0);
    if (taken->count == taken->room) {
        taken->room = taken->room * 2 + 64;
        taken->records = realloc(taken->records, taken->room * sizeof *taken->records);
        assert_non_null(taken->records);
    }
    taken->records[taken->count++] = *record;
    return taken->count != taken->stop_at;
}

static struct sorted_record a_record(char *text, size_t size, int64_t time_ns, uint64_t place,
                                     uint32_t line) {
    const int begin = snprintf(text, size, "%llu.%u ", (unsigned long long)place, line);
    memset(text + begin, 'x', size - (size_t)begin);
    return (struct sorted_record){.time_ns = time_ns,
                                  .place = place,
                                  .line = line,
                                  .size = (uint32_t)size,
                                  .text = (const uint8_t *)text};
}

/* Pieces whose first times rise, and times that spread from there.  Returns what was taken. */
static struct taken sort(uint64_t seed, uint32_t pieces, uint32_t lines, size_t size, bool newest,
                         uint64_t max, uint64_t stop_at) {
    struct chance chance = {seed};
    struct taken taken = {.newest_first = newest, .stop_at = stop_at};
    struct sorter sorter;
    char *const text = malloc(size);
    assert_non_null(text);
    sorter_open(&sorter, newest, max, take, &taken);
    for (uint32_t i = 0; i < pieces; i++)
        for (uint32_t line = 0; line < lines; line++) {
            const int64_t first = 10 * (int64_t)i, more = (int64_t)(chance_next(&chance) % 1000);
            const struct sorted_record record =
                a_record(text, size, newest ? -(first + more) : first + more, i, line);
            sorter_add(&sorter, &record, newest ? -first : first);
        }
    assert_int_equal(sorter_finish(&sorter), 0);
    sorter_close(&sorter);
    free(text);
    return taken;
}

static void what_fits_in_memory_is_sorted(void **state) {
    (void)state;
    for (int newest = 0; newest < 2; newest++) {
        struct taken taken = sort(1, 50, 40, 60, newest == 1, UINT64_MAX, 0);
        assert_int_equal(taken.count, 2000);
        free(taken.records);
    }
}

static void what_does_not_fit_is_sorted_in_runs(void **state) {
    (void)state;
    for (int newest = 0; newest < 2; newest++) {
        struct taken taken = sort(2, 20, 3000, 1500, newest == 1, UINT64_MAX, 0);
        assert_int_equal(taken.count, 60000);
        free(taken.records);
    }
}

static void the_first_records_are_those_of_all(void **state) {
    (void)state;
    for (int newest = 0; newest < 2; newest++) {
        struct taken all = sort(3, 40, 500, 100, newest == 1, UINT64_MAX, 0);
        static const uint64_t max[] = {1, 2, 19, 500, 6000, 19999, 20000, 30000};
        for (size_t i = 0; i < sizeof max / sizeof *max; i++) {
            struct taken some = sort(3, 40, 500, 100, newest == 1, max[i], 0);
            assert_int_equal(some.count, max[i] < all.count ? max[i] : all.count);
            for (uint64_t k = 0; k < some.count; k++)
                assert_int_equal(sorted_compare(&some.records[k], &all.records[k], newest == 1), 0);
            free(some.records);
        }
        free(all.records);
    }
}

static void nothing_is_taken_after_the_taker_has_enough(void **state) {
    (void)state;
    struct taken taken = sort(4, 50, 40, 60, false, UINT64_MAX, 7);
    assert_int_equal(taken.count, 7);
    free(taken.records);
}

static void no_record_is_wanted_beyond_the_last_of_the_first(void **state) {
    (void)state;
    struct taken taken = {0};
    struct sorter sorter;
    char text[40];
    sorter_open(&sorter, false, 2, take, &taken);
    for (int64_t time = 5; time > 1; time--) {
        const struct sorted_record record = a_record(text, sizeof text, time, (uint64_t)time, 0);
        assert_false(sorter_has_enough(&sorter, 1));
        sorter_add(&sorter, &record, INT64_MIN);
    }
    assert_true(sorter_has_enough(&sorter, 100));
    assert_false(sorter_has_enough(&sorter, 3)); /* an equal time may come before it */
    assert_int_equal(sorter_finish(&sorter), 0);
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.records[1].time_ns, 3);
    sorter_close(&sorter);
    free(taken.records);
}

static void many_runs_are_merged_in_levels(void **state) {
    (void)state;
    enum { RUNS = 3 * RUNS_MERGED + 5, RECORDS = 7 };
    struct runs runs = {0};
    struct taken taken = {0};
    char text[100];
    for (uint32_t run = 0; run < RUNS; run++) {
        assert_int_equal(runs_begin(&runs), 0);
        for (uint32_t i = 0; i < RECORDS; i++) {
            const struct sorted_record record =
                a_record(text, sizeof text, (int64_t)(i * 1000 + run % 10), run, i);
            assert_int_equal(runs_add(&runs, &record), 0);
        }
        assert_int_equal(runs_end(&runs), 0);
        assert_in_range(runs.count, 1, RUNS_MERGED + 3);
    }
    for (const struct sorted_record *first; (first = runs_first(&runs)) != NULL;) {
        take(&taken, first);
        runs_next(&runs);
    }
    assert_int_equal(runs.status, 0);
    assert_int_equal(taken.count, RUNS * RECORDS);
    assert_int_equal(runs.bytes, 0);
    runs_close(&runs);
    free(taken.records);
}

/* ---- held ---- */

static void hold(struct held *held, int64_t time_ns, uint64_t place, int64_t now_ns) {
    char text[40];
    const struct sorted_record record = a_record(text, sizeof text, time_ns, place, 0);
    held_add(held, &record, now_ns);
}

static void a_record_is_held_for_the_delay_and_passed_on_with_earlier_ones(void **state) {
    (void)state;
    struct held held = {.delay_ns = 100};
    struct taken taken = {0};
    hold(&held, 50, 1, 1000);
    hold(&held, 40, 2, 1050);
    hold(&held, 60, 3, 1050);
    held_pass_on(&held, 1099, take, &taken);
    assert_int_equal(taken.count, 0);
    held_pass_on(&held, 1100, take, &taken);
    assert_int_equal(taken.count, 2); /* 40 need not wait any longer */
    held_pass_on(&held, 1150, take, &taken);
    assert_int_equal(taken.count, 3);
    held_close(&held);
    free(taken.records);
}

static void a_late_record_is_passed_on_at_once(void **state) {
    (void)state;
    struct held held = {.delay_ns = 100};
    struct taken taken = {0};
    held_passed(&held, 500);
    hold(&held, 499, 1, 1000);
    hold(&held, 500, 2, 1000); /* not late */
    held_pass_on(&held, 1000, take, &taken);
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.records[0].time_ns, 499);
    held_close(&held);
    free(taken.records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_in_memory_is_sorted),
        cmocka_unit_test(what_does_not_fit_is_sorted_in_runs),
        cmocka_unit_test(the_first_records_are_those_of_all),
        cmocka_unit_test(nothing_is_taken_after_the_taker_has_enough),
        cmocka_unit_test(no_record_is_wanted_beyond_the_last_of_the_first),
        cmocka_unit_test(many_runs_are_merged_in_levels),
        cmocka_unit_test(a_record_is_held_for_the_delay_and_passed_on_with_earlier_ones),
        cmocka_unit_test(a_late_record_is_passed_on_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
