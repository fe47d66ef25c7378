/* need.h - what every record that meets a condition contains: texts and numbers, joined by "all
 * of" and "one of".  groups.c compares them with the filters, query.c searches for them.
 *
 * A text is part of a string of the record, as it reads after decoding.  The record may write it
 * in several ways: M\u00fcller, a\/b, \u0061; a number likewise: 500, 500.0, 5e2.  This file knows
 * which bytes each of them contains.
 * Pure. */
#ifndef TOOLS_QUERY_NEED_H
#define TOOLS_QUERY_NEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/find_set.h"

enum need_kind {
    NEED_NOTHING, /* nothing is known */
    NEED_TEXT,
    NEED_NUMBER, /* the text is its part before the point (exponents.h) */
    NEED_ALL,    /* all of the parts */
    NEED_ONE,    /* one of the parts or more */
};

/* All zero: NEED_NOTHING. */
struct need {
    enum need_kind kind;
    uint8_t *text;
    size_t size;
    bool begins, ends;  /* the text is where the string begins, ends */
    struct need *parts; /* owned */
    uint32_t count;
};

/* Copies the text. */
struct need need_text(const void *text, size_t size, bool begins, bool ends);
/* A number in JSON's notation.  NEED_NOTHING: it is too short or too long to search for. */
struct need need_number(const void *number, size_t size);
/* Of nothing: NEED_NOTHING.  Takes over `part`. */
void need_add(struct need *need, enum need_kind kind, struct need part);
void need_free(struct need *need);

/* Adds literals of which every line with this need contains one or more, the most selective ones;
 * they have no newline.  *exponents: or it has a number with an exponent.  False: there are none,
 * or too many, and the set is of no use. */
bool need_spell(const struct need *need, struct needle_set *set, bool *exponents);

/* The hashes of tokens (tokens.h) that the filter of a group holds if a string of it contains the
 * text, or it has the number (line_tokens.h).  Returns how many; 0: any group may contain it. */
uint32_t need_tokens(const struct need *text, uint64_t *hashes, uint32_t max);

#endif
