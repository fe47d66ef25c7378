/* brackets.h - quotes and brackets in 16 bytes at once. */
#ifndef SCHEMA_JSON_BRACKETS_H
#define SCHEMA_JSON_BRACKETS_H

#ifdef __SSE2__
#include <emmintrin.h>
#include <stdint.h>

/* Bit i: p[i] is a quote or a bracket. */
static inline uint32_t brackets_of(const void *p) {
    /* '[' and '{', ']' and '}' differ in one bit; setting it maps no other byte to these. */
    const __m128i fold = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"');
    const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    const __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    const __m128i folded = _mm_or_si128(bytes, fold);
    return (uint32_t)_mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                     _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close))));
}
#endif

#endif
