/* tokens.c - cuts bytes into tokens and hashes them: see tokens.h.
 *
 * Building a filter and querying it use the same code: `next_run` cuts, `hash_short` or
 * `next_window` hash.  Most of an index's cost is here, so it is written for speed: runs are found
 * 64 bytes at a time, and a short token is hashed without a branch. */
#include "writer/index/tokens.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "port/error.h"

/* A long token is known by 8-byte windows.  Of every WINDOWS consecutive ones, which are TOKEN_LONG
 * bytes together, the one with the smallest hash is taken.  Neighbours mostly take the same one, so
 * a token of n bytes adds about (n - 7) / 5.  What is taken in the middle of a run does not depend
 * on where it begins or ends. */
#define WINDOW_BYTES 8
#define WINDOWS      (TOKEN_LONG - WINDOW_BYTES + 1)

#define LOWER_CASE 0x2020202020202020u

/* The windows of a run that are taken, one after the other. */
struct windows {
    const uint8_t *run;
    size_t size;
    size_t at;       /* the first of the next WINDOWS */
    size_t taken;    /* the place of the last one that was taken */
    uint64_t weight; /* of that one */
};

static bool next_window(struct windows *windows, uint64_t *hash);
static uint64_t hash_short(const uint8_t *token, size_t size);
static void set_add(struct token_set *set, uint64_t hash);
static uint64_t members_of_block(const uint8_t *bytes);

/* ---- cutting ---- */

#define BLOCK_BYTES 64

/* Where runs begin and end, one after the other: blocks of 64 bytes become bits. */
struct runs {
    const uint8_t *bytes;
    size_t size;
    size_t block;    /* the next one's offset */
    uint64_t edges;  /* of the block before it: where a run begins or ends */
    uint64_t inside; /* 1: the byte before `block` is in a run */
};

static uint64_t next_edges(struct runs *runs) {
    const size_t left = runs->size - runs->block;
    uint64_t members;
    if (left >= BLOCK_BYTES) {
        members = members_of_block(runs->bytes + runs->block);
    } else { /* bytes after the end are in no run */
        uint8_t last[BLOCK_BYTES] = {0};
        memcpy(last, runs->bytes + runs->block, left);
        members = members_of_block(last);
    }
    const uint64_t edges = members ^ (members << 1 | runs->inside);
    runs->inside = members >> 63;
    runs->block += BLOCK_BYTES;
    return edges;
}

static inline bool next_edge(struct runs *runs, size_t *at) {
    while (runs->edges == 0) {
        if (runs->block >= runs->size) return false;
        runs->edges = next_edges(runs);
    }
    *at = runs->block - BLOCK_BYTES + (size_t)__builtin_ctzll(runs->edges);
    runs->edges &= runs->edges - 1;
    return true;
}

static inline bool next_run(struct runs *runs, size_t *begin, size_t *end) {
    if (!next_edge(runs, begin)) return false;
    if (!next_edge(runs, end)) *end = runs->size;
    return true;
}

/* ---- the tokens of a literal ---- */

static uint32_t add_known(uint64_t *hashes, uint32_t count, uint32_t max, uint64_t hash) {
    for (uint32_t i = 0; i < count; i++)
        if (hashes[i] == hash) return count;
    if (count < max) hashes[count++] = hash;
    return count;
}

uint32_t tokens_of_literal(const uint8_t *literal, size_t size, uint64_t *hashes, uint32_t max) {
    uint32_t count = 0;
    struct runs runs = {.bytes = literal, .size = size};
    size_t begin, end;
    while (next_run(&runs, &begin, &end)) {
        const size_t run_size = end - begin;
        uint64_t hash;
        if (run_size >= TOKEN_LONG) {
            struct windows windows = {.run = literal + begin, .size = run_size};
            while (next_window(&windows, &hash))
                count = add_known(hashes, count, max, hash);
        } else if (begin > 0 && end < size && run_size >= TOKEN_SHORTEST) {
            uint8_t token[TOKEN_LONG] = {0};
            memcpy(token, literal + begin, run_size);
            count = add_known(hashes, count, max, hash_short(token, run_size));
        }
    }
    return count;
}

/* ---- a set ---- */

/* places[] is an open hash table, at most half full, and no larger than necessary, so that it stays
 * in the cache.  A place holds a hash, and in the bits that hashes leave free the round in which it
 * was set, so that clearing the table only increments the round. */
#define ROUNDS         TOKEN_HASH_WINDOW
#define PLACE_BITS_MIN 12

int tokens_open(struct token_set *set, uint32_t max) {
    assert(max > 0 && max <= 1u << 24);
    *set = (struct token_set){.max = max};
    while (1u << set->place_bits_max < 2 * max)
        set->place_bits_max++;
    set->place_bits = set->place_bits_max < PLACE_BITS_MIN ? set->place_bits_max : PLACE_BITS_MIN;
    set->hashes = malloc(max * sizeof *set->hashes);
    set->places = malloc(((size_t)1 << set->place_bits_max) * sizeof *set->places);
    if (set->hashes == NULL || set->places == NULL) {
        tokens_close(set);
        return ERR_NO_MEMORY;
    }
    tokens_clear(set);
    return 0;
}

void tokens_close(struct token_set *set) {
    free(set->hashes);
    free(set->places);
    *set = (struct token_set){0};
}

static void forget_places(struct token_set *set) {
    memset(set->places, 0, ((size_t)1 << set->place_bits) * sizeof *set->places);
    set->round = 1; /* 0: a place that was never set */
}

void tokens_clear(struct token_set *set) {
    set->count = set->lost = 0;
    set->round = (set->round + 1) % ROUNDS;
    if (set->round == 0 || set->round == 1) forget_places(set);
}

/* Doubles the places of a set that fills half of them. */
static void widen(struct token_set *set) {
    set->place_bits++;
    forget_places(set);
    const size_t mask = ((size_t)1 << set->place_bits) - 1;
    for (uint32_t i = 0; i < set->count; i++) {
        size_t place = (size_t)(set->hashes[i] >> 12) & mask;
        while (set->places[place] != 0) /* ends: half of the places are free */
            place = (place + 1) & mask;
        set->places[place] = set->hashes[i] | set->round;
    }
}

static inline void set_add(struct token_set *set, uint64_t hash) {
    const size_t mask = ((size_t)1 << set->place_bits) - 1;
    const uint64_t wanted = hash | set->round;
    size_t place = (size_t)(hash >> 12) & mask;
    for (;;) { /* ends: half of the places are free */
        const uint64_t found = set->places[place];
        if (found == wanted) return;
        if (found % ROUNDS != set->round) break;
        place = (place + 1) & mask;
    }
    if (set->count == set->max) {
        set->lost++;
        return;
    }
    set->places[place] = wanted;
    set->hashes[set->count++] = hash;
    if (set->count > (size_t)1 << (set->place_bits - 1) && set->place_bits < set->place_bits_max)
        widen(set);
}

static void add_long(struct token_set *set, const uint8_t *run, size_t size) {
    struct windows windows = {.run = run, .size = size};
    uint64_t hash;
    while (next_window(&windows, &hash))
        set_add(set, hash);
}

void tokens_add(struct token_set *set, const uint8_t *bytes, size_t size) {
    struct runs runs = {.bytes = bytes, .size = size};
    size_t begin, end;
    while (next_run(&runs, &begin, &end)) {
        const size_t run_size = end - begin;
        if (run_size >= TOKEN_LONG) {
            add_long(set, bytes + begin, run_size);
        } else if (run_size < TOKEN_SHORTEST) {
            continue;
        } else if (size - begin >= TOKEN_LONG) {
            set_add(set, hash_short(bytes + begin, run_size));
        } else {
            uint8_t token[TOKEN_LONG] = {0};
            memcpy(token, bytes + begin, run_size);
            set_add(set, hash_short(token, run_size));
        }
    }
}

/* ---- hashing ---- */

/* Little endian on every machine; compilers make one load of it. */
static inline uint64_t read_u64(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* Murmur3's finish: every bit of the number affects every bit of the hash. */
static inline uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCDu;
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53u;
    return x ^ x >> 33;
}

/* Of `size` bytes, at most 16: those that belong to the token. */
static inline uint64_t token_bytes(uint64_t word, size_t size) {
    if (size >= 8) return word | LOWER_CASE;
    return (word | LOWER_CASE) & (((uint64_t)1 << 8 * size) - 1);
}

/* A token shorter than TOKEN_LONG, in TOKEN_LONG readable bytes.  Setting 0x20 makes upper case
 * lower and leaves digits and '-' unchanged.  It also makes '_' and some bytes of UTF-8 equal to
 * others: a harmless collision. */
static inline uint64_t hash_short(const uint8_t *token, size_t size) {
    const uint64_t low = token_bytes(read_u64(token), size);
    const uint64_t high = token_bytes(read_u64(token + 8), size < 8 ? 0 : size - 8);
    return mixed(low * 0x9E3779B97F4A7C15u ^ (high + size) * 0xD6E8FEB86659FD93u) & TOKEN_HASH_MASK;
}

/* Windows are chosen by their weight.  Multiplying keeps different windows different. */
static inline uint64_t weight_of(const uint8_t *window) {
    return (read_u64(window) | LOWER_CASE) * 0x9E3779B97F4A7C15u;
}

/* The lightest window of those at [at, at + WINDOWS). */
static void choose(struct windows *w) {
    w->weight = UINT64_MAX;
    for (size_t i = w->at; i < w->at + WINDOWS; i++) {
        const uint64_t weight = weight_of(w->run + i);
        if (weight > w->weight) continue; /* of equal ones the last: it stays valid longest */
        w->weight = weight;
        w->taken = i;
    }
}

/* The next window that is taken; false: there is none. */
static inline bool next_window(struct windows *w, uint64_t *hash) {
    while (w->at + TOKEN_LONG <= w->size) {
        const uint64_t before = w->weight;
        const bool first = w->at == 0;
        if (first || w->taken < w->at) {
            choose(w);
        } else {
            const size_t newest = w->at + WINDOWS - 1;
            const uint64_t weight = weight_of(w->run + newest);
            if (weight <= w->weight) {
                w->weight = weight;
                w->taken = newest;
            }
        }
        w->at++;
        if (!first && w->weight == before) continue;
        *hash = (mixed(w->weight) & TOKEN_HASH_MASK) | TOKEN_HASH_WINDOW;
        return true;
    }
    return false;
}

/* ---- which bytes ---- */

/* Bit i: byte i belongs to a token: ASCII letters, digits, '_', '-', and all above 0x7F. */
#if defined(__SSE2__)

static inline __m128i in_range(__m128i bytes, char first, char last) {
    const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)(last - first))), above);
}

static inline uint64_t members_of_16(const uint8_t *bytes) {
    const __m128i b = _mm_loadu_si128((const __m128i *)bytes);
    const __m128i letters = in_range(_mm_or_si128(b, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i digits = in_range(b, '0', '9');
    const __m128i marks =
        _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('_')), _mm_cmpeq_epi8(b, _mm_set1_epi8('-')));
    const __m128i all = _mm_or_si128(_mm_or_si128(letters, digits), _mm_or_si128(marks, b));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(all); /* of b only the top bit counts */
}

static inline uint64_t members_of_block(const uint8_t *bytes) {
    return members_of_16(bytes) | members_of_16(bytes + 16) << 16 |
           members_of_16(bytes + 32) << 32 | members_of_16(bytes + 48) << 48;
}

#else

static bool is_member(uint8_t byte) {
    const uint8_t lower = byte | 0x20;
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte == '-' || byte >= 0x80;
}

static uint64_t members_of_block(const uint8_t *bytes) {
    uint64_t members = 0;
    for (int i = 0; i < BLOCK_BYTES; i++)
        members |= (uint64_t)is_member(bytes[i]) << i;
    return members;
}

#endif
