/* relp_test.c - sessions of RELP: wherever the network cuts them, the records and the answers are the
 * same, and a frame is answered when its record is stored. */
#include <inttypes.h>

#include "ingest/protocol/foreign.h"
#include "tests/sim/chance.h"
#include "tests/unit/sink_bench.h"

#include "tests/unit/rejected.h"

#define LINE_MAX   400
#define OFFERS     "relp_version=0\nrelp_software=test\ncommands=syslog"
#define OPEN       "1 open 49 " OFFERS "\n"
#define OPENED     "1 rsp 60 200 OK\nrelp_version=0\nrelp_software=logportd\ncommands=syslog\n"
#define OK(txnr)   #txnr " rsp 6 200 OK\n"
#define BYE        "0 serverclose 0\n"
/* A text with zeros in it. */
#define TEXT(text) (text), sizeof(text) - 1

/* What a session has brought. */
struct seen {
    char stored[8192], answers[16384];
    size_t stored_size, answers_size;
    uint64_t reasons[REJECT_REASONS];
    uint32_t refused;
    bool ended, given_up;
};

static void ready(struct acks *acks) {
    (void)acks;
}

static void take_answers(struct session *session, struct seen *seen) {
    while (protocol_owes(session)) {
        assert_true(seen->answers_size + REPLY_ROOM_MIN < sizeof seen->answers);
        const size_t size = session->protocol->reply(
            session, (uint8_t *)seen->answers + seen->answers_size, REPLY_ROOM_MIN);
        assert_in_range(size, 1, REPLY_ROOM_MIN);
        seen->answers_size += size;
    }
    seen->answers[seen->answers_size] = '\0';
}

/* The batch is stored, and what it acknowledges is answered. */
static void drain(struct bench *bench, struct session *session, struct seen *seen) {
    struct batch *batch = &bench->batch;
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    batch_check(batch);
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        seen->reasons[i] += batch->counts.reasons[i];
    assert_true(seen->stored_size + batch->stored_size < sizeof seen->stored);
    memcpy(seen->stored + seen->stored_size, batch->raw, batch->stored_size);
    seen->stored_size += batch->stored_size;
    acks_packed(batch, &list, &rejects);
    acks_written(&rejects, NULL, 0);
    acks_written(&list, NULL, 0);
    while (acks_next(&bench->acks, &commit) > 0)
        session->protocol->committed(session, &commit);
    session->waits = false;
    take_answers(session, seen);
    batch_reset(batch, &bench->rules);
}

static void give(struct bench *bench, struct session *session, struct seen *seen, const char *bytes,
                 size_t size, bool little_room) {
    if (size == 0) return;
    uint8_t *piece = malloc(size); /* a sanitizer sees reads after its end */
    memcpy(piece, bytes, size);
    for (size_t taken = 0; taken < size;) {
        if (little_room) batch_limit(&bench->batch, 1, (struct batch_growth){0});
        taken += session_take(session, &bench->sink, piece + taken, size - taken);
        if (taken < size || little_room) drain(bench, session, seen);
    }
    free(piece);
    take_answers(session, seen);
}

static void begin(struct bench *bench, struct session *session, struct seen *seen,
                  const struct protocol *protocol) {
    *seen = (struct seen){0};
    session_begin(session, protocol);
    acks_begin(&bench->acks, false, ready);
}

static void finish(struct bench *bench, struct session *session, struct seen *seen) {
    while (!session_end(session, &bench->sink))
        drain(bench, session, seen);
    drain(bench, session, seen);
    assert_true(acks_empty(&bench->acks));
    session->leaving = true;
    take_answers(session, seen);
    seen->refused = session->refused;
    seen->ended = session->ended;
    seen->given_up = session->given_up;
}

struct sample {
    const char *claim;
    const char *bytes;
    size_t size;
    const char *stored, *answers;
    uint32_t refused;
    const char *rejected; /* "reason reason ...", in any order */
};

static const struct sample samples[] = {
    {"a session", TEXT(OPEN "2 syslog 7 {\"a\":1}\n3 syslog 7 {\"b\":2}\n4 close 0\n"),
     "{\"a\":1}\n{\"b\":2}\n", OPENED OK(2) OK(3) "4 rsp 0\n" BYE, 0, ""},
    {"syslog before objects",
     TEXT(OPEN "2 syslog 27 <13>Nov 30 14:00:00 h a: {}\n3 syslog 12 @cee:{\"b\":2}\n"),
     "{}\n{\"b\":2}\n", OPENED OK(2) OK(3) BYE, 0, ""},
    {"a newline at the end of the data", TEXT(OPEN "2 syslog 8 {\"a\":1}\n\n3 syslog 3 {}\n\n"),
     "{\"a\":1}\n{}\n", OPENED OK(2) OK(3) BYE, 0, ""},
    {"newlines in the data", TEXT(OPEN "2 syslog 9 {\n\"a\":1}\n\n"), "{ \"a\":1}\n",
     OPENED OK(2) BYE, 0, ""},
    {"invalid records are accepted: quarantine has them",
     TEXT(OPEN "2 syslog 4 text\n3 syslog 6 <1>a:b\n4 syslog 5 {\"a\":\n5 syslog 2 {}\n"), "{}\n",
     OPENED OK(2) OK(3) OK(4) OK(5) BYE, 0, "not_object syslog_text truncated"},
    {"empty messages",
     TEXT(OPEN "2 syslog 0\n3 syslog 0 \n4 syslog 1  \n5 syslog 2 {}\n6 syslog 0\n"), "{}\n",
     OPENED OK(2) OK(3) OK(4) OK(5) OK(6) BYE, 0, ""},
    {"a command that is not known", TEXT(OPEN "2 starttls 3 abc\n3 syslog 2 {}\n4 x 0\n"), "{}\n",
     OPENED "2 rsp 19 500 unknown command\n" OK(3) "4 rsp 19 500 unknown command\n" BYE, 0, ""},
    {"a second open", TEXT(OPEN "2 open 49 " OFFERS "\n3 syslog 2 {}\n"), "{}\n",
     OPENED "2 rsp 31 500 the session is open already\n" OK(3) BYE, 0, ""},
    {"more offers in another order",
     TEXT("7 open 58 x=y=z,1\ncommands=eventlog,syslog,close\nrelp_version=1,2,3\n\n"
          "8 syslog 2 {}\n"),
     "{}\n", "7 rsp 60 200 OK\nrelp_version=0\nrelp_software=logportd\ncommands=syslog\n" OK(8) BYE,
     0, ""},
    {"no version", TEXT("1 open 15 commands=syslog\n2 syslog 2 {}\n"), "",
     "1 rsp 27 500 relp_version is missing\n" BYE, 0, ""},
    {"no offers", TEXT("1 open 0\n2 syslog 2 {}\n"), "",
     "1 rsp 27 500 relp_version is missing\n" BYE, 0, ""},
    {"the command syslog is not offered",
     TEXT("1 open 37 commands=syslo,xsyslog\nrelp_version=0\n2 syslog 2 {}\n"), "",
     "1 rsp 37 500 the command syslog is not offered\n" BYE, 0, ""},
    {"transaction numbers that are not consecutive",
     TEXT(OPEN "90 syslog 2 {}\n5 syslog 2 {}\n5 syslog 2 {}\n007 syslog 2 {}\n"),
     "{}\n{}\n{}\n{}\n", OPENED OK(90) OK(5) OK(5) OK(7) BYE, 0, ""},
    {"the last transaction number",
     TEXT("999999998 open 49 " OFFERS "\n999999999 syslog 2 {}\n1 syslog 2 {}\n2 syslog 2 {}\n"),
     "{}\n{}\n{}\n",
     "999999998 rsp 60 200 OK\nrelp_version=0\nrelp_software=logportd\ncommands=syslog\n" OK(
         999999999) OK(1) OK(2) BYE,
     0, ""},
    {"bytes after close", TEXT(OPEN "2 close 0\n3 syslog 2 {}\nrest"), "", OPENED "2 rsp 0\n" BYE,
     0, ""},
    {"cut off in a header", TEXT(OPEN "2 syslog 2 {}\n3 syslog 1"), "{}\n", OPENED OK(2) BYE, 0,
     ""},
    {"cut off in data", TEXT(OPEN "2 syslog 2 {}\n3 syslog 9 {\"a\":1"), "{}\n", OPENED OK(2) BYE,
     0, "relp_frame"},
    {"cut off before the last newline", TEXT(OPEN "2 syslog 2 {}\n3 syslog 2 {}"), "{}\n",
     OPENED OK(2) BYE, 0, "relp_frame"},
    {"cut off in open", TEXT("1 open 49 relp_version"), "", "", 0, ""},

    {"data that is longer than its length",
     TEXT(OPEN "2 syslog 2 {}\n3 syslog 2 {}{}\n4 syslog 2 {}\n"), "{}\n", OPENED OK(2) BYE,
     REJECT_RELP_FRAME, "relp_frame"},
    {"data that is shorter", TEXT(OPEN "2 syslog 2 {}\n3 syslog 9 {}\n4 syslog 2 {}\n"), "{}\n",
     OPENED OK(2) BYE, REJECT_RELP_FRAME, "relp_frame"},
    {"a length of ten digits", TEXT(OPEN "2 syslog 1000000000 {}\n3 syslog 2 {}\n"), "", OPENED BYE,
     REJECT_RELP_FRAME, "relp_frame"},
    {"a number of ten digits", TEXT(OPEN "1000000000 syslog 2 {}\n3 syslog 2 {}\n"), "", OPENED BYE,
     REJECT_RELP_FRAME, "relp_frame"},
    {"the number zero", TEXT(OPEN "0 syslog 2 {}\n3 syslog 2 {}\n"), "", OPENED BYE,
     REJECT_RELP_FRAME, "relp_frame"},
    {"no number", TEXT(OPEN "syslog 2 {}\n3 syslog 2 {}\n"), "", OPENED BYE, REJECT_RELP_FRAME,
     "relp_frame"},
    {"no length", TEXT(OPEN "2 syslog  {}\n3 syslog 2 {}\n"), "", OPENED BYE, REJECT_RELP_FRAME,
     "relp_frame"},
    {"no data", TEXT(OPEN "2 syslog 2\n{}\n3 syslog 2 {}\n"), "", OPENED BYE, REJECT_RELP_FRAME,
     "relp_frame"},
    {"no command", TEXT(OPEN "2  2 {}\n3 syslog 2 {}\n"), "", OPENED BYE, REJECT_RELP_FRAME,
     "relp_frame"},
    {"a command that is no word", TEXT(OPEN "2 sys-log 2 {}\n3 syslog 2 {}\n"), "", OPENED BYE,
     REJECT_RELP_FRAME, "relp_frame"},
    {"a command that is too long", TEXT(OPEN "2 abcdefghijklmnopqrstuvwxyzabcdefg 0\n"), "",
     OPENED BYE, REJECT_RELP_FRAME, "relp_frame"},
    {"an object instead of a frame", TEXT(OPEN "2 syslog 2 {}\n{\"a\":1}\n"), "{}\n",
     OPENED OK(2) BYE, REJECT_RELP_FRAME, "relp_frame"},
};

static void expect(const struct sample *sample, const struct seen *seen) {
    if (strcmp(seen->stored, sample->stored) != 0)
        fail_msg("%s: stored %s", sample->claim, seen->stored);
    if (strcmp(seen->answers, sample->answers) != 0)
        fail_msg("%s: answered %s", sample->claim, seen->answers);
    expect_rejected(sample->claim, seen->reasons, sample->rejected);
    assert_int_equal(seen->refused, sample->refused);
}

static void wherever_the_bytes_are_cut_records_and_answers_are_the_same(void **state) {
    (void)state;
    static const struct protocol *const protocols[] = {&protocol_detect, &protocol_relp};
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int how = 0; how < 4; how++) {
            const struct sample *sample = &samples[i];
            struct session session;
            struct seen seen;
            for (size_t first = 0; first <= sample->size; first++)
                for (size_t second = first; second <= sample->size; second++) {
                    begin(&bench, &session, &seen, protocols[how % 2]);
                    give(&bench, &session, &seen, sample->bytes, first, how >= 2);
                    give(&bench, &session, &seen, sample->bytes + first, second - first, how >= 2);
                    give(&bench, &session, &seen, sample->bytes + second, sample->size - second,
                         how >= 2);
                    finish(&bench, &session, &seen);
                    expect(sample, &seen);
                    if (how >= 2) second += sample->size / 7; /* fewer of these */
                }
            begin(&bench, &session, &seen, protocols[how % 2]);
            for (size_t at = 0; at < sample->size; at++)
                give(&bench, &session, &seen, sample->bytes + at, 1, how >= 2);
            finish(&bench, &session, &seen);
            expect(sample, &seen);
            assert_ptr_equal(session.protocol, &protocol_relp);
        }
    bench_close(&bench);
}

static void a_frame_is_answered_when_its_record_is_stored_and_not_before(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    struct seen seen;
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    begin(&bench, &session, &seen, &protocol_detect);
    give(&bench, &session, &seen, TEXT(OPEN), false);
    assert_string_equal(seen.answers, OPENED);
    give(&bench, &session, &seen, TEXT("2 syslog 2 {}\n3 syslog 0\n4 x 0\n5 close 0\n"), false);
    assert_string_equal(seen.answers, OPENED);
    assert_true(session.ended);
    drain(&bench, &session, &seen);
    assert_string_equal(seen.answers, OPENED OK(2) OK(3) "4 rsp 19 500 unknown command\n5 rsp 0\n");
    finish(&bench, &session, &seen);
    bench_close(&bench);
}

static void without_acks_nothing_is_taken_and_no_byte_is_lost(void **state) {
    (void)state;
    static const char text[] = OPEN "2 syslog 2 {}\n";
    struct bench bench;
    struct session session;
    struct seen seen;
    bench_open(&bench, LINE_MAX, 256 << 10);
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        begin(&bench, &session, &seen, &protocol_detect);
        size_t taken = session_take(&session, &bench.sink, (const uint8_t *)text, cut);
        if (!session.waits) {
            assert_int_equal(taken, cut);
            taken += session_take(&session, &bench.sink, (const uint8_t *)text + cut,
                                  sizeof text - 1 - cut);
        }
        assert_true(session.waits && taken < sizeof text - 1);
        session.waits = false;
        bench.sink.acks = &bench.acks;
        give(&bench, &session, &seen, text + taken, sizeof text - 1 - taken, false);
        finish(&bench, &session, &seen);
        assert_string_equal(seen.answers, OPENED OK(2) BYE);
        assert_string_equal(seen.stored, "{}\n");
        bench.sink.acks = NULL;
    }
    bench_close(&bench);
}

static void a_message_that_is_too_long_is_rejected_and_the_session_continues(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    struct seen seen;
    char text[2048];
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    for (int size = LINE_MAX - 2; size < LINE_MAX + 4; size++)
        for (int cut = 0; cut < 440; cut += 7) {
            const int length =
                snprintf(text, sizeof text, OPEN "2 syslog %d {\"x\":\"%0*d\"}\n3 syslog 2 {}\n",
                         size, size - 8, 7);
            begin(&bench, &session, &seen, &protocol_detect);
            give(&bench, &session, &seen, text, (size_t)cut, false);
            give(&bench, &session, &seen, text + cut, (size_t)(length - cut), false);
            finish(&bench, &session, &seen);
            assert_string_equal(seen.answers, OPENED OK(2) OK(3) BYE);
            assert_int_equal(seen.reasons[REJECT_OVERSIZED], size > LINE_MAX);
            assert_string_equal(seen.stored + seen.stored_size - 3, "{}\n");
        }
    bench_close(&bench);
}

/* Not even its beginning was kept, and it may be valid: quarantine is not enough. */
static void a_message_for_which_there_was_no_memory_is_not_acknowledged(void **state) {
    (void)state;
    struct bench bench;
    struct session session, other;
    struct seen seen, other_seen = {0};
    char text[4096];
    bench_open(&bench, 3000, 4 * LINE_CHUNK_BYTES);
    bench.sink.acks = &bench.acks;
    begin(&bench, &session, &seen, &protocol_detect);
    const int length =
        snprintf(text, sizeof text, OPEN "2 syslog 2 {}\n3 syslog 2500 {\"x\":\"%02492d\"}\n", 7);
    give(&bench, &session, &seen, text, (size_t)length - 3, false);
    session_begin(&other, &protocol_newline);
    memset(text, 'x', 2500);
    bench.sink.acks = NULL;
    assert_int_equal(session_take(&other, &bench.sink, (uint8_t *)text, 2500), 2500);
    bench.sink.acks = &bench.acks;
    give(&bench, &session, &seen, TEXT("\"}\n4 syslog 2 {}\n"), false);
    const bool gone = seen.given_up || session.given_up;
    finish(&bench, &session, &seen);
    if (gone) assert_string_equal(seen.answers, OPENED OK(2) BYE);
    assert_int_equal(seen.reasons[REJECT_LINE_MEMORY], gone);
    assert_true(gone);
    partial_forget(&other.partial, &bench.memory);
    (void)other_seen;
    bench_close(&bench);
}

/* ---- many frames, random ones ---- */

static void frames_in_many_batches_are_answered_in_order(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    struct seen seen;
    char text[64], expected[16384] = OPENED;
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    begin(&bench, &session, &seen, &protocol_detect);
    give(&bench, &session, &seen, TEXT(OPEN), false);
    for (int n = 2; n < 600; n++) {
        const int size = snprintf(text, sizeof text, "%d syslog 7 {\"a\":1}\n", n);
        give(&bench, &session, &seen, text, (size_t)size, n % 3 == 0);
        sprintf(expected + strlen(expected), "%d rsp 6 200 OK\n", n);
    }
    finish(&bench, &session, &seen);
    assert_string_equal(seen.answers, strcat(expected, BYE));
    bench_close(&bench);
}

static void numbers_in_disorder_are_refused_when_too_many_wait(void **state) {
    (void)state;
    struct bench bench;
    struct session session;
    struct seen seen;
    char text[64];
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    begin(&bench, &session, &seen, &protocol_detect);
    give(&bench, &session, &seen, TEXT(OPEN), false);
    for (int n = 0; n <= RELP_RUNS; n++) {
        assert_int_equal(session.refused, 0);
        const int size = snprintf(text, sizeof text, "%d syslog 2 {}\n", 100 - 2 * n);
        give(&bench, &session, &seen, text, (size_t)size, false);
    }
    assert_int_equal(session.refused, REJECT_RELP_FRAME);
    finish(&bench, &session, &seen);
    assert_string_equal(seen.answers,
                        OPENED OK(100) OK(98) OK(96) OK(94) OK(92) OK(90) OK(88) OK(86) BYE);
    bench_close(&bench);
}

/* Truncated and changed sessions, whole and in random pieces. */
static void a_changed_session_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    static const char signs[] = "0123456789 \n{}\"syslogopenclos\0\xFF";
    struct bench bench;
    struct chance chance = {5};
    struct session session;
    struct seen whole, pieces;
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    for (int round = 0; round < 40000; round++) {
        const struct sample *sample =
            &samples[chance_below(&chance, sizeof samples / sizeof *samples)];
        char text[512];
        memcpy(text, sample->bytes, sample->size);
        for (uint64_t n = chance_below(&chance, 4); n > 0; n--)
            text[chance_below(&chance, sample->size)] =
                signs[chance_below(&chance, sizeof signs - 1)];
        const size_t size = 1 + chance_below(&chance, sample->size);
        begin(&bench, &session, &whole, &protocol_relp);
        give(&bench, &session, &whole, text, size, false);
        finish(&bench, &session, &whole);
        begin(&bench, &session, &pieces, &protocol_relp);
        const bool little_room = chance_one_in(&chance, 2);
        for (size_t at = 0; at < size;) {
            size_t part = 1 + chance_below(&chance, 20);
            if (part > size - at) part = size - at;
            give(&bench, &session, &pieces, text + at, part, little_room);
            at += part;
        }
        finish(&bench, &session, &pieces);
        assert_string_equal(pieces.answers, whole.answers);
        assert_string_equal(pieces.stored, whole.stored);
        assert_memory_equal(pieces.reasons, whole.reasons, sizeof whole.reasons);
        assert_int_equal(pieces.refused, whole.refused);
    }
    bench_close(&bench);
}

static void a_datagram_of_relp_is_refused(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    struct session session = {0};
    size_t taken = 0;
    assert_true(protocol_take_datagram(&protocol_detect, &session, &taken, &bench.sink,
                                       (const uint8_t *)OPEN, sizeof OPEN - 1));
    assert_int_equal(session.refused, REJECT_RELP);
    batch_check(&bench.batch);
    assert_int_equal(bench.batch.counts.reasons[REJECT_RELP], 1);
    bench_close(&bench);
}

static void a_listener_with_another_protocol_refuses_it(void **state) {
    (void)state;
    struct bench bench;
    bench_open(&bench, LINE_MAX, 256 << 10);
    struct session session;
    session_begin(&session, &protocol_newline);
    assert_int_equal(session_take(&session, &bench.sink, (const uint8_t *)OPEN, sizeof OPEN - 1),
                     sizeof OPEN - 1);
    assert_int_equal(session.refused, REJECT_RELP);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_bytes_are_cut_records_and_answers_are_the_same),
        cmocka_unit_test(a_frame_is_answered_when_its_record_is_stored_and_not_before),
        cmocka_unit_test(without_acks_nothing_is_taken_and_no_byte_is_lost),
        cmocka_unit_test(a_message_that_is_too_long_is_rejected_and_the_session_continues),
        cmocka_unit_test(a_message_for_which_there_was_no_memory_is_not_acknowledged),
        cmocka_unit_test(frames_in_many_batches_are_answered_in_order),
        cmocka_unit_test(numbers_in_disorder_are_refused_when_too_many_wait),
        cmocka_unit_test(a_changed_session_is_the_same_however_it_is_cut),
        cmocka_unit_test(a_datagram_of_relp_is_refused),
        cmocka_unit_test(a_listener_with_another_protocol_refuses_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
