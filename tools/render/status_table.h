/* status_table.h - prints the daemon's counters, which it reports as JSON, as a short table. */
#ifndef TOOLS_RENDER_STATUS_TABLE_H
#define TOOLS_RENDER_STATUS_TABLE_H

#include <stddef.h>

#include "tools/render/output.h"

/* Prints what an operator looks at first, and below it only the counters of trouble that are not 0.
 * Other text than the daemon's reply gives fewer lines, nothing worse. */
void print_status(struct output *out, const char *json, size_t size);

#endif
