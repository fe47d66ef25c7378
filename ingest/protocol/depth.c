/* depth.c - the end of an object, 64 bytes at a time: a bit for each byte says whether it is in a
 * string, and brackets are only looked at one by one where the object may end. */
#include "ingest/protocol/depth.h"

#include <string.h>

#define BLOCK            64
#define RECORD_SEPARATOR 0x1E /* RFC 7464 section 2.1 */

#ifdef __SSE2__
#include <emmintrin.h>

struct block {
    __m128i part[4];
};

static struct block block_load(const uint8_t *bytes) {
    struct block block;
    for (int i = 0; i < 4; i++)
        block.part[i] = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * i));
    return block;
}

static uint64_t join(const __m128i part[4]) {
    uint64_t bits = 0;
    for (int i = 3; i >= 0; i--)
        bits = bits << 16 | (uint32_t)_mm_movemask_epi8(part[i]);
    return bits;
}

/* Bit n: byte n is this byte. */
static uint64_t equal(const struct block *block, uint8_t byte) {
    __m128i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm_cmpeq_epi8(block->part[i], _mm_set1_epi8((char)byte));
    return join(part);
}

/* Bit n: byte n is `byte`, or differs from it only by 0x20: `[` and `{`, `]` and `}`. */
static uint64_t bracket(const struct block *block, uint8_t byte) {
    __m128i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm_cmpeq_epi8(_mm_or_si128(block->part[i], _mm_set1_epi8(0x20)),
                                 _mm_set1_epi8((char)byte));
    return join(part);
}

static uint64_t control(const struct block *block) {
    __m128i part[4];
    const __m128i last = _mm_set1_epi8(0x1F);
    for (int i = 0; i < 4; i++)
        part[i] = _mm_cmpeq_epi8(_mm_min_epu8(block->part[i], last), block->part[i]);
    return join(part);
}

/* Bit n: byte n follows an odd number of backslashes.  *carry: the block before ended in one. */
static uint64_t find_escaped(uint64_t backslashes, uint64_t *carry) {
    const uint64_t even = UINT64_C(0x5555555555555555);
    if (backslashes == 0) {
        const uint64_t escaped = *carry;
        *carry = 0;
        return escaped;
    }
    backslashes &= ~*carry;
    const uint64_t follows = backslashes << 1 | *carry;
    const uint64_t odd_starts = backslashes & ~even & ~follows;
    uint64_t sequences;
    *carry = __builtin_add_overflow(odd_starts, backslashes, &sequences);
    return (even ^ sequences << 1) & follows;
}

/* Bit n: an odd number of the bits 0 .. n is set. */
static uint64_t running_parity(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* The `{` at `at` is not the first byte of the object. */
static bool breaks(const uint8_t *begin, const uint8_t *at) {
    do
        at--; /* ends: `begin` is a bracket */
    while (at > begin && depth_space(*at));
    return !depth_value_may_follow(*at);
}

/* What the blocks before have left. */
struct scan {
    uint64_t escape_carry, in_string; /* in_string: all bits, or none */
    uint64_t depth;
    bool newlines;
};

enum found { FOUND_NOTHING, FOUND_END, FOUND_ODD };

/* `at`: where the block's bytes are, of which `block` may be a copy. */
static enum found scan_block(struct scan *scan, const struct block *block, const uint8_t *begin,
                             const uint8_t *at, uint32_t *end) {
    const uint64_t backslashes = equal(block, '\\');
    const uint64_t escaped = find_escaped(backslashes, &scan->escape_carry);
    const uint64_t in_string = running_parity(equal(block, '"') & ~escaped) ^ scan->in_string;
    scan->in_string = 0 - (in_string >> 63);
    const uint64_t opening = bracket(block, '{') & ~in_string;
    const uint64_t closing = bracket(block, '}') & ~in_string;
    uint64_t within = ~UINT64_C(0); /* bits of the object */
    bool ended = false;
    const uint32_t closed = (uint32_t)__builtin_popcountll(closing);
    if (closed < scan->depth) {
        scan->depth = scan->depth + (uint32_t)__builtin_popcountll(opening) - closed;
    } else {
        for (uint64_t bits = opening | closing; bits && !ended; bits &= bits - 1) {
            const uint64_t bit = bits & (0 - bits);
            if (opening & bit) {
                scan->depth++;
            } else if (--scan->depth == 0) {
                *end = (uint32_t)__builtin_ctzll(bit) + 1;
                within = bit | (bit - 1);
                ended = true;
            }
        }
    }
    if (backslashes & ~in_string & within) return FOUND_ODD; /* it escapes nothing there */
    const uint64_t controls = control(block) & within;
    if (controls) {
        if ((controls & in_string) || equal(block, RECORD_SEPARATOR) & within) return FOUND_ODD;
        scan->newlines = scan->newlines || (equal(block, '\n') & within) != 0;
    }
    for (uint64_t bits = opening & equal(block, '{') & within; bits; bits &= bits - 1) {
        const uint8_t *brace = at + __builtin_ctzll(bits);
        if (brace > begin && breaks(begin, brace)) return FOUND_ODD;
    }
    return ended ? FOUND_END : FOUND_NOTHING;
}

static struct block block_at(const uint8_t *at, const uint8_t *end) {
    if (end - at >= BLOCK) return block_load(at);
    uint8_t rest[BLOCK];
    memset(rest, ' ', sizeof rest);
    memcpy(rest, at, (size_t)(end - at));
    return block_load(rest);
}

const uint8_t *depth_object_end(const uint8_t *begin, const uint8_t *end, bool *newlines) {
    struct scan scan = {0};
    for (const uint8_t *at = begin; at < end; at += BLOCK) {
        const struct block block = block_at(at, end);
        uint32_t size;
        switch (scan_block(&scan, &block, begin, at, &size)) {
        case FOUND_NOTHING: break;
        case FOUND_ODD: return NULL;
        case FOUND_END: *newlines = scan.newlines; return at + size;
        }
        if (end - at < BLOCK) break; /* so that `at` stays in the bytes */
    }
    return NULL;
}

#else

const uint8_t *depth_object_end(const uint8_t *begin, const uint8_t *end, bool *newlines) {
    struct depth depth = {0};
    *newlines = false;
    for (const uint8_t *p = begin; p < end; p++) {
        if (*p == RECORD_SEPARATOR || (depth.in_string && *p < 0x20)) return NULL;
        if (*p == '\n') *newlines = true;
        switch (depth_step(&depth, *p)) {
        case DEPTH_INSIDE: break;
        case DEPTH_COMPLETE: return p + 1;
        case DEPTH_BREAK: return NULL;
        }
    }
    return NULL;
}

#endif
