/* ijson.c - goes once over a line that is known to be JSON, from token to token, and remembers
 * the names that it meets with the object that each belongs to. */
#include "schema/json/ijson.h"

#include <string.h>

#include "schema/json/hash.h"
#include "schema/json/scan.h"
#include "schema/json/text.h"

/* At most half full, so a name's place is found in a few steps, unless somebody chose the names. */
#define SLOTS_MAX (2 * IJSON_NAMES_MAX)
#define STEPS_MAX 64

/* Offsets into the line and one more, so that zeros are an empty slot. */
struct slot {
    uint32_t hash, object, name;
};

struct names {
    const char *text;
    bool plain; /* no string needs a look */
    uint32_t count, slots_mask;
    struct slot slots[SLOTS_MAX];
};

static enum json_reason check_tokens(struct names *names, const char *end, const char **bad);
static enum json_reason add_name(struct names *names, uint32_t object, const char *name,
                                 size_t size);
static enum json_reason check_string(const char *p, const char *end, const char **bad);
static bool is_plain(const uint8_t *p, const uint8_t *end);
static bool in_range(const char *p);
static bool is_digit(char byte);

void ijson_check_line(struct json_line *line) {
    struct names names;
    const char *bad = NULL;
    names.text = (const char *)line->begin;
    names.plain = is_plain(line->begin, line->end);
    names.count = 0;
    /* A member is five bytes at least: "":0, */
    const size_t count_max = (size_t)(line->end - line->begin) / 5 + 1;
    names.slots_mask = 15;
    while (names.slots_mask < 2 * count_max && names.slots_mask < SLOTS_MAX - 1)
        names.slots_mask = 2 * names.slots_mask + 1;
    memset(names.slots, 0, (names.slots_mask + 1) * sizeof names.slots[0]);
    const enum json_reason reason = check_tokens(&names, (const char *)line->end, &bad);
    if (reason == JSON_OK) return;
    line->reason = reason;
    line->bad = (const uint8_t *)bad;
}

static enum json_reason check_tokens(struct names *names, const char *end, const char **bad) {
    uint32_t objects[JSON_DEPTH_MAX + 1]; /* 0: an array */
    uint32_t depth = 0;
    bool name_is_next = false;
    enum json_reason reason = JSON_OK;
    objects[0] = 0;
    for (const char *p = names->text; p < end;) { /* each round goes on by a byte or more */
        *bad = p;
        switch (*p) {
        case '{':
            objects[++depth] = (uint32_t)(p++ - names->text) + 1;
            name_is_next = true;
            break;
        case '[':
            objects[++depth] = 0;
            name_is_next = false;
            p++;
            break;
        case '}':
        case ']':
            depth--;
            p++;
            break;
        case ',':
            name_is_next = objects[depth] != 0;
            p++;
            break;
        case '"': {
            bool escaped;
            const char *text = p + 1;
            p = scan_string(text, &escaped) + 1;
            if (!names->plain) reason = check_string(text, p - 1, bad);
            if (name_is_next && reason == JSON_OK)
                reason = add_name(names, objects[depth], text, (size_t)(p - 1 - text));
            name_is_next = false;
            break;
        }
        default:
            if (*p != '-' && !is_digit(*p)) {
                p++; /* white space, colons, literals */
                break;
            }
            if (!in_range(p)) reason = JSON_NUMBER_RANGE;
            p = scan_scalar(p);
        }
        if (reason != JSON_OK) return reason;
    }
    return JSON_OK;
}

/* Triangular steps, which meet every slot. */
static enum json_reason add_name(struct names *names, uint32_t object, const char *name,
                                 size_t size) {
    const uint64_t hash = hash_step(text_hash(name, size), object);
    struct slot *slot = &names->slots[hash & names->slots_mask];
    const uint32_t check = (uint32_t)(hash >> 32);
    if (++names->count > IJSON_NAMES_MAX) return JSON_TOO_MANY_NAMES;
    for (uint32_t step = 1; slot->name != 0; step++) { /* STEPS_MAX at most */
        const char *other = names->text + slot->name - 1;
        bool escaped;
        if (slot->hash == check && slot->object == object &&
            text_equal(other, (size_t)(scan_string(other, &escaped) - other), name, size))
            return JSON_DUPLICATE_NAME;
        if (step == STEPS_MAX) return JSON_TOO_MANY_NAMES;
        slot = &names->slots[((uint32_t)(slot - names->slots) + step) & names->slots_mask];
    }
    *slot =
        (struct slot){.hash = check, .object = object, .name = (uint32_t)(name - names->text) + 1};
    return JSON_OK;
}

static enum json_reason check_point(uint32_t point) {
    if (point >= 0xD800 && point <= 0xDFFF) return JSON_SURROGATE;
    if ((point & 0xFFFE) == 0xFFFE || (point >= 0xFDD0 && point <= 0xFDEF))
        return JSON_NONCHARACTER;
    return JSON_OK;
}

/* Only an escape, or a byte from EF on, can begin such a code point.  Without a branch, so that
 * compilers make vectors of it. */
static bool is_plain(const uint8_t *p, const uint8_t *end) {
    uint8_t odd = 0;
    for (; p < end; p++)
        odd |= (uint8_t)((*p == '\\') | (*p >= 0xEF));
    return odd == 0;
}

static enum json_reason check_string(const char *p, const char *end, const char **bad) {
    while (p < end) {
        const char *at = p;
        if (*p != '\\' && (uint8_t)*p < 0xEF) {
            p++;
            continue;
        }
        const enum json_reason reason = check_point(text_next_point(&p, end));
        if (reason != JSON_OK) {
            *bad = at;
            return reason;
        }
    }
    return JSON_OK;
}

/* ---- numbers ---- */

#define DIGITS_MAX   16
#define NUMBER_MAX   UINT64_C(9007199254740991) /* as many digits */
#define EXPONENT_MAX 1000000000

/* value * 10^(magnitude - digits), and something less than a unit of it where there is `more`. */
struct decimal {
    uint64_t value;
    uint32_t digits;
    int64_t magnitude; /* how many digits stand before the point */
    bool more;
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static const char *take_digits(const char *p, bool fraction, struct decimal *decimal) {
    for (; is_digit(*p); p++) {
        const bool leading = decimal->digits == 0 && *p == '0';
        if (fraction ? leading : !leading) decimal->magnitude += fraction ? -1 : 1;
        if (leading) continue;
        if (decimal->digits == DIGITS_MAX) {
            decimal->more |= *p != '0';
            continue;
        }
        decimal->value = decimal->value * 10 + (uint64_t)(*p - '0');
        decimal->digits++;
    }
    return p;
}

/* Beyond EXPONENT_MAX it does not matter how far: no line has as many zeros. */
static int64_t exponent_of(const char *p) {
    const bool negative = *p == '-';
    int64_t exponent = 0;
    if (*p == '-' || *p == '+') p++;
    for (; is_digit(*p); p++)
        if (exponent < EXPONENT_MAX * INT64_C(10)) exponent = exponent * 10 + (*p - '0');
    return negative ? -exponent : exponent;
}

static bool in_range(const char *p) {
    struct decimal decimal = {.value = 0};
    if (*p == '-') p++;
    p = take_digits(p, false, &decimal);
    if (*p == '.') p = take_digits(p + 1, true, &decimal);
    if (decimal.digits == 0) return true;
    if (*p == 'e' || *p == 'E') decimal.magnitude += exponent_of(p + 1);
    if (decimal.magnitude != DIGITS_MAX) return decimal.magnitude < DIGITS_MAX;
    for (; decimal.digits < DIGITS_MAX; decimal.digits++)
        decimal.value *= 10;
    return decimal.value < NUMBER_MAX || (decimal.value == NUMBER_MAX && !decimal.more);
}
