/* http_test.c - sessions of HTTP: wherever the network cuts them, the records and the answers are the same,
 * and a request is answered when all its records are stored. */
#include "tests/sim/chance.h"
#include "tests/unit/sink_bench.h"

#include "ingest/protocol/http/credentials.h"
#include "tests/unit/http_bench.h"

#define LINE_MAX 400
#define HOST     "Host: localhost\r\n"
#define POST(target, fields, size, body)                                                           \
    "POST " target " HTTP/1.1\r\n" HOST fields "Content-Length: " #size "\r\n\r\n" body
#define CHUNKED(target, fields, body)                                                              \
    "POST " target " HTTP/1.1\r\n" HOST fields "Transfer-Encoding: chunked\r\n\r\n" body
#define LINES "Content-Type: application/x-ndjson\r\n"
#define JSON  "Content-Type: application/json\r\n"

static struct bench bench;
static struct http_run run;
static struct http_seen whole, pieces;
static struct http_counts counts;
static struct http_shared shared = {.counts = &counts};
static struct chance chance = {16};

static int open_bench(void **state) {
    (void)state;
    bench_open(&bench, LINE_MAX, 256 << 10);
    run = (struct http_run){.rules = &bench.rules,
                            .sink = bench.sink,
                            .settings = http_settings_create(NULL, 0, NULL, 0, false),
                            .inflater = inflate_library() ? inflate_create() : NULL};
    http_settings_share(run.settings, &shared);
    return 0;
}

static int close_bench(void **state) {
    (void)state;
    inflate_free(run.inflater);
    http_settings_release(run.settings);
    assert_int_equal(shared.memory, 0);
    bench_close(&bench);
    return 0;
}

/* part 0: pieces of random sizes. */
static void session(const uint8_t *bytes, size_t size, size_t part, bool little_room,
                    struct http_seen *seen) {
    run.seen = seen;
    run.little_room = little_room;
    shared.answers = 0;
    batch_reset(&bench.batch, &bench.rules);
    http_run_begin(&run);
    for (size_t at = 0; at < size;) {
        size_t next = part ? part : 1 + chance_below(&chance, 90);
        if (next > size - at) next = size - at;
        http_run_give(&run, bytes + at, next);
        at += next;
    }
    http_run_finish(&run);
}

/* "200 400": the statuses of the answers. */
static void statuses(const struct http_seen *seen, char *out) {
    const char *at = (const char *)seen->answers, *const end = at + seen->answers_size;
    *out = '\0';
    for (; at + 12 < end; at++) {
        const bool begins = memcmp(at, "HTTP/1.1 ", 9) == 0 &&
                            (at == (const char *)seen->answers || at[-1] == '\n');
        if (begins) sprintf(out + strlen(out), "%s%.3s", *out ? " " : "", at + 9);
    }
}

struct sample {
    const char *claim, *bytes, *stored, *statuses;
};

static const struct sample samples[] = {
    {"lines", POST("/", LINES, 15, "{\"a\":1}\n{\"b\":2}"), "{\"a\":1}\n{\"b\":2}\n", "200"},
    {"no body", POST("/", "", 0, ""), "", "200"},
    {"an object", POST("/", JSON, 9, "{\"a\":\n 1}"), "{\"a\":  1}\n", "200"},
    {"an array", POST("/", "", 17, "[{\"a\":1},{\"b\":2}]"), "{\"a\":1}\n{\"b\":2}\n", "200"},
    {"one object over lines", POST("/", "", 12, "\n{\n\"a\":\n1}\n\n"), "{ \"a\": 1}\n", "200"},
    {"a bad line", POST("/", LINES, 10, "{}\nx\n{\"a\":"), "{}\n", "400"},
    {"chunks", CHUNKED("/", LINES, "3\r\n{}\n\r\n4;x=y\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n"),
     "{}\n{\"a\":1}\n", "200"},
    {"no chunk", CHUNKED("/", LINES, "0\r\nX: y\r\n\r\n"), "", "200"},
    {"a bad chunk", CHUNKED("/", LINES, "3\r\n{}\n\r\n3\n"), "{}\n", "400"},
    {"pipelined",
     POST("/", "", 2, "{}") POST("/", "", 7, "{\"b\":2}") "GET / HTTP/1.1\r\n" HOST "\r\n",
     "{}\n{\"b\":2}\n", "200 200 200"},
    {"close", POST("/", "Connection: close\r\n", 2, "{}") POST("/", "", 2, "{}"), "{}\n", "200"},
    {"nothing after an error", "GET / HTTP/1.1\r\n\r\n" POST("/", "", 2, "{}"), "", "400"},
    {"continue", POST("/", "Expect: 100-continue\r\n", 2, "{}"), "{}\n", "100 200"},
    {"a bulk", POST("/_bulk", "", 44, "{\"index\":{}}\n{\"a\":1}\n{\"delete\":{}}\n{\"create\""),
     "{\"a\":1}\n", "400"},
    {"a bulk of two",
     POST("/x/_bulk", "", 42, "{\"index\":{}}\n{\"a\":1}\n{\"create\":{}}\n{\"b\":2}"),
     "{\"a\":1}\n{\"b\":2}\n", "200"},
    {"events of Splunk", POST("/services/collector", "", 22, "{\"event\":1}{\"event\":2}"),
     "{\"event\":1}\n{\"event\":2}\n", "200"},
    {"ids of Splunk", POST("/services/collector/ack?channel=a", "", 14, "{\"acks\":[0,1]}"), "",
     "200"},
    {"events of Seq", POST("/api/events/raw", "", 26, "{\"Events\":[{\"a\":[{}]},{}]}"),
     "{\"a\":[{}]}\n{}\n", "201"},
    {"events of Seq with white space",
     POST("/api/events/raw", "", 29, "\n{ \"Events\" : [{\"a\":1}\n, {}]}"), "{\"a\":1}\n{}\n",
     "201"},
    {"lines of Seq that begin like a list of events",
     POST("/api/events/raw", "", 41, "\n{ \"E v\":1}\n{\"Events\":[1]}\n{\"Events\":[{\"a"),
     "{ \"E v\":1}\n{\"Events\":[1]}\n", "400"},
    {"events of Seq that are cut off", POST("/api/events/raw", "", 5, "{\"Eve"), "", "400"},
    {"events of Seq without the last brace",
     POST("/api/events/raw", "", 19, "{\"Events\":[{\"a\":1}]"), "{\"a\":1}\n", "400"},
    {"events of Seq without the last bracket",
     POST("/api/events/raw", "", 18, "{\"Events\":[{\"a\":1}"), "{\"a\":1}\n", "400"},
    {"an array that is not closed", POST("/", JSON, 9, "[{\"a\":1},"), "{\"a\":1}\n", "400"},
    {"a long array that is not closed", POST("/", "", 11, "[{\"a\":1},{\""), "{\"a\":1}\n", "400"},
    {"logs of Datadog that are not closed", POST("/api/v2/logs", JSON, 3, "[{}"), "{}\n", "400"},
    {"logs of Datadog", POST("/api/v2/logs", JSON, 7, "[{},{}]"), "{}\n{}\n", "202"},
    {"a body that is cut off", POST("/", LINES, 99, "{}\n{\"a"), "{}\n", "503"},
    {"a head that is cut off", "POST / HT", "", "503"},
    {"nothing at all", "\r\n\r\n", "", ""},
};

static void expect(const char *claim, const struct http_seen *seen, const struct sample *sample) {
    char found[256];
    statuses(seen, found);
    if (strcmp(found, sample->statuses) != 0)
        fail_msg("%s: %s is answered %s: %.*s", claim, sample->claim, found,
                 (int)seen->answers_size, (const char *)seen->answers);
    if (seen->stored_size != strlen(sample->stored) ||
        memcmp(seen->stored, sample->stored, seen->stored_size) != 0)
        fail_msg("%s: %s is stored as %.*s", claim, sample->claim, (int)seen->stored_size,
                 (const char *)seen->stored);
}

static void wherever_the_bytes_are_cut_the_answers_are_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const uint8_t *bytes = (const uint8_t *)samples[i].bytes;
        const size_t size = strlen(samples[i].bytes);
        session(bytes, size, size ? size : 1, false, &whole);
        expect("whole", &whole, &samples[i]);
        for (size_t part = 1; part < 40; part++) {
            session(bytes, size, part, part % 2, &pieces);
            expect("cut", &pieces, &samples[i]);
            assert_true(http_run_same(&whole, &pieces));
        }
    }
}

static void expect_same(const uint8_t *bytes, size_t size) {
    if (!http_run_same(&whole, &pieces))
        fail_msg("%.*s\nwhole: %.*s%.*s\npieces: %.*s%.*s", (int)size, (const char *)bytes,
                 (int)whole.stored_size, (const char *)whole.stored, (int)whole.answers_size,
                 (const char *)whole.answers, (int)pieces.stored_size, (const char *)pieces.stored,
                 (int)pieces.answers_size, (const char *)pieces.answers);
}

/* Pieces of sessions, in any order and damaged: the cuts must not matter. */
static void random_sessions_do_not_depend_on_the_cuts(void **state) {
    (void)state;
    static const char *const words[] = {
        "POST / HTTP/1.1\r\n",
        HOST,
        "Content-Length: 7\r\n",
        "Content-Length: 20\r\n",
        LINES,
        JSON,
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "{\"a\":1}",
        "{\"a\":1}\n",
        "7\r\n{\"a\":1}\r\n",
        "0\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "POST /_bulk HTTP/1.1\r\n",
        "{\"index\":{}}\n",
        "{\"delete\":{}}\n",
        "x",
        "\n",
        "[",
        "]",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "POST /services/collector/raw HTTP/1.1\r\n",
        "POST /api/events/raw HTTP/1.1\r\n",
        "{\"Events\":[",
        "]}",
        "Content-Encoding: gzip\r\n",
        "X: y\r\n",
        POST("/", LINES, 8, "{\"a\":1}\n"),
        CHUNKED("/", JSON, "7\r\n{\"a\":1}\r\n0\r\n\r\n"),
        POST("/_bulk", "", 20, "{\"index\":{}}\n{\"a\":1}"),
        POST("/", JSON, 9, "[{},{}, 1"),
    };
    static uint8_t bytes[4096];
    for (int turn = 0; turn < 2000; turn++) {
        size_t size = 0;
        const uint32_t count = 1 + (uint32_t)chance_below(&chance, 14);
        for (uint32_t i = 0; i < count; i++) {
            const char *word = words[chance_below(&chance, sizeof words / sizeof *words)];
            memcpy(bytes + size, word, strlen(word));
            size += strlen(word);
        }
        if (chance_below(&chance, 3) == 0)
            bytes[chance_below(&chance, size)] = (uint8_t)chance_below(&chance, 256);
        session(bytes, size, size, false, &whole);
        session(bytes, size, 0, false, &pieces);
        expect_same(bytes, size);
        session(bytes, size, 1, true, &pieces);
        expect_same(bytes, size);
    }
}

static void an_answer_waits_until_all_is_stored(void **state) {
    (void)state;
    static const char text[] = POST("/", LINES, 15, "{\"a\":1}\n{\"b\":2}");
    run.seen = &whole;
    run.little_room = false;
    http_run_begin(&run);
    struct session *s = &run.session;
    size_t taken = protocol_http.head(s, (const uint8_t *)text, sizeof text - 1, 1);
    taken +=
        protocol_http.take(s, &run.sink, (const uint8_t *)text + taken, sizeof text - 1 - taken);
    assert_int_equal(taken, sizeof text - 1);
    assert_true(s->busy);
    assert_false(protocol_http.owes(s));
    assert_true(protocol_http.awaited(s));
    http_run_drain(&run);
    assert_false(s->busy);
    assert_true(whole.answers_size > 0);
    http_run_finish(&run);
}

static void what_cannot_be_stored_is_answered(void **state) {
    (void)state;
    static const char text[] = POST("/", LINES, 7, "{\"a\":1}");
    for (int how = 0; how < 2; how++) {
        run.seen = &whole;
        http_run_begin(&run);
        struct session *s = &run.session;
        size_t taken = protocol_http.head(s, (const uint8_t *)text, sizeof text - 1, 1);
        protocol_http.take(s, &run.sink, (const uint8_t *)text + taken, sizeof text - 1 - taken);
        for (int i = 0; i < HTTP_NUDGES_MAX; i++) {
            assert_false(protocol_http.owes(s));
            if (how == 0)
                protocol_http.nudge(s);
            else if (i == HTTP_NUDGES_MAX - 1)
                protocol_http.not_stored(s);
        }
        assert_true(protocol_http.owes(s));
        http_run_answer(&run);
        char found[256];
        statuses(&whole, found);
        assert_string_equal(found, how == 0 ? "429" : "503");
        assert_true(s->given_up);
        http_run_finish(&run);
    }
}

static void tokens_and_hosts_are_compared_whole(void **state) {
    (void)state;
    static const char *const tokens[] = {"secret", "a:b"}, *const hosts[] = {"logs.example.com"};
    struct http_settings *settings = http_settings_create(tokens, 2, hosts, 1, false);
    const struct {
        const char *token;
        bool known;
    } all[] = {{"secret", true}, {"a:b", true},     {"secre", false},   {"secrets", false},
               {"", false},      {"Secret", false}, {"secret\0x", true}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(
            http_token_is_known(settings, (const uint8_t *)all[i].token, strlen(all[i].token)),
            all[i].known);
    assert_false(http_token_is_known(settings, (const uint8_t *)"secret\0secret\0", 14));
    const struct {
        const char *host;
        bool known;
    } names[] = {{"LOGS.example.com", true},
                 {"logs.example.com:5180", true},
                 {"logs.example.co", false},
                 {"10.0.0.1", true},
                 {"[::1]:5", true},
                 {"localhost:80", true},
                 {"1.2.3.4.example.com", false},
                 {"", false},
                 {":80", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(
            http_host_is_known(settings, (const uint8_t *)names[i].host, strlen(names[i].host)),
            names[i].known);
    http_settings_release(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wherever_the_bytes_are_cut_the_answers_are_the_same,
                                        open_bench, close_bench),
        cmocka_unit_test_setup_teardown(random_sessions_do_not_depend_on_the_cuts, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(an_answer_waits_until_all_is_stored, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(what_cannot_be_stored_is_answered, open_bench, close_bench),
        cmocka_unit_test(tokens_and_hosts_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
