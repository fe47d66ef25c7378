/* protocols_test.c - every way to separate records is detected from a connection's first bytes, and
 * wherever the network cuts the bytes, the records are the same. */

#include "ingest/protocol/foreign.h"
#include "tests/unit/sink_bench.h"

#include "tests/unit/rejected.h"

#define LINE_MAX 4000

/* A text with zeros in it. */
#define TEXT(text) (text), sizeof(text) - 1

struct sample {
    const char *claim;
    const char *bytes;
    size_t size;
    const char *protocol; /* that it becomes; NULL: it is refused */
    const char *stored;
    const char *rejected; /* "reason reason ...", in any order */
};

static const struct sample samples[] = {
    {"lines", TEXT("{\"a\":1}\n{\"b\":2}\n"), "newline", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"CRLF", TEXT("{\"a\":1}\r\n{\"b\":2}\r\n"), "newline", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"keep-alives", TEXT("\n\r\n \t\n{\"a\":1}\n\n\r\n{\"b\":2}\n\n"), "newline",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"a byte order mark", TEXT("\xEF\xBB\xBF{\"a\":1}\n{\"b\":2}"), "newline",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"a byte order mark and CRLF", TEXT("\xEF\xBB\xBF\r\n{\"a\":1}\r\n"), "newline", "{\"a\":1}\n",
     ""},
    {"half a byte order mark", TEXT("\xEF\xBB{\"a\":1}\n{}\n"), "newline", "{}\n", "not_object"},
    {"a last line without newline", TEXT("{\"a\":1}\n{\"b\":2}"), "newline",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"white space around lines", TEXT("  {\"a\":1} \t\r\n\t{\"b\":2} \n"), "newline",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"one object", TEXT("{\"a\":1}"), "auto", "{\"a\":1}\n", ""},
    {"one object with raw newlines in a string", TEXT("{\"a\":\"x\n\ny\"} "), "auto",
     "{\"a\":\"x\\n\\ny\"}\n", ""},
    {"two objects on the second line", TEXT("{\"a\":1}\n{\"b\":2}{\"c\":3}\n{}\n"), "newline",
     "{\"a\":1}\n{}\n", "trailing"},
    {"text after an object", TEXT("{\"a\":1} x\n{}\n"), "newline", "{}\n", "trailing"},
    {"a comma after an object", TEXT("{\"a\":1},{\"b\":2}\n{}\n"), "newline", "{}\n", "trailing"},
    {"text lines", TEXT("hello\nWorld\n{}\n"), "newline", "{}\n", "not_object not_object"},
    {"capital letters", TEXT("HELLO WORLD\n{}\n"), "newline", "{}\n", "not_object"},
    {"numbers", TEXT("12\n12 13\n{}\n"), "newline", "{}\n", "not_object not_object"},
    {"an array of numbers", TEXT("[1,2]\n{}\n"), "newline", "{}\n", "not_object"},
    {"an empty array", TEXT("[]\n{}\n"), "newline", "{}\n", "not_object"},
    {"a first line that was cut off", TEXT("{\"a\":1\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "truncated"},
    {"one cut off after a comma", TEXT("{\"a\":1,\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "truncated"},
    {"one cut off in an array", TEXT("{\"a\":[1,\n\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "truncated"},
    {"one cut off after a colon", TEXT("{\"a\":\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "truncated"},
    {"one cut off in a string", TEXT("{\"a\":\"x\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "truncated"},
    {"a NUL in the first line", TEXT("{\"a\":\0}\n{\"b\":2}\n"), "newline", "{\"b\":2}\n",
     "unexpected"},

    {"NUL", TEXT("{\"a\":1}\0{\"b\":2}\0"), "nul", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"NUL, none after the last", TEXT("{\"a\":1}\0{\"b\":2}"), "nul", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"LF NUL", TEXT("{\"a\":1}\n\0{\"b\":2}\n\0"), "nul", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"blank records", TEXT("{\"a\":1}\0\0 \0\n\0{\"b\":2}\0"), "nul", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"NUL with a raw newline between tokens", TEXT("{\"a\":1}\0{\"b\":\n2\r\n}\0{}\0"), "nul",
     "{\"a\":1}\n{\"b\": 2\r }\n{}\n", ""},
    {"NUL with raw newlines in strings", TEXT("{\"a\":\"x\ny\"}\0{\"b\":\"\n\\\"\n\"}\0{}\0"),
     "nul", "{\"a\":\"x\\ny\"}\n{\"b\":\"\\n\\\"\\n\"}\n{}\n", ""},
    {"NUL with an escaped raw newline", TEXT("{\"a\":1}\0{\"a\":\"\\\n\"}\0{}\0"), "nul",
     "{\"a\":1}\n{}\n", "bad_escape"},
    {"NUL and invalid records", TEXT("{\"a\":1}\0{\"a\":}\0text\0{}\0"), "nul", "{\"a\":1}\n{}\n",
     "unexpected not_object"},
    {"NUL after a first object that was cut off", TEXT("{\"a\":1\0{\"b\":2}\0"), "nul",
     "{\"b\":2}\n", "truncated"},

    {"RFC 7464", TEXT("\x1E{\"a\":1}\n\x1E{\"b\":2}\n"), "json-seq", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"RFC 7464 over many lines", TEXT("\x1E{\n \"a\": 1\n}\n\x1E{\"b\":[\n]}\n"), "json-seq",
     "{  \"a\": 1 }\n{\"b\":[ ]}\n", ""},
    {"RFC 7464 without newlines", TEXT("\x1E{\"a\":1}\x1E{\"b\":2}"), "json-seq",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"RFC 7464 with invalid texts",
     TEXT("\x1E{\"a\":1\n\x1E\x1E{\"b\":2}{}\n\x1E"
          "12\n\x1E{}\n"),
     "json-seq", "{}\n", "truncated trailing not_object"},

    {"octet counting", TEXT("7 {\"a\":1}7 {\"b\":2}"), "octet-counting", "{\"a\":1}\n{\"b\":2}\n",
     ""},
    {"octet counting, the newline counted", TEXT("8 {\"a\":1}\n8 {\"b\":2}\n"), "octet-counting",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"octet counting, the newline not counted", TEXT("7 {\"a\":1}\n7 {\"b\":2}\n"),
     "octet-counting", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"octet counting of many lines", TEXT("9 {\n\"a\":1\n}10 {\"b\":\"\n\"}x"), "octet-counting",
     "{ \"a\":1 }\n", "control_character"},
    {"octet counting, cut off", TEXT("7 {\"a\":1}9 {\"b\":2"), "octet-counting", "{\"a\":1}\n",
     "truncated"},
    {"octet counting and a wrong length", TEXT("7 {\"a\":1}6 {\"b\":2}7 {\"c\":3}"), NULL,
     "{\"a\":1}\n", "truncated octet_count"},
    {"octet counting of 10^18", TEXT("1000000000000000000 {\"a\":1}\n{}\n"), NULL, "",
     "octet_count"},
    {"octet counting, the last record is only announced", TEXT("7 {\"a\":1}7 "), "octet-counting",
     "{\"a\":1}\n", "not_object"},
    {"octet counting of too many bytes", TEXT("999999999 {\"a\":1}\n{}\n"), "octet-counting", "",
     "trailing"},

    {"concatenated", TEXT("{\"a\":1}{\"b\":2}{\"c\":3}"), "concatenated",
     "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", ""},
    {"concatenated with spaces", TEXT("{\"a\":1} {\"b\":2}\n{\"c\":3}"), "concatenated",
     "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", ""},
    {"brackets and quotes in strings",
     TEXT("{\"a\":\"}{\\\"}{\"}{\"b\":\"]\\\\\"}{\"[\":{\"x\":[{}]}}"), "concatenated",
     "{\"a\":\"}{\\\"}{\"}\n{\"b\":\"]\\\\\"}\n{\"[\":{\"x\":[{}]}}\n", ""},
    {"concatenated and invalid", TEXT("{\"a\":1}{\"b\":01}{x}{\"c\":3}"), "concatenated",
     "{\"a\":1}\n{\"c\":3}\n", "bad_number unexpected"},
    {"concatenated and cut off", TEXT("{\"a\":1}{\"b\":2{\"c\":3}{\"d\":4}"), "concatenated",
     "{\"a\":1}\n{\"c\":3}\n{\"d\":4}\n", "truncated"},
    {"concatenated lines, one cut off in a string", TEXT("{\"a\":1}{\"b\":\"x\n{\"c\":3}"),
     "concatenated", "{\"a\":1}\n{\"c\":3}\n", "truncated"},
    {"concatenated and text between", TEXT("{\"a\":1}{}text {\"b\":2}12\n\"x{\"{\"c\":3}"),
     "concatenated", "{\"a\":1}\n{}\n{\"b\":2}\n{\"c\":3}\n", "not_object not_object not_object"},
    {"pretty-printed", TEXT("{\n  \"a\": 1,\n  \"b\": [\n    {}\n  ]\n}\n{\n  \"c\": 3\n}\n"),
     "concatenated", "{   \"a\": 1,   \"b\": [     {}   ] }\n{   \"c\": 3 }\n", ""},
    {"pretty-printed with CRLF", TEXT("{\r\n\t\"a\": 1\r\n}\r\n{}\r\n"), "concatenated",
     "{\r \t\"a\": 1\r }\n{}\n", ""},
    {"an empty object on two lines", TEXT("{\n}\n{}\n"), "concatenated", "{ }\n{}\n", ""},
    {"an array", TEXT("[{\"a\":1},{\"b\":2}]"), "concatenated", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"arrays on lines", TEXT("[{\"a\":1},{\"b\":2}]\n[{\"c\":3}]\n[]\n"), "concatenated",
     "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", ""},
    {"an array on many lines", TEXT("[\n {\n  \"a\": 1\n },\n {\"b\":[1]}\n]\n"), "concatenated",
     "{   \"a\": 1  }\n{\"b\":[1]}\n", ""},
    {"an array of more than objects", TEXT("[{\"a\":1},12,\"x,]\",[{}],null,{\"b\":2}]"),
     "concatenated", "{\"a\":1}\n{\"b\":2}\n", "not_object not_object not_object not_object"},

    {"HTTP", TEXT("POST / HTTP/1.1\r\nHost: x\r\n\r\n{\"a\":1}\n"), NULL, "", "http"},
    {"HTTP after blank lines", TEXT("\r\n\r\nGET / HTTP/1.1\r\n\r\n{\"a\":1}\n"), NULL, "", "http"},
    {"a method in lower case", TEXT("post / HTTP/1.1\r\n\r\n{\"a\":1}\n"), NULL, "", "http"},
    {"any method of HTTP", TEXT("FROB /x HTTP/1.1\r\n\r\n{\"a\":1}\n"), NULL, "", "http"},
    {"TLS", TEXT("\x16\x03\x01\x02\x00\x01\n{}\n"), NULL, "", "tls"},
    {"a pickle", TEXT("\0\0\1\x0A\x80\x04\x95\n{}\n"), NULL, "", "pickle"},
    {"a bare pickle", TEXT("\x80\x03}q\n{}\n"), NULL, "", "pickle"},
    {"a pickle of protocol 1", TEXT("\0\0\1\x0A}q\0(X\4\0\0\0nameq\1\n{}\n"), NULL, "", "pickle"},
    {"a bare pickle of protocol 1", TEXT("}q\1(U\4name\n{}\n"), NULL, "", "pickle"},
    {"what is like a pickle", TEXT("}q\n{}\n"), "newline", "{}\n", "not_object"},
    {"Java", TEXT("\xAC\xED\0\5sr\n{}\n"), NULL, "", "java_serialization"},
    {"XML", TEXT("<?xml version=\"1.0\"?>\n{}\n"), NULL, "", "xml"},
    {"log4j's XML", TEXT("<log4j:event>\n{}\n"), NULL, "", "xml"},
    {"MessagePack", TEXT("\x92\xD7\0\x5F\n{}\n"), NULL, "", "msgpack"},
    {"another array of MessagePack", TEXT("\x95\xA3tag\n{}\n"), NULL, "", "msgpack"},
    {"a map of MessagePack", TEXT("\x81\xA3tag\n{}\n"), NULL, "", "msgpack"},
    {"log4js", TEXT("{\"a\":1}__LOG4JS__{\"b\":2}__LOG4JS__\n"), NULL, "", "log4js"},
    {"log4js since version 3",
     TEXT("[{\"startTime\":\"1\",\"categoryName\":\"2\",\"data\":\"3\"},\"x\"]__LOG4JS__"), NULL,
     "", "log4js"},
    {"an array like log4js", TEXT("[{\"startTime\":\"1\",\"categoryN\":2},{\"b\":2}]{}"),
     "concatenated", "{\"startTime\":\"1\",\"categoryN\":2}\n{\"b\":2}\n{}\n", ""},
    {"a short array like log4js", TEXT("[{\"startTime\":\"1\"},{\"b\":2}]{}"), "concatenated",
     "{\"startTime\":\"1\"}\n{\"b\":2}\n{}\n", ""},
    {"UTF-16", TEXT("\xFF\xFE{\0\"\0a\0\n\0"), NULL, "", "utf16"},
    {"UTF-16 without a mark", TEXT("{\0\"\0a\0\n\0"), NULL, "", "utf16"},
    {"UTF-16BE", TEXT("\0{\0\"\0a\0\n"), NULL, "", "utf16"},
    {"PROXY 1", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{}\n"), NULL, "", "proxy"},
    {"PROXY unknown", TEXT("PROXY UNKNOWN\r\n{}\n"), NULL, "", "proxy"},
    {"PROXY 2", TEXT("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0{}\n"), NULL, "", "proxy"},
    {"text like PROXY", TEXT("PROXY is down\n{}\n"), "newline", "{}\n", "not_object"},
    {"gzip", TEXT("\x1F\x8B\x08\n{}\n"), NULL, "", "compressed"},

    {"syslog and a line", TEXT("<13>1 - - - - - - {}\n{\"a\":1}\n"), "newline", "{}\n{\"a\":1}\n",
     ""},
    {"syslog lines", TEXT("<12>client: {\"a\":1}\n<13>Nov 30 14:00:00 h a[1]:{\"b\":2} \r\n"),
     "newline", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"syslog and NUL", TEXT("<12>c: {\"a\":1}\0<12>c: @cee: {\"b\":2}\0"), "nul",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"syslog and LF NUL", TEXT("<12>c: {\"a\":1}\n\0<12>c: {\"b\":2}\n\0"), "nul",
     "{\"a\":1}\n{\"b\":2}\n", ""},
    {"syslog over many lines and NUL",
     TEXT("<12>\"c: {\"a\":1}\0<12>\"c: {\n\"b\":\"\n\"}\n\0{}\0"), "nul",
     "{\"a\":1}\n{ \"b\":\"\\n\"}\n{}\n", ""},
    {"syslog text and NUL", TEXT("<12>c: text\0<12>c: {\"b\":2}\0"), "nul", "{\"b\":2}\n",
     "syslog_text"},
    {"syslog text, LF NUL", TEXT("<12>c: text\n\0<12>c: {\"b\":2}\n\0"), "nul", "{\"b\":2}\n",
     "syslog_text"},
    {"syslog and octet counts", TEXT("16 <12>c:  {\"a\":1}\n15 <12>c: {\"b\":2}\0"),
     "octet-counting", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"syslog and counted LF NUL", TEXT("16 <12>c: {\"a\":1}\n\0 15 <12>c: {\"b\":2}\0"),
     "octet-counting", "{\"a\":1}\n{\"b\":2}\n", ""},
    {"syslog and RFC 7464", TEXT("\x1E<12>c: {\"a\":1}\n\x1E<12>c {\n\"b\":2}\n\x1E<12>c: x\n"),
     "json-seq", "{\"a\":1}\n{ \"b\":2}\n", "syslog_text"},
    {"syslog without delimiters",
     TEXT("<134>1 - h a - - [x y=\"{\\\"]\"] {\"a\":1}<134>1 - h a - - - {\"b\":\"<1>\"}{\"c\":3}"),
     "concatenated", "{\"a\":1}\n{\"b\":\"<1>\"}\n{\"c\":3}\n", ""},
    {"syslog and text without delimiters",
     TEXT("<12>c: {}<12>c: a <b> <12 {x}<13>c: {\"b\":2}<1>c: x<191>c: y<3>{}"), "concatenated",
     "{}\n{\"b\":2}\n{}\n", "syslog_text syslog_text syslog_text"},
    {"syslog without delimiters, cut off",
     TEXT("<12>{}<12>c: {\"a\":[1<13>{\"b\":\"\n<13>{\"c\":3}"), "concatenated", "{}\n{\"c\":3}\n",
     "truncated truncated"},
    {"pretty-printed syslog", TEXT("<12>c: {\n\"a\":1\n}\n<12>c: {\n}\n"), "concatenated",
     "{ \"a\":1 }\n{ }\n", ""},
    {"syslog and a first object that was cut off", TEXT("<12>{\"a\":\"x\n<12>{}\n"), "newline",
     "{}\n", "truncated"},
    {"syslog, invalid", TEXT("<12>c: {\"a\":}\n<12>c: [{}]\n<192>c: {}\n<12>\n{}\n"), "newline",
     "{}\n", "unexpected syslog_text not_object not_object"},
    {"syslog after a first object, texts without a delimiter",
     TEXT("{\"a\":1}<13>hello<14>app: {\"b\":2}<13>Nov 30 14:00:00 host text<14>{\"c\":3}<1>app: "
          "<2>x: "
          "{\"d\":4}<13>a <x> <192> <1 <1><9>{}"),
     "concatenated", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n{}\n",
     "syslog_text syslog_text syslog_text syslog_text not_object"},
    {"syslog, priorities in structured data",
     TEXT("{\"a\":1}<13>1 - - - - - [x y=\"<14>\"] {\"b\":2}<13>1 - - - - - - <14>{\"c\":3}"),
     "concatenated", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", "syslog_text"},
    {"a cookie alone", TEXT("@cee: {\"a\":1}\n@cee:{}\n"), "newline", "{\"a\":1}\n{}\n", ""},
    {"text in Latin-1",
     TEXT("\xDC"
          "bung\n{}\n"),
     "newline", "{}\n", "not_object"},
};

/* ---- */

struct seen {
    char stored[4096];
    uint64_t reasons[REJECT_REASONS];
    uint64_t records;
    const struct protocol *protocol;
    bool refused;
};

static void drain(struct bench *bench, struct seen *seen) {
    const struct batch *batch = &bench->batch;
    batch_check(&bench->batch);
    assert_int_equal(batch->counts.records, batch->counts.stored + batch->counts.rejected);
    seen->records += batch->counts.records;
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        seen->reasons[i] += batch->counts.reasons[i];
    const size_t length = strlen(seen->stored);
    assert_true(length + batch->stored_size < sizeof seen->stored);
    memcpy(seen->stored + length, batch->raw, batch->stored_size);
    batch_reset(&bench->batch, &bench->rules);
}

/* Gives `size` bytes in a piece that ends where they do, so that a sanitizer sees reads after it. */
static void give(struct bench *bench, struct session *session, struct seen *seen, const char *bytes,
                 size_t size) {
    if (size == 0) return;
    uint8_t *piece = malloc(size);
    memcpy(piece, bytes, size);
    for (size_t taken = 0; taken < size;) {
        taken += session_take(session, &bench->sink, piece + taken, size - taken);
        if (taken < size) drain(bench, seen);
    }
    free(piece);
}

static void finish(struct bench *bench, struct session *session, struct seen *seen) {
    while (!session_end(session, &bench->sink))
        drain(bench, seen);
    drain(bench, seen);
    seen->protocol = session->protocol;
    seen->refused = session->refused != 0;
}

static void expect(const struct sample *sample, const struct seen *seen) {
    if (strcmp(seen->stored, sample->stored) != 0)
        fail_msg("%s: stored %s", sample->claim, seen->stored);
    expect_rejected(sample->claim, seen->reasons, sample->rejected);
    assert_int_equal(seen->refused, sample->protocol == NULL);
    /* After one line it waits for a NUL. */
    if (seen->protocol == &protocol_detect && sample->protocol &&
        strcmp(sample->protocol, "newline") == 0)
        return;
    if (sample->protocol && strcmp(seen->protocol->name, sample->protocol) != 0)
        fail_msg("%s: is %s", sample->claim, seen->protocol->name);
}

static void wherever_the_bytes_are_cut_the_records_are_the_same(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        for (size_t first = 0; first <= sample->size; first++)
            for (size_t second = first; second <= sample->size; second++) {
                struct session session;
                struct seen seen = {0};
                session_begin(&session, &protocol_detect);
                give(&bench, &session, &seen, sample->bytes, first);
                give(&bench, &session, &seen, sample->bytes + first, second - first);
                give(&bench, &session, &seen, sample->bytes + second, sample->size - second);
                finish(&bench, &session, &seen);
                expect(sample, &seen);
            }
        struct session session;
        struct seen seen = {0};
        session_begin(&session, &protocol_detect);
        for (size_t at = 0; at < sample->size; at++)
            give(&bench, &session, &seen, sample->bytes + at, 1);
        finish(&bench, &session, &seen);
        expect(sample, &seen);
    }
    bench_close(&bench);
}

/* What the listener's configuration names takes the same bytes as what is detected. */
static void a_protocol_that_is_set_takes_what_would_be_detected(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        const struct protocol *protocol = sample->protocol ? protocol_find(sample->protocol) : NULL;
        if (!protocol || protocol == &protocol_detect) continue;
        for (size_t cut = 0; cut <= sample->size; cut++) {
            struct session session;
            struct seen seen = {0};
            session_begin(&session, protocol);
            give(&bench, &session, &seen, sample->bytes, cut);
            give(&bench, &session, &seen, sample->bytes + cut, sample->size - cut);
            finish(&bench, &session, &seen);
            if (strstr(sample->claim, "NUL in the first")) continue;
            expect(sample, &seen);
        }
    }
    bench_close(&bench);
}

static void a_datagram_is_taken_like_a_connection_that_ends(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        struct session session = {0};
        struct seen seen = {0};
        size_t taken = 0;
        while (!protocol_take_datagram(&protocol_detect, &session, &taken, &bench.sink,
                                       (const uint8_t *)sample->bytes, sample->size))
            drain(&bench, &seen);
        drain(&bench, &seen);
        seen.refused = session.refused != 0;
        assert_int_equal(taken, 0);
        assert_null(session.protocol);
        seen.protocol = sample->protocol ? protocol_find(sample->protocol) : NULL;
        expect(sample, &seen);
    }
    bench_close(&bench);
}

/* Each record alone has no room, so each is tried again with an empty batch. */
static void records_without_room_are_taken_by_the_next_batch(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample *sample = &samples[i];
        for (size_t cut = 0; cut <= sample->size; cut++) {
            struct session session;
            struct seen seen = {0};
            session_begin(&session, &protocol_detect);
            const size_t sizes[] = {cut, sample->size - cut};
            size_t at = 0;
            for (int part = 0; part < 2; part++)
                for (size_t left = sizes[part]; left > 0;) {
                    batch_limit(&bench.batch, 1, (struct batch_growth){0});
                    const size_t taken = session_take(&session, &bench.sink,
                                                      (const uint8_t *)sample->bytes + at, left);
                    if (taken < left) assert_true(taken > 0 || bench.batch.raw_size > 0);
                    at += taken;
                    left -= taken;
                    drain(&bench, &seen);
                }
            batch_limit(&bench.batch, 1, (struct batch_growth){0});
            finish(&bench, &session, &seen);
            expect(sample, &seen);
        }
    }
    bench_close(&bench);
}

/* ---- many records, long ones, hostile ones ---- */

/* Objects of random shape; returns the end. */
static char *random_object(char *out, int depth) {
    *out++ = '{';
    const int members = rand() % 4;
    for (int i = 0; i < members; i++) {
        if (i > 0) *out++ = ',';
        out += sprintf(out, "\"%c%d\":", 'a' + i, rand() % 100);
        switch (rand() % 4) {
        case 0:
            if (depth < 5) {
                out = random_object(out, depth + 1);
                break;
            } /* fall through */
        case 1: out += sprintf(out, "[%d,{},\"]\"]", rand()); break;
        case 2: {
            static const char *const pieces[] = {"}{", "\\\"", "\\\\", "x", "]", "[{", "\\u0041"};
            *out++ = '"';
            for (int n = rand() % 12; n > 0; n--)
                out += sprintf(out, "%s", pieces[rand() % 7]);
            *out++ = '"';
            break;
        }
        default: out += sprintf(out, "%d", rand() % 1000);
        }
    }
    *out++ = '}';
    return out;
}

static void the_fast_scanner_agrees_with_the_slow_one(void **state) {
    (void)state;
    static char text[65536];
    for (int round = 0; round < 3000; round++) {
        srand((unsigned)round);
        const size_t size = (size_t)(random_object(text, 0) - text);
        size_t whole = size;
        if (round % 3 == 1) text[(size_t)rand() % size] = "{}[]\"\\,:\n\x1E"[rand() % 10];
        if (round % 3 == 2) whole = (size_t)rand() % size + 1;
        text[0] = '{';
        struct depth depth = {0};
        const char *expected = NULL;
        bool newline = false;
        for (size_t i = 0; i < whole; i++) {
            if (text[i] == '\\' && !depth.in_string) break; /* left to the slow one */
            if (text[i] == 0x1E || (depth.in_string && text[i] == '\n')) break;
            newline = newline || text[i] == '\n';
            const enum depth_step step = depth_step(&depth, (uint8_t)text[i]);
            if (step == DEPTH_COMPLETE) expected = text + i + 1;
            if (step != DEPTH_INSIDE) break;
        }
        uint8_t *copy = malloc(whole);
        memcpy(copy, text, whole);
        bool newlines = false;
        const uint8_t *end = depth_object_end(copy, copy + whole, &newlines);
        if (expected) {
            if (end != copy + (expected - text))
                fail_msg("round %d: %.*s", round, (int)whole, text);
            assert_ptr_equal(end, copy + (expected - text));
            assert_int_equal(newlines, newline);
        } else {
            assert_null(end);
        }
        free(copy);
    }
}

static void three_thousand_objects_without_a_newline_are_as_many_records(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (int piece = 1; piece < 3000; piece = piece * 3 + 1) {
        static char text[3000 * 20];
        size_t size = 0;
        for (int i = 0; i < 3000; i++)
            size += (size_t)sprintf(text + size, "{\"n\":%d%s}", i, i % 3 == 0 ? ",x" : "");
        struct session session;
        session_begin(&session, &protocol_detect);
        uint64_t stored = 0, rejected = 0;
        for (size_t at = 0; at < size;) {
            const size_t part = size - at < (size_t)piece ? size - at : (size_t)piece;
            at += session_take(&session, &bench.sink, (const uint8_t *)text + at, part);
        }
        assert_true(session_end(&session, &bench.sink));
        batch_check(&bench.batch);
        stored += bench.batch.counts.stored;
        rejected += bench.batch.counts.rejected;
        assert_int_equal(stored, 2000);
        assert_int_equal(rejected, 1000);
        batch_reset(&bench.batch, &bench.rules);
    }
    bench_close(&bench);
}

/* Whatever never ends takes no more memory than an unfinished line, and is one record. */
static void endless_records_are_bounded_and_counted(void **state) {
    (void)state;
    static const char *const beginnings[] = {"{\"a\":\"",   "{\"a\":1}{\"a\":",  "{\n\"a\":[",
                                             "\x1E{\"a\":", "999999999 {\"a\":", "[{\"a\":",
                                             "[   ",        "{\"a\":1}   ",      "{\"a\":\n"};
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        for (int kind = 0; kind < 4; kind++) {
            struct session session;
            struct seen seen = {0};
            static char text[1000];
            session_begin(&session, &protocol_detect);
            give(&bench, &session, &seen, beginnings[i], strlen(beginnings[i]));
            memset(text, "[x \n"[kind], sizeof text);
            for (int n = 0; n < 300; n++)
                give(&bench, &session, &seen, text, sizeof text);
            assert_true(session.partial.chunks <= 8 || kind == 0 || session.partial.size < 300000);
            finish(&bench, &session, &seen);
            assert_true(seen.records >= 1);
        }
    bench_close(&bench);
}

static void an_oversized_object_is_one_record_and_the_next_is_stored(void **state) {
    (void)state;
    static char text[3 * LINE_MAX];
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t over = 0; over < 2; over++)
        for (size_t piece = 1; piece < sizeof text; piece = piece * 5 + 1) {
            const size_t size = LINE_MAX + over;
            memcpy(text, "{\"a\":\"", 6);
            memset(text + 6, '}', size - 8);
            memcpy(text + size - 2, "\"}", 2);
            strcpy(text + size, "{\"b\":2}{\"c\":3}");
            struct session session;
            struct seen seen = {0};
            session_begin(&session, &protocol_detect);
            for (size_t at = 0; at < size + 14; at += piece)
                give(&bench, &session, &seen, text + at,
                     size + 14 - at < piece ? size + 14 - at : piece);
            char *stored = seen.stored;
            session_end(&session, &bench.sink);
            batch_check(&bench.batch);
            (void)stored;
            assert_int_equal(bench.batch.counts.stored, 3 - over);
            assert_int_equal(bench.batch.counts.reasons[REJECT_OVERSIZED], over);
            batch_reset(&bench.batch, &bench.rules);
        }
    bench_close(&bench);
}

/* An object cut off in a string turns all strings after it inside out; once it is too long, the
 * next boundary ends it. */
static void an_object_that_was_cut_off_in_a_string_does_not_swallow_all_that_follow(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    struct session session;
    struct seen seen = {0};
    session_begin(&session, &protocol_detect);
    give(&bench, &session, &seen, TEXT("{\"a\":1}{\"b\":2}{\"cut\":\"here"));
    for (int i = 0; i < 1000; i++)
        give(&bench, &session, &seen, TEXT("{\"n\":\"x\"}"));
    session_end(&session, &bench.sink);
    batch_check(&bench.batch);
    assert_true(bench.batch.counts.stored > 1000 - LINE_MAX / 9 - 5);
    assert_true(bench.batch.counts.reasons[REJECT_OVERSIZED] == 1);
    bench_close(&bench);
}

/* Escaped, its newlines may make it longer than line_bytes_max; then it is rejected. */
static void a_record_of_newlines_fits_into_an_empty_batch(void **state) {
    (void)state;
    const uint32_t line_max = BATCH_BYTES_MIN;
    const size_t head = strlen("{\"a\":\""), tail = strlen("\"}");
    const size_t fitting = (line_max - head - tail) / 2;
    const size_t newlines[] = {fitting, fitting + 1, line_max - head - tail};
    char *text = malloc(line_max + 1);
    struct bench bench;
    bench_open(&bench, line_max, 2 << 20);
    for (size_t i = 0; i < sizeof newlines / sizeof *newlines; i++)
        for (size_t piece = 60000; piece <= BATCH_BYTES_MIN + 1; piece += BATCH_BYTES_MIN - 59999) {
            struct session session;
            const size_t size = head + newlines[i] + tail + 1;
            memcpy(text, "{\"a\":\"", head);
            memset(text + head, '\n', newlines[i]);
            memcpy(text + head + newlines[i], "\"}", tail + 1); /* with the NUL */
            batch_reset(&bench.batch, &bench.rules);
            session_begin(&session, &protocol_nul);
            for (size_t at = 0; at < size;) {
                const size_t part = size - at < piece ? size - at : piece;
                const size_t taken =
                    session_take(&session, &bench.sink, (const uint8_t *)text + at, part);
                assert_int_equal(taken, part);
                at += taken;
            }
            batch_check(&bench.batch);
            assert_int_equal(bench.batch.counts.records, 1);
            assert_int_equal(bench.batch.counts.stored, newlines[i] <= fitting);
            assert_int_equal(bench.batch.counts.reasons[REJECT_OVERSIZED], newlines[i] > fitting);
        }
    free(text);
    bench_close(&bench);
}

/* Whatever line_bytes_max is: the reason says what was sent, not how much. */
static void a_refused_peer_that_sends_much_is_named(void **state) {
    (void)state;
    static char text[3 * LINE_MAX] = "POST / HTTP/1.1\r\n";
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    struct session session;
    struct seen seen = {0};
    const size_t head = strlen(text);
    memset(text + head, 'x', sizeof text - head);
    session_begin(&session, &protocol_detect);
    give(&bench, &session, &seen, text, sizeof text);
    finish(&bench, &session, &seen);
    assert_int_equal(seen.records, 1);
    assert_int_equal(seen.reasons[REJECT_HTTP], 1);
    bench_close(&bench);
}

static void form_data_is_named(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    struct session session;
    session_begin(&session, &protocol_newline);
    static const char text[] = "POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded"
                               "\r\n\r\na=%7B%7D\n{}\n";
    session_take(&session, &bench.sink, (const uint8_t *)text, sizeof text - 1);
    assert_int_equal(session.refused, REJECT_FORM);
    for (uint32_t reason = REJECT_OCTET_COUNT; reason < REJECT_REASONS; reason++)
        assert_non_null(foreign_advice(reason));
    bench_close(&bench);
}

/* Random bytes, made of what matters to protocols: cut or not, the counts are the same. */
static void random_bytes_are_the_same_records_however_they_are_cut(void **state) {
    (void)state;
    static const char *const pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         "\"",
                                         "\\",
                                         ",",
                                         ":",
                                         "\n",
                                         "\r\n",
                                         " ",
                                         "\0",
                                         "1",
                                         "{}",
                                         "{\"a\":1}",
                                         "{\"a\":\"x\ny\"}",
                                         "\x1E",
                                         "7 {\"a\":1}",
                                         "x",
                                         "\xEF\xBB\xBF",
                                         "{\n \"a\": 1\n}",
                                         "[{\"a\":1},{}]",
                                         "null",
                                         "12 "};
    static const size_t first_sizes[] = {1, 1, 1, 1,  1, 1, 1, 1, 1,  2,  1, 1,
                                         1, 2, 7, 11, 1, 9, 1, 3, 12, 12, 4, 3};
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (unsigned seed = 0; seed < 3000; seed++) {
        char text[256];
        size_t size = 0;
        srand(seed);
        for (int n = 1 + rand() % 12; n > 0; n--) {
            const size_t i = (size_t)rand() % (sizeof pieces / sizeof *pieces);
            memcpy(text + size, pieces[i], first_sizes[i]);
            size += first_sizes[i];
        }
        struct seen whole = {0}, bytes = {0};
        struct session session;
        session_begin(&session, &protocol_detect);
        give(&bench, &session, &whole, text, size);
        finish(&bench, &session, &whole);
        session_begin(&session, &protocol_detect);
        for (size_t at = 0; at < size; at++)
            give(&bench, &session, &bytes, text + at, 1);
        finish(&bench, &session, &bytes);
        if (strcmp(whole.stored, bytes.stored) != 0 || whole.records != bytes.records)
            fail_msg("seed %u: %.*s: %s %d, %s %d", seed, (int)size, text, whole.stored,
                     (int)whole.records, bytes.stored, (int)bytes.records);
    }
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_bytes_are_cut_the_records_are_the_same),
        cmocka_unit_test(a_protocol_that_is_set_takes_what_would_be_detected),
        cmocka_unit_test(a_datagram_is_taken_like_a_connection_that_ends),
        cmocka_unit_test(records_without_room_are_taken_by_the_next_batch),
        cmocka_unit_test(the_fast_scanner_agrees_with_the_slow_one),
        cmocka_unit_test(three_thousand_objects_without_a_newline_are_as_many_records),
        cmocka_unit_test(endless_records_are_bounded_and_counted),
        cmocka_unit_test(an_oversized_object_is_one_record_and_the_next_is_stored),
        cmocka_unit_test(an_object_that_was_cut_off_in_a_string_does_not_swallow_all_that_follow),
        cmocka_unit_test(a_record_of_newlines_fits_into_an_empty_batch),
        cmocka_unit_test(a_refused_peer_that_sends_much_is_named),
        cmocka_unit_test(form_data_is_named),
        cmocka_unit_test(random_bytes_are_the_same_records_however_they_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
