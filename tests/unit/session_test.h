/* session_test.h - what unit tests of protocols that acknowledge and compress share: a bench, and
 * sessions on it. */
#ifndef TESTS_UNIT_SESSION_TEST_H
#define TESTS_UNIT_SESSION_TEST_H

#include "tests/unit/sink_bench.h"

#include "tests/unit/session_bench.h"

#define LINE_MAX   400
/* A text with zeros in it. */
#define TEXT(text) (text), sizeof(text) - 1

static struct bench bench;
static struct seen whole, pieces;
static struct inflater *inflater;

static struct run new_run(struct seen *seen) {
    return (struct run){.rules = &bench.rules,
                        .sink = bench.sink,
                        .acks = &bench.acks,
                        .inflater = inflater,
                        .piece_max = 1 << 16,
                        .seen = seen};
}

static int open_bench(void **state) {
    (void)state;
    bench_open(&bench, LINE_MAX, 256 << 10);
    bench.sink.acks = &bench.acks;
    inflater = inflate_create();
    return inflater ? 0 : -1;
}

static int close_bench(void **state) {
    (void)state;
    inflate_free(inflater);
    bench_close(&bench);
    return 0;
}

#endif
