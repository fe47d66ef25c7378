/* render_test.c - records in every format, byte by byte; hostile records send no control characters
 * to a terminal, and nothing is lost or invented. */
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
#include "tools/query/fields.h"
#include "tools/render/render.h"
#include "tools/render/visible.h"

static struct output out;

static int begin(void **state) {
    (void)state;
    output_open_memory(&out);
    return 0;
}

static int end(void **state) {
    (void)state;
    output_close(&out);
    return 0;
}

static struct render_settings as(const char *format) {
    return (struct render_settings){.format = format};
}

static struct render_settings chosen(const char *format, const char *fields, const char *hide) {
    struct render_settings settings = {.format = format};
    if (fields != NULL) settings.fields = (struct option_list){1, {fields}};
    if (hide != NULL) settings.hide = (struct option_list){1, {hide}};
    return settings;
}

/* Prints the lines and returns the output. */
static const char *printed(const struct render_settings *settings, const void *lines, size_t size) {
    struct render render;
    out.used = 0;
    assert_int_equal(render_open(&render, settings, &out), 0);
    render_lines(&render, lines, size);
    render_close(&render);
    output_bytes(&out, "", 1);
    out.used--;
    return (const char *)out.bytes;
}

static void assert_prints(struct render_settings settings, const char *lines, const char *text) {
    assert_string_equal(printed(&settings, lines, strlen(lines)), text);
}

#define RECORD                                                                                     \
    "{\"time\":\"2026-11-24T07:30:00.5Z\",\"level\":\"error\",\"logger\":\"db\","                  \
    "\"msg\":\"no \\\"row\\\"\",\"http\":{\"status\":500,\"path\":\"/a b\"},\"tags\":[1, \"x\"]}"

/* ---- each format ---- */

static void raw_is_byte_for_byte(void **state) {
    (void)state;
    assert_prints(as(NULL), RECORD "\n  {\"a\" : 1}\r\n\nno json\n",
                  RECORD "\n  {\"a\" : 1}\r\n\nno json\n");
    assert_prints(as("raw"), "\x1b[2J\n", "\x1b[2J\n");
}

static void json_is_one_value_a_line(void **state) {
    (void)state;
    assert_prints(as("json"), RECORD "\n", RECORD "\n");
    assert_prints(as("json"), "{\"a\":1}", "{\"a\":1}\n");
    assert_prints(as("json"), " [1, 2]\t\r\n\n17\n", "[1, 2]\n17\n");
    assert_prints(as("json"), "no \"json\"\x1b\n\xff\xc3\xa4\n",
                  "\"no \\\"json\\\"\\u001b\"\n\"\xef\xbf\xbd\xc3\xa4\"\n");
}

static void pretty_is_time_level_logger_message_and_the_rest(void **state) {
    (void)state;
    assert_prints(as("pretty"), RECORD "\n",
                  "2026-11-24T07:30:00.500Z ERROR db: no \"row\" http.status=500 "
                  "http.path=\"/a b\" tags=[1, \"x\"]\n");
    assert_prints(as("pretty"), "{\"a\":\"x\",\"level\":\"info\",\"message\":\"m\"}\n",
                  "INFO  m a=x\n");
    assert_prints(as("pretty"), "{\"a\":{},\"b\":[],\"c\":null,\"d\":\"\",\"e\":true}\n",
                  "a={} b=[] c=null d=\"\" e=true\n");
    assert_prints(as("pretty"), "{}\nno json\n\n[1]\n", "{}\nno json\n[1]\n");
}

static void a_pretty_string_is_told_from_what_it_looks_like(void **state) {
    (void)state;
    assert_prints(as("pretty"),
                  "{\"a\":\"5\",\"b\":5,\"c\":\"true\",\"d\":\"null\",\"e\":\"-1.5e3\"}\n",
                  "a=\"5\" b=5 c=\"true\" d=\"null\" e=\"-1.5e3\"\n");
    assert_prints(as("pretty"), "{\"ip\":\"10.0.0.1\",\"path\":\"C:\\\\dir\",\"q\":\"a=\\\\ b\"}\n",
                  "ip=10.0.0.1 path=C:\\dir q=\"a=\\\\ b\"\n");
}

static void a_time_or_level_that_is_none_stays_a_field(void **state) {
    (void)state;
    assert_prints(as("pretty"), "{\"time\":\"soon\",\"level\":{\"a\":1},\"msg\":7}\n",
                  "time=soon level.a=1 msg=7\n");
    assert_prints(as("pretty"), "{\"message\":\"a\",\"msg\":\"b\",\"event\":\"c\"}\n",
                  "a msg=b event=c\n");
}

static void times_and_levels_are_known_by_many_names(void **state) {
    (void)state;
    assert_prints(as("pretty"), "{\"level\":30,\"time\":1795505400123,\"pid\":7,\"msg\":\"m\"}\n",
                  "2026-11-24T07:30:00.123Z INFO  m pid=7\n");
    assert_prints(
        as("pretty"),
        "{\"@t\":\"2026-11-24T07:30:00.1234567Z\",\"@m\":\"m\",\"@l\":\"Warning\",\"x\":1}\n",
        "2026-11-24T07:30:00.123Z WARN  m x=1\n");
    assert_prints(
        as("pretty"),
        "{\"timestamp\":\"soon\",\"ts\":1795505400,\"log.level\":\"ERROR\",\"message\":\"m\"}\n",
        "2026-11-24T07:30:00.000Z ERROR m timestamp=soon\n");
    assert_prints(as("csv"), "{\"ts\":1795505400.25,\"severity\":\"CRITICAL\",\"time\":null}\n",
                  "time,level,logger,message,other\n"
                  "2026-11-24T07:30:00.250Z,FATAL,,,\"{\"\"time\"\":null}\"\n");
    assert_prints(chosen("pretty", NULL, "ts,level"), "{\"ts\":1795505400,\"level\":\"info\"}\n",
                  "\n");
}

static void csv_has_fixed_columns_and_loses_no_field(void **state) {
    (void)state;
    assert_prints(as("csv"), RECORD "\n{\"msg\":\"\"}\nno, json\n[1,2]\n",
                  "time,level,logger,message,other\n"
                  "2026-11-24T07:30:00.500Z,ERROR,db,\"no \"\"row\"\"\","
                  "\"{\"\"http\"\":{\"\"status\"\":500,\"\"path\"\":\"\"/a b\"\"},"
                  "\"\"tags\"\":[1, \"\"x\"\"]}\"\n"
                  ",,,\"\",\n"
                  ",,,\"no, json\",\n"
                  ",,,\"[1,2]\",\n");
}

static void csv_is_quoted_as_rfc_4180_says(void **state) {
    (void)state;
    assert_prints(chosen("csv", "a,b.c,d", NULL),
                  "{\"a\":\"x\",\"b\":{\"c\":\"1,2\"},\"d\":\"q\\\"q\"}\n"
                  "{\"a\":\"l\\nl\",\"b\":{\"c\":\"r\\rr\"},\"d\":\" s \"}\n"
                  "{\"a\":\"\",\"b\":null,\"d\":{\"e\":1}}\n"
                  "no json\n",
                  "a,b.c,d\n"
                  "x,\"1,2\",\"q\"\"q\"\n"
                  "\"l\nl\",\"r\rr\", s \n"
                  "\"\",,\"{\"\"e\"\":1}\"\n"
                  ",,\n");
    assert_prints(chosen("csv", "a", NULL), "", "");
}

static void logfmt_is_quoted_as_its_readers_expect(void **state) {
    (void)state;
    assert_prints(as("logfmt"), RECORD "\n",
                  "time=2026-11-24T07:30:00.5Z level=error logger=db msg=\"no \\\"row\\\"\" "
                  "http.status=500 http.path=\"/a b\" tags=\"[1, \\\"x\\\"]\"\n");
    assert_prints(as("logfmt"),
                  "{\"a\":\"\",\"b\":\"null\",\"c\":null,\"d\":\"x=y\",\"e\":\"x\\ny\"}\n",
                  "a=\"\" b=\"null\" c=null d=\"x=y\" e=\"x\\ny\"\n");
    assert_prints(as("logfmt"), "{\"a b\":1,\"c=d\":2,\"\\\"\":3,\"\":4,\"e\\u001b\":5}\n",
                  "a_b=1 c_d=2 _=3 _=4 e_=5\n");
    assert_prints(as("logfmt"), "no json\n{}\n", "message=\"no json\"\n\n");
}

/* ---- fields ---- */

static void fields_are_chosen_by_path_in_the_order_asked(void **state) {
    (void)state;
    assert_prints(chosen("json", "http.status,level,none", NULL), RECORD "\n",
                  "{\"http.status\":500,\"level\":\"error\"}\n");
    assert_prints(chosen(NULL, "tags.1,tags", NULL), RECORD "\n",
                  "{\"tags.1\":\"x\",\"tags\":[1, \"x\"]}\n");
    assert_prints(chosen("logfmt", "http,level", NULL), RECORD "\n",
                  "http.status=500 http.path=\"/a b\" level=error\n");
    assert_prints(chosen("pretty", "http.path,level", NULL), RECORD "\n",
                  "2026-11-24T07:30:00.500Z ERROR db: no \"row\" http.path=\"/a b\"\n");
    assert_prints(chosen("json", "a", NULL), "{\"b\":1}\n", "{}\n");
}

static void fields_are_hidden_by_path(void **state) {
    (void)state;
    assert_prints(chosen("json", NULL, "http.status,tags,msg,logger"), RECORD "\n",
                  "{\"time\":\"2026-11-24T07:30:00.5Z\",\"level\":\"error\","
                  "\"http\":{\"path\":\"/a b\"}}\n");
    assert_prints(chosen("pretty", NULL, "time,logger,http,tags.0"), RECORD "\n",
                  "ERROR no \"row\" tags=[\"x\"]\n");
    assert_prints(chosen("logfmt", NULL, "time,http,msg"), RECORD "\n",
                  "level=error logger=db tags=\"[1, \\\"x\\\"]\"\n");
    assert_prints(chosen("csv", NULL, "logger,http,tags"), RECORD "\n",
                  "time,level,logger,message,other\n"
                  "2026-11-24T07:30:00.500Z,ERROR,,\"no \"\"row\"\"\",\n");
    assert_prints(chosen("json", "http", "http.path"), RECORD "\n",
                  "{\"http\":{\"status\":500}}\n");
}

static void assert_finds(const char *json, const char *path, const char *text) {
    const uint8_t *const bytes = (const uint8_t *)json;
    const struct value root = value_of(bytes, bytes + strlen(json));
    const struct value_path paths[] = {{path, strlen(path)}, {"none", 4}, {path, strlen(path)}};
    struct value value, values[3];
    const bool found = value_find(&root, path, strlen(path), &value);
    values_find(&root, paths, 3, values);
    assert_null(values[1].begin);
    assert_ptr_equal(values[0].begin, found ? value.begin : NULL);
    assert_ptr_equal(values[2].begin, values[0].begin);
    if (!found) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_int_equal(value.end - value.begin, strlen(text));
    assert_memory_equal(value.begin, text, strlen(text));
}

static void a_path_finds_names_with_dots_and_the_last_of_two(void **state) {
    (void)state;
    assert_finds("{\"a\":{\"b\":1}}", "a.b", "1");
    assert_finds("{\"a.b\":2}", "a.b", "2");
    assert_finds("{\"a\":{\"b\":1},\"a.b\":2,\"a\":{\"b\":3}}", "a.b", "2");
    assert_finds("{\"a\":1,\"a\":2}", "a", "2");
    assert_finds("{\"a\":{\"b\":1},\"a\":5}", "a.b", NULL); /* the last a counts */
    assert_finds("{\"a.b\":{\"c.d\":4}}", "a.b.c.d", "4");
    assert_finds("{\"\\u0061\\n\":5}", "a\n", "5");
    assert_finds("{\"a\":[{\"b\":6},7]}", "a.0.b", "6");
    assert_finds("{\"a\":[{\"b\":6},7]}", "a.1", "7");
    assert_finds("{\"a\":[1]}", "a.1", NULL);
    assert_finds("{\"a\":[1]}", "a.", NULL);
    assert_finds("{\"ab\":1}", "a", NULL);
    assert_finds("{\"a\":1}", "ab", NULL);
    assert_finds("{\"a\":\"b\"}", "a.b", NULL);
    assert_finds("{ \"a\" : [ ] , \"b\" : { \"c\" : \"}\" } }", "b.c", "\"}\"");
    assert_finds("[]", "a", NULL);
    assert_finds("", "a", NULL);
}

/* ---- hostile records ---- */

static void numbers_and_duplicates_come_out_as_they_were_sent(void **state) {
    (void)state;
    const char *record = "{\"a\":12345678901234567890123,\"a\":1e999,\"b\":-0.0,\"c\":1E+2}\n";
    assert_prints(as("json"), record, record);
    assert_prints(chosen("json", NULL, "x"), record, record);
    assert_prints(as("logfmt"), record, "a=12345678901234567890123 a=1e999 b=-0.0 c=1E+2\n");
    assert_prints(as("pretty"), record, "a=12345678901234567890123 a=1e999 b=-0.0 c=1E+2\n");
    /* Invalid JSON is printed as text. */
    assert_prints(as("logfmt"), "{\"a\":01}\n", "message=\"{\\\"a\\\":01}\"\n");
    assert_prints(as("pretty"), "{\"a\":NaN}\n{\"a\":1}{}\n", "{\"a\":NaN}\n{\"a\":1}{}\n");
}

static void nothing_in_a_pretty_line_is_obeyed(void **state) {
    (void)state;
    assert_prints(as("pretty"),
                  "{\"msg\":\"\\u001b[31mred\\r\\nb\\t\\u0007\\u0000\\u009b\\u202e\\u007f\"}\n",
                  "\\u001b[31mred\n    b\\t\\u0007\\u0000\\u009b\\u202e\\u007f\n");
    assert_prints(as("pretty"),
                  "{\"a\\u001b]0;x\\u0007\":\"\\u001b c\",\"b\":[\"\xc2\x9b\x7f\"]}\n",
                  "a\\u001b]0;x\\u0007=\"\\u001b c\" b=[\"\\u009b\\u007f\"]\n");
    assert_prints(as("pretty"), "\x1b[2J\x9b\xff\xc3\xa4\xe2\x80\xae\n",
                  "\\u001b[2J\\x9b\\xff\xc3\xa4\\u202e\n");
}

/* Contains no character that a terminal would obey. */
static void assert_safe(const uint8_t *text, size_t size) {
    char shown[VISIBLE_BYTES_MAX];
    for (const uint8_t *p = text, *const stop = text + size; p < stop;) {
        if (*p != '\n' && *p != '\t' && visible_escape(p, stop, shown) > 0)
            fail_msg("%s came out in %s", shown, (const char *)text);
        p += utf8_character(p, stop);
    }
}

static void nothing_reaches_a_terminal_in_any_format(void **state) {
    (void)state;
    static const char record[] =
        "{\"a\x7f\":\"\xc2\x9b \\u001b[31m\\u0085\\r\",\"b\":[\"\xc2\x85\"]}\n"
        "\x1b\x9b\x07 no json \xc2\x9d\n";
    static const char *const formats[] = {"raw", "json", "pretty", "csv", "logfmt"};
    out.terminal = true;
    for (size_t i = 0; i < 5; i++) {
        const struct render_settings settings = as(formats[i]);
        const char *text = printed(&settings, record, sizeof record - 1);
        assert_true(strlen(text) > 30);
        assert_safe((const uint8_t *)text, out.used);
    }
}

static void lone_surrogates_and_pairs_are_decoded(void **state) {
    (void)state;
    assert_prints(as("pretty"),
                  "{\"msg\":\"\\ud83d\\ude00 \\ud800 \\udc00x \\ud800\\u0041 \\u00e4\\/\"}\n",
                  "\xf0\x9f\x98\x80 \xef\xbf\xbd \xef\xbf\xbdx \xef\xbf\xbd"
                  "A \xc3\xa4/\n");
}

static void deep_nesting_comes_out_whole(void **state) {
    (void)state;
    enum { DEPTH = 250 };
    static char record[8 * DEPTH], text[8 * DEPTH];
    char *p = record, *q = text;
    for (int i = 0; i < DEPTH; i++) {
        p += sprintf(p, "{\"k\":");
        /* 129 names and 128 dots: longer than what is flattened. */
        if (i <= 128) q += sprintf(q, i > 0 ? ".k" : "k");
    }
    *q++ = '=';
    for (int i = 129; i < DEPTH; i++)
        q += sprintf(q, "{\"k\":");
    *p++ = *q++ = '1';
    memset(p, '}', DEPTH);
    memset(q, '}', DEPTH - 129);
    strcpy(p + DEPTH, "\n");
    strcpy(q + DEPTH - 129, "\n");
    assert_prints(as("pretty"), record, text);
    assert_prints(as("json"), record, record);
    assert_prints(chosen("json", NULL, "k.k.x"), record, record);
    /* Nested more deeply than the daemon accepts: text. */
    memset(text, '[', 300);
    strcpy(text + 300, "\n");
    assert_prints(as("pretty"), text, text);
}

static void huge_fields_come_out_whole_and_do_not_multiply(void **state) {
    (void)state;
    enum { HUGE = 600000 };
    char *const record = malloc(2 * HUGE + 100);
    char *p = record + sprintf(record, "{\"");
    memset(p, 'n', HUGE);
    p += HUGE;
    p += sprintf(p, "\":{");
    for (int i = 0; i < 50000; i++)
        p += sprintf(p, "%s\"a\":1", i > 0 ? "," : "");
    p += sprintf(p, "},\"b\":\"%0*d\"}\n", 200000, 0);
    for (int i = 0; i < 3; i++) {
        static const char *const formats[] = {"json", "pretty", "logfmt"};
        const struct render_settings settings = as(formats[i]);
        printed(&settings, record, (size_t)(p - record));
        assert_true(out.used + 100 > (size_t)(p - record) && out.used < 2 * (size_t)(p - record));
    }
    free(record);
}

static void any_bytes_come_out_safe(void **state) {
    (void)state;
    static const char alphabet[] = "{}[]\",:\\u0d8 1a.-e\x1b\x9b\xc2\xff\xe2\x80\xae=\t";
    static const char *const formats[] = {"json", "pretty", "csv", "logfmt"};
    uint32_t seed = 20261124;
    for (int round = 0; round < 20000; round++) {
        uint8_t line[40];
        const size_t size = 1 + round % sizeof line;
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525 + 1013904223;
            line[i] = (uint8_t)alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        const struct value root = value_of(line, line + size);
        struct value value;
        value_find(&root, "a.1", 3, &value);
        struct render_settings settings =
            chosen(formats[round % 4], NULL, round % 3 ? "a.1" : NULL);
        out.terminal = true;
        const uint8_t *text = (const uint8_t *)printed(&settings, line, size);
        assert_safe(text, out.used);
    }
}

/* ---- terminals, colours, marks ---- */

static void colours_only_where_they_are_wanted(void **state) {
    (void)state;
    struct render_settings settings = as("pretty");
    const char *record = "{\"level\":\"warn\",\"msg\":\"m\",\"a\":1}\n";
    const char *colored = "\033[33mWARN\033[m  \033[1mm\033[m \033[36ma\033[m=1\n";
    assert_prints(settings, record, "WARN  m a=1\n");
    settings.color = "always";
    assert_prints(settings, record, colored);
    settings.color = "never";
    out.color = true;
    assert_prints(settings, record, "WARN  m a=1\n");
    settings.color = "auto";
    out.color = true;
    assert_prints(settings, record, colored);
}

static bool find_needle(void *context, const uint8_t *text, size_t size, size_t *from, size_t *to) {
    const char *needle = context;
    const size_t length = strlen(needle);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(text + i, needle, length) == 0) {
            *from = i;
            *to = i + length;
            return true;
        }
    return false;
}

static void assert_marks(const char *format, bool color, const char *lines, const char *text) {
    struct render_settings settings = as(format);
    struct render render;
    settings.color = color ? "always" : "never";
    out.used = 0;
    assert_int_equal(render_open(&render, &settings, &out), 0);
    render.mark = (struct render_mark){find_needle, (void *)"ab"};
    render_lines(&render, (const uint8_t *)lines, strlen(lines));
    render_close(&render);
    output_bytes(&out, "", 1);
    assert_string_equal(out.bytes, text);
}

static void what_was_looked_for_is_red(void **state) {
    (void)state;
    assert_marks("raw", true, "xabyab\nz\n", "x\033[1;31mab\033[my\033[1;31mab\033[m\nz\n");
    assert_marks("pretty", true, "{\"msg\":\"xab y\",\"k\":\"ab\"}\n",
                 "\033[1mx\033[1;31mab\033[m\033[1m y\033[m \033[36mk\033[m=\033[1;31mab\033[m\n");
    assert_marks("raw", false, "xab\n", "xab\n");
}

static void a_terminal_gets_pretty_and_all_else_raw(void **state) {
    (void)state;
    assert_prints(as(NULL), "{\"a\":1}\n", "{\"a\":1}\n");
    out.terminal = true;
    assert_prints(as(NULL), "{\"a\":1}\n", "a=1\n");
}

/* ---- times and settings ---- */

static void times_are_utc_or_local_with_their_distance(void **state) {
    (void)state;
    char expected[80];
    struct render_settings settings = as("pretty");
    const char *record = "{\"time\":\"2026-07-24T23:30:00+02:00\",\"msg\":\"m\"}\n";
    const int64_t moment_s = 1784928600;
    assert_prints(settings, record, "2026-07-24T21:30:00.000Z m\n");
    settings.local = true;
    const int32_t minutes = system_zone_offset_s(moment_s) / 60;
    const int32_t distance = minutes < 0 ? -minutes : minutes;
    timestamp_format((moment_s + minutes * 60) * 1000000000, expected);
    snprintf(expected + 23, sizeof expected - 23, "%c%02d:%02d m\n", minutes < 0 ? '-' : '+',
             distance / 60, distance % 60);
    assert_prints(settings, record, expected);
    settings.utc = true;
    assert_prints(settings, record, "2026-07-24T21:30:00.000Z m\n");
}

static void wrong_settings_are_refused(void **state) {
    (void)state;
    struct render render;
    struct render_settings settings = as("xml");
    assert_int_equal(render_open(&render, &settings, &out), ERR_INVALID);
    settings = chosen("raw", "a", NULL);
    assert_int_equal(render_open(&render, &settings, &out), ERR_INVALID);
    settings = chosen("json", "a,,b", NULL);
    assert_int_equal(render_open(&render, &settings, &out), ERR_INVALID);
    settings = chosen("json", NULL, "a,");
    assert_int_equal(render_open(&render, &settings, &out), ERR_INVALID);
    settings = as("json");
    settings.color = "blue";
    assert_int_equal(render_open(&render, &settings, &out), ERR_INVALID);
    assert_int_equal(out.used, 0);
}

int main(void) {
    system_name("render_test");
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(raw_is_byte_for_byte),
        TEST(json_is_one_value_a_line),
        TEST(pretty_is_time_level_logger_message_and_the_rest),
        TEST(a_pretty_string_is_told_from_what_it_looks_like),
        TEST(a_time_or_level_that_is_none_stays_a_field),
        TEST(times_and_levels_are_known_by_many_names),
        TEST(csv_has_fixed_columns_and_loses_no_field),
        TEST(csv_is_quoted_as_rfc_4180_says),
        TEST(logfmt_is_quoted_as_its_readers_expect),
        TEST(fields_are_chosen_by_path_in_the_order_asked),
        TEST(fields_are_hidden_by_path),
        TEST(a_path_finds_names_with_dots_and_the_last_of_two),
        TEST(numbers_and_duplicates_come_out_as_they_were_sent),
        TEST(nothing_in_a_pretty_line_is_obeyed),
        TEST(nothing_reaches_a_terminal_in_any_format),
        TEST(lone_surrogates_and_pairs_are_decoded),
        TEST(deep_nesting_comes_out_whole),
        TEST(huge_fields_come_out_whole_and_do_not_multiply),
        TEST(any_bytes_come_out_safe),
        TEST(colours_only_where_they_are_wanted),
        TEST(what_was_looked_for_is_red),
        TEST(a_terminal_gets_pretty_and_all_else_raw),
        TEST(times_are_utc_or_local_with_their_distance),
        TEST(wrong_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
