/* scan.c - skips whole containers. */
#include "schema/json/scan.h"

/* The next quote or bracket.  The caller skips strings, so brackets in them do not count. */
static const char *to_mark(const char *p) {
#ifdef __SSE2__
    /* '[' and '{', ']' and '}' differ in one bit; setting it maps no other byte to these. */
    const __m128i fold = _mm_set1_epi8(0x20), quote = _mm_set1_epi8('"');
    const __m128i open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    for (;;) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        const __m128i folded = _mm_or_si128(bytes, fold);
        const __m128i found =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote),
                         _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)));
        const uint32_t mask = (uint32_t)_mm_movemask_epi8(found);
        if (mask != 0) return p + __builtin_ctz(mask);
        p += 16;
    }
#else
    while (*p != '"' && *p != '{' && *p != '[' && *p != '}' && *p != ']')
        p++;
    return p;
#endif
}

const char *scan_container(const char *p) {
    bool escaped;
    uint32_t depth = 0;
    for (;;) { /* ends when depth is 0 again, as the text is complete */
        p = to_mark(p);
        if (*p == '"') {
            p = scan_string(p + 1, &escaped) + 1;
            continue;
        }
        depth += *p == '{' || *p == '[' ? 1u : -1u;
        p++;
        if (depth == 0) return p;
    }
}
