/* visible.h - makes untrusted text safe for a terminal: control characters, invalid UTF-8 and
 * characters that change the reading order are shown as escapes.  Pure: any thread. */
#ifndef TOOLS_RENDER_VISIBLE_H
#define TOOLS_RENDER_VISIBLE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/query/text.h"

#define VISIBLE_BYTES_MAX 12

/* How many bytes at p (p < end) must not reach a terminal; 0: none.  Otherwise `shown`
 * (VISIBLE_BYTES_MAX bytes) receives their replacement: \u001b, or \x9b for invalid UTF-8.  Newline
 * and tab count as control characters. */
size_t visible_escape(const uint8_t *p, const uint8_t *end, char *shown);
/* The first byte at or after p that visible_escape must look at. */
const uint8_t *visible_next(const uint8_t *p, const uint8_t *end);

#endif
