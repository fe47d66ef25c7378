/* marks.c - finds a line's quotes with AVX2, and checks control characters, escapes and UTF-8 in
 * the same pass.
 *
 * A newline always ends a line, so the first control character is either the end of the line or
 * a reason to leave it to the other methods. */
#include "schema/json/marks.h"

#include <stddef.h>

#include "port/compiler.h"

#ifdef HAS_WIDE_VECTORS

#include <immintrin.h>

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* Compiled for these CPUs, whatever the rest is compiled for. */
#define WIDE                __attribute__((target("avx2,bmi,popcnt")))
#define WIDE_INLINE         static inline __attribute__((always_inline)) WIDE

#define BLOCK_BYTES 64

/* A bit for each byte; the first byte's bit is the lowest. */
struct block_bits {
    uint64_t quotes, backslashes, controls, not_ascii;
};

WIDE_INLINE struct block_bits block_read(const uint8_t *p);
WIDE_INLINE uint16_t *put_offsets(uint64_t bits, uint32_t at, uint16_t *out);
static bool check_escapes(const uint8_t *p, struct block_bits *block, uint64_t *escaped);
static bool is_escape(const uint8_t *p);
WIDE static bool is_utf8(const uint8_t *p, const uint8_t *end);

bool json_marks_possible(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("popcnt");
}

WIDE bool json_marks_find(const uint8_t *text, struct json_marks *marks) {
    uint16_t *out = marks->quotes;
    uint64_t not_ascii = 0, escaped = 0, inside = ~UINT64_C(0);
    struct block_bits block;
    uint32_t at = 0;
    marks->escapes = false;
    for (;; at += BLOCK_BYTES) { /* ends with the line or at JSON_MARKS_LINE_MAX */
        if (UNLIKELY(at == JSON_MARKS_LINE_MAX)) return false;
        block = block_read(text + at);
        if (block.controls != 0)
            inside = _blsmsk_u64(block.controls) >> 1; /* the bytes before the first */
        block.quotes &= inside;
        block.backslashes &= inside;
        not_ascii |= block.not_ascii & inside;
        if (UNLIKELY((block.backslashes | escaped) != 0)) {
            marks->escapes = true;
            if (!check_escapes(text + at, &block, &escaped)) return false;
        }
        out = put_offsets(block.quotes, at, out);
        if (block.controls != 0) break;
    }
    const uint8_t *newline = text + at + _tzcnt_u64(block.controls);
    if (*newline == '\r') newline++;
    if (UNLIKELY(*newline != '\n')) return false;
    marks->newline = newline;
    marks->quotes_count = (uint32_t)(out - marks->quotes);
    if (UNLIKELY(marks->quotes_count % 2 != 0)) return false;
    return LIKELY(not_ascii == 0) || is_utf8(text, newline + 1);
}

WIDE_INLINE uint64_t bits_of(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

WIDE_INLINE __m256i load(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

WIDE_INLINE struct block_bits block_read(const uint8_t *p) {
    const __m256i low = load(p), high = load(p + 32);
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i control_max = _mm256_set1_epi8(0x1F);
    return (struct block_bits){
        .quotes = bits_of(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote)),
        .backslashes =
            bits_of(_mm256_cmpeq_epi8(low, backslash), _mm256_cmpeq_epi8(high, backslash)),
        .controls = bits_of(_mm256_cmpeq_epi8(_mm256_min_epu8(low, control_max), low),
                            _mm256_cmpeq_epi8(_mm256_min_epu8(high, control_max), high)),
        .not_ascii = bits_of(low, high),
    };
}

/* Always writes eight at a time: the surplus is overwritten by the next block, and a loop that ends
 * with the bits would be mispredicted in most blocks. */
WIDE_INLINE uint16_t *put_offsets(uint64_t bits, uint32_t at, uint16_t *out) {
    uint16_t *const end = out + _mm_popcnt_u64(bits);
    do {
        for (int i = 0; i < 8; i++) {
            out[i] = (uint16_t)(at + (uint32_t)_tzcnt_u64(bits));
            bits = _blsr_u64(bits);
        }
        out += 8;
    } while (out < end);
    return end;
}

/* *escaped: bit 0 is set if the block's first byte is escaped by a backslash that ended the
 * previous block; on return the same for the next block. */
static bool check_escapes(const uint8_t *p, struct block_bits *block, uint64_t *escaped) {
    uint64_t backslashes = block->backslashes & ~*escaped;
    block->quotes &= ~*escaped;
    *escaped = 0;
    while (backslashes != 0) { /* each round clears one */
        const int i = __builtin_ctzll(backslashes);
        if (UNLIKELY(!is_escape(p + i + 1))) return false;
        backslashes &= ~(UINT64_C(3) << i);
        block->quotes &= ~(UINT64_C(2) << i);
        *escaped = i == BLOCK_BYTES - 1;
    }
    return true;
}

static bool is_hex(uint8_t byte) {
    return (uint8_t)(byte - '0') < 10 || (uint8_t)((byte | 0x20) - 'a') < 6;
}

/* p: after the backslash.  Stops at a newline, which no escape contains, so this never reads into
 * the next line. */
static bool is_escape(const uint8_t *p) {
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    case 'u': return is_hex(p[1]) && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]);
    default: return false;
    }
}

/* ---- UTF-8: John Keiser, Daniel Lemire, "Validating UTF-8 In Less Than One Instruction Per
 * Byte", 2020.  Every error shows in two consecutive bytes, in three of their four halves: a table
 * for each half holds the errors that are possible with it; the error is real if it is in all
 * three. ---- */

enum {
    TOO_SHORT = 1,     /* a lead byte before a byte that is not a continuation */
    TOO_LONG = 2,      /* ASCII before a continuation */
    OVERLONG_3 = 4,    /* E0 80..9F */
    TOO_LARGE = 8,     /* F4 90..BF, F5.. 90.. */
    SURROGATE = 0x10,  /* ED A0..BF */
    OVERLONG_2 = 0x20, /* C0, C1 */
    OVERLONG_4 = 0x40, /* F0 80..8F; also F5.. 80..8F, which are too large */
    CONTINUED = 0x80,  /* two continuations: an error except in a sequence of three or four */
    ANY_LOW = TOO_SHORT | TOO_LONG | CONTINUED,
};

#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

WIDE_INLINE __m256i half_bytes(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

/* The errors of each byte with the one before it. */
WIDE_INLINE __m256i pair_errors(__m256i bytes, __m256i before) {
    const __m256i of_high = TWICE(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        (char)CONTINUED, (char)CONTINUED, (char)CONTINUED, (char)CONTINUED, TOO_SHORT | OVERLONG_2,
        TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
    const char large = (char)(ANY_LOW | TOO_LARGE | OVERLONG_4);
    const __m256i of_low =
        TWICE((char)(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
              (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_LARGE), large, large, large, large,
              large, large, large, large, (char)(large | SURROGATE), large, large);
    const char continuation = (char)(TOO_LONG | OVERLONG_2 | CONTINUED);
    const __m256i of_next = TWICE(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        (char)(continuation | OVERLONG_3 | OVERLONG_4),
        (char)(continuation | OVERLONG_3 | TOO_LARGE), (char)(continuation | SURROGATE | TOO_LARGE),
        (char)(continuation | SURROGATE | TOO_LARGE), TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
    const __m256i low = _mm256_and_si256(before, _mm256_set1_epi8(0x0F));
    return _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(of_high, half_bytes(before)),
                                             _mm256_shuffle_epi8(of_low, low)),
                            _mm256_shuffle_epi8(of_next, half_bytes(bytes)));
}

/* The errors of 32 bytes that follow `last`: two continuations must be exactly where the third or
 * fourth byte of a sequence is. */
WIDE_INLINE __m256i errors(__m256i bytes, __m256i last) {
    const __m256i across = _mm256_permute2x128_si256(last, bytes, 0x21);
    const __m256i one_before = _mm256_alignr_epi8(bytes, across, 15);
    const __m256i two_before = _mm256_alignr_epi8(bytes, across, 14);
    const __m256i three_before = _mm256_alignr_epi8(bytes, across, 13);
    /* The highest bit is set for bytes of E0 or above, and of F0 or above. */
    const __m256i third = _mm256_subs_epu8(two_before, _mm256_set1_epi8(0xE0 - 0x80));
    const __m256i fourth = _mm256_subs_epu8(three_before, _mm256_set1_epi8(0xF0 - 0x80));
    const __m256i wanted =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)CONTINUED));
    return _mm256_xor_si256(wanted, pair_errors(bytes, one_before));
}

/* end[-1] is ASCII, so no sequence is incomplete at the end; 31 bytes after it are readable. */
WIDE static bool is_utf8(const uint8_t *p, const uint8_t *end) {
    const __m256i places =
        _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                         21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    __m256i last = _mm256_setzero_si256(), invalid = last;
    for (; end - p >= 32; p += 32) {
        const __m256i bytes = load(p);
        invalid = _mm256_or_si256(invalid, errors(bytes, last));
        last = bytes;
    }
    /* Bytes after the end become zeros. */
    const __m256i ours = _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(end - p)), places);
    const __m256i bytes = _mm256_and_si256(load(p), ours);
    invalid = _mm256_or_si256(invalid, errors(bytes, last));
    return _mm256_testz_si256(invalid, invalid);
}

#else

bool json_marks_possible(void) {
    return false;
}

bool json_marks_find(const uint8_t *text, struct json_marks *marks) {
    (void)text;
    (void)marks;
    return false;
}

#endif
