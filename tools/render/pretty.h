/* pretty.h - prints a JSON value with line breaks and indentation.  Pure, except for the output. */
#ifndef TOOLS_RENDER_PRETTY_H
#define TOOLS_RENDER_PRETTY_H

#include <stddef.h>

#include "tools/render/output.h"

/* One member or element per line, two spaces per level.  Invalid JSON gives unspecified but
 * readable output. */
void print_pretty(struct output *out, const char *json, size_t size);

#endif
