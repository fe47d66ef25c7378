/* ijson.c - see ijson.h.  One pass over the tokens of a line that is known to be valid JSON; each
 * name is stored with the object that it belongs to. */
#include "schema/json/ijson.h"

#include <string.h>

#include "schema/json/hash.h"
#include "schema/json/scan.h"
#include "schema/json/text.h"

/* At most half full: a name's slot is found in a few steps unless the names were chosen to
 * collide. */
#define SLOTS_MAX (2 * IJSON_NAMES_MAX)
#define STEPS_MAX 64

/* object and name are offsets into the line plus 1, so that a slot of zeros is empty. */
struct slot {
    uint32_t hash, object, name;
};

struct name_table {
    const char *text;
    bool plain; /* no string needs a check */
    uint32_t count, slots_mask;
    struct slot slots[SLOTS_MAX];
};

static enum json_reason check_tokens(struct name_table *names, const char *end, const char **bad);
static enum json_reason add_name(struct name_table *names, uint32_t object, const char *name,
                                 size_t size);
static enum json_reason check_string(const char *p, const char *end, const char **bad);
static bool is_plain(const uint8_t *p, const uint8_t *end);
static bool in_range(const char *p);
static bool is_digit(char byte);

void ijson_check_line(struct json_line *line) {
    struct name_table names;
    const char *bad = NULL;
    names.text = (const char *)line->begin;
    names.plain = is_plain(line->begin, line->end);
    names.count = 0;
    /* A member takes at least five bytes: "":0, */
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

static enum json_reason check_tokens(struct name_table *names, const char *end, const char **bad) {
    uint32_t objects[JSON_DEPTH_MAX + 1]; /* 0: an array */
    uint32_t depth = 0;
    bool name_is_next = false;
    enum json_reason reason = JSON_OK;
    objects[0] = 0;
    for (const char *p = names->text; p < end;) { /* each round advances by a byte or more */
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

/* Triangular probing, which visits every slot. */
static enum json_reason add_name(struct name_table *names, uint32_t object, const char *name,
                                 size_t size) {
    const uint64_t hash = hash_step(text_hash(name, size), object);
    struct slot *slot = &names->slots[hash & names->slots_mask];
    const uint32_t check = (uint32_t)(hash >> 32);
    if (++names->count > IJSON_NAMES_MAX) return JSON_TOO_MANY_NAMES;
    for (uint32_t step = 1; slot->name != 0; step++) { /* at most STEPS_MAX */
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

/* Only an escape, or a byte of EF or above, can begin such a code point.  No branch, so that
 * compilers vectorize it. */
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
#define NUMBER_MAX   UINT64_C(9007199254740991) /* DIGITS_MAX digits */
#define EXPONENT_MAX 1000000000

/* value * 10^(magnitude - digits); `more`: plus less than one unit of the last digit. */
struct leading_digits {
    uint64_t value;
    uint32_t digits;
    int64_t magnitude; /* digits before the decimal point */
    bool more;
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static const char *take_digits(const char *p, bool fraction, struct leading_digits *number) {
    for (; is_digit(*p); p++) {
        const bool leading = number->digits == 0 && *p == '0';
        if (fraction ? leading : !leading) number->magnitude += fraction ? -1 : 1;
        if (leading) continue;
        if (number->digits == DIGITS_MAX) {
            number->more |= *p != '0';
            continue;
        }
        number->value = number->value * 10 + (uint64_t)(*p - '0');
        number->digits++;
    }
    return p;
}

/* Stops counting above EXPONENT_MAX: no line is long enough to make up for it with zeros. */
static int64_t exponent_of(const char *p) {
    const bool negative = *p == '-';
    int64_t exponent = 0;
    if (*p == '-' || *p == '+') p++;
    for (; is_digit(*p); p++)
        if (exponent < EXPONENT_MAX * INT64_C(10)) exponent = exponent * 10 + (*p - '0');
    return negative ? -exponent : exponent;
}

static bool in_range(const char *p) {
    struct leading_digits number = {.value = 0};
    if (*p == '-') p++;
    p = take_digits(p, false, &number);
    if (*p == '.') p = take_digits(p + 1, true, &number);
    if (number.digits == 0) return true;
    if (*p == 'e' || *p == 'E') number.magnitude += exponent_of(p + 1);
    if (number.magnitude != DIGITS_MAX) return number.magnitude < DIGITS_MAX;
    for (; number.digits < DIGITS_MAX; number.digits++)
        number.value *= 10;
    return number.value < NUMBER_MAX || (number.value == NUMBER_MAX && !number.more);
}
