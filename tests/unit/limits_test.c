/* limits_test.c - a record of line_bytes_max is taken and a longer one is oversized, in every protocol,
 * however the bytes are cut, whatever is added to records, and whatever the limit is: also where it is
 * what decides the size of a batch. */
#include "tests/unit/sink_bench.h"
#include "writer/live/stamp.h"

#define MIB (1u << 20)

static struct batch_listener listeners[] = {{.name = "tcp=test"}};

/* What is before and after a record; "%u": its length, with `counted` bytes of what is after it. */
static const struct framing {
    const char *protocol, *before, *after;
    uint32_t after_size, counted;
} framings[] = {
    {"newline", "", "\n", 1, 0},
    {"newline", "", "\r\n", 2, 0},
    {"nul", "", "\0", 1, 0},
    {"nul", "", "\n\0", 2, 0},
    {"nul", "", "\r\n\0", 3, 0},
    {"json-seq", "\x1E", "\n", 1, 0},
    {"json-seq", "\x1E", "\r\n", 2, 0},
    {"octet-counting", "%u ", "", 0, 0},
    {"octet-counting", "%u ", "\n", 1, 0},
    {"octet-counting", "%u ", "\n", 1, 1},
    {"octet-counting", "%u ", "\r\n", 2, 2},
    {"concatenated", "", "", 0, 0},
    {"concatenated", "", "\n", 1, 0},
    {"auto", "", "\n", 1, 0},
    {"auto", "", "\r\n\0", 3, 0},
    {"auto", "", "", 0, 0},
    {"auto", "%u ", "\r\n", 2, 2},
    {"auto", "\x1E", "\r\n", 2, 0},
};

struct taken {
    uint64_t records, stored, oversized;
};

static void empty(struct bench *bench, struct taken *taken) {
    struct batch *batch = &bench->batch;
    struct batch_growth growth = {0};
    batch_check(batch);
    batch_pack(batch);
    taken->records += batch->counts.records;
    taken->stored += batch->counts.stored;
    taken->oversized += batch->counts.reasons[REJECT_OVERSIZED];
    batch_reset(batch, &bench->rules);
    batch_growth_add(&growth, &listeners[0]);
    batch_limit(batch, batch->raw_max, growth);
}

static void give(struct bench *bench, struct session *session, struct taken *taken,
                 const uint8_t *bytes, size_t size) {
    uint32_t idle = 0; /* calls in a row that took nothing; the second has an empty batch */
    for (size_t at = 0; at < size;) {
        const size_t part = session_take(session, &bench->sink, bytes + at, size - at);
        idle = part == 0 ? idle + 1 : 0;
        assert_true(part <= size - at && idle < 2);
        at += part;
        if (at < size) empty(bench, taken);
    }
}

/* An object of this size, {"a":"xxx..."}, with `newlines` raw newlines in its string. */
static uint8_t *write_object(uint8_t *out, size_t size, size_t newlines) {
    memcpy(out, "{\"a\":\"", 6);
    memset(out + 6, 'x', size - 8);
    memset(out + 6, '\n', newlines);
    memcpy(out + size - 2, "\"}", 2);
    return out + size;
}

/* Two records, so that one is not the first of a batch. */
static size_t write_two(uint8_t *out, const struct framing *framing, size_t size, size_t newlines) {
    uint8_t *at = out;
    for (int i = 0; i < 2; i++) {
        if (framing->before[0] == '%')
            at += sprintf((char *)at, "%u ", (unsigned)size + framing->counted);
        else if (framing->before[0] != '\0')
            *at++ = (uint8_t)framing->before[0];
        at = write_object(at, size, newlines);
        memcpy(at, framing->after, framing->after_size);
        at += framing->after_size;
    }
    return (size_t)(at - out);
}

static struct taken take(struct bench *bench, const char *protocol, const uint8_t *bytes,
                         size_t size, size_t piece) {
    struct session session;
    struct taken taken;
    empty(bench, &taken);
    taken = (struct taken){0};
    session_begin(&session, protocol_find(protocol));
    for (size_t at = 0; at < size; at += piece)
        give(bench, &session, &taken, bytes + at, size - at < piece ? size - at : piece);
    for (int tries = 0; !session_end(&session, &bench->sink); tries++) {
        assert_true(tries < 2);
        empty(bench, &taken);
    }
    empty(bench, &taken);
    return taken;
}

static void check(struct bench *bench, uint8_t *bytes, uint32_t line_max) {
    static const size_t pieces[] = {65536, 4099};
    for (size_t f = 0; f < sizeof framings / sizeof *framings; f++)
        for (uint32_t size = line_max - 1; size <= line_max + 2; size++) {
            const size_t whole = write_two(bytes, &framings[f], size, 0);
            const struct taken taken =
                take(bench, framings[f].protocol, bytes, whole, pieces[(f + size) % 2]);
            const uint64_t fit = size <= line_max ? 2 : 0;
            if (taken.records != 2 || taken.stored != fit || taken.oversized != 2 - fit)
                fail_msg("%s, framing %d, limit %u, record %u: %d records, %d stored",
                         framings[f].protocol, (int)f, line_max, size, (int)taken.records,
                         (int)taken.stored);
        }
}

static const uint32_t limits[] = {64, MIB - 2, MIB - 1, MIB, MIB + 1, 4 * MIB - 64};

static void check_limits(uint32_t stamps, bool wrap) {
    uint8_t *bytes = malloc(2 * (4 * MIB + 64));
    listeners[0] = (struct batch_listener){
        .name = "tcp=test", .stamps = stamps, .wrap = wrap, .syslog_fields = wrap};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct bench bench;
        if (stamps && limits[i] > 4 * MIB - 2000) continue; /* stamp_test.c */
        bench_open(&bench, limits[i], 8 * MIB);
        bench.rules.listeners = listeners;
        check(&bench, bytes, limits[i]);
        bench_close(&bench);
    }
    free(bytes);
}

static void a_record_is_taken_up_to_the_limit(void **state) {
    (void)state;
    check_limits(0, false);
}

static void also_if_text_is_wrapped_and_records_are_stamped(void **state) {
    (void)state;
    check_limits(STAMP_PEER | STAMP_SEQ, true);
}

/* Newlines in strings become two bytes. */
static void what_is_escaped_counts(void **state) {
    (void)state;
    static const struct framing nul = {"nul", "", "\0", 1, 0};
    uint8_t *bytes = malloc(2 * (4 * MIB + 64));
    listeners[0] = (struct batch_listener){.name = "tcp=test"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct bench bench;
        bench_open(&bench, limits[i], 8 * MIB);
        bench.rules.listeners = listeners;
        const size_t counts[] = {1, 5, (limits[i] - 9) / 2};
        for (size_t n = 0; n < 3; n++)
            for (size_t size = limits[i] - counts[n] - 1; size <= limits[i] - counts[n] + 1;
                 size++) {
                const size_t whole = write_two(bytes, &nul, size, counts[n]);
                const struct taken taken = take(&bench, "nul", bytes, whole, 60000);
                const uint64_t fit = size + counts[n] <= limits[i] ? 2 : 0;
                assert_int_equal(taken.stored, fit);
                assert_int_equal(taken.oversized, 2 - fit);
            }
        bench_close(&bench);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_taken_up_to_the_limit),
        cmocka_unit_test(also_if_text_is_wrapped_and_records_are_stamped),
        cmocka_unit_test(what_is_escaped_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
