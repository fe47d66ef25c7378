/* marks.h - the first of two passes over a line: finds its quotes, 64 bytes at a time.
 *
 * Checks everything that does not need the grammar, so that the grammar (json.c) need not read
 * strings: it goes from quote to quote.  Needs AVX2; on other CPUs, and for a line that is unusual
 * in any way, json.c uses its other methods.  Only for json.c.  Pure: any thread. */
#ifndef SCHEMA_JSON_MARKS_H
#define SCHEMA_JSON_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Longer lines are left to the other methods. */
#define JSON_MARKS_LINE_MAX 16384

struct json_marks {
    const uint8_t *newline; /* ends the line */
    bool escapes;           /* it contains a backslash */
    /* The offset of each quote that is not escaped; an even number of quotes. */
    uint32_t quotes_count;
    uint16_t quotes[JSON_MARKS_LINE_MAX + 16]; /* written 8 at a time */
};

/* True if this CPU supports it. */
bool json_marks_possible(void);
/* True: up to the newline the text is UTF-8, has no control character except a CR before the
 * newline, and every backslash begins a valid escape.  False: undecided.  Requires of the text what
 * json_check_line does. */
bool json_marks_find(const uint8_t *text, struct json_marks *marks);

#endif
