/* batch_test.c - a batch validates each line with the rules of the listener that received it: the
 * listener's keys for time and level, and its schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "writer/live/batch.h"

#define RECEIVED_NS 1700000000000000000

static _Atomic int64_t budget = 1 << 30;

static void add(struct batch *batch, uint32_t listener, const char *text) {
    const struct batch_origin origin = {
        .received_ns = RECEIVED_NS, .peer = {.family = 4, .port = 7}, .listener = listener};
    memcpy(batch_add(batch, &origin, (uint32_t)strlen(text)), text, strlen(text));
}

/* As the pipeline does. */
static void limit(struct batch *batch, uint64_t raw_bytes) {
    struct batch_growth growth = {0};
    batch_growth_add(&growth, &batch->rules->listeners[0]);
    batch_limit(batch, raw_bytes, growth);
}

static void open_batch(struct batch *batch, const struct batch_rules *rules) {
    assert_int_equal(batch_create(1000, batch), 0);
    batch_reset(batch, rules);
}

static void times_and_levels_follow_the_rules_of_the_listener(void **state) {
    (void)state;
    const struct facts_settings settings = {
        .time_keys = "when", .level_keys = "grade", .scale = LEVEL_SCALE_SYSLOG};
    struct facts_rules own;
    assert_int_equal(facts_rules_set(&settings, &own), 0);
    const struct batch_listener listeners[] = {{.name = "tcp=usual", .facts = &facts_rules_usual},
                                               {.name = "tcp=own", .facts = &own}};
    const struct batch_rules rules = {
        .listeners = listeners, .line_bytes_max = 1000, .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    add(&batch, 0, "{\"when\":1000000000,\"grade\":3}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.time_min_ns, RECEIVED_NS);
    assert_int_equal(batch.stored.span.levels, 1);

    batch_reset(&batch, &rules);
    add(&batch, 1, "{\"when\":1000000000,\"grade\":3}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.time_min_ns, 1000000000000000000);
    assert_int_equal(batch.stored.span.time_max_ns, RECEIVED_NS); /* the default rules */
    assert_int_equal(batch.stored.span.levels, 1 | 1u << LEVEL_ERROR);

    /* Lines of both listeners, interleaved in one batch. */
    batch_reset(&batch, &rules);
    add(&batch, 0, "{\"time\":1200000000,\"grade\":1}\n");
    add(&batch, 1, "{\"time\":1200000000,\"when\":1100000000,\"grade\":7}\n");
    add(&batch, 0, "{\"when\":1000000000,\"grade\":2}\n");
    batch_check(&batch);
    assert_int_equal(batch.counts.stored, 3);
    assert_int_equal(batch.stored.span.time_min_ns, 1100000000000000000);
    assert_int_equal(batch.stored.span.time_max_ns, RECEIVED_NS);
    assert_int_equal(batch.stored.span.levels, 1 | 1u << LEVEL_DEBUG);
    batch_free(&batch);
}

static void without_rules_for_facts_times_and_levels_are_unknown(void **state) {
    (void)state;
    const struct batch_listener listeners[] = {{.name = "tcp=usual", .facts = &facts_rules_usual},
                                               {.name = "tcp=none"}};
    const struct batch_rules rules = {
        .listeners = listeners, .line_bytes_max = 1000, .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    add(&batch, 0, "{\"time\":1200000000}\n");
    add(&batch, 1, "{\"time\":1200000000}\n");
    batch_check(&batch);
    assert_int_equal(batch.stored.span.lines, 2);
    assert_int_equal(batch.stored.span.time_min_ns, INT64_MIN);
    assert_int_equal(batch.stored.span.time_max_ns, INT64_MAX);
    batch_free(&batch);
}

static struct schema_gate *gate_of(const char *text) {
    const struct schema_source source = {.name = "test", .text = text, .size = strlen(text)};
    struct schema_problem problem;
    struct schema *schema;
    struct schema_gate *gate;
    assert_int_equal(schema_compile(&source, 1, NULL, &schema, &problem), 0);
    assert_int_equal(schema_gate_make(schema, 1000, 1, &gate), 0);
    return gate;
}

/* Each gate has one checker: the test stops if a batch fails to return it. */
static void lines_are_validated_against_the_schema_of_their_listener(void **state) {
    (void)state;
    struct schema_gate *number = gate_of("{\"properties\":{\"n\":{\"type\":\"number\"}}}");
    struct schema_gate *text = gate_of("{\"properties\":{\"n\":{\"type\":\"string\"}}}");
    const struct batch_listener listeners[] = {
        {.name = "tcp=number", .facts = &facts_rules_usual, .gate = number},
        {.name = "tcp=text", .gate = text},
        {.name = "tcp=watched", .facts = &facts_rules_usual, .gate = number, .monitor = true},
        {.name = "tcp=any", .facts = &facts_rules_usual}};
    const struct batch_rules rules = {
        .listeners = listeners, .line_bytes_max = 1000, .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    for (int round = 0; round < 3; round++) {
        batch_reset(&batch, &rules);
        for (uint32_t listener = 0; listener < 4; listener++)
            add(&batch, listener, "{\"n\":1}\n{\"n\":\"1\"}\n{\"n\":\n");
        batch_check(&batch);
        static const char stored[] =
            "{\"n\":1}\n{\"n\":\"1\"}\n{\"n\":1}\n{\"n\":\"1\"}\n{\"n\":1}\n"
            "{\"n\":\"1\"}\n";
        assert_int_equal(batch.stored_size, strlen(stored));
        assert_memory_equal(batch.raw, stored, strlen(stored));
        assert_int_equal(batch.counts.records, 12);
        assert_int_equal(batch.counts.stored, 6);
        assert_int_equal(batch.counts.rejected, 6);
        assert_int_equal(batch.counts.reasons[REJECT_SCHEMA], 2);
        assert_int_equal(batch.counts.monitored, 1);
        assert_int_equal(batch.sample_count, 1);
        assert_int_equal(batch.samples[0].origin.listener, 2);
        assert_string_equal(batch.samples[0].verdict.instance, "/n");
    }
    batch_free(&batch);
    schema_gate_release(number);
    schema_gate_release(text);
}

static void a_reject_with_the_longest_verdict_and_the_worst_bytes_fits(void **state) {
    (void)state;
    static uint8_t worst[QUARANTINE_KEEP_MAX + 10];
    struct schema_verdict verdict;
    memset(worst, 1, sizeof worst);
    memset(&verdict, 1, sizeof verdict);
    verdict.instance[sizeof verdict.instance - 1] = '\0';
    verdict.schema[sizeof verdict.schema - 1] = '\0';
    verdict.sentence[sizeof verdict.sentence - 1] = '\0';
    const struct port_address peer = {.family = 4, .port = 7};
    struct reject reject = {.peer = &peer,
                            .listener = "tcp=127.0.0.1:5170",
                            .reason = REJECT_SCHEMA,
                            .verdict = &verdict,
                            .bytes = worst,
                            .size = sizeof worst};
    const size_t most = quarantine_bytes_max(&reject);
    char *text = malloc(most);
    assert_non_null(text);
    const size_t size = (size_t)(quarantine_write(text, &reject) - text);
    assert_in_range(size, 1, most);
    struct json_line line;
    char *padded = malloc(size + JSON_PADDING);
    assert_non_null(padded);
    memcpy(padded, text, size);
    json_check_line((uint8_t *)padded, (uint8_t *)padded + size, false, &line);
    assert_int_equal(line.reason, JSON_OK);
    /* An incomplete UTF-8 sequence at the end of a text is omitted. */
    strcpy(verdict.instance, "/caf\xC3");
    reject.bytes = (const uint8_t *)"{}";
    reject.size = 2;
    *quarantine_write(text, &reject) = '\0';
    assert_non_null(strstr(text, "\"schema\":{\"instance\":\"/caf\",\"keyword\":\""));
    free(padded);
    free(text);
}

/* ---- messages of syslog, and text ---- */

static void one_stored(bool fields, bool wrap, const char *line, const char *stored) {
    const struct batch_listener listeners[] = {
        {.name = "tcp=test", .facts = &facts_rules_usual, .syslog_fields = fields, .wrap = wrap}};
    const struct batch_rules rules = {
        .listeners = listeners, .line_bytes_max = 1000, .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    limit(&batch, 1 << 20);
    add(&batch, 0, line);
    batch_check(&batch);
    assert_int_equal(batch.counts.records, 1);
    assert_int_equal(batch.counts.stored, stored != NULL);
    assert_int_equal(batch.counts.rejected, stored == NULL);
    if (stored != NULL) {
        assert_int_equal(batch.raw[batch.stored_size - 1], '\n');
        batch.raw[batch.stored_size - 1] = '\0';
        assert_string_equal((const char *)batch.raw, stored);
    }
    batch_free(&batch);
}

#define PRIORITY                                                                                   \
    "\"facility\":\"user\",\"facility_code\":1,\"severity\":\"warning\",\"severity_code\":4"

static void the_header_of_syslog_is_added_on_request(void **state) {
    (void)state;
    one_stored(false, false, "<12>app[3]: {\"a\": 1}\n", "{\"a\": 1}");
    one_stored(true, false, "<12>app[3]: {\"a\": 1} \r\n",
               "{\"a\": 1,\"_syslog\":{" PRIORITY ",\"app\":\"app\",\"procid\":\"3\"}}");
    one_stored(true, true, "<12>{ }\n", "{ \"_syslog\":{" PRIORITY "}}");
    one_stored(true, false, "{\"a\":1}\n", "{\"a\":1}");
    one_stored(true, false, "@cee:{\"a\":1}\n", "{\"a\":1}");
    /* Its sender has added one. */
    one_stored(true, false, "<12>{\"_syslog\":{}}\n", "{\"_syslog\":{}}");
    one_stored(true, false, "<12>{\"\\u005f\\u0073yslog\":{}}\n", "{\"\\u005f\\u0073yslog\":{}}");
    one_stored(true, false, "<12>{\"a\":\"\\\"_syslog\\\"\",\"b\":{\"_syslog\":1}}\n",
               "{\"a\":\"\\\"_syslog\\\"\",\"b\":{\"_syslog\":1},\"_syslog\":{" PRIORITY "}}");
    one_stored(true, false, "<12>app: {\"a\":}\n", NULL);
    one_stored(true, true, "{\"a\":}\n", NULL);
    one_stored(true, true, "<12>app: {\"a\":}\n", NULL);
}

static void text_is_stored_only_on_request(void **state) {
    (void)state;
    one_stored(false, false, "text\n", NULL);
    one_stored(true, false, "<12>app: text\n", NULL);
    one_stored(false, true, "a \"text\" {\\\x01\xFF\xE2\x82 \xC3\xBC\r\n",
               "{\"message\":\"a \\\"text\\\" {\\\\\\u0001\xEF\xBF\xBD\xEF\xBF\xBD \xC3\xBC\"}");
    one_stored(false, true, "<12>app: text\n",
               "{\"message\":\"text\",\"_syslog\":{" PRIORITY ",\"app\":\"app\"}}");
    one_stored(false, true, "<192>x\n", "{\"message\":\"<192>x\"}");
    one_stored(false, true, "[1]\n", "{\"message\":\"[1]\"}");
}

/* The shortest records, and bytes that become six, grow most; long ones are alone in a batch. */
static void records_grow_within_the_batch(void **state) {
    (void)state;
    static const char *const lines[] = {
        "<1>x\n",         "x\n",         "<1>{}\n", "<191>1 - - - - - [a] {}\n",
        "\x01\x02\x03\n", "<80>\x01:\n", "{}\n",    "<1>a b c\n"};
    const struct batch_listener listeners[] = {
        {.name = "tcp=test", .syslog_fields = true, .wrap = true}};
    const struct batch_rules rules = {
        .listeners = listeners, .line_bytes_max = 1000, .reject_budget = &budget};
    struct batch batch;
    open_batch(&batch, &rules);
    for (size_t kind = 0; kind <= sizeof lines / sizeof *lines; kind++) {
        uint64_t count = 0;
        batch_reset(&batch, &rules);
        limit(&batch, 1 << 20);
        for (;; count++) {
            const char *line =
                lines[kind < sizeof lines / sizeof *lines ? kind
                                                          : count % (sizeof lines / sizeof *lines)];
            if (strlen(line) > batch_line_room(&batch)) break;
            add(&batch, 0, line);
        }
        batch_check(&batch);
        assert_int_equal(batch.counts.records, count);
        assert_int_equal(batch.counts.stored, count);
        assert_true(batch.stored_size <= batch.raw_max);
    }
    /* What becomes longer than line_bytes_max is rejected. */
    char line[] = "<12>app: 0123456789 ...";
    char longest[1002];
    memset(longest, '"', sizeof longest);
    memcpy(longest, line, sizeof line - 1);
    longest[1000] = '\n';
    longest[1001] = '\0';
    batch_reset(&batch, &rules);
    limit(&batch, 1 << 20);
    add(&batch, 0, longest);
    batch_check(&batch);
    assert_int_equal(batch.counts.reasons[REJECT_OVERSIZED], 1);
    batch_free(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_of_syslog_is_added_on_request),
        cmocka_unit_test(text_is_stored_only_on_request),
        cmocka_unit_test(records_grow_within_the_batch),
        cmocka_unit_test(times_and_levels_follow_the_rules_of_the_listener),
        cmocka_unit_test(without_rules_for_facts_times_and_levels_are_unknown),
        cmocka_unit_test(lines_are_validated_against_the_schema_of_their_listener),
        cmocka_unit_test(a_reject_with_the_longest_verdict_and_the_worst_bytes_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
