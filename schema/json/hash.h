/* hash.h - a 64-bit hash for tables of names and values in memory.  Not keyed.  Never store it: it
 * may change with each version. */
#ifndef SCHEMA_JSON_HASH_H
#define SCHEMA_JSON_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each step is a bijection of the state, so a difference in one word is never lost. */
static inline uint64_t hash_step(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static inline uint64_t hash_end(uint64_t hash, uint64_t size) {
    hash = hash_step(hash, size);
    hash *= 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

/* Eight bytes as a little-endian number, on any CPU. */
static inline uint64_t hash_word(const char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Up to seven bytes, as hash_word would read them followed by zeros. */
static inline uint64_t hash_last_word(const char *bytes, size_t size) {
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
    return word;
}

/* Words of eight bytes, then an incomplete one filled up with zeros. */
static inline uint64_t hash_bytes(const char *bytes, size_t size) {
    uint64_t hash = 0, word;
    size_t left = size;
    for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word)
        hash = hash_step(hash, hash_word(bytes));
    if (size >= sizeof word) { /* the last eight bytes without those already hashed */
        word = left > 0 ? hash_word(bytes + left - sizeof word) >> (64 - 8 * left) : 0;
    } else {
        word = hash_last_word(bytes, left);
    }
    return hash_end(hash_step(hash, word), size);
}

#endif
