/* quotes.c - quotes and backslashes as bits, a block of 64 bytes at a time. */
#include "schema/quotes.h"

#include <stdbool.h>

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define BLOCK_BYTES         64

/* Takes away the quotes that are escaped.  *escaped: the block's first byte is, as the last one
 * before it was a backslash; and the same for the next block. */
static uint64_t without_escaped(uint64_t quotes, uint64_t backslashes, uint64_t *escaped) {
    quotes &= ~*escaped;
    backslashes &= ~*escaped;
    *escaped = 0;
    while (backslashes != 0) { /* each round takes one away */
        const int i = __builtin_ctzll(backslashes);
        backslashes &= ~(UINT64_C(3) << i);
        quotes &= ~(UINT64_C(2) << i);
        *escaped = i == BLOCK_BYTES - 1;
    }
    return quotes;
}

#ifdef __x86_64__
#include <immintrin.h>

#define WIDE        __attribute__((target("avx2,bmi,popcnt")))
#define WIDE_INLINE static inline __attribute__((always_inline)) WIDE

WIDE_INLINE uint64_t bits_of(__m256i low, __m256i high, __m256i wanted) {
    const uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    const uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return a | (uint64_t)b << 32;
}

/* Eight at a time, be there so many or not: a loop that ended where the bits do would be foretold
 * wrong in most blocks. */
WIDE_INLINE uint32_t *put_places(uint64_t bits, uint32_t at, uint32_t *out) {
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
        out = put_places(bits, (uint32_t)at, out);
    }
    return (size_t)(out - quotes);
}

size_t quotes_find(const char *text, size_t size, uint32_t *quotes) {
    const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("popcnt");
    return wide ? find_wide(text, size, quotes) : quotes_find_plain(text, size, quotes);
}

#else

size_t quotes_find(const char *text, size_t size, uint32_t *quotes) {
    return quotes_find_plain(text, size, quotes);
}

#endif

size_t quotes_find_plain(const char *text, size_t size, uint32_t *quotes) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quotes[count++] = (uint32_t)i;
    }
    return count;
}
