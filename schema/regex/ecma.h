/* ecma.h - translates a regular expression of ECMA-262 (with the u flag) to PCRE2's syntax, for the
 * options that pattern.c compiles it with.  pattern.h lists the differences that remain.  Only for
 * pattern.c.  Pure: any thread. */
#ifndef SCHEMA_REGEX_ECMA_H
#define SCHEMA_REGEX_ECMA_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/regex/pattern_problem.h"

/* Limits on nested groups and on named groups. */
#define ECMA_DEPTH_MAX 200
#define ECMA_NAMES_MAX 200

/* The translation, in ASCII.  ecma_translate grows `bytes` by realloc; the caller frees it. */
struct ecma_output {
    char *bytes;
    size_t size, room;
    bool no_memory;       /* the rest is missing */
    bool back_references; /* there is one: captures matter */
    bool properties;      /* there is a \p or \P */
};

/* False: *problem says what is wrong, or output->no_memory is set.  output NULL: only checks the
 * syntax, allocates nothing, and accepts what PCRE2 does not support. */
bool ecma_translate(const char *text, size_t size, struct ecma_output *output,
                    struct pattern_problem *problem);

/* Writes PCRE2's name for \p{name} or \p{name=value} to `out`: "{Lu}", at most ECMA_PROPERTY_MAX
 * bytes with the terminating zero.  value NULL: there is no =.  ECMA_UNKNOWN: not in ECMA-262;
 * ECMA_UNSUPPORTED: not in PCRE2.  PCRE2's compiler may still refuse an ECMA_KNOWN one. */
#define ECMA_PROPERTY_MAX 64
enum ecma_property { ECMA_KNOWN, ECMA_UNKNOWN, ECMA_UNSUPPORTED };
enum ecma_property ecma_property(const char *name, size_t name_size, const char *value,
                                 size_t value_size, char *out);

#endif
