/* newline_test.c - wherever the network splits a stream of bytes, the records are the same;
 * oversized lines are set aside whole; memory is bounded. */

#include "port/system.h"
#include "tests/unit/sink_bench.h"

#define LINE_MAX 8000

static size_t take(struct bench *bench, struct session *session, const char *text, size_t size) {
    return session_take(session, &bench->sink, (const uint8_t *)text, size);
}

static void batch_holds(const struct bench *bench, const char *text) {
    assert_int_equal(bench->batch.raw_size, strlen(text));
    assert_memory_equal(bench->batch.raw, text, strlen(text));
}

/* ---- */

static void wherever_the_stream_is_split_the_lines_are_the_same(void **state) {
    (void)state;
    static const char text[] = "{\"a\":1}\n{\"b\":2}\r\n\n{}\n";
    for (size_t first = 0; first < sizeof text; first++)
        for (size_t second = first; second < sizeof text; second++) {
            struct bench bench;
            struct session session = {.protocol = &protocol_newline};
            bench_open(&bench, LINE_MAX, 64 << 10);
            const size_t cuts[] = {0, first, second, sizeof text - 1};
            for (int i = 0; i < 3; i++)
                if (cuts[i] < cuts[i + 1])
                    assert_int_equal(take(&bench, &session, text + cuts[i], cuts[i + 1] - cuts[i]),
                                     cuts[i + 1] - cuts[i]);
            batch_holds(&bench, text);
            assert_int_equal(session.partial.size, 0);
            bench_close(&bench);
        }
}

static void an_unfinished_line_waits_and_becomes_a_record_at_the_end(void **state) {
    (void)state;
    struct bench bench;
    struct session session = {.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 64 << 10);
    take(&bench, &session, "{}\n{\"a\"", 7);
    batch_holds(&bench, "{}\n");
    assert_true(session_end(&session, &bench.sink));
    batch_holds(&bench, "{}\n{\"a\"\n");
    bench_close(&bench);
}

static void make_line(char *line, size_t size) {
    memset(line, 'x', size);
    memcpy(line, "{\"a\":\"", 6);
    memcpy(line + size - 2, "\"}", 2);
}

/* The limit excludes CR and LF, however the line is split. */
static void a_line_at_the_limit_is_stored_and_one_byte_more_is_oversized(void **state) {
    (void)state;
    static char text[LINE_MAX + 8];
    static const char *const ends[] = {"\n", "\r\n"};
    for (size_t piece = 1; piece <= LINE_MAX + 8; piece += piece < 4 ? 1 : 997)
        for (int over = 0; over < 2; over++)
            for (int end = 0; end < 2; end++) {
                struct bench bench;
                struct session session = {.protocol = &protocol_newline};
                bench_open(&bench, LINE_MAX, 64 << 10);
                make_line(text, LINE_MAX + over);
                strcpy(text + LINE_MAX + over, ends[end]);
                const size_t size = LINE_MAX + (size_t)over + strlen(ends[end]);
                for (size_t at = 0; at < size; at += piece)
                    take(&bench, &session, text + at, size - at < piece ? size - at : piece);
                batch_check(&bench.batch);
                assert_int_equal(bench.batch.counts.records, 1);
                assert_int_equal(bench.batch.counts.stored, 1 - over);
                assert_int_equal(bench.batch.counts.reasons[REJECT_OVERSIZED], over);
                bench_close(&bench);
            }
}

static void an_oversized_line_keeps_its_head_and_size_and_the_next_line_is_stored(void **state) {
    (void)state;
    struct bench bench;
    struct session session = {.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 64 << 10);
    static char text[1000];
    make_line(text, sizeof text);
    text[998] = 'x';               /* never closed */
    for (int i = 0; i < 5000; i++) /* 5 MB; at most 4 KiB of it are held */
        assert_int_equal(take(&bench, &session, text, sizeof text), sizeof text);
    assert_true(session.partial.kept <= QUARANTINE_KEEP_OVERSIZED_MAX);
    take(&bench, &session, "\n{}\n", 4);
    assert_int_equal(bench.batch.run_count, 2);
    assert_int_equal(bench.batch.runs[0].reason, REJECT_OVERSIZED);
    assert_int_equal(bench.batch.runs[0].record_size, 5000000);
    assert_int_equal(bench.batch.runs[0].size, QUARANTINE_KEEP_OVERSIZED_MAX + 1);
    assert_memory_equal(bench.batch.raw, text, sizeof text);
    batch_check(&bench.batch);
    assert_int_equal(bench.batch.counts.stored, 1);
    assert_int_equal(bench.batch.counts.rejected, 1);
    bench_close(&bench);
}

static void bytes_that_do_not_fit_go_into_the_next_batch(void **state) {
    (void)state;
    struct bench bench;
    struct session session = {.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 64 << 10);
    static char line[101];
    make_line(line, 100);
    line[100] = '\n';
    uint64_t lines = 0;
    for (int batches = 0; batches < 3;) {
        /* In two parts, so that the line that does not fit is also an unfinished one. */
        const size_t half = take(&bench, &session, line, 50);
        if (half == 50 && take(&bench, &session, line + 50, 51) == 51) {
            lines++;
            continue;
        }
        batches++;
        batch_check(&bench.batch);
        assert_int_equal(bench.batch.counts.stored, bench.batch.raw_size / 101);
        batch_reset(&bench.batch, &bench.rules);
        assert_int_equal(half, 50);
        assert_int_equal(take(&bench, &session, line + 50, 51), 51);
        lines++;
    }
    assert_true(lines > 3 * (BATCH_BYTES_MIN / 101) - 3);
    bench_close(&bench);
}

static void when_memory_is_full_the_longest_unfinished_line_is_rejected(void **state) {
    (void)state;
    struct bench bench;
    enum { SHORT = 20 };
    struct session longest = {.protocol = &protocol_newline}, shorts[SHORT];
    for (int i = 0; i < SHORT; i++)
        shorts[i] = (struct session){.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 26 * sizeof(struct line_chunk));
    static char text[7 * LINE_CHUNK_BYTES];
    make_line(text, sizeof text);
    take(&bench, &longest, text, sizeof text - 1);
    for (int i = 0; i < SHORT; i++)
        take(&bench, &shorts[i], "{\"a\":", 5);
    assert_int_equal(longest.partial.set_aside, REJECT_LINE_MEMORY);
    for (int i = 0; i < SHORT; i++)
        take(&bench, &shorts[i], "1}\n", 3);
    take(&bench, &longest, "}\n", 2);
    batch_check(&bench.batch);
    assert_int_equal(bench.batch.counts.stored, SHORT);
    assert_int_equal(bench.batch.counts.reasons[REJECT_LINE_MEMORY], 1);
    bench_close(&bench);
}

static void when_all_unfinished_lines_are_short_one_is_rejected_and_none_waits(void **state) {
    (void)state;
    struct bench bench;
    enum { MANY = 64 };
    struct session many[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = (struct session){.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 16 * sizeof(struct line_chunk));
    for (int i = 0; i < MANY; i++)
        take(&bench, &many[i], "{\"a\":", 5);
    for (int i = 0; i < MANY; i++)
        take(&bench, &many[i], "1}\n", 3);
    batch_check(&bench.batch);
    assert_int_equal(bench.batch.counts.records, MANY);
    assert_int_equal(bench.batch.counts.stored, 16);
    assert_int_equal(bench.batch.counts.reasons[REJECT_LINE_MEMORY], MANY - 16);
    bench_close(&bench);
}

/* Random streams, split at random, on many connections with little memory: every line is counted as
 * one record, whether stored or rejected. */
static void every_line_is_counted_as_one_record(void **state) {
    (void)state;
    const char *given = system_environment("LOGPORT_TEST_SEED");
    const unsigned seed = given ? (unsigned)atoi(given) : (unsigned)system_process_id();
    srand(seed);
    print_message("seed %u\n", seed);
    enum { CONNECTIONS = 40 };
    struct bench bench;
    struct session sessions[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        sessions[i] = (struct session){.protocol = &protocol_newline};
    bench_open(&bench, LINE_MAX, 48 * sizeof(struct line_chunk));
    static char line[3 * LINE_MAX];
    uint64_t lines = 0, records = 0;
    for (int turn = 0; turn < 20000; turn++) {
        struct session *session = &sessions[rand() % CONNECTIONS];
        size_t size = (size_t)(rand() % 5 ? rand() % 300 : rand() % (2 * LINE_MAX)) + 8;
        make_line(line, size);
        if (rand() % 2) {
            line[size++] = '\n';
            lines++;
        }
        for (size_t at = 0; at < size;) {
            at += take(&bench, session, line + at, size - at);
            if (at == size) break;
            batch_check(&bench.batch);
            records += bench.batch.counts.records;
            batch_reset(&bench.batch, &bench.rules);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        lines += sessions[i].partial.size > 0;
        while (!session_end(&sessions[i], &bench.sink)) {
            batch_check(&bench.batch);
            records += bench.batch.counts.records;
            batch_reset(&bench.batch, &bench.rules);
        }
    }
    batch_check(&bench.batch);
    records += bench.batch.counts.records;
    assert_int_equal(records, lines);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_the_stream_is_split_the_lines_are_the_same),
        cmocka_unit_test(an_unfinished_line_waits_and_becomes_a_record_at_the_end),
        cmocka_unit_test(a_line_at_the_limit_is_stored_and_one_byte_more_is_oversized),
        cmocka_unit_test(an_oversized_line_keeps_its_head_and_size_and_the_next_line_is_stored),
        cmocka_unit_test(bytes_that_do_not_fit_go_into_the_next_batch),
        cmocka_unit_test(when_memory_is_full_the_longest_unfinished_line_is_rejected),
        cmocka_unit_test(when_all_unfinished_lines_are_short_one_is_rejected_and_none_waits),
        cmocka_unit_test(every_line_is_counted_as_one_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
