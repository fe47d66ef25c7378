/* stat_test.c - what stat counts, the intervals of a histogram, the most frequent values, and the
 * output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/system.h"
#include "tests/unit/memory_files.h"
#include "tools/commands/command.h"
#include "tools/render/histogram.h"
#include "tools/render/top.h"
#include "writer/segment/frame.h"

#define NS_PER_S 1000000000
#define FIRST    "logs/main/main-0000000001-20261124T073000Z.ndjson.lz4"
#define SECOND   "logs/main/main-0000000002-20261124T083000Z.ndjson.lz4"

static struct memory_files files;
static struct output out;

static int begin(void **state) {
    (void)state;
    memory_files_open(&files);
    output_open_memory(&out);
    return 0;
}

static int end(void **state) {
    (void)state;
    memory_files_close(&files);
    output_close(&out);
    return 0;
}

static void add_file(const char *path, const char *lines) {
    uint8_t frame[4096];
    void *scratch = malloc(frame_scratch_bytes());
    assert_true(frame_bytes_max(strlen(lines)) <= sizeof frame);
    const size_t size = frame_encode(scratch, (const uint8_t *)lines, strlen(lines), 1, frame);
    memory_write(memory_add(&files, path, false), frame, size, 0);
    free(scratch);
}

static void add_logs(void) {
    memory_add(&files, "logs", true);
    memory_add(&files, "logs/main", true);
    add_file(FIRST,
             "{\"ts\":\"2026-11-24T07:30:00Z\",\"level\":\"info\",\"http\":{\"status\":200}}\n"
             "{\"ts\":\"2026-11-24T07:30:01Z\",\"level\":\"error\",\"http\":{\"status\":500}}\n"
             "{\"level\":\"info\",\"http\":{\"status\":200}}\n");
    add_file(SECOND, "{\"ts\":\"2026-11-24T07:29:59.5Z\",\"http\":{\"status\":\"a\\u001bb\"}}\n"
                     "no JSON at all\n");
}

static const char *run(int code, const char *a, const char *b, const char *c, const char *d) {
    char *argv[] = {(char *)"logport", (char *)"stat", (char *)a, (char *)b, (char *)c, (char *)d};
    int argc = 2;
    while (argc < 6 && argv[argc] != NULL)
        argc++;
    out.used = 0;
    assert_int_equal(command_line_run(&files.files, &out, argc, argv), code);
    output_bytes(&out, "", 1);
    out.used--;
    return (const char *)out.bytes;
}

#define assert_has(text, part) assert_non_null(strstr(text, part))

/* ---- stat ---- */

static void lines_bytes_times_and_levels_are_counted_per_file_and_in_all(void **state) {
    (void)state;
    add_logs();
    const char *text = run(0, "--json", "logs", NULL, NULL);
    assert_has(text, "{\"files\":[{\"path\":\"" FIRST "\",\"lines\":3,\"raw_bytes\":174,");
    assert_has(text, "\"frames\":1,");
    assert_has(text, "\"timed\":2,\"time_min\":\"2026-11-24T07:30:00.000Z\","
                     "\"time_max\":\"2026-11-24T07:30:01.000Z\",\"levels\":{\"none\":0,"
                     "\"trace\":0,\"debug\":0,\"info\":2,\"warn\":0,\"error\":1,\"fatal\":0}},{");
    assert_has(text, "],\"all\":{\"lines\":5,");
    assert_has(text, "\"timed\":3,\"time_min\":\"2026-11-24T07:29:59.500Z\","
                     "\"time_max\":\"2026-11-24T07:30:01.000Z\",\"levels\":{\"none\":2,"
                     "\"trace\":0,\"debug\":0,\"info\":2,\"warn\":0,\"error\":1,\"fatal\":0}}}\n");
}

static void a_table_has_a_row_a_file_and_one_for_all_and_the_levels_that_occur(void **state) {
    (void)state;
    add_logs();
    const char *text = run(0, "logs", NULL, NULL, NULL);
    assert_has(text,
               "  from                  to                       error      info      none\n");
    assert_has(text, "  2026-11-24T07:30:00Z  2026-11-24T07:30:01Z         1         2         0"
                     "  " FIRST "\n");
    assert_has(text, "  2026-11-24T07:29:59Z  2026-11-24T07:30:01Z         1         2         2"
                     "  all\n");
    text = run(0, FIRST, NULL, NULL, NULL);
    assert_null(strstr(text, "  all\n")); /* one file needs no total */
}

static void the_most_frequent_values_come_first_and_the_rest_is_counted(void **state) {
    (void)state;
    add_logs();
    const char *text = run(0, "--by", "http.status", "-n2", "logs");
    assert_has(text, "\n       lines  http.status\n"
                     "           2  200\n"
                     "           1  500\n"
                     "           1  (other values)\n"
                     "           1  (without it)\n");
    text = run(0, "--by", "http.status", "logs", NULL);
    assert_has(text, "           1  a\\u001bb\n");
    text = run(0, "--json", "--by", "http.status", "logs");
    assert_has(text,
               ",\"by\":{\"field\":\"http.status\",\"values\":[{\"value\":\"200\",\"lines\":2},"
               "{\"value\":\"500\",\"lines\":1},{\"value\":\"a\\u001bb\",\"lines\":1}],"
               "\"others\":0,\"without\":1}}\n");
}

static void a_histogram_shows_stretches_of_time_as_bars(void **state) {
    (void)state;
    add_logs();
    const char *text = run(0, "--histogram", "logs", NULL, NULL);
    assert_has(text, "\ntime                        lines\n"
                     "2026-11-24T07:29:59Z            1  █");
    assert_has(text, "\n2026-11-24T07:30:01Z            1  █");
    text = run(0, "--histogram", "--json", "logs", NULL);
    assert_has(text,
               ",\"histogram\":{\"width_s\":1,\"stretches\":[{\"begin_s\":1795505399,\"lines\":1},"
               "{\"begin_s\":1795505400,\"lines\":1},{\"begin_s\":1795505401,\"lines\":1}]}}\n");
}

static void damage_and_missing_files_are_trouble_and_the_rest_is_counted(void **state) {
    (void)state;
    add_logs();
    memory_find(&files, FIRST)->bytes[30] ^= 1;
    assert_has(run(2, "logs", "--json", NULL, NULL), "],\"all\":{\"lines\":2,");
    run(2, "nowhere", NULL, NULL, NULL);
    memory_files_close(&files);
    memory_add(&files, "logs", true);
    assert_has(run(0, "logs", NULL, NULL, NULL), "           0        0 B        0 B   0.00  -  ");
    assert_has(run(0, "--histogram", "--json", "logs", NULL), "\"width_s\":0,\"stretches\":[]");
}

static void only_the_records_that_were_asked_for_are_counted(void **state) {
    (void)state;
    add_logs();
    assert_has(run(0, "--json", "--where", "http.status>=300", "logs"), "],\"all\":{\"lines\":1,");
    assert_has(run(0, "--json", "--level", "info", "logs"), "],\"all\":{\"lines\":3,");
    assert_has(run(2, "--json", "--stream", "other", "logs"), "],\"all\":{\"lines\":0,");
    run(2, "--where", "http.status>=", "logs", NULL);
}

/* ---- histogram ---- */

static uint64_t total_of(const struct histogram *h) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < h->count; i++)
        total += h->lines[i];
    return total;
}

static void stretches_grow_so_that_any_range_fits_and_no_line_is_lost(void **state) {
    (void)state;
    static struct histogram h;
    memset(&h, 0, sizeof h);
    const int64_t times[] = {0,
                             -1,
                             1,
                             999,
                             -999,
                             86400,
                             1795505400,
                             -86400,
                             INT64_MAX / NS_PER_S,
                             INT64_MIN / NS_PER_S,
                             5,
                             1795505400};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        histogram_add(&h, times[i] * NS_PER_S);
        assert_int_equal(total_of(&h), i + 1);
        assert_true(h.count <= HISTOGRAM_INTERVALS_MAX);
        assert_true(h.lines[0] > 0 && h.lines[h.count - 1] > 0);
    }
    histogram_add(&h, INT64_MIN);
    histogram_add(&h, INT64_MAX);
    const uint64_t total = total_of(&h);
    histogram_shrink(&h, 1);
    assert_int_equal(h.count, 2); /* before and after 1970 */
    assert_int_equal(total_of(&h), total);
}

static void a_line_is_counted_in_the_stretch_that_holds_its_time(void **state) {
    (void)state;
    static struct histogram h;
    memset(&h, 0, sizeof h);
    for (int64_t second = 3599; second >= 0; second -= 7) /* backwards: it grows at the front */
        histogram_add(&h, second * NS_PER_S + 1);
    for (uint32_t i = 0; i < h.count; i++) {
        const int64_t from = (h.first + i) * h.width_s, to = from + h.width_s;
        uint64_t expected = 0;
        for (int64_t second = 3599; second >= 0; second -= 7)
            expected += second >= from && second < to;
        assert_int_equal(h.lines[i], expected);
    }
    histogram_shrink(&h, 40);
    assert_int_equal(h.width_s, 300);
    assert_int_equal(h.count, 12);
}

/* ---- top ---- */

static void add_number(struct top *top, uint32_t number) {
    char text[16];
    top_add(top, (const uint8_t *)text, (size_t)snprintf(text, sizeof text, "%u", number));
}

static void is_value(const struct top *top, uint32_t place, const char *text, uint64_t count) {
    const struct top_value *value = &top->values[place];
    assert_int_equal(value->count, count);
    assert_int_equal(value->size, strlen(text));
    assert_memory_equal(top->texts + value->text, text, value->size);
}

static void an_empty_value_may_be_the_first(void **state) {
    (void)state;
    struct top top = {0};
    top_add(&top, (const uint8_t *)"", 0);
    top_add(&top, (const uint8_t *)"", 0);
    assert_int_equal(top_sort(&top), 1);
    assert_int_equal(top.values[0].count, 2);
    assert_int_equal(top.values[0].size, 0);
    top_free(&top);
}

static void up_to_a_limit_values_are_counted_exactly(void **state) {
    (void)state;
    struct top top = {0};
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < TOP_VALUES_MAX; i++)
            add_number(&top, i);
    add_number(&top, 7);
    assert_false(top_is_approximate(&top));
    assert_int_equal(top_sort(&top), TOP_VALUES_MAX);
    is_value(&top, 0, "7", 3);
    is_value(&top, 1, "0", 2); /* equal counts: ordered by text */
    top_free(&top);
}

/* The k-th of ten values occurs 2000 + 100 k times, the first time after very many others. */
static void add_many(struct top *top, uint32_t values) {
    for (uint32_t i = 0; i < values; i++) {
        add_number(top, 1000 + i);
        if (i < values / 2) continue;
        for (uint32_t k = 0; k < 10; k++)
            if ((i - values / 2) % (values / 2 / (2000 + 100 * k)) == 0) add_number(top, k);
    }
}

static void frequent_values_are_found_and_counted_among_any_number(void **state) {
    (void)state;
    struct top top = {0};
    uint64_t expected[10] = {0};
    const uint32_t values = 3000000;
    for (uint32_t i = values / 2; i < values; i++)
        for (uint32_t k = 0; k < 10; k++)
            expected[k] += (i - values / 2) % (values / 2 / (2000 + 100 * k)) == 0;
    add_many(&top, values);
    assert_true(top_is_approximate(&top));
    assert_true(top.used == TOP_VALUES_MAX && top.bound <= values / TOP_VALUES_MAX + 1);
    assert_true(top.texts_room < 64 * (size_t)TOP_VALUES_MAX);
    top_recount(&top, 10);
    add_many(&top, values);
    assert_true(top_sort(&top) >= 10);
    for (uint32_t i = 0; i < 10; i++) {
        char text[2] = {(char)('9' - i), '\0'};
        is_value(&top, i, text, expected[9 - i]);
    }
    uint64_t listed = 0;
    for (uint32_t i = 0; i < top.used; i++)
        listed += top.values[i].count;
    uint64_t all = values;
    for (uint32_t k = 0; k < 10; k++)
        all += expected[k];
    assert_int_equal(listed + top.others, all);
    top_free(&top);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int program_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        TEST(lines_bytes_times_and_levels_are_counted_per_file_and_in_all),
        TEST(a_table_has_a_row_a_file_and_one_for_all_and_the_levels_that_occur),
        TEST(the_most_frequent_values_come_first_and_the_rest_is_counted),
        TEST(a_histogram_shows_stretches_of_time_as_bars),
        TEST(damage_and_missing_files_are_trouble_and_the_rest_is_counted),
        TEST(only_the_records_that_were_asked_for_are_counted),
        TEST(stretches_grow_so_that_any_range_fits_and_no_line_is_lost),
        TEST(a_line_is_counted_in_the_stretch_that_holds_its_time),
        TEST(an_empty_value_may_be_the_first),
        TEST(up_to_a_limit_values_are_counted_exactly),
        TEST(frequent_values_are_found_and_counted_among_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
