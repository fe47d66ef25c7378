/* batch_fill.c - see batch.h: a batch's memory, and what the owner fills it with.
 *
 * Records that grow while they are validated or stamped must still fit, and nothing may be looked at
 * line by line while it is received: so the batch plans for the most that its lines may become, and
 * counts them, a stretch at a time, only if some listener's records grow. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "port/memory.h"
#include "writer/live/batch_internal.h"
#include "writer/live/stream.h"
#include "writer/segment/frame.h"

#define SPARE_BYTES STREAM_SPARE_BYTES

static uint32_t raw_bytes_max(uint32_t line_bytes_max) {
    const uint32_t line = line_bytes_max + 2; /* CR and LF */
    return line > BATCH_BYTES_MIN ? line : BATCH_BYTES_MIN;
}

/* To the next cache line. */
static size_t rounded(size_t size) {
    return (size + 63) / 64 * 64;
}

static size_t packed_bytes_max(uint32_t capacity) {
    return frames_bytes_max(capacity) + SPARE_BYTES;
}

static size_t main_memory(uint32_t raw_max) {
    const uint32_t capacity = batch_capacity(raw_max);
    return rounded(capacity + JSON_PADDING) + rounded(frame_scratch_bytes()) +
           packed_bytes_max(capacity);
}

size_t batch_memory(uint32_t line_bytes_max) {
    return main_memory(raw_bytes_max(line_bytes_max)) + BATCH_RUNS_MAX * sizeof(struct batch_run) +
           BATCH_REJECT_TEXT_BYTES + BATCH_REJECT_PACKED_BYTES + SPARE_BYTES + QUARANTINE_KEEP_MAX +
           1;
}

int batch_create(uint32_t line_bytes_max, struct batch *batch) {
    const uint32_t raw_max = raw_bytes_max(line_bytes_max);
    assert(raw_max <= FRAME_RAW_MAX);
    *batch = (struct batch){
        .raw = memory_take(main_memory(raw_max)),
        .raw_max = raw_max,
        .runs = malloc(BATCH_RUNS_MAX * sizeof(struct batch_run)),
        .rejects.bytes = malloc(BATCH_REJECT_PACKED_BYTES + SPARE_BYTES),
        .reject_text = malloc(BATCH_REJECT_TEXT_BYTES),
        .original = malloc(QUARANTINE_KEEP_MAX + 1),
    };
    if (!batch->raw || !batch->runs || !batch->rejects.bytes || !batch->reject_text ||
        !batch->original) {
        batch_free(batch);
        return ERR_NO_MEMORY;
    }
    batch->scratch = batch->raw + rounded(batch_capacity(raw_max) + JSON_PADDING);
    batch->stored.bytes = (uint8_t *)batch->scratch + rounded(frame_scratch_bytes());
    return 0;
}

static size_t raw_memory(uint32_t raw_max) {
    return batch_capacity(raw_max) + JSON_PADDING;
}

size_t batch_memory_to_count(uint32_t raw_max) {
    return raw_memory(raw_max) + BATCH_RUNS_MAX * sizeof(struct batch_run);
}

int batch_create_to_count(uint32_t raw_max, struct batch *batch) {
    *batch = (struct batch){
        .raw = memory_take(raw_memory(raw_max)),
        .raw_max = raw_max,
        .runs = malloc(BATCH_RUNS_MAX * sizeof(struct batch_run)),
    };
    if (batch->raw && batch->runs) return 0;
    batch_free(batch);
    return ERR_NO_MEMORY;
}

void batch_free(struct batch *batch) {
    batch_reports_leave(batch);
    memory_give_back(batch->raw); /* and scratch and stored.bytes */
    free(batch->runs);
    free(batch->rejects.bytes);
    free(batch->reject_text);
    free(batch->original);
    *batch = (struct batch){0};
}

/* ---- reports ---- */

struct batch_report *batch_report_add(struct batch *batch, bool each) {
    struct batch_report *report = calloc(1, sizeof *report);
    if (!report) return NULL;
    report->each = each;
    report->next = batch->reports;
    batch->reports = report;
    return report;
}

void batch_report_undo(struct batch *batch) {
    struct batch_report *report = batch->reports;
    batch->reports = report->next;
    batch_report_free(report);
}

void batch_reports_leave(struct batch *batch) {
    struct batch_report *report = batch->reports;
    batch->reports = NULL;
    while (report) {
        struct batch_report *next = report->next;
        report->next = NULL;
        if (!report->claimed) batch_report_free(report);
        report = next;
    }
}

void batch_report_free(struct batch_report *report) {
    if (!report) return;
    free(report->faults);
    free(report);
}

/* ---- filling ---- */

void batch_reset(struct batch *batch, const struct batch_rules *rules) {
    assert(!batch->waiters);
    batch_reports_leave(batch);
    batch->awaited = false;
    memset(batch->raw + batch_capacity(batch->raw_max), 0, JSON_PADDING);
    batch->rules = rules;
    batch->acceleration = 1;
    batch->raw_size = 0;
    batch->raw_limit = batch->raw_max;
    batch->growth = (struct batch_growth){0};
    batch->planned = batch->planned_size = 0;
    batch->unplanned = false;
    batch->numbered = batch->first_number = 0;
    batch->run_count = 0;
    batch->counts = (struct batch_counts){0};
    batch->stored.size = batch->rejects.size = 0;
    batch->stored.raw_size = batch->rejects.raw_size = 0;
    batch->stored.lines = batch->rejects.lines = 0;
    batch->stored.span = batch->rejects.span = (struct span){0};
    batch->sample_count = 0;
    batch->stored_size = 0;
    batch->reject_text_size = 0;
    batch->reject_text_lines = 0;
}

/* ---- planning ---- */

/* The header of syslog as an object, without its own bytes, and {"message":"",...}. */
#define SYSLOG_RECORD_BYTES 200

void batch_growth_add(struct batch_growth *growth, const struct batch_listener *listener) {
    uint32_t eighths = 0, record_bytes = 0;
    if (listener->stamps) {
        eighths = 9; /* "_seq":1, gets one underscore more */
        record_bytes = stamp_bytes_max(listener->stamps, listener->name);
    }
    if (listener->syslog_fields || listener->wrap) {
        eighths = 6 * 8; /* \u0001 */
        record_bytes += SYSLOG_RECORD_BYTES;
    }
    if (eighths > growth->eighths) growth->eighths = eighths;
    if (record_bytes > growth->record_bytes) growth->record_bytes = record_bytes;
}

void batch_limit(struct batch *batch, uint64_t raw_bytes, struct batch_growth growth) {
    batch->growth = growth;
    batch->raw_limit = raw_bytes < batch->raw_max ? (uint32_t)raw_bytes : batch->raw_max;
}

void batch_unplanned(struct batch *batch, bool unplanned) {
    batch->unplanned = unplanned;
}

static uint64_t grown(const struct batch *batch, uint64_t bytes, uint64_t records) {
    return (bytes * batch->growth.eighths + 7) / 8 + records * batch->growth.record_bytes;
}

/* Plans for the lines that were added since the last call. */
static void plan(struct batch *batch) {
    const uint8_t *at = batch->raw + batch->planned_size, *const end = batch->raw + batch->raw_size;
    uint64_t lines = 0;
    if (at == end) return;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++; /* ends: each round advances by a newline */
        at++;
    }
    batch->planned += grown(batch, batch->raw_size - batch->planned_size, lines);
    batch->planned_size = batch->raw_size;
}

/* One record whose bytes may contain newlines. */
static void plan_record(struct batch *batch, uint32_t size) {
    if (batch->growth.eighths == 0) return;
    plan(batch);
    batch->planned += grown(batch, size, 1);
    batch->planned_size += size;
}

static uint32_t least(uint64_t a, uint32_t b) {
    return a < b ? (uint32_t)a : b;
}

uint32_t batch_room(struct batch *batch) {
    if (batch->run_count == BATCH_RUNS_MAX || batch->raw_size >= batch->raw_limit) return 0;
    if (batch->growth.eighths == 0) return batch->raw_limit - batch->raw_size;
    if (batch->unplanned) return batch->raw_max - batch->raw_size;
    plan(batch);
    if (batch->planned >= batch->raw_limit) return 0;
    /* A record has at least one byte and a newline. */
    const uint64_t left = batch->raw_limit - batch->planned;
    const uint64_t room = left * 8 / (batch->growth.eighths + batch->growth.record_bytes * 4ull);
    return room < 2 ? 0 : least(room, batch->raw_max - batch->raw_size);
}

uint32_t batch_line_room(struct batch *batch) {
    if (batch->raw_size == 0) return batch->raw_max;
    if (batch->growth.eighths == 0 || batch->unplanned) return batch_room(batch);
    if (batch->run_count == BATCH_RUNS_MAX) return 0;
    plan(batch);
    const uint64_t most = batch->raw_limit, used = batch->planned + batch->growth.record_bytes;
    return used >= most
               ? 0
               : least((most - used) * 8 / batch->growth.eighths, batch->raw_max - batch->raw_size);
}

/* ---- adding ---- */

static bool same_origin(const struct batch_origin *a, const struct batch_origin *b) {
    return a->received_ns == b->received_ns && a->listener == b->listener &&
           a->report == b->report && a->peer_name == b->peer_name &&
           address_equal(&a->peer, &b->peer);
}

uint8_t *batch_add(struct batch *batch, const struct batch_origin *origin, uint32_t size) {
    assert(size > 0 && size <= batch_line_room(batch));
    uint8_t *place = batch->raw + batch->raw_size;
    struct batch_run *last = batch->run_count ? &batch->runs[batch->run_count - 1] : NULL;
    if (last && last->kind == BATCH_LINES && same_origin(&last->origin, origin))
        last->size += size;
    else
        batch->runs[batch->run_count++] =
            (struct batch_run){.origin = *origin, .offset = batch->raw_size, .size = size};
    batch->raw_size += size;
    return place;
}

/* One record of `size` bytes, in a run of `room`. */
static uint8_t *add_one(struct batch *batch, const struct batch_origin *origin,
                        enum batch_run_kind kind, uint32_t size, uint32_t room) {
    assert(size > 0 && room > size && room <= batch_line_room(batch));
    plan_record(batch, room);
    uint8_t *place = batch->raw + batch->raw_size;
    batch->runs[batch->run_count++] = (struct batch_run){.origin = *origin,
                                                         .kind = kind,
                                                         .offset = batch->raw_size,
                                                         .size = room,
                                                         .spare = room - size - 1};
    batch->raw_size += room;
    return place;
}

uint8_t *batch_add_record(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                          uint32_t spare) {
    return add_one(batch, origin, BATCH_RECORD, size, size + spare + 1);
}

uint8_t *batch_add_forward(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                           uint32_t json_bytes) {
    return add_one(batch, origin, BATCH_FORWARD, size, BATCH_FORWARD_BYTES(size, json_bytes));
}

uint8_t *batch_add_aside(struct batch *batch, const struct batch_origin *origin, uint32_t size,
                         uint32_t reason, uint64_t record_size) {
    assert(size > 0 && size <= batch_line_room(batch) && reason);
    plan_record(batch, size);
    uint8_t *place = batch->raw + batch->raw_size;
    batch->runs[batch->run_count++] = (struct batch_run){.origin = *origin,
                                                         .kind = BATCH_SET_ASIDE,
                                                         .offset = batch->raw_size,
                                                         .size = size,
                                                         .reason = reason,
                                                         .record_size = record_size};
    batch->raw_size += size;
    return place;
}
