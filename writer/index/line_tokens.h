/* line_tokens.h - the tokens of lines for a filter, as an index of version 3 has them.
 *
 * They are those of the lines' bytes, those of their strings after decoding (strings.h), those of
 * both with U+017F as s and U+212A as k, which are the same letters if case is ignored, and the
 * digits before the point of numbers with an exponent (exponents.h).  So a search may rely on the
 * filter whatever a line looks like.  Any thread. */
#ifndef WRITER_INDEX_LINE_TOKENS_H
#define WRITER_INDEX_LINE_TOKENS_H

#include "schema/json/strings.h"
#include "writer/index/tokens.h"
#include "writer/index/word_parts.h"

/* Memory that is kept from call to call; all zero: none. */
struct line_tokens {
    struct strings_room strings;
    uint8_t *folded;
    size_t folded_size;
    struct word_parts parts; /* of the lines since line_tokens_end */
};

/* Adds the tokens of whole lines.  0 or ERR_NO_MEMORY. */
int line_tokens_add(struct line_tokens *room, struct token_set *set, const uint8_t *lines,
                    size_t size);
/* After the last lines of a group: adds the parts of their words (word_parts.h; NULL: forgets them).
 * False: there were too many, and the set has none. */
bool line_tokens_end(struct line_tokens *room, struct token_set *set);
void line_tokens_free(struct line_tokens *room);

#endif
