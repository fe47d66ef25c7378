/* find.c - compares the two rarest bytes of the needle at 16 or more positions at once, and the
 * whole needle where both match.  On log lines this is limited by memory bandwidth, not by
 * comparing. */
#include "tools/query/find.h"

#include <stdlib.h>
#include <string.h>

#include "port/compiler.h"
#include "port/error.h"
#include "schema/json/ascii.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

/* The bytes of JSON log lines, most frequent first. */
static const char frequent[] = "\"e,:0t1ains2r-o3d54l6m798cupgh_.{}fTvZ/bwyk xEISqjz\\RA";

static uint8_t upper(uint8_t byte) {
    return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 32) : byte;
}

size_t find_rarity(uint8_t byte) {
    const void *place = memchr(frequent, byte, sizeof frequent - 1);
    return place != NULL ? (size_t)((const char *)place - frequent) : sizeof frequent;
}

static bool can_be_wide(const struct needle *needle);

int needle_open(struct needle *needle, const void *bytes, size_t size, bool ignore_case) {
    size_t first = 0, second = 0;
    memset(needle, 0, sizeof *needle);
    needle->bytes = malloc(size + 1);
    if (needle->bytes == NULL) return ERR_NO_MEMORY;
    needle->size = size;
    needle->ignore_case = ignore_case;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = ((const uint8_t *)bytes)[i];
        needle->bytes[i] = ignore_case ? ascii_lower(byte) : byte;
    }
    for (size_t i = 1; i < size; i++)
        if (find_rarity(needle->bytes[i]) > find_rarity(needle->bytes[first])) first = i;
    if (size > 1) second = first == 0 ? 1 : 0;
    for (size_t i = 0; i < size; i++)
        if (i != first && find_rarity(needle->bytes[i]) > find_rarity(needle->bytes[second]))
            second = i;
    needle->first = first;
    needle->second = second;
    needle->wide = can_be_wide(needle);
    return 0;
}

void needle_close(struct needle *needle) {
    free(needle->bytes);
    memset(needle, 0, sizeof *needle);
}

/* size bytes are readable at p. */
static bool matches_at(const struct needle *needle, const uint8_t *p) {
    if (!needle->ignore_case) return memcmp(p, needle->bytes, needle->size) == 0;
    for (size_t i = 0; i < needle->size; i++)
        if (ascii_lower(p[i]) != needle->bytes[i]) return false;
    return true;
}

const uint8_t *find_plain(const struct needle *needle, const uint8_t *text, const uint8_t *end) {
    if ((size_t)(end - text) < needle->size) return NULL;
    if (needle->size == 0) return text;
    const uint8_t low = needle->bytes[needle->first];
    const uint8_t high = needle->ignore_case ? upper(low) : low;
    for (const uint8_t *last = end - needle->size; text <= last; text++) {
        const uint8_t byte = text[needle->first];
        if ((byte == low || byte == high) && matches_at(needle, text)) return text;
    }
    return NULL;
}

#if defined(__SSE2__)

/* One of the two bytes; low and high differ only if the case is ignored. */
struct probe {
    size_t offset;
    __m128i low, high;
};

static struct probe make_probe(const struct needle *needle, size_t offset) {
    const uint8_t low = needle->bytes[offset];
    const uint8_t high = needle->ignore_case ? upper(low) : low;
    const struct probe probe = {offset, _mm_set1_epi8((char)low), _mm_set1_epi8((char)high)};
    return probe;
}

static __m128i probe_at(const struct probe *probe, const uint8_t *p) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + probe->offset));
    return _mm_or_si128(_mm_cmpeq_epi8(bytes, probe->low), _mm_cmpeq_epi8(bytes, probe->high));
}

static unsigned both_at(const struct probe *a, const struct probe *b, const uint8_t *p) {
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(probe_at(a, p), probe_at(b, p)));
}

/* The first of these candidate places (bit i: text + i) where the whole needle matches. */
static const uint8_t *first_place(const struct needle *needle, const uint8_t *text,
                                  uint32_t places) {
    for (; places != 0; places &= places - 1) {
        const uint8_t *place = text + __builtin_ctz(places);
        if (matches_at(needle, place)) return place;
    }
    return NULL;
}

static const uint8_t *find_sse2(const struct needle *needle, const uint8_t *text,
                                const uint8_t *end) {
    const struct probe a = make_probe(needle, needle->first);
    const struct probe b = make_probe(needle, needle->second);
    /* At least 31 bytes after the needle are readable, so loads never cross the end. */
    for (; (size_t)(end - text) >= needle->size + 31; text += 32) {
        const uint32_t places = both_at(&a, &b, text) | both_at(&a, &b, text + 16) << 16;
        const uint8_t *place = first_place(needle, text, places);
        if (place != NULL) return place;
    }
    return find_plain(needle, text, end);
}

#ifdef HAS_WIDE_VECTORS

/* The same for 64 positions at a time, on CPUs with AVX2. */
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i wide_at(const uint8_t *p, __m256i byte) {
    return _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)p), byte);
}

AVX2 static const uint8_t *find_avx2(const struct needle *needle, const uint8_t *text,
                                     const uint8_t *end) {
    const __m256i a = _mm256_set1_epi8((char)needle->bytes[needle->first]);
    const __m256i b = _mm256_set1_epi8((char)needle->bytes[needle->second]);
    const size_t first = needle->first, second = needle->second;
    for (; (size_t)(end - text) >= needle->size + 63; text += 64) {
        const __m256i low = _mm256_and_si256(wide_at(text + first, a), wide_at(text + second, b));
        const __m256i high =
            _mm256_and_si256(wide_at(text + 32 + first, a), wide_at(text + 32 + second, b));
        if (_mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-1))) continue;
        const uint8_t *place = first_place(needle, text, (uint32_t)_mm256_movemask_epi8(low));
        if (place == NULL)
            place = first_place(needle, text + 32, (uint32_t)_mm256_movemask_epi8(high));
        if (place != NULL) return place;
    }
    return find_sse2(needle, text, end);
}

static bool can_be_wide(const struct needle *needle) {
    return !needle->ignore_case && __builtin_cpu_supports("avx2");
}

#else

static const uint8_t *find_avx2(const struct needle *needle, const uint8_t *text,
                                const uint8_t *end) {
    return find_sse2(needle, text, end);
}

static bool can_be_wide(const struct needle *needle) {
    (void)needle;
    return false;
}

#endif

const uint8_t *find(const struct needle *needle, const uint8_t *text, const uint8_t *end) {
    if (needle->size == 0 || (size_t)(end - text) < needle->size)
        return find_plain(needle, text, end);
    return needle->wide ? find_avx2(needle, text, end) : find_sse2(needle, text, end);
}

#else

const uint8_t *find(const struct needle *needle, const uint8_t *text, const uint8_t *end) {
    return find_plain(needle, text, end);
}

static bool can_be_wide(const struct needle *needle) {
    (void)needle;
    return false;
}

#endif
