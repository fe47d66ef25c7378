/* where.h - the conditions of --where: comparisons of fields, combined with and, or, not.
 *
 *   status>=500    user.name = "Ann"    path ~ '^/api/'    exists trace    tags.0 != new
 *   not (a = 1 or b = 2) and c
 *
 * Comparisons are typed: numbers with numbers, strings with strings (byte by byte), true, false and
 * null with themselves. Between different types only != is true. A comparison with an absent field
 * is false.  A field alone is true if it is present and neither false nor null.  Integers are
 * compared exactly, whatever their length. */
#ifndef TOOLS_QUERY_WHERE_H
#define TOOLS_QUERY_WHERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/regex.h"

#define WHERE_ERROR_MAX (REGEX_ERROR_MAX + 100)

struct where; /* shared by threads */

/* 0 or ERR_INVALID; then `error` (WHERE_ERROR_MAX bytes) says what is wrong and where. */
int where_open(const char *text, struct where **where, char *error);
void where_close(struct where *where); /* NULL: does nothing */
/* Sets *gave_up if the result is unknown because a regular expression took too long. */
bool where_holds(const struct where *where, const uint8_t *record, size_t size,
                 struct regex_state *state, bool *gave_up);

#endif
