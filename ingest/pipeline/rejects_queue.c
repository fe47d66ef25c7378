/* rejects_queue.c - see rejects_queue.h.
 * What waits is joined into one append as long as no segment becomes too large: a slow disk then
 * takes more with each write. */
#include "ingest/pipeline/rejects_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/protocol/acks.h"
#include "port/system.h"

#define SAY_AGAIN_NS     (60 * 1000000000ll)
/* The least memory of an append: small batches of rejected records are usual. */
#define APPEND_BYTES_MIN 1024

struct reject_append {
    struct stream_append append;
    struct rejects_queue *queue;
    size_t room; /* of append.bytes, without the stream's spare bytes */
    uint64_t records;
    struct waiter *waiters;
};

struct rejects_queue {
    struct port *port;
    struct stream *stream;
    struct counters *counters;
    struct reject_append *last; /* the newest one held by the stream; NULL: none is held */
    size_t bytes;               /* of all that are held */
    int64_t said_ns;            /* when dropping was reported last; 0: never */
};

static void stored(struct stream_append *append, int result);

int rejects_queue_create(struct port *port, struct stream *rejects, struct counters *counters,
                         struct rejects_queue **queue) {
    struct rejects_queue *q = calloc(1, sizeof *q);
    if (!q) return ERR_NO_MEMORY;
    q->port = port;
    q->stream = rejects;
    q->counters = counters;
    *queue = q;
    return 0;
}

void rejects_queue_free(struct rejects_queue *queue) {
    assert(!queue || !rejects_queue_busy(queue));
    free(queue);
}

bool rejects_queue_busy(const struct rejects_queue *queue) {
    return queue->last != NULL;
}

static size_t memory_of(size_t room) {
    return sizeof(struct reject_append) + room + STREAM_SPARE_BYTES;
}

/* Sets the append's memory to this room; 0, or it stays as it is. */
static int resize(struct reject_append *append, size_t room) {
    struct rejects_queue *queue = append->queue;
    const size_t others = queue->bytes - (append->room ? memory_of(append->room) : 0);
    if (others + memory_of(room) > REJECTS_QUEUE_BYTES_MAX) return ERR_NO_MEMORY;
    uint8_t *bytes = realloc(append->append.bytes, room + STREAM_SPARE_BYTES);
    if (!bytes) return ERR_NO_MEMORY;
    append->append.bytes = bytes;
    append->room = room;
    queue->bytes = others + memory_of(room);
    return 0;
}

/* Room for `size` more bytes: twice the present room, or if that is too much, just enough. */
static int make_room(struct reject_append *append, size_t size) {
    const size_t needed = append->append.size + size;
    if (needed <= append->room) return 0;
    size_t room = 2 * append->room > APPEND_BYTES_MIN ? 2 * append->room : APPEND_BYTES_MIN;
    if (room < needed) room = needed;
    const int error = resize(append, room);
    return error ? resize(append, needed) : 0;
}

static void add_frames(struct reject_append *append, const struct batch_frames *frames,
                       uint64_t records, struct waiter **waiters) {
    struct stream_append *to = &append->append;
    memcpy(to->bytes + to->size, frames->bytes, frames->size);
    to->size += frames->size;
    to->raw_size += frames->raw_size;
    to->lines += frames->lines;
    span_add(&to->span, &frames->span);
    append->records += records;
    waiters_move(waiters, &append->waiters);
}

static bool join(struct rejects_queue *queue, const struct batch_frames *frames, uint64_t records,
                 struct waiter **waiters) {
    struct reject_append *last = queue->last;
    if (!last || !stream_may_extend(queue->stream, &last->append)) return false;
    const uint64_t raw = last->append.raw_size + frames->raw_size;
    if (raw > stream_segment_bytes_max(queue->stream) || make_room(last, frames->size))
        return false;
    add_frames(last, frames, records, waiters);
    return true;
}

static bool append_new(struct rejects_queue *queue, const struct batch_frames *frames,
                       uint64_t records, struct waiter **waiters) {
    struct reject_append *append = calloc(1, sizeof *append);
    if (!append) return false;
    append->queue = queue;
    append->append.done = stored;
    if (make_room(append, frames->size)) {
        free(append);
        return false;
    }
    add_frames(append, frames, records, waiters);
    queue->last = append;
    stream_append(queue->stream, &append->append);
    return true;
}

static void report_full(struct rejects_queue *queue) {
    const int64_t now = port_now_ns(queue->port);
    if (queue->said_ns && now - queue->said_ns < SAY_AGAIN_NS) return;
    queue->said_ns = now;
    say("quarantine does not take rejected records as fast as they come; holding %u MiB, dropping "
        "more (counted as quarantine_full)",
        REJECTS_QUEUE_BYTES_MAX >> 20);
}

void rejects_queue_add(struct rejects_queue *queue, const struct batch_frames *frames,
                       uint64_t records, struct waiter **waiters) {
    if (join(queue, frames, records, waiters) || append_new(queue, frames, records, waiters))
        return;
    acks_written(waiters, NULL, 0);
    report_full(queue);
    queue->counters->in_flight -= records;
    queue->counters->dropped[DROP_QUARANTINE_FULL] += records;
}

static void stored(struct stream_append *append, int result) {
    struct reject_append *done = PORT_CONTAINER(struct reject_append, append, append);
    struct rejects_queue *queue = done->queue;
    struct counters *counters = queue->counters;
    counters->in_flight -= done->records;
    if (result < 0) { /* given up at a stop */
        counters->dropped[DROP_QUARANTINE_FULL] += done->records;
        counters->rejects_given_up += done->records;
    } else {
        counters->rejected += done->records;
    }
    acks_written(&done->waiters, queue->stream, result);
    queue->bytes -= memory_of(done->room);
    if (queue->last == done) queue->last = NULL;
    free(append->bytes);
    free(done);
}
