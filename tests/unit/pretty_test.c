/* pretty_test.c - pretty lines have aligned columns and indented further lines, canonical fields can
 * be chosen and hidden in every format, and CSV suits spreadsheets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/query/nearest.h"
#include "tools/render/render.h"
#include "tools/render/width.h"

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

static struct render_settings chosen(const char *format, const char *fields, const char *hide) {
    struct render_settings settings = {.format = format};
    if (fields != NULL) settings.fields = (struct option_list){1, {fields}};
    if (hide != NULL) settings.hide = (struct option_list){1, {hide}};
    return settings;
}

static void assert_printed(const char *text) {
    output_bytes(&out, "", 1);
    assert_string_equal((const char *)out.bytes, text);
    out.used = 0;
}

static void assert_prints(struct render_settings settings, const char *lines, const char *text) {
    struct render render;
    assert_int_equal(render_open(&render, &settings, &out), 0);
    render_lines(&render, (const uint8_t *)lines, strlen(lines));
    render_close(&render);
    assert_printed(text);
}

static const struct render_settings pretty = {.format = "pretty"};

static void columns_are_aligned(void **state) {
    (void)state;
    assert_prints(pretty,
                  "{\"ts\":1795505400,\"level\":\"warn\",\"logger\":\"db\",\"msg\":\"a\"}\n"
                  "{\"ts\":1795505400.1234567,\"logger\":\"database\",\"msg\":\"b\",\"x\":1}\n"
                  "{\"level\":\"info\",\"msg\":\"c\"}\n"
                  "d\n"
                  "{}\n",
                  "2026-11-24T07:30:00.000Z WARN  db:       a\n"
                  "2026-11-24T07:30:00.123Z       database: b x=1\n"
                  "                         INFO            c\n"
                  "                                         d\n"
                  "\n");
}

static void a_long_logger_is_shortened(void **state) {
    (void)state;
    assert_prints(pretty,
                  "{\"logger\":\"com.example.shop.checkout.PaymentService\",\"msg\":\"a\"}\n"
                  "{\"logger\":\"anUnusuallyLongNameOfALoggerWithoutDots\",\"msg\":\"b\"}\n",
                  "c.e.shop.checkout.PaymentService: a\n"
                  "\xe2\x80\xa6llyLongNameOfALoggerWithoutDots: b\n");
}

static void further_lines_are_indented(void **state) {
    (void)state;
    assert_prints(
        pretty, "{\"msg\":\"a\\r\\n\\tb\\u001b\\n\\nc\\n\",\"n\":1,\"stack\":\"x\\n  at y\\n\"}\n",
        "a n=1\n"
        "        b\\u001b\n"
        "\n"
        "    c\n"
        "    stack:\n"
        "      x\n"
        "        at y\n");
}

static void attributes_of_opentelemetry_are_fields(void **state) {
    (void)state;
    assert_prints(pretty,
                  "{\"body\":{\"stringValue\":\"m\"},\"attributes\":[{\"key\":\"a.b\",\"value\":"
                  "{\"stringValue\":\"c\"}},{\"key\":\"n\",\"value\":{\"intValue\":\"5\"}}]}\n"
                  "{\"attributes\":[{\"key\":\"a\"}]}\n",
                  "m a.b=c n=5\n"
                  "attributes=[{\"key\":\"a\"}]\n");
}

static bool find_two(void *context, const uint8_t *text, size_t size, size_t *from, size_t *to) {
    (void)context;
    for (size_t i = 0; i + 3 <= size; i++) {
        *from = i;
        *to = i + 3;
        if (memcmp(text + i, "two", 3) == 0) return true;
    }
    return false;
}

#define ONE_TO_FOUR "{\"ts\":1795505400,\"msg\":\"one two three four\",\"n\":1}"

static void streams_and_context_are_shown_before_a_record(void **state) {
    (void)state;
    struct render render;
    assert_int_equal(render_open(&render, &pretty, &out), 0);
    render_streams(&render);
    render_stream(&render, "main");
    render.kind = RENDER_CONTEXT;
    render_lines(&render, (const uint8_t *)ONE_TO_FOUR, sizeof ONE_TO_FOUR - 1);
    render_stream(&render, "audit");
    render.kind = RENDER_MATCH;
    render_lines(&render, (const uint8_t *)ONE_TO_FOUR, sizeof ONE_TO_FOUR - 1);
    render_separator(&render);
    render_close(&render);
    assert_printed("- 2026-11-24T07:30:00.000Z main  one two three four n=1\n"
                   "> 2026-11-24T07:30:00.000Z audit one two three four n=1\n"
                   "--\n");
}

static void matches_are_marked_in_further_lines_but_not_in_context(void **state) {
    (void)state;
    static const char record[] = "{\"msg\":\"one\\nx two\"}";
    struct render_settings settings = pretty;
    struct render render;
    settings.color = "always";
    assert_int_equal(render_open(&render, &settings, &out), 0);
    render.mark.find = find_two;
    render.kind = RENDER_MATCH;
    render_lines(&render, (const uint8_t *)record, sizeof record - 1);
    render.kind = RENDER_CONTEXT;
    render_lines(&render, (const uint8_t *)record, sizeof record - 1);
    render_close(&render);
    assert_printed("> \033[1mone\033[m\n    x \033[1;31mtwo\033[m\n"
                   "\033[2m- \033[m\033[1mone\033[m\n    x two\n");
}

static void a_narrow_terminal_gets_short_times_and_wrapped_lines(void **state) {
    (void)state;
    struct render render;
    assert_int_equal(render_open(&render, &pretty, &out), 0);
    render_columns(&render, 30);
    render_lines(&render, (const uint8_t *)ONE_TO_FOUR, sizeof ONE_TO_FOUR - 1);
    render_close(&render);
    assert_printed("11-24 07:30:00.000 one two\n"
                   "    three four n=1\n");
}

static void canonical_fields_can_be_chosen_and_hidden(void **state) {
    (void)state;
    static const char record[] =
        "{\"log\":{\"level\":\"WARN\",\"logger\":\"l\",\"x\":1},\"message\":\"m\",\"n\":2}\n";
    assert_prints(chosen("json", "@message,@level,@logger,@time,n", NULL), record,
                  "{\"@message\":\"m\",\"@level\":\"warn\",\"@logger\":\"l\",\"n\":2}\n");
    assert_prints(chosen("csv", "@level,@time,@message", NULL), "{\"msg\":\"a\"}\ntext\n",
                  "@level,@time,@message\n,,a\n,,text\n");
    assert_prints(chosen("logfmt", "@message,n", NULL), record, "@message=m n=2\n");
    assert_prints(chosen("pretty", "@message,@level,n", NULL), record, "WARN  m n=2\n");
    assert_prints(chosen("json", NULL, "@logger,@message"), record,
                  "{\"log\":{\"level\":\"WARN\",\"x\":1},\"n\":2}\n");
    assert_prints(chosen("pretty", NULL, "@logger"), record, "WARN  m log.x=1 n=2\n");
    assert_prints(chosen("csv", NULL, NULL), record,
                  "time,level,logger,message,other\n"
                  ",WARN,l,m,\"{\"\"log\"\":{\"\"x\"\":1},\"\"n\"\":2}\"\n");
    assert_prints(chosen("csv", NULL, NULL),
                  "{\"log\":\"{\\\"msg\\\":\\\"m\\\",\\\"n\\\":1}\\n\"}\n",
                  "time,level,logger,message,other\n"
                  ",,,m,\"{\"\"log\"\":{\"\"n\"\":1}}\"\n");
}

static void csv_for_spreadsheets(void **state) {
    (void)state;
    struct render_settings settings = chosen("csv", "a,b,@time", NULL);
    settings.bom = settings.safe_cells = true;
    assert_prints(settings,
                  "{\"a\":\"=1+2\",\"b\":-5}\n{\"a\":\"-1,\\\"\",\"b\":\"+\"}\n"
                  "{\"a\":\"@x\",\"b\":\"\\t1\"}\n{\"a\":\"\\r\",\"b\":\"a=\"}\n",
                  "\xef\xbb\xbf"
                  "a,b,'@time\n"
                  "'=1+2,-5,\n"
                  "\"'-1,\"\"\",'+,\n"
                  "'@x,'\t1,\n"
                  "\"'\r\",a=,\n");
}

static void widths_are_those_of_terminals(void **state) {
    (void)state;
    static const char text[] = "a\xe6\xbc\xa2\xf0\x9f\x98\x80"
                               "e\xcc\x81\033[1m!\033[m";
    struct text wrapped = {0};
    assert_int_equal(width_of_text((const uint8_t *)text, sizeof text - 1), 7);
    width_wrap((const uint8_t *)"\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", 9, 5, 1, &wrapped);
    text_add_byte(&wrapped, 0);
    assert_string_equal(wrapped.bytes, "\xe6\xbc\xa2\xe6\xbc\xa2\n \xe6\xbc\xa2");
    text_free(&wrapped);
}

static const char *hint_for(const char *wanted, char *hint) {
    static const char *const names[] = {"http.status", "user", "Level",    "message",
                                        "usr2",        "a",    "us\033er", "use\xc2\x9b"};
    struct nearest nearest;
    nearest_begin(&nearest, wanted, strlen(wanted));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        nearest_look(&nearest, names[i], strlen(names[i]));
    return nearest_hint(&nearest, hint);
}

static void the_nearest_names_are_found(void **state) {
    (void)state;
    char hint[NEAREST_HINT_MAX];
    assert_string_equal(hint_for("status", hint), "; did you mean http.status?");
    assert_string_equal(hint_for("usr", hint), "; did you mean user or usr2?");
    assert_string_equal(hint_for("level", hint), "; did you mean Level?");
    assert_string_equal(hint_for("emssage", hint), "; did you mean message?");
    assert_string_equal(hint_for("b", hint), "");
    assert_string_equal(hint_for("", hint), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(columns_are_aligned),
        TEST(a_long_logger_is_shortened),
        TEST(further_lines_are_indented),
        TEST(attributes_of_opentelemetry_are_fields),
        TEST(streams_and_context_are_shown_before_a_record),
        TEST(matches_are_marked_in_further_lines_but_not_in_context),
        TEST(a_narrow_terminal_gets_short_times_and_wrapped_lines),
        TEST(canonical_fields_can_be_chosen_and_hidden),
        TEST(csv_for_spreadsheets),
        TEST(widths_are_those_of_terminals),
        TEST(the_nearest_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
