/* time.c - parses times as senders write them: RFC 3339 and similar forms, and Unix time in the
 * unit that its magnitude indicates.  No floating point: fractions are exact. */
#include <stdbool.h>

#include "port/error.h"
#include "schema/record/facts.h"
#include "schema/record/timestamp.h"

#define SECOND_NS 1000000000

/* The rest of the text. */
struct rest {
    const char *p, *end;
};

static bool take(struct rest *rest, char byte) {
    if (rest->p == rest->end || *rest->p != byte) return false;
    rest->p++;
    return true;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Two digits at p; two bytes must be readable. */
static bool two_digits(const char *p, int32_t *value) {
    if (!is_digit(p[0]) || !is_digit(p[1])) return false;
    *value = (p[0] - '0') * 10 + (p[1] - '0');
    return true;
}

static bool take_two_digits(struct rest *rest, int32_t *value) {
    if (rest->end - rest->p < 2 || !two_digits(rest->p, value)) return false;
    rest->p += 2;
    return true;
}

/* Digits after a point or comma, truncated after the ninth. */
static bool take_fraction(struct rest *rest, int32_t *nanosecond) {
    const char *begin = rest->p;
    int32_t scale = SECOND_NS, sum = 0;
    for (; rest->p < rest->end && is_digit(*rest->p); rest->p++) {
        if (scale == 1) continue;
        sum = sum * 10 + (*rest->p - '0');
        scale /= 10;
    }
    *nanosecond = sum * scale;
    return rest->p > begin;
}

/* Z, UTC, GMT, +01, +0100, +01:00, with or without a space before it. */
static bool take_zone(struct rest *rest, int32_t *offset_s) {
    *offset_s = 0;
    take(rest, ' ');
    if (take(rest, 'Z') || take(rest, 'z')) return true;
    if (take(rest, 'U')) return take(rest, 'T') && take(rest, 'C');
    if (take(rest, 'G')) return take(rest, 'M') && take(rest, 'T');
    const bool west = take(rest, '-');
    if (!west && !take(rest, '+')) return false;
    int32_t hours, minutes = 0;
    if (!take_two_digits(rest, &hours)) return false;
    const bool more = take(rest, ':') || rest->p < rest->end;
    if (more && !take_two_digits(rest, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

/* "2026-11-24T07:30" (size is at least 16) and what may follow it. */
static int parse_date(const char *text, size_t size, const struct facts_zone *zone, int64_t *ns) {
    const char gap = text[4], between = text[10];
    int32_t century, year, month, day, hour, minute, second = 0, nanosecond = 0, offset_s = 0;
    if ((gap != '-' && gap != '/') || text[7] != gap || text[13] != ':') return ERR_INVALID;
    if (between != 'T' && between != ' ' && between != 't' && between != '_') return ERR_INVALID;
    if (!two_digits(text, &century) || !two_digits(text + 2, &year) ||
        !two_digits(text + 5, &month) || !two_digits(text + 8, &day) ||
        !two_digits(text + 11, &hour) || !two_digits(text + 14, &minute))
        return ERR_INVALID;
    struct rest rest = {text + 16, text + size};
    if (take(&rest, ':')) {
        if (!take_two_digits(&rest, &second)) return ERR_INVALID;
        if ((take(&rest, '.') || take(&rest, ',')) && !take_fraction(&rest, &nanosecond))
            return ERR_INVALID;
    }
    const bool local = rest.p == rest.end;
    if (!local && (!take_zone(&rest, &offset_s) || rest.p != rest.end)) return ERR_INVALID;
    int64_t day_s;
    /* A leap second (60) is the next minute's first. */
    if (hour > 23 || minute > 59 || second > 60) return ERR_INVALID;
    if (timestamp_of_day(century * 100 + year, month, day, &day_s)) return ERR_INVALID;
    int64_t seconds = day_s + hour * 3600 + minute * 60 + second - offset_s;
    if (local && zone->moment_s != NULL) seconds = zone->moment_s(zone->zone, seconds);
    if (seconds > INT64_MAX / SECOND_NS - 1 || seconds < INT64_MIN / SECOND_NS + 1)
        return ERR_INVALID;
    *ns = seconds * SECOND_NS + nanosecond;
    return 0;
}

/* ---- numbers ---- */

/* mantissa * 10^exponent; digits: the significant digits of the mantissa. */
struct decimal {
    uint64_t mantissa;
    int32_t exponent, digits;
    bool negative;
};

#define DIGITS_MAX   19 /* fit into 64 bits */
#define EXPONENT_MAX 40

static bool take_digits(struct rest *rest, bool fraction, struct decimal *decimal) {
    const char *begin = rest->p;
    for (; rest->p < rest->end && is_digit(*rest->p); rest->p++) {
        if (decimal->digits == DIGITS_MAX) { /* below a nanosecond, or far too large */
            decimal->exponent += !fraction;
            continue;
        }
        decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*rest->p - '0');
        decimal->digits += decimal->mantissa != 0;
        decimal->exponent -= fraction;
    }
    return rest->p > begin;
}

static bool take_exponent(struct rest *rest, struct decimal *decimal) {
    const bool negative = take(rest, '-');
    if (!negative) take(rest, '+');
    const char *begin = rest->p;
    int32_t exponent = 0;
    for (; rest->p < rest->end && is_digit(*rest->p); rest->p++) {
        if (exponent > EXPONENT_MAX) return false;
        exponent = exponent * 10 + (*rest->p - '0');
    }
    decimal->exponent += negative ? -exponent : exponent;
    return rest->p > begin;
}

static bool scale(uint64_t *value, int32_t exponent) {
    for (; exponent > 0; exponent--) {
        if (*value > INT64_MAX / 10) return false;
        *value *= 10;
    }
    for (; exponent < 0 && *value != 0; exponent++) {
        *value /= 10;
    }
    return true;
}

static int parse_number(const char *text, size_t size, int64_t *ns) {
    struct rest rest = {text, text + size};
    struct decimal decimal = {.negative = take(&rest, '-')};
    if (!take_digits(&rest, false, &decimal)) return ERR_INVALID;
    if (take(&rest, '.') && !take_digits(&rest, true, &decimal)) return ERR_INVALID;
    if ((take(&rest, 'e') || take(&rest, 'E')) && !take_exponent(&rest, &decimal))
        return ERR_INVALID;
    if (rest.p != rest.end) return ERR_INVALID;
    /* The number of digits before the point determines the unit. */
    const int32_t whole_digits = decimal.digits + decimal.exponent;
    const int32_t unit = whole_digits <= 11   ? 9
                         : whole_digits <= 14 ? 6
                         : whole_digits <= 17 ? 3
                                              : 0;
    uint64_t value = decimal.mantissa;
    if (!scale(&value, unit + decimal.exponent) || value > INT64_MAX) return ERR_INVALID;
    *ns = decimal.negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

int time_parse_in(const char *text, size_t size, const struct facts_zone *zone, int64_t *ns) {
    const bool date = size >= 16 && !is_digit(text[4]) && text[4] != '.';
    return date ? parse_date(text, size, zone, ns) : parse_number(text, size, ns);
}

int time_parse(const char *text, size_t size, int64_t *ns) {
    static const struct facts_zone utc = {NULL, NULL};
    return time_parse_in(text, size, &utc, ns);
}
