/* record_count.c - see record_count.h. */
#include "ingest/network/record_count.h"

#include <string.h>

#include "ingest/protocol/gelf.h"
#include "ingest/protocol/unpack.h"

/* A datagram has at most 64 KiB, and what is kept of one record is no longer than it. */
#define RAW_BYTES  (256u << 10)
#define LINE_BYTES (128u << 10)

static bool is_blank(const uint8_t *line, size_t size) {
    size_t i = 0;
    while (i < size && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
        i++;
    return i == size;
}

static uint64_t lines_in(const uint8_t *bytes, size_t size) {
    uint64_t count = 0;
    for (const uint8_t *end = bytes + size; bytes < end;) { /* each turn ends a line */
        const uint8_t *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const size_t length = (size_t)((newline ? newline : end) - bytes);
        count += !is_blank(bytes, length);
        bytes += length + 1;
    }
    return count;
}

uint64_t records_added(const struct batch *batch, uint32_t from) {
    uint64_t count = 0;
    for (uint32_t i = batch->run_count; i > 0; i--) {
        const struct batch_run *run = &batch->runs[i - 1];
        const uint32_t end = run->offset + run->size;
        if (end <= from) break;
        if (run->kind != BATCH_LINES) {
            count++;
            continue;
        }
        const uint32_t begin = run->offset > from ? run->offset : from;
        count += lines_in(batch->raw + begin, end - begin);
    }
    return count;
}

/* ---- datagrams ---- */

void record_counter_free(struct record_counter *counter) {
    batch_free(&counter->batch);
    line_memory_free(&counter->memory);
    *counter = (struct record_counter){0};
}

size_t record_counter_memory(void) {
    return batch_memory_to_count(RAW_BYTES) + LINE_BYTES;
}

static bool take_memory(struct record_counter *counter) {
    if (counter->batch.raw) return true;
    if (batch_create_to_count(RAW_BYTES, &counter->batch) == 0 &&
        line_memory_create(LINE_BYTES, &counter->memory) == 0)
        return true;
    record_counter_free(counter);
    return false;
}

uint64_t records_of_datagram(struct record_counter *counter, const struct protocol *protocol,
                             uint32_t line_bytes_max, const uint8_t *bytes, size_t size) {
    const struct batch_origin origin = {0};
    const struct sink sink = {.batch = &counter->batch,
                              .origin = &origin,
                              .memory = &counter->memory,
                              .line_bytes_max = line_bytes_max};
    struct session session = {0};
    size_t taken = 0;
    uint64_t count = 0;
    bool all = size == 0 || gelf_is_chunk(bytes, size);
    if (all) return 0;
    if (unpack_begins(bytes, size) || !take_memory(counter)) return 1;
    while (!all) { /* ends: an empty batch has room for something */
        batch_reset(&counter->batch, NULL);
        all = protocol_take_datagram(protocol, &session, &taken, &sink, bytes, size);
        count += records_added(&counter->batch, 0);
    }
    return count;
}
