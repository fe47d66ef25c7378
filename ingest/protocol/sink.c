/* sink.c - see sink.h. */
#include "ingest/protocol/sink.h"

#include <string.h>

/* Newlines may be rare, or every few bytes. */
static uint32_t count_newlines(const uint8_t *bytes, size_t size) {
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == '\n';
    return count;
}

/* Without a last LF or CRLF, unless it is nothing else. */
static size_t without_end(const uint8_t *bytes, size_t size) {
    if (size > 1 && bytes[size - 1] == '\n') size--;
    if (size > 1 && bytes[size - 1] == '\r') size--;
    return size;
}

bool sink_record(const struct sink *sink, const uint8_t *bytes, size_t size, enum sink_form form) {
    size = without_end(bytes, size);
    if (form == SINK_LINE || !memchr(bytes, '\n', size)) {
        if (size + 1 > sink_line_room(sink)) return false;
        uint8_t *place = sink_lines(sink, (uint32_t)size + 1);
        memcpy(place, bytes, size);
        place[size] = '\n';
        return true;
    }
    const uint32_t spare =
        form == SINK_ESCAPE ? sink_spare(sink, size, count_newlines(bytes, size)) : 0;
    if (size + spare + 1 > sink_line_room(sink)) return false;
    memcpy(batch_add_record(sink->batch, sink->origin, (uint32_t)size, spare), bytes, size);
    return true;
}

bool sink_forward(const struct sink *sink, const uint8_t *head, size_t head_size,
                  const uint8_t *bytes, size_t size, uint64_t json_bytes) {
    const uint32_t json = sink_json_room(sink, json_bytes);
    const size_t whole = head_size + size;
    if (BATCH_FORWARD_BYTES(whole, json) > sink_line_room(sink)) return false;
    uint8_t *place = batch_add_forward(sink->batch, sink->origin, (uint32_t)whole, json);
    memcpy(place, head, head_size);
    if (size > 0) memcpy(place + head_size, bytes, size);
    return true;
}

bool sink_reject(const struct sink *sink, const uint8_t *bytes, size_t size, uint32_t reason,
                 uint64_t record_size) {
    const size_t kept = size < QUARANTINE_KEEP_OVERSIZED_MAX ? size : QUARANTINE_KEEP_OVERSIZED_MAX;
    if (kept + 1 > sink_line_room(sink)) return false;
    uint8_t *place =
        batch_add_aside(sink->batch, sink->origin, (uint32_t)kept + 1, reason, record_size);
    memcpy(place, bytes, kept);
    place[kept] = '\n';
    return true;
}
