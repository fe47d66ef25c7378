/* find.h - where a literal stands in a block of bytes, many places at a time.
 * Pure. */
#ifndef TOOLS_QUERY_FIND_H
#define TOOLS_QUERY_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct needle {
    uint8_t *bytes; /* lower case if ignore_case */
    size_t size;
    bool ignore_case; /* ASCII letters only */
    /* The offsets of its two rarest bytes, as log lines go: where both match, all
     * is compared.  The same one, if there is but one byte. */
    size_t first, second;
    bool wide; /* its own: the processor compares 32 bytes at once, and all cases are given */
};

/* Copies the bytes.  ERR_NO_MEMORY. */
int needle_open(struct needle *needle, const void *bytes, size_t size, bool ignore_case);
void needle_close(struct needle *needle);

/* The first place in [text, end) where it stands whole, or NULL.  An empty needle
 * stands everywhere, at `text` too. */
const uint8_t *find(const struct needle *needle, const uint8_t *text, const uint8_t *end);
/* The same without vector instructions, for CPUs that have none and for tests. */
const uint8_t *find_plain(const struct needle *needle, const uint8_t *text, const uint8_t *end);

#endif
