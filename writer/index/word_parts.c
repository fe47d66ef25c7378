/* word_parts.c - see word_parts.h.  A part is a number of 20 bits, five for each letter.  One bit for
 * each number says whether it is still to be found.  Where parts end is found for 64 bytes at a
 * time. */
#include "writer/index/word_parts.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "port/error.h"

#define LETTERS     4
#define LETTER_BITS 5
#define PARTS       (1u << LETTERS * LETTER_BITS)
#define HEX_LETTERS 6 /* a to f */
#define BLOCK_BYTES 64
/* Before the letters in a token. */
#define MARK        0xFF
/* Parts of a literal begin this far apart. */
#define STEP        2

static bool is_letter(uint8_t byte, uint8_t first) {
    return (byte | 0x20) >= first && (byte | 0x20) <= 'z';
}

/* The number of four letters: the first one in the lowest bits. */
static inline uint32_t part_at(const uint8_t *p) {
    const uint32_t four =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    const uint32_t two = (four & 0x001F001F) | (four >> 3 & 0x03E003E0);
    return (two & 0x3FF) | (two >> 6 & 0xFFC00);
}

static void add_token(struct token_set *set, uint32_t part) {
    uint8_t token[1 + LETTERS] = {MARK};
    for (int i = 1; i <= LETTERS; i++, part >>= LETTER_BITS)
        token[i] = (uint8_t)('a' - 1 + (part & ((1u << LETTER_BITS) - 1)));
    tokens_add(set, token, sizeof token);
}

/* ---- where parts end ---- */

/* Bit i: byte i is a letter; one beyond f. */
struct letters {
    uint64_t any, beyond;
};

#if defined(__SSE2__)

static inline uint64_t in_range(__m128i bytes, char first) {
    const __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    const __m128i is =
        _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8((char)('z' - first))), above);
    return (uint64_t)(uint32_t)_mm_movemask_epi8(is);
}

static inline struct letters letters_of_block(const uint8_t *bytes) {
    struct letters letters = {0};
    for (int i = 0; i < BLOCK_BYTES; i += 16) {
        const __m128i sixteen = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        const __m128i lower = _mm_or_si128(sixteen, _mm_set1_epi8(0x20));
        letters.any |= in_range(lower, 'a') << i;
        letters.beyond |= in_range(lower, 'a' + HEX_LETTERS) << i;
    }
    return letters;
}

#else

static struct letters letters_of_block(const uint8_t *bytes) {
    struct letters letters = {0};
    for (int i = 0; i < BLOCK_BYTES; i++) {
        letters.any |= (uint64_t)is_letter(bytes[i], 'a') << i;
        letters.beyond |= (uint64_t)is_letter(bytes[i], 'a' + HEX_LETTERS) << i;
    }
    return letters;
}

#endif

/* Bit i: the bits i - 3 to i are all set; one of them is.  before: of the block before. */
static inline uint64_t all_four(uint64_t bits, uint64_t before) {
    const uint64_t two = bits & (bits << 1 | before >> 63);
    const uint64_t two_before = before & before << 1;
    return two & (two << 2 | two_before >> 62);
}

static inline uint64_t one_of_four(uint64_t bits, uint64_t before) {
    const uint64_t two = bits | bits << 1 | before >> 63;
    const uint64_t two_before = before | before << 1;
    return two | two << 2 | two_before >> 62;
}

/* ---- for the index's builder ---- */

static int open_parts(struct word_parts *parts) {
    parts->open = malloc(PARTS / 64 * sizeof *parts->open);
    parts->found = malloc(WORD_PARTS_MAX * sizeof *parts->found);
    if (parts->open == NULL || parts->found == NULL) return ERR_NO_MEMORY;
    memset(parts->open, 0xFF, PARTS / 64 * sizeof *parts->open);
    return 0;
}

static void found(struct word_parts *parts, uint32_t part) {
    if ((parts->open[part / 64] >> part % 64 & 1) == 0) return;
    parts->too_many |= parts->count == WORD_PARTS_MAX;
    if (parts->too_many) return;
    parts->open[part / 64] &= ~((uint64_t)1 << part % 64);
    parts->found[parts->count++] = part;
}

int word_parts_add(struct word_parts *parts, const uint8_t *bytes, size_t size) {
    struct letters before = {0};
    if (parts->found == NULL && open_parts(parts) < 0) {
        word_parts_free(parts);
        return ERR_NO_MEMORY;
    }
    for (size_t at = 0; at < size && !parts->too_many; at += BLOCK_BYTES) {
        uint8_t last[BLOCK_BYTES] = {0};
        if (size - at < BLOCK_BYTES) memcpy(last, bytes + at, size - at);
        const struct letters letters =
            letters_of_block(size - at < BLOCK_BYTES ? last : bytes + at);
        uint64_t ends =
            all_four(letters.any, before.any) & one_of_four(letters.beyond, before.beyond);
        for (; ends != 0; ends &= ends - 1)
            found(parts, part_at(bytes + at + __builtin_ctzll(ends) + 1 - LETTERS));
        before = letters;
    }
    return 0;
}

bool word_parts_end(struct word_parts *parts, struct token_set *set) {
    const bool all = !parts->too_many && (set == NULL || parts->count <= set->max - set->count);
    for (uint32_t i = 0; i < parts->count; i++) {
        const uint32_t part = parts->found[i];
        parts->open[part / 64] |= (uint64_t)1 << part % 64;
        if (all && set != NULL) add_token(set, part);
    }
    parts->count = 0;
    parts->too_many = false;
    return all;
}

void word_parts_free(struct word_parts *parts) {
    free(parts->open);
    free(parts->found);
    *parts = (struct word_parts){0};
}

/* ---- for a search ---- */

static uint64_t hash_of(const uint8_t *letters) {
    uint8_t literal[LETTERS + 3] = {'"', MARK};
    uint64_t hash = 0;
    memcpy(literal + 2, letters, LETTERS);
    literal[LETTERS + 2] = '"';
    (void)tokens_of_literal(literal, sizeof literal, &hash, 1);
    return hash;
}

uint32_t word_parts_of_literal(const uint8_t *literal, size_t size, uint64_t *hashes,
                               uint32_t max) {
    uint32_t count = 0, run = 0, beyond = 0, since = STEP;
    for (size_t i = 0; i < size && count < max; i++) {
        run = is_letter(literal[i], 'a') ? run + 1 : 0;
        beyond = is_letter(literal[i], 'a' + HEX_LETTERS) ? LETTERS : beyond - (beyond > 0);
        since++;
        if (run < LETTERS || beyond == 0) continue;
        const bool ends = i + 1 == size || !is_letter(literal[i + 1], 'a');
        if (since < STEP && !ends) continue;
        hashes[count++] = hash_of(literal + i + 1 - LETTERS);
        since = 0;
    }
    return count;
}
