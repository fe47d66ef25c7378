/* quick.h - patterns as most schemas have them, "^[A-Z]{2,5}-\d+$", matched in one pass of a few ns.
 *
 * Only for pattern.c, which has PCRE2 for all others.  Pure, no allocation: any thread. */
#ifndef SCHEMA_REGEX_QUICK_H
#define SCHEMA_REGEX_QUICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUICK_PREFIX_MAX 32
#define QUICK_ITEMS_MAX  16

/* A literal, then sets of characters one behind the other, each so and so many times. */
struct quick {
    char prefix[QUICK_PREFIX_MAX];
    size_t prefix_size;
    uint32_t items;
    uint32_t min[QUICK_ITEMS_MAX], max[QUICK_ITEMS_MAX];
    uint16_t sets[256]; /* bit n: the byte is in the n-th item's set */
    uint16_t beyond;    /* bit n: so may be characters beyond ASCII */
    bool to_the_end;    /* $ */
};

/* `ecma` is known to be good (ecma.h).  False: it is not of the simple kind. */
bool quick_compile(const char *ecma, size_t size, struct quick *quick);
/* 1, 0, or -1: cannot tell. */
int quick_match(const struct quick *quick, const char *text, size_t size);

#endif
