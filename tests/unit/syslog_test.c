/* syslog_test.c - headers of syslog as senders write them: where the message begins, and what the header
 * says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/record/syslog.h"

struct sample {
    const char *bytes;
    enum syslog_step step;
    const char *message;
    const char *fields; /* after the severity */
};

#define TIME "\"time\":\"Nov 30 14:00:00\""
#define OBJECT(bytes, fields)                                                                      \
    { bytes "{\"a\":1}", SYSLOG_OBJECT, "{\"a\":1}", fields }

static const struct sample samples[] = {
    /* RFC 3164, with and without its parts */
    OBJECT("<13>", ""),
    OBJECT("<13> ", ""),
    OBJECT("<13>client: ", "\"app\":\"client\""),
    OBJECT("<13>client:", "\"app\":\"client\""),
    OBJECT("<13>client ", "\"app\":\"client\""),
    OBJECT("<13>client[12]: ", "\"app\":\"client\",\"procid\":\"12\""),
    OBJECT("<13>client[12] ", "\"app\":\"client\",\"procid\":\"12\""),
    OBJECT("<13>client[12]", "\"app\":\"client\",\"procid\":\"12\""),
    OBJECT("<13>host client: ", "\"host\":\"host\",\"app\":\"client\""),
    OBJECT("<13>Nov 30 14:00:00 ", TIME),
    OBJECT("<13>Nov 30 14:00:00 host ", TIME ",\"host\":\"host\""),
    OBJECT("<13>Nov 30 14:00:00 host app ", TIME ",\"host\":\"host\",\"app\":\"app\""),
    OBJECT("<13>Nov 30 14:00:00 host app: ", TIME ",\"host\":\"host\",\"app\":\"app\""),
    OBJECT("<13>Nov 30 14:00:00 app: ", TIME ",\"app\":\"app\""),
    OBJECT("<13>Nov 30 14:00:00 app[7] ", TIME ",\"app\":\"app\",\"procid\":\"7\""),
    OBJECT("<13>Nov 30 14:00:00 fe80::1 a/b[7]:",
           TIME ",\"host\":\"fe80::1\",\"app\":\"a/b\",\"procid\":\"7\""),
    OBJECT("<13>Nov  3 14:00:00 app: ", "\"time\":\"Nov  3 14:00:00\",\"app\":\"app\""),
    OBJECT("<13>Nov 30 2026 14:00:00.123: app: ",
           "\"time\":\"Nov 30 2026 14:00:00.123\",\"app\":\"app\""),
    OBJECT("<13>2026-11-30T14:00:00.5+01:00 host app[7]: ",
           "\"time\":\"2026-11-30T14:00:00.5+01:00\",\"host\":\"host\",\"app\":\"app\",\"procid\":"
           "\"7\""),
    OBJECT("<13>2026-11-30 14:00:00 host app: ",
           "\"time\":\"2026-11-30 14:00:00\",\"host\":\"host\",\"app\":\"app\""),
    OBJECT("<13>app: @cee: ", "\"app\":\"app\""),
    OBJECT("<13>app:@cee:", "\"app\":\"app\""),
    OBJECT("<13>app[1]:@cee:", "\"app\":\"app\",\"procid\":\"1\""),
    OBJECT("<13>Nov 30 14:00:00 host @cee:", TIME ",\"host\":\"host\""),
    OBJECT("<13>app: \xEF\xBB\xBF", "\"app\":\"app\""),
    OBJECT("<13>a\"\xFF\\: ", "\"app\":\"a\\\"\xEF\xBF\xBD\\\\\""),
    {"<13>app: some {text}", SYSLOG_TEXT, "some {text}", "\"app\":\"app\""},
    {"<13>app[1]:text", SYSLOG_TEXT, "text", "\"app\":\"app\",\"procid\":\"1\""},
    {"<13>app:", SYSLOG_TEXT, "", "\"app\":\"app\""},
    {"<13>some text", SYSLOG_TEXT, "some text", ""},
    {"<13>some text {x}!", SYSLOG_OBJECT, "{x}!", "\"host\":\"some\",\"app\":\"text\""},
    {"<13>some more text {x}", SYSLOG_TEXT, "some more text {x}", ""},
    {"<13>Error occurred: disk", SYSLOG_TEXT, "Error occurred: disk", ""},
    {"<13>12:30 text", SYSLOG_TEXT, "12:30 text", ""},
    {"<13>Nov 30 14:00:00 host text it is", SYSLOG_TEXT, "text it is", TIME ",\"host\":\"host\""},
    {"<13>Nov 30 14:00:00 host a: text", SYSLOG_TEXT, "text",
     TIME ",\"host\":\"host\",\"app\":\"a\""},
    {"<13>Nov 30 14:00:00 word", SYSLOG_TEXT, "word", TIME},
    {"<13>Nov 30", SYSLOG_TEXT, "Nov 30", ""},
    {"<13>May people come", SYSLOG_TEXT, "May people come", ""},
    {"<13>app: @cee text", SYSLOG_TEXT, "@cee text", "\"app\":\"app\""},
    {"<13>app: @cee: text", SYSLOG_TEXT, "@cee: text", "\"app\":\"app\""},

    /* RFC 5424 */
    OBJECT("<13>1 - - - - - - ", ""),
    OBJECT("<13>1 - - - - - - \xEF\xBB\xBF", ""),
    OBJECT("<13>1 - - - - - -", ""),
    OBJECT("<13>1 - - - - - ", ""),
    OBJECT("<13>1 ", ""),
    OBJECT("<13>1 2026-11-30T14:00:00Z host app 7 id - ",
           "\"time\":\"2026-11-30T14:00:00Z\",\"host\":\"host\",\"app\":\"app\",\"procid\":\"7\","
           "\"msgid\":\"id\""),
    OBJECT("<13>1 - - - - - [App@32473 data=\"{\\\"user\\\":1}\"] ",
           "\"structured_data\":{\"App@32473\":{\"data\":\"{\\\"user\\\":1}\"}}"),
    OBJECT("<13>1 - - - - - [a b=\"1\" c=\"\\]\\\\\\x\" b=\"2\"][d]",
           "\"structured_data\":{\"a\":{\"b\":[\"1\",\"2\"],\"c\":\"]\\\\\\\\x\"},\"d\":{}}"),
    OBJECT("<13>1 - - - - - [a b=\"1\"][a b=\"2\"] ",
           "\"structured_data\":\"[a b=\\\"1\\\"][a b=\\\"2\\\"]\""),
    OBJECT("<13>1 - - - - [a] ", "\"structured_data\":{\"a\":{}}"),
    {"<13>1 - - - - - - text {x}", SYSLOG_TEXT, "text {x}", ""},
    {"<13>1 - - - - - text", SYSLOG_TEXT, "text", ""},
    {"<13>1 - - - - - [a b=\"x] {}", SYSLOG_TEXT, "[a b=\"x] {}", ""},
    {"<13>1 - h - - -", SYSLOG_TEXT, "", "\"host\":\"h\""},
    {"<13>1 error found", SYSLOG_TEXT, "1 error found", ""},
    {"<13>1", SYSLOG_TEXT, "1", ""},

    /* no headers */
    {"<13>", SYSLOG_NONE, "", ""},
    {"<192>a: {}", SYSLOG_NONE, "", ""},
    {"<>a: {}", SYSLOG_NONE, "", ""},
    {"<0013>{}", SYSLOG_NONE, "", ""},
    {"<a>", SYSLOG_NONE, "", ""},
    {"", SYSLOG_NONE, "", ""},
};

static void the_message_begins_after_the_header(void **state) {
    static const char priority[] =
        "{\"facility\":\"user\",\"facility_code\":1,\"severity\":\"notice\",\"severity_code\":5";
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        const uint8_t *bytes = (const uint8_t *)sample->bytes;
        const size_t size = strlen(sample->bytes);
        struct syslog_header header;
        uint8_t written[1024];
        struct syslog_out out = {.at = written, .end = written + sizeof written - 1};
        const enum syslog_step step = syslog_parse(bytes, size, &header);
        if (step != sample->step) fail_msg("%s: %d", sample->bytes, (int)step);
        if (step == SYSLOG_NONE) continue;
        if (strcmp(sample->bytes + header.message, sample->message) != 0)
            fail_msg("%s: %s", sample->bytes, sample->bytes + header.message);
        syslog_write(&out, &header, bytes);
        *out.at = '\0';
        const size_t begin = sizeof priority - 1 + (sample->fields[0] != '\0');
        assert_memory_equal(written, priority, sizeof priority - 1);
        assert_false(out.full);
        if (strncmp((char *)written + begin, sample->fields, strlen(sample->fields)) != 0 ||
            strcmp((char *)written + begin + strlen(sample->fields), "}") != 0)
            fail_msg("%s: %s", sample->bytes, (char *)written);
    }
}

/* Cut, changed and random headers: offsets stay within the bytes, and what is written within its
 * bounds. */
static void any_bytes_are_parsed_within_their_bounds(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 20000; seed++) {
        srand(seed);
        const struct sample *sample = &samples[seed % (sizeof samples / sizeof *samples)];
        size_t size = strlen(sample->bytes);
        if (size == 0) continue;
        size = 1 + (size_t)rand() % size;
        uint8_t *bytes = malloc(size), written[300];
        memcpy(bytes, sample->bytes, size);
        for (int changes = rand() % 4; changes > 0; changes--)
            bytes[(size_t)rand() % size] = (uint8_t) " :[]{}<>\"\\-1a@="[rand() % 15];
        struct syslog_header header;
        const enum syslog_step step = syslog_parse(bytes, size, &header);
        if (step != SYSLOG_NONE) {
            struct syslog_out out = {.at = written, .end = written + (size_t)rand() % 300};
            assert_true(header.message <= size);
            if (step == SYSLOG_OBJECT) assert_int_equal(bytes[header.message], '{');
            for (int i = 0; i < SYSLOG_FIELDS; i++)
                if (header.fields[i].end > header.fields[i].begin)
                    assert_true(header.fields[i].end <= header.message);
            syslog_write(&out, &header, bytes);
            assert_true(out.at <= out.end);
        }
        free(bytes);
    }
}

static void a_header_is_bounded(void **state) {
    (void)state;
    static uint8_t bytes[20000];
    struct syslog_header header;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "<13>1 - - - - - [", 17);
    assert_int_equal(syslog_parse(bytes, sizeof bytes, &header), SYSLOG_TEXT);
    assert_int_equal(header.message, 4);
    assert_int_equal(header.fields[SYSLOG_DATA].end, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_begins_after_the_header),
        cmocka_unit_test(any_bytes_are_parsed_within_their_bounds),
        cmocka_unit_test(a_header_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
