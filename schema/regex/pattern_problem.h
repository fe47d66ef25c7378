/* pattern_problem.h - why a regular expression is refused: what the parser (ecma.h) and its caller
 * (pattern.h) share. */
#ifndef SCHEMA_REGEX_PATTERN_PROBLEM_H
#define SCHEMA_REGEX_PATTERN_PROBLEM_H

#include <stddef.h>

/* Longer patterns are refused. */
#define PATTERN_BYTES_MAX (64u << 10)

struct pattern_problem {
    size_t offset;      /* of the byte in the pattern */
    char sentence[128]; /* "nothing to repeat" */
};

#endif
