/* marks.h - the first of two looks at a line: where its quotes are, 64 bytes at a time.
 *
 * What can be said of bytes without the grammar is said here, so that the grammar (json.c) need not
 * look into strings: it hops from quote to quote.  For CPUs with AVX2; whoever has none, or a line
 * that is odd in any way, reads byte by byte.  Pure: any thread.  Only for json.c. */
#ifndef SCHEMA_JSON_MARKS_H
#define SCHEMA_JSON_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Longer lines are left to those who read byte by byte. */
#define JSON_MARKS_LINE_MAX 16384

struct json_marks {
    const uint8_t *newline; /* which ends the line */
    /* Of each quote that no backslash escapes, its distance from the text; an even number of them. */
    uint32_t quotes_count;
    uint16_t quotes[JSON_MARKS_LINE_MAX + 16]; /* filled 8 at a time, in blocks of 64 */
};

/* Whether this CPU can. */
bool json_marks_possible(void);
/* true: up to the newline the text is UTF-8, has no control character but a CR before the
 * newline, and what stands behind its backslashes makes them escapes.  false: nothing is decided.
 * The text is as json_check_line wants it. */
bool json_marks_find(const uint8_t *text, struct json_marks *marks);

#endif
