/* find_set.c - see find_set.h.  Looks up both halves of two or three neighbouring bytes in tables of
 * 16 sets of bits, 32 positions at once (the method is known as Teddy), and compares the whole needle
 * where all halves match. */
#include "tools/query/find_set.h"

#include <stdlib.h>
#include <string.h>

#include "port/compiler.h"
#include "port/error.h"
#include "schema/json/ascii.h"

#ifdef HAS_WIDE_VECTORS
#include <immintrin.h>
#endif

static bool same_needle(const struct needle *needle, const uint8_t *bytes, size_t size,
                        bool ignore_case) {
    if (needle->size != size || needle->ignore_case != ignore_case) return false;
    for (size_t i = 0; i < size; i++)
        if (needle->bytes[i] != (ignore_case ? ascii_lower(bytes[i]) : bytes[i])) return false;
    return true;
}

int needle_set_add(struct needle_set *set, const void *bytes, size_t size, bool ignore_case) {
    for (uint32_t i = 0; i < set->count; i++)
        if (same_needle(&set->needles[i], bytes, size, ignore_case)) return 0;
    if (set->count == set->room) {
        const uint32_t room = set->room > 0 ? 2 * set->room : 4;
        struct needle *more = realloc(set->needles, room * sizeof *more);
        if (more == NULL) return ERR_NO_MEMORY;
        set->needles = more;
        set->room = room;
    }
    const int status = needle_open(&set->needles[set->count], bytes, size, ignore_case);
    if (status == 0) set->count++;
    return status;
}

/* Where the rarest bytes of the needle begin. */
static size_t rarest(const struct needle *needle, size_t width) {
    size_t best = 0, best_sum = 0;
    for (size_t at = 0; at + width <= needle->size; at++) {
        size_t sum = 0;
        for (size_t k = 0; k < width; k++)
            sum += find_rarity(needle->bytes[at + k]);
        if (sum < best_sum) continue;
        best = at;
        best_sum = sum;
    }
    return best;
}

static void enter(struct needle_set *set, size_t k, uint8_t byte, uint8_t bit) {
    set->low[k][byte & 15] |= bit;
    set->high[k][byte >> 4] |= bit;
}

int needle_set_ready(struct needle_set *set) {
    set->width = PROBE_MAX;
    set->anchors = malloc((set->count + 1) * sizeof *set->anchors);
    if (set->anchors == NULL) return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->needles[i].size < set->width) set->width = set->needles[i].size;
    set->backslash = set->count > 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->needles[i].bytes[0] != '\\') set->backslash = false;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct needle *needle = &set->needles[i];
        const uint8_t bit = (uint8_t)(1u << i % NEEDLE_GROUPS);
        set->anchors[i] = rarest(needle, set->width);
        for (size_t k = 0; k < set->width; k++) {
            const uint8_t byte = needle->bytes[set->anchors[i] + k];
            enter(set, k, byte, bit);
            if (needle->ignore_case && byte >= 'a' && byte <= 'z')
                enter(set, k, (uint8_t)(byte - 32), bit);
        }
    }
#ifdef HAS_WIDE_VECTORS
    set->wide = __builtin_cpu_supports("avx2");
#endif
    return 0;
}

void needle_set_close(struct needle_set *set) {
    for (uint32_t i = 0; i < set->count; i++)
        needle_close(&set->needles[i]);
    free(set->needles);
    free(set->anchors);
    memset(set, 0, sizeof *set);
}

/* The needle of one of these groups whose probe is at p; NULL: there is none. */
static const uint8_t *needle_at(const struct needle_set *set, uint8_t groups, const uint8_t *p,
                                const uint8_t *text, const uint8_t *end) {
    for (uint32_t i = 0; i < set->count; i++) {
        const struct needle *needle = &set->needles[i];
        if ((groups >> i % NEEDLE_GROUPS & 1) == 0) continue;
        if ((size_t)(p - text) < set->anchors[i]) continue;
        const uint8_t *const begin = p - set->anchors[i];
        if ((size_t)(end - begin) < needle->size) continue;
        if (find_plain(needle, begin, begin + needle->size) != NULL) return begin;
    }
    return NULL;
}

/* The same as find_set_plain for probes from p on. */
static const uint8_t *find_from(const struct needle_set *set, const uint8_t *p, const uint8_t *text,
                                const uint8_t *end) {
    for (; (size_t)(end - p) >= set->width; p++) {
        uint8_t groups = 0xff;
        for (size_t k = 0; k < set->width; k++)
            groups &= set->low[k][p[k] & 15] & set->high[k][p[k] >> 4];
        if (groups == 0) continue;
        const uint8_t *place = needle_at(set, groups, p, text, end);
        if (place != NULL) return place;
    }
    return NULL;
}

const uint8_t *find_set_plain(const struct needle_set *set, const uint8_t *text,
                              const uint8_t *end) {
    return find_from(set, text, text, end);
}

#ifdef HAS_WIDE_VECTORS

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i table_of(const uint8_t table[16]) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

/* For 32 positions from p on, the groups that have this byte of the probe there. */
AVX2 static inline __m256i groups_at(const uint8_t *p, __m256i low, __m256i high) {
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)p);
    const __m256i lows = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half));
    const __m256i highs =
        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
    return _mm256_and_si256(lows, highs);
}

/* The first 32 positions from p on, in steps of 32, where groups match; bit i of *places: groups
 * found[i] at the i-th.  Returns where they begin, or where too few bytes are left.  Calls nothing,
 * so that no wide register is saved on the stack, which mingw-w64 does not align for them (GCC bug
 * 54412). */
AVX2 __attribute__((noinline)) static const uint8_t *
next_places(const struct needle_set *set, const uint8_t *p, const uint8_t *end, uint8_t found[32],
            uint32_t *places) {
    const size_t second = set->width > 1 ? 1 : 0, third = set->width > 2 ? 2 : second;
    const __m256i low0 = table_of(set->low[0]), high0 = table_of(set->high[0]);
    const __m256i low1 = table_of(set->low[second]), high1 = table_of(set->high[second]);
    const __m256i low2 = table_of(set->low[third]), high2 = table_of(set->high[third]);
    for (*places = 0; end - p >= 32 + PROBE_MAX; p += 32) {
        __m256i groups =
            _mm256_and_si256(groups_at(p, low0, high0), groups_at(p + second, low1, high1));
        groups = _mm256_and_si256(groups, groups_at(p + third, low2, high2));
        const __m256i none = _mm256_cmpeq_epi8(groups, _mm256_setzero_si256());
        *places = ~(uint32_t)_mm256_movemask_epi8(none);
        if (*places == 0) continue;
        _mm256_storeu_si256((__m256i *)(void *)found, groups);
        break;
    }
    return p;
}

static const uint8_t *find_avx2(const struct needle_set *set, const uint8_t *text,
                                const uint8_t *end) {
    uint8_t found[32];
    uint32_t places;
    const uint8_t *p = text;
    for (;; p += 32) { /* ends: p rises */
        p = next_places(set, p, end, found, &places);
        if (places == 0) return find_from(set, p, text, end);
        for (; places != 0; places &= places - 1) {
            const int i = __builtin_ctz(places);
            const uint8_t *place = needle_at(set, found[i], p + i, text, end);
            if (place != NULL) return place;
        }
    }
}

static const uint8_t *find_any(const struct needle_set *set, const uint8_t *text,
                               const uint8_t *end) {
    return set->wide ? find_avx2(set, text, end) : find_set_plain(set, text, end);
}

#else

static const uint8_t *find_any(const struct needle_set *set, const uint8_t *text,
                               const uint8_t *end) {
    return find_set_plain(set, text, end);
}

#endif

const uint8_t *find_set(const struct needle_set *set, const uint8_t *text, const uint8_t *end) {
    if (set->backslash) {
        text = text < end ? memchr(text, '\\', (size_t)(end - text)) : NULL;
        if (text == NULL) return NULL;
    }
    return set->count == 1 ? find(&set->needles[0], text, end) : find_any(set, text, end);
}
