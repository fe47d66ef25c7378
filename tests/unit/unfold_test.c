/* Bodies of Loki and OTLP become one record for each event, byte for byte as they should be.
 * tests/e2e/test_unfold_model.py compares many more with a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/protocol/unfold.h"
#include "ingest/protocol/unpack.h"

#define ROOM (1u << 20)

static uint8_t body[ROOM + UNFOLD_PADDING], out[ROOM + UNFOLD_PADDING];
static struct unfold unfold;

static uint32_t begin(const struct unfold_format *format, const char *text, uint32_t record_max,
                      size_t *bad_at) {
    const uint8_t *bad = body;
    const char *problem = NULL;
    memcpy(body, text, strlen(text));
    const uint32_t reason =
        unfold_begin(&unfold, format, body, strlen(text), record_max, &bad, &problem);
    if (reason) assert_non_null(problem);
    if (bad_at) *bad_at = (size_t)(bad - body);
    return reason;
}

/* The only event of the body. */
static void becomes(const struct unfold_format *format, const char *text, const char *record) {
    struct unfold_event event;
    assert_int_equal(begin(format, text, ROOM, NULL), 0);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_RECORD);
    out[event.size] = '\0';
    assert_string_equal((char *)out, record);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_END);
}

#define LOKI(stream, values) "{\"streams\":[{\"stream\":" stream ",\"values\":[" values "]}]}"
#define OTLP(records)        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[" records "]}]}]}"
#define TIME                 "\"@timestamp\":\"2023-11-14T22:13:20.123456789Z\""

static void members_of_a_line_keep_their_bytes(void **state) {
    (void)state;
    becomes(&unfold_loki,
            LOKI("{\"job\":\"a\"}", "[\"1700000000123456789\",\"{ \\\"n\\\" : 1.50e+00, "
                                    "\\\"s\\\":\\\"\\\\u00e9\\\\/\\\" }\"]"),
            "{" TIME ",\"n\" : 1.50e+00, \"s\":\"\\u00e9\\/\" ,\"labels\":{\"job\":\"a\"}}");
    becomes(&unfold_loki, LOKI("{}", "[\"1700000000123456789\",\"a\\u0000\\/\\n{}\"]"),
            "{" TIME ",\"message\":\"a\\u0000\\/\\n{}\"}");
    becomes(&unfold_loki, LOKI("null", "[1700000000123456789,\"{}\",{}]"), "{" TIME "}");
}

static void a_label_gives_the_level_that_the_line_does_not_have(void **state) {
    (void)state;
    becomes(&unfold_loki, LOKI("{\"level\":\"warn\"}", "[\"1700000000123456789\",\"x\"]"),
            "{" TIME ",\"message\":\"x\",\"level\":\"warn\",\"labels\":{\"level\":\"warn\"}}");
    becomes(&unfold_loki,
            LOKI("{\"level\":\"warn\"}", "[\"1700000000123456789\",\"{\\\"lvl\\\":30}\"]"),
            "{" TIME ",\"lvl\":30,\"labels\":{\"level\":\"warn\"}}");
    becomes(&unfold_loki,
            LOKI("{}", "[\"1700000000123456789\",\"x\",{\"severity\":\"error\",\"id\":\"7\"}]"),
            "{" TIME ",\"message\":\"x\",\"level\":\"error\","
            "\"metadata\":{\"severity\":\"error\",\"id\":\"7\"}}");
}

static void members_that_the_record_needs_are_kept_in_line(void **state) {
    (void)state;
    becomes(&unfold_loki,
            LOKI("{\"a\":\"b\"}", "[\"1700000000123456789\",\"{\\\"@Timestamp\\\":1,\\\"x\\\":2,"
                                  "\\\"labels\\\":[3],\\\"metadata\\\":4}\"]"),
            "{" TIME ",\"x\":2,\"metadata\":4,\"line\":{\"@Timestamp\":1,\"labels\":[3]},"
            "\"labels\":{\"a\":\"b\"}}");
    becomes(&unfold_loki, LOKI("{}", "[\"1700000000123456789\",\"{\\\"line\\\":{}}\"]"),
            "{" TIME ",\"line\":{\"line\":{}}}");
}

static void values_of_otlp_lose_their_types_not_their_digits(void **state) {
    (void)state;
    becomes(
        &unfold_otlp,
        OTLP("{\"timeUnixNano\":\"1700000000123456789\",\"attributes\":["
             "{\"key\":\"i\",\"value\":{\"intValue\":\"-9223372036854775808\"}},"
             "{\"key\":\"d\",\"value\":{\"doubleValue\":1.50e+00}},"
             "{\"key\":\"n\",\"value\":{\"doubleValue\":\"NaN\"}},"
             "{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":false},{}]}}},"
             "{\"key\":\"k\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"\\u00e9\"}]}}},"
             "{\"key\":\"b\",\"value\":{\"bytesValue\":\"aGk=\"}}]}"),
        "{" TIME ",\"i\":-9223372036854775808,\"d\":1.50e+00,\"n\":\"NaN\",\"a\":[false,null],"
        "\"k\":{\"\\u00e9\":null},\"b\":\"aGk=\"}");
    becomes(&unfold_otlp, OTLP("{}"), "{}");
}

static void severity_becomes_a_level_that_readers_know(void **state) {
    (void)state;
    becomes(&unfold_otlp, OTLP("{\"severityNumber\":18,\"severityText\":\"Error\"}"),
            "{\"level\":\"error2\",\"severity_text\":\"Error\"}");
    becomes(&unfold_otlp, OTLP("{\"severityText\":\"Warning\"}"), "{\"level\":\"Warning\"}");
    becomes(&unfold_otlp, OTLP("{\"severityNumber\":25}"), "{\"severity_number\":25}");
    becomes(&unfold_otlp, OTLP("{\"severityNumber\":\"SEVERITY_NUMBER_FATAL4\"}"),
            "{\"level\":\"fatal4\"}");
}

static void attributes_that_the_record_needs_are_kept_apart(void **state) {
    (void)state;
    becomes(&unfold_otlp,
            OTLP("{\"body\":{\"stringValue\":\"hi\"},\"attributes\":["
                 "{\"key\":\"MESSAGE\",\"value\":{\"intValue\":1}},"
                 "{\"key\":\"level\",\"value\":{\"stringValue\":\"info\"}},"
                 "{\"key\":\"scope\",\"value\":{\"intValue\":2}}]}"),
            "{\"message\":\"hi\",\"level\":\"info\",\"attributes\":{\"MESSAGE\":1,\"scope\":2}}");
}

static void resource_and_scope_are_stored_with_each_record(void **state) {
    (void)state;
    const char *text =
        "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{},{\"flags\":1}],"
        "\"scope\":{\"name\":\"lib\"}}],\"resource\":{\"attributes\":[{\"key\":\"service.name\","
        "\"value\":{\"stringValue\":\"shop\"}}]}}]}";
    const char *wanted =
        "{\"scope\":{\"name\":\"lib\"},\"resource\":{\"service.name\":\"shop\"}}"
        "{\"trace_flags\":1,\"scope\":{\"name\":\"lib\"},\"resource\":{\"service.name\":\"shop\"}}";
    struct unfold_event event;
    size_t used = 0;
    assert_int_equal(begin(&unfold_otlp, text, ROOM, NULL), 0);
    while (unfold_next(&unfold, out + used, ROOM - used, &event) == UNFOLD_RECORD)
        used += event.size;
    out[used] = '\0';
    assert_string_equal((char *)out, wanted);
}

static void a_bad_event_is_rejected_by_itself_and_says_where(void **state) {
    (void)state;
    const char *text = OTLP("{\"flags\":1},{\"flags\":\"x\"},7,{\"flags\":2}");
    struct unfold_event event;
    assert_int_equal(begin(&unfold_otlp, text, ROOM, NULL), 0);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_RECORD);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_REJECTED);
    assert_int_equal(event.reason, REJECT_OTLP);
    assert_int_equal(event.at - body, strstr(text, "{\"flags\":\"x\"") - text);
    assert_string_equal(event.problem, "a member that must be an integer is none");
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_REJECTED);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_RECORD);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_END);
}

static void a_body_that_is_none_is_refused_at_its_first_bad_byte(void **state) {
    (void)state;
    size_t at;
    assert_int_equal(begin(&unfold_loki, "{\"streams\":[\n{\"a\":\"\n\"}]}", ROOM, &at),
                     JSON_CONTROL);
    assert_int_equal(at, 19);
    assert_int_equal(begin(&unfold_loki, " \n", ROOM, &at), JSON_TRUNCATED);
    assert_int_equal(at, 2);
    assert_int_equal(begin(&unfold_otlp, "[]", ROOM, &at), JSON_NOT_OBJECT);
    assert_int_equal(begin(&unfold_otlp, "{\"resource_logs\":[]}", ROOM, &at), REJECT_OTLP);
    assert_int_equal(begin(&unfold_loki, "{\"streams\":{}}", ROOM, &at), REJECT_LOKI);
    assert_int_equal(begin(&unfold_otlp, "{}", ROOM, &at), 0);
    assert_int_equal(begin(&unfold_loki, "{\"streams\":null}", ROOM, &at), 0);
}

static void what_is_not_understood_is_not_taken_for_nothing(void **state) {
    (void)state;
    static const struct {
        const struct unfold_format *format;
        const char *text;
    } bodies[] = {
        {&unfold_loki, "{\"streams\":[{\"labels\":\"{}\",\"entries\":[{\"line\":\"x\"}]}]}"},
        {&unfold_otlp, "{\"resourceLogs\":[{\"instrumentationLibraryLogs\":[{}]}]}"},
        {&unfold_otlp, "{\"resourceLogs\":[{\"scopeLogs\":[{\"scope\":{},\"logs\":[{}]}]}]}"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct unfold_event event;
        assert_int_equal(begin(bodies[i].format, bodies[i].text, ROOM, NULL), 0);
        assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_REJECTED);
        assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_END);
    }
}

static void a_record_fits_exactly_or_is_rejected(void **state) {
    (void)state;
    const char *text = LOKI("{\"job\":\"a\"}", "[\"1700000000123456789\",\"x\"]");
    const uint32_t size =
        (uint32_t)strlen("{" TIME ",\"message\":\"x\",\"labels\":{\"job\":\"a\"}}");
    struct unfold_event event;
    assert_int_equal(begin(&unfold_loki, text, size, NULL), 0);
    assert_int_equal(unfold_next(&unfold, out, size - 1, &event), UNFOLD_FULL);
    assert_int_equal(unfold_next(&unfold, out, size, &event), UNFOLD_RECORD);
    assert_int_equal(event.size, size);
    assert_int_equal(begin(&unfold_loki, text, size - 1, NULL), 0);
    assert_int_equal(unfold_next(&unfold, out, ROOM, &event), UNFOLD_REJECTED);
    assert_int_equal(event.reason, REJECT_OVERSIZED);
}

/* 200 KiB of labels for each of many entries. */
static void what_events_share_is_kept_while_memory_is_used_again(void **state) {
    (void)state;
    const char *text =
        "{\"resourceLogs\":[{\"scopeLogs\":["
        "{\"scope\":{\"name\":\"a\"},\"logRecords\":[{},{},{\"flags\":\"x\"},{}]},"
        "{\"scope\":{\"name\":\"longer\"},\"logRecords\":[{},{}]}],"
        "\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":7}}]}}]}";
    static const char *const records[] = {
        "{\"scope\":{\"name\":\"a\"},\"resource\":{\"k\":7}}",
        "{\"scope\":{\"name\":\"longer\"},\"resource\":{\"k\":7}}"};
    for (size_t room = 0; room < 100; room++) {
        struct unfold_event event = {0};
        enum unfold_result result;
        uint32_t count = 0;
        assert_int_equal(begin(&unfold_otlp, text, ROOM, NULL), 0);
        while ((result = unfold_next(&unfold, out, ROOM, &event)) != UNFOLD_END) {
            if (result == UNFOLD_RECORD) {
                out[event.size] = '\0';
                assert_string_equal((char *)out, records[count++ / 3]);
            }
            unfold_keep(&unfold, room);
            memset(out, '#', 100);
            assert_int_equal(unfold.shared[1].copy != NULL,
                             room >= unfold.shared[1].size +
                                         (unfold.shared[0].copy ? unfold.shared[0].size : 0));
        }
        assert_int_equal(count, 5);
        unfold_end(&unfold);
    }
}

static void what_events_share_cannot_fill_the_disk(void **state) {
    (void)state;
    const size_t label_size = 200u << 10;
    char *text = malloc(ROOM);
    size_t size = (size_t)sprintf(text, "{\"streams\":[{\"stream\":{\"a\":\"");
    memset(text + size, 'x', label_size);
    size += label_size;
    size += (size_t)sprintf(text + size, "\"},\"values\":[[1,\"\"]");
    while (size < ROOM - 100)
        size += (size_t)sprintf(text + size, ",[1,\"\"]");
    sprintf(text + size, "]}]}");
    assert_int_equal(begin(&unfold_loki, text, ROOM / 2, NULL), 0);
    struct unfold_event event = {0};
    uint64_t bytes = 0, rejected = 0;
    size_t used = 0;
    enum unfold_result result;
    while ((result = unfold_next(&unfold, out + used, ROOM - used, &event)) != UNFOLD_END) {
        if (result == UNFOLD_FULL) used = 0;
        if (result == UNFOLD_RECORD) used += event.size, bytes += event.size;
        if (result != UNFOLD_REJECTED) continue;
        assert_int_equal(event.reason, REJECT_EXPANSION);
        rejected++;
    }
    assert_in_range(bytes, (uint64_t)EXPAND_RATIO_MAX * size,
                    (uint64_t)EXPAND_RATIO_MAX * (size + 8) + label_size + 100);
    assert_true(rejected > 0);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_line_keep_their_bytes),
        cmocka_unit_test(a_label_gives_the_level_that_the_line_does_not_have),
        cmocka_unit_test(members_that_the_record_needs_are_kept_in_line),
        cmocka_unit_test(values_of_otlp_lose_their_types_not_their_digits),
        cmocka_unit_test(severity_becomes_a_level_that_readers_know),
        cmocka_unit_test(attributes_that_the_record_needs_are_kept_apart),
        cmocka_unit_test(resource_and_scope_are_stored_with_each_record),
        cmocka_unit_test(what_events_share_is_kept_while_memory_is_used_again),
        cmocka_unit_test(a_bad_event_is_rejected_by_itself_and_says_where),
        cmocka_unit_test(a_body_that_is_none_is_refused_at_its_first_bad_byte),
        cmocka_unit_test(what_is_not_understood_is_not_taken_for_nothing),
        cmocka_unit_test(a_record_fits_exactly_or_is_rejected),
        cmocka_unit_test(what_events_share_cannot_fill_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
