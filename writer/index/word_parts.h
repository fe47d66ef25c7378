/* word_parts.h - every four letters that follow each other in a group's lines, so that a filter also
 * serves a search for a part of a word: timeout in gatewaytimeouts.
 *
 * Letters are ASCII, in any case.  Four of a to f are left out: hexadecimal ids have all of them.
 * The others are tokens of the filter, after a byte that no UTF-8 has (FORMAT.md).  Pure: any
 * thread. */
#ifndef WRITER_INDEX_WORD_PARTS_H
#define WRITER_INDEX_WORD_PARTS_H

#include "writer/index/tokens.h"

/* More different ones than 1 MiB of logs has, unless it has ids of all letters; with more, the
 * group's filter has none. */
#define WORD_PARTS_MAX         4096
#define WORD_PARTS_LITERAL_MAX 16

/* All zero: empty, and holds no memory. */
struct word_parts {
    uint64_t *open; /* bit of each four letters: not found yet */
    uint32_t *found;
    uint32_t count;
    bool too_many;
};

/* Adds the parts of these bytes; no part continues into the next call.  0 or ERR_NO_MEMORY. */
int word_parts_add(struct word_parts *parts, const uint8_t *bytes, size_t size);
/* Adds them to the tokens (NULL: does not) and forgets them.  False: there were too many, and none
 * was added. */
bool word_parts_end(struct word_parts *parts, struct token_set *set);
void word_parts_free(struct word_parts *parts);

/* The hashes that a filter with parts holds if a line of the group contains the literal, in any
 * ASCII case; some of them, at most max.  Returns how many; 0: any group may contain it. */
uint32_t word_parts_of_literal(const uint8_t *literal, size_t size, uint64_t *hashes, uint32_t max);

#endif
