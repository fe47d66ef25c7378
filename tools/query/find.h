/* find.h - finds a literal in a block of bytes, comparing many positions at a time.  Pure. */
#ifndef TOOLS_QUERY_FIND_H
#define TOOLS_QUERY_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct needle {
    uint8_t *bytes; /* in lower case if ignore_case */
    size_t size;
    bool ignore_case; /* ASCII letters only */
    /* Offsets of the two bytes that are rarest in log lines: only where both match is the whole
     * needle compared.  Equal if the needle has one byte. */
    size_t first, second;
    bool wide; /* compared with AVX2, 32 bytes at once; never with ignore_case */
};

/* Copies the bytes. 0 or ERR_NO_MEMORY. */
int needle_open(struct needle *needle, const void *bytes, size_t size, bool ignore_case);
void needle_close(struct needle *needle);

/* The first occurrence in [text, end), or NULL. An empty needle occurs at `text`. */
const uint8_t *find(const struct needle *needle, const uint8_t *text, const uint8_t *end);
/* The same without vector instructions, for other CPUs and for tests. */
const uint8_t *find_plain(const struct needle *needle, const uint8_t *text, const uint8_t *end);

/* How rare the byte is in log lines: larger is rarer. */
size_t find_rarity(uint8_t byte);

#endif
