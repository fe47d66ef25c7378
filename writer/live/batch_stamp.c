/* batch_stamp.c - adds the stamps to a batch's records (stamp.h), on a worker, in one pass and only if
 * a listener wants them. */
#include <assert.h>
#include <string.h>

#include "writer/live/batch_internal.h"

static bool any_stamps(const struct batch *batch) {
    for (uint32_t i = 0; i < batch->run_count; i++) {
        const struct batch_run *run = &batch->runs[i];
        if (run->stored && batch->rules->listeners[run->origin.listener].stamps) return true;
    }
    return false;
}

/* The last byte before the closing brace that is not white space is the opening one. */
static bool is_empty(const uint8_t *brace) {
    do
        brace--; /* ends: an object begins with a brace */
    while (*brace == ' ' || *brace == '\t' || *brace == '\r');
    return *brace == '{';
}

/* The records of one run, of `size` bytes at `from`, which is never before `out`. */
static uint8_t *stamp_run(const struct batch *batch, const struct batch_run *run,
                          const uint8_t *from, uint64_t *number, uint8_t *out) {
    const struct batch_listener *listener = &batch->rules->listeners[run->origin.listener];
    const struct batch_origin *origin = &run->origin;
    const uint8_t *const end = from + run->stored;
    struct stamp_text text;
    stamp_begin(listener->stamps, origin->received_ns, &origin->peer, origin->peer_name,
                listener->name, &text);
    while (from < end) { /* each round advances by a line */
        const uint8_t *const newline = memchr(from, '\n', (size_t)(end - from));
        const size_t size = (size_t)(newline - from);
        const bool empty = is_empty(newline - 1);
        assert(out <= from);
        memmove(out, from, size);
        out = stamp_add(out + size, empty, &text, *number);
        *number += text.number;
        *out++ = '\n';
        from = newline + 1;
    }
    return out;
}

void batch_stamp(struct batch *batch) {
    if (!any_stamps(batch)) return;
    const uint8_t *from = batch->raw + batch_capacity(batch->raw_max) - batch->stored_size;
    uint8_t *out = batch->raw;
    uint64_t number = batch->first_number;
    memmove(batch->raw + (from - batch->raw), batch->raw, batch->stored_size);
    for (uint32_t i = 0; i < batch->run_count; i++) {
        const struct batch_run *run = &batch->runs[i];
        if (run->stored == 0) continue;
        if (batch->rules->listeners[run->origin.listener].stamps) {
            out = stamp_run(batch, run, from, &number, out);
        } else {
            memmove(out, from, run->stored);
            out += run->stored;
        }
        from += run->stored;
    }
    const size_t stored_size = (size_t)(out - batch->raw);
    assert(number - batch->first_number == batch->numbered);
    batch->stored.span.raw_size += stored_size - batch->stored_size;
    batch->stored_size = stored_size;
}
