/* sink.h - where a protocol puts what it has found: the open batch.
 *
 * Three ways: runs of whole lines (one copy, however many lines), single records, which may contain
 * newlines, and input that is rejected with a reason (partial.h).  Each call takes all or nothing;
 * nothing: the batch has no room, and the same call will succeed with an empty one.  Owner only. */
#ifndef INGEST_PROTOCOL_SINK_H
#define INGEST_PROTOCOL_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/acks.h"
#include "ingest/protocol/line_memory.h"
#include "writer/live/batch.h"

struct sink {
    struct batch *batch;
    const struct batch_origin *origin;
    struct line_memory *memory; /* for unfinished records */
    uint32_t line_bytes_max;    /* of a record, without CR and LF */
    struct acks *acks;          /* of the session; NULL: none yet (protocol.h) */
};

/* Acknowledgement: see acks.h.  Room for the acknowledgement of what is put into the batch now?
 * False: take no more until `committed` is called, also if the batch has room. */
static inline bool sink_may_acknowledge(const struct sink *sink) {
    return sink->acks && acks_room(sink->acks, sink->batch);
}
/* The records that were put into this batch since the last token, at least one, are those of this
 * token. The token must have none in an earlier batch. */
static inline void sink_acknowledge(const struct sink *sink, uint64_t token) {
    acks_add(sink->acks, sink->batch, token, true);
}
/* The same for a sender that does not wait for it, or not yet: the batch is not hurried. */
static inline void sink_acknowledge_later(const struct sink *sink, uint64_t token) {
    acks_add(sink->acks, sink->batch, token, false);
}
/* From now on it waits for all tokens so far. */
static inline void sink_await(const struct sink *sink) {
    acks_await(sink->acks);
}
/* The same for a token without records.  False: nothing is waited for, so it is committed now. */
static inline bool sink_acknowledge_nothing(const struct sink *sink, uint64_t token) {
    return acks_raise(sink->acks, token);
}

/* Bytes of whole lines that fit, and the longest line that fits, with its newline. */
static inline uint32_t sink_room(const struct sink *sink) {
    return batch_room(sink->batch);
}
static inline uint32_t sink_line_room(const struct sink *sink) {
    return batch_line_room(sink->batch);
}

/* Room for whole lines of `size` bytes together (size <= sink_room, or one line of
 * size <= sink_line_room); the caller fills all of it at once, and the last byte with a newline. */
static inline uint8_t *sink_lines(const struct sink *sink, uint32_t size) {
    return batch_add(sink->batch, sink->origin, size);
}

/* Bytes to reserve after a record so that its newlines can be escaped: at most what an empty batch
 * has.  If that is not enough, the worker rejects the record. */
static inline uint32_t sink_spare(const struct sink *sink, size_t size, uint32_t newlines) {
    const size_t most = sink->batch->raw_max - size - 1;
    return newlines < most ? newlines : (uint32_t)most;
}

/* How a record is made one line if it contains newlines. */
enum sink_form {
    SINK_LINE,   /* it contains none */
    SINK_TEXT,   /* between its tokens they become spaces */
    SINK_ESCAPE, /* also, inside strings they become \n */
};

/* Adds an entry of the forward protocol, in two parts, of which the first is not empty; its JSON takes
 * at most json_bytes (batch.h).  False: no room. */
bool sink_forward(const struct sink *sink, const uint8_t *head, size_t head_size,
                  const uint8_t *bytes, size_t size, uint64_t json_bytes);
/* json_bytes as batch_add_forward takes it. */
static inline uint32_t sink_json_room(const struct sink *sink, uint64_t json_bytes) {
    return json_bytes < sink->line_bytes_max ? (uint32_t)json_bytes : sink->line_bytes_max;
}

/* Adds one record of size > 0, which may end in newlines.  False: no room. */
bool sink_record(const struct sink *sink, const uint8_t *bytes, size_t size, enum sink_form form);
/* Adds one rejected record of record_size bytes, of which these are the first; not all of them are
 * kept.  False: no room. */
bool sink_reject(const struct sink *sink, const uint8_t *bytes, size_t size, uint32_t reason,
                 uint64_t record_size);

#endif
