/* quotes.h - finds where a line's strings begin and end, 64 bytes at a time, before anything else.
 *
 * A scanner that has these offsets need not search for the end of each string, which has to wait
 * for the end of the string before: most of the cost of scanning is that wait.  Pure: any
 * thread. */
#ifndef SCHEMA_JSON_QUOTES_H
#define SCHEMA_JSON_QUOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The entries that quotes_find may write for `size` bytes: a string takes two quotes and a comma or
 * a colon; vector code writes up to a block too much. */
#define QUOTES_MAX(size) ((size) / 3 * 2 + 80)

/* Writes the offset of each quote that is not escaped; returns how many there are.  The text is
 * JSON that json.h accepts, with JSON_PADDING readable bytes after it. */
size_t quotes_find(const char *text, size_t size, uint32_t *quotes);

/* The implementations: quotes_find uses the last that the CPU supports.  Tests compare each with
 * the first. */
enum quotes_method { QUOTES_PLAIN, QUOTES_AVX2, QUOTES_AVX512, QUOTES_METHODS };
bool quotes_possible(enum quotes_method method);
size_t quotes_find_by(enum quotes_method method, const char *text, size_t size, uint32_t *quotes);

#endif
