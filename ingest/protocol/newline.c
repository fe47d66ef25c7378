/* newline.c - lines that end in LF or CRLF; blank lines, such as keep-alives, are no records.
 *
 * The fast path: whole lines are copied as one run, however many they are, and only a worker looks
 * at their bytes. */
#include <string.h>

#include "ingest/protocol/protocol.h"

/* The offset after the last newline in these bytes; 0: there is none. */
static size_t whole_lines(const uint8_t *bytes, size_t size) {
    while (size > 0 && bytes[size - 1] != '\n')
        size--;
    return size;
}

/* The first line, if it has room; 0: it has not, or does not end here. */
static size_t first_line(const uint8_t *bytes, size_t size, size_t room) {
    const uint8_t *newline = memchr(bytes, '\n', size < room ? size : room);
    return newline == NULL ? 0 : (size_t)(newline - bytes) + 1;
}

static size_t take(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size) {
    struct partial *partial = &session->partial;
    size_t taken = 0;
    while (taken < size) {
        const uint8_t *at = bytes + taken;
        const size_t left = size - taken, room = sink_room(sink);
        size_t whole = 0;
        if (partial->size == 0) whole = whole_lines(at, left < room ? left : room);
        if (partial->size == 0 && whole == 0) whole = first_line(at, left, sink_line_room(sink));
        if (whole > 0) {
            memcpy(sink_lines(sink, (uint32_t)whole), at, whole);
            taken += whole;
            continue;
        }
        const uint8_t *newline = memchr(at, '\n', left);
        if (!newline) {
            partial_add(partial, sink, at, left);
            return size;
        }
        /* The end of an unfinished line, or a whole line that does not fit. */
        if (partial->size == 0) return taken;
        const size_t part = (size_t)(newline - at);
        if (!partial_finish(partial, sink, at, part, SINK_LINE)) return taken;
        taken += part + 1;
    }
    return taken;
}

static bool end(struct session *session, const struct sink *sink) {
    return partial_end(&session->partial, sink, SINK_LINE);
}

/* One object: no newline before its end, and nothing to refuse. */
static bool is_plain_datagram(const uint8_t *bytes, size_t size) {
    return bytes[0] == '{' && size > 1 && bytes[1] != '\0' && !memchr(bytes, '\n', size - 1);
}

const struct protocol protocol_newline = {
    .name = "newline", .take = take, .end = end, .is_plain_datagram = is_plain_datagram};
