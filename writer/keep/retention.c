/* retention.c - see retention.h.  Each rule marks the oldest segments that are not marked yet.  The
 * streams' own rules come first, so that a rule for all streams takes only what these leave. */
#include "writer/keep/retention.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000

bool retention_wanted(const struct retention_rules *rules) {
    const struct retention_limits *all = &rules->all;
    bool wanted = all->age_s || all->bytes_max || all->count_max || rules->free_min;
    for (uint32_t i = 0; i < rules->stream_count; i++) {
        const struct retention_limits *own = &rules->streams[i].limits;
        if (own->age_s || own->bytes_max || own->count_max) wanted = true;
    }
    return wanted;
}

struct retention_limits retention_limits_of(const struct retention_rules *rules,
                                            const char *stream) {
    struct retention_limits limits = {0};
    for (uint32_t i = 0; i < rules->stream_count; i++)
        if (strcmp(rules->streams[i].name, stream) == 0) limits = rules->streams[i].limits;
    if (limits.age_s == 0) limits.age_s = rules->all.age_s;
    return limits;
}

/* ---- the decision ---- */

/* Of segments that stay. */
struct sum {
    uint64_t bytes, count;
};

static uint64_t bytes_of(const struct retention_segment *segment) {
    uint64_t bytes = 0;
    for (int i = 0; i < RETENTION_PLACES; i++)
        bytes += segment->bytes[i];
    return bytes;
}

static bool stays(const struct retention_segment *segment) {
    return !segment->part && segment->reason == RETENTION_STAYS;
}

/* Gives every segment a time that rises with the sequences.  If the clock was set back, a segment
 * must not become older than the ones before it.  If the clock was ahead, the segments after it
 * must not be kept too long: a closing time in the future is ignored.  A segment without a valid
 * time gets that of the one before it, or, at the beginning of a stream, of the first one that has
 * a time. */
static void assign_ages(const struct retention_question *q) {
    for (uint32_t from = 0, to; from < q->count; from = to) {
        struct retention_segment *first = &q->segments[from];
        int64_t latest = INT64_MIN;
        uint32_t without_time = 0; /* at the beginning */
        for (to = from; to < q->count && q->segments[to].stream == first->stream; to++) {
            struct retention_segment *segment = &q->segments[to];
            assert(to == from || segment[-1].sequence <= segment->sequence);
            if (segment->closed_ns <= q->now_ns && segment->closed_ns > latest)
                latest = segment->closed_ns;
            if (latest == INT64_MIN) without_time++;
            segment->since_ns = latest;
            segment->reason = RETENTION_STAYS;
        }
        assert(to == q->count || q->segments[to].stream > first->stream);
        const bool any_time = without_time < to - from;
        for (uint32_t i = 0; i < without_time; i++)
            first[i].since_ns = any_time ? first[without_time].since_ns : q->now_ns;
    }
}

static int compare_age(const void *left, const void *right) {
    const struct retention_segment *a = *(struct retention_segment *const *)left,
                                   *b = *(struct retention_segment *const *)right;
    if (a->since_ns != b->since_ns) return a->since_ns < b->since_ns ? -1 : 1;
    if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    return 0;
}

static void mark_by_age(const struct retention_question *q) {
    for (uint32_t i = 0; i < q->count; i++) {
        struct retention_segment *segment = &q->segments[i];
        const uint64_t age_s = (uint64_t)(q->now_ns - segment->since_ns) / SECOND_NS;
        const uint64_t age_max_s = q->limits[segment->stream].age_s;
        if (!segment->part && age_max_s > 0 && age_s >= age_max_s) segment->reason = RETENTION_AGE;
    }
}

static struct sum sum_of(struct retention_segment *const *oldest_first, uint32_t count) {
    struct sum sum = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!stays(oldest_first[i])) continue;
        sum.bytes += bytes_of(oldest_first[i]);
        sum.count++;
    }
    return sum;
}

/* Marks the oldest until both limits hold. */
static void mark_until(struct retention_segment *const *oldest_first, uint32_t count,
                       const struct retention_limits *limits, enum retention_reason by_count,
                       enum retention_reason by_bytes) {
    struct sum left = sum_of(oldest_first, count);
    for (uint32_t i = 0; i < count; i++) {
        struct retention_segment *segment = oldest_first[i];
        const bool too_many = limits->count_max > 0 && left.count > limits->count_max;
        const bool too_much = limits->bytes_max > 0 && left.bytes > limits->bytes_max;
        if (!too_many && !too_much) return;
        if (!stays(segment)) continue;
        segment->reason = too_many ? by_count : by_bytes;
        left.bytes -= bytes_of(segment);
        left.count--;
    }
}

/* `order` is still sorted by stream, like the segments. */
static void mark_streams(const struct retention_question *q, struct retention_segment **order,
                         uint32_t count) {
    for (uint32_t from = 0, to; from < count; from = to) {
        const uint32_t stream = order[from]->stream;
        for (to = from; to < count && order[to]->stream == stream; to++)
            ;
        mark_until(order + from, to - from, &q->limits[stream], RETENTION_STREAM_COUNT,
                   RETENTION_STREAM_BYTES);
    }
}

static uint64_t bytes_on(const struct retention_segment *segment, uint64_t volume) {
    uint64_t bytes = 0;
    for (int place = 0; place < RETENTION_PLACES; place++)
        if (segment->volumes[place] == volume) bytes += segment->bytes[place];
    return bytes;
}

static void mark_for_space(const struct retention_question *q, const struct retention_space *space,
                           struct retention_segment *const *oldest_first, uint32_t count) {
    uint64_t free = space->free;
    for (uint32_t i = 0; i < count; i++)
        if (!stays(oldest_first[i])) free += bytes_on(oldest_first[i], space->volume);
    for (uint32_t i = 0; i < count && free < q->free_min; i++) {
        struct retention_segment *segment = oldest_first[i];
        const uint64_t bytes = bytes_on(segment, space->volume);
        if (!stays(segment) || bytes == 0) continue;
        if (segment->places != 0 && (segment->places & ~q->stuck) == 0) continue;
        segment->reason = RETENTION_FREE;
        free += bytes;
    }
}

uint32_t retention_decide(const struct retention_question *question,
                          struct retention_segment **order) {
    uint32_t count = 0, going = 0;
    assign_ages(question);
    for (uint32_t i = 0; i < question->count; i++)
        if (!question->segments[i].part) order[count++] = &question->segments[i];
    mark_by_age(question);
    mark_streams(question, order, count);
    if (count > 0) qsort(order, count, sizeof *order, compare_age);
    mark_until(order, count, &question->all, RETENTION_ALL_COUNT, RETENTION_ALL_BYTES);
    for (uint32_t i = 0; i < question->space_count; i++)
        mark_for_space(question, &question->spaces[i], order, count);
    for (uint32_t i = 0; i < count; i++)
        if (!stays(order[i])) order[going++] = order[i];
    return going;
}

/* ---- in words ---- */

#define REPORT_NS_MIN INT64_C(60000000000)
#define REPORT_NS_MAX (60 * REPORT_NS_MIN)

/* The clock may have been set back. */
bool retention_report_due(struct retention_report *report, int error, int64_t now_ns) {
    const bool same = report->error == error;
    const int64_t ago_ns = now_ns - report->said_ns;
    if (same && ago_ns >= 0 && ago_ns < report->pause_ns) return false;
    report->pause_ns = same ? 2 * report->pause_ns : REPORT_NS_MIN;
    if (report->pause_ns > REPORT_NS_MAX) report->pause_ns = REPORT_NS_MAX;
    report->error = error;
    report->said_ns = now_ns;
    return true;
}

struct unit {
    uint64_t size;
    const char *name;
};

static const struct unit *largest_unit(const struct unit *units, uint64_t value) {
    while (units->size > 1 && (value < units->size || value % units->size != 0))
        units++;
    return units;
}

const char *retention_bytes_text(uint64_t bytes, char text[32]) {
    static const struct unit units[] = {
        {UINT64_C(1) << 40, "TiB"}, {UINT64_C(1000000000000), "TB"},
        {1 << 30, "GiB"},           {UINT64_C(1000000000), "GB"},
        {1 << 20, "MiB"},           {1000000, "MB"},
        {1 << 10, "KiB"},           {1, "bytes"},
    };
    const struct unit *unit = largest_unit(units, bytes);
    snprintf(text, 32, "%" PRIu64 " %s", bytes / unit->size, unit->name);
    return text;
}

static const char *age_text(uint64_t age_s, char text[32]) {
    static const struct unit units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    const struct unit *unit = largest_unit(units, age_s);
    snprintf(text, 32, "%" PRIu64 "%s", age_s / unit->size, unit->name);
    return text;
}

const char *retention_reason_text(enum retention_reason reason,
                                  const struct retention_limits *stream_limits, const char *stream,
                                  const struct retention_rules *rules,
                                  char text[RETENTION_REASON_TEXT_MAX]) {
    char number[32];
    const size_t size = RETENTION_REASON_TEXT_MAX;
    text[0] = '\0';
    switch (reason) {
    case RETENTION_STAYS: break;
    case RETENTION_AGE:
        snprintf(text, size, "older than %s", age_text(stream_limits->age_s, number));
        break;
    case RETENTION_STREAM_COUNT:
        snprintf(text, size, "more than %" PRIu64 " in stream %s", stream_limits->count_max,
                 stream);
        break;
    case RETENTION_STREAM_BYTES:
        snprintf(text, size, "over %s in stream %s",
                 retention_bytes_text(stream_limits->bytes_max, number), stream);
        break;
    case RETENTION_ALL_COUNT:
        snprintf(text, size, "more than %" PRIu64 " in all", rules->all.count_max);
        break;
    case RETENTION_ALL_BYTES:
        snprintf(text, size, "over %s in all", retention_bytes_text(rules->all.bytes_max, number));
        break;
    case RETENTION_FREE:
        snprintf(text, size, "less than %s free", retention_bytes_text(rules->free_min, number));
        break;
    }
    return text;
}
