/* level.c - converts names and numbers of common loggers to OpenTelemetry's severity numbers (logs
 * data model, appendix B).
 *
 * CRITICAL has two meanings there: ERROR2 (18), the third highest of syslog, and FATAL (21), the
 * highest of .NET, Windows' event log and Python.  A search for fatal records must not miss the
 * latter, so the name means FATAL, as Python's 50 does in OpenTelemetry's own SDK.  syslog's 2, its
 * keyword `crit` and monolog's 500 mean ERROR2, because these have higher levels. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "port/error.h"
#include "schema/json/ascii.h"
#include "schema/record/facts.h"
#include "schema/record/level_text.h"

struct named_level {
    char name[15];
    uint8_t level;
};

/* The most frequent first: each record searches this list from the start. */
static const struct named_level named_levels[] = {
    {"info", LEVEL_INFO},        {"debug", LEVEL_DEBUG},
    {"error", LEVEL_ERROR},      {"warn", LEVEL_WARN},
    {"warning", LEVEL_WARN},     {"trace", LEVEL_TRACE},
    {"fatal", LEVEL_FATAL},      {"information", LEVEL_INFO},
    {"notice", LEVEL_NOTICE},    {"critical", LEVEL_FATAL},
    {"verbose", LEVEL_TRACE},    {"inf", LEVEL_INFO},
    {"err", LEVEL_ERROR},        {"wrn", LEVEL_WARN},
    {"dbg", LEVEL_DEBUG},        {"trc", LEVEL_TRACE},
    {"vrb", LEVEL_TRACE},        {"ftl", LEVEL_FATAL},
    {"crit", LEVEL_CRITICAL},    {"alert", LEVEL_ALERT},
    {"emerg", LEVEL_FATAL},      {"emergency", LEVEL_FATAL},
    {"panic", LEVEL_FATAL},      {"dpanic", LEVEL_FATAL},
    {"severe", LEVEL_ERROR},     {"informational", LEVEL_INFO},
    {"config", LEVEL_DEBUG + 3}, {"fine", LEVEL_DEBUG},
    {"finer", LEVEL_TRACE + 1},  {"finest", LEVEL_TRACE},
    {"silly", LEVEL_TRACE},      {"success", LEVEL_INFO},
    {"i", LEVEL_INFO},           {"d", LEVEL_DEBUG},
    {"e", LEVEL_ERROR},          {"w", LEVEL_WARN},
    {"t", LEVEL_TRACE},          {"f", LEVEL_FATAL},
};

static const char *const plain_names[] = {"trace", "debug", "info", "warn", "error", "fatal"};

static const char *const scale_names[] = {
#define X(name, text) [name] = text,
    LEVEL_SCALE_TABLE(X)
#undef X
};

static bool find_named(const char *lower, size_t size, uint8_t *level) {
    for (size_t i = 0; i < sizeof named_levels / sizeof named_levels[0]; i++) {
        const struct named_level *named = &named_levels[i];
        if (named->name[0] != lower[0] || memcmp(named->name, lower, size + 1) != 0) continue;
        *level = named->level;
        return true;
    }
    return false;
}

/* "1" to "24". */
static int parse_number(const char *text, size_t size, uint8_t *level) {
    int number = 0;
    if (size > 2) return ERR_INVALID;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return ERR_INVALID;
        number = number * 10 + (text[i] - '0');
    }
    return level_of_number(number, LEVEL_SCALE_OPENTELEMETRY, level);
}

static bool find_plain(const char *lower, uint32_t *number) {
    for (uint32_t i = 0; i < sizeof plain_names / sizeof *plain_names; i++) {
        if (strcmp(lower, plain_names[i]) != 0) continue;
        *number = i;
        return true;
    }
    return false;
}

/* "info2": the second of its range. */
static bool parse_numbered(char *lower, size_t size, uint8_t *level) {
    uint32_t number;
    const char digit = lower[size - 1];
    if (size < 2 || digit < '1' || digit > '4') return false;
    lower[size - 1] = '\0';
    const bool found = find_plain(lower, &number);
    lower[size - 1] = digit;
    if (found) *level = (uint8_t)(4 * number + 1 + (uint32_t)(digit - '1'));
    return found;
}

/* slog's "error+4", "debug-4": its levels have the same distances as OpenTelemetry's. */
static bool parse_offset(char *lower, size_t size, uint8_t *level) {
    const size_t name_size = strcspn(lower, "+-");
    uint32_t number, offset = 0;
    if (name_size == size || size - name_size < 2 || size - name_size > 4) return false;
    for (size_t i = name_size + 1; i < size; i++) {
        if (lower[i] < '0' || lower[i] > '9') return false;
        offset = offset * 10 + (uint32_t)(lower[i] - '0');
    }
    const char sign = lower[name_size];
    lower[name_size] = '\0';
    const bool found = find_plain(lower, &number);
    lower[name_size] = sign;
    if (!found) return false;
    const int32_t sum = (int32_t)(4 * number + 1) + (sign == '+' ? 1 : -1) * (int32_t)offset;
    *level = (uint8_t)(sum < 1 ? 1 : sum > LEVEL_MAX ? LEVEL_MAX : sum);
    return true;
}

int level_parse(const char *text, size_t size, uint8_t *level) {
    char lower[sizeof named_levels[0].name];
    if (size == 0 || size >= sizeof lower) return ERR_INVALID;
    if (text[0] >= '0' && text[0] <= '9') return parse_number(text, size, level);
    for (size_t i = 0; i < size; i++) {
        lower[i] = (char)ascii_lower((uint8_t)text[i]);
    }
    lower[size] = '\0';
    if (find_named(lower, size, level)) return 0;
    return parse_numbered(lower, size, level) || parse_offset(lower, size, level) ? 0 : ERR_INVALID;
}

/* ---- names of the user's own ---- */

int level_names_parse(const char *text, struct level_names *names) {
    names->count = 0;
    for (;;) { /* ends at the end of the text */
        const size_t size = strcspn(text, ","), name_size = strcspn(text, "=");
        if (name_size == 0 || name_size > LEVEL_NAME_BYTES_MAX || name_size >= size)
            return ERR_INVALID;
        if (names->count == LEVEL_NAMES_MAX) return ERR_INVALID;
        uint8_t level;
        if (level_parse(text + name_size + 1, size - name_size - 1, &level) < 0) return ERR_INVALID;
        for (size_t i = 0; i < name_size; i++)
            names->names[names->count].text[i] = (char)ascii_lower((uint8_t)text[i]);
        names->names[names->count].text[name_size] = '\0';
        names->names[names->count].size = (uint8_t)name_size;
        names->names[names->count++].level = level;
        if (text[size] == '\0') return 0;
        text += size + 1;
    }
}

/* ---- numbers ---- */

/* The level of numbers from `least` on. */
struct scale_step {
    int32_t least;
    uint8_t level;
};
#define STEPS_MAX 9

static const struct scale_step scale_steps[LEVEL_SCALES][STEPS_MAX] = {
    [LEVEL_SCALE_PINO] = {{60, LEVEL_FATAL},
                          {50, LEVEL_ERROR},
                          {40, LEVEL_WARN},
                          {30, LEVEL_INFO},
                          {20, LEVEL_DEBUG},
                          {1, LEVEL_TRACE}},
    [LEVEL_SCALE_PYTHON] = {{50, LEVEL_FATAL},
                            {40, LEVEL_ERROR},
                            {30, LEVEL_WARN},
                            {20, LEVEL_INFO},
                            {10, LEVEL_DEBUG},
                            {1, LEVEL_TRACE}},
    [LEVEL_SCALE_LOGBACK] = {{50000, LEVEL_FATAL},
                             {40000, LEVEL_ERROR},
                             {30000, LEVEL_WARN},
                             {20000, LEVEL_INFO},
                             {10000, LEVEL_DEBUG},
                             {1, LEVEL_TRACE}},
    [LEVEL_SCALE_MONOLOG] = {{600, LEVEL_FATAL},
                             {550, LEVEL_ALERT},
                             {500, LEVEL_CRITICAL},
                             {400, LEVEL_ERROR},
                             {300, LEVEL_WARN},
                             {250, LEVEL_NOTICE},
                             {200, LEVEL_INFO},
                             {100, LEVEL_DEBUG}},
};

static enum level_scale usual_scale(int64_t number) {
    if (number < 8) return LEVEL_SCALE_SYSLOG;
    if (number >= 1000) return LEVEL_SCALE_LOGBACK;
    if (number >= 100) return LEVEL_SCALE_MONOLOG;
    return number > 24 || number == 10 || number == 20 ? LEVEL_SCALE_PINO
                                                       : LEVEL_SCALE_OPENTELEMETRY;
}

int level_of_number(int64_t number, enum level_scale scale, uint8_t *level) {
    static const uint8_t syslog[] = {LEVEL_FATAL, LEVEL_ALERT,  LEVEL_CRITICAL, LEVEL_ERROR,
                                     LEVEL_WARN,  LEVEL_NOTICE, LEVEL_INFO,     LEVEL_DEBUG};
    if (scale == LEVEL_SCALE_USUAL) scale = usual_scale(number);
    if (scale == LEVEL_SCALE_SYSLOG) {
        if (number < 0 || number > 7) return ERR_INVALID;
        *level = syslog[number];
        return 0;
    }
    if (scale == LEVEL_SCALE_OPENTELEMETRY) {
        if (number < 1 || number > LEVEL_MAX) return ERR_INVALID;
        *level = (uint8_t)number;
        return 0;
    }
    for (const struct scale_step *step = scale_steps[scale]; step->level != LEVEL_NONE; step++) {
        if (number < step->least) continue;
        *level = step->level;
        return 0;
    }
    return ERR_INVALID;
}

/* ---- names ---- */

uint8_t level_plain(uint8_t level) {
    assert(level <= LEVEL_MAX);
    return level == LEVEL_NONE ? LEVEL_NONE : (uint8_t)((level - 1) / 4 * 4 + 1);
}

const char *level_name(uint8_t level) {
    assert(level <= LEVEL_MAX);
    return level == LEVEL_NONE ? "none" : plain_names[(level - 1) / 4];
}

const char *level_scale_name(enum level_scale scale) {
    assert(scale < LEVEL_SCALES);
    return scale_names[scale];
}

int level_scale_parse(const char *name, enum level_scale *scale) {
    for (int i = 0; i < LEVEL_SCALES; i++) {
        if (strcmp(name, scale_names[i]) != 0) continue;
        *scale = (enum level_scale)i;
        return 0;
    }
    return ERR_INVALID;
}
