/* pattern.h - regular expressions: JSON Schema's (ECMA-262 with the u flag), translated for
 * PCRE2, and PCRE2's own for the reader.  Only this file's .c knows PCRE2.
 *
 * What ECMA-262 does not allow is refused even where PCRE2 knows it (\A, \Z, \a, possessive
 * quantifiers, POSIX classes ...).  What it allows and PCRE2 cannot do is refused too: a
 * lookbehind of no fixed length, \p{Changes_When_NFKC_Casefolded}, scripts
 * younger than the library, what compiles to more than it can hold.  One known difference in
 * what matches: a group in a loop keeps what it captured in an earlier round, which only a
 * back reference in such a loop can see.
 *
 * A pattern is immutable and shared by threads; each thread brings a scratch. */
#ifndef SCHEMA_REGEX_PATTERN_H
#define SCHEMA_REGEX_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/regex/pattern_problem.h"

struct pattern;
struct pattern_scratch;

/* ---- ECMA-262 ---- */

/* `ecma` is decoded text (text.h).  ERR_INVALID and *problem is filled, or ERR_NO_MEMORY. */
int pattern_compile(const char *ecma, size_t size, struct pattern **out,
                    struct pattern_problem *problem);
/* Is it one as ECMA-262 has it, whether or not PCRE2 can do it?  No allocation. */
bool pattern_is_ecma(const char *text, size_t size);
/* A line of so many bytes: its texts together take no more steps than one of that size may. */
void pattern_line_begins(struct pattern_scratch *scratch, size_t size);
/* 1: matches somewhere in `text`, which is decoded text (text.h); 0: it does not; ERR_TOO_LARGE: given
 * up, for it takes too many steps (some 10 ms, and 10 more for each 100 KiB of text) or too much
 * memory.  No allocation. */
int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                  size_t size);

/* ---- PCRE2's own, with ^ and $ at each line; text that is not UTF-8 matches nothing ---- */

int pattern_compile_plain(const char *pcre, bool ignore_case, struct pattern **out,
                          struct pattern_problem *problem);
/* 1: found, *begin and *end say where.  0: not there.  Negative: given up (a second or so).
 * Only for patterns of pattern_compile_plain. */
int pattern_find(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                 size_t size, size_t from, size_t *begin, size_t *end);

/* ---- both ---- */

void pattern_free(struct pattern *pattern); /* NULL is fine */
/* Serves any pattern, one at a time.  ERR_NO_MEMORY. */
int pattern_scratch_make(struct pattern_scratch **out);
void pattern_scratch_free(struct pattern_scratch *scratch); /* NULL is fine */

#endif
