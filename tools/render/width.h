/* width.h - how many columns text takes on a terminal, and wrapping at that width.  Pure: any
 * thread. */
#ifndef TOOLS_RENDER_WIDTH_H
#define TOOLS_RENDER_WIDTH_H

#include <stddef.h>
#include <stdint.h>

#include "tools/query/text.h"

/* 0, 1 or 2 columns: East Asian wide characters and emoji take 2, combining marks of the common
 * scripts none. */
uint32_t width_of_point(uint32_t point);
/* Of UTF-8 without control characters; ANSI styles (ESC [ ... m) take no columns. */
size_t width_of_text(const uint8_t *p, size_t size);

/* Wraps the text, which has no newline, into lines of at most `columns`, after a space if one is
 * near enough; the second and later lines are indented by `indent` columns.  Appends to `out`. */
void width_wrap(const uint8_t *p, size_t size, uint32_t columns, uint32_t indent, struct text *out);

#endif
