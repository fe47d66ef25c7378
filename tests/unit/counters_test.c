/* counters_test.c - the counters report is one line of JSON that always fits its buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/pipeline/counters.h"
#include "schema/json/json.h"

static void the_largest_numbers_of_all_streams_fit_and_are_json(void **state) {
    (void)state;
    static struct counters counters;
    static struct counters_context context;
    static char names[STREAMS_MAX][STREAM_NAME_MAX + 1], text[COUNTERS_TEXT_MAX + JSON_PADDING];
    memset(&counters, 0xff, sizeof counters);
    memset(&context, 0xff, sizeof context);
    context.stream_count = STREAMS_MAX;
    context.uptime_ns = INT64_MAX;
    for (int i = 0; i < STREAMS_MAX; i++) {
        memset(names[i], 'a' + i, STREAM_NAME_MAX);
        context.stream_names[i] = names[i];
    }
    const size_t length = counters_write(&counters, &context, text, COUNTERS_TEXT_MAX);
    assert_int_equal(strlen(text), length);
    assert_null(strchr(text, '\n'));
    struct json_line line;
    text[length] = '\n';
    json_check_line((const uint8_t *)text, (const uint8_t *)text + length + 1, false, &line);
    assert_int_equal(line.reason, JSON_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_numbers_of_all_streams_fit_and_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
