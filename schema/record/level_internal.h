/* level_internal.h - the parts of level.c that facts.c uses. */
#ifndef SCHEMA_RECORD_LEVEL_INTERNAL_H
#define SCHEMA_RECORD_LEVEL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record/facts.h"

static inline char level_lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
}

/* Copies a level's text, as a JSON string has it, without spaces and brackets around it and without
 * the escape sequences that colour it: "[\u001b[32mINFO\u001b[39m]" gives "INFO".  Escapes are
 * decoded.  Returns the size, at most LEVEL_NAME_BYTES_MAX: a longer text is cut, and is no level
 * then.  `out` has one more byte. */
size_t level_strip(const char *text, size_t size, char *out);
/* Finds a name, in any case. */
bool level_names_find(const struct level_names *names, const char *text, size_t size,
                      uint8_t *level);

#endif
