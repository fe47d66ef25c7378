/* quotes.c - quotes and backslashes as bits, a block of 64 bytes at a time. */
#include "schema/json/quotes.h"

#include "port/compiler.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define BLOCK_BYTES         64

static size_t find_plain(const char *text, size_t size, uint32_t *quotes) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quotes[count++] = (uint32_t)i;
    }
    return count;
}

#ifdef HAS_WIDE_VECTORS
#include <immintrin.h>

/* Clears the quotes that are escaped.  *escaped: 1 if the block's first byte is escaped by a
 * backslash that ended the previous block; on return the same for the next block. */
static uint64_t without_escaped(uint64_t quotes, uint64_t backslashes, uint64_t *escaped) {
    quotes &= ~*escaped;
    backslashes &= ~*escaped;
    *escaped = 0;
    while (backslashes != 0) { /* each round clears one */
        const int i = __builtin_ctzll(backslashes);
        backslashes &= ~(UINT64_C(3) << i);
        quotes &= ~(UINT64_C(2) << i);
        *escaped = i == BLOCK_BYTES - 1;
    }
    return quotes;
}

static const _Alignas(64) uint8_t offsets[BLOCK_BYTES] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

#define WIDE        __attribute__((target("avx2,bmi,popcnt")))
#define WIDE_INLINE static inline __attribute__((always_inline)) WIDE

WIDE_INLINE uint64_t bits_of(__m256i low, __m256i high, __m256i wanted) {
    const uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    const uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return a | (uint64_t)b << 32;
}

/* Always writes eight at a time: a loop that ends with the bits would be mispredicted in most
 * blocks. */
WIDE_INLINE uint32_t *put_offsets(uint64_t bits, uint32_t at, uint32_t *out) {
    uint32_t *const end = out + _mm_popcnt_u64(bits);
    do {
        for (int i = 0; i < 8; i++) {
            out[i] = at + (uint32_t)_tzcnt_u64(bits);
            bits = _blsr_u64(bits);
        }
        out += 8;
    } while (UNLIKELY(out < end));
    return end;
}

WIDE static size_t find_wide(const char *text, size_t size, uint32_t *quotes) {
    const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\');
    uint32_t *out = quotes;
    uint64_t escaped = 0;
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        const __m256i *p = (const __m256i *)(const void *)(text + at);
        const __m256i low = _mm256_loadu_si256(p), high = _mm256_loadu_si256(p + 1);
        uint64_t bits = bits_of(low, high, quote);
        const uint64_t backslashes = bits_of(low, high, backslash);
        if (UNLIKELY((backslashes | escaped) != 0))
            bits = without_escaped(bits, backslashes, &escaped);
        if (size - at < BLOCK_BYTES) bits &= (UINT64_C(1) << (size - at)) - 1;
        out = put_offsets(bits, (uint32_t)at, out);
    }
    return (size_t)(out - quotes);
}

#define WIDEST __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi,popcnt")))

/* Compresses the bytes 0 to 63 by the bits of the quotes: what remains are the quotes' offsets. */
WIDEST static size_t find_widest(const char *text, size_t size, uint32_t *quotes) {
    const __m512i quote = _mm512_set1_epi8('"'), backslash = _mm512_set1_epi8('\\');
    const __m512i numbers = _mm512_load_si512((const void *)offsets);
    uint32_t *out = quotes;
    uint64_t escaped = 0;
    for (size_t at = 0; at < size; at += BLOCK_BYTES) {
        const __m512i block = _mm512_loadu_si512((const void *)(text + at));
        uint64_t bits = _mm512_cmpeq_epi8_mask(block, quote);
        const uint64_t backslashes = _mm512_cmpeq_epi8_mask(block, backslash);
        if (UNLIKELY((backslashes | escaped) != 0))
            bits = without_escaped(bits, backslashes, &escaped);
        if (size - at < BLOCK_BYTES) bits &= (UINT64_C(1) << (size - at)) - 1;
        const __m512i base = _mm512_set1_epi32((int)at);
        __m512i packed = _mm512_maskz_compress_epi8(bits, numbers);
        uint32_t *const end = out + _mm_popcnt_u64(bits);
        do {
            const __m512i sixteen = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed));
            _mm512_storeu_si512((void *)out, _mm512_add_epi32(sixteen, base));
            packed = _mm512_alignr_epi32(packed, packed, 4);
            out += 16;
        } while (UNLIKELY(out < end));
        out = end;
    }
    return (size_t)(out - quotes);
}

bool quotes_possible(enum quotes_method method) {
    switch (method) {
    case QUOTES_AVX512:
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
               __builtin_cpu_supports("popcnt");
    case QUOTES_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
               __builtin_cpu_supports("popcnt");
    default: return true;
    }
}

size_t quotes_find_by(enum quotes_method method, const char *text, size_t size, uint32_t *quotes) {
    switch (method) {
    case QUOTES_AVX512: return find_widest(text, size, quotes);
    case QUOTES_AVX2: return find_wide(text, size, quotes);
    default: return find_plain(text, size, quotes);
    }
}

#else

bool quotes_possible(enum quotes_method method) {
    return method == QUOTES_PLAIN;
}

size_t quotes_find_by(enum quotes_method method, const char *text, size_t size, uint32_t *quotes) {
    (void)method;
    return find_plain(text, size, quotes);
}

#endif

size_t quotes_find(const char *text, size_t size, uint32_t *quotes) {
    enum quotes_method method = QUOTES_METHODS - 1;
    while (!quotes_possible(method)) /* ends: QUOTES_PLAIN is possible */
        method--;
    return quotes_find_by(method, text, size, quotes);
}
