/* nul.c - records that end in NUL, as GELF over TCP and some syslog senders write them.
 *
 * A newline does not end a record: between tokens it is white space, and inside a string, where JSON
 * does not allow it but senders of GELF write it, it is stored as \n.  Blank records are
 * keep-alives. */
#include <string.h>

#include "ingest/protocol/protocol.h"

/* The offset after the last NUL in these bytes; 0: there is none. */
static size_t whole_records(const uint8_t *bytes, size_t size) {
    while (size > 0 && bytes[size - 1] != '\0')
        size--;
    return size;
}

/* The offset of the first newline that is not the last byte of its record; size: there is none. */
static size_t inner_newline(const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size) {
        const uint8_t *newline = memchr(bytes + at, '\n', size - at);
        if (!newline) return size;
        at = (size_t)(newline - bytes);
        if (at + 1 < size && bytes[at + 1] != '\0') return at;
        at++;
    }
    return size;
}

/* Copies whole records as lines. */
static void copy_lines(uint8_t *place, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        place[i] = bytes[i] == '\0' ? '\n' : bytes[i];
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct partial *partial = &session->partial;
    size_t taken = 0;
    while (taken < size) {
        const uint8_t *at = bytes + taken;
        const size_t left = size - taken, room = sink_room(sink);
        size_t whole = 0;
        if (partial->size == 0) {
            whole = whole_records(at, left < room ? left : room);
            const size_t newline = inner_newline(at, whole);
            if (newline < whole) whole = whole_records(at, newline);
        }
        if (whole > 0) {
            copy_lines(sink_lines(sink, (uint32_t)whole), at, whole);
            taken += whole;
            continue;
        }
        const uint8_t *nul = memchr(at, '\0', left);
        if (!nul) {
            partial_add(partial, sink, at, left);
            return size;
        }
        const size_t part = (size_t)(nul - at);
        if (part + partial->size > 0 && !partial_finish(partial, sink, at, part, SINK_ESCAPE))
            return taken;
        taken += part + 1;
    }
    return taken;
}

static bool end(struct session *session, const struct sink *sink) {
    return partial_end(&session->partial, sink, SINK_ESCAPE);
}

const struct protocol protocol_nul = {.name = "nul", .take = take, .end = end};
