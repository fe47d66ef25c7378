/* exponents.h - numbers that are written with an exponent (5e2), and the digits before the point
 * that a number has without one.  So an index, and a search for 500, can know every spelling of a
 * number by these digits: 500, 500.0, 5e2, 50000e-2.  Pure: any thread. */
#ifndef SCHEMA_JSON_EXPONENTS_H
#define SCHEMA_JSON_EXPONENTS_H

#include <stddef.h>
#include <stdint.h>

/* The next number with an exponent at or after p, or what looks like one in a string: it begins at
 * *begin.  Returns its end; NULL: there is none.  [p, end) are whole lines, or what follows the
 * last result. */
const uint8_t *exponents_next(const uint8_t *p, const uint8_t *end, const uint8_t **begin);
/* The same without vector instructions, for other CPUs and for tests. */
const uint8_t *exponents_next_plain(const uint8_t *p, const uint8_t *end, const uint8_t **begin);

#define INTEGER_BYTES_MAX 40
/* Writes the digits before the point of a JSON number, with its minus sign, as they are without an
 * exponent and leading zeros.  Returns how many bytes; 0: more than INTEGER_BYTES_MAX. */
size_t integer_part(const uint8_t *number, size_t size, char text[INTEGER_BYTES_MAX]);

#endif
