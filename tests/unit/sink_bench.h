/* sink_bench.h - shared by the tests of protocols: a sink with a batch and line memory of its own. */
#ifndef TESTS_UNIT_SINK_BENCH_H
#define TESTS_UNIT_SINK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/protocol/protocol.h"

struct bench {
    _Atomic int64_t reject_budget;
    struct batch_rules rules;
    struct batch_origin origin;
    struct line_memory memory;
    struct batch batch;
    struct sink sink;
    struct acks acks; /* for tests that set sink.acks */
};

/* The bench stays where it is until bench_close. */
static inline void bench_open(struct bench *bench, uint32_t line_max, uint32_t memory_bytes) {
    static const struct batch_listener listeners[] = {{.name = "tcp=test"}};
    memset(bench, 0, sizeof *bench);
    bench->reject_budget = INT64_C(1) << 50;
    bench->rules = (struct batch_rules){
        .listeners = listeners, .line_bytes_max = line_max, .reject_budget = &bench->reject_budget};
    bench->origin = (struct batch_origin){.received_ns = 1, .peer = {.family = 4, .port = 7}};
    assert_int_equal(line_memory_create(memory_bytes, &bench->memory), 0);
    assert_int_equal(batch_create(line_max, &bench->batch), 0);
    batch_reset(&bench->batch, &bench->rules);
    bench->sink = (struct sink){.batch = &bench->batch,
                                .origin = &bench->origin,
                                .memory = &bench->memory,
                                .line_bytes_max = line_max};
}

/* No partial may hold line memory any more. */
static inline void bench_close(struct bench *bench) {
    for (uint32_t i = 0; i <= bench->memory.chunk_count; i++)
        assert_null(bench->memory.holders[i]);
    batch_free(&bench->batch);
    line_memory_free(&bench->memory);
}

#endif
