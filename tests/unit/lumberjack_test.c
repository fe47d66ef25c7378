/* lumberjack_test.c - sessions of Lumberjack: wherever the network cuts them, the records and the
 * answers are the same, and a window is answered when all its records are stored. */
#include "tests/unit/session_test.h"

#include "tests/sim/chance.h"
#include "tests/unit/rejected.h"

#define W(n)       "2W\0\0\0" #n
#define J(n, size) "2J\0\0\0" n "\0\0\0" size
#define A(n)       "2A\0\0\0" n

/* Bytes of a session that a test makes. */
struct text {
    uint8_t bytes[64 << 10];
    size_t size;
};

static void add(struct text *text, const void *bytes, size_t size) {
    assert_true(text->size + size <= sizeof text->bytes);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void add_number(struct text *text, uint32_t number) {
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};
    add(text, bytes, 4);
}

static void add_window(struct text *text, uint32_t count) {
    add(text, "2W", 2);
    add_number(text, count);
}

static void add_record(struct text *text, uint32_t sequence, const char *data) {
    add(text, "2J", 2);
    add_number(text, sequence);
    add_number(text, (uint32_t)strlen(data));
    add(text, data, strlen(data));
}

static void add_answer(struct text *text, uint32_t sequence) {
    add(text, "2A", 2);
    add_number(text, sequence);
}

/* zlib data of stored blocks of `block` bytes: RFC 1950 section 2.2, RFC 1951 section 3.2.4. */
static void add_compressed(struct text *text, const struct text *plain, size_t block) {
    struct text *packed = calloc(1, sizeof *packed);
    uint32_t a = 1, b = 0;
    add(packed, "\x78\x01", 2);
    for (size_t at = 0; at < plain->size || at == 0;) {
        size_t part = plain->size - at < block ? plain->size - at : block;
        const uint8_t head[] = {at + part == plain->size, (uint8_t)part, (uint8_t)(part >> 8),
                                (uint8_t)~part, (uint8_t)(~part >> 8)};
        add(packed, head, sizeof head);
        add(packed, plain->bytes + at, part);
        at += part;
        if (part == 0) break;
    }
    for (size_t i = 0; i < plain->size; i++) {
        a = (a + plain->bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    add_number(packed, b << 16 | a);
    add(text, "2C", 2);
    add_number(text, (uint32_t)packed->size);
    add(text, packed->bytes, packed->size);
    free(packed);
}

static void expect(const char *claim, const struct seen *seen, const char *stored,
                   const uint8_t *answers, size_t answers_size, uint32_t refused,
                   const char *rejected) {
    if (seen->stored_size != strlen(stored) || memcmp(seen->stored, stored, seen->stored_size) != 0)
        fail_msg("%s: stored %.*s", claim, (int)seen->stored_size, (const char *)seen->stored);
    if (seen->answers_size != answers_size ||
        (answers_size > 0 && memcmp(seen->answers, answers, answers_size) != 0))
        fail_msg("%s: %d bytes are answered, not %d", claim, (int)seen->answers_size,
                 (int)answers_size);
    expect_rejected(claim, seen->reasons, rejected);
    if (seen->refused != refused) fail_msg("%s: refused %u", claim, seen->refused);
}

struct sample {
    const char *claim;
    const char *bytes;
    size_t size;
    const char *stored;
    const char *answers;
    size_t answers_size;
    uint32_t refused;
    const char *rejected; /* "reason reason ...", in any order */
};

static const struct sample samples[] = {
    {"a window", TEXT("2W\0\0\0\2" J("\1", "\7") "{\"a\":1}" J("\2", "\2") "{}"), "{\"a\":1}\n{}\n",
     TEXT(A("\2")), 0, ""},
    {"windows",
     TEXT("2W\0\0\0\1" J("\1", "\2") "{}2W\0\0\0\2" J("\1", "\2") "{}" J("\2", "\2") "{}"),
     "{}\n{}\n{}\n", TEXT(A("\1") A("\2")), 0, ""},
    {"numbers that continue",
     TEXT("2W\0\0\0\1" J("\7", "\2") "{}2W\0\0\0\2" J("\10", "\2") "{}" J("\11", "\2") "{}"),
     "{}\n{}\n{}\n", TEXT(A("\7") A("\11")), 0, ""},
    {"numbers with gaps",
     TEXT("2W\0\0\0\3" J("\11", "\2") "{}" J("\3", "\2") "{}" J("\7", "\2") "{}"), "{}\n{}\n{}\n",
     TEXT(A("\7")), 0, ""},
    {"compressed",
     TEXT("2W\0\0\0\1"
          "2C\0\0\0\x17"
          "\x78\x01\x01\x0c\0\xf3\xff" J("\1", "\2") "{}"
                                                     "\x07\x12\x01\x78"),
     "{}\n", TEXT(A("\1")), 0, ""},
    {"compressed, with a wrong checksum",
     TEXT("2W\0\0\0\1"
          "2C\0\0\0\x17"
          "\x78\x01\x01\x0c\0\xf3\xff" J("\1", "\2") "{}"
                                                     "\x07\x12\x01\x79"
                                                     "2W\0\0\0\1" J("\1", "\2") "{}"),
     "{}\n", NULL, 0, REJECT_INFLATE, "inflate"},
    {"what is not compressed",
     TEXT("2W\0\0\0\1"
          "2C\0\0\0\4"
          "abcd"),
     "", NULL, 0, REJECT_INFLATE, "inflate"},
    {"nothing compressed",
     TEXT("2W\0\0\0\1"
          "2C\0\0\0\0"
          "abcd"),
     "", NULL, 0, REJECT_LUMBERJACK_FRAME, "lumberjack_frame"},
    {"invalid records are accepted: quarantine has them",
     TEXT("2W\0\0\0\3" J("\1", "\4") "text" J("\2", "\5") "{\"a\":" J("\3", "\2") "{}"), "{}\n",
     TEXT(A("\3")), 0, "not_object truncated"},
    {"empty and blank records",
     TEXT("2W\0\0\0\5" J("\1", "\0")
              J("\2", "\1") "\n" J("\3", "\2") "{}" J("\4", "\3") "  \n" J("\5", "\0")),
     "{}\n", TEXT(A("\5")), 0, ""},
    {"newlines in a record", TEXT("2W\0\0\0\1" J("\1", "\12") "{\n\"a\":1\n}\n"), "{ \"a\":1 }\n",
     TEXT(A("\1")), 0, ""},
    {"an empty window",
     TEXT("2W\0\0\0\0"
          "2W\0\0\0\1" J("\1", "\2") "{}"),
     "{}\n", TEXT(A("\1")), 0, ""},
    {"a window that is not complete",
     TEXT("2W\0\0\0\5" J("\1", "\2") "{}2W\0\0\0\1" J("\1", "\2") "{}"), "{}\n{}\n",
     TEXT(A("\1") A("\1")), 0, ""},
    {"cut off in a header", TEXT("2W\0\0\0\1" J("\1", "\2") "{}2W\0\0"), "{}\n", TEXT(A("\1")), 0,
     ""},
    {"cut off in a record", TEXT("2W\0\0\0\2" J("\1", "\2") "{}" J("\2", "\2") "{"), "{}\n", NULL,
     0, 0, "lumberjack_frame"},
    {"a record without a window", TEXT("2W\0\0\0\1" J("\1", "\2") "{}" J("\2", "\2") "{}"), "{}\n",
     TEXT(A("\1")), REJECT_LUMBERJACK_FRAME, "lumberjack_frame"},
    {"an object instead of a frame", TEXT("2W\0\0\0\1" J("\1", "\2") "{}{\"a\":1}\n"), "{}\n",
     TEXT(A("\1")), REJECT_LUMBERJACK_FRAME, "lumberjack_frame"},
    {"an answer",
     TEXT("2W\0\0\0\1"
          "2A\0\0\0\1"),
     "", NULL, 0, REJECT_LUMBERJACK_FRAME, "lumberjack_frame"},
    {"a window that is too large", TEXT("2W\0\x10\0\1" J("\1", "\2") "{}"), "", NULL, 0,
     REJECT_LUMBERJACK_FRAME, "lumberjack_frame"},
    {"names and values",
     TEXT("2W\0\0\0\1"
          "2D\0\0\0\1\0\0\0\0"),
     "", NULL, 0, REJECT_LUMBERJACK_1, "lumberjack_1"},
    {"version 1",
     TEXT("1W\0\0\0\1"
          "1D\0\0\0\1\0\0\0\0"),
     "", NULL, 0, REJECT_LUMBERJACK_1, "lumberjack_1"},
};

static void wherever_the_bytes_are_cut_records_and_answers_are_the_same(void **state) {
    (void)state;
    static const struct protocol *const protocols[] = {&protocol_detect, &protocol_lumberjack};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (int how = 0; how < 4; how++) {
            const struct sample *sample = &samples[i];
            const uint8_t *bytes = (const uint8_t *)sample->bytes;
            const size_t size = sample->size;
            struct run run = new_run(&whole);
            run.little_room = how >= 2;
            run.piece_max = how % 2 ? 1 : 7;
            for (size_t first = 0; first <= size; first++)
                for (size_t second = first; second <= size; second++) {
                    run_begin(&run, protocols[how % 2]);
                    run_give(&run, bytes, first);
                    run_give(&run, bytes + first, second - first);
                    run_give(&run, bytes + second, size - second);
                    run_finish(&run);
                    expect(sample->claim, &whole, sample->stored, (const uint8_t *)sample->answers,
                           sample->answers_size, sample->refused, sample->rejected);
                    second += size / 9;
                }
            run_begin(&run, protocols[how % 2]);
            for (size_t at = 0; at < size; at++)
                run_give(&run, bytes + at, 1);
            run_finish(&run);
            expect(sample->claim, &whole, sample->stored, (const uint8_t *)sample->answers,
                   sample->answers_size, sample->refused, sample->rejected);
            assert_ptr_equal(run.session.protocol, &protocol_lumberjack);
        }
}

static void a_window_is_answered_when_all_its_records_are_stored_and_not_before(void **state) {
    (void)state;
    struct run run = new_run(&whole);
    run_begin(&run, &protocol_detect);
    run_give(&run, (const uint8_t *)TEXT("2W\0\0\0\2" J("\1", "\2") "{}"));
    run_drain(&run);
    assert_int_equal(whole.answers_size, 0);
    run.session.nudged = true; /* one of them is stored */
    run_take_answers(&run);
    assert_int_equal(whole.answers_size, 6);
    assert_memory_equal(whole.answers, A("\1"), 6);
    run_give(&run, (const uint8_t *)TEXT(J("\2", "\2") "{}"));
    assert_int_equal(whole.answers_size, 6);
    run_drain(&run);
    assert_int_equal(whole.answers_size, 12);
    assert_memory_equal(whole.answers + 6, A("\2"), 6);
    run.session.nudged = true; /* nothing is waited for */
    run_take_answers(&run);
    run_give(&run, (const uint8_t *)TEXT("2W\0\0\0\2"));
    assert_int_equal(whole.answers_size, 18);
    assert_memory_equal(whole.answers + 12, A("\0"), 6);
    run_finish(&run);
}

static void what_is_compressed_is_not_answered_before_its_checksum(void **state) {
    (void)state;
    const struct sample *sample = &samples[4];
    struct run run = new_run(&whole);
    run_begin(&run, &protocol_detect);
    run_give(&run, (const uint8_t *)sample->bytes, sample->size - 1);
    run_drain(&run);
    assert_int_equal(whole.stored_size, 3);
    run.session.nudged = true;
    run_take_answers(&run);
    assert_int_equal(whole.answers_size, 6);
    assert_memory_equal(whole.answers, A("\0"), 6);
    run_give(&run, (const uint8_t *)sample->bytes + sample->size - 1, 1);
    assert_int_equal(whole.answers_size, 12);
    assert_memory_equal(whole.answers + 6, A("\1"), 6);
    run_finish(&run);
}

static void a_window_whose_records_could_not_be_stored_is_not_answered(void **state) {
    (void)state;
    struct run run = new_run(&whole);
    struct waiter *list = NULL, *rejects = NULL;
    struct commit commit;
    run_begin(&run, &protocol_detect);
    run_give(&run, (const uint8_t *)TEXT("2W\0\0\0\2" J("\1", "\2") "{}"));
    run_drain(&run);
    run_give(&run, (const uint8_t *)TEXT(J("\2", "\2") "{}"));
    batch_check(&bench.batch);
    acks_packed(&bench.batch, &list, &rejects);
    acks_written(&rejects, NULL, 0);
    acks_written(&list, NULL, -5);
    assert_int_equal(acks_next(&bench.acks, &commit), -5);
    run_take_answers(&run);
    assert_int_equal(whole.answers_size, 0);
    acks_end(&bench.acks);
    batch_reset(&bench.batch, &bench.rules);
}

static void without_acks_nothing_is_taken_and_no_byte_is_lost(void **state) {
    (void)state;
    static const char text[] = "2W\0\0\0\1" J("\1", "\2") "{}";
    struct run run = new_run(&whole);
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        struct sink without = bench.sink;
        without.acks = NULL;
        run_begin(&run, &protocol_detect);
        size_t taken = session_take(&run.session, &without, (const uint8_t *)text, cut);
        if (!run.session.waits) {
            assert_int_equal(taken, cut);
            taken += session_take(&run.session, &without, (const uint8_t *)text + cut,
                                  sizeof text - 1 - cut);
        }
        assert_true(run.session.waits && taken < sizeof text - 1);
        run.session.waits = false;
        run_give(&run, (const uint8_t *)text + taken, sizeof text - 1 - taken);
        run_finish(&run);
        expect("no acks", &whole, "{}\n", (const uint8_t *)TEXT(A("\1")), 0, "");
    }
}

static void a_record_that_is_too_long_is_rejected_and_the_window_continues(void **state) {
    (void)state;
    struct run run = new_run(&whole);
    for (int size = LINE_MAX - 2; size < LINE_MAX + 4; size++)
        for (int cut = 0; cut < 440; cut += 7) {
            struct text text = {.size = 0};
            char data[512];
            snprintf(data, sizeof data, "{\"x\":\"%0*d\"}", size - 8, 7);
            add_window(&text, 2);
            add_record(&text, 1, data);
            add_record(&text, 2, "{}");
            run_begin(&run, &protocol_detect);
            const size_t first = (size_t)cut < text.size ? (size_t)cut : text.size;
            run_give(&run, text.bytes, first);
            run_give(&run, text.bytes + first, text.size - first);
            run_finish(&run);
            assert_int_equal(whole.answers_size, 6);
            assert_int_equal(whole.reasons[REJECT_OVERSIZED], size > LINE_MAX);
            assert_memory_equal(whole.stored + whole.stored_size - 3, "{}\n", 3);
        }
}

/* ---- random sessions ---- */

/* Windows that clients might send, what is to be stored, and the answers. */
static void make_session(struct chance *chance, struct text *text, struct text *stored,
                         struct text *answers) {
    uint32_t sequence = (uint32_t)chance_below(chance, 1000) - 500;
    const bool continues = chance_one_in(chance, 2);
    text->size = stored->size = answers->size = 0;
    for (uint64_t windows = 1 + chance_below(chance, 12); windows > 0; windows--) {
        const uint32_t count = 1 + (uint32_t)chance_below(chance, 20);
        struct text *plain = calloc(1, sizeof *plain);
        if (!continues) sequence = 1;
        add_window(text, count);
        for (uint32_t i = 0; i < count; i++) {
            char data[64];
            snprintf(data, sizeof data, "{\"n\":\"%0*d\"}", 1 + (int)chance_below(chance, 40),
                     (int)i);
            add_record(plain, sequence++, data);
            add(stored, data, strlen(data));
            add(stored, "\n", 1);
            if (!chance_one_in(chance, 20) && i + 1 < count) continue;
            if (chance_one_in(chance, 2))
                add_compressed(text, plain, 1 + chance_below(chance, 300));
            else
                add(text, plain->bytes, plain->size);
            plain->size = 0;
        }
        add_answer(answers, sequence - 1);
        free(plain);
    }
}

static void give_in_pieces(struct chance *chance, struct run *run, const uint8_t *bytes,
                           size_t size) {
    const uint64_t most = 1 + chance_below(chance, 600);
    for (size_t at = 0; at < size;) {
        size_t part = 1 + chance_below(chance, most);
        if (part > size - at) part = size - at;
        run_give(run, bytes + at, part);
        if (chance_one_in(chance, 4)) run_drain(run);
        at += part;
    }
}

static void random_sessions_are_stored_and_answered_as_the_model_says(void **state) {
    (void)state;
    static struct text text, stored, answers;
    struct chance chance = {7};
    for (int round = 0; round < 3000; round++) {
        struct run run = new_run(&whole);
        make_session(&chance, &text, &stored, &answers);
        run.little_room = chance_one_in(&chance, 3);
        run.piece_max = 1 + (uint32_t)chance_below(&chance, 500);
        run_begin(&run, &protocol_detect);
        give_in_pieces(&chance, &run, text.bytes, text.size);
        run_finish(&run);
        assert_int_equal(whole.refused, 0);
        assert_int_equal(whole.stored_size, stored.size);
        assert_memory_equal(whole.stored, stored.bytes, stored.size);
        assert_int_equal(whole.answers_size, answers.size);
        assert_memory_equal(whole.answers, answers.bytes, answers.size);
    }
}

/* Truncated and changed sessions, whole and in random pieces. */
static void a_changed_session_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    static const char signs[] = "12WJCDA{}\"\0\1\2\3\4\xFF\x78";
    static struct text text, stored, answers;
    struct chance chance = {9};
    for (int round = 0; round < 8000; round++) {
        make_session(&chance, &text, &stored, &answers);
        for (uint64_t n = chance_below(&chance, 4); n > 0; n--)
            text.bytes[chance_below(&chance, text.size)] =
                (uint8_t)signs[chance_below(&chance, sizeof signs - 1)];
        const size_t size = 1 + chance_below(&chance, text.size);
        struct run run = new_run(&whole);
        run_begin(&run, &protocol_lumberjack);
        run_give(&run, text.bytes, size);
        run_finish(&run);
        run = new_run(&pieces);
        run.little_room = chance_one_in(&chance, 2);
        run.piece_max = 1 + (uint32_t)chance_below(&chance, 100);
        run_begin(&run, &protocol_lumberjack);
        give_in_pieces(&chance, &run, text.bytes, size);
        run_finish(&run);
        assert_true(run_same(&whole, &pieces));
    }
}

/* A session remembers LUMBERJACK_RUNS of them; what is compressed is answered only at its end. */
static void numbers_in_disorder_inside_compressed_data_are_refused(void **state) {
    (void)state;
    struct text text = {.size = 0}, plain = {.size = 0};
    struct run run = new_run(&whole);
    add_window(&text, 20);
    for (uint32_t i = 0; i < 20; i++)
        add_record(&plain, 100 - 2 * i, "{}");
    add_compressed(&text, &plain, 1000);
    run_begin(&run, &protocol_detect);
    run_give(&run, text.bytes, text.size);
    run_finish(&run);
    assert_int_equal(whole.refused, REJECT_LUMBERJACK_FRAME);
    assert_int_equal(whole.answers_size, 0);
    text.size = 0;
    add_window(&text, 20);
    add(&text, plain.bytes, plain.size);
    run_begin(&run, &protocol_detect);
    run_give(&run, text.bytes, text.size);
    run_finish(&run);
    assert_int_equal(whole.refused, 0);
    assert_int_equal(whole.answers_size, 6);
}

static void a_datagram_is_refused(void **state) {
    (void)state;
    static const char text[] = "2W\0\0\0\1" J("\1", "\2") "{}";
    static const struct protocol *const protocols[] = {&protocol_detect, &protocol_lumberjack};
    struct sink sink = bench.sink;
    sink.acks = NULL;
    for (int i = 0; i < 2; i++)
        for (int first = 0; first < 256; first++) {
            uint8_t bytes[sizeof text];
            memcpy(bytes, text, sizeof text);
            bytes[2] = (uint8_t)first;
            struct session session = {0};
            size_t taken = 0;
            assert_true(protocol_take_datagram(protocols[i], &session, &taken, &sink, bytes,
                                               sizeof text - 1));
            if (first == 0 || i == 1) assert_int_equal(session.refused, REJECT_LUMBERJACK);
            batch_reset(&bench.batch, &bench.rules);
        }
}

static void a_listener_with_another_protocol_refuses_it(void **state) {
    (void)state;
    static const char text[] = "2W\0\0\0\1" J("\1", "\2") "{}";
    struct session session;
    session_begin(&session, &protocol_newline);
    assert_int_equal(session_take(&session, &bench.sink, (const uint8_t *)text, sizeof text - 1),
                     sizeof text - 1);
    assert_int_equal(session.refused, REJECT_LUMBERJACK);
    batch_reset(&bench.batch, &bench.rules);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(wherever_the_bytes_are_cut_records_and_answers_are_the_same),
        TEST(a_window_is_answered_when_all_its_records_are_stored_and_not_before),
        TEST(what_is_compressed_is_not_answered_before_its_checksum),
        TEST(a_window_whose_records_could_not_be_stored_is_not_answered),
        TEST(without_acks_nothing_is_taken_and_no_byte_is_lost),
        TEST(a_record_that_is_too_long_is_rejected_and_the_window_continues),
        TEST(random_sessions_are_stored_and_answered_as_the_model_says),
        TEST(a_changed_session_is_the_same_however_it_is_cut),
        TEST(numbers_in_disorder_inside_compressed_data_are_refused),
        TEST(a_datagram_is_refused),
        TEST(a_listener_with_another_protocol_refuses_it),
    };
    if (!inflate_library()) return 0; /* built without zlib */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
