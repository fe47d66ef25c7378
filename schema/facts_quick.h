/* facts_quick.h - the commonest forms of a time and a level, eight bytes at a time.
 *
 * Ingest pays for these with every line, so the forms that most lines have do not go through
 * time_parse and level_parse: "2026-11-24T07:30:00.123Z" (with a space, a comma, more digits,
 * without Z), an epoch of seconds or milliseconds, the names of six levels.  false: some other form, or
 * too near the end; nothing is decided then.  Only for facts.c, which inlines them. */
#ifndef SCHEMA_FACTS_QUICK_H
#define SCHEMA_FACTS_QUICK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "schema/facts.h"
#include "schema/timestamp.h"

/* Eight bytes as a number whose lowest byte is the first, wherever this runs. */
static inline uint64_t quick_eight(const void *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* kind: 0xF0 where a byte must be 0 to 9, 0xFF where it must be 0. */
static inline bool quick_fits(uint64_t bytes, uint64_t kind) {
    return (((bytes + (~kind & 0x0606060606060606u)) | bytes) & kind) == 0;
}

/* Each byte becomes ten times itself and the next one: two digits' number. */
static inline uint64_t quick_pairs(uint64_t digits) {
    return digits * 10 + (digits >> 8);
}

static inline int32_t quick_byte(uint64_t bytes, int n) {
    return (int32_t)(bytes >> (8 * n) & 0xFF);
}

/* The fraction's digits behind the third, if any, and the end of the text. */
static inline bool quick_rest(const uint8_t *p, const uint8_t *end, int64_t *nanosecond) {
    int64_t scale = 100000;
    for (; p < end && (uint8_t)(*p - '0') < 10; p++) {
        *nanosecond += (*p - '0') * scale;
        scale /= 10;
    }
    if (p < end && *p == 'Z') p++;
    return p < end && *p == '"';
}

/* From behind the opening quote. */
static inline bool quick_date(const uint8_t *p, const uint8_t *end, int64_t *ns) {
    if (end - p < 25) return false;
    const uint64_t date = quick_eight(p) ^ 0x2D30302D30303030u; /* 0000-00- */
    uint64_t minute = quick_eight(p + 8) ^ 0x30303A3030543030u; /* 00T00:00 */
    uint64_t second = quick_eight(p + 16) & 0x00FFFFFFFFFFFFFFu;
    second ^= 0x003030302E30303Au; /* :00.000 */
    if ((minute >> 16 & 0xFF) == ('T' ^ ' ')) minute ^= (uint64_t)('T' ^ ' ') << 16;
    if ((second >> 24 & 0xFF) == ('.' ^ ',')) second ^= (uint64_t)('.' ^ ',') << 24;
    if (!quick_fits(date, 0xFFF0F0FFF0F0F0F0u) || !quick_fits(minute, 0xF0F0FFF0F0FFF0F0u) ||
        !quick_fits(second, 0xFFF0F0F0FFF0F0FFu))
        return false;
    int64_t nanosecond =
        (quick_byte(second, 4) * 100 + quick_byte(second, 5) * 10 + quick_byte(second, 6)) *
        (int64_t)1000000;
    if (!quick_rest(p + 23, end, &nanosecond)) return false;
    const uint64_t ymd = quick_pairs(date), hm = quick_pairs(minute), s = quick_pairs(second);
    const int32_t year = quick_byte(ymd, 0) * 100 + quick_byte(ymd, 2);
    const int32_t hour = quick_byte(hm, 3), of_hour = quick_byte(hm, 6), seconds = quick_byte(s, 1);
    int64_t day_s;
    /* Years that 64 bits hold whole; the others are time_parse's. */
    if (year < 1970 || year > 2261 || hour > 23 || of_hour > 59 || seconds > 60) return false;
    if (timestamp_of_day(year, quick_byte(ymd, 5), quick_byte(hm, 0), &day_s)) return false;
    *ns = (day_s + hour * 3600 + of_hour * 60 + seconds) * 1000000000 + nanosecond;
    return true;
}

/* Eight digits, the first in the lowest byte, each as 0 to 9. */
static inline uint64_t quick_number(uint64_t digits) {
    digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FFu;
    digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFFu;
    return (digits * 10000 + (digits >> 32)) & 0xFFFFFFFFu;
}

static inline bool quick_ends(const uint8_t *p) {
    return *p == ',' || *p == '}';
}

/* Seconds since 2001, ten digits, and a fraction of up to nine, or none: the first eight digits
 * are read, and the rest is long enough. */
static inline bool quick_seconds(uint64_t first, const uint8_t *p, const uint8_t *end,
                                 int64_t *ns) {
    int64_t sum = (int64_t)first * 100 + (p[0] - '0') * 10 + (p[1] - '0');
    int64_t scale = 1000000000;
    if ((uint8_t)(p[0] - '0') > 9 || (uint8_t)(p[1] - '0') > 9) return false;
    p += 2;
    if (*p == '.') {
        p++;
        for (; p < end && (uint8_t)(*p - '0') < 10 && scale > 1; p++, scale /= 10)
            sum = sum * 10 + (*p - '0');
    }
    if (p == end || !quick_ends(p) || p[-1] == '.' || sum > INT64_MAX / scale) return false;
    *ns = sum * scale;
    return true;
}

/* Seconds, or milliseconds as JavaScript counts: 13 digits. */
static inline bool quick_epoch(const uint8_t *p, const uint8_t *end, int64_t *ns) {
    if (end - p < 16) return false;
    const uint64_t first = quick_eight(p) ^ 0x3030303030303030u;
    if (first << 56 == 0 || !quick_fits(first, 0xF0F0F0F0F0F0F0F0u)) return false;
    if (!quick_ends(p + 13) || p[10] == '.')
        return quick_seconds(quick_number(first), p + 8, end, ns);
    /* The five behind, in the upper bytes; the lower become leading zeros. */
    const uint64_t last = (quick_eight(p + 8) ^ 0x3030303030303030u) << 24;
    if (!quick_fits(last, 0xF0F0F0F0F0F0F0F0u)) return false;
    *ns = (int64_t)(quick_number(first) * 100000 + quick_number(last)) * 1000000;
    return true;
}

static inline bool quick_time(const uint8_t *value, const uint8_t *end, int64_t *ns) {
    return value < end && *value == '"' ? quick_date(value + 1, end, ns)
                                        : quick_epoch(value, end, ns);
}

/* A name in quotes, in any case. */
static inline bool quick_level(const uint8_t *value, const uint8_t *end, uint8_t *level) {
    if (end - value < 9 || *value != '"') return false;
    /* A letter's case is one bit, which a quote has set. */
    const uint64_t name = quick_eight(value + 1) | 0x2020202020202020u;
    switch (name & 0xFFFFFFFFFFu) {
    case 0x226F666E69u: *level = LEVEL_INFO; return value[5] == '"';  /* info" */
    case 0x226E726177u: *level = LEVEL_WARN; return value[5] == '"';  /* warn" */
    case 0x6775626564u: *level = LEVEL_DEBUG; return value[6] == '"'; /* debug */
    case 0x726F727265u: *level = LEVEL_ERROR; return value[6] == '"'; /* error */
    case 0x6563617274u: *level = LEVEL_TRACE; return value[6] == '"'; /* trace */
    case 0x6C61746166u: *level = LEVEL_FATAL; return value[6] == '"'; /* fatal */
    case 0x696E726177u:                                               /* warning */
        *level = LEVEL_WARN;
        return name >> 40 == 0x22676Eu && value[8] == '"';
    default: return false;
    }
}

#endif
