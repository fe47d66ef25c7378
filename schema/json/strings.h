/* strings.h - the decoded strings of a line: names and values, at every depth, each by itself.
 *
 * The line need not be valid: then the strings are arbitrary parts of it, and strings_valid is
 * false.  Decoded text is that of text.h, but a lone surrogate becomes U+FFFD.  Pure: any
 * thread. */
#ifndef SCHEMA_JSON_STRINGS_H
#define SCHEMA_JSON_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that is kept from line to line; all zero: none. */
struct strings_room {
    char *bytes;
    size_t size;
};

struct strings {
    const char *line, *p, *end; /* a copy of the line; what is left of it is at p */
    char *decoded;
    bool all;
};

/* all: every string; otherwise those with a backslash, which decoding changes.  The room is used
 * until the next call with it.  False: out of memory. */
bool strings_open(struct strings *strings, struct strings_room *room, const uint8_t *line,
                  size_t size, bool all);
/* The next string, valid until the next call.  False: there is none. */
bool strings_next(struct strings *strings, const uint8_t **text, size_t *size);
/* True if the line is one JSON value; not necessarily an object. */
bool strings_valid(const struct strings *strings);
void strings_room_free(struct strings_room *room);

#endif
