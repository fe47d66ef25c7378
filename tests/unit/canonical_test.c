/* canonical_test.c - time, level, message and logger are found in the records of every common
 * program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/write.h"
#include "tools/query/canonical.h"
#include "tools/query/text.h"

static struct canonical_rules rules;

/* text NULL: the record has no such field.  Otherwise JSON, without the quotes. */
static void assert_field(struct canonical *c, enum canonical_field field, const char *text) {
    struct value value;
    if (!canonical_value(c, field, &value)) {
        if (text != NULL) fail_msg("%s is missing: %s", canonical_name(field), text);
        return;
    }
    const int size = (int)(value.end - value.begin) - 2;
    if (text == NULL)
        fail_msg("%s: %.*s", canonical_name(field), size, (const char *)value.begin + 1);
    if (strlen(text) != (size_t)size || memcmp(text, value.begin + 1, (size_t)size) != 0)
        fail_msg("%s: %.*s, not %s", canonical_name(field), size, (const char *)value.begin + 1,
                 text);
}

static void assert_finds(const char *record, const char *time, const char *level,
                         const char *logger, const char *message) {
    struct canonical c = {0};
    /* Nothing is read after the record. */
    uint8_t *const bytes = test_malloc(strlen(record));
    memcpy(bytes, record, strlen(record));
    canonical_open(&rules, &facts_rules_usual);
    canonical_read(&c, &rules, bytes, strlen(record));
    assert_field(&c, CANONICAL_TIME, time);
    assert_field(&c, CANONICAL_LEVEL, level);
    assert_field(&c, CANONICAL_LOGGER, logger);
    assert_field(&c, CANONICAL_MESSAGE, message);
    canonical_close(&c);
    test_free(bytes);
}

#define TIME "2026-11-24T07:30:00.123Z"

static void pino_and_bunyan(void **state) {
    (void)state;
    assert_finds("{\"level\":30,\"time\":1795505400123,\"pid\":7,\"hostname\":\"a\",\"msg\":\"m\"}",
                 TIME, "info", NULL, "m");
    assert_finds(
        "{\"name\":\"shop\",\"hostname\":\"a\",\"pid\":7,\"level\":50,\"msg\":\"m\",\"time\":"
        "\"2026-11-24T07:30:00.123Z\",\"v\":0}",
        TIME, "error", "shop", "m");
    assert_finds("{\"name\":\"Ann\",\"msg\":\"m\"}", NULL, NULL, NULL, "m");
}

static void zap_and_zerolog(void **state) {
    (void)state;
    assert_finds("{\"level\":\"warn\",\"ts\":1795505400.123,\"logger\":\"db.pool\",\"caller\":"
                 "\"a.go:1\",\"msg\":\"m\"}",
                 TIME, "warn", "db.pool", "m");
    assert_finds("{\"level\":\"error\",\"error\":\"e\",\"time\":1795505400,\"message\":\"m\"}",
                 "2026-11-24T07:30:00.000Z", "error", NULL, "m");
}

static void clef_fills_its_template(void **state) {
    (void)state;
    assert_finds("{\"@t\":\"" TIME "\",\"@mt\":\"{User} paid {Sum:0.00} {{in}} {@Cart} {None}\","
                 "\"@r\":[\"1.50\"],\"User\":\"A\\\"b\",\"Sum\":1.5,\"Cart\":{\"n\":1},"
                 "\"SourceContext\":\"Shop\"}",
                 TIME, "info", "Shop", "A\\\"b paid 1.50 {in} {\\\"n\\\":1} {None}");
    assert_finds("{\"@t\":\"" TIME "\",\"@m\":\"m\",\"@mt\":\"{A}\",\"@l\":\"Warning\"}", TIME,
                 "warn", NULL, "m");
    /* Escapes in the template and in names of properties. */
    assert_finds("{\"@t\":\"" TIME
                 "\",\"@mt\":\"\\u007bUs\\u0065r} \\\"\\n\\u007b{x}} {Gr\\u00f6\\u00dfe}\","
                 "\"U\\u0073er\":7,\"Größe\":8}",
                 TIME, "info", NULL, "7 \\\"\\u000a{x} 8");
    assert_finds("{\"Timestamp\":\"" TIME
                 "\",\"Level\":\"Error\",\"MessageTemplate\":\"a {B,5} {\","
                 "\"Properties\":{\"B\":2,\"SourceContext\":\"S\"}}",
                 TIME, "error", "S", "a 2 {");
}

static void the_newline_of_a_log_is_no_part_of_the_message(void **state) {
    (void)state;
    assert_finds("{\"log\":\"m\\n\"}", NULL, NULL, NULL, "m");
    assert_finds("{\"log\":\"m\\r\\n\"}", NULL, NULL, NULL, "m");
    assert_finds("{\"log\":\"m\\u000D\\u000a\"}", NULL, NULL, NULL, "m");
    assert_finds("{\"log\":\"m\\n\\n\"}", NULL, NULL, NULL, "m\\n");
    assert_finds("{\"log\":\"m\\\\n\"}", NULL, NULL, NULL, "m\\\\n");
    assert_finds("{\"log\":\"m\\\\u000a\"}", NULL, NULL, NULL, "m\\\\u000a");
}

static void logstash_gelf_and_ecs(void **state) {
    (void)state;
    assert_finds("{\"@timestamp\":\"" TIME
                 "\",\"@version\":\"1\",\"message\":\"m\",\"logger_name\":"
                 "\"a.B\",\"level\":\"WARN\",\"level_value\":30000}",
                 TIME, "warn", "a.B", "m");
    assert_finds(
        "{\"version\":\"1.1\",\"host\":\"h\",\"short_message\":\"m\",\"full_message\":\"m\\nat "
        "x\",\"timestamp\":1795505400.123,\"level\":3,\"_logger\":\"a\"}",
        TIME, "error", "a", "m");
    assert_finds("{\"@timestamp\":\"" TIME
                 "\",\"log.level\":\"ERROR\",\"message\":\"m\",\"log.logger\":"
                 "\"a\"}",
                 TIME, "error", "a", "m");
    assert_finds("{\"@timestamp\":\"" TIME
                 "\",\"log\":{\"level\":\"ERROR\",\"logger\":\"a\"},\"message\":"
                 "\"m\"}",
                 TIME, "error", "a", "m");
}

static void docker_with_text_or_json_inside(void **state) {
    (void)state;
    assert_finds("{\"log\":\"a \\\"b\\\"\\r\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
                 TIME, NULL, NULL, "a \\\"b\\\"");
    assert_finds("{\"log\":\"a\\\\n\",\"time\":\"" TIME "\"}", TIME, NULL, NULL, "a\\\\n");
    assert_finds("{\"log\":\"{\\\"level\\\":\\\"warn\\\",\\\"msg\\\":\\\"a "
                 "\\\\\\\"b\\\\\\\"\\\",\\\"logger\\\":\\\"l\\\"}\\n\",\"stream\":\"stderr\","
                 "\"time\":\"" TIME "\"}",
                 TIME, "warn", "l", "a \\\"b\\\"");
    assert_finds("{\"log\":\"{broken\\n\",\"time\":\"" TIME "\"}", TIME, NULL, NULL, "{broken");
    assert_finds("{\"log\":\"{\\\"method\\\":\\\"GET\\\",\\\"path\\\":\\\"/"
                 "x\\\",\\\"status\\\":200}\\n\"}",
                 NULL, NULL, NULL, "GET /x 200");
    /* Only once. */
    assert_finds("{\"log\":\"{\\\"log\\\":\\\"{}\\\"}\"}", NULL, NULL, NULL, "{}");
}

static void audits_access_logs_and_the_journal(void **state) {
    (void)state;
    assert_finds(
        "{\"kind\":\"Event\",\"level\":\"Metadata\",\"verb\":\"get\",\"requestURI\":\"/api/v1/x\","
        "\"stageTimestamp\":\"2026-11-24T07:30:00.123000Z\"}",
        TIME, NULL, NULL, "get /api/v1/x");
    assert_finds("{\"eventTime\":\"2026-11-24T07:30:00Z\",\"eventSource\":\"s3.amazonaws.com\","
                 "\"eventName\":\"GetObject\"}",
                 "2026-11-24T07:30:00.000Z", NULL, "s3.amazonaws.com", "GetObject");
    assert_finds("{\"time_iso8601\":\"2026-11-24T07:30:00+00:00\",\"request\":\"GET /x HTTP/1.1\","
                 "\"status\":\"502\",\"body_bytes_sent\":7}",
                 "2026-11-24T07:30:00.000Z", NULL, NULL, "GET /x HTTP/1.1 502");
    assert_finds("{\"request_method\":\"GET\",\"uri\":\"/x\",\"status\":200}", NULL, NULL, NULL,
                 "GET /x 200");
    assert_finds(
        "{\"__REALTIME_TIMESTAMP\":\"1795505400123000\",\"PRIORITY\":\"3\",\"MESSAGE\":\"m\","
        "\"SYSLOG_IDENTIFIER\":\"sshd\"}",
        TIME, "error", "sshd", "m");
    assert_finds("{\"MESSAGE\":[104,105,255,34]}", NULL, NULL, NULL, "hi\xef\xbf\xbd\\\"");
}

static void opentelemetry(void **state) {
    (void)state;
    assert_finds("{\"timeUnixNano\":\"1795505400123000000\",\"severityNumber\":17,\"severityText\":"
                 "\"ERROR\",\"body\":{\"stringValue\":\"m\"},\"attributes\":[]}",
                 TIME, "error", NULL, "m");
    assert_finds("{\"Timestamp\":\"" TIME
                 "\",\"SeverityText\":\"WARN\",\"Body\":\"m\",\"scope\":{\"name\":"
                 "\"a\"}}",
                 TIME, "warn", "a", "m");
}

static void keys_have_an_order_any_case_and_the_last_duplicate(void **state) {
    (void)state;
    assert_finds("{\"msg\":\"b\",\"Message\":\"a\"}", NULL, NULL, NULL, "a");
    assert_finds("{\"message\":7,\"MSG\":\"b\"}", NULL, NULL, NULL, "b");
    assert_finds("{\"msg\":\"a\",\"msg\":\"b\"}", NULL, NULL, NULL, "b");
    assert_finds("{\"@level\":\"info\",\"@message\":\"m\",\"@module\":\"a\",\"@timestamp\":\"" TIME
                 "\"}",
                 TIME, "info", "a", "m");
    assert_finds(" no \"json\"\r", NULL, NULL, NULL, " no \\\"json\\\"");
    assert_finds("{}", NULL, NULL, NULL, NULL);
}

static bool is_msg(void *context, const uint8_t *path, size_t size) {
    (void)context;
    return (size == 3 && memcmp(path, "msg", 3) == 0) ||
           (size == 10 && memcmp(path, "log.logger", 10) == 0);
}

static void ignored_members_are_not_found_and_parts_are_listed(void **state) {
    (void)state;
    static const char record[] =
        "{\"msg\":\"a\",\"event\":\"b\",\"log\":{\"logger\":\"l\",\"level\":\"info\"}}";
    struct canonical c = {.stream = "main", .ignores = is_msg};
    canonical_open(&rules, &facts_rules_usual);
    canonical_read(&c, &rules, (const uint8_t *)record, sizeof record - 1);
    assert_field(&c, CANONICAL_MESSAGE, "b");
    assert_field(&c, CANONICAL_LOGGER, NULL);
    assert_field(&c, CANONICAL_LEVEL, "info");
    assert_field(&c, CANONICAL_STREAM, "main");
    assert_int_equal(c.parts[CANONICAL_LEVEL].count, 1);
    assert_ptr_equal(c.parts[CANONICAL_LEVEL].list[0].begin, strstr(record, "\"info\""));
    canonical_close(&c);
}

static void names_are_exact(void **state) {
    (void)state;
    enum canonical_field field;
    assert_true(canonical_named("@logger", 7, &field));
    assert_int_equal(field, CANONICAL_LOGGER);
    assert_false(canonical_named("@Logger", 7, &field));
    assert_false(canonical_named("@loggers", 8, &field));
    assert_false(canonical_named("logger", 6, &field));
}

static void a_long_text_is_written_as_a_short_one_is(void **state) {
    (void)state;
    enum { LONGEST = 100000 };
    static uint8_t plain[LONGEST];
    static char expected[JSON_STRING_BYTES_MAX(LONGEST)];
    const size_t sizes[] = {0, 1, 16383, 16384, 16385, 32768, LONGEST};
    for (size_t i = 0; i < LONGEST; i++)
        plain[i] = (uint8_t)("a\"\\\n\x01z"[i % 7 % 6]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct text text = {0};
        const size_t size = (size_t)(json_write_string(expected, plain, sizes[i]) - expected);
        text_add_text(&text, "x");
        text_add_json_string(&text, plain, sizes[i]);
        assert_int_equal(text.used, 1 + size);
        assert_memory_equal(text.bytes + 1, expected, size);
        assert_int_equal(text.bytes[0], 'x');
        text_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pino_and_bunyan),
        cmocka_unit_test(zap_and_zerolog),
        cmocka_unit_test(clef_fills_its_template),
        cmocka_unit_test(the_newline_of_a_log_is_no_part_of_the_message),
        cmocka_unit_test(logstash_gelf_and_ecs),
        cmocka_unit_test(docker_with_text_or_json_inside),
        cmocka_unit_test(audits_access_logs_and_the_journal),
        cmocka_unit_test(opentelemetry),
        cmocka_unit_test(keys_have_an_order_any_case_and_the_last_duplicate),
        cmocka_unit_test(ignored_members_are_not_found_and_parts_are_listed),
        cmocka_unit_test(names_are_exact),
        cmocka_unit_test(a_long_text_is_written_as_a_short_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
