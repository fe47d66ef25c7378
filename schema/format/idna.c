/* idna.c - see idna.h: RFC 5892's rules and Punycode. */
#include "schema/format/idna.h"

#include <string.h>

#include "schema/format/idna_table.h"

/* Punycode's parameters (RFC 3492 section 5). */
enum {
    BASE = 36,
    T_MIN = 1,
    T_MAX = 26,
    SKEW = 38,
    DAMP = 700,
    FIRST_BIAS = 72,
    FIRST_POINT = 128
};

static bool is_valid(const uint32_t *points, size_t count);
static uint32_t adapt(uint32_t delta, uint32_t points, bool first);
static bool decode(const char *text, size_t size, uint32_t *points, size_t *count);
static size_t encoded_size(const uint32_t *points, size_t count);

static bool is_ascii(const uint32_t *points, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (points[i] >= 0x80) return false;
    return true;
}

bool idna_is_u_label(const uint32_t *points, size_t count, size_t *wire_size) {
    if (count > IDNA_LABEL_MAX || is_ascii(points, count) || !is_valid(points, count)) return false;
    *wire_size = 4 + encoded_size(points, count);
    return *wire_size <= IDNA_LABEL_MAX;
}

bool idna_is_a_label(const char *label, size_t size) {
    uint32_t points[IDNA_LABEL_MAX];
    size_t count;
    if (size < 5 || size > IDNA_LABEL_MAX) return false;
    if ((label[0] | 0x20) != 'x' || (label[1] | 0x20) != 'n' || label[2] != '-' || label[3] != '-')
        return false;
    return decode(label + 4, size - 4, points, &count) && !is_ascii(points, count) &&
           is_valid(points, count);
}

/* ---- which characters are valid, and where (RFC 5892) ---- */

/* The run with this code point; NULL: invalid, or valid only in some contexts. */
static const struct idna_run *run_of(uint32_t point) {
    size_t low = 0, high = idna_runs_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct idna_run *const run = &idna_runs[middle];
        if (point < run->first) {
            high = middle;
        } else if (point > run->last) {
            low = middle + 1;
        } else {
            return (point - run->first) % run->step == 0 ? run : NULL;
        }
    }
    return NULL;
}

static uint32_t kind_of(uint32_t point) {
    const struct idna_run *const run = run_of(point);
    return run != NULL ? run->kind : 0;
}

/* True between letters that join, not counting transparent ones (RFC 5892, A.1). */
static bool joins_around(const uint32_t *points, size_t count, size_t at) {
    size_t before = at, after = at + 1;
    while (before > 0 && (kind_of(points[before - 1]) & IDNA_TRANSPARENT) != 0)
        before--;
    while (after < count && (kind_of(points[after]) & IDNA_TRANSPARENT) != 0)
        after++;
    return before > 0 && (kind_of(points[before - 1]) & IDNA_JOINS_LEFT) != 0 && after < count &&
           (kind_of(points[after]) & IDNA_JOINS_RIGHT) != 0;
}

static bool holds(const uint32_t *points, size_t count, uint32_t first, uint32_t last) {
    for (size_t i = 0; i < count; i++)
        if (points[i] >= first && points[i] <= last) return true;
    return false;
}

static bool holds_kana_or_han(const uint32_t *points, size_t count) {
    for (size_t i = 0; i < count; i++)
        if ((kind_of(points[i]) & IDNA_KANA_OR_HAN) != 0) return true;
    return false;
}

/* RFC 5892 appendix A: characters that are valid in some contexts. */
static bool fits_context(const uint32_t *points, size_t count, size_t at) {
    const uint32_t point = points[at];
    const uint32_t before = at > 0 ? points[at - 1] : 0;
    const uint32_t after = at + 1 < count ? points[at + 1] : 0;
    if (point >= 0x660 && point <= 0x669) return !holds(points, count, 0x6F0, 0x6F9);
    if (point >= 0x6F0 && point <= 0x6F9) return !holds(points, count, 0x660, 0x669);
    switch (point) {
    case 0x200C: /* ZERO WIDTH NON-JOINER */
        return (kind_of(before) & IDNA_VIRAMA) != 0 || joins_around(points, count, at);
    case 0x200D: return (kind_of(before) & IDNA_VIRAMA) != 0; /* ZERO WIDTH JOINER */
    case 0xB7: return before == 'l' && after == 'l';          /* MIDDLE DOT */
    case 0x375: return (kind_of(after) & IDNA_GREEK) != 0;    /* GREEK LOWER NUMERAL SIGN */
    case 0x5F3:                                               /* HEBREW PUNCTUATION GERESH */
    case 0x5F4: return (kind_of(before) & IDNA_HEBREW) != 0;  /* ... GERSHAYIM */
    case 0x30FB: return holds_kana_or_han(points, count);     /* KATAKANA MIDDLE DOT */
    default: return false;
    }
}

static bool is_valid(const uint32_t *points, size_t count) {
    if (points[0] == '-' || points[count - 1] == '-') return false;
    if (count >= 4 && points[2] == '-' && points[3] == '-') return false;
    if ((kind_of(points[0]) & IDNA_MARK) != 0) return false;
    for (size_t i = 0; i < count; i++)
        if (run_of(points[i]) == NULL && !fits_context(points, count, i)) return false;
    return true;
}

/* ---- Punycode ---- */

static uint32_t adapt(uint32_t delta, uint32_t points, bool first) {
    uint32_t k = 0;
    delta = first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias) {
    return k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
}

static uint32_t digit_of(char c) {
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0') + 26;
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'z' ? (uint32_t)(lower - 'a') : BASE;
}

/* One number of variable length.  False: invalid or too large. */
static bool decode_number(const char **p, const char *end, uint32_t bias, uint32_t *number) {
    uint32_t weight = 1;
    for (uint32_t k = BASE;; k += BASE) { /* ends: *p increases */
        const uint32_t digit = *p < end ? digit_of(*(*p)++) : BASE;
        const uint32_t t = threshold(k, bias);
        if (digit == BASE || digit > (INT32_MAX - *number) / weight) return false;
        *number += digit * weight;
        if (digit < t) return true;
        if (weight > INT32_MAX / (BASE - t)) return false;
        weight *= BASE - t;
    }
}

/* points: has room for `size` of them. */
static bool decode(const char *text, size_t size, uint32_t *points, size_t *count) {
    const char *const end = text + size, *p = text;
    uint32_t point = FIRST_POINT, i = 0, bias = FIRST_BIAS, used = 0;
    for (const char *q = end; q > text; q--)
        if (q[-1] == '-') {
            if (q == text + 1) return false; /* the delimiter needs basic code points before it */
            for (; p < q - 1; p++)
                points[used++] = *p >= 'A' && *p <= 'Z' ? (uint32_t)(*p | 0x20) : (uint8_t)*p;
            p = q;
            break;
        }
    while (p < end) {
        const uint32_t before = i;
        if (!decode_number(&p, end, bias, &i)) return false;
        used++;
        bias = adapt(i - before, used, before == 0);
        point += i / used;
        i %= used;
        if (point > 0x10FFFF) return false;
        memmove(points + i + 1, points + i, (used - 1 - i) * sizeof *points);
        points[i++] = point;
    }
    *count = used;
    return used > 0;
}

static size_t number_size(uint32_t number, uint32_t bias) {
    size_t size = 1;
    for (uint32_t k = BASE;; k += BASE, size++) { /* ends: the number decreases */
        const uint32_t t = threshold(k, bias);
        if (number < t) return size;
        number = (number - t) / (BASE - t);
    }
}

/* At most IDNA_LABEL_MAX code points, so nothing overflows: 0x10FFFF * 64 fits into 32 bits. */
static size_t encoded_size(const uint32_t *points, size_t count) {
    uint32_t handled = 0, bias = FIRST_BIAS, delta = 0, point = FIRST_POINT;
    for (size_t i = 0; i < count; i++)
        handled += points[i] < FIRST_POINT;
    size_t size = handled + (handled > 0);
    bool first = true;
    while (handled < count) {
        uint32_t next = UINT32_MAX;
        for (size_t i = 0; i < count; i++)
            if (points[i] >= point && points[i] < next) next = points[i];
        delta += (next - point) * (handled + 1);
        point = next;
        for (size_t i = 0; i < count; i++) {
            delta += points[i] < point;
            if (points[i] != point) continue;
            size += number_size(delta, bias);
            bias = adapt(delta, ++handled, first);
            first = false;
            delta = 0;
        }
        delta++;
        point++;
    }
    return size;
}
