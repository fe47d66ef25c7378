/* concatenated.c - JSON objects one after the other, without a delimiter or with white space between
 * them, written on one line or over many, or in arrays of objects; each may follow a header of
 * syslog.
 *
 * The end of an object is found by depth (depth.h).  Between objects, white space, commas, record
 * separators, NULs and the brackets of arrays are skipped; anything else is one rejected record, up
 * to the next newline or `{` (in an array also the next comma or bracket).  An object that was cut
 * off ends where JSON cannot continue: at a `{` that begins no value, at a newline in a string
 * before a `{`, at a record separator; and when it has become too long, at the next `}{"`.  A
 * message of syslog that is text ends at a newline, a NUL or the priority of the next message. */
#include <string.h>

#include "ingest/protocol/protocol.h"

enum step { BETWEEN, HEADER, OBJECT, MESSAGE, OTHER, OTHER_STRING };

enum ending {
    CONTINUES,
    ENDS_AFTER,           /* with this byte */
    ENDS_BEFORE,          /* this byte is not part of it */
    ENDS_BEFORE_PRIORITY, /* this byte ends the priority of the next message */
};

#define RECORD_SEPARATOR 0x1E /* RFC 7464 section 2.1 */

static enum ending object_step(struct concatenated_state *state, uint8_t byte, bool too_long) {
    struct depth *depth = &state->depth;
    if (byte == RECORD_SEPARATOR) return ENDS_BEFORE;
    const bool next_message = byte == '<' && state->header.at > 0;
    if (state->newline_in_string && (byte == '{' || next_message)) return ENDS_BEFORE;
    if (next_message && !depth->in_string) return ENDS_BEFORE;
    state->newline_in_string = depth->in_string && byte == '\n';
    switch (depth_step(depth, byte)) {
    case DEPTH_COMPLETE: return ENDS_AFTER;
    case DEPTH_BREAK: return ENDS_BEFORE;
    case DEPTH_INSIDE: break;
    }
    /* tail: 1 after `}`, 2 after `}{`; a quote then ends the record before the brace. */
    if (state->tail == 2 && byte == '"' && too_long) return ENDS_BEFORE;
    state->tail = byte == '}' ? 1 : state->tail == 1 && byte == '{' ? 2 : 0;
    return CONTINUES;
}

/* In the words of a message: true: this byte ends the priority of the next one. */
static bool priority_step(struct concatenated_state *state, uint8_t byte) {
    const uint8_t size = state->priority_size;
    uint32_t priority = 0;
    state->priority_size = 0;
    if (byte != '<' && (size == 0 || size == sizeof state->priority)) return false;
    state->priority[byte == '<' ? 0 : size] = byte;
    if (byte == '<' || (byte >= '0' && byte <= '9')) {
        state->priority_size = byte == '<' ? 1 : (uint8_t)(size + 1);
        return false;
    }
    for (uint8_t i = 1; i < size; i++)
        priority = priority * 10 + (uint32_t)(state->priority[i] - '0');
    if (byte != '>' || size == 1 || priority > SYSLOG_PRIORITY_MAX) return false;
    state->priority_size = (uint8_t)(size + 1);
    return true;
}

static enum ending header_step(struct concatenated_state *state, uint8_t byte) {
    if (byte == RECORD_SEPARATOR) return ENDS_BEFORE;
    if (byte == '\n' || byte == '\0') return ENDS_AFTER;
    if (syslog_in_words(&state->header) && priority_step(state, byte)) return ENDS_BEFORE_PRIORITY;
    switch (syslog_step(&state->header, byte)) {
    case SYSLOG_MORE: break;
    case SYSLOG_OBJECT:
        state->step = OBJECT;
        depth_step(&state->depth, byte);
        break;
    case SYSLOG_TEXT: state->step = MESSAGE; break;
    case SYSLOG_NONE: state->step = OTHER; break;
    }
    return CONTINUES;
}

static enum ending message_step(struct concatenated_state *state, uint8_t byte) {
    if (byte == RECORD_SEPARATOR) return ENDS_BEFORE;
    if (byte == '\n' || byte == '\0') return ENDS_AFTER;
    return priority_step(state, byte) ? ENDS_BEFORE_PRIORITY : CONTINUES;
}

static enum ending other_step(struct concatenated_state *state, uint8_t byte) {
    if (byte == RECORD_SEPARATOR) return ENDS_BEFORE;
    if (state->step == OTHER_STRING && !state->depth.in_string) { /* its opening quote */
        state->depth.in_string = true;
        return CONTINUES;
    }
    if (state->step == OTHER_STRING) {
        depth_step_in_string(&state->depth, byte);
        if (byte == '\n') return ENDS_AFTER;
        if (!state->depth.in_string) state->step = OTHER;
        return CONTINUES;
    }
    if (byte == '\n' || byte == '{') return byte == '{' ? ENDS_BEFORE : ENDS_AFTER;
    if (state->in_array && (byte == ',' || byte == ']')) return ENDS_BEFORE;
    return CONTINUES;
}

/* Before a record: false: this byte is skipped. */
static bool begins(struct concatenated_state *state, uint8_t byte) {
    if (depth_space(byte) || byte == ',' || byte == RECORD_SEPARATOR || byte == '\0') return false;
    if ((byte == '[' && !state->in_array) || (byte == ']' && state->in_array)) {
        state->in_array = byte == '[';
        return false;
    }
    state->depth = (struct depth){0};
    state->newline_in_string = false;
    state->tail = 0;
    state->header = (struct syslog_header){0};
    state->priority_size = 0;
    state->step = byte == '{' || byte == '[' ? OBJECT
                  : byte == '<'              ? HEADER
                  : byte == '"'              ? OTHER_STRING
                                             : OTHER;
    return true;
}

/* The object that begins here, or after a header of syslog; NULL: there is none, or it needs a closer
 * look. */
static const uint8_t *object_at(const uint8_t *at, const uint8_t *end) {
    struct syslog_header header;
    if (*at == '{') return at;
    if (*at != '<') return NULL;
    if (syslog_parse(at, (size_t)(end - at), &header) != SYSLOG_OBJECT) return NULL;
    const size_t size = header.message;
    for (size_t i = 0; i < size; i++) /* what ends a message, or may begin the next one */
        if (at[i] == '\n' || at[i] == '\0' || at[i] == RECORD_SEPARATOR || (i > 0 && at[i] == '<'))
            return NULL;
    return at + size;
}

/* The whole objects that follow each other in these bytes, quickly; returns how many bytes. */
static size_t take_objects(const struct sink *sink, const uint8_t *bytes, size_t size, bool *room) {
    const uint8_t *at = bytes, *end = bytes + size;
    *room = true;
    while (at < end) {
        bool newlines = false;
        const uint8_t *object = object_at(at, end);
        const uint8_t *next = object ? depth_object_end(object, end, &newlines) : NULL;
        if (!next || (size_t)(next - at) > sink->line_bytes_max) break;
        /* Outside strings it begins the next message. */
        if (object != at && memchr(object, '<', (size_t)(next - object)) != NULL) break;
        *room = sink_record(sink, at, (size_t)(next - at), newlines ? SINK_TEXT : SINK_LINE);
        if (!*room) break;
        at = next;
        while (at < end && (depth_space(*at) || *at == ','))
            at++;
    }
    return (size_t)(at - bytes);
}

static bool finish(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    return session->partial.size == 0
               ? sink_record(sink, bytes, size, SINK_TEXT)
               : partial_finish(&session->partial, sink, bytes, size, SINK_TEXT);
}

static enum ending record_step(struct concatenated_state *state, uint8_t byte, bool too_long) {
    switch (state->step) {
    case HEADER: return header_step(state, byte);
    case OBJECT: return object_step(state, byte, too_long);
    case MESSAGE: return message_step(state, byte);
    default: return other_step(state, byte);
    }
}

/* The priority of the next message ends these bytes; some of it may already be part of this one.
 * Returns as take_record does. */
static int64_t end_before_priority(struct session *session, const struct sink *sink,
                                   const struct concatenated_state *before, const uint8_t *bytes,
                                   size_t size) {
    struct concatenated_state *state = &session->state.concatenated;
    const size_t whole = state->priority_size;
    const size_t earlier = whole > size ? whole - size : 0;
    uint8_t priority[sizeof state->priority];
    memcpy(priority, state->priority, whole);
    partial_cut(&session->partial, sink->memory, session->partial.size - earlier);
    const size_t left = size > whole ? size - whole : 0;
    if (session->partial.size + left > 0 && !finish(session, sink, bytes, left)) {
        partial_add(&session->partial, sink, priority, earlier);
        *state = *before;
        return -1;
    }
    *state = (struct concatenated_state){.in_array = state->in_array};
    begins(state, '<');
    for (size_t i = 0; i < whole; i++)
        header_step(state, priority[i]);
    partial_add(&session->partial, sink, priority, whole);
    return (int64_t)size;
}

/* The record that has begun; the first of these bytes is its next.  Returns how many bytes it took,
 * or -1: no room. */
static int64_t take_record(struct session *session, const struct sink *sink, const uint8_t *bytes,
                           size_t size) {
    struct concatenated_state *state = &session->state.concatenated;
    const struct concatenated_state before = *state;
    for (size_t i = 0; i < size; i++) {
        const bool too_long = session->partial.size + i > sink->line_bytes_max;
        const enum ending ending = record_step(state, bytes[i], too_long);
        if (ending == CONTINUES) continue;
        if (ending == ENDS_BEFORE_PRIORITY)
            return end_before_priority(session, sink, &before, bytes, i + 1);
        const size_t part = i + (ending == ENDS_AFTER);
        if (!finish(session, sink, bytes, part)) {
            *state = before;
            return -1;
        }
        const bool brace_taken = state->tail == 2 && bytes[i] == '"' && ending == ENDS_BEFORE;
        *state = (struct concatenated_state){.in_array = state->in_array};
        if (brace_taken) { /* it was the first byte of the next object */
            begins(state, '{');
            object_step(state, '{', false);
            partial_add(&session->partial, sink, (const uint8_t *)"{", 1);
        }
        return (int64_t)part;
    }
    partial_add(&session->partial, sink, bytes, size);
    return (int64_t)size;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct concatenated_state *state = &session->state.concatenated;
    size_t taken = 0;
    while (taken < size) {
        if (state->step == BETWEEN) {
            bool room;
            taken += take_objects(sink, bytes + taken, size - taken, &room);
            if (!room || taken == size) return taken;
            if (!begins(state, bytes[taken])) {
                taken++;
                continue;
            }
        }
        const int64_t part = take_record(session, sink, bytes + taken, size - taken);
        if (part < 0) return taken;
        taken += (size_t)part;
    }
    return taken;
}

void concatenated_resume(struct session *session, const struct depth *depth) {
    session->state.concatenated = (struct concatenated_state){.depth = *depth, .step = OBJECT};
}

static bool end(struct session *session, const struct sink *sink) {
    return session->partial.size == 0 || finish(session, sink, NULL, 0);
}

const struct protocol protocol_concatenated = {.name = "concatenated", .take = take, .end = end};
