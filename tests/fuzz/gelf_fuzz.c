/* gelf_fuzz.c - random chunks, times and compressed data: every message becomes complete or one
 * rejected record, and all memory is free at the end.
 *
 * Each operation is a byte that says what to do and how many of the following bytes belong to it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/gelf.h"
#include "ingest/protocol/inflate.h"
#include "ingest/protocol/unpack.h"

#define LINE_MAX 300

static const struct batch_listener listeners[] = {{.name = "udp=fuzz"}};
static _Atomic int64_t budget;
static const struct batch_rules batch_rules = {
    .listeners = listeners, .line_bytes_max = LINE_MAX, .reject_budget = &budget};
static struct batch_origin origin = {.received_ns = 1, .peer = {.family = 4}};

struct bench {
    struct gelf gelf;
    struct unpack unpack;
    struct line_memory memory;
    struct batch batch;
    struct sink sink;
    int64_t now_ns;
};

static void drain(struct bench *bench) {
    batch_check(&bench->batch);
    batch_reset(&bench->batch, &batch_rules);
}

static void unpack_all(struct bench *bench) {
    for (;;) { /* ends: each run takes at least one message */
        while (!unpack_give(&bench->unpack, &protocol_detect, &bench->sink))
            drain(bench);
        if (!unpack_left(&bench->unpack)) return;
        unpack_run(&bench->unpack);
        assert(bench->unpack.out_used <= bench->unpack.out_max);
    }
}

static void compressed(struct bench *bench, const uint8_t *bytes, size_t size) {
    if (!unpack_begins(bytes, size)) return;
    if (!unpack_add(&bench->unpack, &origin, bytes, size)) {
        unpack_all(bench);
        const bool added = unpack_add(&bench->unpack, &origin, bytes, size);
        assert(added);
    }
}

/* In a piece of its own, so that a read after its end is found. */
static void datagram(struct bench *bench, const uint8_t *bytes, size_t size) {
    uint8_t *piece = malloc(size + 2);
    const uint8_t *whole;
    size_t whole_size = 0;
    assert(piece);
    memcpy(piece, "\x1E\x0F", 2);
    memcpy(piece + 2, bytes, size);
    while (
        !gelf_take(&bench->gelf, &bench->sink, bench->now_ns, piece, size + 2, &whole, &whole_size))
        drain(bench);
    assert(whole_size <= bench->gelf.message_max);
    if (whole) compressed(bench, whole, whole_size);
    free(piece);
}

static void open_bench(struct bench *bench) {
    int error = line_memory_create(64 << 10, &bench->memory);
    if (!error) error = batch_create(LINE_MAX, &bench->batch);
    if (!error) error = gelf_create(unpack_message_max(LINE_MAX), 1, &bench->gelf);
    if (!error) error = unpack_create(LINE_MAX, &bench->unpack);
    assert(!error);
    bench->sink = (struct sink){.batch = &bench->batch,
                                .origin = &origin,
                                .memory = &bench->memory,
                                .line_bytes_max = LINE_MAX};
    batch_reset(&bench->batch, &batch_rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bench bench;
    if (!bench.memory.chunks) open_bench(&bench);
    budget = INT64_C(1) << 40;
    while (size > 1) {
        const uint8_t what = data[0];
        const size_t length = data[1] < size - 2 ? data[1] : size - 2;
        const uint8_t *bytes = data + 2;
        data += 2 + length;
        size -= 2 + length;
        origin.peer.ip[0] = what >> 6;
        if (what & 1) bench.now_ns += (int64_t)(what & 0x3E) * 100000000;
        if (what & 2)
            compressed(&bench, bytes, length);
        else
            datagram(&bench, bytes, length);
    }
    unpack_all(&bench);
    bench.now_ns += 2 * GELF_TIMEOUT_NS;
    for (int i = 0; i < 2; i++) { /* what was unfinished has ended, and then is forgotten */
        while (!gelf_expire(&bench.gelf, &bench.sink, bench.now_ns))
            drain(&bench);
        bench.now_ns += 2 * GELF_TIMEOUT_NS;
    }
    drain(&bench);
    assert(bench.gelf.blocks_free == GELF_BLOCKS && !bench.gelf.ended.first);
    for (uint32_t i = 0; i <= bench.memory.chunk_count; i++)
        assert(!bench.memory.holders[i]);
    return 0;
}
