/* span.c - adds up what is known of lines, and encodes and decodes lids field by field, next to
 * each other. */
#include "writer/segment/span.h"

#include <assert.h>
#include <string.h>

#include "port/error.h"
#include "writer/segment/counts.h"
#include "writer/segment/digest.h"
#include "writer/segment/frame.h"

#define LID_VERSION 2
#define MS_NS       1000000
_Static_assert(LID_BYTES <= FRAME_LID_BYTES_MAX, "frame_header would call it damage");

#define LEVELS              (((1u << (LEVEL_MAX + 1)) - 1) | SPAN_UNRECOGNISED)
/* The end of a range of this many milliseconds (49 days) or more is unknown. */
#define RECEIVED_MS_UNKNOWN UINT32_MAX

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void span_widen(struct span *span, const struct facts *facts) {
    span->levels |= 1u << facts->level | (uint32_t)facts->unrecognised << 31;
    if (!facts->has_time) return;
    span->time_min_ns = least(span->time_min_ns, facts->time_ns);
    span->time_max_ns = most(span->time_max_ns, facts->time_ns);
}

struct span span_unknown(uint64_t lines, uint64_t raw_size) {
    return (struct span){
        .lines = lines,
        .raw_size = raw_size,
        .received_min_ns = INT64_MIN,
        .received_max_ns = INT64_MAX,
        .time_min_ns = INT64_MIN,
        .time_max_ns = INT64_MAX,
        .levels = LEVELS,
    };
}

bool span_possible(const struct span *span) {
    return span->lines > 0 && span->levels > 0 && (span->levels & ~LEVELS) == 0 &&
           span->received_min_ns <= span->received_max_ns && span->time_min_ns <= span->time_max_ns;
}

bool span_covers(const struct span *span, const struct counts *counts) {
    if (counts->levels[0] > 0 && (span->levels & 1) == 0) return false;
    for (uint32_t i = 1; i < COUNTS_LEVELS; i++) /* 4 levels each */
        if (counts->levels[i] > 0 && (span->levels >> (4 * i - 3) & 0xF) == 0) return false;
    return counts->timed == 0 ||
           (span->time_min_ns <= counts->time_min_ns && span->time_max_ns >= counts->time_max_ns);
}

void span_add(struct span *span, const struct span *other) {
    if (other->lines == 0) return;
    if (span->lines == 0) {
        *span = *other;
        return;
    }
    span->rules = span_rules(span, other->rules);
    span->lines += other->lines;
    span->raw_size += other->raw_size;
    span->received_min_ns = least(span->received_min_ns, other->received_min_ns);
    span->received_max_ns = most(span->received_max_ns, other->received_max_ns);
    span->time_min_ns = least(span->time_min_ns, other->time_min_ns);
    span->time_max_ns = most(span->time_max_ns, other->time_max_ns);
    span->levels |= other->levels;
}

void span_forget_facts(struct span *span) {
    span->time_min_ns = INT64_MIN;
    span->time_max_ns = INT64_MAX;
    span->levels = LEVELS;
}

/* ---- lids ---- */

static uint8_t *put(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        *out++ = (uint8_t)(value >> (8 * i));
    }
    return out;
}

static uint64_t take(const uint8_t **in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t) * (*in)++ << (8 * i);
    }
    return value;
}

static uint32_t range_ms(int64_t min_ns, int64_t max_ns) {
    const uint64_t range_ns = (uint64_t)max_ns - (uint64_t)min_ns;
    const uint64_t ms = range_ns / MS_NS + (range_ns % MS_NS != 0);
    return ms < RECEIVED_MS_UNKNOWN ? (uint32_t)ms : RECEIVED_MS_UNKNOWN;
}

static int64_t range_end(int64_t min_ns, uint32_t ms) {
    const int64_t range_ns = (int64_t)ms * MS_NS;
    return ms == RECEIVED_MS_UNKNOWN || min_ns > INT64_MAX - range_ns ? INT64_MAX
                                                                      : min_ns + range_ns;
}

size_t lid_encode(const struct span *span, uint64_t first_line, uint8_t out[LID_BYTES]) {
    if (span->lines == 0 || span->lines > UINT32_MAX || span->raw_size > UINT32_MAX) return 0;
    uint8_t *p = put(out, FRAME_MAGIC_LID, 4);
    p = put(p, LID_BYTES - 8, 4);
    uint8_t *checksum = p;
    p = put(p + 4, LID_VERSION, 1);
    p = put(p, span->rules, 3);
    p = put(p, span->levels, 4);
    p = put(p, span->lines, 4);
    p = put(p, span->raw_size, 4);
    p = put(p, range_ms(span->received_min_ns, span->received_max_ns), 4);
    p = put(p, (uint64_t)span->received_min_ns, 8);
    p = put(p, (uint64_t)span->time_min_ns, 8);
    p = put(p, (uint64_t)span->time_max_ns, 8);
    p = put(p, first_line, 8);
    assert(p == out + LID_BYTES);
    put(checksum, digest_32(checksum + 4, (size_t)(p - checksum) - 4), 4);
    return LID_BYTES;
}

int lid_decode(const uint8_t *bytes, size_t size, struct span *span, uint64_t *first_line) {
    const uint8_t *p = bytes;
    if (size != LID_BYTES || take(&p, 4) != FRAME_MAGIC_LID || take(&p, 4) != LID_BYTES - 8)
        return ERR_INVALID;
    const uint32_t checksum = (uint32_t)take(&p, 4);
    if (checksum != digest_32(p, LID_BYTES - 12)) return ERR_INVALID;
    const uint64_t version = take(&p, 1);
    if (version < 1 || version > LID_VERSION) return ERR_UNSUPPORTED;
    *span = (struct span){.rules = (uint32_t)take(&p, 3)};
    span->levels = (uint32_t)take(&p, 4);
    span->lines = take(&p, 4);
    span->raw_size = take(&p, 4);
    const uint32_t ms = (uint32_t)take(&p, 4);
    span->received_min_ns = (int64_t)take(&p, 8);
    span->received_max_ns = range_end(span->received_min_ns, ms);
    span->time_min_ns = (int64_t)take(&p, 8);
    span->time_max_ns = (int64_t)take(&p, 8);
    *first_line = take(&p, 8);
    if (!span_possible(span)) return ERR_INVALID;
    if (version == 1) span_forget_facts(span);
    return 0;
}

/* ---- receipts ---- */

size_t receipts_encode(const struct receipt *receipts, uint32_t count, uint8_t *out) {
    assert(count > 0 && count <= RECEIPTS_MAX);
    uint8_t *p = put(out, FRAME_MAGIC_RECEIPTS, 4);
    p = put(p, RECEIPTS_BYTES(count) - 8, 4);
    p = put(p, ~(uint32_t)(RECEIPTS_BYTES(count) - 8), 4);
    uint8_t *const checksum = p;
    p += 4;
    for (uint32_t i = 0; i < count; i++) {
        p = put(p, receipts[i].raw_size, 4);
        p = put(p, range_ms(receipts[i].min_ns, receipts[i].max_ns), 4);
        p = put(p, (uint64_t)receipts[i].min_ns, 8);
    }
    put(checksum, digest_32(checksum + 4, (size_t)(p - checksum) - 4), 4);
    return (size_t)(p - out);
}

uint32_t receipts_check(const uint8_t *bytes, size_t size, uint64_t raw_size) {
    const uint8_t *p = bytes;
    if (size < RECEIPTS_BYTES(1) || size > RECEIPTS_BYTES(RECEIPTS_MAX) || size % 16 != 0) return 0;
    if (take(&p, 4) != FRAME_MAGIC_RECEIPTS || take(&p, 4) != size - 8) return 0;
    if (take(&p, 4) != (uint32_t) ~(size - 8)) return 0;
    const uint32_t checksum = (uint32_t)take(&p, 4);
    if (checksum != digest_32(p, size - 16)) return 0;
    const uint32_t count = (uint32_t)(size / 16 - 1);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += receipts_at(bytes, i).raw_size;
    return sum == raw_size ? count : 0;
}

struct receipt receipts_at(const uint8_t *bytes, uint32_t number) {
    const uint8_t *p = bytes + RECEIPTS_BYTES(number);
    struct receipt receipt = {.raw_size = (uint32_t)take(&p, 4)};
    const uint32_t ms = (uint32_t)take(&p, 4);
    receipt.min_ns = (int64_t)take(&p, 8);
    receipt.max_ns = range_end(receipt.min_ns, ms);
    return receipt;
}
