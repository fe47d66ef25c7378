/* number.h - numbers as JSON writes them, compared and divided by their exact decimal value.
 *
 * Works on the texts themselves, which must be numbers that json.h accepts; nothing is
 * rounded.  One limit: an exponent beyond +-10^18 counts as that, so two numbers
 * with such exponents may be called equal.  Work is linear in the digits, whatever the
 * exponents; for multiples see number_divides.  Pure, no allocation: any thread. */
#ifndef SCHEMA_JSON_NUMBER_H
#define SCHEMA_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Up to so many significant digits a divisor may have; whoever compiles a schema
 * refuses a longer one (number_is_divisor). */
#define NUMBER_DIVISOR_DIGITS_MAX 1000

/* A number that has been read once: a schema's constants are, and an instance before it is
 * held against several.  Borrows the text.  Its value is 0.DDD... * 10^point. */
struct number {
    const char *first;    /* its first digit that is not 0; a '.' may stand between the digits */
    size_t digits;        /* 0: it is zero, and neither first nor point is set */
    int64_t point;        /* where the decimal point stands, counted from the first digit */
    uint64_t coefficient; /* the digits as a number, if they are at most NUMBER_SHORT_DIGITS */
    bool negative;
    bool plain; /* an integer written as such, of at most NUMBER_SHORT_DIGITS digits */
};

#define NUMBER_SHORT_DIGITS 18

void number_read(const char *text, size_t size, struct number *number);

/* Less than, equal to, or greater than 0, as a is to b. */
int number_order(const struct number *a, const struct number *b);
/* 1.0, 1e2 and 10e-1 are. */
bool number_whole(const struct number *number);
/* Above zero, and of no more than NUMBER_DIVISOR_DIGITS_MAX significant digits. */
bool number_is_divisor(const struct number *number);
/* Is number a multiple of divisor (number_is_divisor)?  Costs at most (digits of number + 4 *
 * digits of divisor) * digits of divisor / 81 steps; with a short divisor, as all sane
 * ones are, the digits of both. */
bool number_divides(const struct number *number, const struct number *divisor);
/* Equal numbers have equal hashes, however they are written. */
uint64_t number_hash(const struct number *number);

/* The same for texts that are looked at once. */
int number_compare(const char *a, size_t a_size, const char *b, size_t b_size);
bool number_is_integer(const char *text, size_t size);
bool number_is_multiple(const char *text, size_t size, const char *divisor, size_t divisor_size);

#endif
