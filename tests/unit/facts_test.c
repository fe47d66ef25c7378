/* facts_test.c - time and level of records: the names and forms that senders were seen to write
 * (their captures are in the tests), by all functions that find them, which must agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"

/* ---- helpers ---- */

static void same_facts(const struct facts *a, const struct facts *b, const char *text) {
    if (a->has_time == b->has_time && a->time_ns == b->time_ns && a->level == b->level &&
        a->unrecognised == b->unrecognised)
        return;
    fail_msg("%s: not the same each way", text);
}

/* By all functions: the record in a buffer of its size and in a padded line, alone and in sequence
 * with all others of this test. */
static struct facts facts_by(const struct facts_rules *rules, const char *text) {
    static struct facts_memory memory;
    const size_t size = strlen(text);
    uint8_t *exact = malloc(size), *line = calloc(1, size + 1 + JSON_PADDING);
    assert_true(exact && line);
    memcpy(exact, text, size);
    memcpy(line, text, size);
    line[size] = '\n';
    struct json_line parsed;
    struct json_found found;
    struct facts of_line, of_next, of_record;
    json_check_line_names(line, line + size + 1, false, &rules->names, &parsed, &found);
    assert_int_equal(parsed.reason, JSON_OK);
    facts_of_found(rules, &found, parsed.end, &of_line);
    facts_of_next_found(rules, &found, parsed.end, &memory, &of_next);
    facts_of_record(exact, size, rules, &of_record);
    same_facts(&of_line, &of_next, text);
    same_facts(&of_line, &of_record, text);
    free(exact);
    free(line);
    return of_line;
}

static struct facts facts_of(const char *text) {
    return facts_by(&facts_rules_usual, text);
}

static void happened(const char *record, const char *expected) {
    const struct facts facts = facts_of(record);
    char text[TIMESTAMP_TEXT_MAX];
    if (!facts.has_time) fail_msg("%s: no time was found", record);
    assert_string_equal(timestamp_format(facts.time_ns, text), expected);
}

static void is_timeless(const char *record) {
    if (facts_of(record).has_time) fail_msg("%s: a time was found", record);
}

static void is_of_level(const char *record, uint8_t expected) {
    const uint8_t level = facts_of(record).level;
    if (level != expected) fail_msg("%s: level %u, not %u", record, level, expected);
}

static void means(const char *text, const char *expected) {
    char formatted[TIMESTAMP_TEXT_MAX];
    int64_t ns;
    if (time_parse(text, strlen(text), &ns)) fail_msg("%s: is no time", text);
    timestamp_format(ns, formatted);
    if (strcmp(formatted, expected) != 0) fail_msg("%s: %s, not %s", text, formatted, expected);
}

static void is_no_time(const char *text) {
    int64_t ns;
    if (time_parse(text, strlen(text), &ns) != ERR_INVALID) fail_msg("%s: is a time", text);
}

static int set_rules(const char *time_keys, const char *level_keys, enum level_scale scale,
                     struct facts_rules *rules) {
    return facts_rules_set(
        &(struct facts_settings){.time_keys = time_keys, .level_keys = level_keys, .scale = scale},
        rules);
}

/* Not all texts of the tests are valid JSON. */
static void is_of_level_if_valid(const char *record, uint8_t expected) {
    const size_t size = strlen(record);
    uint8_t *line = calloc(1, size + 1 + JSON_PADDING);
    assert_non_null(line);
    memcpy(line, record, size);
    line[size] = '\n';
    struct json_line parsed;
    json_check_line(line, line + size + 1, false, &parsed);
    free(line);
    if (parsed.reason == JSON_OK) is_of_level(record, expected);
}

/* ---- times ---- */

static void rfc_3339_and_its_neighbours_are_read(void **state) {
    (void)state;
    means("2026-11-24T07:30:00Z", "2026-11-24T07:30:00.000Z");
    means("2026-11-24t07:30:00.5z", "2026-11-24T07:30:00.500Z");
    means("2026-11-24T07:30:00.123456789Z", "2026-11-24T07:30:00.123456789Z");
    means("2026-11-24T07:30:00.1234567899Z", "2026-11-24T07:30:00.123456789Z");
    means("2026-11-24T07:30:00.23+01:00", "2026-11-24T06:30:00.230Z");
    means("2026-11-24T07:30:00.23-0530", "2026-11-24T13:00:00.230Z");
    means("2026-11-24T00:30:00+01", "2026-11-23T23:30:00.000Z");
    means("2026-11-24 07:30:00,450", "2026-11-24T07:30:00.450Z");
    means("2026-11-24 07:30:00 +0100", "2026-11-24T06:30:00.000Z");
    means("2026-11-24 07:30:00 UTC", "2026-11-24T07:30:00.000Z");
    means("2026/11/24 07:30:00", "2026-11-24T07:30:00.000Z");
    means("2026-11-24T07:30", "2026-11-24T07:30:00.000Z");
    means("2026-11-24T07:30Z", "2026-11-24T07:30:00.000Z");
    means("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z");
    means("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    means("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z");
}

static void what_is_no_moment_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "now",
                                        "-",
                                        ".5",
                                        "5.",
                                        "1e",
                                        "0x10",
                                        "NaN",
                                        "2026-11-24",
                                        "2026-11-24T07",
                                        "2026-11-24T07:3",
                                        "2026-02-29T00:00:00Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-11-31T00:00:00Z",
                                        "2026-11-24T24:00:00Z",
                                        "2026-11-24T07:60:00Z",
                                        "2026-11-24T07:30:61Z",
                                        "2026-11-24T07:30:00.Z",
                                        "2026-11-24T07:30:00X",
                                        "2026-11-24T07:30:00ZZ",
                                        "2026-11-24T07:30:00+1",
                                        "2026-11-24T07:30:00+24:00",
                                        "2026-11-24T07:30:00+01:",
                                        "2026-11-24T07:30:00 ",
                                        "2026-11/24T07:30:00Z",
                                        "2026-11-24x07:30:00Z",
                                        "9999-11-24T07:30:00Z",
                                        "1500-11-24T07:30:00Z",
                                        "99999999999999999999",
                                        "1e30",
                                        "1e99999999999",
                                        "12 "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        is_no_time(texts[i]);
}

static void an_epochs_unit_is_told_by_its_magnitude(void **state) {
    (void)state;
    means("0", "1970-01-01T00:00:00.000Z");
    means("1795505400", "2026-11-24T07:30:00.000Z");
    means("1795505400123", "2026-11-24T07:30:00.123Z");
    means("1795505400123456", "2026-11-24T07:30:00.123456Z");
    means("1795505400123456789", "2026-11-24T07:30:00.123456789Z");
    means("1795505400.123456789", "2026-11-24T07:30:00.123456789Z");
    means("1795505400123.5", "2026-11-24T07:30:00.1235Z");
    means("1.795505400123e9", "2026-11-24T07:30:00.123Z");
    means("1.795505400123E+12", "2026-11-24T07:30:00.123Z");
    means("1795505400123e-3", "2026-11-24T07:30:00.123Z");
    means("1795505400.123456789012345678901234", "2026-11-24T07:30:00.123456789Z");
    means("-1", "1969-12-31T23:59:59.000Z");
    means("0.5", "1970-01-01T00:00:00.500Z");
    /* The last of a unit and the first of the next. */
    is_no_time("99999999999"); /* seconds still: the year 5138 */
    is_no_time("99999999999999");
    means("9223372035", "2262-04-11T23:47:15.000Z");
    means("100000000000", "1973-03-03T09:46:40.000Z");
    means("100000000000000", "1973-03-03T09:46:40.000Z");
    means("100000000000000000", "1973-03-03T09:46:40.000Z");
}

/* ---- as senders write them ---- */

static void the_time_of_each_client_is_found(void **state) {
    (void)state;
    happened("{\"level\":30,\"time\":1795505400123,\"pid\":1,\"msg\":\"pino\"}",
             "2026-11-24T07:30:00.123Z");
    happened("{\"@timestamp\":\"2026-11-24T07:30:00.68Z\",\"message\":\"logback\"}",
             "2026-11-24T07:30:00.680Z");
    happened("{\"asctime\":\"2026-11-24 07:30:00,450\",\"levelname\":\"INFO\"}",
             "2026-11-24T07:30:00.450Z");
    happened(
        "{\"instant\":{\"epochSecond\":1795505400,\"nanoOfSecond\":123456789},\"thread\":\"m\"}",
        "2026-11-24T07:30:00.123456789Z");
    happened("{\"instant\" : { \"nanoOfSecond\" : 5 , \"epochSecond\" : 1795505400 } }",
             "2026-11-24T07:30:00.000000005Z");
    happened("{\"date\":1795505400.123456,\"log\":\"fluent bit\"}", "2026-11-24T07:30:00.123456Z");
    happened("{\"@t\":\"2026-11-24T07:30:00.1230000Z\",\"@m\":\"clef\"}",
             "2026-11-24T07:30:00.123Z");
    happened("{\"timeUnixNano\":\"1795505400123456789\"}", "2026-11-24T07:30:00.123456789Z");
    happened("{\"__REALTIME_TIMESTAMP\":\"1795505400123456\"}", "2026-11-24T07:30:00.123456Z");
    happened("{\"time_iso8601\":\"2026-11-24T08:30:00+01:00\"}", "2026-11-24T07:30:00.000Z");
    happened("{\"kind\":\"Event\",\"stageTimestamp\":\"2026-11-24T07:30:00.123456Z\"}",
             "2026-11-24T07:30:00.123456Z");
    happened("{\"eventTime\":\"2026-11-24T07:30:00Z\"}", "2026-11-24T07:30:00.000Z");
    happened("{\"Timestamp\":\"2026-11-24T07:30:00Z\"}", "2026-11-24T07:30:00.000Z");
    happened("{\"ts\":1795505400.5,\"msg\":\"zap\"}", "2026-11-24T07:30:00.500Z");
    happened("{\"datetime\":\"2026-11-24T07:30:00.123456+00:00\"}", "2026-11-24T07:30:00.123456Z");
    happened("{\"version\":\"1.1\",\"timestamp\":1795505400.123}", "2026-11-24T07:30:00.123Z");
}

static void the_level_of_each_client_is_found(void **state) {
    (void)state;
    is_of_level("{\"level\":30,\"msg\":\"pino\"}", LEVEL_INFO);
    is_of_level("{\"level\":35,\"msg\":\"pino\"}", LEVEL_INFO);
    is_of_level("{\"level\":60}", LEVEL_FATAL);
    is_of_level("{\"level\":\"error\"}", LEVEL_ERROR);
    is_of_level("{\"level\":\"30\"}", LEVEL_INFO);
    is_of_level("{\"levelname\":\"WARNING\"}", LEVEL_WARN);
    is_of_level("{\"log.level\":\"Debug\"}", LEVEL_DEBUG);
    is_of_level("{\"log\":{\"logger\":\"a\",\"level\":\"warn\"}}", LEVEL_WARN);
    is_of_level("{\"log\":\"error\"}", LEVEL_NONE);
    is_of_level("{\"@t\":\"2026-11-24T07:30:00Z\",\"@l\":\"Error\"}", LEVEL_ERROR);
    is_of_level("{\"@t\":\"2026-11-24T07:30:00Z\",\"@m\":\"clef\"}", LEVEL_INFO);
    is_of_level("{\"@t\":\"2026-11-24T07:30:00Z\",\"@l\":\"?\"}", LEVEL_NONE);
    is_of_level("{\"version\":\"1.1\",\"level\":3}", LEVEL_ERROR);
    is_of_level("{\"severityNumber\":5}", LEVEL_DEBUG);
    is_of_level("{\"severityText\":\"INFO2\"}", LEVEL_INFO + 1);
    is_of_level("{\"level_value\":20000,\"level\":\"INFO\"}", LEVEL_INFO);
    is_of_level("{\"level\":20000}", LEVEL_INFO);
    is_of_level("{\"level\":400}", LEVEL_ERROR);
    is_of_level("{\"PRIORITY\":\"6\"}", LEVEL_INFO);
    is_of_level("{\"severity\":\"CRITICAL\"}", LEVEL_FATAL);
    is_of_level("{\"severity\":\"crit\"}", LEVEL_CRITICAL);
    is_of_level("{\"level\":2}", LEVEL_CRITICAL);
    is_of_level("{\"level\":null}", LEVEL_NONE);
    is_of_level("{\"level\":true}", LEVEL_NONE);
    is_of_level("{\"level\":-1}", LEVEL_NONE);
    is_of_level("{\"level\":[30]}", LEVEL_NONE);
    is_of_level("{\"level\":\"informationally speaking\"}", LEVEL_NONE);
    is_of_level("{}", LEVEL_NONE);
}

static void a_level_is_found_under_every_usual_key_in_any_case(void **state) {
    (void)state;
    static const char *const keys[] = {"level",           "lvl",
                                       "severity",        "levelname",
                                       "log.level",       "@l",
                                       "severityNumber",  "severityText",
                                       "log_level",       "loglevel",
                                       "LogLevel",        "logLevel",
                                       "Level",           "LEVEL",
                                       "@level",          "level_name",
                                       "levelno",         "severity_text",
                                       "severity_number", "error_severity",
                                       "level.name",      "Severity",
                                       "PRIORITY",        "Log_Level"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char record[100];
        snprintf(record, sizeof record, "{\"%s\":\"Error\"}", keys[i]);
        is_of_level(record, LEVEL_ERROR);
    }
    is_of_level("{\"level\":{\"name\":\"WARN\",\"value\":3}}", LEVEL_WARN);
    is_of_level("{\"Log\":{\"Level\":\"WARN\"}}", LEVEL_WARN);
    is_of_level("{\"levelno\":30}", LEVEL_WARN); /* Python's */
    is_of_level("{\"severity_number\":10}", LEVEL_NOTICE);
    is_of_level("{\"priority\":1}", LEVEL_NONE);
    is_of_level("{\"priority\":\"error\"}", LEVEL_NONE);
}

static void a_level_is_read_through_spaces_brackets_and_colours(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint8_t level;
    } cases[] = {
        {" info ", LEVEL_INFO},
        {"[ERROR]", LEVEL_ERROR},
        {"<warn>", LEVEL_WARN},
        {"[ warn ]", LEVEL_WARN},
        {"INFO\\n", LEVEL_INFO},
        {"\\t[INFO]\\r\\n", LEVEL_INFO},
        {"\\\"INFO\\\"", LEVEL_NONE},
        {"\\u001b[32minfo\\u001b[39m", LEVEL_INFO},
        {"\\u001B[1;31mERROR\\u001B[0m", LEVEL_ERROR},
        {"[\\u001b[38;5;160m ERROR \\u001b[0m]", LEVEL_ERROR},
        {"\\u001b[31m30\\u001b[0m", LEVEL_INFO},
        {"in\\u0066o", LEVEL_INFO},
        {"ERROR+4", LEVEL_FATAL},
        {"ERROR+2", LEVEL_ERROR + 2},
        {"DEBUG-4", LEVEL_TRACE},
        {"INFO-1", LEVEL_INFO - 1},
        {"TRACE-9", LEVEL_TRACE},
        {"FATAL+999", LEVEL_MAX},
        {"ERROR+", LEVEL_NONE},
        {"+4", LEVEL_NONE},
        {"ERROR+4x", LEVEL_NONE},
        {"[]", LEVEL_NONE},
        {"\\u001b[", LEVEL_NONE},
        {"\\u00", LEVEL_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char record[100];
        const size_t size = strlen(cases[i].text);
        snprintf(record, sizeof record, "{\"level\":\"%s\"}", cases[i].text);
        struct facts facts;
        facts_of_record((const uint8_t *)record, strlen(record), &facts_rules_usual, &facts);
        if (facts.level != cases[i].level)
            fail_msg("%s: level %u, not %u", record, facts.level, cases[i].level);
        if (size > 4) is_of_level_if_valid(record, cases[i].level);
    }
}

/* The record with `text` as its `log`, written as a JSON string. */
static const char *wrapped(const char *before, const char *text, char *record) {
    char *p = record + sprintf(record, "{%s\"log\":\"", before);
    for (; *text != '\0'; text++) {
        if (*text < ' ')
            p += sprintf(p, "\\%c", *text == '\n' ? 'n' : *text == '\t' ? 't' : 'r');
        else
            p += sprintf(p, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    strcpy(p, "\"}");
    return record;
}

static void a_record_inside_log_has_the_facts_that_are_missing(void **state) {
    (void)state;
    enum { INNER = 7, OUTER = 5 };
    static const struct {
        const char *before, *log;
        uint8_t level;
        int64_t second; /* 0: none */
    } cases[] = {
        {"\"time\":5,", "{\"level\":\"error\",\"time\":7}\n", LEVEL_ERROR, OUTER},
        {"", "{\"level\":\"error\",\"time\":7}\r\n", LEVEL_ERROR, INNER},
        {"\"time\":5,", "{\"time\":7}", LEVEL_NONE, OUTER},
        {"\"level\":\"warn\",", "{\"level\":\"error\",\"ts\":7}", LEVEL_WARN, INNER},
        {"\"level\":\"wat\",", "{\"level\":\"error\"}", LEVEL_NONE, 0},
        {"\"level\":null,", "{\"level\":\"error\"}", LEVEL_ERROR, 0},
        {"\"severityNumber\":9,", "{\"level\":\"error\"}", LEVEL_INFO, 0},
        {"", " \n\t{\n \"level\"\n:\n\"a\\nb\",\"lvl\":\"warn\"\n}\n\n", LEVEL_WARN, 0},
        {"", "{\"log\":{\"level\":\"warn\"}}", LEVEL_WARN, 0},
        {"", "{\"msg\":\"\\\"}\",\"level\":30}", LEVEL_INFO, 0},
        /* CLEF without a level is INFO, unless the inner record says otherwise. */
        {"", "{\"@t\":7}", LEVEL_INFO, INNER},
        {"\"@t\":5,", "text", LEVEL_INFO, OUTER},
        {"\"@t\":5,", "{\"level\":\"debug\"}", LEVEL_DEBUG, OUTER},
        /* Not one object. */
        {"", "{\"level\":\"error\"", LEVEL_NONE, 0},
        {"", "{\"level\":\"error\"} x", LEVEL_NONE, 0},
        {"", "{\"level\":\"error\"}\n{\"level\":\"error\"}", LEVEL_NONE, 0},
        {"", "x {\"level\":\"error\"}", LEVEL_NONE, 0},
        {"", "{\"level\":\"error\",\"m\":\"a\nb\"}", LEVEL_NONE, 0},
        {"", "[{\"level\":\"error\"}]", LEVEL_NONE, 0},
        {"", "", LEVEL_NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char record[300];
        const struct facts facts = facts_of(wrapped(cases[i].before, cases[i].log, record));
        if (facts.level != cases[i].level || facts.time_ns != cases[i].second * 1000000000)
            fail_msg("%s: level %u, time %lld", record, facts.level, (long long)facts.time_ns);
        assert_int_equal(facts.has_time, cases[i].second != 0);
    }
    /* Once only, and only in `log`. */
    char once[200], twice[400];
    wrapped("", "{\"level\":\"error\"}", once);
    assert_int_equal(facts_of(wrapped("", once, twice)).level, LEVEL_NONE);
    assert_int_equal(facts_of("{\"message\":\"{\\\"level\\\":\\\"error\\\"}\"}").level, LEVEL_NONE);
    assert_int_equal(facts_of("{\"log\":\"\\u007b\\\"level\\\":\\\"error\\\"}\"}").level,
                     LEVEL_ERROR);
}

static void the_header_of_syslog_has_the_facts_that_are_missing(void **state) {
    (void)state;
    static const struct {
        const char *record;
        uint8_t level;
        int64_t second; /* 0: none */
    } cases[] = {
        {"{\"message\":\"x\",\"_syslog\":{\"severity\":\"err\",\"severity_code\":3,\"time\":7}}",
         LEVEL_ERROR, 7},
        {"{\"_syslog\":{\"severity_code\":0}}", LEVEL_FATAL, 0},
        {"{\"_syslog\":{\"severity_code\":7,\"time\":\"1970-01-01T01:00:07+01:00\"}}", LEVEL_DEBUG,
         7},
        {"{\"_syslog\":{\"severity_code\":8,\"severity\":\"warning\"}}", LEVEL_WARN, 0},
        {"{\"_syslog\":{\"severity_code\":\"3\",\"severity\":5}}", LEVEL_NONE, 0},
        {"{\"_syslog\":{\"severity_code\":3,\"severity_code\":6}}", LEVEL_INFO, 0},
        /* The record's own facts, and those of a record inside it, are preferred. */
        {"{\"level\":\"debug\",\"ts\":5,\"_syslog\":{\"severity_code\":3,\"time\":7}}", LEVEL_DEBUG,
         5},
        {"{\"level\":\"wat\",\"_syslog\":{\"severity_code\":3}}", LEVEL_NONE, 0},
        {"{\"level\":\"debug\",\"_syslog\":{\"severity_code\":3,\"time\":7}}", LEVEL_DEBUG, 7},
        {"{\"@t\":5,\"_syslog\":{\"severity_code\":3}}", LEVEL_INFO, 5},
        {"{\"log\":\"{\\\"level\\\":\\\"warn\\\"}\",\"_syslog\":{\"severity_code\":3,\"time\":7}}",
         LEVEL_WARN, 7},
        /* RFC 3164 does not name the year. */
        {"{\"_syslog\":{\"severity_code\":3,\"time\":\"Nov 30 14:00:00\"}}", LEVEL_ERROR, 0},
        {"{\"_syslog\":{}}", LEVEL_NONE, 0},
        {"{\"_syslog\":\"severity_code\"}", LEVEL_NONE, 0},
        {"{\"a\":{\"_syslog\":{\"severity_code\":3}}}", LEVEL_NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct facts facts = facts_of(cases[i].record);
        if (facts.level != cases[i].level || facts.time_ns != cases[i].second * 1000000000)
            fail_msg("%s: level %u, time %lld", cases[i].record, facts.level,
                     (long long)facts.time_ns);
        assert_int_equal(facts.has_time, cases[i].second != 0);
    }
    /* Also with other keys, but not without any. */
    struct facts_rules rules;
    static const char record[] = "{\"_syslog\":{\"severity_code\":3,\"time\":7}}";
    assert_int_equal(
        facts_rules_set(&(struct facts_settings){.time_keys = "when", .level_keys = "none"},
                        &rules),
        0);
    assert_int_equal(facts_by(&rules, record).level, LEVEL_NONE);
    assert_int_equal(facts_by(&rules, record).time_ns, INT64_C(7000000000));
}

static void a_long_record_inside_log_is_read_too(void **state) {
    (void)state;
    for (size_t size = 16000; size < 200000; size += size / 30) {
        char *const record = malloc(size + 100);
        char *p = record + sprintf(record, "{\"log\":\"{\\\"m\\\":\\\"");
        memset(p, 'x', size);
        strcpy(p + size, "\\\",\\\"level\\\":\\\"warn\\\"}\\n\"}");
        assert_int_equal(facts_of(record).level, LEVEL_WARN);
        free(record);
    }
}

static void other_keys_are_found_in_a_record_inside_log(void **state) {
    (void)state;
    static const char record[] = "{\"log\":\"{\\\"when\\\":7,\\\"grade\\\":\\\"eror\\\"}\"}";
    struct facts_rules rules;
    const struct facts_settings settings = {
        .time_keys = "when", .level_keys = "grade", .level_names = "eror=error"};
    assert_int_equal(facts_rules_set(&settings, &rules), 0);
    const struct facts facts = facts_by(&rules, record);
    assert_int_equal(facts.level, LEVEL_ERROR);
    assert_int_equal(facts.time_ns, 7 * INT64_C(1000000000));
    const struct facts_settings none = {.time_keys = "none", .level_keys = "none"};
    assert_int_equal(facts_rules_set(&none, &rules), 0);
    assert_false(facts_by(&rules, "{\"log\":\"{\\\"time\\\":7}\"}").has_time);
}

static void a_level_that_is_not_known_is_reported(void **state) {
    (void)state;
    static const struct {
        const char *record, *text; /* NULL: recognised, or there is none */
    } cases[] = {
        {"{\"level\":\"eror\"}", "eror"},
        {"{\"level\":99.5,\"a\":1}", NULL},
        {"{\"level\":-1}", "-1"},
        {"{\"log\":{\"level\":\"eror\"}}", "eror"},
        {"{\"level\":{\"name\":\"eror\"}}", "eror"},
        {"{\"level\":{\"id\":\"eror\"}}", NULL},
        {"{\"level\":\"eror\",\"severity\":\"info\"}", NULL},
        {"{\"severity\":\"eror\",\"level\":\"inof\"}", "inof"},
        {"{\"log\":\"eror\"}", NULL},
        {"{\"log\":\"{\\\"level\\\":\\\"eror\\\"}\\n\"}", "eror"},
        {"{\"level\":\"inof\",\"log\":\"{\\\"level\\\":\\\"eror\\\"}\"}", "inof"},
        {"{\"level\":\"inof\",\"log\":\"{\\\"level\\\":\\\"info\\\"}\"}", "inof"},
        {"{\"level\":\"info\",\"log\":\"{\\\"level\\\":\\\"eror\\\"}\"}", NULL},
        {"{\"level\":null}", NULL},
        {"{\"level\":\"\"}", NULL},
        {"{\"level\":true}", NULL},
        {"{\"level\":\"informationally speaking\"}", "informationally speaking"},
        {"{\"msg\":\"eror\"}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t text[32];
        const char *const record = cases[i].record;
        const struct facts facts = facts_of(record);
        assert_int_equal(facts.unrecognised, cases[i].text != NULL);
        const size_t size = facts_unrecognised((const uint8_t *)record, strlen(record),
                                               &facts_rules_usual, text, sizeof text);
        assert_int_equal(size, cases[i].text != NULL ? strlen(cases[i].text) : 0);
        if (cases[i].text != NULL) assert_memory_equal(text, cases[i].text, size);
    }
}

static void a_level_that_is_a_number_is_found_in_any_notation(void **state) {
    (void)state;
    is_of_level("{\"level\":30.0}", LEVEL_INFO);
    is_of_level("{\"level\":3e1}", LEVEL_INFO);
    is_of_level("{\"level\":0.3e2}", LEVEL_INFO);
    is_of_level("{\"level\":4.0E+1}", LEVEL_WARN);
    is_of_level("{\"level\":50.7}", LEVEL_ERROR);
    is_of_level("{\"level\":500e-1}", LEVEL_ERROR);
    is_of_level("{\"level\":4e4}", LEVEL_ERROR);
    is_of_level("{\"level\":\"3e1\"}", LEVEL_INFO);
    is_of_level("{\"level\":30.00000000000000000000000000000000000000000001}", LEVEL_INFO);
    is_of_level("{\"level\":1e400}", LEVEL_NONE);
    is_of_level("{\"level\":-1}", LEVEL_NONE);
    is_of_level("{\"level\":\"3e\"}", LEVEL_NONE);
    is_of_level("{\"level\":\"3.1.2\"}", LEVEL_NONE);
    happened("{\"instant\":{\"epochSecond\":1795505400e0,\"nanoOfSecond\":5E8}}",
             "2026-11-24T07:30:00.500Z");
}

static void a_time_may_be_written_with_escapes(void **state) {
    (void)state;
    happened("{\"ts\":\"2026\\/11\\/24 07:30:00\"}", "2026-11-24T07:30:00.000Z");
    happened("{\"ts\":\"2026-11-24T07:30:00\\u002b01:00\"}", "2026-11-24T06:30:00.000Z");
    happened("{\"ts\":\"17955\\u00305400\"}", "2026-11-24T07:30:00.000Z");
}

static void names_of_levels_can_be_added_and_win(void **state) {
    (void)state;
    struct facts_rules rules;
    const struct facts_settings settings = {.level_names =
                                                "eror=error,HTTP=info,info=warn,7=fatal"};
    assert_int_equal(facts_rules_set(&settings, &rules), 0);
    assert_int_equal(facts_by(&rules, "{\"ts\":5,\"level\":\"Eror\"}").level, LEVEL_ERROR);
    assert_int_equal(facts_by(&rules, "{\"level\":\"[http]\"}").level, LEVEL_INFO);
    assert_int_equal(facts_by(&rules, "{\"ts\":1795505400,\"level\":\"info\"}").level, LEVEL_WARN);
    assert_int_equal(facts_by(&rules, "{\"level\":7}").level, LEVEL_FATAL);
    assert_int_equal(facts_by(&rules, "{\"level\":6}").level, LEVEL_INFO);
    assert_int_equal(facts_by(&rules, "{\"level\":\"debug\"}").level, LEVEL_DEBUG);
    static const char *const bad[] = {"eror",
                                      "=error",
                                      "eror=",
                                      "eror=eror",
                                      "a=info,",
                                      ",a=info",
                                      "a-name-of-thirty-two-bytes-in-all=info"};
    struct level_names names;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (level_names_parse(bad[i], &names) != ERR_INVALID) fail_msg("%s is read", bad[i]);
}

/* ---- zones ---- */

/* Two hours ahead of UTC. */
static int64_t two_hours_ahead(const void *zone, int64_t local_s) {
    assert_ptr_equal(zone, &two_hours_ahead);
    return local_s - 7200;
}

static void times_without_a_zone_are_of_the_zone_that_is_set(void **state) {
    (void)state;
    struct facts_rules rules;
    const struct facts_settings settings = {.zone = {two_hours_ahead, &two_hours_ahead}};
    assert_int_equal(facts_rules_set(&settings, &rules), 0);
    static const struct {
        const char *time;
        int64_t ns;
    } cases[] = {
        {"\"2026-11-24 09:30:00\"", 1795505400000000000},
        {"\"2026-11-24T09:30:00.123\"", 1795505400123000000},
        {"\"2026-11-24T09:30:00,123\"", 1795505400123000000},
        {"\"2026-11-24T09:30:00.123456\"", 1795505400123456000},
        {"\"2026-11-24T07:30:00.123456Z\"", 1795505400123456000},
        {"\"2026-11-24T07:30:00.123Z\"", 1795505400123000000},
        {"\"2026-11-24T08:30:00.123+01:00\"", 1795505400123000000},
        {"1795505400.123", 1795505400123000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char record[100];
        snprintf(record, sizeof record, "{\"time\":%s,\"level\":\"info\",\"a\":\"bcd\"}",
                 cases[i].time);
        const struct facts facts = facts_by(&rules, record);
        if (!facts.has_time || facts.time_ns != cases[i].ns)
            fail_msg("%s: %lld", record, (long long)facts.time_ns);
    }
}

static void keys_can_be_put_before_the_usual_ones(void **state) {
    (void)state;
    struct facts_rules rules;
    assert_int_equal(set_rules("+when,at", "+grade", LEVEL_SCALE_USUAL, &rules), 0);
    const char *record = "{\"time\":1,\"at\":1795505400,\"level\":\"info\",\"grade\":\"warn\"}";
    struct facts facts = facts_by(&rules, record);
    assert_true(facts.time_ns == 1795505400000000000 && facts.level == LEVEL_WARN);
    facts = facts_by(&rules, "{\"time\":1795505400,\"level\":\"info\"}");
    assert_true(facts.time_ns == 1795505400000000000 && facts.level == LEVEL_INFO);
    assert_int_equal(set_rules("+", NULL, LEVEL_SCALE_USUAL, &rules), ERR_INVALID);
}

static void only_the_top_level_counts(void **state) {
    (void)state;
    is_timeless("{\"time_that_is_32_bytes_longer_than_it\":1795505400123}");
    is_timeless("{\"tim\":1795505400123,\"times\":1795505400123,\"tame\":1795505400123}");
    is_timeless("{\"a\":{\"time\":1795505400123}}");
    is_timeless("{\"a\":[{\"time\":1795505400123}]}");
    is_timeless("{\"a\":\"\\\"time\\\":1795505400123\"}");
    is_timeless("{\"time \":1795505400123}");
    is_timeless("{\"\":1795505400123}");
    happened("{\"a\":{\"b\":[{}]},\"time\":1795505400123}", "2026-11-24T07:30:00.123Z");
    happened("{\"a\\\\\":\"\\\\\\\"}\" , \"time\" : 1795505400123 }", "2026-11-24T07:30:00.123Z");
    is_timeless("{\"time\":{\"epochSecond\":\"x\"}}");
    is_timeless("{\"time\":{}}");
    is_timeless("{\"time\":\"\"}");
    is_timeless("{\"time\":\"12:00\"}");
}

static void the_preferred_name_decides_and_the_next_where_it_says_nothing(void **state) {
    (void)state;
    happened("{\"time\":1795505400,\"@timestamp\":\"2020-01-01T00:00:00Z\"}",
             "2020-01-01T00:00:00.000Z");
    happened("{\"@timestamp\":\"yesterday\",\"time\":1795505400}", "2026-11-24T07:30:00.000Z");
    happened("{\"time\":5,\"time\":1795505400}", "2026-11-24T07:30:00.000Z");
    happened("{\"time\":5,\"TIME\":1795505400}", "2026-11-24T07:30:00.000Z");
    is_timeless("{\"time\":1795505400,\"time\":null}");
    is_of_level("{\"level\":\"info\",\"level\":\"error\"}", LEVEL_ERROR);
    is_of_level("{\"log\":{\"level\":\"info\",\"level\":\"error\"}}", LEVEL_ERROR);
    is_of_level("{\"severity\":\"high\",\"lvl\":\"warn\",\"level\":null}", LEVEL_WARN);
}

static void names_and_scale_can_be_chosen(void **state) {
    (void)state;
    struct facts_rules rules;
    assert_int_equal(set_rules("when,at", "grade", LEVEL_SCALE_PYTHON, &rules), 0);
    const char *record = "{\"time\":1,\"at\":1795505400,\"level\":50,\"grade\":40}";
    struct facts facts = facts_by(&rules, record);
    assert_true(facts.has_time && facts.time_ns == 1795505400000000000);
    assert_int_equal(facts.level, LEVEL_ERROR);
    assert_int_equal(set_rules("none", "none", LEVEL_SCALE_USUAL, &rules), 0);
    facts = facts_by(&rules, record);
    assert_false(facts.has_time);
    assert_int_equal(facts.level, LEVEL_NONE);
    assert_int_equal(set_rules(NULL, "", LEVEL_SCALE_SYSLOG, &rules), 0);
    facts = facts_by(&rules, "{\"level\":4}");
    assert_int_equal(facts.level, LEVEL_WARN);
    assert_int_equal(facts_by(&rules, "{\"level\":30}").level, LEVEL_NONE);
    assert_int_equal(set_rules("a,,b", NULL, LEVEL_SCALE_USUAL, &rules), ERR_INVALID);
    assert_int_equal(set_rules("a,", NULL, LEVEL_SCALE_USUAL, &rules), ERR_INVALID);
    assert_int_equal(
        set_rules("a-name-of-thirty-two-bytes-in-all", NULL, LEVEL_SCALE_USUAL, &rules),
        ERR_INVALID);
    char many[200] = "a";
    for (int i = 0; i < JSON_NAMES_MAX; i++)
        strcat(many, ",a");
    assert_int_equal(set_rules(many, NULL, LEVEL_SCALE_USUAL, &rules), ERR_INVALID);
}

static void the_usual_rules_are_what_their_names_make(void **state) {
    (void)state;
    struct facts_rules made;
    assert_int_equal(set_rules(NULL, NULL, LEVEL_SCALE_USUAL, &made), 0);
    const struct facts_rules *usual = &facts_rules_usual;
    assert_int_equal(made.names.count, usual->names.count);
    assert_int_equal(made.times, usual->times);
    assert_int_equal(made.levels, usual->levels);
    assert_memory_equal(made.names.of_size, usual->names.of_size, sizeof made.names.of_size);
    assert_memory_equal(made.names.of_first, usual->names.of_first, sizeof made.names.of_first);
    for (uint32_t i = 0; i < made.names.count; i++)
        assert_string_equal(made.names.names[i].text, usual->names.names[i].text);
}

/* ---- levels ---- */

static void every_scale_has_its_numbers(void **state) {
    (void)state;
    static const struct {
        enum level_scale scale;
        int64_t number;
        int level;
    } cases[] = {
        {LEVEL_SCALE_PINO, 10, 1},          {LEVEL_SCALE_PINO, 30, 9},
        {LEVEL_SCALE_PINO, 0, -1},          {LEVEL_SCALE_PYTHON, 30, 13},
        {LEVEL_SCALE_PYTHON, 40, 17},       {LEVEL_SCALE_PYTHON, 50, 21},
        {LEVEL_SCALE_SYSLOG, 0, 21},        {LEVEL_SCALE_SYSLOG, 7, 5},
        {LEVEL_SCALE_SYSLOG, 8, -1},        {LEVEL_SCALE_LOGBACK, 5000, 1},
        {LEVEL_SCALE_LOGBACK, 40000, 17},   {LEVEL_SCALE_OPENTELEMETRY, 24, 24},
        {LEVEL_SCALE_OPENTELEMETRY, 0, -1}, {LEVEL_SCALE_OPENTELEMETRY, 25, -1},
        {LEVEL_SCALE_MONOLOG, 250, 10},     {LEVEL_SCALE_MONOLOG, 600, 21},
        {LEVEL_SCALE_MONOLOG, 99, -1},      {LEVEL_SCALE_USUAL, 17, 17},
        {LEVEL_SCALE_USUAL, 20, 5},         {LEVEL_SCALE_USUAL, 6, 9},
        {LEVEL_SCALE_USUAL, -5, -1},        {LEVEL_SCALE_USUAL, INT64_MAX, 21},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t level = 99;
        const int error = level_of_number(cases[i].number, cases[i].scale, &level);
        assert_int_equal(error ? -1 : level, cases[i].level);
    }
}

static void a_levels_name_is_read_in_any_case(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int level;
    } cases[] = {{"trace", 1},   {"DEBUG", 5},   {"Information", 9},
                 {"WARN", 13},   {"Err", 17},    {"FATAL", 21},
                 {"Error4", 20}, {"17", 17},     {"panic", 21},
                 {"E", 17},      {"0", -1},      {"25", -1},
                 {"error5", -1}, {"error0", -1}, {"errors", -1},
                 {"", -1},       {"2", 2},       {"1", 1},
                 {"007", -1},    {"x", -1},      {"emergencyemergency", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t level;
        const int error = level_parse(cases[i].name, strlen(cases[i].name), &level);
        if ((error ? -1 : level) != cases[i].level) fail_msg("%s", cases[i].name);
    }
}

static void a_level_has_the_plain_name_of_its_four(void **state) {
    (void)state;
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    assert_string_equal(level_name(0), "none");
    assert_int_equal(level_plain(0), 0);
    for (uint8_t level = 1; level <= LEVEL_MAX; level++) {
        uint8_t plain;
        assert_string_equal(level_name(level), names[(level - 1) / 4]);
        assert_int_equal(level_parse(level_name(level), strlen(level_name(level)), &plain), 0);
        assert_int_equal(plain, level_plain(level));
    }
}

/* ---- the fast path ---- */

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void agrees(const char *value, bool quoted) {
    char record[128];
    int64_t ns = 0;
    uint8_t level = LEVEL_NONE;
    const char *quote = quoted ? "\"" : "";
    snprintf(record, sizeof record, "{\"ts\":%s%s%s,\"level\":%s%s%s,\"a\":\"bcdefghijk\"}", quote,
             value, quote, quote, value, quote);
    const bool timed = time_parse(value, strlen(value), &ns) == 0;
    if (!quoted || level_parse(value, strlen(value), &level)) level = LEVEL_NONE;
    const struct facts facts = facts_of(record);
    if (facts.has_time != timed || (timed && facts.time_ns != ns))
        fail_msg("%s: %d %lld, not %d %lld", record, facts.has_time, (long long)facts.time_ns,
                 timed, (long long)ns);
    const bool number = value[0] >= '0' && value[0] <= '9', padded = strchr(value, ' ') != NULL;
    if (!number && !padded && facts.level != level)
        fail_msg("%s: level %u, not %u", record, facts.level, level);
}

/* Times and levels in the forms of the fast path, and with a few bytes changed. */
static void the_quick_way_finds_what_the_thorough_one_does(void **state) {
    (void)state;
    static const char *const texts[] = {"2026-11-24T07:30:00.123Z",
                                        "2026-11-24 07:30:00,123",
                                        "2026-02-28T23:59:59.123456Z",
                                        "2024-02-29T23:59:60.123456789Z",
                                        "info",
                                        "WARN",
                                        "warning",
                                        "Debug",
                                        "fatal",
                                        "trace"};
    static const char *const numbers[] = {"1795505400123", "1795505400", "1795505400.123456",
                                          "1795505400.123456789", "1000000000000"};
    static const char bytes[] = "0123456789-:TtZz.,+nfowagbir ";
    uint32_t seed = 20261124;
    for (int i = 0; i < 60000; i++) {
        char value[40];
        strcpy(value, texts[i % 10]);
        for (uint32_t n = next_random(&seed) % 4; n > 0; n--)
            value[next_random(&seed) % strlen(value)] =
                bytes[next_random(&seed) % (sizeof bytes - 1)];
        agrees(value, true);
        strcpy(value, numbers[i % 5]);
        for (uint32_t n = next_random(&seed) % 4; n > 0; n--) {
            char *digit = &value[1 + next_random(&seed) % (strlen(value) - 1)];
            if (*digit != '.') *digit = (char)('0' + next_random(&seed) % 10);
        }
        if (i % 3 == 0 && !strchr(value, '.'))
            value[1 + next_random(&seed) % (strlen(value) - 1)] = 0;
        agrees(value, false);
    }
}

static void every_day_is_the_same_the_quick_way(void **state) {
    (void)state;
    for (int32_t year = 1969; year <= 2263; year++) {
        for (int32_t day = 0; day < 14 * 33; day++) {
            char record[80], text[40];
            int64_t thorough = 0;
            snprintf(text, sizeof text, "%d-%02d-%02dT23:59:59.999Z", year, day / 33, day % 33);
            snprintf(record, sizeof record, "{\"time\":\"%s\",\"level\":\"info\"}", text);
            const bool is_day = time_parse(text, strlen(text), &thorough) == 0;
            const struct facts facts = facts_of(record);
            if (facts.has_time != is_day || (is_day && facts.time_ns != thorough))
                fail_msg("%s: %s, or another", text, is_day ? "is a day" : "is no day");
        }
    }
}

static void every_small_number_is_the_same_level_the_quick_way(void **state) {
    (void)state;
    for (int number = 0; number < 130; number++) {
        char record[80];
        uint8_t level = LEVEL_NONE;
        snprintf(record, sizeof record, "{\"time\":1795505400123,\"level\":%d}", number);
        if (level_of_number(number, LEVEL_SCALE_USUAL, &level)) level = LEVEL_NONE;
        is_of_level(record, level);
        snprintf(record, sizeof record, "{\"time\":1795505400123,\"level\":%d.0}", number);
        is_of_level(record, level);
    }
}

/* ---- invalid records ---- */

/* The sanitizers detect reads after the end. */
static void a_cut_or_changed_record_does_no_harm(void **state) {
    (void)state;
    const char *record = "{\"instant\":{\"epochSecond\":1795505400,\"nanoOfSecond\":12},\"log\":"
                         "{\"level\":\"in\\\"fo\"},\"level\":[{\"a\":\"\\\\\"}],\"time\":\"20\"}";
    const size_t size = strlen(record);
    for (size_t cut = 0; cut <= size; cut++) {
        uint8_t *exact = malloc(cut + (cut == 0));
        assert_non_null(exact);
        memcpy(exact, record, cut);
        struct facts facts;
        facts_of_record(exact, cut, &facts_rules_usual, &facts);
        assert_true(facts.level <= LEVEL_MAX);
        for (size_t at = 0; at < cut; at++) {
            const uint8_t before = exact[at];
            static const uint8_t bytes[] = {'"', '\\', '{', '}', ',', 0, 0xFF};
            for (size_t i = 0; i < sizeof bytes; i++) {
                exact[at] = bytes[i];
                facts_of_record(exact, cut, &facts_rules_usual, &facts);
                assert_true(facts.level <= LEVEL_MAX);
            }
            exact[at] = before;
        }
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_and_its_neighbours_are_read),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(an_epochs_unit_is_told_by_its_magnitude),
        cmocka_unit_test(the_time_of_each_client_is_found),
        cmocka_unit_test(the_level_of_each_client_is_found),
        cmocka_unit_test(a_level_is_found_under_every_usual_key_in_any_case),
        cmocka_unit_test(a_level_is_read_through_spaces_brackets_and_colours),
        cmocka_unit_test(a_record_inside_log_has_the_facts_that_are_missing),
        cmocka_unit_test(the_header_of_syslog_has_the_facts_that_are_missing),
        cmocka_unit_test(a_long_record_inside_log_is_read_too),
        cmocka_unit_test(other_keys_are_found_in_a_record_inside_log),
        cmocka_unit_test(a_level_that_is_not_known_is_reported),
        cmocka_unit_test(a_level_that_is_a_number_is_found_in_any_notation),
        cmocka_unit_test(a_time_may_be_written_with_escapes),
        cmocka_unit_test(names_of_levels_can_be_added_and_win),
        cmocka_unit_test(times_without_a_zone_are_of_the_zone_that_is_set),
        cmocka_unit_test(keys_can_be_put_before_the_usual_ones),
        cmocka_unit_test(only_the_top_level_counts),
        cmocka_unit_test(the_preferred_name_decides_and_the_next_where_it_says_nothing),
        cmocka_unit_test(names_and_scale_can_be_chosen),
        cmocka_unit_test(the_usual_rules_are_what_their_names_make),
        cmocka_unit_test(every_scale_has_its_numbers),
        cmocka_unit_test(a_levels_name_is_read_in_any_case),
        cmocka_unit_test(a_level_has_the_plain_name_of_its_four),
        cmocka_unit_test(the_quick_way_finds_what_the_thorough_one_does),
        cmocka_unit_test(every_day_is_the_same_the_quick_way),
        cmocka_unit_test(every_small_number_is_the_same_level_the_quick_way),
        cmocka_unit_test(a_cut_or_changed_record_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
