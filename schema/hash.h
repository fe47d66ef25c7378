/* hash.h - one way to make 64 bits of many, for tables of names and values.  Not keyed, not
 * for anything that is stored: it may change with each version. */
#ifndef SCHEMA_HASH_H
#define SCHEMA_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each step is a bijection of the state, so that no single word is lost. */
static inline uint64_t hash_step(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static inline uint64_t hash_end(uint64_t hash, uint64_t size) {
    hash = hash_step(hash, size);
    hash *= 0xD6E8FEB86659FD93u;
    return hash ^ hash >> 32;
}

static inline uint64_t hash_bytes(const char *bytes, size_t size) {
    uint64_t hash = 0, word;
    size_t left = size;
    for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = hash_step(hash, word);
    }
    word = 0;
    memcpy(&word, bytes, left);
    return hash_end(hash_step(hash, word), size);
}

#endif
