/* format_internal.h - one function per format, and helpers that they share.  Only for this room. */
#ifndef SCHEMA_FORMAT_FORMAT_INTERNAL_H
#define SCHEMA_FORMAT_FORMAT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/format/format.h"

#define X(kind, name, holds) bool holds(const char *text, size_t size);
FORMAT_TABLE(X)
#undef X

static inline bool format_is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool format_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool format_is_hex(char c) {
    return format_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* True if c is one of `these`; false for 0. */
static inline bool format_is_among(char c, const char *these) {
    for (; *these != '\0'; these++)
        if (*these == c) return true;
    return false;
}

/* The code point at *at; moves *at past it.  Lone surrogates are returned as they are. */
static inline uint32_t format_next_point(const char *text, size_t size, size_t *at) {
    const uint8_t first = (uint8_t)text[(*at)++];
    if (first < 0x80) return first;
    const int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    uint32_t point = first & (0x3Fu >> more);
    for (int i = 0; i < more && *at < size; i++)
        point = point << 6 | ((uint8_t)text[(*at)++] & 0x3F);
    return point;
}

#endif
