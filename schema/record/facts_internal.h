/* facts_internal.h - fast paths for the most common forms of a time and a level, eight bytes at a
 * time.
 *
 * Ingest pays for these with every line, so the forms that most lines have do not go through
 * time_parse and level_parse: "2026-11-24T07:30:00.123Z" (or with a space, a comma, more digits,
 * without Z), an epoch in seconds or milliseconds, the names of six levels.  False means
 * undecided: another form, or too close to the end.  Only for facts.c, which inlines them. */
#ifndef SCHEMA_RECORD_FACTS_INTERNAL_H
#define SCHEMA_RECORD_FACTS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "schema/record/facts.h"
#include "schema/record/timestamp.h"

/* Eight bytes as a little-endian number, on any CPU. */
static inline uint64_t quick_eight(const void *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* kind: 0xF0 for each byte that must be 0 to 9, 0xFF for each that must be 0.  Returns 0 if all
 * are. */
static inline uint64_t quick_mismatch(uint64_t bytes, uint64_t kind) {
    return ((bytes + (~kind & 0x0606060606060606u)) | bytes) & kind;
}

/* Each byte becomes ten times itself plus the next one: the value of two digits. */
static inline uint64_t quick_pairs(uint64_t digits) {
    return digits * 10 + (digits >> 8);
}

static inline uint32_t quick_byte(uint64_t bytes, int n) {
    return (uint32_t)(bytes >> (8 * n) & 0xFF);
}

/* The fraction's digits after the third, and the end of the text. */
static __attribute__((noinline)) bool quick_rest(const uint8_t *p, const uint8_t *end, bool utc,
                                                 int64_t *nanosecond) {
    int64_t scale = 100000;
    for (; p < end && (uint8_t)(*p - '0') < 10; p++) {
        *nanosecond += (*p - '0') * scale;
        scale /= 10;
    }
    if (p < end && *p == 'Z')
        p++;
    else if (!utc)
        return false;
    return p < end && *p == '"';
}

/* Days since 1970, for the years 1970 to 2261, which fit into 64 bits of ns as a whole.  False: no
 * such day. */
static inline bool quick_day(uint32_t year, uint32_t month, uint32_t day, uint32_t *days) {
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year - 1970 > 291 || --month > 11) return false;
    const uint32_t leap = year % 4 == 0 && year != 2100 && year != 2200;
    if (--day >= lengths[month] + (leap & (month == 1))) return false;
    const uint32_t leap_days = (year - 1969) / 4 - (year > 2100) - (year > 2200);
    *days = (year - 1970) * 365 + leap_days + before[month] + (leap & (month > 1)) + day;
    return true;
}

/* "2026-11-24T07:30"; stores it in `memory`. */
static __attribute__((noinline)) bool quick_minute(const uint8_t *p, struct facts_memory *memory) {
    const uint64_t date = quick_eight(p) ^ 0x2D30302D30303030u; /* 0000-00- */
    /* 00.00:00, as the T may be another byte */
    const uint64_t minute = (quick_eight(p + 8) & 0xFFFFFFFFFF00FFFFu) ^ 0x30303A3030003030u;
    if (quick_mismatch(date, 0xFFF0F0FFF0F0F0F0u) || quick_mismatch(minute, 0xF0F0FFF0F0FFF0F0u))
        return false;
    if (p[10] != 'T' && p[10] != ' ') return false;
    const uint64_t ymd = quick_pairs(date), hm = quick_pairs(minute);
    const uint32_t year = quick_byte(ymd, 0) * 100 + quick_byte(ymd, 2);
    const uint32_t hour = quick_byte(hm, 3), of_hour = quick_byte(hm, 6);
    uint32_t days;
    if (hour > 23 || of_hour > 59) return false;
    if (!quick_day(year, quick_byte(ymd, 5), quick_byte(hm, 0), &days)) return false;
    memory->minute_ns = (days * (int64_t)86400 + hour * 3600 + of_hour * 60) * 1000000000;
    memcpy(memory->minute, p, sizeof memory->minute);
    return true;
}

/* p: after the opening quote.  utc: a time without a zone is UTC. */
static inline bool quick_date(const uint8_t *p, const uint8_t *end, bool utc,
                              struct facts_memory *memory, int64_t *ns) {
    if (end - p < 25) return false;
    if (memcmp(p, memory->minute, sizeof memory->minute) != 0 && !quick_minute(p, memory))
        return false;
    /* :00.000, as the point may be another byte */
    const uint64_t second = (quick_eight(p + 16) & 0x00FFFFFF00FFFFFFu) ^ 0x003030300030303Au;
    if (quick_mismatch(second, 0xFFF0F0F0FFF0F0FFu) || (p[19] != '.' && p[19] != ',')) return false;
    const uint32_t seconds = quick_byte(quick_pairs(second), 1);
    int64_t nanosecond =
        (quick_byte(second, 4) * 100 + quick_byte(second, 5) * 10 + quick_byte(second, 6)) *
        (int64_t)1000000;
    const bool ends = p[23 + (p[23] == 'Z')] == '"';
    if (seconds > 60 || (!ends && !quick_rest(p + 23, end, utc, &nanosecond))) return false;
    if (ends && !utc && p[23] != 'Z') return false;
    *ns = memory->minute_ns + seconds * (int64_t)1000000000 + nanosecond;
    return true;
}

/* The value of eight digits 0 to 9, the first in the lowest byte. */
static inline uint64_t quick_number(uint64_t digits) {
    digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FFu;
    digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFFu;
    return (digits * 10000 + (digits >> 32)) & 0xFFFFFFFFu;
}

static inline bool quick_ends(const uint8_t *p) {
    return *p == ',' || *p == '}';
}

/* Unix seconds of ten digits (since 2001) with a fraction of up to seven digits or none.  `first`:
 * the first eight digits; p is after them, with eight more readable bytes. */
static inline bool quick_seconds(uint64_t first, const uint8_t *p, const uint8_t *end,
                                 int64_t *ns) {
    static const uint32_t scales[] = {1000000000, 100000000, 10000000, 1000000,
                                      100000,     10000,     1000,     100};
    const uint32_t tens = (uint32_t)(p[0] - '0'), ones = (uint32_t)(p[1] - '0');
    const int64_t seconds = (int64_t)first * 100 + tens * 10 + ones;
    /* Later seconds overflow 64 bits of nanoseconds. */
    if (tens > 9 || ones > 9 || seconds >= INT64_MAX / 1000000000) return false;
    *ns = seconds * 1000000000;
    p += 2;
    if (*p == '.') {
        if (end - ++p < 8) return false;
        const uint64_t bytes = quick_eight(p) ^ 0x3030303030303030u;
        const uint64_t others = quick_mismatch(bytes, 0xF0F0F0F0F0F0F0F0u);
        const int digits = others == 0 ? 8 : __builtin_ctzll(others) / 8;
        if (digits == 0 || digits == 8) return false;
        *ns += (int64_t)quick_number(bytes << (64 - 8 * digits)) * scales[digits];
        p += digits;
    }
    return quick_ends(p);
}

/* Seconds, or milliseconds as in JavaScript: 13 digits. */
static inline bool quick_epoch(const uint8_t *p, const uint8_t *end, int64_t *ns) {
    if (end - p < 16) return false;
    const uint64_t first = quick_eight(p) ^ 0x3030303030303030u;
    if (first << 56 == 0 || quick_mismatch(first, 0xF0F0F0F0F0F0F0F0u) != 0) return false;
    if (!quick_ends(p + 13) || p[10] == '.')
        return quick_seconds(quick_number(first), p + 8, end, ns);
    /* The last five digits in the upper bytes; the lower ones become leading zeros. */
    const uint64_t last = (quick_eight(p + 8) ^ 0x3030303030303030u) << 24;
    if (quick_mismatch(last, 0xF0F0F0F0F0F0F0F0u) != 0) return false;
    *ns = (int64_t)(quick_number(first) * 100000 + quick_number(last)) * 1000000;
    return true;
}

static inline bool quick_time(const uint8_t *value, const uint8_t *end, bool utc,
                              struct facts_memory *memory, int64_t *ns) {
    return value < end && *value == '"' ? quick_date(value + 1, end, utc, memory, ns)
                                        : quick_epoch(value, end, ns);
}

/* A name and the quote after it, as a number. */
#define QUICK_NAME(a, b, c, d, e, f, g, h)                                                         \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |              \
     (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)
/* A perfect hash of these names by their first five bytes (the compiler warns of two entries in one
 * slot). */
#define QUICK_SLOT(name) ((((name) << 24) * 0xD9) >> 60)
#define QUICK_LEVEL(name, size, level)                                                             \
    [QUICK_SLOT(name)] = {name, ~UINT64_C(0) >> (56 - 8 * size), level}

/* A name in quotes, in any case.  Only the last branch depends on the name, because the CPU cannot
 * predict it. */
static inline bool quick_level(const uint8_t *value, const uint8_t *end, uint8_t *level) {
    static const struct {
        uint64_t name, mask;
        uint8_t level;
    } names[16] = {
        QUICK_LEVEL(QUICK_NAME('i', 'n', 'f', 'o', '"', 0, 0, 0), 4, LEVEL_INFO),
        QUICK_LEVEL(QUICK_NAME('w', 'a', 'r', 'n', '"', 0, 0, 0), 4, LEVEL_WARN),
        QUICK_LEVEL(QUICK_NAME('d', 'e', 'b', 'u', 'g', '"', 0, 0), 5, LEVEL_DEBUG),
        QUICK_LEVEL(QUICK_NAME('e', 'r', 'r', 'o', 'r', '"', 0, 0), 5, LEVEL_ERROR),
        QUICK_LEVEL(QUICK_NAME('t', 'r', 'a', 'c', 'e', '"', 0, 0), 5, LEVEL_TRACE),
        QUICK_LEVEL(QUICK_NAME('f', 'a', 't', 'a', 'l', '"', 0, 0), 5, LEVEL_FATAL),
        QUICK_LEVEL(QUICK_NAME('w', 'a', 'r', 'n', 'i', 'n', 'g', '"'), 7, LEVEL_WARN),
    };
    if (end - value < 9 || *value != '"') return false;
    /* A letter's case is one bit, which is set in a quote. */
    const uint64_t text = quick_eight(value + 1) | 0x2020202020202020u;
    const uint64_t slot = QUICK_SLOT(text);
    *level = names[slot].level;
    return (text & names[slot].mask) == names[slot].name && *level != LEVEL_NONE;
}

/* A number of one or two digits on the usual scale. */
static inline bool quick_level_number(const uint8_t *value, const uint8_t *end, uint8_t *level) {
    static const uint8_t levels[64] = {
        21, 19, 18, 17, 13, 10, 9,  5,  8,  9,  1,  11, 12, 13, 14, 15, 16, 17, 18, 19, 5,  21,
        22, 23, 24, 5,  5,  5,  5,  5,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  13, 13, 13, 13,
        13, 13, 13, 13, 13, 13, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 21, 21, 21, 21};
    if (end - value < 4) return false;
    const uint32_t first = (uint32_t)(value[0] - '0'), second = (uint32_t)(value[1] - '0');
    const bool two = second < 10;
    const uint32_t number = two ? first * 10 + second : first;
    if (first > 9 || number > 63 || !quick_ends(value + 1 + two)) return false;
    *level = levels[number];
    return true;
}

#endif
