/* number.h - compares and divides JSON numbers by their exact decimal value.
 *
 * Works on the text, which must be a number that json.h accepts; nothing is rounded.  One limit: an
 * exponent beyond +-10^18 counts as +-10^18, so two numbers with such exponents may compare equal.
 * Time is linear in the digits, whatever the exponents; for multiples see number_divides.  Pure, no
 * allocation: any thread. */
#ifndef SCHEMA_JSON_NUMBER_H
#define SCHEMA_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limit on a divisor's significant digits; the schema compiler refuses a longer one
 * (number_is_divisor). */
#define NUMBER_DIVISOR_DIGITS_MAX 1000

/* A parsed number: a schema's constants, and an instance that is compared with several of them.
 * Borrows the text.  Its value is 0.DDD... * 10^point. */
struct number {
    const char *first; /* the first digit that is not 0; a '.' may be between the digits */
    size_t digits;     /* significant digits; 0: the number is zero, first and point are not set */
    int64_t point;     /* the decimal point's position, counted from the first digit */
    uint64_t coefficient; /* the digits as an integer, if there are at most NUMBER_SHORT_DIGITS */
    bool negative;
    bool plain; /* written as an integer of at most NUMBER_SHORT_DIGITS digits */
};

#define NUMBER_SHORT_DIGITS 18

void number_read(const char *text, size_t size, struct number *number);

/* Negative: a < b; 0: equal; positive: a > b. */
int number_order(const struct number *a, const struct number *b);
/* True for integers, also 1.0, 1e2 and 10e-1. */
bool number_whole(const struct number *number);
/* True if above zero, with at most NUMBER_DIVISOR_DIGITS_MAX significant digits. */
bool number_is_divisor(const struct number *number);
/* True if number is a multiple of divisor, for which number_is_divisor must hold.  Takes at most
 * (digits of number + 4 * digits of divisor) * digits of divisor / 81 steps; with a divisor of at
 * most NUMBER_SHORT_DIGITS, as usual, as many as both have digits. */
bool number_divides(const struct number *number, const struct number *divisor);
/* Numbers that are equal have equal hashes, however they are written. */
uint64_t number_hash(const struct number *number);

/* The same for texts that are used once. */
int number_compare(const char *a, size_t a_size, const char *b, size_t b_size);
bool number_is_integer(const char *text, size_t size);
bool number_is_multiple(const char *text, size_t size, const char *divisor, size_t divisor_size);

#endif
