/* pretty.h - one JSON value, laid out for people.  Pure but for the output. */
#ifndef TOOLS_RENDER_PRETTY_H
#define TOOLS_RENDER_PRETTY_H

#include <stddef.h>

#include "tools/render/output.h"

/* A member or element a line, two spaces a level.  Of what is no JSON, something
 * legible comes out. */
void print_pretty(struct output *out, const char *json, size_t size);

#endif
