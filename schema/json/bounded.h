/* bounded.h - skips values in JSON text that json.h has accepted, without reading a byte after the
 * text's end: for text that has no padding (scan.h needs padding).  Pure: any thread. */
#ifndef SCHEMA_JSON_BOUNDED_H
#define SCHEMA_JSON_BOUNDED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "schema/json/brackets.h"

/* From after the opening quote to after the closing one; NULL: there is none. */
static inline const uint8_t *bounded_string_end(const uint8_t *p, const uint8_t *end) {
    while (p < end) { /* each round advances by a byte or more */
#ifdef __SSE2__
        if (end - p >= 16) {
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
            const __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                             _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
            const uint32_t mask = (uint32_t)_mm_movemask_epi8(odd);
            if (mask == 0) {
                p += 16;
                continue;
            }
            p += __builtin_ctz(mask);
        }
#endif
        if (*p == '"') return p + 1;
        p += *p == '\\' ? 2 : 1;
    }
    return NULL;
}

/* The next quote or bracket at or after p; `end`: there is none. */
static inline const uint8_t *bounded_to_mark(const uint8_t *p, const uint8_t *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        const uint32_t mask = brackets_of(p);
        if (mask != 0) return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
        p++;
    return p;
}

/* From the opening bracket to after the closing one; NULL: there is none. */
static inline const uint8_t *bounded_container_end(const uint8_t *p, const uint8_t *end) {
    size_t depth = 0;
    while (p < end) { /* each round advances by a byte or more */
        if (*p == '"') {
            p = bounded_string_end(p + 1, end);
            if (p == NULL) return NULL;
        } else {
            depth += *p == '{' || *p == '[' ? 1 : *p == '}' || *p == ']' ? (size_t)-1 : 0;
            p++;
            if (depth == 0) return p;
        }
        p = bounded_to_mark(p, end);
    }
    return NULL;
}

#endif
