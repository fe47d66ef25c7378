/* ascii.h - characters of ASCII.  Pure. */
#ifndef SCHEMA_JSON_ASCII_H
#define SCHEMA_JSON_ASCII_H

#include <stddef.h>
#include <stdint.h>

/* Only A to Z change. */
static inline uint8_t ascii_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* Decodes the escapes of ASCII characters in the inside of a JSON string, and keeps others; in
 * place.  Returns the new size. */
size_t ascii_decode(char *text, size_t size);

#endif
