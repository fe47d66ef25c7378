/* render_facts.c - times and levels as they stand in a record's fields. */
#include <string.h>

#include "tools/render_parts.h"

#define SECOND_NS 1000000000

static bool all_digits(const char *p, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (p[i] < '0' || p[i] > '9') return false;
    return true;
}

/* "+01:00", "+0100", "Z" or nothing, which means Z. */
static bool parse_distance(const char *p, size_t size, int64_t *distance_s) {
    *distance_s = 0;
    if (size == 0 || (size == 1 && (*p == 'Z' || *p == 'z'))) return true;
    const size_t colon = size == 6 && p[3] == ':';
    if (size != 5 + colon || (*p != '+' && *p != '-')) return false;
    if (!all_digits(p + 1, 2) || !all_digits(p + 3 + colon, 2)) return false;
    const int64_t minutes =
        ((p[1] - '0') * 10 + p[2] - '0') * 60 + (p[3 + colon] - '0') * 10 + p[4 + colon] - '0';
    *distance_s = (*p == '-' ? -minutes : minutes) * 60;
    return true;
}

/* Digits behind a point or a comma, as nanoseconds; those below are cut off. */
static const char *parse_fraction(const char *p, const char *end, int64_t *ns) {
    int64_t unit = SECOND_NS / 10;
    *ns = 0;
    if (p == end || (*p != '.' && *p != ',')) return p;
    for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
        *ns += (*p - '0') * unit;
    return p;
}

/* RFC 3339, and its variants with a space, a comma, or without a zone. */
static bool parse_calendar(const char *text, size_t size, int64_t *time_ns) {
    char compact[TIMESTAMP_COMPACT_LENGTH + 1];
    int64_t fraction_ns, distance_s;
    if (size < 19 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
        strchr("Tt ", text[10]) == NULL || text[10] == '\0')
        return false;
    memcpy(compact, text, 4);
    memcpy(compact + 4, text + 5, 2);
    memcpy(compact + 6, text + 8, 2);
    compact[8] = 'T';
    memcpy(compact + 9, text + 11, 2);
    memcpy(compact + 11, text + 14, 2);
    memcpy(compact + 13, text + 17, 2);
    memcpy(compact + 15, "Z", 2);
    if (timestamp_parse_compact(compact, time_ns) < 0) return false;
    const char *const end = text + size;
    const char *const zone = parse_fraction(text + 19, end, &fraction_ns);
    if (!parse_distance(zone, (size_t)(end - zone), &distance_s)) return false;
    *time_ns += fraction_ns - distance_s * SECOND_NS;
    return true;
}

/* Seconds, milli-, micro- or nanoseconds since 1970, by magnitude. */
static bool parse_epoch(const char *text, size_t size, int64_t *time_ns) {
    const char *p = text, *const end = text + size;
    int64_t whole = 0, fraction_ns, unit = SECOND_NS;
    while (p < end && p - text < 18 && *p >= '0' && *p <= '9')
        whole = whole * 10 + (*p++ - '0');
    if (p == text) return false;
    if (p < end && *p >= '0' && *p <= '9') whole = whole * 10 + (*p++ - '0');
    p = parse_fraction(p, end, &fraction_ns);
    if (p != end || whole < 10000000) return false;
    for (int64_t limit = 100000000000; unit > 1 && whole >= limit; limit *= 1000)
        unit /= 1000;
    if (whole > INT64_MAX / unit - 1) return false;
    *time_ns = whole * unit + fraction_ns / (SECOND_NS / unit);
    return true;
}

bool read_time(const struct value *value, int64_t *time_ns) {
    const char *const text = (const char *)value->begin;
    const size_t size = (size_t)(value->end - value->begin);
    if (value->kind == VALUE_STRING) return parse_calendar(text + 1, size - 2, time_ns);
    return value->kind == VALUE_NUMBER && parse_epoch(text, size, time_ns);
}

static bool same_word(const char *word, const uint8_t *text, size_t size) {
    if (strlen(word) != size) return false;
    for (size_t i = 0; i < size; i++)
        if (word[i] != (text[i] | 0x20)) return false;
    return true;
}

uint8_t read_level(const struct value *value) {
    static const char *const names[][6] = {
        {"trace", "verbose", "finest"},
        {"debug", "fine", "dbg"},
        {"info", "information", "informational", "notice", "inf"},
        {"warn", "warning", "wrn"},
        {"error", "err", "severe", "eror"},
        {"fatal", "critical", "crit", "panic", "emerg", "alert"},
    };
    if (value->kind != VALUE_STRING) return 0;
    const size_t size = (size_t)(value->end - value->begin) - 2;
    for (uint8_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6 && names[i][j] != NULL; j++)
            if (same_word(names[i][j], value->begin + 1, size)) return (uint8_t)(4 * i + 1);
    return 0;
}
