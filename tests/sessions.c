/* sessions.c - takes sessions of the protocols on stdin, one per line, and prints one line for each:
 * what became of its records, so that tests/e2e/test_framing_model.py can compare thousands of them
 * with a model.  Fields are separated by tabs; bytes are hexadecimal.
 *
 *   PROTOCOL LINE_MAX ROOM SEED BYTES
 *
 * PROTOCOL: also with "+", if headers of syslog are added and text is wrapped.  ROOM: 0, or the batch
 * takes so many bytes.  SEED: 0: all bytes at once; 1: one by one; otherwise
 * pieces of random sizes; "d": a datagram.
 *
 *   PROTOCOL-IT-BECAME REFUSED STORED-BYTES REASON=COUNT... */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/protocol.h"
#include "port/system.h"

#define LINE_MAX_BYTES (8 << 20)
#define RECORD_MAX     (64 << 10)

static struct batch_listener listeners[] = {{.name = "tcp=model"}};
static _Atomic int64_t budget;
static struct batch_rules rules = {.listeners = listeners, .reject_budget = &budget};
static const struct batch_origin origin = {.received_ns = 1};

struct bench {
    struct line_memory memory;
    struct batch batch;
    struct sink sink;
    uint32_t room;
    uint64_t reasons[REJECT_REASONS];
    uint8_t *stored;
    size_t stored_size;
};

static void empty(struct bench *bench) {
    struct batch_growth growth = {0};
    batch_growth_add(&growth, &listeners[0]);
    batch_reset(&bench->batch, &rules);
    batch_limit(&bench->batch, bench->room ? bench->room : bench->batch.raw_max, growth);
}

static void drain(struct bench *bench) {
    struct batch *batch = &bench->batch;
    batch_check(batch);
    for (uint32_t i = 0; i < REJECT_REASONS; i++)
        bench->reasons[i] += batch->counts.reasons[i];
    assert(bench->stored_size + batch->stored_size <= 2 * LINE_MAX_BYTES);
    memcpy(bench->stored + bench->stored_size, batch->raw, batch->stored_size);
    bench->stored_size += batch->stored_size;
    empty(bench);
}

static void stream(struct bench *bench, struct session *session, const uint8_t *bytes, size_t size,
                   uint32_t seed) {
    for (size_t at = 0; at < size;) {
        size_t part = seed == 0 ? size : seed == 1 ? 1 : 1 + (seed >> 8) % 29;
        if (seed > 1) seed = (seed * 1103515245 + 12345) | 2;
        if (part > size - at) part = size - at;
        for (size_t end = at + part; at < end;) {
            const size_t taken = session_take(session, &bench->sink, bytes + at, end - at);
            if (taken < end - at) drain(bench);
            at += taken;
        }
    }
    while (!session_end(session, &bench->sink))
        drain(bench);
}

static void answer(struct bench *bench, const struct session *session) {
    printf("%s\t%s\t", session->protocol ? session->protocol->name : "",
           session->refused ? reject_reason_name(session->refused) : "");
    for (size_t i = 0; i < bench->stored_size; i++)
        printf("%02x", bench->stored[i]);
    putchar('\t');
    const char *space = "";
    for (uint32_t i = 0; i < REJECT_REASONS; i++) {
        if (!bench->reasons[i]) continue;
        printf("%s%s=%llu", space, reject_reason_name(i), (unsigned long long)bench->reasons[i]);
        space = " ";
    }
    putchar('\n');
}

static size_t decode(char *text) {
    size_t size = 0;
    for (; text[2 * size] != '\0'; size++) {
        const char byte[] = {text[2 * size], text[2 * size + 1], '\0'};
        ((uint8_t *)text)[size] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return size;
}

static void take(struct bench *bench, char *line) {
    char *fields[5];
    for (int i = 0; i < 5; i++) {
        fields[i] = line;
        line += strcspn(line, "\t\r\n");
        *line++ = '\0';
    }
    const size_t name = strcspn(fields[0], "+");
    listeners[0].wrap = listeners[0].syslog_fields = fields[0][name] == '+';
    fields[0][name] = '\0';
    const struct protocol *protocol = protocol_find(fields[0]);
    assert(protocol);
    rules.line_bytes_max = bench->sink.line_bytes_max = (uint32_t)atoi(fields[1]);
    bench->room = (uint32_t)atoi(fields[2]);
    bench->stored_size = 0;
    memset(bench->reasons, 0, sizeof bench->reasons);
    budget = INT64_C(1) << 40;
    empty(bench);
    const size_t size = decode(fields[4]);
    const uint8_t *bytes = (const uint8_t *)fields[4];
    struct session session = {0};
    if (fields[3][0] == 'd') {
        size_t taken = 0;
        while (!protocol_take_datagram(protocol, &session, &taken, &bench->sink, bytes, size))
            drain(bench);
    } else {
        session_begin(&session, protocol);
        stream(bench, &session, bytes, size, (uint32_t)strtoul(fields[3], NULL, 10));
    }
    drain(bench);
    answer(bench, &session);
}

int program_main(int count, char **arguments) {
    (void)count, (void)arguments;
    static char line[LINE_MAX_BYTES];
    static struct bench bench;
    bench.stored = malloc(2 * LINE_MAX_BYTES);
    int error = line_memory_create(1 << 20, &bench.memory);
    if (!error) error = batch_create(RECORD_MAX, &bench.batch);
    if (error || !bench.stored) return 2;
    bench.sink = (struct sink){.batch = &bench.batch, .origin = &origin, .memory = &bench.memory};
    while (fgets(line, sizeof line, stdin) != NULL)
        take(&bench, line);
    batch_free(&bench.batch);
    line_memory_free(&bench.memory);
    free(bench.stored);
    return 0;
}
