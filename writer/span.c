/* span.c - adds up what is known of lines, and writes and reads lids, field by
 * field next to each other. */
#include "writer/span.h"

#include <assert.h>

#include "port/error.h"
#include "writer/frame.h"

#define LID_VERSION 1

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void span_clear(struct span *span) {
    *span = (struct span){
        .received_min_ns = INT64_MAX,
        .received_max_ns = INT64_MIN,
        .time_min_ns = INT64_MAX,
        .time_max_ns = INT64_MIN,
    };
}

void span_add(struct span *span, const struct span *other) {
    span->lines += other->lines;
    span->raw_size += other->raw_size;
    span->received_min_ns = least(span->received_min_ns, other->received_min_ns);
    span->received_max_ns = most(span->received_max_ns, other->received_max_ns);
    span->time_min_ns = least(span->time_min_ns, other->time_min_ns);
    span->time_max_ns = most(span->time_max_ns, other->time_max_ns);
    span->levels |= other->levels;
}

bool span_overlaps(const struct span *span, bool received, int64_t since_ns, int64_t until_ns) {
    const int64_t first = received ? span->received_min_ns : span->time_min_ns;
    const int64_t last = received ? span->received_max_ns : span->time_max_ns;
    return first > last || (first <= until_ns && last >= since_ns);
}

/* ---- lids ---- */

static uint8_t *put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static uint64_t get(const uint8_t **in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) * (*in)++ << (8 * i);
    return value;
}

void lid_encode(const struct span *span, uint64_t first_line, uint8_t lid[LID_BYTES]) {
    assert(span->lines <= UINT32_MAX);
    uint8_t *out = put(lid, FRAME_MAGIC_LID, 4);
    out = put(out, LID_BYTES - 8, 4);
    out = put(out, LID_VERSION, 4);
    out = put(out, span->levels, 4);
    out = put(out, span->lines, 4);
    out = put(out, first_line, 8);
    out = put(out, (uint64_t)span->received_min_ns, 8);
    out = put(out, (uint64_t)span->received_max_ns, 8);
    out = put(out, (uint64_t)span->time_min_ns, 8);
    out = put(out, (uint64_t)span->time_max_ns, 8);
    out = put(out, frame_checksum(lid, (size_t)(out - lid)), 4);
    assert(out == lid + LID_BYTES);
}

int lid_decode(const uint8_t *bytes, size_t size, struct span *span, uint64_t *first_line) {
    const uint8_t *in = bytes, *checksum = bytes + LID_BYTES - 4;
    if (size != LID_BYTES || get(&in, 4) != FRAME_MAGIC_LID || get(&in, 4) != LID_BYTES - 8 ||
        get(&in, 4) != LID_VERSION || get(&checksum, 4) != frame_checksum(bytes, LID_BYTES - 4))
        return ERR_INVALID;
    span_clear(span);
    span->levels = (uint32_t)get(&in, 4);
    span->lines = get(&in, 4);
    *first_line = get(&in, 8);
    span->received_min_ns = (int64_t)get(&in, 8);
    span->received_max_ns = (int64_t)get(&in, 8);
    span->time_min_ns = (int64_t)get(&in, 8);
    span->time_max_ns = (int64_t)get(&in, 8);
    return 0;
}
