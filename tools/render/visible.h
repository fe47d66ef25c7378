/* visible.h - text of others made safe for a terminal: what would be obeyed, or
 * would turn the line around, is shown as an escape instead.  Pure: any thread. */
#ifndef TOOLS_RENDER_VISIBLE_H
#define TOOLS_RENDER_VISIBLE_H

#include <stddef.h>
#include <stdint.h>

#define VISIBLE_BYTES_MAX 12

/* How many bytes at p (p < end) must not reach a terminal as they are; 0: none.  Else
 * `shown` (VISIBLE_BYTES_MAX bytes) is what stands for them: \u001b, or \x9b for what is
 * no UTF-8.  Newline and tab are among them. */
size_t visible_escape(const uint8_t *p, const uint8_t *end, char *shown);
/* The first byte at or behind p that visible_escape may have something to say about. */
const uint8_t *visible_next(const uint8_t *p, const uint8_t *end);
/* The bytes of the UTF-8 character at p (p < end); 0: it is none (RFC 3629). */
size_t utf8_character(const uint8_t *p, const uint8_t *end);

#endif
