/* decoded.h - patterns that match the decoded strings of a line, where its bytes do not match.
 *
 * A line can do so only if it has a backslash, or if the pattern looks at what is around a match
 * (regex.h).  So a search looks for `signs` in the whole block and decodes the lines that have
 * one. */
#ifndef TOOLS_QUERY_DECODED_H
#define TOOLS_QUERY_DECODED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/strings.h"
#include "tools/query/find_set.h"

/* Adds the literals of which a line has one if a decoded string of it has one of the needles and
 * its bytes do not.  Those are escapes and, ignoring case, characters that are not ASCII and have
 * an ASCII letter as their other case.  No needles: any backslash.  0 or ERR_NO_MEMORY. */
int decoded_signs(const struct needle_set *needles, struct needle_set *signs);

typedef bool decoded_match(void *context, const uint8_t *text, size_t size);
/* Does it match one of the line's strings, decoded?  False if the line is not JSON.  all: also
 * strings without a backslash. */
bool decoded_matches(struct strings_room *room, const uint8_t *line, size_t size, bool all,
                     decoded_match *match, void *context);

/* Has the text characters that are not ASCII, or ASCII letters with such a character as their
 * other case: k has U+212A, s has U+017F (CaseFolding.txt of Unicode, status C)? */
bool decoded_folds(const char *text);

#endif
