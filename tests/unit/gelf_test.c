/* gelf_test.c - messages of GELF are put together from chunks in any order, and decompressed; memory
 * and expansion are bounded, and each message that is lost is one rejected record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/protocol/gelf.h"
#include "ingest/protocol/inflate.h"
#include "ingest/protocol/unpack.h"

#define LINE_MAX    (1u << 20)
#define MESSAGE_MAX (LINE_MAX + 2048)
#define SECOND      INT64_C(1000000000)

static const struct batch_listener listeners[] = {{.name = "udp=test"}};
static _Atomic int64_t budget = INT64_C(1) << 50;
static const struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};

struct bench {
    struct gelf gelf;
    struct line_memory memory;
    struct batch batch;
    struct batch_origin origin;
    struct sink sink;
    uint64_t reasons[REJECT_REASONS];
    char stored[1 << 16];
    size_t stored_size;
    const uint8_t *whole;
    size_t whole_size;
};

static struct bench *bench_open(void) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    assert_int_equal(gelf_create(MESSAGE_MAX, 7, &bench->gelf), 0);
    assert_int_equal(line_memory_create(2 << 20, &bench->memory), 0);
    assert_int_equal(batch_create(LINE_MAX, &bench->batch), 0);
    batch_reset(&bench->batch, &batch_rules);
    bench->origin = (struct batch_origin){.received_ns = 1, .peer = {.family = 4, .port = 7}};
    bench->sink = (struct sink){.batch = &bench->batch,
                                .origin = &bench->origin,
                                .memory = &bench->memory,
                                .line_bytes_max = LINE_MAX};
    return bench;
}

static void drain(struct bench *bench) {
    batch_check(&bench->batch);
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        bench->reasons[i] += bench->batch.counts.reasons[i];
    const size_t size = bench->batch.stored_size;
    assert_true(size < sizeof bench->stored - bench->stored_size);
    memcpy(bench->stored + bench->stored_size, bench->batch.raw, size);
    bench->stored_size += size;
    batch_reset(&bench->batch, &batch_rules);
}

static void bench_close(struct bench *bench) {
    batch_free(&bench->batch);
    line_memory_free(&bench->memory);
    gelf_free(&bench->gelf);
    free(bench);
}

static void take(struct bench *bench, int64_t now_ns, const void *bytes, size_t size) {
    while (!gelf_take(&bench->gelf, &bench->sink, now_ns, bytes, size, &bench->whole,
                      &bench->whole_size))
        drain(bench);
}

static void chunk(struct bench *bench, int64_t now_ns, uint64_t id, uint8_t number, uint8_t count,
                  const void *part, size_t size) {
    static uint8_t bytes[GELF_HEADER_BYTES + (64 << 10)] = {0x1E, 0x0F};
    memcpy(bytes + 2, &id, 8);
    bytes[10] = number;
    bytes[11] = count;
    memcpy(bytes + GELF_HEADER_BYTES, part, size);
    take(bench, now_ns, bytes, GELF_HEADER_BYTES + size);
}

static void text_chunk(struct bench *bench, int64_t now_ns, uint64_t id, uint8_t number,
                       uint8_t count, const char *part) {
    chunk(bench, now_ns, id, number, count, part, strlen(part));
}

static void is_whole(struct bench *bench, const char *text) {
    assert_non_null(bench->whole);
    assert_int_equal(bench->whole_size, strlen(text));
    assert_memory_equal(bench->whole, text, strlen(text));
}

static uint64_t rejected(struct bench *bench) {
    uint64_t sum = 0;
    drain(bench);
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        sum += bench->reasons[i];
    return sum;
}

static void expire_all(struct bench *bench) {
    while (!gelf_expire(&bench->gelf, &bench->sink, INT64_MAX))
        drain(bench);
}

/* Nothing is held, and all blocks are free. */
static void is_empty(struct bench *bench) {
    assert_int_equal(gelf_due_ns(&bench->gelf), INT64_MAX);
    assert_int_equal(bench->gelf.blocks_free, GELF_BLOCKS);
    for (uint32_t i = 0; i <= GELF_PEER_BLOCKS; i++)
        assert_null(bench->gelf.holders[i]);
}

static void one_of_one_needs_no_memory(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, 0, 1, 0, 1, "{}");
    is_whole(bench, "{}");
    is_empty(bench);
    assert_int_equal(rejected(bench), 0);
    bench_close(bench);
}

static void chunks_out_of_order_and_repeated_are_one_message(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, 0, 1, 2, 3, "c");
    text_chunk(bench, 0, 2, 1, 2, "y"); /* of another */
    text_chunk(bench, 0, 1, 2, 3, "c");
    text_chunk(bench, 0, 1, 0, 3, "a");
    assert_null(bench->whole);
    text_chunk(bench, 0, 1, 1, 3, "b");
    is_whole(bench, "abc");
    text_chunk(bench, 0, 1, 1, 3, "b"); /* repeated after the end */
    assert_null(bench->whole);
    text_chunk(bench, 0, 2, 0, 2, "");
    is_whole(bench, "y");
    assert_int_equal(bench->gelf.ignored, 2);
    is_empty(bench);
    assert_int_equal(rejected(bench), 0);
    bench_close(bench);
}

static void parts_of_all_sizes_and_128_chunks(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    static const size_t sizes[] = {0,
                                   1,
                                   GELF_BLOCK_BYTES - 1,
                                   GELF_BLOCK_BYTES,
                                   GELF_BLOCK_BYTES + 1,
                                   8192,
                                   2 * GELF_BLOCK_BYTES};
    static uint8_t parts[GELF_CHUNKS_MAX][8192], all[MESSAGE_MAX];
    size_t size = 0;
    for (uint32_t i = 0; i < GELF_CHUNKS_MAX; i++) {
        const size_t part = sizes[i % 7];
        memset(parts[i], 'a' + (int)(i % 26), part);
        memcpy(all + size, parts[i], part);
        size += part;
    }
    for (uint32_t i = 0; i < GELF_CHUNKS_MAX; i++) { /* 37 and 128 have no common divisor */
        const uint8_t n = (uint8_t)(i * 37 % GELF_CHUNKS_MAX);
        chunk(bench, 0, 1, n, GELF_CHUNKS_MAX, parts[n], sizes[n % 7]);
    }
    assert_non_null(bench->whole);
    assert_int_equal(bench->whole_size, size);
    assert_memory_equal(bench->whole, all, size);
    is_empty(bench);
    bench_close(bench);
}

static void messages_are_told_apart_by_ip_address_and_not_by_port(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, 0, 1, 0, 2, "a");
    bench->origin.peer.ip[3] = 9;
    text_chunk(bench, 0, 1, 0, 2, "x");
    text_chunk(bench, 0, 1, 1, 2, "y");
    is_whole(bench, "xy");
    bench->origin.peer.ip[3] = 0;
    bench->origin.peer.port = 8;
    text_chunk(bench, 0, 1, 1, 2, "b");
    is_whole(bench, "ab");
    bench_close(bench);
}

static void a_message_must_be_complete_within_5_s(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, SECOND, 1, 0, 2, "a");
    text_chunk(bench, SECOND + 1, 2, 0, 2, "b");
    assert_int_equal(gelf_due_ns(&bench->gelf), 6 * SECOND);
    assert_true(gelf_expire(&bench->gelf, &bench->sink, 6 * SECOND - 1));
    assert_int_equal(rejected(bench), 0);
    text_chunk(bench, 6 * SECOND, 1, 1, 2, "a"); /* too late, and part of what was rejected */
    assert_null(bench->whole);
    text_chunk(bench, 6 * SECOND, 2, 1, 2, "b"); /* just in time */
    is_whole(bench, "bb");
    assert_int_equal(rejected(bench), 1);
    assert_int_equal(bench->reasons[REJECT_GELF_INCOMPLETE], 1);
    /* An ID may be used again when it was forgotten. */
    assert_true(gelf_expire(&bench->gelf, &bench->sink, 11 * SECOND));
    text_chunk(bench, 11 * SECOND, 1, 0, 2, "c");
    text_chunk(bench, 11 * SECOND, 1, 1, 2, "d");
    is_whole(bench, "cd");
    is_empty(bench);
    bench_close(bench);
}

static void invalid_headers_are_rejected(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    take(bench, 0, "\x1E\x0F", 2);
    take(bench, 0,
         "\x1E\x0F"
         "12345678\0",
         11);
    text_chunk(bench, 0, 1, 0, 0, "a");
    text_chunk(bench, 0, 1, 2, 2, "a");
    text_chunk(bench, 0, 1, 0, 129, "a");
    text_chunk(bench, 0, 1, 0, 2, "a");
    text_chunk(bench, 0, 1, 1, 3, "a"); /* another count than before */
    assert_null(bench->whole);
    assert_int_equal(rejected(bench), 6);
    assert_int_equal(bench->reasons[REJECT_GELF_CHUNK], 6);
    text_chunk(bench, 0, 1, 1, 2, "b");
    is_whole(bench, "ab");
    bench_close(bench);
}

static void a_message_longer_than_the_limit_is_rejected_once(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    static const uint8_t part[60000];
    for (uint8_t i = 0; i < 100; i++)
        chunk(bench, 0, 1, i, 100, part, sizeof part);
    assert_null(bench->whole);
    assert_int_equal(rejected(bench), 1);
    assert_int_equal(bench->reasons[REJECT_OVERSIZED], 1);
    is_empty(bench);
    bench_close(bench);
}

/* Whatever line_bytes_max is: the reason names its size, not that memory was used up. */
static void a_message_longer_than_a_peer_may_hold_is_oversized(void **state) {
    (void)state;
    enum { PART = 32 * GELF_BLOCK_BYTES, PARTS = GELF_PEER_BLOCKS / 32 };
    static uint8_t part[PART];
    struct bench *bench = bench_open();
    gelf_free(&bench->gelf);
    assert_int_equal(gelf_create(8 << 20, 7, &bench->gelf), 0);
    for (uint8_t number = 0; number < PARTS; number++)
        chunk(bench, 0, 1, number, PARTS, part, PART);
    assert_non_null(bench->whole);
    assert_int_equal(bench->whole_size, PARTS * PART);
    for (uint8_t number = 0; number < PARTS + 1; number++)
        chunk(bench, 0, 2, number, PARTS + 1, part, number < PARTS ? PART : 1);
    assert_null(bench->whole);
    drain(bench);
    assert_int_equal(bench->reasons[REJECT_OVERSIZED], 1);
    assert_int_equal(rejected(bench), 1);
    is_empty(bench);
    bench_close(bench);
}

static void one_peer_cannot_use_all_memory(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, 0, 1, 0, 2, "first ");
    bench->origin.peer.ip[3] = 66;
    for (uint64_t id = 0; id < 100000; id++) {
        text_chunk(bench, 0, id, 0, 2, "x");
        assert_true(bench->gelf.blocks_free >= GELF_BLOCKS - GELF_PEER_BLOCKS - 1);
    }
    bench->origin.peer.ip[3] = 0;
    text_chunk(bench, 0, 1, 1, 2, "message");
    is_whole(bench, "first message");
    expire_all(bench);
    assert_int_equal(rejected(bench), 100000);
    assert_int_equal(bench->reasons[REJECT_GELF_INCOMPLETE], GELF_PEER_BLOCKS);
    assert_int_equal(bench->reasons[REJECT_GELF_MEMORY], 100000 - GELF_PEER_BLOCKS);
    is_empty(bench);
    bench_close(bench);
}

static void when_memory_is_full_the_peer_that_holds_the_most_gives_way(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    text_chunk(bench, 0, 1, 0, 2, "first ");
    for (uint32_t i = 0; i < 50000; i++) {
        bench->origin.peer.ip[3] = (uint8_t)(1 + i % 6);
        text_chunk(bench, 0, i, 0, 2, "x");
    }
    assert_int_equal(bench->gelf.blocks_free, 0);
    bench->origin.peer.ip[3] = 0;
    text_chunk(bench, 0, 1, 1, 2, "message");
    is_whole(bench, "first message");
    expire_all(bench);
    assert_int_equal(rejected(bench), 50000);
    is_empty(bench);
    bench_close(bench);
}

/* What one ID does, by the rules of gelf.h and nothing else. */
struct model {
    int64_t since_ns;
    uint32_t seen;
    bool unfinished, ended;
};

static void random_chunks_are_complete_ignored_or_rejected_as_a_model_says(void **state) {
    (void)state;
    enum { IDS = 512 };
    struct bench *bench = bench_open();
    static struct model models[IDS];
    uint64_t random = 88172645463325252, complete = 0, incomplete = 0, ignored = 0;
    int64_t now_ns = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        const uint32_t id = (uint32_t)(random % IDS);
        const uint8_t count = (uint8_t)(2 + id % 9), number = (uint8_t)((random >> 20) % count);
        struct model *model = &models[id];
        now_ns += (int64_t)((random >> 32) % (20 * 1000 * 1000));
        for (uint32_t other = 0; other < IDS; other++) {
            struct model *m = &models[other];
            if (m->ended && m->since_ns <= now_ns - GELF_TIMEOUT_NS) *m = (struct model){0};
            if (m->unfinished && m->since_ns <= now_ns - GELF_TIMEOUT_NS) {
                *m = (struct model){.ended = true, .since_ns = now_ns};
                incomplete++;
            }
        }
        bench->origin.peer.ip[0] = (uint8_t)(id % 7);
        text_chunk(bench, now_ns, id, number, count, "part");
        if (model->ended || (model->seen >> number & 1)) {
            ignored++;
        } else {
            if (!model->unfinished) *model = (struct model){.unfinished = true, .since_ns = now_ns};
            model->seen |= 1u << number;
        }
        const bool is_complete = model->unfinished && model->seen == (1u << count) - 1;
        assert_int_equal(bench->whole != NULL, is_complete);
        if (is_complete) {
            assert_int_equal(bench->whole_size, 4u * count);
            *model = (struct model){.ended = true, .since_ns = now_ns};
            complete++;
        }
    }
    assert_int_equal(bench->gelf.ignored, ignored);
    assert_int_equal(rejected(bench), incomplete);
    assert_int_equal(bench->reasons[REJECT_GELF_INCOMPLETE], incomplete);
    assert_true(complete > 1000 && incomplete > 1000 && ignored > 1000);
    bench_close(bench);
}

/* ---- decompression ---- */

/* {"a":1} as zlib writes it, with and without a gzip header. */
static const uint8_t zlib_data[] = {0x78, 0x9c, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32,
                                    0xac, 0x05, 0x00, 0x08, 0x2a, 0x02, 0x09};

static void give(struct bench *bench, struct unpack *unpack) {
    for (;;) {
        while (!unpack_give(unpack, &protocol_detect, &bench->sink))
            drain(bench);
        if (!unpack_left(unpack)) return;
        unpack_run(unpack);
    }
}

static void zlib_is_recognized_by_its_check(void **state) {
    (void)state;
    uint32_t recognized = 0;
    if (!inflate_library()) skip();
    for (uint32_t head = 0; head < 65536; head++) {
        const uint8_t bytes[2] = {(uint8_t)(head >> 8), (uint8_t)head};
        recognized += unpack_begins(bytes, 2);
    }
    /* RFC 1950: 8 windows, 4 levels; and gzip. */
    assert_int_equal(recognized, 8 * 4 + 1);
    assert_true(unpack_begins((const uint8_t *)"\x78\x01", 2));
    assert_true(unpack_begins((const uint8_t *)"\x78\x5E", 2));
    assert_true(unpack_begins((const uint8_t *)"\x78\x9C", 2));
    assert_true(unpack_begins((const uint8_t *)"\x78\xDA", 2));
    assert_false(unpack_begins((const uint8_t *)"\x78\x9C", 1));
    assert_false(unpack_begins((const uint8_t *)"{\"", 2));
}

static void compressed_messages_are_given_as_datagrams(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    struct unpack unpack;
    if (!inflate_library()) skip();
    assert_int_equal(unpack_create(LINE_MAX, &unpack), 0);
    uint32_t added = 0;
    while (unpack_add(&unpack, &bench->origin, zlib_data, sizeof zlib_data))
        added++;
    assert_int_equal(added, UNPACK_MESSAGES_MAX);
    give(bench, &unpack);
    drain(bench);
    assert_int_equal(bench->stored_size, added * strlen("{\"a\":1}\n"));
    assert_memory_equal(bench->stored, "{\"a\":1}\n{\"a\":1}\n", 16);
    assert_int_equal(rejected(bench), 0);
    unpack_free(&unpack);
    bench_close(bench);
}

static void damaged_data_is_rejected_and_text_is_text(void **state) {
    (void)state;
    struct bench *bench = bench_open();
    struct unpack unpack;
    uint8_t bytes[sizeof zlib_data + 1];
    if (!inflate_library()) skip();
    assert_int_equal(unpack_create(LINE_MAX, &unpack), 0);
    for (size_t size = 2; size < sizeof zlib_data; size++)
        assert_true(unpack_add(&unpack, &bench->origin, zlib_data, size));
    memcpy(bytes, zlib_data, sizeof zlib_data);
    bytes[sizeof zlib_data] = 'x';
    assert_true(unpack_add(&unpack, &bench->origin, bytes, sizeof bytes));
    bytes[sizeof zlib_data - 1] ^= 1;
    assert_true(unpack_add(&unpack, &bench->origin, bytes, sizeof zlib_data));
    assert_true(unpack_add(&unpack, &bench->origin, (const uint8_t *)"x^2", 3));
    give(bench, &unpack);
    const uint64_t damaged = sizeof zlib_data - 2 + 2;
    assert_int_equal(rejected(bench), damaged + 1);
    assert_int_equal(bench->reasons[REJECT_INFLATE], damaged);
    assert_int_equal(bench->stored_size, 0);
    unpack_free(&unpack);
    bench_close(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_one_needs_no_memory),
        cmocka_unit_test(chunks_out_of_order_and_repeated_are_one_message),
        cmocka_unit_test(parts_of_all_sizes_and_128_chunks),
        cmocka_unit_test(messages_are_told_apart_by_ip_address_and_not_by_port),
        cmocka_unit_test(a_message_must_be_complete_within_5_s),
        cmocka_unit_test(invalid_headers_are_rejected),
        cmocka_unit_test(a_message_longer_than_the_limit_is_rejected_once),
        cmocka_unit_test(a_message_longer_than_a_peer_may_hold_is_oversized),
        cmocka_unit_test(one_peer_cannot_use_all_memory),
        cmocka_unit_test(when_memory_is_full_the_peer_that_holds_the_most_gives_way),
        cmocka_unit_test(random_chunks_are_complete_ignored_or_rejected_as_a_model_says),
        cmocka_unit_test(zlib_is_recognized_by_its_check),
        cmocka_unit_test(compressed_messages_are_given_as_datagrams),
        cmocka_unit_test(damaged_data_is_rejected_and_text_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
