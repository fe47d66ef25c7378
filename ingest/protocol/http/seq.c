/* seq.c - what clients of Seq send: events in CLEF, one on each line, or {"Events":[...]}. */
#include <stdio.h>

#include "ingest/protocol/http/rows.h"

static size_t write_result(struct http *http, char *out, size_t room) {
    if (http->status < 400) return (size_t)snprintf(out, room, "{\"MinimumLevelAccepted\":null}\n");
    if (http_has_rejected(http))
        return (size_t)snprintf(
            out, room,
            "{\"Error\":\"%llu of the events were rejected, the first is number "
            "%u\"}\n",
            (unsigned long long)http->rejected, http->first.line);
    return (size_t)snprintf(out, room, "{\"Error\":\"%s\"}\n", http_problem(http));
}

/* ---- {"Events":[...]} ---- */

enum step { BEFORE, EVENTS, AFTER, LINES };

/* What is before the list, without white space. */
static const char beginning[] = "{\"Events\":[";

/* Is the next byte inside of its name? */
static bool in_name(const struct http_wrapped *wrapped) {
    return wrapped->at > 1 && beginning[wrapped->at] != ':' && beginning[wrapped->at] != '[';
}

/* False: the body begins otherwise, so it is lines. */
static bool begins(struct http_wrapped *wrapped, uint8_t byte) {
    if (depth_space(byte)) return !in_name(wrapped);
    if (byte != (uint8_t)beginning[wrapped->at]) return false;
    if (beginning[++wrapped->at] != '\0') return true;
    wrapped->step = EVENTS;
    return true;
}

/* The bytes up to the bracket that closes the list, which is one of them if *closes. */
static size_t to_the_end(struct http_wrapped *wrapped, const uint8_t *bytes, size_t size,
                         bool *closes) {
    *closes = false;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = bytes[i];
        if (wrapped->in_string) {
            if (byte == '"' && !wrapped->escaped) wrapped->in_string = false;
            wrapped->escaped = byte == '\\' && !wrapped->escaped;
        } else if (byte == '"') {
            wrapped->in_string = true;
        } else if (byte == '{' || byte == '[') {
            wrapped->open++;
        } else if (byte == '}' || byte == ']') {
            *closes = wrapped->open == 0;
            if (*closes) return i;
            wrapped->open--;
        }
    }
    return size;
}

static size_t take_events(struct session *session, const struct sink *sink, const uint8_t *bytes,
                          size_t size) {
    struct http_wrapped *wrapped = &http_of(session)->wrapped;
    const struct http_wrapped before = *wrapped;
    bool closes;
    const size_t part = to_the_end(wrapped, bytes, size, &closes);
    const size_t taken = http_reader_json.take(session, sink, bytes, part);
    if (taken < part) { /* no room: looked at again */
        bool ignored;
        *wrapped = before;
        to_the_end(wrapped, bytes, taken, &ignored);
        return taken;
    }
    if (!closes) return taken;
    if (!http_reader_json.end(session, sink)) return taken;
    wrapped->step = AFTER;
    return taken + 1;
}

/* What was looked at may be a line, so it is kept as it was sent until the list begins. */
static size_t look(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct http *http = http_of(session);
    struct http_wrapped *wrapped = &http->wrapped;
    size_t taken = 0;
    for (; taken < size && wrapped->at == 0 && depth_space(bytes[taken]); taken++)
        http->lines += bytes[taken] == '\n';
    const size_t from = taken;
    while (taken < size && wrapped->step == BEFORE) { /* each round advances, or ends it */
        if (begins(wrapped, bytes[taken]))
            taken++;
        else
            wrapped->step = LINES;
    }
    if (wrapped->step == EVENTS) {
        partial_forget(&session->partial, sink->memory);
        http->lines = 0; /* events are counted */
    } else {
        partial_add(&session->partial, sink, bytes + from, taken - from);
    }
    return taken;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct http *http = http_of(session);
    struct http_wrapped *wrapped = &http->wrapped;
    size_t taken = 0;
    if (http->request.type == HTTP_TYPE_LINES) wrapped->step = LINES;
    if (wrapped->step == BEFORE) taken = look(session, sink, bytes, size);
    while (taken < size && wrapped->step == EVENTS) {
        const size_t part = take_events(session, sink, bytes + taken, size - taken);
        taken += part;
        if (part == 0 && wrapped->step == EVENTS) return taken;
    }
    if (taken < size && wrapped->step == LINES)
        return taken + http_reader_lines.take(session, sink, bytes + taken, size - taken);
    for (; taken < size; taken++) { /* AFTER */
        if (depth_space(bytes[taken]) || (bytes[taken] == '}' && !wrapped->closed)) {
            wrapped->closed = wrapped->closed || bytes[taken] == '}';
            continue;
        }
        http_give_up(session, 400, "the body does not end after its Events");
        return size;
    }
    return taken;
}

static bool end(struct session *session, const struct sink *sink) {
    switch (http_of(session)->wrapped.step) {
    case BEFORE: /* a line that is cut off, if anything */
    case LINES: return http_reader_lines.end(session, sink);
    case EVENTS:
        if (session->partial.size > 0) return http_reader_json.end(session, sink);
        return http_reject_end(session, sink);
    default: return http_of(session)->wrapped.closed || http_reject_end(session, sink);
    }
}

static const struct http_reader reader = {.take = take, .end = end};

static const struct http_route rows[] = {{.methods = HTTP_POST,
                                          .path = "/api/events/raw",
                                          .reader = &reader,
                                          .any_type = true,
                                          .status = 201,
                                          .write = write_result},
                                         {.methods = HTTP_POST,
                                          .path = "/ingest/clef",
                                          .reader = &http_reader_lines,
                                          .any_type = true,
                                          .status = 201,
                                          .write = write_result}};

const struct http_rows http_rows_seq = HTTP_ROWS(rows);
