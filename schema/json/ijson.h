/* ijson.h - I-JSON (RFC 7493): rejects valid JSON that parsers are known to read differently.
 * Optional; runs after json.h has accepted the line.
 *
 * JSON_DUPLICATE_NAME: two names of one object are equal after decoding.
 * JSON_SURROGATE, JSON_NONCHARACTER: such a code point in a string or name, escaped or not (a pair
 * of escaped surrogates is one code point).
 * JSON_NUMBER_RANGE: a number below -(2^53-1) or above 2^53-1, however it is written.  The exact
 * value counts: 9007199254740991.5 is out of range, 1e-400 is not.
 *
 * Names go into a hash table on the stack, sized by the line; nothing is allocated.  A line with
 * more than IJSON_NAMES_MAX names, or with names chosen to collide in that table, is rejected as
 * JSON_TOO_MANY_NAMES.  Pure: any thread, 100 KiB of its stack. */
#ifndef SCHEMA_JSON_IJSON_H
#define SCHEMA_JSON_IJSON_H

#include "schema/json/json.h"

#define IJSON_NAMES_MAX 4096

/* `line` is a result of json_check_line with reason JSON_OK.  If it is not I-JSON, sets reason and
 * bad, nothing else: bad is the opening quote of the duplicate name, or the first byte of the
 * number, escape or code point. */
void ijson_check_line(struct json_line *line);

#endif
