/* pattern.h - regular expressions: JSON Schema's (ECMA-262 with the u flag), translated for PCRE2,
 * and PCRE2's own for the reader.  Only pattern.c includes PCRE2.
 *
 * Syntax that ECMA-262 does not allow is refused even if PCRE2 knows it (\A, \Z, \a, possessive
 * quantifiers, POSIX classes ...).  Syntax that PCRE2 does not support is refused, too: a
 * lookbehind of variable length, \p{Changes_When_NFKC_Casefolded}, scripts newer than the library,
 * a pattern that compiles to more than PCRE2's limit.  One known difference in matching: a group in
 * a loop keeps its capture of an earlier iteration, which only a back reference in that loop can
 * see.
 *
 * A pattern is immutable and may be shared by threads; each thread needs a scratch of its own. */
#ifndef SCHEMA_REGEX_PATTERN_H
#define SCHEMA_REGEX_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/regex/pattern_problem.h"

struct pattern;
struct pattern_scratch;

/* ---- ECMA-262 ---- */

/* `ecma` is decoded text (text.h).  ERR_INVALID: *problem says why.  ERR_NO_MEMORY.  The caller
 * frees *out with pattern_free. */
int pattern_compile(const char *ecma, size_t size, struct pattern **out,
                    struct pattern_problem *problem);
/* True if the syntax is valid in ECMA-262, whether or not PCRE2 supports it.  No allocation. */
bool pattern_is_ecma(const char *text, size_t size);
/* Starts a line of `size` bytes: the matches for it may take as many steps together as one match of
 * a text of that size. */
void pattern_line_begins(struct pattern_scratch *scratch, size_t size);
/* 1: the pattern matches somewhere in `text` (decoded, text.h); 0: it does not; ERR_TOO_LARGE:
 * given up after too many steps (about 10 ms, plus 10 ms for each 100 KiB of text) or too much
 * memory.  No allocation. */
int pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                  size_t size);

/* ---- PCRE2's own syntax; ^ and $ match at each line, also at an empty last one; \b, \d, \s, \w
 * and classes like [:alpha:] know all of Unicode; invalid UTF-8 matches nothing ---- */

/* ERR_INVALID: *problem says why.  ERR_NO_MEMORY. */
int pattern_compile_plain(const char *pcre, bool ignore_case, struct pattern **out,
                          struct pattern_problem *problem);
/* Searches from `from` on.  1: found, from *begin to *end.  0: not found.  Negative: given up
 * (after about a second).  Only for patterns of pattern_compile_plain. */
int pattern_find(const struct pattern *pattern, struct pattern_scratch *scratch, const char *text,
                 size_t size, size_t from, size_t *begin, size_t *end);

/* ---- both ---- */

void pattern_free(struct pattern *pattern); /* NULL is allowed */
/* Works with any pattern, one at a time.  ERR_NO_MEMORY. */
int pattern_scratch_make(struct pattern_scratch **out);
void pattern_scratch_free(struct pattern_scratch *scratch); /* NULL is allowed */

/* "PCRE2 10.42 with JIT": the library; written to `text`, which is returned. */
#define PATTERN_LIBRARY_MAX 64
const char *pattern_library(char text[PATTERN_LIBRARY_MAX]);

#endif
