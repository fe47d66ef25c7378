/* where.h - the conditions of --where: comparisons of fields, joined by and, or, not.
 *
 *   status>=500    user.name = "Ann"    path ~ '^/api/'    exists trace    tags.0 != new
 *   not (a = 1 or b = 2) and c
 *
 * Typed: a number is compared with numbers, a text with strings (by their bytes), true,
 * false and null with themselves.  Of two types, != holds and nothing else does.  A
 * comparison with a field that is not there never holds.  A field alone holds if it is there
 * and neither false nor null.  Whole numbers are compared exactly, however long. */
#ifndef TOOLS_QUERY_WHERE_H
#define TOOLS_QUERY_WHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/regex.h"

#define WHERE_ERROR_MAX (REGEX_ERROR_MAX + 100)

struct where; /* shared by threads */

/* ERR_INVALID, and `error` (WHERE_ERROR_MAX) says what is wrong where. */
int where_open(const char *text, struct where **where, char *error);
void where_close(struct where *where); /* NULL: nothing happens */
/* gave_up: set if it is not known whether it holds, for a regular expression took too long. */
bool where_holds(const struct where *where, const uint8_t *record, size_t size,
                 struct regex_state *state, bool *gave_up);

#endif
