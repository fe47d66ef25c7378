/* quick.h - matches simple patterns, as most schemas use, in one pass of a few ns:
 * "^[A-Z]{2,5}-\d+$".
 *
 * Only for pattern.c, which uses PCRE2 for all others.  Pure, no allocation: any thread. */
#ifndef SCHEMA_REGEX_QUICK_H
#define SCHEMA_REGEX_QUICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUICK_PREFIX_MAX 32
#define QUICK_ITEMS_MAX  16

/* A literal prefix, then items: a set of characters that repeats min to max times. */
struct quick {
    char prefix[QUICK_PREFIX_MAX];
    size_t prefix_size;
    uint32_t items;
    uint32_t min[QUICK_ITEMS_MAX], max[QUICK_ITEMS_MAX];
    uint16_t sets[256]; /* bit n: the byte is in item n's set */
    uint16_t beyond;    /* bit n: characters beyond ASCII may be in item n's set */
    bool anchored_end;  /* $ */
};

/* `ecma` is known to be valid (ecma.h).  False: the pattern is not simple. */
bool quick_compile(const char *ecma, size_t size, struct quick *quick);
/* 1: matches; 0: does not; -1: undecided, use PCRE2. */
int quick_match(const struct quick *quick, const char *text, size_t size);

#endif
