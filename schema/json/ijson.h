/* ijson.h - I-JSON (RFC 7493): refuses what is legal JSON and yet is not the same to all who
 * read it.  For those who want that; json.h's judgement comes first.
 *
 * JSON_DUPLICATE_NAME: two names of one object that are the same once their escapes are read.
 * JSON_SURROGATE, JSON_NONCHARACTER: such a code point in a string or name, escaped or not (a
 * pair of escapes is one code point).
 * JSON_NUMBER_RANGE: a number below -(2^53-1) or above 2^53-1, however it is written; by its exact
 * value, so 9007199254740991.5 is one, and 1e-400 is none.
 *
 * Names are remembered in a table on the stack, sized by the line, so without allocation; a line with more than
 * IJSON_NAMES_MAX names, or with names that were chosen to meet in one place of that table, is
 * refused as JSON_TOO_MANY_NAMES.  Pure: any thread, 100 KiB of its stack. */
#ifndef SCHEMA_JSON_IJSON_H
#define SCHEMA_JSON_IJSON_H

#include "schema/json/json.h"

#define IJSON_NAMES_MAX 4096

/* line: as json_check_line gave it back, JSON_OK.  Changes reason and bad if it is not I-JSON,
 * nothing else: bad is the opening quote of a name that was there before, or the first byte of
 * the number, the escape or the code point. */
void ijson_check_line(struct json_line *line);

#endif
