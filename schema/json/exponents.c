/* exponents.c - see exponents.h.  Most letters e do not follow a digit; ids in hexadecimal have
 * some that do, and are refused by what is around them. */
#include "schema/json/exponents.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* An exponent with more digits is counted as this: the number is 0, or too long. */
#define EXPONENT_MAX 1000000

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Is this e, which follows a digit, in a number?  Sets where it begins, and returns its end. */
static const uint8_t *number_around(const uint8_t *p, const uint8_t *e, const uint8_t *end,
                                    const uint8_t **begin) {
    const uint8_t *first = e, *last = e + 1;
    while (first > p && (is_digit(first[-1]) || first[-1] == '.'))
        first--;
    if (first > p && first[-1] == '-') first--;
    if (first > p && !is_blank(first[-1]) && memchr(":,[", first[-1], 3) == NULL) return NULL;
    if (last < end && (*last == '+' || *last == '-')) last++;
    if (last == end || !is_digit(*last)) return NULL;
    while (last < end && is_digit(*last))
        last++;
    if (last < end && !is_blank(*last) && memchr(",]}", *last, 3) == NULL) return NULL;
    *begin = first;
    return last;
}

/* Looks at each byte from `from` on; [p, from) may belong to the number. */
static const uint8_t *next_from(const uint8_t *p, const uint8_t *from, const uint8_t *end,
                                const uint8_t **begin) {
    for (const uint8_t *e = from; e < end; e++) {
        if ((*e | 0x20) != 'e' || e == p || !is_digit(e[-1])) continue;
        const uint8_t *const last = number_around(p, e, end, begin);
        if (last != NULL) return last;
    }
    return NULL;
}

const uint8_t *exponents_next_plain(const uint8_t *p, const uint8_t *end, const uint8_t **begin) {
    return next_from(p, p, end, begin);
}

#if defined(__SSE2__)

/* Bit i: there is an e at e[i], and a digit before it. */
static inline unsigned candidates(const uint8_t *e) {
    const __m128i before = _mm_loadu_si128((const __m128i *)(const void *)(e - 1));
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)e);
    const __m128i digits = _mm_sub_epi8(before, _mm_set1_epi8('0'));
    const __m128i is = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    const __m128i letters =
        _mm_cmpeq_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('e'));
    return (unsigned)_mm_movemask_epi8(_mm_and_si128(is, letters));
}

const uint8_t *exponents_next(const uint8_t *p, const uint8_t *end, const uint8_t **begin) {
    if (p == end) return NULL;
    const uint8_t *at = p + 1; /* no number begins with e */
    for (; end - at >= 32; at += 32) {
        uint32_t found = candidates(at) | candidates(at + 16) << 16;
        for (; found != 0; found &= found - 1) {
            const uint8_t *const last = number_around(p, at + __builtin_ctz(found), end, begin);
            if (last != NULL) return last;
        }
    }
    return next_from(p, at, end, begin);
}

#else

const uint8_t *exponents_next(const uint8_t *p, const uint8_t *end, const uint8_t **begin) {
    return exponents_next_plain(p, end, begin);
}

#endif

/* ---- digits ---- */

/* The digits of a number without its point and exponent. */
struct digits {
    const uint8_t *p, *end;
};

static int next_digit(struct digits *digits) {
    if (digits->p < digits->end && *digits->p == '.') digits->p++;
    return digits->p < digits->end && is_digit(*digits->p) ? *digits->p++ : -1;
}

static int64_t exponent_of(const uint8_t *p, const uint8_t *end) {
    const bool negative = p < end && *p == '-';
    int64_t exponent = 0;
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (; p < end && is_digit(*p); p++)
        exponent = exponent < EXPONENT_MAX ? 10 * exponent + (*p - '0') : exponent;
    return negative ? -exponent : exponent;
}

size_t integer_part(const uint8_t *number, size_t size, char text[INTEGER_BYTES_MAX]) {
    const uint8_t *p = number, *const end = number + size;
    size_t used = 0;
    if (p < end && *p == '-') text[used++] = (char)*p++;
    struct digits digits = {p, end};
    while (p < end && is_digit(*p))
        p++;
    int64_t left = p - digits.p; /* digits before the point, with the exponent */
    while (p < end && (is_digit(*p) || *p == '.'))
        p++;
    digits.end = p;
    if (p < end) left += exponent_of(p + 1, end);
    const size_t sign = used;
    for (bool more = true; left > 0; left--) { /* ends: the text is full, or nothing follows */
        int digit = more ? next_digit(&digits) : -1;
        more = digit >= 0;
        if (!more && used == sign) break; /* zero */
        if (!more) digit = '0';
        if (digit == '0' && used == sign) continue;
        if (used == INTEGER_BYTES_MAX) return 0;
        text[used++] = (char)digit;
    }
    if (used == sign) text[used++] = '0';
    return used;
}
