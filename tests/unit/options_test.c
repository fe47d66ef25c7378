/* options_test.c - what the option table accepts, and the errors for what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/options.h"

struct settings {
    bool invert;
    bool ignore_case;
    const char *dir;
    uint64_t lines;
    uint64_t line_bytes_max;
    uint64_t flush_ms;
    uint64_t age_s;
    uint64_t unbounded;
    struct option_list tcp;
};

#define AT(field) offsetof(struct settings, field)

static const struct option table[] = {
    {.name = "invert", .letter = 'v', .kind = OPTION_FLAG, .field = AT(invert), .help = "invert"},
    {.name = "ignore_case", .letter = 'i', .kind = OPTION_FLAG, .field = AT(ignore_case)},
    {.name = "dir",
     .kind = OPTION_TEXT,
     .field = AT(dir),
     .preset = "./logs",
     .value = "DIR",
     .help = "where the segments go"},
    {.name = "lines",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .field = AT(lines),
     .max = 1000,
     .preset = "10",
     .digits = true,
     .help = "how many lines"},
    {.name = "line_bytes_max",
     .kind = OPTION_BYTES,
     .field = AT(line_bytes_max),
     .min = 65536,
     .max = 64 << 20,
     .preset = "1MiB",
     .help = "the longest line"},
    {.name = "flush_ms",
     .kind = OPTION_TIME_MS,
     .field = AT(flush_ms),
     .min = 1,
     .max = 60000,
     .preset = "200",
     .help = "how long a line may wait before it is written, however little there is"},
    {.name = "age_s", .kind = OPTION_TIME_S, .field = AT(age_s), .min = 1, .help = "one\ntwo"},
    {.name = "unbounded", .kind = OPTION_COUNT, .field = AT(unbounded), .help = "any number"},
    {.name = "tcp",
     .kind = OPTION_LIST,
     .field = AT(tcp),
     .preset = "127.0.0.1:5170",
     .value = "HOST:PORT",
     .help = "listen here"},
    {.name = NULL},
};

struct line {
    struct settings settings;
    char error[OPTION_ERROR_MAX];
    char *argv[16];
    int words;
};

/* Reads a command line whose arguments are separated by '|'. */
static struct line *read_line(const char *arguments) {
    static struct line line;
    static char text[256];
    int argc = 1;
    memset(&line, 0, sizeof line);
    snprintf(text, sizeof text, "%s", arguments);
    line.argv[0] = (char *)"program";
    for (char *p = *text != '\0' ? text : NULL; p != NULL;) {
        char *const bar = strchr(p, '|');
        line.argv[argc++] = p;
        if (bar != NULL) *bar = '\0';
        p = bar != NULL ? bar + 1 : NULL;
    }
    options_preset(table, &line.settings);
    line.words = options_command_line(table, argc, line.argv, &line.settings, line.error);
    return &line;
}

static void assert_refused(const char *arguments, const char *error) {
    struct line *line = read_line(arguments);
    assert_int_equal(line->words, ERR_INVALID);
    assert_string_equal(line->error, error);
}

static void missing_options_get_their_defaults(void **state) {
    (void)state;
    struct line *line = read_line("");
    assert_int_equal(line->words, 0);
    assert_string_equal(line->settings.dir, "./logs");
    assert_int_equal(line->settings.lines, 10);
    assert_int_equal(line->settings.line_bytes_max, 1 << 20);
    assert_int_equal(line->settings.flush_ms, 200);
    assert_int_equal(line->settings.age_s, 0);
    assert_int_equal(line->settings.tcp.count, 1);
    assert_false(line->settings.invert);
}

static void values_follow_the_option_or_are_part_of_it(void **state) {
    (void)state;
    assert_int_equal(read_line("--flush-ms|300")->settings.flush_ms, 300);
    assert_int_equal(read_line("--flush-ms=300")->settings.flush_ms, 300);
    assert_int_equal(read_line("--flush_ms=300")->settings.flush_ms, 300);
    assert_int_equal(read_line("-n|5")->settings.lines, 5);
    assert_int_equal(read_line("-n5")->settings.lines, 5);
    assert_int_equal(read_line("-20")->settings.lines, 20);
    assert_int_equal(read_line("-v|-0|x")->settings.lines, 0);
    assert_refused("-1001", "-1001: 1001 is out of range (0 to 1000)");
    assert_refused("-5x", "-5: no such option");
    struct line *line = read_line("-ivn5");
    assert_true(line->settings.invert && line->settings.ignore_case);
    assert_int_equal(line->settings.lines, 5);
    assert_string_equal(read_line("--dir=")->settings.dir, "");
    assert_string_equal(read_line("--dir=a=b")->settings.dir, "a=b");
    assert_string_equal(read_line("--dir|--lines")->settings.dir, "--lines");
    assert_true(read_line("--invert=true")->settings.invert);
    assert_false(read_line("-v|--invert=false")->settings.invert);
}

static void words_between_the_options_are_collected(void **state) {
    (void)state;
    struct line *line = read_line("a|-n|5|b|-|-v|--|-i|--lines");
    assert_int_equal(line->words, 5);
    assert_string_equal(line->argv[1], "a");
    assert_string_equal(line->argv[2], "b");
    assert_string_equal(line->argv[3], "-");
    assert_string_equal(line->argv[4], "-i");
    assert_string_equal(line->argv[5], "--lines");
    assert_false(line->settings.ignore_case);
    assert_true(line->settings.invert);
    assert_int_equal(read_line("|x")->words, 2);
}

static void a_list_option_replaces_the_default_and_adds_values(void **state) {
    (void)state;
    struct line *line = read_line("--tcp|a:1|--tcp=b:2");
    assert_int_equal(line->settings.tcp.count, 2);
    assert_string_equal(line->settings.tcp.texts[0], "a:1");
    assert_string_equal(line->settings.tcp.texts[1], "b:2");
}

static void too_many_values_of_a_list_are_an_error(void **state) {
    (void)state;
    struct settings settings = {0};
    char error[OPTION_ERROR_MAX];
    const struct option *tcp = option_find(table, "tcp");
    for (int i = 0; i < OPTION_LIST_MAX; i++)
        assert_int_equal(option_set(tcp, "a:1", &settings, error), 0);
    assert_int_equal(option_set(tcp, "a:1", &settings, error), ERR_INVALID);
    assert_string_equal(error, "may be given at most 64 times");
}

struct measure {
    const char *name;
    const char *text;
    uint64_t value; /* 0: refused */
};

static void sizes_and_times_accept_units(void **state) {
    (void)state;
    static const struct measure measures[] = {
        {"line_bytes_max", "65536", 65536},
        {"line_bytes_max", "65_536", 65536},
        {"line_bytes_max", "64KiB", 65536},
        {"line_bytes_max", "64K", 65536},
        {"line_bytes_max", "66kB", 66000},
        {"line_bytes_max", "2MiB", 2 << 20},
        {"line_bytes_max", "2MB", 2000000},
        {"line_bytes_max", "70000B", 70000},
        {"line_bytes_max", "2 MiB", 2 << 20},
        {"line_bytes_max", "2  MiB", 0},
        {"line_bytes_max", "2mib", 0},
        {"line_bytes_max", "2MiBs", 0},
        {"line_bytes_max", "-2MiB", 0},
        {"line_bytes_max", "+2MiB", 0},
        {"line_bytes_max", " 2MiB", 0},
        {"line_bytes_max", "1.5MiB", 0},
        {"line_bytes_max", "17179869184GiB", 0},
        {"line_bytes_max", "18446744073709617152", 0},
        {"line_bytes_max", "", 0},
        {"flush_ms", "200", 200},
        {"flush_ms", "200ms", 200},
        {"flush_ms", "2s", 2000},
        {"flush_ms", "1m", 60000},
        {"flush_ms", "2h", 0},
        {"age_s", "90", 90},
        {"age_s", "10m", 600},
        {"age_s", "1h", 3600},
        {"age_s", "7d", 604800},
        {"age_s", "2000ms", 2},
        {"age_s", "1500ms", 0},
        {"age_s", "213503982335d", 0},
        {"unbounded", "18446744073709551615", UINT64_MAX},
        {"unbounded", "18446744073709551616", 0},
        {"unbounded", "1_000", 1000},
        {"unbounded", "1__000", 0},
        {"unbounded", "_1", 0},
        {"unbounded", "1_", 0},
        {"unbounded", "1k", 0},
        {"unbounded", "0x10", 0},
    };
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        const struct option *option = option_find(table, measures[i].name);
        struct settings settings = {0};
        char error[OPTION_ERROR_MAX];
        uint64_t value = 0;
        const int status = option_set(option, measures[i].text, &settings, error);
        memcpy(&value, (char *)&settings + option->field, sizeof value);
        if (value != measures[i].value || (status < 0) != (value == 0))
            fail_msg("%s %s: %d, %llu", measures[i].name, measures[i].text, status,
                     (unsigned long long)value);
    }
}

static void errors_name_what_was_expected(void **state) {
    (void)state;
    assert_refused("--flush-ms|2x",
                   "--flush-ms: \"2x\" is not a duration (examples: 200ms, 2s, 10m)");
    assert_refused("--flush-ms=0", "--flush-ms: 0 is out of range (1ms to 1m)");
    assert_refused("--flush_ms=2m", "--flush-ms: 2m is out of range (1ms to 1m)");
    assert_refused("--age-s=0", "--age-s: 0 is too small; the minimum is 1s");
    assert_refused("--line-bytes-max=1", "--line-bytes-max: 1 is out of range (64KiB to 64MiB)");
    assert_refused("-nx", "-n: \"x\" is not a whole number (examples: 10, 1_000)");
    assert_refused("-n1001", "-n: 1001 is out of range (0 to 1000)");
    assert_refused("--invert=yes", "--invert: \"yes\" is not true or false");
    assert_refused("--dir", "--dir: missing value: DIR");
    assert_refused("-vn", "-n: missing value");
}

static void a_misspelt_name_gets_a_suggestion(void **state) {
    (void)state;
    assert_refused("--flushms", "--flushms: no such option; did you mean --flush-ms?");
    assert_refused("--flush-sm=2", "--flush-sm: no such option; did you mean --flush-ms?");
    assert_refused("--flush", "--flush: no such option; did you mean --flush-ms?");
    assert_refused("--quite-different", "--quite-different: no such option");
    assert_refused("--e", "--e: no such option");
    assert_refused("-e", "-e: no such option");
    assert_refused("-vx", "-x: no such option");
    assert_refused("-\xc3\xa4", "-\xc3\xa4: no such option");
    assert_string_equal(option_like(table, "line_byte_max"), "line_bytes_max");
    assert_null(option_like(table, ""));
    /* Options that --help hides are never suggested. */
    assert_null(option_like(table, "ignore_cas"));
}

static void an_error_fits_its_buffer_for_any_length_of_argument(void **state) {
    (void)state;
    char argument[2000] = "--";
    char *argv[] = {(char *)"program", argument, NULL};
    char error[OPTION_ERROR_MAX];
    struct settings settings = {0};
    memset(argument + 2, 'x', 1900);
    assert_int_equal(options_command_line(table, 2, argv, &settings, error), ERR_INVALID);
    assert_true(strlen(error) < OPTION_ERROR_MAX);
    memcpy(argument, "--flush-ms=", 11);
    assert_int_equal(options_command_line(table, 2, argv, &settings, error), ERR_INVALID);
    assert_true(strlen(error) < OPTION_ERROR_MAX);
}

static void help_is_wrapped_and_aligned(void **state) {
    (void)state;
    char text[2048];
    const size_t size = options_help(table, 60, text, sizeof text);
    assert_int_equal(size, strlen(text));
    assert_string_equal(text, "  -v, --invert               invert\n"
                              "      --dir DIR              where the segments go (default\n"
                              "                             ./logs)\n"
                              "  -n, --lines N              how many lines (default 10)\n"
                              "      --line-bytes-max SIZE  the longest line (default 1MiB)\n"
                              "      --flush-ms TIME        how long a line may wait before\n"
                              "                             it is written, however little\n"
                              "                             there is (default 200)\n"
                              "      --age-s TIME           one\n"
                              "                             two\n"
                              "      --unbounded N          any number\n"
                              "      --tcp HOST:PORT        listen here (default\n"
                              "                             127.0.0.1:5170)\n");
    options_help(table, 40, text, sizeof text);
    assert_non_null(strstr(text, "      --line-bytes-max SIZE\n"
                                 "                    the longest line\n"
                                 "                    (default 1MiB)\n"));
}

static void truncated_help_is_still_terminated(void **state) {
    (void)state;
    char text[2048], start[16];
    const size_t size = options_help(table, 80, text, sizeof text);
    assert_int_equal(options_help(table, 80, start, sizeof start), size);
    assert_int_equal(strlen(start), sizeof start - 1);
    assert_memory_equal(start, text, sizeof start - 1);
    assert_int_equal(options_help(table, 80, NULL, 0), size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_options_get_their_defaults),
        cmocka_unit_test(values_follow_the_option_or_are_part_of_it),
        cmocka_unit_test(words_between_the_options_are_collected),
        cmocka_unit_test(a_list_option_replaces_the_default_and_adds_values),
        cmocka_unit_test(too_many_values_of_a_list_are_an_error),
        cmocka_unit_test(sizes_and_times_accept_units),
        cmocka_unit_test(errors_name_what_was_expected),
        cmocka_unit_test(a_misspelt_name_gets_a_suggestion),
        cmocka_unit_test(an_error_fits_its_buffer_for_any_length_of_argument),
        cmocka_unit_test(help_is_wrapped_and_aligned),
        cmocka_unit_test(truncated_help_is_still_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
