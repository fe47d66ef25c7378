/* ascii.h - letters of ASCII.  Pure. */
#ifndef SCHEMA_JSON_ASCII_H
#define SCHEMA_JSON_ASCII_H

#include <stdint.h>

/* Only A to Z change. */
static inline uint8_t ascii_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

#endif
