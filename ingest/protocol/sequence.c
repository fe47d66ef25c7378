/* sequence.c - JSON text sequences (RFC 7464): a record separator (0x1E) before each text, and a
 * newline after it.
 *
 * A text ends at the next separator, and as soon as it is a complete object with a newline after it,
 * so that the last one need not wait for the next. */
#include <string.h>

#include "ingest/protocol/protocol.h"

#define RECORD_SEPARATOR 0x1E /* section 2.1 */

enum step { BETWEEN, HEADER, OBJECT, COMPLETE, OTHER };

/* True: the text ends with this byte, a newline. */
static bool text_step(struct sequence_state *state, uint8_t byte) {
    switch (state->step) {
    case BETWEEN:
        if (depth_space(byte)) return false;
        state->depth = (struct depth){0};
        state->step = byte == '{' ? OBJECT : byte == '<' ? HEADER : OTHER;
        if (byte == '{') depth_step(&state->depth, byte);
        if (byte == '<') syslog_step(&state->header, byte);
        return false;
    case HEADER:
        switch (syslog_step(&state->header, byte)) {
        case SYSLOG_MORE: break;
        case SYSLOG_OBJECT:
            state->step = OBJECT;
            depth_step(&state->depth, byte);
            break;
        default: state->step = OTHER; break;
        }
        return false;
    case OBJECT:
        switch (depth_step(&state->depth, byte)) {
        case DEPTH_COMPLETE: state->step = COMPLETE; break;
        case DEPTH_BREAK: state->step = OTHER; break;
        case DEPTH_INSIDE: break;
        }
        return false;
    case COMPLETE:
        if (byte == '\n') return true;
        if (!depth_space(byte)) state->step = OTHER;
        return false;
    default: return false;
    }
}

/* The size of a text that ends in a newline before a separator, and contains no other; 0: it is
 * another one. */
static size_t one_line(const uint8_t *bytes, size_t size) {
    const uint8_t *newline = memchr(bytes, '\n', size);
    if (!newline) return 0;
    const size_t part = (size_t)(newline - bytes) + 1;
    return part < size && bytes[part] == RECORD_SEPARATOR && !memchr(bytes, RECORD_SEPARATOR, part)
               ? part
               : 0;
}

static bool finish(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    if (session->partial.size > 0)
        return partial_finish(&session->partial, sink, bytes, size, SINK_TEXT);
    return size == 0 || sink_record(sink, bytes, size, SINK_TEXT);
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct sequence_state *state = &session->state.sequence;
    size_t taken = 0;
    while (taken < size) {
        const struct sequence_state before = *state;
        const uint8_t *at = bytes + taken;
        const size_t left = size - taken;
        size_t part = state->step == BETWEEN ? one_line(at, left) : 0;
        bool ended = false;
        while (part < left && at[part] != RECORD_SEPARATOR && !ended)
            ended = text_step(state, at[part++]);
        const bool separator = !ended && part < left;
        if (!ended && !separator) {
            partial_add(&session->partial, sink, at, part);
            return size;
        }
        if (!finish(session, sink, at, part)) {
            *state = before;
            return taken;
        }
        *state = (struct sequence_state){0};
        taken += part + separator;
    }
    return taken;
}

static bool end(struct session *session, const struct sink *sink) {
    return partial_end(&session->partial, sink, SINK_TEXT);
}

const struct protocol protocol_sequence = {.name = "json-seq", .take = take, .end = end};
