/* scan.h - skips values in JSON text that json.h has accepted; nothing is checked again.
 * JSON_PADDING bytes after the text must be readable.  Pure: any thread. */
#ifndef SCHEMA_JSON_SCAN_H
#define SCHEMA_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

static inline const char *scan_space(const char *p) {
    if (LIKELY((unsigned char)*p > ' ')) return p;
    while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
        p++;
    return p;
}

/* From after the opening quote to the closing one; *escaped: the string contains a backslash. */
static inline const char *scan_string(const char *p, bool *escaped) {
    *escaped = false;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (;;) { /* ends at the closing quote */
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        const uint32_t mask = (uint32_t)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        if (mask == 0) {
            p += 16;
            continue;
        }
        p += __builtin_ctz(mask);
        if (LIKELY(*p == '"')) return p;
        *escaped = true;
        p += 2;
    }
#else
    for (; *p != '"'; p++) {
        if (*p != '\\') continue;
        *escaped = true;
        p++;
    }
    return p;
#endif
}

/* The end of the number or literal at p. */
static inline const char *scan_scalar(const char *p) {
    while ((unsigned char)*p > ' ' && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p;
}

/* The end (after the closing bracket) of the container at p. */
const char *scan_container(const char *p);

/* The end of the value at p. */
static inline const char *scan_value(const char *p) {
    bool escaped;
    if (*p == '"') return scan_string(p + 1, &escaped) + 1;
    if (*p == '{' || *p == '[') return scan_container(p);
    return scan_scalar(p);
}

/* From a name's closing quote to its value. */
static inline const char *scan_to_value(const char *name_end) {
    const char *p = name_end + 1;
    if (UNLIKELY(*p != ':')) p = scan_space(p);
    return scan_space(p + 1);
}

#endif
