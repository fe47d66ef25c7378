/* equal.h - equality of JSON values as JSON Schema defines it (const, enum, uniqueItems).
 *
 * Compares numbers by value, strings after decoding, arrays in order and objects in any order;
 * false is not equal to 0.  Duplicate names in an object are compared one by one.  Each text is one
 * value that json.h accepts (so at most JSON_DEPTH_MAX levels), with or without white space around
 * it.  Pure, no allocation: any thread. */
#ifndef SCHEMA_JSON_EQUAL_H
#define SCHEMA_JSON_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limit on the bytes read while searching for names in objects whose names are in different
 * orders, which is quadratic: about 10 ms.  Above it, values with equal hashes count as equal. */
#define EQUAL_BYTES_MAX (8u << 20)

bool json_equal(const char *a, size_t a_size, const char *b, size_t b_size);
/* Values that are equal by json_equal have equal hashes.  Not keyed: a sender can construct
 * collisions, so a table of these hashes needs a limit of its own. */
uint64_t json_hash(const char *text, size_t size);

#endif
