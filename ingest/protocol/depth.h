/* depth.h - finds the end of a JSON object by counting brackets outside strings (RFC 8259 sections 2
 * and 7).  Whether the object is valid is for the validator to say; here it only has to end at the
 * right byte, also if it is not valid.
 *
 * One rule beyond the brackets: a `{` where JSON allows no value begins the next object, so that an
 * object that was cut off does not swallow all that follow it.  Pure: any thread. */
#ifndef INGEST_PROTOCOL_DEPTH_H
#define INGEST_PROTOCOL_DEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: before the first bracket, which must be the next byte. */
struct depth {
    uint32_t open;           /* brackets */
    bool in_string, escaped; /* escaped: the byte before was a backslash */
    uint8_t last;            /* the last byte outside strings that is not white space */
};

enum depth_step {
    DEPTH_INSIDE,
    DEPTH_COMPLETE, /* this byte closes the object */
    DEPTH_BREAK,    /* this `{` begins another object; nothing has changed */
};

static inline bool depth_space(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline bool depth_value_may_follow(uint8_t byte) {
    return byte == ':' || byte == ',' || byte == '[';
}

static inline void depth_step_in_string(struct depth *depth, uint8_t byte) {
    const bool escaped = depth->escaped;
    depth->escaped = !escaped && byte == '\\';
    if (byte == '"' && !escaped) depth->in_string = false;
}

static inline enum depth_step depth_step(struct depth *depth, uint8_t byte) {
    if (depth->in_string) {
        depth_step_in_string(depth, byte);
        return DEPTH_INSIDE;
    }
    if (depth_space(byte)) return DEPTH_INSIDE;
    if (byte == '{' && depth->open > 0 && !depth_value_may_follow(depth->last)) return DEPTH_BREAK;
    depth->last = byte;
    if (byte == '"') depth->in_string = true;
    if ((byte == '{' || byte == '[') && depth->open < UINT32_MAX) depth->open++;
    if (byte != '}' && byte != ']') return DEPTH_INSIDE;
    return --depth->open == 0 ? DEPTH_COMPLETE : DEPTH_INSIDE;
}

/* The same for many bytes at once: the end of the object that begins at `begin` (a `{`), or NULL if
 * it does not end before `end`, or contains anything for which it must be looked at byte by byte: a
 * break, a raw control character in a string, a backslash outside one, or a record separator.
 * *newlines: it contains some, between its tokens. */
const uint8_t *depth_object_end(const uint8_t *begin, const uint8_t *end, bool *newlines);

#endif
