/* ecma.h - reads a regular expression as ECMA-262 has it with the u flag, and writes the same
 * in PCRE2's language, for the options that pattern.c compiles it with.  Only for
 * pattern.c, which says what comes out differently.  Pure: any thread. */
#ifndef SCHEMA_REGEX_ECMA_H
#define SCHEMA_REGEX_ECMA_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/regex/pattern_problem.h"

/* Groups within groups, and groups that have names. */
#define ECMA_DEPTH_MAX 200
#define ECMA_NAMES_MAX 200

/* The translation, ASCII; grows by realloc, and whoever calls frees it. */
struct ecma_output {
    char *bytes;
    size_t size, room;
    bool no_memory;       /* what came after is missing */
    bool back_references; /* there are some: what groups captured matters */
    bool properties;      /* \p or \P */
};

/* output NULL: only reads, allocates nothing, and does not mind what PCRE2 cannot do.  False: *problem
 * says what is wrong, or output->no_memory. */
bool ecma_translate(const char *text, size_t size, struct ecma_output *output,
                    struct pattern_problem *problem);

/* What stands in \p{name} or \p{name=value}, to PCRE2: "{Lu}"; at most ECMA_PROPERTY_MAX bytes with
 * the 0.  value NULL: there is no =.  ECMA_UNKNOWN: ECMA-262 knows no such property; ECMA_UNSUPPORTED:
 * PCRE2 does not, but only as far as we know: its compiler may still refuse. */
#define ECMA_PROPERTY_MAX 64
enum ecma_property { ECMA_KNOWN, ECMA_UNKNOWN, ECMA_UNSUPPORTED };
enum ecma_property ecma_property(const char *name, size_t name_size, const char *value,
                                 size_t value_size, char *out);

#endif
