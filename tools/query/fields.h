/* fields.h - the fields of a record, read where it lies: no tree, no allocation,
 * numbers and duplicate names as they were sent.  (A tree would turn long integers
 * into doubles and cut strings at \u0000.)  Pure: any thread. */
#ifndef TOOLS_QUERY_FIELDS_H
#define TOOLS_QUERY_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind {
    VALUE_OBJECT,
    VALUE_ARRAY,
    VALUE_STRING,
    VALUE_NUMBER,
    VALUE_TRUE,
    VALUE_FALSE,
    VALUE_NULL,
};

/* A value's text, its quotes or brackets included. */
struct value {
    enum value_kind kind;
    const uint8_t *begin, *end;
};

struct member {
    const uint8_t *name, *name_end; /* between the quotes, escapes as they are; NULL in an array */
    struct value value;
};

struct members {
    const uint8_t *next, *end;
    bool named;
};

/* All of this expects text that json_check_line (schema/json/json.h) found good, without
 * white space around it; of other text something comes out, and nothing outside of it is
 * looked at. */
struct value value_of(const uint8_t *begin, const uint8_t *end);
/* An object's members or an array's elements, in order. */
struct members members_of(const struct value *value);
bool members_next(struct members *members, struct member *member);

/* The value at a dotted path: of names, and in arrays of numbers from 0.  A name may itself
 * hold dots; one that is the whole rest of the path goes before those that are its beginning.
 * Of two of the same name the last counts, as in most programs. */
bool value_find(const struct value *root, const char *path, size_t size, struct value *found);
bool name_equals(const struct member *member, const char *name, size_t size);

/* The next piece of a string's inside (value.begin + 1 to value.end - 1, or a name): moves *p
 * behind it, and returns the bytes that it means, at most 4, in `bytes`.  A lone
 * surrogate is U+FFFD.  *p < end. */
size_t string_decode(const uint8_t **p, const uint8_t *end, uint8_t *bytes);

#endif
