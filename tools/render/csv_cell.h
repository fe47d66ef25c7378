/* csv_cell.h - one cell of comma-separated values (RFC 4180).  Pure, but for memory. */
#ifndef TOOLS_RENDER_CSV_CELL_H
#define TOOLS_RENDER_CSV_CELL_H

#include <stdbool.h>

#include "tools/query/text.h"

/* Appends the cell, quoted if necessary or if it is empty: an absent value is an empty cell without
 * quotes.  safe: a cell that a spreadsheet could take for a formula begins with an apostrophe. */
void csv_add_cell(struct text *line, const uint8_t *p, size_t size, bool safe);

#endif
