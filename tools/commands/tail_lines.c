/* tail_lines.c - finds the lines that tail prints, and prints them: at once, or with --sort in order
 * of time. */
#include <string.h>

#include "port/system.h"
#include "tools/commands/tail_internal.h"
#include "tools/query/allocate.h"
#include "tools/query/read.h"

static uint64_t count_lines(const uint8_t *p, const uint8_t *end) {
    uint64_t count = 0;
    for (; p < end; p = line_end(p, end))
        count++;
    return count;
}

/* Copies the matching ones of these lines to *to. */
static uint64_t copy_wanted(struct tail *tail, const uint8_t *p, const uint8_t *end, uint8_t **to) {
    const uint8_t *line, *next;
    uint64_t count = 0;
    query_begin(&tail->state);
    for (; query_next(&tail->query, &tail->state, p, end, &line, &next); p = next) {
        memcpy(*to, line, (size_t)(next - line));
        *to += next - line;
        count++;
    }
    return count;
}

/* The end of the lines from `at` on that were received at the same times, which it sets. */
static size_t same_times(struct tail *tail, const struct tailed *t, const uint8_t *p, size_t at,
                         size_t size) {
    int64_t min_ns = INT64_MIN, max_ns = INT64_MAX;
    size_t end = size;
    if (t->foreign == NULL && tail->query.timed)
        end = received_at(&t->received, t->reader.offset, at, &min_ns, &max_ns);
    if (t->foreign != NULL || tail->query.timed) query_received(&tail->state, min_ns, max_ns);
    if (end >= size || end <= at) return size;
    const uint8_t *const newline = memchr(p + end - 1, '\n', size - end + 1);
    return newline != NULL ? (size_t)(newline - p) + 1 : size;
}

/* The matching ones of these lines, valid until the next call. */
struct tail_lines tail_wanted_of(struct tail *tail, const struct tailed *t, const uint8_t *p,
                                 size_t size) {
    const uint8_t *const end = p + size;
    if (tail->query.all) return (struct tail_lines){p, end, count_lines(p, end)};
    if (tail->wanted_room < size) {
        tail->wanted_room = size;
        tail->wanted = reallocate(tail->wanted, tail->wanted_room);
    }
    uint8_t *to = tail->wanted;
    struct tail_lines lines = {tail->wanted, tail->wanted, 0};
    tail->state.foreign = t->foreign != NULL;
    tail->state.stream = t->stream;
    tail->state.facts = t->facts;
    for (size_t at = 0, next; at < size; at = next) { /* each round takes a line or more */
        next = same_times(tail, t, p, at, size);
        lines.count += copy_wanted(tail, p + at, p + next, &to);
    }
    lines.end = to;
    return lines;
}

/* Those of the current frame. */
struct tail_lines tail_wanted(struct tail *tail, const struct tailed *t) {
    return tail_wanted_of(tail, t, t->reader.raw, t->reader.raw_size);
}

/* The time of a line without one, with --sort. */
static int64_t time_of_untimed(const struct tail *tail, const struct tailed *t) {
    int64_t min_ns, max_ns;
    if (t->foreign != NULL || t->ended) return t->last_ns;
    if (tail->following) return system_wall_ns();
    received_at(&t->received, t->reader.offset, 0, &min_ns, &max_ns);
    return min_ns;
}

static void sort_lines(struct tail *tail, struct tailed *t, const uint8_t *p, const uint8_t *end) {
    const uint64_t tag = (uint64_t)(t - tail->tailed);
    const int64_t now_ns = system_now_ns();
    tail->state.foreign = t->foreign != NULL || t->ended;
    tail->state.facts = t->facts;
    for (const uint8_t *next; p < end; p = next) {
        next = line_end(p, end);
        const size_t size = (size_t)(next - p);
        const struct sorted_record record = {
            .time_ns = query_time_of(&tail->state, p, size, time_of_untimed(tail, t)),
            .place = tag << 40 | tail->numbers++,
            .tag = (uint32_t)tag,
            .size = (uint32_t)size,
            .text = p};
        t->last_ns = record.time_ns;
        if (tail->following)
            held_add(&tail->held, &record, now_ns);
        else
            sorter_add(&tail->sorter, &record, INT64_MIN);
    }
}

bool tail_print_sorted(void *context, const struct sorted_record *record) {
    struct tail *const tail = context;
    const struct tailed *const t = &tail->tailed[record->tag];
    render_stream(&tail->render, t->stream);
    render_facts(&tail->render, t->facts);
    render_lines(&tail->render, record->text, record->size);
    if (!tail->following) held_passed(&tail->held, record->time_ns);
    return !output_failed(tail->call->out);
}

void tail_print(struct tail *tail, struct tailed *t, const uint8_t *lines, size_t size) {
    if (size > 0) tail->any = true;
    if (tail->sort) {
        sort_lines(tail, t, lines, lines + size);
        return;
    }
    render_stream(&tail->render, t->stream);
    render_facts(&tail->render, t->facts);
    render_lines(&tail->render, lines, size);
}
