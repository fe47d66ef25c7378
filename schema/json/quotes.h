/* quotes.h - where a line's strings begin and end, found 64 bytes at a time before anything else.
 *
 * Whoever then goes over the line need not look for a string's end, each time waiting for
 * the one before it: that wait is most of what scanning costs.  Pure: any thread. */
#ifndef SCHEMA_JSON_QUOTES_H
#define SCHEMA_JSON_QUOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many places a line of `size` bytes may need: a string takes two quotes, and a comma or a
 * colon; what is written too much is overwritten or ignored. */
#define QUOTES_MAX(size) ((size) / 3 * 2 + 80)

/* Writes the offset of each quote that no backslash escapes, the text being JSON that json.h
 * accepts, with JSON_PADDING bytes behind it; returns how many they are. */
size_t quotes_find(const char *text, size_t size, uint32_t *quotes);

/* The ways in which that is done: the last that the CPU knows is taken.  Tests hold each against
 * the first. */
enum quotes_way { QUOTES_PLAIN, QUOTES_AVX2, QUOTES_AVX512, QUOTES_WAYS };
bool quotes_possible(enum quotes_way way);
size_t quotes_find_by(enum quotes_way way, const char *text, size_t size, uint32_t *quotes);

#endif
