/* equal.h - are two JSON values the same, as JSON Schema means it (const, enum, uniqueItems)?
 *
 * Numbers by value, strings after decoding, arrays in order, objects in any order; false is not
 * 0.  A name that stands twice in an object counts twice.  The texts are single values that
 * json.h accepts, so at most JSON_DEPTH_MAX deep; white space around them does no harm.
 * Pure, no allocation: any thread. */
#ifndef SCHEMA_JSON_EQUAL_H
#define SCHEMA_JSON_EQUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes may be read while names are looked for in objects that have them in another
 * order, which is quadratic: some 10 ms.  Beyond that equal hashes count as equal. */
#define EQUAL_BYTES_MAX (8u << 20)

bool json_equal(const char *a, size_t a_size, const char *b, size_t b_size);
/* Values that json_equal calls equal have equal hashes.  Not keyed: a sender can make
 * collisions, so what is built on it needs a limit of its own. */
uint64_t json_hash(const char *text, size_t size);

#endif
