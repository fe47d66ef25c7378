/* inner.h - a record that another program has stored as text in a string: `log` of Docker's
 * json-file, which holds the line that the container has written.
 *
 * The text is such a record if it is one JSON object, with white space around it, also newlines.
 * Pure: any thread. */
#ifndef SCHEMA_RECORD_INNER_H
#define SCHEMA_RECORD_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/json/json.h"

/* The member that may hold an inner record. */
#define INNER_NAME "log"

/* The size of the buffer that inner_read needs for the value that begins at `value`, in a record
 * that ends at `end`.  0: the value is no string that begins as an object does. */
size_t inner_room(const uint8_t *value, const uint8_t *end);

/* Decodes and validates the text of such a value.  *inner is the object, in `room`; names that are
 * not NULL are found in it.  False: the text is not one object. */
bool inner_read(const uint8_t *value, const uint8_t *end, const struct json_names *names,
                uint8_t *room, struct json_line *inner, struct json_found *found);

#endif
